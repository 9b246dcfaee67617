//! `thoth mcp` on a vault that nobody serves: a whole Thoth without ports, for the one client that started it.
//!
//! It has the vault to itself, since it holds every role of its state directory, and follows the settings file as the server does:
//! a save in the middle of the client's session is live for its next call.

use std::sync::Arc;

use changeover::Engine;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{SHUTDOWN_MAX, announce, blueprint, client, follow, open_database, papers, surroundings};
use crate::cli::{LogFilter, Place};
use crate::http::listeners::Listeners;
use crate::http::service::Surroundings;
use crate::instances::Roles;
use crate::instances::hold::Turn;
use crate::letta::{Turns, lookout};
use crate::mcp::{Desk, Session, ToolListeners, stdio};
use crate::rag::index::Index;
use crate::services::Means;

/// Talks MCP on standard input and output until the client closes it, or `stop`.
///
/// # Errors
/// That another process has the vault; what keeps the first generation from being made; what is no session.
pub async fn talk(place: &Place, log: LogFilter, stop: CancellationToken) -> anyhow::Result<()> {
    let started = jiff::Timestamp::now();
    let turn = Turn::take(&place.state_dir)?;
    let _hold = turn.hold(&place.state_dir, Roles::ALL)?;
    let database = open_database(&place.state_dir)?;
    drop(turn);
    let means = Arc::new(Means {
        client: client(place)?,
        turns: Turns::default(),
        index: Arc::new(Index::new(Arc::clone(&database))),
        listeners: Listeners::default(),
        surroundings: Surroundings { without_ports: true, ..surroundings(place, Roles::ALL, None)? },
    });
    let engine = Engine::start(blueprint(place, Roles::ALL, &means)).await?;
    let (log_follower, letta_follower) = (engine.follower("log")?, engine.follower("letta")?);
    let tasks = TaskTracker::new();
    let monitor = papers::take(place, &engine, database, &means.index, &tasks, &stop).await?.monitor;

    announce::start(place, &engine);
    tasks.spawn(announce::verdicts(engine.clone(), started, stop.clone()));
    tasks.spawn(announce::outcomes(engine.clone(), stop.clone()));
    tasks.spawn(follow::log(log_follower, log));
    tasks.spawn(lookout::follow(letta_follower, stop.clone()));
    let listeners = ToolListeners::default();
    tasks.spawn(listeners.clone().follow(engine.clone(), stop.clone()));

    let session = Session::new(Desk { engine: engine.clone(), monitor }, listeners);
    let talked = stdio::serve(session, stop.clone()).await;
    stop.cancel();
    if tokio::time::timeout(SHUTDOWN_MAX, engine.shutdown()).await.is_err() {
        tracing::warn!("the settings watch does not end: its file system does not answer");
    }
    tasks.close();
    if tokio::time::timeout(SHUTDOWN_MAX, tasks.wait()).await.is_err() {
        tracing::warn!("some work did not end within {SHUTDOWN_MAX:?}; the next start takes it up again");
    }
    talked
}
