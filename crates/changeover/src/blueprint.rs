//! What a product hands to the engine: a file, a state directory and plain functions.

use std::future::Future;
use std::ops::Range;
use std::path::PathBuf;
use std::pin::Pin;

use crate::files::Files;
use crate::generation::Identity;
use crate::preparation::Preparation;
use crate::report::Problem;
use crate::tuning::Tuning;

/// On which occasion a content is checked; an object without any setting is fine only on some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The first content of a process.
    Start,
    /// A content that would replace a live one.
    Running,
    /// As `Running`, and the caller says that an empty object is meant.
    RunningAllowEmpty,
}

/// What a check gives when it finds nothing to refuse.
#[derive(Clone, Debug, Default)]
pub struct Accepted<S> {
    /// The settings, defaulted and checked.
    pub settings: S,
    /// What is doubtful, but no reason to refuse.
    pub warnings: Vec<Problem>,
    /// Byte ranges of the content that are secret values (without their quotes), in order and apart. The history
    /// cuts them out.
    pub secrets: Vec<Range<usize>>,
}

/// A function from a content to settings, or to everything that is wrong with it. Pure but for the files that it reads, all
/// of them through [`Files`].
pub type Check<S> = dyn Fn(&Files<'_>, Occasion) -> Result<Accepted<S>, Vec<Problem>> + Send + Sync;

/// What [`Prepare`] gives: the services, or why the world does not allow them.
pub type Preparing<V> = Pin<Box<dyn Future<Output = Result<V, Vec<Problem>>> + Send>>;

/// Builds the services of a candidate. Dropping the future must undo everything it has made: nothing that is live
/// may be touched, and nothing may be made where somebody looks.
///
/// It runs within the runtime that the engine was started on, and its first step on a thread of the engine's: what is done without
/// waiting costs no wake-up of another thread. As in any future, what blocks belongs into `spawn_blocking`.
pub type Prepare<S, V> = dyn Fn(Preparation<S, V>) -> Preparing<V> + Send + Sync;

/// Everything that the engine needs to know of a product.
pub struct Blueprint<S, V> {
    /// The settings file. It need not exist.
    pub file: PathBuf,
    /// Where the history is kept; made if absent, with mode 0700. For one engine at a time: nothing locks it, and a second one
    /// sweeps away what the first prepares.
    pub state_dir: PathBuf,
    /// The key of the hashes that people see, made if absent; `None` for one of its own in the state directory.
    /// Engines that share one say the same hash of the same content.
    pub key_file: Option<PathBuf>,
    /// Whether the file is watched. Without a watch, [`crate::Engine::reload`] still reads it.
    pub watch: bool,
    /// See [`Check`]. An absent file at the start is checked as `{}`.
    pub check: Box<Check<S>>,
    /// See [`Prepare`].
    pub prepare: Box<Prepare<S, V>>,
    /// The engine's own settings, taken out of the product's.
    pub tuning: fn(&S) -> Tuning,
    /// The services whose first use shows whether they were built from the right settings (a key, a model), each with
    /// its object. They are on trial after a commit; the product says how their uses went, by
    /// [`crate::Engine::worked`] and [`crate::Engine::failed`]. For a product without such services: `|_| Vec::new()`.
    pub on_trial: fn(&V) -> Vec<(&'static str, Identity)>,
    /// What settings mean to all that may be on trial, in bytes, secrets included: what was taken back is recognised by it, however
    /// it is written and whatever else stands beside it. All settings will do, and then any change is another try. Only a keyed
    /// hash of it is kept; where `Debug` hides a secret, it must not come from that.
    pub meaning: fn(&S) -> Vec<u8>,
    /// The version of the product. What was taken back in one version may be tried anew in another.
    pub version: String,
    /// The settings of safe mode, for a start without any usable content.
    pub fallback: Box<dyn Fn() -> S + Send + Sync>,
}
