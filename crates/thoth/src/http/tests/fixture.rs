//! A server on real sockets over a real settings file, for the tests of this folder.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use changeover::{Blueprint, Engine, Tuning, Verdict};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::database::Database;
use crate::http::listeners::Listeners;
use crate::http::metrics::Metrics;
use crate::http::router::Routers;
use crate::http::server;
use crate::http::service::Surroundings;
use crate::http::state::{App, Owners, Papers};
use crate::http::token::Token;
use crate::instances::Roles;
use crate::instances::hold::{Hold, Turn};
use crate::instances::record::{self, Instance};
use crate::mcp::http::Sessions;
use crate::mcp::{Desk, ToolListeners};
use crate::paper::{Field, Metadata, Paper, Paragraph, Section, Source};
use crate::pdf::ledger;
use crate::pdf::monitor::{Limits, Monitor, MonitorInputs, Parts, Terms};
use crate::pdf::read::Unreadable;
use crate::rag::builder::Builder;
use crate::rag::index::{self, Index};
use crate::services::{self, Means, Services};
use crate::settings::{self, Environment, Settings, Vault};

/// Nothing here takes this long; a test that waits longer has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// The token of every server of the tests.
pub(super) const TOKEN: &str = "token-of-the-tests";

/// A running server.
pub(super) struct World {
    pub(super) app: Arc<App>,
    pub(super) file: PathBuf,
    pub(super) state: TempDir,
    pub(super) client: reqwest::Client,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    _hold: Hold,
}

impl World {
    /// Serves this content of a settings file.
    pub(super) async fn start(content: &str) -> Self {
        let state = tempfile::tempdir().unwrap();
        let vault = state.path().join("vault");
        std::fs::create_dir_all(vault.join("pdf")).unwrap();
        let vault = Vault::at(&vault).unwrap();
        let file = state.path().join("settings.json");
        std::fs::write(&file, content).unwrap();
        let database = Database::open(&state.path().join("thoth.db"), &[ledger::SCHEMA, index::SCHEMA]);
        let database = Arc::new(database.unwrap());
        let means = means(&database);
        let engine = engine(&file, &state.path().join("state"), &vault, Arc::clone(&means)).await;

        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        let monitor = monitor(&vault, database, &means, &tasks, shutdown.clone()).await;
        let builder = Builder::start(Arc::clone(&means.index), &tasks, shutdown.clone());
        builder.follow(engine.live().load().services.rag.wanted());
        let owners = Owners::default();
        let started = jiff::Timestamp::UNIX_EPOCH;
        let metrics = Metrics::new(started);
        let token = Token::given(TOKEN).unwrap();
        let hold = Turn::take(state.path()).unwrap().hold(state.path(), Roles::ALL).unwrap();
        let instance = Arc::new(Instance::new(state.path(), &hold, started).unwrap());
        let desk = Desk { engine: engine.clone(), monitor: monitor.clone() };
        let mcp = Sessions::new(desk, ToolListeners::default(), shutdown.clone());
        let papers = Papers { monitor, builder: Some(Arc::new(builder)) };
        let (roles, said) = (Roles::ALL, Arc::clone(&instance));
        let watched = (metrics.clone(), owners.clone());
        let app = App::new(roles, (engine.clone(), None), papers, said, token, watched, mcp);
        let app = Arc::new(app);
        tasks.spawn(server::serve(
            means.listeners.clone(),
            server::follower(&engine).unwrap(),
            Routers::new(&app),
            instance,
            owners,
            CancellationToken::new(),
            shutdown.clone(),
        ));
        tasks.spawn(metrics.follow(engine, started, shutdown.clone()));
        let client = client_keeping(8);
        let world = Self { app, file, state, client, shutdown, tasks, _hold: hold };
        world.wait_for(|world| world.address_told().is_some()).await;
        world
    }

    fn address_told(&self) -> Option<SocketAddr> {
        record::meant(record::look(self.state.path()).unwrap(), None, "").and_then(|record| record.address)
    }

    /// The address that the command line is told.
    pub(super) fn address(&self) -> SocketAddr {
        self.address_told().unwrap()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// Saves as editors do, and waits for the verdict.
    pub(super) async fn save(&self, content: &str) -> Arc<Verdict> {
        let mut verdicts = self.app.engine.verdicts();
        let aside = self.file.with_extension("new");
        std::fs::write(&aside, content).unwrap();
        std::fs::rename(&aside, &self.file).unwrap();
        tokio::time::timeout(PATIENCE, verdicts.recv()).await.expect("no verdict").unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        self.client.get(self.url(path)).send().await.unwrap().json().await.unwrap()
    }

    /// Waits until something holds.
    pub(super) async fn wait_for(&self, holds: impl Fn(&Self) -> bool) {
        let wait = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("it never held");
    }

    /// Ends the server in order.
    pub(super) async fn stop(self) -> TempDir {
        self.shutdown.cancel();
        self.tasks.close();
        tokio::time::timeout(PATIENCE, self.tasks.wait()).await.expect("the server does not end");
        self.app.engine.shutdown().await;
        self.app.instance.remove().unwrap();
        self.state
    }
}

/// Settings of a server on this port; `handover_ms` is for how long the old one is served.
pub(super) fn on_port(port: u16, handover_ms: u64) -> String {
    with(port, handover_ms, "127.0.0.1", "one")
}

/// The same with another host, or another model.
pub(super) fn with(port: u16, handover_ms: u64, host: &str, model: &str) -> String {
    // The key is one that the default provider does not get, so that nobody is asked outside this machine.
    let settings = json!({
        "paths": { "pdf": "pdf", "notes": "notes" },
        "apiKeys": { "customKey": "sk-never-to-be-seen" },
        "llm": { "default": { "model": model } },
        "servers": { "api": { "host": host, "port": port } },
        "reload": { "settleMs": 20, "handoverMs": handover_ms },
    });
    settings.to_string()
}

/// The model of settings with which nobody may hold older ones for long.
pub(super) const IMPATIENT: &str = "impatient";

/// Settings that are refused, with a place.
pub(super) const REFUSED: &str = "{\n  \"llm\": { \"default\": { \"temperature\": 7 } }\n}";

/// One request on a connection of its own; what the wire said, in lower case.
pub(super) fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.to_lowercase()
}

/// Whether anybody listens there.
pub(super) fn connects(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}

fn means(database: &Arc<Database>) -> Arc<Means> {
    Arc::new(Means {
        client: client_keeping(0),
        turns: crate::letta::Turns::default(),
        index: Arc::new(Index::new(Arc::clone(database))),
        listeners: Listeners::default(),
        surroundings: Surroundings::default(),
    })
}

async fn engine(
    file: &Path,
    state_dir: &Path,
    vault: &Vault,
    means: Arc<Means>,
) -> Engine<Settings, Services> {
    let (checked, fallback) = (vault.clone(), vault.clone());
    let blueprint = Blueprint {
        file: file.to_owned(),
        state_dir: state_dir.to_owned(),
        key_file: None,
        watch: true,
        check: Box::new(move |files, occasion| {
            settings::check(files.main(), occasion, &Environment::default(), &checked)
        }),
        prepare: Box::new(move |preparation| {
            let means = Arc::clone(&means);
            Box::pin(async move { services::prepare(&preparation, &means).await })
        }),
        tuning: |settings| {
            let tuning = Tuning { settle: Duration::from_millis(20), ..Tuning::default() };
            match settings.llm.default.model == IMPATIENT {
                true => Tuning { pin_max: Duration::from_millis(50), probation: Duration::ZERO, ..tuning },
                false => tuning,
            }
        },
        on_trial: Services::on_trial,
        meaning: crate::services::meaning,
        version: "1".to_owned(),
        fallback: Box::new(move || {
            let mut settings = Settings::default_for(&fallback);
            settings.servers.api.port = 0;
            settings
        }),
    };
    Engine::start(blueprint).await.unwrap()
}

/// An intake of the folder `pdf` of the vault, which reads what [`read`] makes of it.
async fn monitor(
    vault: &Vault,
    database: Arc<Database>,
    means: &Means,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Monitor {
    let inputs = MonitorInputs {
        pdf: vault.root().join("pdf"),
        notes: vault.root().join("notes"),
        recursive: true,
        document_max_bytes: 50 << 20,
        template: None,
    };
    let parts = Parts {
        vault: vault.root().to_owned(),
        database,
        index: Arc::clone(&means.index),
        read: Arc::new(read),
        load: {
            let terms = Terms { inputs: inputs.clone(), citations: crate::citations::sample("IEEE", "uri") };
            Arc::new(move || terms.clone())
        },
        limits: Limits::default(),
    };
    let monitor = Monitor::start(parts, tasks, stop).await.unwrap();
    monitor.follow(&inputs).await.unwrap();
    monitor
}

/// A «PDF» of these tests: a marker, then the title, then the text. Without a title it cannot be read.
fn read(bytes: Vec<u8>) -> Result<Paper, Unreadable> {
    let content = String::from_utf8(bytes).unwrap();
    let mut lines = content.lines().skip(1);
    let title = lines.next().filter(|title| !title.starts_with("%%")).ok_or(Unreadable::NoText)?;
    let title = Field { value: title.to_owned(), source: Source::Xmp };
    let text = lines.next().unwrap_or_default().to_owned();
    let paragraphs = vec![Paragraph { page: 1, text, continues: false, ..Paragraph::default() }];
    Ok(Paper {
        metadata: Metadata { title: Some(title), ..Metadata::default() },
        sections: vec![Section {
            title: "Introduction".to_owned(),
            level: 1,
            paragraphs,
            ..Section::default()
        }],
        references: Vec::new(),
        page_count: 1,
    })
}

/// A client without proxies and without TLS, which keeps so many idle connections.
pub(super) fn client_keeping(connections: usize) -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(PATIENCE);
    client.pool_max_idle_per_host(connections).build().unwrap()
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
