//! The followers of what a process has only once, beside the ports: the log's level, the PDF folder, the index.

use std::sync::Arc;

use changeover::{Engine, Followed, Follower};
use tokio_util::sync::CancellationToken;

use crate::cli::LogFilter;
use crate::pdf::monitor::{Monitor, MonitorInputs};
use crate::rag::builder::Builder;
use crate::services::Services;
use crate::settings::Settings;

/// The log's level.
pub(super) async fn log(mut follower: Follower<Settings, Services>, log: LogFilter) {
    let mut level = None;
    while let Some(generation) = follower.next().await {
        let wanted = generation.settings.logging.level;
        let before = level.replace(wanted);
        let did = match before {
            Some(before) if before == wanted => None,
            before => match log.set(wanted) {
                Ok(()) => before.map(|_| Ok(format!("`logging.level` is {wanted:?}"))),
                Err(error) => Some(Err(error)),
            },
        };
        follower.followed(&generation, did);
    }
}

/// The PDF folder. `applied` is said when the new folder's watch stands.
pub(super) async fn folder(mut follower: Follower<Settings, Services>, monitor: Monitor) {
    let mut followed: Option<MonitorInputs> = None;
    while let Some(generation) = follower.next().await {
        let wanted = MonitorInputs::of(&generation.settings);
        let did = match &followed {
            // Without usable settings nobody knows which folder is meant.
            _ if generation.safe_mode => None,
            Some(now) if *now == wanted => None,
            before => follow_folder(&monitor, before.as_ref(), &wanted).await,
        };
        if !generation.safe_mode {
            followed = Some(wanted);
        }
        follower.followed(&generation, did);
    }
}

async fn follow_folder(
    monitor: &Monitor,
    before: Option<&MonitorInputs>,
    wanted: &MonitorInputs,
) -> Option<Followed> {
    let notes = match before {
        Some(before) if before.notes != wanted.notes => {
            Some(format!("writes notes to `{}`", wanted.notes.display()))
        }
        _ => None,
    };
    let same_folder = before.is_some_and(|before| {
        let moved = MonitorInputs { notes: wanted.notes.clone(), ..before.clone() };
        moved == *wanted
    });
    if same_folder {
        return notes.map(Ok);
    }
    Some(
        monitor
            .follow(wanted)
            .await
            .map(|did| [Some(did), notes].into_iter().flatten().collect::<Vec<_>>().join(", ")),
    )
}

/// The index: the builder builds what the live generation wants; when that is ready, a changeover of its own reads
/// it.
pub(super) async fn index(
    mut follower: Follower<Settings, Services>,
    engine: Engine<Settings, Services>,
    builder: Arc<Builder>,
    shutdown: CancellationToken,
) {
    let mut ready = builder.ready();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            generation = follower.next() => {
                let Some(generation) = generation else { return };
                if !generation.safe_mode {
                    builder.follow(generation.services.rag.wanted());
                }
                follower.followed(&generation, None);
            }
            changed = ready.changed() => {
                if changed.is_err() {
                    return;
                }
                let reads_it_already = ready
                    .borrow_and_update()
                    .as_ref()
                    .is_none_or(|recipe| engine.live().peek().services.rag.reads() == recipe);
                if reads_it_already {
                    continue;
                }
                // The verdict of the refresh needs this follower, which therefore goes on following meanwhile.
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = follow_until(&mut follower, &builder, engine.clone()) => {}
                }
            }
        }
    }
}

/// Has the live settings prepared once more, and keeps following meanwhile.
async fn follow_until(
    follower: &mut Follower<Settings, Services>,
    builder: &Builder,
    engine: Engine<Settings, Services>,
) {
    let mut refresh = std::pin::pin!(engine.refresh());
    loop {
        tokio::select! {
            verdict = &mut refresh => {
                if let Err(error) = verdict {
                    tracing::debug!(%error, "the index is taken over at the next start");
                }
                return;
            }
            generation = follower.next() => {
                let Some(generation) = generation else { return };
                builder.follow(generation.services.rag.wanted());
                follower.followed(&generation, None);
            }
        }
    }
}
