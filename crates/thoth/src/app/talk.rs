//! `thoth mcp` on a vault that nobody serves: a whole Thoth without ports, for the one client that started it.
//!
//! It has the vault to itself, under the lock of its state directory, and follows the settings file as the server does:
//! a save in the middle of the client's session is live for its next call.

use std::sync::Arc;

use changeover::Engine;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{
    SHUTDOWN_MAX, StateLock, announce, blueprint, client, follow, open_database, start_monitor, surroundings,
};
use crate::cli::{LogFilter, Place};
use crate::http::listeners::Listeners;
use crate::http::service::Surroundings;
use crate::mcp::{Desk, Session, ToolListeners, stdio};
use crate::rag::builder::Builder;
use crate::rag::index::Index;
use crate::services::Means;

/// Talks MCP on standard input and output until the client closes it, or `stop`.
///
/// # Errors
/// That another process has the vault; what keeps the first generation from being made; what is no session.
pub async fn talk(place: &Place, log: LogFilter, stop: CancellationToken) -> anyhow::Result<()> {
    let started = jiff::Timestamp::now();
    let _lock = StateLock::take(&place.state_dir)?;
    let database = open_database(&place.state_dir)?;
    let means = Arc::new(Means {
        client: client(place)?,
        index: Arc::new(Index::new(Arc::clone(&database))),
        listeners: Listeners::default(),
        surroundings: Surroundings { without_ports: true, ..surroundings(place, None)? },
    });
    let engine = Engine::start(blueprint(place, &means)).await?;
    let (log_follower, index_follower) = (engine.follower("log")?, engine.follower("index")?);
    let pdf_follower = engine.follower("pdf")?;
    let tasks = TaskTracker::new();
    let builder = Arc::new(Builder::start(Arc::clone(&means.index), &tasks, stop.clone()));
    let monitor = start_monitor(place, &engine, database, &means.index, &tasks, stop.clone()).await?;

    announce::start(place, &engine);
    tasks.spawn(announce::verdicts(engine.clone(), started, stop.clone()));
    tasks.spawn(announce::outcomes(engine.clone(), stop.clone()));
    tasks.spawn(follow::log(log_follower, log));
    tasks.spawn(follow::index(index_follower, engine.clone(), builder, stop.clone()));
    tasks.spawn(follow::folder(pdf_follower, monitor.clone()));
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
