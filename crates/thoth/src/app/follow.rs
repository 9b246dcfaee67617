//! The followers of what a process has only once, beside the ports: the log's level, the PDF folder, the index.

use std::sync::Arc;
use std::time::Duration;

use changeover::{Decision, Engine, Followed, Follower, Stopped};
use tokio_util::sync::CancellationToken;

use crate::citations::lookup::Lookups;
use crate::cli::LogFilter;
use crate::http::state::Owners;
use crate::pdf::monitor::{Monitor, MonitorInputs};
use crate::rag::builder::Builder;
use crate::services::Services;
use crate::settings::{Level, Settings};

/// Follows the log's level.
pub(super) fn log_follower(
    engine: &Engine<Settings, Services>,
) -> Result<Follower<Settings, Services>, Stopped> {
    engine.follower("log", |generation| generation.settings.logging.level)
}

/// The log's level.
pub(super) async fn log(mut follower: Follower<Settings, Services>, log: LogFilter, owners: Owners) {
    let mut level = None;
    while let Some(generation) = follower.next().await {
        let logging = &generation.settings.logging;
        let did = follow_level(&mut level, logging.level, |wanted| log.set(wanted));
        let did = did.map(|done| done.map(|()| logging.in_words()));
        let runs = format!("level {}", level.unwrap_or(logging.level));
        owners.say("log", generation.number, runs, trouble(did.as_ref()));
        follower.followed(&generation, did);
    }
}

/// Sets the level where it is another one; what cannot be set is tried again. The first is no change.
fn follow_level(
    level: &mut Option<Level>,
    wanted: Level,
    set: impl FnOnce(Level) -> Result<(), String>,
) -> Option<Result<(), String>> {
    if *level == Some(wanted) {
        return None;
    }
    match set(wanted) {
        Ok(()) => level.replace(wanted).map(|_| Ok(())),
        Err(error) => Some(Err(error)),
    }
}

/// What could not be done.
fn trouble(did: Option<&Followed>) -> Option<String> {
    did.and_then(|did| did.as_ref().err().cloned())
}

/// The PDF folder. `applied` is said when the new folder's watch stands.
pub(super) async fn folder(mut follower: Follower<Settings, Services>, monitor: Monitor, owners: Owners) {
    // What was followed wholly, and whether the monitor was asked for something else since, which it may do at any time.
    let (mut followed, mut is_behind) = (None::<MonitorInputs>, false);
    while let Some(generation) = follower.next().await {
        let wanted = MonitorInputs::of(&generation.settings);
        // Without usable settings nobody knows which folder is meant.
        let did = match generation.safe_mode {
            true => None,
            false => follow_folder(&monitor, followed.as_ref(), &wanted, is_behind).await,
        };
        if !generation.safe_mode {
            is_behind = matches!(did, Some(Err(_)));
            followed = if is_behind { followed } else { Some(wanted) };
        }
        let runs = followed.as_ref().map_or_else(|| "watches nothing".to_owned(), MonitorInputs::in_words);
        owners.say("pdf", generation.number, runs, trouble(did.as_ref()));
        follower.followed(&generation, did);
    }
}

async fn follow_folder(
    monitor: &Monitor,
    before: Option<&MonitorInputs>,
    wanted: &MonitorInputs,
    is_behind: bool,
) -> Option<Followed> {
    if (is_behind || wanted.concern_the_intake(before))
        && let Err(problem) = monitor.follow(wanted).await
    {
        return Some(Err(problem));
    }
    wanted.change_in_words(before).map(Ok)
}

/// The look-ups. What is switched on is asked about every paper; what is switched off is asked nothing more.
pub(super) async fn lookups(mut follower: Follower<Settings, Services>, lookups: Lookups) {
    while let Some(generation) = follower.next().await {
        if !generation.safe_mode {
            lookups.follow(&generation.settings.citation.apis);
        }
        follower.followed(&generation, None);
    }
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
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = take_over(&mut follower, &builder, &engine) => {}
                }
            }
        }
    }
}

/// How long until a take-over that was refused or superseded is tried again: at first, and at most. Each try is a verdict.
const TAKE_OVER_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Has the live settings prepared once more, until that is done. The verdict needs this follower, which therefore goes
/// on following meanwhile.
async fn take_over(
    follower: &mut Follower<Settings, Services>,
    builder: &Builder,
    engine: &Engine<Settings, Services>,
) {
    let refreshed = async {
        let (mut pause, pause_max) = TAKE_OVER_AGAIN;
        while let Ok(verdict) = engine.refresh().await {
            if matches!(verdict.verdict, Decision::Applied | Decision::Unchanged) {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(pause_max);
        }
    };
    let mut refreshed = std::pin::pin!(refreshed);
    loop {
        tokio::select! {
            () = &mut refreshed => return,
            generation = follower.next() => {
                let Some(generation) = generation else { return };
                builder.follow(generation.services.rag.wanted());
                follower.followed(&generation, None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_could_not_be_set_is_set_by_the_next_generation() {
        let mut level = None;
        let mut check =
            |wanted: Level, can: Result<(), String>, did: Option<Result<(), String>>, now: Option<Level>| {
                assert_eq!(follow_level(&mut level, wanted, |_| can), did);
                assert_eq!(level, now);
            };
        let no_room = || Err("no room".to_owned());
        check(Level::Info, no_room(), Some(no_room()), None);
        check(Level::Info, Ok(()), None, Some(Level::Info));
        check(Level::Debug, no_room(), Some(no_room()), Some(Level::Info));
        check(Level::Debug, Ok(()), Some(Ok(())), Some(Level::Debug));
        check(Level::Debug, no_room(), None, Some(Level::Debug));
    }
}
