//! The application: everything wired together, from the first start to the orderly end.
//!
//! ```text
//!  lock ─► database, index, token, client ─► engine: first generation ─► intake, builder
//!       ─► followers: ports, pdf, index, log ─► serve … ─► shutdown: stop taking, finish, leave
//! ```

mod announce;
mod follow;
mod library;
mod lock;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use changeover::{Blueprint, Engine, Occasion, Problem, Tuning};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::citations::lookup::{self, Lookups, Pace};
use crate::cli::{LogFilter, Place};
use crate::database::Database;
use crate::http::listeners::Listeners;
use crate::http::metrics::Metrics;
use crate::http::server_file::ServerFile;
use crate::http::service::Surroundings;
use crate::http::state::{App, Troubles};
use crate::http::token::Token;
use crate::http::{router, server};
use crate::llm::Network;
use crate::pdf::monitor::{Limits, Monitor, MonitorInputs, Parts, Terms};
use crate::rag::builder::Builder;
use crate::rag::index::Index;
use crate::services::{self, Means, Services};
use crate::settings::{self, Settings};
use crate::{llm, pdf, rag};

pub use library::Library;
pub use lock::StateLock;

/// How long work in hand may take to end when the process is asked to.
const SHUTDOWN_MAX: Duration = Duration::from_secs(2);

/// Serves a vault until `shutdown` is cancelled.
///
/// # Errors
/// What keeps the first generation from being served.
pub async fn serve(
    place: &Place,
    listen: Option<SocketAddr>,
    log: LogFilter,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let started = jiff::Timestamp::now();
    let _lock = StateLock::take(&place.state_dir)?;
    let token = Token::load_or_create(&place.state_dir, place.variable("THOTH_API_TOKEN"))?;
    let database = open_database(&place.state_dir)?;
    let means = Arc::new(Means {
        client: client(place)?,
        index: Arc::new(Index::new(Arc::clone(&database))),
        listeners: Listeners::default(),
        surroundings: surroundings(place, listen)?,
    });
    let engine = Engine::start(blueprint(place, &means)).await?;
    // At once: a save that comes while the rest starts is `applied` only when these have followed.
    let (log_follower, index_follower) = (engine.follower("log")?, engine.follower("index")?);
    let citations_follower = engine.follower("look-ups")?;
    let (pdf_follower, ports_follower) = (engine.follower("pdf")?, engine.follower("ports")?);
    let (tasks, troubles) = (TaskTracker::new(), Troubles::default());
    let builder = Arc::new(Builder::start(Arc::clone(&means.index), &tasks, shutdown.clone()));
    let monitor = start_monitor(place, &engine, Arc::clone(&database), &means.index, &tasks, shutdown.clone()).await?;
    let lookups = start_lookups(&engine, (&monitor, database, &means), &troubles, &tasks, shutdown.clone());
    let metrics = Metrics::new(started);
    let app = Arc::new(App::new(
        engine.clone(),
        monitor.clone(),
        Arc::clone(&builder),
        token,
        metrics.clone(),
        troubles.clone(),
    ));

    announce::start(place, &engine);
    tasks.spawn(metrics.follow(engine.clone(), started, shutdown.clone()));
    tasks.spawn(announce::better_files(place.clone(), shutdown.clone()));
    tasks.spawn(announce::verdicts(engine.clone(), started, shutdown.clone()));
    tasks.spawn(follow::log(log_follower, log));
    tasks.spawn(follow::index(index_follower, engine.clone(), builder, shutdown.clone()));
    tasks.spawn(follow::folder(pdf_follower, monitor));
    tasks.spawn(follow::lookups(citations_follower, lookups));
    tasks.spawn(server::serve(
        means.listeners.clone(),
        ports_follower,
        router::router(app),
        ServerFile::new(&place.state_dir, started),
        troubles,
        shutdown.clone(),
    ));

    shutdown.cancelled().await;
    tracing::info!("stopping");
    if tokio::time::timeout(SHUTDOWN_MAX, engine.shutdown()).await.is_err() {
        tracing::warn!("the settings watch does not end: its file system does not answer");
    }
    tasks.close();
    if tokio::time::timeout(SHUTDOWN_MAX, tasks.wait()).await.is_err() {
        tracing::warn!("some work did not end within {SHUTDOWN_MAX:?}; the next start takes it up again");
    }
    Ok(())
}

fn blueprint(place: &Place, means: &Arc<Means>) -> Blueprint<Settings, Services> {
    let (environment, vault) = (place.environment.clone(), place.vault.clone());
    let fallback = {
        let (environment, vault) = (environment.clone(), vault.clone());
        move || match settings::check(b"{}", Occasion::Start, &environment, &vault) {
            Ok(accepted) => accepted.settings,
            // The environment alone asks for the impossible: it is left out too.
            Err(_) => Settings::default_for(&vault),
        }
    };
    let means = Arc::clone(means);
    Blueprint {
        file: place.settings_file.clone(),
        state_dir: place.state_dir.join("history"),
        watch: place.variable("THOTH_HOT_RELOAD") != Some("0"),
        check: Box::new(move |content, occasion| settings::check(content, occasion, &environment, &vault)),
        prepare: Box::new(move |preparation| {
            let means = Arc::clone(&means);
            Box::pin(async move { services::prepare(&preparation, &means).await })
        }),
        tuning,
        fallback: Box::new(fallback),
    }
}

/// The engine's part of the settings.
fn tuning(settings: &Settings) -> Tuning {
    let reload = &settings.reload;
    Tuning {
        settle: Duration::from_millis(reload.settle_ms),
        poll: Duration::from_millis(reload.poll_ms),
        open_max: Duration::from_millis(reload.open_max_ms),
        prepare_deadline: Duration::from_millis(reload.prepare_deadline_ms),
        history_max: reload.history_max,
    }
}

fn surroundings(place: &Place, listen: Option<SocketAddr>) -> anyhow::Result<Surroundings> {
    let port = |port: &str| {
        port.parse()
            .with_context(|| format!("the variable `THOTH_PUBLISHED_PORT` is `{port}`; it must be a port"))
    };
    Ok(Surroundings {
        container: place.variable("THOTH_DOCKER") == Some("1"),
        published_port: place.variable("THOTH_PUBLISHED_PORT").map(port).transpose()?,
        listen,
        hostname: place.variable("HOSTNAME").map(str::to_owned),
        ..Surroundings::default()
    })
}

fn client(place: &Place) -> anyhow::Result<reqwest::Client> {
    let network = Network::from_environment(|name| place.variable(name).map(str::to_owned));
    Ok(llm::client(&network)?)
}

fn open_database(state_dir: &Path) -> anyhow::Result<Arc<Database>> {
    let schema = [pdf::ledger::SCHEMA, rag::index::SCHEMA, lookup::SCHEMA];
    Ok(Arc::new(Database::open(&state_dir.join("thoth.db"), &schema)?))
}

/// What one piece of work is done by, out of the live generation.
fn terms(engine: &Engine<Settings, Services>) -> Arc<dyn Fn() -> Terms + Send + Sync> {
    let live = engine.live().clone();
    Arc::new(move || {
        let live = live.load();
        Terms { inputs: MonitorInputs::of(&live.settings), citations: live.services.citations.handle() }
    })
}

fn start_lookups(
    engine: &Engine<Settings, Services>,
    (monitor, database, means): (&Monitor, Arc<Database>, &Means),
    troubles: &Troubles,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Lookups {
    let troubles = troubles.clone();
    let parts = lookup::Parts {
        monitor: monitor.clone(),
        database,
        client: means.client.clone(),
        load: terms(engine),
        trouble: Box::new(move |trouble| troubles.say("citations", trouble)),
        pace: Pace::default(),
    };
    Lookups::start(parts, tasks, stop)
}

async fn start_monitor(
    place: &Place,
    engine: &Engine<Settings, Services>,
    database: Arc<Database>,
    index: &Arc<Index>,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> anyhow::Result<Monitor> {
    let parts = Parts {
        vault: place.vault.root().to_owned(),
        database,
        index: Arc::clone(index),
        read: Arc::new(pdf::read::read),
        load: terms(engine),
        limits: Limits::default(),
    };
    let started = Monitor::start(parts, tasks, stop).await;
    started.map_err(|error| anyhow::anyhow!(error)).context("starting the intake of PDFs")
}

/// The settings that the vault's file gives now, for a command that runs without a server.
///
/// # Errors
/// Everything that is wrong with the file.
pub fn settings_now(place: &Place) -> anyhow::Result<Settings> {
    let file = &place.settings_file;
    let content = match std::fs::read(file) {
        Ok(content) => content,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => b"{}".to_vec(),
        Err(error) => return Err(error).with_context(|| format!("`{}` cannot be read", file.display())),
    };
    let checked = settings::check(&content, Occasion::Start, &place.environment, &place.vault);
    checked.map(|accepted| accepted.settings).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(Problem::to_string).collect();
        anyhow::anyhow!("`{}` would be refused: {}", file.display(), problems.join("; "))
    })
}
