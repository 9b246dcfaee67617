//! The application: everything wired together, from the first start to the orderly end.
//!
//! ```text
//!  roles ─► token, database, index, client ─► engine: first generation ─► papers: taken here, or by another process
//!        ─► followers: ports, log, pdf, index ─► serve … ─► shutdown: stop taking, finish, leave
//! ```

mod announce;
mod follow;
mod library;
mod neighbours;
mod papers;
mod schedules;
mod supervisor;
mod talk;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use changeover::schedule::TEMPORARY_FILE;
use changeover::{Accepted, Blueprint, Engine, Files, Occasion, Problem, Tuning};
use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::citations::lookup;
use crate::cli::{LogFilter, Place};
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
use crate::instances::record::Instance;
use crate::letta::{Turns, lookout};
use crate::llm::Network;
use crate::mcp::http::Sessions;
use crate::mcp::{Desk, ToolListeners};
use crate::rag::index::Index;
use crate::services::{self, Means, Services};
use crate::settings::{self, Layers, Settings};
use crate::{llm, pdf, rag};

pub use library::Library;
pub use supervisor::Supervisor;
pub use talk::talk;

/// How long work in hand may take to end when the process is asked to.
const SHUTDOWN_MAX: Duration = Duration::from_secs(2);

/// Serves a vault until `shutdown` is cancelled: all of it, or the part that these roles name. `hangup` is SIGHUP, which
/// asks for the settings to be read again.
///
/// # Errors
/// What keeps the first generation from being served.
pub async fn serve(
    place: &Place,
    roles: Roles,
    listen: Option<SocketAddr>,
    log: LogFilter,
    (supervisor, hangup): (Supervisor, Signal),
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let started = jiff::Timestamp::now();
    let surroundings = surroundings(place, roles, listen)?;
    let Ground { _hold, instance, token, database, means } = ground(place, surroundings, started)?;
    let swept = roles.api.then(|| schedules::before_start(&place.state_dir)).transpose()?;
    let engine = Engine::start(blueprint(place, roles, &means)).await?;
    // At once: a save that comes while the rest starts is `applied` only when these have followed.
    let letta_follower = lookout::follower(&engine)?;
    let (log_follower, ports_follower) = (follow::log_follower(&engine)?, server::follower(&engine)?);
    let (tasks, owners) = (TaskTracker::new(), Owners::default());
    let wiring =
        Wiring { place, roles, engine: &engine, owners: &owners, tasks: &tasks, shutdown: &shutdown };
    let papers = match roles.monitor {
        true => papers::take(&wiring, database, &means).await?,
        false => papers::leave_to_another(&wiring, database, &means.index)?,
    };
    let metrics = Metrics::new(started);
    let (said, watched) = (Arc::clone(&instance), (metrics.clone(), owners.clone()));
    let sessions = sessions(&wiring, &papers);
    let schedules = swept.map(|swept| schedules::begin(&wiring, swept)).transpose()?;
    let changing = (engine.clone(), schedules);
    let app = Arc::new(App::new(roles, changing, papers, said, token, watched, sessions));

    announce::begin(&wiring, &instance, started);
    neighbours::begin(&wiring, &app.neighbours);
    let serving = supervisor.begin(&wiring, hangup);
    tasks.spawn(metrics.follow(engine.clone(), started, shutdown.clone()));
    tasks.spawn(lookout::follow(letta_follower, shutdown.clone()));
    tasks.spawn(follow::log(log_follower, log, owners.clone()));
    tasks.spawn(server::serve(
        means.listeners.clone(),
        ports_follower,
        Routers::new(&app),
        Arc::clone(&instance),
        owners,
        serving,
        shutdown.clone(),
    ));

    shutdown.cancelled().await;
    tracing::info!("stopping");
    supervisor.stopping().await;
    end(&engine, &tasks).await;
    instance.remove().with_context(|| format!("removing `{}`", instance.path().display()))
}

/// What a process stands on before it has settings.
struct Ground {
    /// As long as the process lives.
    _hold: Hold,
    instance: Arc<Instance>,
    token: Token,
    database: Arc<Database>,
    means: Arc<Means>,
}

/// Takes hold of the roles, and makes what a first start makes.
fn ground(place: &Place, surroundings: Surroundings, started: jiff::Timestamp) -> anyhow::Result<Ground> {
    let turn = Turn::take(&place.state_dir)?;
    let hold = turn.hold(&place.state_dir, surroundings.roles)?;
    let instance = Arc::new(Instance::new(&place.state_dir, &hold, started)?);
    let token = Token::load_or_create(&place.state_dir, place.variable("THOTH_API_TOKEN"))?;
    let database = open_database(&place.state_dir)?;
    drop(turn);
    let means = Arc::new(Means {
        client: client(place)?,
        turns: Turns::default(),
        index: Arc::new(Index::new(Arc::clone(&database))),
        listeners: Listeners::default(),
        surroundings,
    });
    Ok(Ground { _hold: hold, instance, token, database, means })
}

/// The sessions of MCP, whose clients are told when what the tools can do has changed.
fn sessions(wiring: &Wiring<'_>, papers: &Papers) -> Sessions {
    let Wiring { engine, tasks, shutdown, .. } = *wiring;
    let listeners = ToolListeners::default();
    tasks.spawn(listeners.clone().follow(engine.clone(), shutdown.clone()));
    let desk = Desk { engine: engine.clone(), monitor: papers.monitor.clone() };
    Sessions::new(desk, listeners, shutdown.clone())
}

/// Ends the engine, and waits for the work in hand.
async fn end(engine: &Engine<Settings, Services>, tasks: &TaskTracker) {
    if tokio::time::timeout(SHUTDOWN_MAX, engine.shutdown()).await.is_err() {
        tracing::warn!("the settings watch does not end: its file system does not answer");
    }
    tasks.close();
    if tokio::time::timeout(SHUTDOWN_MAX, tasks.wait()).await.is_err() {
        tracing::warn!("some work did not end within {SHUTDOWN_MAX:?}; the next start takes it up again");
    }
}

/// What the parts of a process are wired to.
struct Wiring<'a> {
    place: &'a Place,
    roles: Roles,
    engine: &'a Engine<Settings, Services>,
    owners: &'a Owners,
    tasks: &'a TaskTracker,
    shutdown: &'a CancellationToken,
}

fn blueprint(place: &Place, roles: Roles, means: &Arc<Means>) -> Blueprint<Settings, Services> {
    let layers = layers(place);
    let fallback = {
        let (environment, vault) = (place.environment.clone(), place.vault.clone());
        move || match settings::check(b"{}", Occasion::Start, &environment, &vault) {
            Ok(accepted) => accepted.settings,
            // The environment alone asks for the impossible: it is left out too.
            Err(_) => Settings::default_for(&vault),
        }
    };
    let means = Arc::clone(means);
    Blueprint {
        file: place.settings_file.clone(),
        state_dir: history_dir(&place.state_dir, roles),
        // One for all instances, so that their hashes of one content are the same.
        key_file: Some(place.state_dir.join("history/hash-key")),
        watch: place.variable("THOTH_HOT_RELOAD") != Some("0"),
        check: Box::new(move |files, occasion| layers.check(files, occasion)),
        prepare: Box::new(move |preparation| {
            let means = Arc::clone(&means);
            Box::pin(async move { services::prepare(&preparation, &means).await })
        }),
        tuning,
        on_trial: Services::on_trial,
        meaning: services::meaning,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        fallback: Box::new(fallback),
    }
}

/// The files of the settings, with the temporary changes of this state directory.
fn layers(place: &Place) -> Layers {
    Layers { temporary: Some(schedules::folder(&place.state_dir).join(TEMPORARY_FILE)), ..place.layers() }
}

/// What a start would make of this content of the settings file, for a command that runs without a server.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check_at(place: &Place, content: &[u8]) -> Result<Accepted<Settings>, Vec<Problem>> {
    layers(place).check(&Files::around(content), Occasion::Start)
}

/// Why the ports of these settings could not be served now, where no server runs. They are bound, and let go. Must be called
/// within a runtime.
///
/// # Errors
/// An impossible variable.
pub fn ports_at(place: &Place, settings: &Settings) -> anyhow::Result<Vec<Problem>> {
    let surroundings = surroundings(place, Roles::ALL, None)?;
    Ok(services::ports(settings, &surroundings, &Listeners::default())
        .map_or_else(|problems| problems, |_| Vec::new()))
}

/// Where the engine keeps its history: one for each instance.
pub fn history_dir(state_dir: &Path, roles: Roles) -> PathBuf {
    state_dir.join(match roles {
        Roles::ALL => "history".to_owned(),
        roles => format!("history-{roles}"),
    })
}

/// For how long a request or a call may go on with settings that were replaced. As long as a call of MCP may take.
const PIN_MAX: Duration = Duration::from_secs(300);

/// The engine's part of the settings.
fn tuning(settings: &Settings) -> Tuning {
    let reload = &settings.reload;
    Tuning {
        settle: Duration::from_millis(reload.settle_ms),
        poll: Duration::from_millis(reload.poll_ms),
        open_max: Duration::from_millis(reload.open_max_ms),
        prepare_deadline: Duration::from_millis(reload.prepare_deadline_ms),
        probation: Duration::from_millis(reload.probation_ms),
        pin_max: PIN_MAX,
        history_max: reload.history_max,
        history_age: Duration::from_secs(reload.history_days.saturating_mul(24 * 60 * 60)),
    }
}

fn surroundings(place: &Place, roles: Roles, listen: Option<SocketAddr>) -> anyhow::Result<Surroundings> {
    let port = |port: &str| {
        port.parse()
            .with_context(|| format!("the variable `THOTH_PUBLISHED_PORT` is `{port}`; it must be a port"))
    };
    Ok(Surroundings {
        roles,
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

/// The settings that the vault's files give now, for a command that runs without a server.
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
    let checked = place.layers().check(&Files::around(&content), Occasion::Start);
    checked.map(|accepted| accepted.settings).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(Problem::to_string).collect();
        anyhow::anyhow!("`{}` would be refused: {}", file.display(), problems.join("; "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_of_the_reload_is_that_time_of_the_engine_s() {
        let folder = tempfile::tempdir().unwrap();
        let vault = settings::Vault::at(folder.path()).unwrap();
        let environment = settings::Environment::from_pairs([]).unwrap();
        let content =
            br#"{ "reload": { "settleMs": 101, "pollMs": 102, "openMaxMs": 103, "prepareDeadlineMs": 104,
            "probationMs": 105, "historyMax": 106, "historyDays": 107 } }"#;
        let checked = settings::check(content, Occasion::Running, &environment, &vault).unwrap();
        let expected = Tuning {
            settle: Duration::from_millis(101),
            poll: Duration::from_millis(102),
            open_max: Duration::from_millis(103),
            prepare_deadline: Duration::from_millis(104),
            probation: Duration::from_millis(105),
            pin_max: PIN_MAX,
            history_max: 106,
            history_age: Duration::from_hours(107 * 24),
        };
        assert_eq!(tuning(&checked.settings), expected);
    }
}
