//! A server on real sockets over a real settings file, for the tests of this folder.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use changeover::{Accepted, Blueprint, Engine, Occasion, Preparation, Problem, Tuning, Verdict};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::listeners::Listeners;
use super::metrics::Metrics;
use super::router::router;
use super::server::serve;
use super::server_file::{ServerFile, ServerRecord};
use super::service::{self, HttpInputs, Surroundings};
use super::settings::{ApiServer, ServersSettings};
use super::state::{App, Troubles};
use super::token::Token;
use crate::database::Database;
use crate::paper::{Field, Metadata, Paper, Source};
use crate::pdf::ledger;
use crate::pdf::monitor::{Limits, Monitor, MonitorInputs, Parts};
use crate::pdf::read::Unreadable;
use crate::rag::index::{self, Index};
use crate::services::Services;
use crate::settings::{ApiKeys, Level, Logging, Paths, Reload, Secret, Settings};

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
}

impl World {
    /// Serves this content of a settings file.
    pub(super) async fn start(content: &str) -> Self {
        let state = tempfile::tempdir().unwrap();
        let file = state.path().join("settings.json");
        std::fs::write(&file, content).unwrap();
        let listeners = Listeners::default();
        let surroundings = Surroundings::default();
        let engine = Engine::start(Blueprint {
            file: file.clone(),
            state_dir: state.path().join("state"),
            watch: true,
            check: Box::new(check),
            prepare: {
                let listeners = listeners.clone();
                Box::new(move |candidate| {
                    Box::pin(prepare(candidate, listeners.clone(), surroundings.clone()))
                })
            },
            tuning: |_| Tuning {
                settle: Duration::from_millis(20),
                ..Tuning::default()
            },
            fallback: Box::new(|| settings(&json!({ "port": 0 }))),
        })
        .await
        .unwrap();
        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        let monitor = monitor(state.path(), &tasks, shutdown.clone()).await;
        let troubles = Troubles::default();
        let started = jiff::Timestamp::UNIX_EPOCH;
        let metrics = Metrics::new(started);
        let token = Token::given(TOKEN).unwrap();
        let app = Arc::new(App::new(
            engine.clone(),
            monitor,
            token,
            metrics.clone(),
            troubles.clone(),
        ));
        tasks.spawn(serve(
            listeners,
            engine.follower("ports").unwrap(),
            router(Arc::clone(&app)),
            ServerFile::new(state.path(), started),
            troubles,
            shutdown.clone(),
        ));
        tasks.spawn(metrics.follow(engine, started, shutdown.clone()));
        let world = Self {
            app,
            file,
            state,
            client: client_keeping(8),
            shutdown,
            tasks,
        };
        world.wait_for(|world| world.record().is_some()).await;
        world
    }

    pub(super) fn record(&self) -> Option<ServerRecord> {
        ServerRecord::read(self.state.path()).unwrap()
    }

    /// The address that the command line is told.
    pub(super) fn address(&self) -> SocketAddr {
        self.record().unwrap().address
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
        tokio::time::timeout(PATIENCE, verdicts.recv())
            .await
            .expect("no verdict")
            .unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        self.client
            .get(self.url(path))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
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
        tokio::time::timeout(PATIENCE, self.tasks.wait())
            .await
            .expect("the server does not end");
        self.app.engine.shutdown().await;
        self.state
    }
}

/// An intake of the folder `pdf` of a vault, which reads what [`read`] makes of it.
async fn monitor(state: &Path, tasks: &TaskTracker, stop: CancellationToken) -> Monitor {
    let vault = state.join("vault");
    std::fs::create_dir_all(&vault).unwrap();
    let database = Database::open(&state.join("thoth.db"), &[ledger::SCHEMA, index::SCHEMA]).unwrap();
    let database = Arc::new(database);
    let inputs = MonitorInputs {
        pdf: vault.join("pdf"),
        notes: vault.join("notes"),
        recursive: true,
    };
    let parts = Parts {
        vault,
        index: Arc::new(Index::new(Arc::clone(&database))),
        database,
        read: Arc::new(read),
        load_inputs: {
            let inputs = inputs.clone();
            Arc::new(move || inputs.clone())
        },
        limits: Limits::default(),
    };
    let monitor = Monitor::start(parts, tasks, stop).await.unwrap();
    monitor.follow(&inputs).await.unwrap();
    monitor
}

/// A «PDF» is its title; one without a title cannot be read.
fn read(bytes: Vec<u8>) -> Result<Paper, Unreadable> {
    let text = String::from_utf8(bytes).unwrap();
    let title = text.lines().nth(1).ok_or(Unreadable::NoText)?;
    Ok(Paper {
        metadata: Metadata {
            title: Some(Field {
                value: title.to_owned(),
                source: Source::Xmp,
            }),
            ..Metadata::default()
        },
        ..Paper::default()
    })
}

/// A client without proxies and without TLS, which keeps so many idle connections.
pub(super) fn client_keeping(connections: usize) -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .timeout(PATIENCE);
    client.pool_max_idle_per_host(connections).build().unwrap()
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// The settings of these tests: `{"host", "port", "model", "handoverMs", "allowedHosts"}`.
fn check(content: &[u8], _: Occasion) -> Result<Accepted<Settings>, Vec<Problem>> {
    let value = changeover::check::parse(content)
        .map_err(|refused| refused.problems)?
        .value();
    if value["refuse"] == json!(true) {
        return Err(vec![Problem::new("refuse", "was told to refuse").at(1, 2)]);
    }
    Ok(Accepted {
        settings: settings(&value),
        warnings: Vec::new(),
        secrets: Vec::new(),
    })
}

async fn prepare(
    candidate: Preparation<Settings, Services>,
    listeners: Listeners,
    surroundings: Surroundings,
) -> Result<Services, Vec<Problem>> {
    let live = candidate.live.as_deref().map(|live| &live.services);
    let inputs = HttpInputs::new(&candidate.settings.servers.api, &surroundings)?;
    let build = |inputs: &HttpInputs| std::future::ready(service::build(inputs, &listeners));
    let http = candidate
        .service("http", live.map(|live| &live.http), inputs, &[], build)
        .await?;
    Ok(Services { http })
}

fn settings(value: &Value) -> Settings {
    let text = |key: &str, default: &str| value[key].as_str().unwrap_or(default).to_owned();
    let names = value["allowedHosts"].as_array().cloned().unwrap_or_default();
    Settings {
        paths: Paths {
            pdf: "/vault/pdf".into(),
            notes: "/vault/notes".into(),
            workspace: "/vault/thoth".into(),
        },
        api_keys: ApiKeys {
            openrouter_key: Secret::new("sk-never-to-be-seen"),
            ..ApiKeys::default()
        },
        llm: crate::llm::settings::LlmSettings {
            default: crate::llm::settings::LlmDefault {
                model: text("model", "one"),
                temperature: 0.7,
                top_p: 1.0,
                max_output_tokens: 1_000,
                base_url: "http://127.0.0.1:1/v1".parse().unwrap(),
                timeout_ms: 1_000,
                retries_max: 0,
            },
        },
        rag: crate::rag::settings::RagSettings {
            chunk_size: 1_000,
            chunk_overlap: 200,
            qa: crate::rag::settings::Qa {
                retrieval_k: 4,
                model: None,
                temperature: 0.2,
                max_tokens: 2_000,
            },
        },
        servers: ServersSettings {
            api: ApiServer {
                host: text("host", "127.0.0.1"),
                port: value["port"].as_u64().unwrap_or(0) as u16,
                allowed_hosts: names
                    .iter()
                    .map(|name| name.as_str().unwrap().to_owned())
                    .collect(),
            },
        },
        logging: Logging { level: Level::Info },
        reload: Reload {
            settle_ms: 20,
            poll_ms: 500,
            open_max_ms: 5_000,
            prepare_deadline_ms: 10_000,
            handover_ms: value["handoverMs"].as_u64().unwrap_or(500),
            history_max: 1_000,
        },
    }
}
