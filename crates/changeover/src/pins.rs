//! Who works with which generation: units of work by name, so that one that does not end is named, and told to.
//!
//! Whoever takes a generation or lets it go waits for nobody: a place is taken by one atomic exchange, the name is written
//! under a lock that is only tried, and letting go is one atomic store. The one who may wait is the retirer, which reads
//! the names. Where no place is free the unit stays without a name, and holds its generation all the same.

use std::cell::Cell;
use std::fmt::{Arguments, Write as _};
use std::ops::Deref;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::generation::Generation;

/// Units of work that have a name at one time, at most.
const PLACES: usize = 2_048;

/// How far apart threads begin to look for a place.
const APART: usize = 16;

/// Nobody has the place.
const FREE: u64 = 0;

/// Somebody is writing a name there. What is above is the number of a unit.
const TAKING: u64 = 1;

/// A unit of work that holds a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// What it is called.
    pub name: String,
    /// Since when it holds the generation.
    pub since: Timestamp,
}

/// The places of one process.
#[derive(Debug)]
pub(crate) struct Pins {
    places: Box<[Place]>,
}

/// Apart from its neighbours, so that cores do not take each other's cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Place {
    /// [`FREE`], [`TAKING`], or the number of the unit that has it.
    unit: AtomicU64,
    record: Mutex<Record>,
    /// The number of the newest unit here that was told to end.
    told: AtomicU64,
    end: Notify,
}

#[derive(Debug, Default)]
struct Record {
    unit: u64,
    generation: u64,
    /// Kept from one unit to the next: a name costs no allocation.
    name: String,
    since: Timestamp,
}

/// A place that a unit of work has, until this is dropped.
#[derive(Debug)]
struct Taken {
    pins: Arc<Pins>,
    index: usize,
    unit: u64,
}

impl Default for Pins {
    fn default() -> Self {
        Self { places: (0..PLACES).map(|_| Place::default()).collect() }
    }
}

impl Pins {
    fn take(self: &Arc<Self>, generation: u64, name: Arguments<'_>) -> Option<Taken> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            /// Where this thread found a place last: it is likely to be free again, and warm.
            static LAST: Cell<usize> = Cell::new(THREADS.fetch_add(APART, Ordering::Relaxed));
        }
        let first = LAST.get();
        for index in (0..PLACES).map(|further| first.wrapping_add(further) % PLACES) {
            let place = self.places.get(index)?;
            if place.unit.load(Ordering::Relaxed) != FREE {
                continue;
            }
            if place.unit.compare_exchange(FREE, TAKING, Ordering::Acquire, Ordering::Relaxed).is_err() {
                continue;
            }
            // Held only by a retirer that reads what stood here before.
            let Ok(mut record) = place.record.try_lock() else {
                place.unit.store(FREE, Ordering::Release);
                continue;
            };
            let unit = record.unit.max(TAKING) + 1;
            record.name.clear();
            if record.name.write_fmt(name).is_err() {
                // The string takes everything: it is the name that does not say itself.
                record.name.clear();
            }
            (record.unit, record.generation, record.since) = (unit, generation, Timestamp::now());
            drop(record);
            place.unit.store(unit, Ordering::Release);
            LAST.set(index);
            return Some(Taken { pins: Arc::clone(self), index, unit });
        }
        None
    }

    /// The units that hold this generation, oldest first.
    pub(crate) fn holding(&self, generation: u64) -> Vec<Unit> {
        let mut units: Vec<Unit> = self.places.iter().filter_map(|place| place.holds(generation)).collect();
        units.sort_by_key(|unit| unit.since);
        units
    }

    /// Tells the units that hold this generation to end.
    pub(crate) fn end(&self, generation: u64) {
        for place in self.places.iter() {
            let unit = place.unit.load(Ordering::Acquire);
            if place.told.load(Ordering::Relaxed) != unit && place.holds(generation).is_some() {
                place.told.store(unit, Ordering::Release);
                place.end.notify_waiters();
            }
        }
    }

    /// Waits until this unit is told to end; for ever, if that never happens.
    async fn told_to_end(&self, index: usize, unit: u64) {
        let Some(place) = self.places.get(index) else { return std::future::pending().await };
        loop {
            let mut told = pin!(place.end.notified());
            // Before the look, so that nothing between the look and the wait is missed.
            told.as_mut().enable();
            if place.told.load(Ordering::Acquire) == unit {
                return;
            }
            told.await;
        }
    }
}

impl Place {
    fn holds(&self, generation: u64) -> Option<Unit> {
        let unit = self.unit.load(Ordering::Acquire);
        if unit <= TAKING {
            return None;
        }
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = record.unit == unit && record.generation == generation;
        holds.then(|| Unit { name: record.name.clone(), since: record.since })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(place) = self.pins.places.get(self.index) {
            place.unit.store(FREE, Ordering::Release);
        }
    }
}

/// The generation that a unit of work with a name works with, to its end. Cheap to clone; every clone is the same unit,
/// which ends with the last of them.
#[derive(Debug)]
pub struct Pinned<S, V> {
    held: Arc<Held<S, V>>,
}

#[derive(Debug)]
struct Held<S, V> {
    generation: Arc<Generation<S, V>>,
    taken: Option<Taken>,
}

impl<S, V> Clone for Pinned<S, V> {
    fn clone(&self) -> Self {
        Self { held: Arc::clone(&self.held) }
    }
}

impl<S, V> Deref for Pinned<S, V> {
    type Target = Generation<S, V>;

    fn deref(&self) -> &Self::Target {
        &self.held.generation
    }
}

impl<S, V> Pinned<S, V> {
    pub(crate) fn new(generation: Arc<Generation<S, V>>, pins: &Arc<Pins>, name: Arguments<'_>) -> Self {
        let taken = pins.take(generation.number, name);
        Self { held: Arc::new(Held { generation, taken }) }
    }

    /// Waits until this unit of work is told to end: its generation is long no more the live one
    /// ([`crate::Tuning::pin_max`]), and this unit still holds it. Itself it holds nothing, and where the unit ends before
    /// that it waits for ever: race it against the work.
    pub fn overdue(&self) -> impl Future<Output = ()> + Send + use<S, V> {
        let place = self.held.taken.as_ref().map(|taken| (Arc::clone(&taken.pins), taken.index, taken.unit));
        async move {
            match place {
                Some((pins, index, unit)) => pins.told_to_end(index, unit).await,
                None => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pins: &Pins, generation: u64) -> Vec<String> {
        pins.holding(generation).into_iter().map(|unit| unit.name).collect()
    }

    #[test]
    fn each_generation_knows_its_units_until_they_let_go() {
        let pins = Arc::new(Pins::default());
        let one = pins.take(1, format_args!("one"));
        let two = pins.take(2, format_args!("t{}", "wo"));
        let three = pins.take(1, format_args!("three"));
        assert_eq!(names(&pins, 1), ["one", "three"]);
        assert_eq!(names(&pins, 2), ["two"]);
        drop((one, three));
        assert_eq!(names(&pins, 1), [""; 0]);
        let again = pins.take(3, format_args!("x"));
        assert_eq!((names(&pins, 3), names(&pins, 2)), (vec!["x".to_owned()], vec!["two".to_owned()]));
        drop((two, again));
    }

    #[test]
    fn where_no_place_is_free_a_unit_has_no_name_and_nobody_waits() {
        let pins = Arc::new(Pins::default());
        let all = |pins: &Arc<Pins>| (0..PLACES).map_while(|_| pins.take(1, format_args!("unit"))).collect();
        // Whoever begins to look among places that are taken finds those that are not.
        let half: Vec<Taken> = (0..PLACES / 2).map_while(|_| pins.take(1, format_args!("unit"))).collect();
        let rest: Vec<Taken> = std::thread::scope(|scope| scope.spawn(|| all(&pins)).join().unwrap());
        assert_eq!((half.len(), rest.len()), (PLACES / 2, PLACES / 2));
        assert!(pins.take(1, format_args!("one more")).is_none());
        // A retirer that is interrupted while it reads names holds up nobody.
        drop((half, rest));
        let read: Vec<_> = pins.places.iter().map(|place| place.record.lock().unwrap()).collect();
        assert!(pins.take(1, format_args!("without a name")).is_none());
        drop(read);
        assert!(pins.take(1, format_args!("with one")).is_some());
    }

    #[tokio::test]
    async fn only_who_holds_the_generation_is_told_to_end() {
        let pins = Arc::new(Pins::default());
        let (old, new) = (pins.take(1, format_args!("old")), pins.take(2, format_args!("new")));
        let wait = |taken: &Option<Taken>| {
            let (pins, taken) = (Arc::clone(&pins), taken.as_ref().unwrap());
            let (index, unit) = (taken.index, taken.unit);
            async move { pins.told_to_end(index, unit).await }
        };
        let (told, untold) = (tokio::spawn(wait(&old)), tokio::spawn(wait(&new)));
        let (late, gone) = (wait(&old), wait(&new));
        pins.end(1);
        told.await.unwrap();
        late.await;
        drop(new);
        // Whoever takes the place next is another unit.
        let next = pins.take(2, format_args!("next"));
        pins.end(2);
        wait(&next).await;
        assert!(!untold.is_finished());
        let mut gone = pin!(gone);
        assert!(futures_are_pending(gone.as_mut()));
        untold.abort();
    }

    fn futures_are_pending(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        future.poll(&mut context).is_pending()
    }

    #[test]
    fn units_come_and_go_on_many_threads_and_no_place_is_had_twice() {
        let pins = Arc::new(Pins::default());
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let pins = &pins;
                scope.spawn(move || {
                    for round in 0..2_000 {
                        let name = format!("{thread}-{round}");
                        let Some(taken) = pins.take(thread, format_args!("{name}")) else { continue };
                        assert_eq!(names(pins, thread), [name]);
                        drop(taken);
                    }
                });
            }
        });
        assert!(pins.places.iter().all(|place| place.unit.load(Ordering::SeqCst) == FREE));
    }
}
