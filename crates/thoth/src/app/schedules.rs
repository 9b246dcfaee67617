//! Changes that wait for their time: opened with the engine, kept by one task, told in the log.

use std::path::{Path, PathBuf};

use changeover::Engine;
use changeover::schedule::{Entry, Fate, Hidden, Kind, Schedules, Swept, Terms, sweep};
use jiff::Timestamp;
use tokio::sync::broadcast::error::RecvError;

use super::Wiring;
use crate::services::Services;
use crate::settings::{self, Settings};

/// Where the files of what waits stand: apart from the database, whose writes would wake the watch.
pub(super) fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join("schedules")
}

/// Before the engine starts: takes out what ended while nothing ran. Of several processes, the one with the role `api` keeps
/// the times.
///
/// # Errors
/// What the file system says.
pub(super) fn before_start(state_dir: &Path) -> anyhow::Result<Swept> {
    Ok(sweep(&folder(state_dir), Timestamp::now())?)
}

/// Opens what waits, and begins to keep its times.
///
/// # Errors
/// What the file system says.
pub(super) fn begin(wiring: &Wiring<'_>, swept: Swept) -> anyhow::Result<Schedules<Settings, Services>> {
    let Wiring { place, engine, tasks, shutdown, .. } = *wiring;
    for ended in &swept.ended {
        tracing::info!(id = ended.id, "A temporary change of {} ended while nothing ran", ended.keys());
    }
    let terms = Terms {
        folder: folder(&place.state_dir),
        edit: settings::edited,
        value: settings::said,
        hidden: hidden(engine),
        clock: Box::new(Timestamp::now),
    };
    let (schedules, damage) = Schedules::open(engine.clone(), terms, swept)?;
    for damage in damage {
        tracing::error!("`{}`: {damage}", folder(&place.state_dir).display());
    }
    tasks.spawn(shutdown.clone().run_until_cancelled_owned(tell(schedules.clone())));
    tasks.spawn(shutdown.clone().run_until_cancelled_owned(schedules.clone().run()));
    Ok(schedules)
}

/// What lies above a change that has been written into the file.
fn hidden(engine: &Engine<Settings, Services>) -> Box<Hidden> {
    let engine = engine.clone();
    Box::new(move |content, changes| {
        let (file, live) = (engine.status().file, engine.live().load());
        let found = settings::hidden(&file, &live.settings, (content, content), changes);
        let said = |problem: &changeover::Problem| format!("`{}` {}", problem.path, problem.message);
        let said: Vec<String> = found.iter().map(said).collect();
        (!said.is_empty()).then(|| said.join("; "))
    })
}

/// Says what becomes of each.
async fn tell(schedules: Schedules<Settings, Services>) {
    let mut ends = schedules.ends();
    loop {
        match ends.recv().await {
            Ok(entry) => say(&entry),
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "ends of scheduled changes were not logged")
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn say(entry: &Entry) {
    let Some(end) = &entry.end else { return };
    let (id, keys, fate) = (entry.id, entry.keys(), end.fate.name());
    let what = match entry.kind {
        Kind::Scheduled => "Scheduled change",
        Kind::Temporary => "Temporary change",
    };
    let why = end.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    match end.fate {
        Fate::Failed | Fate::Void => tracing::error!(id, fate, "{what} of {keys} did not take place{why}"),
        Fate::Done => tracing::info!(id, fate, "{what} of {keys} took place{why}"),
        Fate::Expired => tracing::info!(id, fate, "{what} of {keys} is over{why}"),
        Fate::Cancelled => tracing::info!(id, fate, "{what} of {keys} was called off{why}"),
    }
}
