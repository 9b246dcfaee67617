//! The builder: makes the wanted recipe ready in the background. One per state directory.
//!
//! It holds no settings: [`Builder::follow`] says after every switch which recipe the live generation wants. Each
//! document is one transaction, so the writer is never held long, and what was built before a crash is not built again.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::index::Index;
use super::recipe::Recipe;

/// Pause after a failure, and while an old recipe is still read: another process does not tell when it leaves it.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// What is being built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Documents that have their chunks.
    pub done: i64,
    /// Documents in all.
    pub total: i64,
    /// The recipe that is being built.
    pub recipe: Recipe,
    /// Why it does not go on, if it does not. It is tried again every five seconds.
    pub problem: Option<String>,
}

/// The handle to the one builder of a process.
#[derive(Debug)]
pub struct Builder {
    wanted: watch::Sender<Option<Recipe>>,
    progress: watch::Receiver<Option<Progress>>,
    ready: watch::Receiver<Option<Recipe>>,
}

impl Builder {
    /// Starts the builder as a task of `tasks`; `stop` ends it after the document in hand.
    pub fn start(index: Arc<Index>, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let (wanted, orders) = watch::channel(None);
        let (progress_sender, progress) = watch::channel(None);
        let (ready_sender, ready) = watch::channel(None);
        let work = Work { index, orders, progress: progress_sender, ready: ready_sender, stop };
        tasks.spawn(work.run());
        Self { wanted, progress, ready }
    }

    /// Says which recipe the live generation wants. What is built for another recipe stops.
    pub fn follow(&self, wanted: &Recipe) {
        self.wanted.send_if_modified(|now| {
            let changed = now.as_ref() != Some(wanted);
            *now = Some(wanted.clone());
            changed
        });
    }

    /// How far the wanted recipe is; `None` when there is nothing to build.
    pub fn progress(&self) -> Option<Progress> {
        self.progress.borrow().clone()
    }

    /// The recipe that became ready last. When it changes and is not the one that the live [`super::Rag`] reads, the
    /// settings are to be read again, so that a generation is prepared that reads it.
    pub fn ready(&self) -> watch::Receiver<Option<Recipe>> {
        self.ready.clone()
    }
}

struct Work {
    index: Arc<Index>,
    orders: watch::Receiver<Option<Recipe>>,
    progress: watch::Sender<Option<Progress>>,
    ready: watch::Sender<Option<Recipe>>,
    stop: CancellationToken,
}

/// What comes after a step.
enum Next {
    /// The same recipe has more to build.
    GoOn,
    /// Nothing to do until an order comes or a reader goes.
    Rest,
    /// The world refused, or an old recipe is still read; again after a pause.
    Pause,
}

impl Work {
    async fn run(mut self) {
        let mut released = self.index.leases.released();
        let stop = self.stop.clone();
        while !stop.is_cancelled() {
            let wanted = self.orders.borrow_and_update().clone();
            let next = match wanted {
                Some(wanted) => self.step(wanted).await,
                None => Next::Rest,
            };
            let pause = match next {
                Next::GoOn => continue,
                Next::Rest => None,
                Next::Pause => Some(RETRY_PAUSE),
            };
            tokio::select! {
                () = stop.cancelled() => return,
                changed = self.orders.changed() => if changed.is_err() { return },
                changed = released.changed() => if changed.is_err() { return },
                () = async { tokio::time::sleep(pause.unwrap_or_default()).await }, if pause.is_some() => {}
            }
        }
    }

    /// Builds one document, or takes over and sweeps when none is left.
    async fn step(&self, wanted: Recipe) -> Next {
        let index = Arc::clone(&self.index);
        let recipe = wanted.clone();
        let stepped = tokio::task::spawn_blocking(move || step(&index, &recipe)).await;
        let problem = match stepped {
            Ok(Ok(Step::Built { done, total })) => {
                self.progress.send_replace(Some(Progress { done, total, recipe: wanted, problem: None }));
                return Next::GoOn;
            }
            Ok(Ok(Step::Ready { now, old_is_read })) => {
                self.progress.send_replace(None);
                if now {
                    tracing::info!(recipe = wanted.id(), "the index is built; it is taken over");
                    self.ready.send_replace(Some(wanted));
                }
                return if old_is_read { Next::Pause } else { Next::Rest };
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(recipe = wanted.id(), problem, "the index cannot be built; it is tried again");
        self.progress.send_modify(|progress| {
            let (done, total) = progress.as_ref().map_or((0, 0), |progress| (progress.done, progress.total));
            *progress = Some(Progress { done, total, recipe: wanted, problem: Some(problem) });
        });
        Next::Pause
    }
}

enum Step {
    Built { done: i64, total: i64 },
    Ready { now: bool, old_is_read: bool },
}

fn step(index: &Index, recipe: &Recipe) -> rusqlite::Result<Step> {
    if !index.is_ready(recipe)? {
        index.register(recipe)?;
        if let Some(built) = index.build_next(recipe)? {
            return Ok(Step::Built { done: built.done, total: built.total });
        }
        if !index.take_over(recipe)? {
            let built = index.built(recipe)?;
            return Ok(Step::Built { done: built.done, total: built.total });
        }
        return Ok(Step::Ready { now: true, old_is_read: sweep(index, recipe)? });
    }
    Ok(Step::Ready { now: false, old_is_read: sweep(index, recipe)? })
}

/// Says whether a recipe that is not wanted is still read.
fn sweep(index: &Index, wanted: &Recipe) -> rusqlite::Result<bool> {
    let swept = index.sweep(wanted)?;
    for recipe in &swept.dropped {
        tracing::info!(recipe = recipe.id(), "an index that nobody reads any more is dropped");
    }
    Ok(swept.read > 0)
}

#[cfg(test)]
mod tests;
