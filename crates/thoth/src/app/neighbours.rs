//! What processes on one state directory see of each other.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Wiring;
use crate::instances::Roles;
use crate::instances::agreement::{Agreement, agreement};

/// How often the records are looked at: a few small files.
const LOOK: Duration = Duration::from_millis(500);

/// Where the others are told of: the last that was.
type Told = watch::Sender<Option<Arc<Agreement>>>;

/// Begins to look at the others. A process with all roles has none.
pub(super) fn begin(wiring: &Wiring<'_>, told: &Told) {
    if wiring.roles != Roles::ALL {
        let state_dir = wiring.place.state_dir.clone();
        wiring.tasks.spawn(watch(state_dir, told.clone(), wiring.shutdown.clone()));
    }
}

/// Tells whenever the instances begin to differ or agree again, when one comes and when one is gone. What is seen at
/// two looks in a row is told: a save reaches all of them within moments, not at the same one.
async fn watch(state_dir: PathBuf, told: Told, shutdown: CancellationToken) {
    let mut looks = tokio::time::interval(LOOK);
    let mut before: Option<Agreement> = None;
    while shutdown.run_until_cancelled(looks.tick()).await.is_some() {
        let folder = state_dir.clone();
        let now = match tokio::task::spawn_blocking(move || agreement(&folder)).await {
            Ok(Ok(now)) => now,
            Ok(Err(error)) => {
                tracing::debug!(%error, "the instances cannot be read; they are looked at again");
                continue;
            }
            Err(error) => {
                tracing::error!(%error, "the instances are not looked at any more");
                return;
            }
        };
        let settled = before.as_ref().is_some_and(|before| !now.is_news(before));
        let is_news = told.borrow().as_ref().is_none_or(|told| now.is_news(told));
        before = Some(now.clone());
        if settled && is_news {
            say(&now);
            told.send_replace(Some(Arc::new(now)));
        }
    }
}

fn say(agreement: &Agreement) {
    match agreement.agree {
        true => tracing::info!("{agreement}"),
        false => tracing::warn!("{agreement}"),
    }
}
