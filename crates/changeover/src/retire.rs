//! The retirer: it holds the last reference to an old generation and drops it off everybody's path. A unit of work that
//! does not let go of one is named, and told to end. And how anything of the product's is dropped at all: where a destructor
//! may block, and may panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::generation::Generation;
use crate::pins::{Pins, Unit};
use crate::relay;
use crate::status::Shared;

/// How often old generations are looked at while some unit of work still holds one.
const LOOK: Duration = Duration::from_millis(50);

/// An old generation that is held for longer than a unit of work should take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overdue {
    /// Its number.
    pub generation: u64,
    /// Since when it is no more the live one.
    pub since: Timestamp,
    /// The units of work that hold it, oldest first. They were told to end.
    pub held_by: Vec<Unit>,
    /// References to it beside those: who holds them gave no name, and cannot be told.
    pub unnamed: usize,
}

/// A generation that is no more the live one.
#[derive(Debug)]
pub(crate) struct Retired<S, V> {
    generation: Arc<Generation<S, V>>,
    at: Instant,
    since: Timestamp,
    /// Until when the engine itself may hold it: what came after it is on trial. `None`: beyond all time.
    on_trial_until: Option<Instant>,
    /// Whether it was told that it is overdue.
    told: bool,
}

impl<S, V> Retired<S, V> {
    /// One that is being replaced just now, and is held by the engine for so long at most.
    pub(crate) fn now(generation: Arc<Generation<S, V>>, on_trial: Duration) -> Self {
        let at = Instant::now();
        let on_trial_until = at.checked_add(on_trial);
        Self { generation, at, since: Timestamp::now(), on_trial_until, told: false }
    }

    /// Who holds it, if it is held for too long.
    fn overdue(&self, pins: &Pins, pin_max: Duration) -> Option<Overdue> {
        if self.at.elapsed() < pin_max {
            return None;
        }
        let number = self.generation.number;
        let held_by = pins.holding(number);
        // One reference is the retirer's own.
        let unnamed = (Arc::strong_count(&self.generation) - 1).saturating_sub(held_by.len());
        let by_the_engine =
            held_by.is_empty() && self.on_trial_until.is_none_or(|until| Instant::now() < until);
        let overdue = Overdue { generation: number, since: self.since, held_by, unnamed };
        (!by_the_engine).then_some(overdue)
    }
}

/// Units that are named in one sentence, at most.
const IN_WORDS_MAX: usize = 16;

impl Overdue {
    /// Who holds it, in words: the oldest by name.
    pub fn holders(&self) -> String {
        let named = self.held_by.iter().take(IN_WORDS_MAX);
        let named = named.map(|unit| format!("`{}` since {}", unit.name, unit.since));
        let more = self.held_by.len().saturating_sub(IN_WORDS_MAX);
        let more = (more > 0).then(|| format!("{more} more"));
        let unnamed = (self.unnamed > 0).then(|| format!("{} without a name", self.unnamed));
        named.chain(more).chain(unnamed).collect::<Vec<_>>().join(", ")
    }
}

/// Something of the product's. A panic of its destructor, which the program's hook has told, ends with it, wherever it is
/// dropped: in an executor it would end the process.
pub(crate) struct Contained<T> {
    inside: Option<T>,
    what: &'static str,
}

impl<T> Contained<T> {
    pub(crate) fn new(inside: T, what: &'static str) -> Self {
        Self { inside: Some(inside), what }
    }

    /// What is in it, until it is taken out.
    pub(crate) fn inside(&mut self) -> &mut Option<T> {
        &mut self.inside
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        let inside = self.inside.take();
        if catch_unwind(AssertUnwindSafe(|| relay::foreign(|| drop(inside)))).is_err() {
            tracing::error!("dropping {} panicked", self.what);
        }
    }
}

/// Drops something of the product's on a thread that may block, off everybody's path: it may close files or wait for threads
/// then. `None`: the system has no thread to give, for which tokio panics.
pub(crate) fn dispose<T: Send + 'static>(
    product: &Handle,
    thing: T,
    what: &'static str,
) -> Option<JoinHandle<()>> {
    let contained = Contained::new(thing, what);
    catch_unwind(AssertUnwindSafe(|| product.spawn_blocking(move || drop(contained)))).ok()
}

/// Drops what comes in as soon as nobody else holds it, and waits for none of that until the end. Ends when the sender is gone
/// and what it has begun to drop is dropped; what is still held then is dropped by whoever holds it.
pub(crate) async fn retire<S: Send + Sync + 'static, V: Send + Sync + 'static>(
    mut old: mpsc::UnboundedReceiver<Retired<S, V>>,
    pins: Arc<Pins>,
    shared: Arc<Shared>,
    product: Handle,
) {
    let mut held: Vec<Retired<S, V>> = Vec::new();
    let mut dropping: Vec<JoinHandle<()>> = Vec::new();
    let mut open = true;
    while open {
        tokio::select! {
            next = old.recv() => match next {
                Some(next) => held.push(next),
                None => open = false,
            },
            () = tokio::time::sleep(LOOK), if !held.is_empty() => {}
        }
        let (free, rest): (Vec<_>, Vec<_>) =
            held.into_iter().partition(|old| Arc::strong_count(&old.generation) == 1);
        held = rest;
        let overdue = press(&mut held, &pins, shared.tuning().pin_max);
        shared.retiring(held.len(), overdue);
        for late in free.iter().filter(|old| old.told) {
            tracing::info!(generation = late.generation.number, "an old generation is held no longer");
        }
        dropping.retain(|one| !one.is_finished());
        dropping.extend(free.into_iter().filter_map(|old| dispose(&product, old, "an old generation")));
    }
    dropping.extend(dispose(&product, held, "an old generation"));
    for one in dropping {
        // What came of it is told there.
        drop(one.await);
    }
}

/// Tells whoever holds an old generation for too long to end, and says once of each such generation who that is.
fn press<S, V>(held: &mut [Retired<S, V>], pins: &Pins, pin_max: Duration) -> Vec<Overdue> {
    let mut all = Vec::new();
    for old in held {
        let Some(overdue) = old.overdue(pins, pin_max) else { continue };
        pins.end(overdue.generation);
        if !old.told {
            let (generation, since) = (overdue.generation, overdue.since);
            tracing::warn!(
                generation,
                %since,
                "an old generation is still held, by {}: units of work with a name are told to end",
                overdue.holders()
            );
            old.told = true;
        }
        all.push(overdue);
    }
    all
}
