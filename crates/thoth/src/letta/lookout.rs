//! The lookout: looks at the live generation's server from time to time, so that `/health` is right without a message,
//! and a server that comes back is noticed. It follows generations, holds none, and keeps nobody waiting.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use changeover::{Engine, Follower, Stopped};
use tokio_util::sync::CancellationToken;

use super::{Condition, Letta};
use crate::services::Services;
use crate::settings::Settings;

/// Between two looks at a server that answers.
const STEADY: Duration = Duration::from_secs(30);
/// Between the first two looks at one that does not; doubles.
const AGAIN_MIN: Duration = Duration::from_millis(500);
/// Between two looks at one that does not, at most.
const AGAIN_MAX: Duration = Duration::from_secs(8);

/// Follows the server that is live.
///
/// # Errors
/// The engine has stopped.
pub fn follower(engine: &Engine<Settings, Services>) -> Result<Follower<Settings, Services>, Stopped> {
    engine.follower("letta", |generation| (generation.safe_mode, generation.services.letta.identity()))
}

/// Looks at whatever server is live, until `shutdown`. Another server is looked at at once, and the look at the one
/// before is given up.
pub async fn follow(mut follower: Follower<Settings, Services>, shutdown: CancellationToken) {
    let mut watched: Option<Arc<Letta>> = None;
    let mut looking: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(std::future::pending());
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = &mut looking => looking = Box::pin(std::future::pending()),
            generation = follower.next() => {
                let Some(generation) = generation else { return };
                let live = generation.services.letta.handle();
                let is_new = watched.as_ref().is_none_or(|watched| !Arc::ptr_eq(watched, &live));
                if is_new && !generation.safe_mode {
                    looking = Box::pin(watch(Arc::clone(&live)));
                    watched = Some(live);
                }
                follower.followed(&generation, None);
            }
        }
    }
}

/// Looks for as long as it is asked to. Ends at once where there is no server to look at.
async fn watch(letta: Arc<Letta>) {
    if matches!(letta.condition(), Condition::Off(_)) {
        return;
    }
    let mut again = AGAIN_MIN;
    loop {
        if letta.look().await.is_ok() {
            again = AGAIN_MIN;
            // A message that went wrong need not wait for the next look.
            tokio::select! {
                () = tokio::time::sleep(STEADY) => {}
                () = letta.standing.doubt.notified() => tokio::time::sleep(again).await,
            }
        } else {
            tokio::time::sleep(again).await;
            again = again.saturating_mul(2).min(AGAIN_MAX);
        }
    }
}
