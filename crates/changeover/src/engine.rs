//! The engine: one watch, one changeover at a time, one pointer.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::generation::{Generation, Identity, Live, Service};
use crate::report::{Cause, Problem, Verdict};

/// Times and limits of the engine. They come from the settings themselves, so they change live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Quiet time after the last change before a content is refused.
    pub settle: Duration,
    /// How often the file is looked at without an event.
    pub poll: Duration,
    /// For how long a file may stay open for writing before it is judged as it is.
    pub open_max: Duration,
    /// How long the preparation of a candidate may take.
    pub prepare_deadline: Duration,
    /// Number of verdicts and of contents that the history keeps.
    pub history_max: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(150),
            poll: Duration::from_millis(500),
            open_max: Duration::from_secs(5),
            prepare_deadline: Duration::from_secs(10),
            history_max: 1_000,
        }
    }
}

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
#[derive(Clone, Debug)]
pub struct Accepted<S> {
    /// The settings, defaulted and checked.
    pub settings: S,
    /// What is doubtful, but no reason to refuse.
    pub warnings: Vec<Problem>,
    /// Byte ranges of the content that are secret values (without their quotes), in order. The history cuts
    /// them out.
    pub secrets: Vec<std::ops::Range<usize>>,
}

/// A pure function from a content to settings, or to everything that is wrong with it.
pub type Check<S> = dyn Fn(&[u8], Occasion) -> Result<Accepted<S>, Vec<Problem>> + Send + Sync;

/// Builds the services of a candidate, or says why the world does not allow it. Dropping the future must undo
/// everything it has made.
pub type Prepare<S, V> =
    dyn Fn(Preparation<S, V>) -> Pin<Box<dyn Future<Output = Result<V, Vec<Problem>>> + Send>> + Send + Sync;

/// Everything that the engine needs to know of a product: two files and four plain functions.
pub struct Blueprint<S, V> {
    /// The settings file. It need not exist.
    pub file: PathBuf,
    /// Where the history is kept; made if absent, mode 0700.
    pub state_dir: PathBuf,
    /// Whether the file is watched. Without a watch, [`Engine::reload`] still reads it.
    pub watch: bool,
    /// See [`Check`]. An absent file at the start is checked as `{}`.
    pub check: Box<Check<S>>,
    /// See [`Prepare`].
    pub prepare: Box<Prepare<S, V>>,
    /// The engine's own settings, taken out of the product's.
    pub tuning: fn(&S) -> Tuning,
    /// The settings of safe mode, for a start without any usable content.
    pub fallback: fn() -> S,
}

/// One preparation of a candidate: what it starts from, and the book of what it did.
pub struct Preparation<S, V> {
    /// The candidate's settings.
    pub settings: Arc<S>,
    /// The generation that is live meanwhile; `None` at the start.
    pub live: Option<Arc<Generation<S, V>>>,
    /// The number that the candidate will have if it goes live.
    pub number: u64,
    /// Whether this is the emergency generation of a start without usable settings.
    pub safe_mode: bool,
    /// A folder that is the candidate's alone. Not made until it is needed; swept when the candidate is refused.
    pub scratch: PathBuf,
}

impl<S, V> Preparation<S, V> {
    /// One service of the candidate: carried over from `live` when `inputs` and `depends_on` are the same, built
    /// by `build` otherwise.
    ///
    /// # Errors
    /// What `build` refuses with.
    pub async fn service<I, T, F>(
        &self,
        name: &'static str,
        live: Option<&Service<I, T>>,
        inputs: I,
        depends_on: &[(&'static str, Identity)],
        build: impl FnOnce(&I) -> F,
    ) -> Result<Service<I, T>, Vec<Problem>>
    where
        I: PartialEq + Serialize,
        F: Future<Output = Result<T, Vec<Problem>>>,
    {
        let _ = (name, live, inputs, depends_on, build);
        todo!()
    }
}

/// Where the watch stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchStatus {
    /// `inotify+poll`, `poll` where there are no events, or `off`.
    pub mode: String,
    /// Events of the file's folders seen since the start.
    pub events_seen: u64,
    /// Looks at the file without an event since the start.
    pub polls_seen: u64,
}

/// Honest state: the file, what was accepted, and what runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The settings file.
    pub file: PathBuf,
    /// When the file was last modified, in seconds since 1970; `None` where there is no file.
    pub last_modified: Option<f64>,
    /// The live generation.
    pub generation: u64,
    /// Whether the live generation is the emergency one.
    pub safe_mode: bool,
    /// Whether the file, as last read, is not what runs.
    pub drift: bool,
    /// Keyed hash of the file's bytes as last read, in hexadecimal.
    pub content: Option<String>,
    /// `idle`, `being written`, `preparing`.
    pub activity: String,
    /// The newest verdict.
    pub last_verdict: Option<Verdict>,
    /// Whether the watch should run.
    pub watch_enabled: bool,
    /// Whether the watch does run.
    pub watch_running: bool,
    /// The watch's counters.
    pub watch: WatchStatus,
    /// Old generations that some unit of work still holds.
    pub retiring: usize,
    /// What is wrong with the history, if it cannot be written.
    pub history_problem: Option<String>,
}

/// The handle to a running engine. Cheap to clone.
pub struct Engine<S, V> {
    live: Live<S, V>,
}

impl<S: PartialEq + Send + Sync + 'static, V: Send + Sync + 'static> Engine<S, V> {
    /// Reads, checks and prepares the first generation, and starts to watch.
    ///
    /// # Errors
    /// The problems of a first generation that could not be prepared.
    pub async fn start(blueprint: Blueprint<S, V>) -> Result<Self, Vec<Problem>> {
        let _ = blueprint;
        todo!()
    }

    /// The pointer to the live generation.
    pub fn live(&self) -> &Live<S, V> {
        &self.live
    }

    /// Where everything stands now.
    pub fn status(&self) -> Status {
        todo!()
    }

    /// Every verdict from now on.
    pub fn verdicts(&self) -> broadcast::Receiver<Arc<Verdict>> {
        todo!()
    }

    /// The newest verdicts, newest first.
    pub fn history(&self, limit: usize) -> Vec<Arc<Verdict>> {
        let _ = limit;
        todo!()
    }

    /// Reads the file again, whether or not it changed, and waits for the verdict.
    pub async fn reload(&self) -> Verdict {
        todo!()
    }

    /// Checks a content without doing anything.
    ///
    /// # Errors
    /// Everything that is wrong with the content.
    pub fn check(&self, content: &[u8], occasion: Occasion) -> Result<Accepted<S>, Vec<Problem>> {
        let _ = (content, occasion);
        todo!()
    }

    /// Registers the owner of something that a process has only once (a listener, a folder watch, the log
    /// filter). From now on `applied` is said only after this follower has followed.
    pub fn follower(&self, name: &'static str) -> Follower<S, V> {
        let _ = name;
        todo!()
    }

    /// Stops the watch and the changeovers. The live generation stays as it is.
    pub async fn shutdown(&self) {
        let _ = Cause::Start;
        todo!()
    }
}

/// The receiving end of one follower.
pub struct Follower<S, V> {
    live: Live<S, V>,
}

impl<S, V> Follower<S, V> {
    /// Waits for a generation that this follower has not followed yet (at first: the live one). `None` when the
    /// engine has stopped.
    pub async fn next(&mut self) -> Option<Arc<Generation<S, V>>> {
        Some(self.live.load())
    }

    /// Says that the follower now follows this generation: wholly, or with what it could not do. `did` goes into
    /// the verdict; `None` says that nothing had to be done.
    pub fn followed(&mut self, generation: &Generation<S, V>, did: Option<Result<String, String>>) {
        let _ = (generation, did);
    }
}
