//! The work that one process does for all: taking PDFs, looking them up, building the index. And how the other processes see it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use changeover::Engine;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::follow;
use crate::citations::lookup::{self, Lookups, Pace};
use crate::cli::Place;
use crate::database::{Changes, Database};
use crate::http::state::{Papers, Troubles};
use crate::instances::hold;
use crate::pdf;
use crate::pdf::monitor::{Limits, Monitor, MonitorInputs, Parts, Terms};
use crate::rag::RagInputs;
use crate::rag::builder::Builder;
use crate::rag::index::Index;
use crate::services::{Means, Services};
use crate::settings::Settings;

/// Takes PDFs, and builds the index.
///
/// # Errors
/// What keeps the intake from starting.
pub(super) async fn take(
    place: &Place,
    engine: &Engine<Settings, Services>,
    (database, means): (Arc<Database>, &Means),
    troubles: &Troubles,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<Papers> {
    let lookups_follower = engine.follower("look-ups")?;
    let index = &means.index;
    let (pdf_follower, index_follower) = (engine.follower("pdf")?, engine.follower("index")?);
    let builder = Arc::new(Builder::start(Arc::clone(index), tasks, stop.clone()));
    let started =
        Monitor::start(parts(place, engine, Arc::clone(&database), index), tasks, stop.clone()).await;
    let monitor = started.map_err(anyhow::Error::msg).context("starting the intake of PDFs")?;
    tasks.spawn(follow::index(index_follower, engine.clone(), Arc::clone(&builder), stop.clone()));
    tasks.spawn(follow::folder(pdf_follower, monitor.clone()));
    let troubles = troubles.clone();
    let lookups = lookup::Parts {
        monitor: monitor.clone(),
        database,
        client: means.client.clone(),
        load: terms(engine),
        trouble: Box::new(move |trouble| troubles.say("citations", trouble)),
        pace: Pace::default(),
    };
    let lookups = Lookups::start(lookups, tasks, stop.clone());
    tasks.spawn(follow::lookups(lookups_follower, lookups));
    Ok(Papers { monitor, builder: Some(builder) })
}

/// Leaves PDFs and index to the process with the role `monitor`, and follows what that one writes.
///
/// # Errors
/// That the database cannot be watched.
pub(super) fn leave_to_another(
    place: &Place,
    engine: &Engine<Settings, Services>,
    database: Arc<Database>,
    index: &Arc<Index>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<Papers> {
    let changes = database.changes().context("watching the database")?;
    let state_dir = place.state_dir.clone();
    // What cannot be told counts as there: then the row is waited for.
    let is_taken = move || hold::is_held(&state_dir, "monitor").unwrap_or(true);
    let monitor = Monitor::beside(parts(place, engine, database, index), Arc::new(is_taken), stop.clone());
    let (engine, index, followed) = (engine.clone(), Arc::clone(index), monitor.clone());
    let stop = stop.clone();
    tasks.spawn(
        async move { stop.run_until_cancelled(follow_writes(changes, engine, index, followed)).await },
    );
    Ok(Papers { monitor, builder: None })
}

/// How often the database is asked whether another process wrote it.
const LOOK: Duration = Duration::from_millis(500);

/// Tells what became of PDFs, and has the settings prepared once more when another recipe is to be read than the
/// live one: the process that builds it has made it ready.
async fn follow_writes(
    mut changes: Changes,
    engine: Engine<Settings, Services>,
    index: Arc<Index>,
    monitor: Monitor,
) {
    let mut followed = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let looked = tokio::task::spawn_blocking(move || {
            let version = changes.version();
            (changes, version)
        });
        let version = match looked.await {
            Ok((back, version)) => {
                changes = back;
                version
            }
            Err(_) => return,
        };
        let now = version.ok().map(|version| (version, engine.live().peek().number));
        if now.is_some() && now == followed {
            continue;
        }
        let news = monitor.tell_news().await;
        match (news, reads_another(&engine, &index).await) {
            (Ok(()), Ok(false)) => followed = now,
            // Looked at again after a refresh, whatever its verdict.
            (Ok(()), Ok(true)) => drop(engine.refresh().await),
            (Err(problem), _) | (_, Err(problem)) => {
                tracing::warn!(problem, "what another process wrote cannot be read; it is tried again");
            }
        }
    }
}

/// Whether the live settings would read another recipe now than the live generation does.
async fn reads_another(engine: &Engine<Settings, Services>, index: &Arc<Index>) -> Result<bool, String> {
    let (live, index) = (engine.live().load(), Arc::clone(index));
    if live.safe_mode {
        return Ok(false);
    }
    let looked = tokio::task::spawn_blocking(move || {
        let inputs = RagInputs::new(&live.settings.rag, &index)?;
        Ok(inputs.reads != *live.services.rag.reads())
    });
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
