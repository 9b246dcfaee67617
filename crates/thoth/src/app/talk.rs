//! `thoth mcp` on a vault that nobody serves: a whole Thoth without ports, for the one client that started it.
//!
//! It has the vault to itself, since it holds every role of its state directory, and follows the settings file as the
//! server does: a save in the middle of the client's session is live for its next call.

use anyhow::Context;
use changeover::Engine;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Ground, Wiring, announce, blueprint, end, follow, ground, papers, surroundings};
use crate::cli::{LogFilter, Place};
use crate::http::service::Surroundings;
use crate::http::state::Owners;
use crate::instances::Roles;
use crate::letta::lookout;
use crate::mcp::{Desk, Session, ToolListeners, stdio};

/// Talks MCP on standard input and output until the client closes it, or `stop`.
///
/// # Errors
/// That another process has the vault; what keeps the first generation from being made; what is no session.
pub async fn talk(place: &Place, log: LogFilter, stop: CancellationToken) -> anyhow::Result<()> {
    let started = jiff::Timestamp::now();
    let roles = Roles::ALL;
    let surroundings = Surroundings { without_ports: true, ..surroundings(place, roles, None)? };
    let Ground { _hold, instance, database, means, .. } = ground(place, surroundings, started)?;
    let engine = Engine::start(blueprint(place, roles, &means)).await?;
    let (log_follower, letta_follower) = (follow::log_follower(&engine)?, lookout::follower(&engine)?);
    let (tasks, owners) = (TaskTracker::new(), Owners::default());
    let wiring = Wiring { place, roles, engine: &engine, owners: &owners, tasks: &tasks, shutdown: &stop };
    let monitor = papers::take(&wiring, database, &means).await?.monitor;

    announce::begin(&wiring, &instance, started);
    tasks.spawn(follow::log(log_follower, log, owners.clone()));
    tasks.spawn(lookout::follow(letta_follower, stop.clone()));
    let listeners = ToolListeners::default();
    tasks.spawn(listeners.clone().follow(engine.clone(), stop.clone()));

    let session = Session::new(Desk { engine: engine.clone(), monitor }, listeners);
    let talked = stdio::serve(session, stop.clone()).await;
    stop.cancel();
    end(&engine, &tasks).await;
    instance.remove().with_context(|| format!("removing `{}`", instance.path().display()))?;
    talked
}
