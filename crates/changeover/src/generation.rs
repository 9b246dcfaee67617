//! A generation: one settings value with every service built from it, and the one pointer to the live one.

use std::fmt::Arguments;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};

use crate::pins::{Pinned, Pins};

/// One settings value together with every service built from it. Immutable and numbered.
#[derive(Debug)]
pub struct Generation<S, V> {
    /// Grows with every commit and is never used twice in a process.
    pub number: u64,
    /// The settings that every service of this generation was built from.
    pub settings: Arc<S>,
    /// The services. A revert gives older ones a new number.
    pub services: Arc<V>,
    /// Whether this is the emergency generation: no usable settings were found at the start.
    pub safe_mode: bool,
}

/// The one pointer to the live generation. Cheap to clone; every clone sees the same switch.
#[derive(Debug)]
pub struct Live<S, V> {
    pointer: Arc<ArcSwap<Generation<S, V>>>,
    pins: Arc<Pins>,
}

impl<S, V> Clone for Live<S, V> {
    fn clone(&self) -> Self {
        Self { pointer: Arc::clone(&self.pointer), pins: Arc::clone(&self.pins) }
    }
}

impl<S, V> Live<S, V> {
    /// A pointer to a first generation.
    pub(crate) fn new(first: Arc<Generation<S, V>>) -> (Self, WentLive) {
        (Self { pointer: Arc::new(ArcSwap::new(first)), pins: Arc::default() }, WentLive(()))
    }

    /// The live generation, for one unit of work: load once, use it to the end, load anew for the next.
    pub fn load(&self) -> Arc<Generation<S, V>> {
        self.pointer.load_full()
    }

    /// The same for a unit of work that says what it is called: if it still holds the generation long after that is no
    /// more the live one, the log and the status name it, and it is told to end ([`Pinned::overdue`]). The name is for
    /// people, and is cut off nowhere: give a short one, without secrets.
    pub fn pin(&self, name: Arguments<'_>) -> Pinned<S, V> {
        Pinned::new(self.load(), &self.pins, name)
    }

    /// The live generation for a moment: cheaper than [`Live::load`], not to be held across an `await`.
    pub fn peek(&self) -> Guard<Arc<Generation<S, V>>> {
        self.pointer.load()
    }

    /// Who works with which generation.
    pub(crate) fn pins(&self) -> &Arc<Pins> {
        &self.pins
    }

    /// The switch. Gives back what was live before.
    pub(crate) fn swap(&self, next: Arc<Generation<S, V>>) -> (Arc<Generation<S, V>>, WentLive) {
        (self.pointer.swap(next), WentLive(()))
    }
}

/// That a generation has gone live. The pointer alone makes it, and nobody can say `applied` without it.
#[derive(Debug)]
pub(crate) struct WentLive(());

/// Tells one built object from every other one of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity(u64);

impl Identity {
    /// Of something that was built just now: of a part of a service that is on trial by itself
    /// ([`crate::Blueprint::on_trial`]). A [`Service`] has one of its own.
    #[must_use]
    pub fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A service as a generation holds it: the object, what it was made from, and since when it runs.
///
/// Two generations hold the same object exactly when inputs and dependencies were the same.
#[derive(Debug)]
pub struct Service<I, T> {
    object: Arc<T>,
    inputs: Arc<I>,
    depends_on: Arc<[(&'static str, Identity)]>,
    identity: Identity,
    since: u64,
}

impl<I, T> Clone for Service<I, T> {
    fn clone(&self) -> Self {
        Self {
            object: Arc::clone(&self.object),
            inputs: Arc::clone(&self.inputs),
            depends_on: Arc::clone(&self.depends_on),
            identity: self.identity,
            since: self.since,
        }
    }
}

impl<I, T> Service<I, T> {
    pub(crate) fn new(object: T, inputs: I, depends_on: &[(&'static str, Identity)], since: u64) -> Self {
        Self {
            object: Arc::new(object),
            inputs: Arc::new(inputs),
            depends_on: depends_on.into(),
            identity: Identity::fresh(),
            since,
        }
    }

    /// The object itself, to be held by a service that depends on it.
    pub fn handle(&self) -> Arc<T> {
        Arc::clone(&self.object)
    }

    /// What the object was made from.
    pub fn inputs(&self) -> &I {
        &self.inputs
    }

    pub(crate) fn shared_inputs(&self) -> Arc<I> {
        Arc::clone(&self.inputs)
    }

    /// Changes exactly when the object is another one.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The generation in which the object was built.
    pub fn since(&self) -> u64 {
        self.since
    }

    pub(crate) fn depends_on(&self) -> &[(&'static str, Identity)] {
        &self.depends_on
    }
}

impl<I, T> Deref for Service<I, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object
    }
}
