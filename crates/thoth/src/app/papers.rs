//! The work that one process does for all: taking PDFs, looking them up, building the index. And how the other processes see it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use changeover::{Decision, Engine};

use super::{Wiring, follow};
use crate::citations::lookup::{self, Lookups, Pace};
use crate::cli::Place;
use crate::database::{Changes, Database};
use crate::http::state::Papers;
use crate::instances::{Roles, hold};
use crate::pdf;
use crate::pdf::monitor::{Limits, Monitor, MonitorInputs, Parts, Terms};
use crate::rag::builder::Builder;
use crate::rag::index::Index;
use crate::services::{Means, Services};
use crate::settings::Settings;

/// Takes PDFs, and builds the index.
///
/// # Errors
/// What keeps the intake from starting.
pub(super) async fn take(
    wiring: &Wiring<'_>,
    database: Arc<Database>,
    means: &Means,
) -> anyhow::Result<Papers> {
    let Wiring { place, roles, engine, owners, tasks, shutdown } = *wiring;
    let pdf_follower = engine
        .follower("pdf", |generation| (generation.safe_mode, MonitorInputs::of(&generation.settings)))?;
    let index_follower = engine.follower("index", |generation| generation.services.rag.wanted().clone())?;
    let lookups_follower = engine.follower("look-ups", |generation| {
        (generation.safe_mode, generation.settings.citation.apis.clone())
    })?;
    let writes = Writes::of(&database)?;
    let index = &means.index;
    let builder = Arc::new(Builder::start(Arc::clone(index), tasks, shutdown.clone()));
    let parts = parts(place, engine, Arc::clone(&database), index);
    let started = Monitor::start(parts, tasks, shutdown.clone()).await;
    let monitor = started.map_err(anyhow::Error::msg).context("starting the intake of PDFs")?;
    let lookups = Lookups::start(lookups(wiring, monitor.clone(), database, means), tasks, shutdown.clone());
    tasks.spawn(follow::lookups(lookups_follower, lookups));
    tasks.spawn(follow::index(index_follower, engine.clone(), Arc::clone(&builder), shutdown.clone()));
    tasks.spawn(follow::folder(pdf_follower, monitor.clone(), owners.clone()));
    if roles != Roles::ALL {
        let (shutdown, woken) = (shutdown.clone(), monitor.clone());
        tasks.spawn(async move { shutdown.run_until_cancelled(wake_at_writes(writes, woken)).await });
    }
    Ok(Papers { monitor, builder: Some(builder) })
}

/// What the look-ups work with.
fn lookups(wiring: &Wiring<'_>, monitor: Monitor, database: Arc<Database>, means: &Means) -> lookup::Parts {
    let (owners, live) = (wiring.owners.clone(), wiring.engine.live().clone());
    let say = move |trouble| {
        let generation = live.peek();
        owners.say("look-ups", generation.number, generation.settings.citation.apis.in_words(), trouble);
    };
    lookup::Parts {
        monitor,
        database,
        client: means.client.clone(),
        load: terms(wiring.engine),
        trouble: Box::new(say),
        pace: Pace::default(),
    }
}

/// Leaves PDFs and index to the process with the role `monitor`, and follows what that one writes.
///
/// # Errors
/// That the database cannot be watched.
pub(super) fn leave_to_another(
    wiring: &Wiring<'_>,
    database: Arc<Database>,
    index: &Arc<Index>,
) -> anyhow::Result<Papers> {
    let Wiring { place, engine, tasks, shutdown, .. } = *wiring;
    let writes = Writes::of(&database)?;
    let state_dir = place.state_dir.clone();
    // What cannot be told counts as there: then the row is waited for.
    let is_taken = move || hold::is_held(&state_dir, "monitor").unwrap_or(true);
    let parts = parts(place, engine, database, index);
    let monitor = Monitor::beside(parts, Arc::new(is_taken), shutdown.clone());
    let followed = follow_writes(writes, engine.clone(), monitor.clone());
    let shutdown = shutdown.clone();
    tasks.spawn(async move { shutdown.run_until_cancelled(followed).await });
    Ok(Papers { monitor, builder: None })
}

/// How often the database is asked whether somebody wrote it.
const LOOK: Duration = Duration::from_millis(500);

/// How long until a take-over that was refused is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// What was written to the database, by whichever process.
struct Writes {
    changes: Option<Changes>,
}

impl Writes {
    fn of(database: &Database) -> anyhow::Result<Self> {
        Ok(Self { changes: Some(database.changes().context("watching the database")?) })
    }

    /// A number that changes with every write, at the next look.
    async fn version(&mut self) -> Result<i64, String> {
        tokio::time::sleep(LOOK).await;
        let changes = self.changes.take().ok_or("the database is not watched any more")?;
        let looked = tokio::task::spawn_blocking(move || (changes.version(), changes)).await;
        let (version, changes) = looked.map_err(|error| error.to_string())?;
        self.changes = Some(changes);
        version.map_err(|error| error.to_string())
    }
}

/// Has the queue looked at when somebody has written: another process may have put something into it.
async fn wake_at_writes(mut writes: Writes, monitor: Monitor) {
    let mut seen = None;
    loop {
        let version = writes.version().await;
        if version.is_err() || seen != version.as_ref().ok().copied() {
            monitor.wake();
        }
        seen = version.ok();
    }
}

/// Tells what became of PDFs, and has the settings prepared once more when another recipe is to be read than the
/// live one: the process that builds it has made it ready.
async fn follow_writes(mut writes: Writes, engine: Engine<Settings, Services>, monitor: Monitor) {
    let mut seen = None;
    loop {
        let version = writes.version().await;
        // Another generation may want what was ready before it.
        let now = version.ok().map(|version| (version, engine.live().peek().number));
        if now.is_some() && now == seen {
            continue;
        }
        seen = match catch_up(&engine, &monitor).await {
            Ok(true) => now,
            Ok(false) => None,
            Err(problem) => {
                tracing::warn!(problem, "what another process wrote cannot be read; it is tried again");
                None
            }
        };
    }
}

/// Says whether nothing is left to be done.
async fn catch_up(engine: &Engine<Settings, Services>, monitor: &Monitor) -> Result<bool, String> {
    monitor.tell_news().await?;
    if !reads_another(engine).await? {
        return Ok(true);
    }
    let verdict = engine.refresh().await.map_err(|stopped| stopped.to_string())?;
    if verdict.verdict != Decision::Applied {
        tokio::time::sleep(AGAIN).await;
    }
    Ok(false)
}

/// Whether the live settings would read another recipe now than the live generation does.
async fn reads_another(engine: &Engine<Settings, Services>) -> Result<bool, String> {
    let live = engine.live().pin(format_args!("a look at what the index has"));
    if live.safe_mode {
        return Ok(false);
    }
    let looked = tokio::task::spawn_blocking(move || live.services.rag.is_behind(&live.settings.rag));
    let looked: rusqlite::Result<bool> = looked.await.map_err(|error| error.to_string())?;
    looked.map_err(|error| error.to_string())
}

/// What one piece of work is done by, out of the live generation.
fn terms(engine: &Engine<Settings, Services>) -> Arc<dyn Fn() -> Terms + Send + Sync> {
    let live = engine.live().clone();
    Arc::new(move || {
        let live = live.load();
        Terms { inputs: MonitorInputs::of(&live.settings), citations: live.services.citations.handle() }
    })
}

fn parts(
    place: &Place,
    engine: &Engine<Settings, Services>,
    database: Arc<Database>,
    index: &Arc<Index>,
) -> Parts {
    Parts {
        vault: place.vault.root().to_owned(),
        database,
        index: Arc::clone(index),
        read: Arc::new(pdf::read::read),
        load: terms(engine),
        limits: Limits::default(),
    }
}
