//! Honest state: the file, what was accepted, and what runs, as three things.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::again::Waiting;
use crate::files::Other;
use crate::judge::Fingerprint;
use crate::read::Content;
use crate::report::Verdict;
use crate::retire::Overdue;
use crate::tuning::Tuning;
use crate::watch::WatchCounters;

/// Where the watch stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchStatus {
    /// `inotify+poll`, `poll` where not every folder on the way to the file can be watched, or `off`.
    pub mode: String,
    /// The file system that the settings file stands on, or the folder where the file should be.
    #[serde(default)]
    pub filesystem: Option<String>,
    /// Events that named the file (or a link on the way to it) since the start.
    pub events_seen: u64,
    /// How often the kernel had more events than it keeps, and dropped some.
    #[serde(default)]
    pub events_lost: u64,
    /// Looks at the file without an event since the start.
    pub polls_seen: u64,
    /// Saves that an event told of before they were taken.
    #[serde(default)]
    pub seen_by_event: u64,
    /// Saves that the poll alone had found when they were taken.
    #[serde(default)]
    pub seen_by_poll: u64,
    /// Why saves are found by the poll and not by events, in words; `None` where nothing stands in their way. Saves are
    /// taken all the same, a poll or two later.
    #[serde(default)]
    pub without_events: Option<String>,
    /// What keeps saves from arriving, in words with the way out; `None` where nothing is known to.
    pub finding: Option<String>,
}

/// A file that belongs to the content, beside the settings file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherFile {
    /// Its name, as the check asked for it.
    pub file: PathBuf,
    /// Whether it was there when it was last read.
    pub present: bool,
}

/// What the engine is doing now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Nothing.
    #[default]
    Idle,
    /// Somebody is writing the file, or left it half-written a moment ago.
    BeingWritten,
    /// A candidate is being prepared.
    Preparing,
}

/// Honest state: the file, what was accepted, and what runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The settings file.
    pub file: PathBuf,
    /// The files that the last check read beside it: they are watched and hashed as it is.
    #[serde(default)]
    pub others: Vec<OtherFile>,
    /// When the file was last modified, in seconds since 1970; `None` where there is no file.
    pub last_modified: Option<f64>,
    /// The live generation.
    pub generation: u64,
    /// Whether the live generation is the emergency one.
    pub safe_mode: bool,
    /// Whether the file, as last read, is not what runs.
    pub drift: bool,
    /// Keyed hash of the file's bytes as last read, in hexadecimal; `None` where there is no file.
    pub content: Option<String>,
    /// Keyed hash of the content that the live settings were read from; `None` where they were read from no file.
    pub accepted: Option<String>,
    /// What the engine is doing now.
    pub activity: Activity,
    /// What the world refused and is tried again, while the file still says so.
    #[serde(default)]
    pub waiting: Option<Waiting>,
    /// The newest verdict.
    pub last_verdict: Option<Arc<Verdict>>,
    /// Whether the watch should run.
    pub watch_enabled: bool,
    /// Whether the watch does run: no look at the file is overdue.
    pub watch_running: bool,
    /// The watch's counters.
    pub watch: WatchStatus,
    /// Old generations that some unit of work still holds.
    pub retiring: usize,
    /// Those of them that are held for too long, and by whom.
    #[serde(default)]
    pub overdue: Vec<Overdue>,
    /// What is wrong with the history, if it could not be written the last time, or was found damaged at the start.
    pub history_problem: Option<String>,
}

/// What the engine's threads tell each other and the status. Locked for moments only, never on a reader's path.
#[derive(Debug)]
pub(crate) struct Shared {
    file: PathBuf,
    watch_enabled: bool,
    facts: Mutex<Facts>,
}

#[derive(Debug, Default)]
struct Facts {
    tuning: Tuning,
    counters: WatchCounters,
    others: Vec<OtherFile>,
    last_modified: Option<f64>,
    being_written: bool,
    preparing: bool,
    /// The content as last read, as people see it. The outer `None`: not known.
    read: Option<Option<String>>,
    /// The newest content that says what is live; `None`: not known.
    live: Option<Fingerprint>,
    generation: u64,
    safe_mode: bool,
    retiring: usize,
    overdue: Vec<Overdue>,
    /// What was found damaged at the start: nothing mends that.
    history_damage: Option<String>,
    /// Why what was last written there could not be: the journal, and the quarantine.
    journal_problem: Option<String>,
    quarantine_problem: Option<String>,
    last_verdict: Option<Arc<Verdict>>,
    waiting: Option<Waiting>,
}

/// How late a look may be until the watch counts as silent: one that waits for a busy machine is not.
const LATE_MAX: Duration = Duration::from_secs(5);

impl Shared {
    pub(crate) fn new(file: PathBuf, watch_enabled: bool) -> Self {
        Self { file, watch_enabled, facts: Mutex::default() }
    }

    /// A panic while the lock was held leaves plain values behind, each whole.
    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tuning(&self) -> Tuning {
        self.facts().tuning
    }

    pub(crate) fn watch(&self, change: impl FnOnce(&mut WatchCounters)) {
        change(&mut self.facts().counters);
    }

    pub(crate) fn others(&self, others: &[Other]) {
        let told = |other: &Other| OtherFile {
            file: other.path.clone(),
            present: other.content != Content::Missing,
        };
        self.facts().others = others.iter().map(told).collect();
    }

    pub(crate) fn looked(&self, last_modified: Option<f64>) {
        self.facts().last_modified = last_modified;
    }

    pub(crate) fn being_written(&self, being_written: bool) {
        self.facts().being_written = being_written;
    }

    pub(crate) fn preparing(&self, preparing: bool) {
        self.facts().preparing = preparing;
    }

    pub(crate) fn read(&self, content: Option<String>) {
        self.facts().read = Some(content);
    }

    pub(crate) fn live_content(&self, content: Fingerprint) {
        self.facts().live = Some(content);
    }

    /// The content that the live settings were read from; `None` in safe mode, which was read from none.
    pub(crate) fn live(&self) -> Option<Fingerprint> {
        let facts = self.facts();
        facts.live.filter(|_| !facts.safe_mode)
    }

    pub(crate) fn switched(&self, generation: u64, safe_mode: bool, tuning: Tuning) {
        let mut facts = self.facts();
        (facts.generation, facts.safe_mode, facts.tuning) = (generation, safe_mode, tuning);
    }

    pub(crate) fn retiring(&self, retiring: usize, overdue: Vec<Overdue>) {
        let mut facts = self.facts();
        (facts.retiring, facts.overdue) = (retiring, overdue);
    }

    /// Why the watch does not look though it should, in words with the way out.
    pub(crate) fn silence(&self) -> Option<String> {
        self.facts().silence(&self.file).filter(|_| self.watch_enabled)
    }

    pub(crate) fn history_damage(&self, damage: Option<String>) {
        self.facts().history_damage = damage;
    }

    /// Something was written to the journal, or could not be.
    pub(crate) fn journal(&self, problem: Option<String>) {
        self.facts().journal_problem = problem;
    }

    /// The same of the quarantine.
    pub(crate) fn quarantine(&self, problem: Option<String>) {
        self.facts().quarantine_problem = problem;
    }

    pub(crate) fn waiting(&self, waiting: Option<Waiting>) {
        self.facts().waiting = waiting;
    }

    pub(crate) fn said(&self, verdict: Arc<Verdict>) {
        self.facts().last_verdict = Some(verdict);
    }

    /// The outcome of a verdict has become known.
    pub(crate) fn settled(&self, verdict: &Arc<Verdict>) {
        let mut facts = self.facts();
        if let Some(last) = facts.last_verdict.as_mut().filter(|last| last.id == verdict.id) {
            *last = Arc::clone(verdict);
        }
    }

    pub(crate) fn status(&self) -> Status {
        let facts = self.facts();
        let silence = facts.silence(&self.file).filter(|_| self.watch_enabled);
        let looks = facts.counters.looked_at.is_some() && silence.is_none();
        Status {
            file: self.file.clone(),
            others: facts.others.clone(),
            last_modified: facts.last_modified,
            generation: facts.generation,
            safe_mode: facts.safe_mode,
            drift: facts.read != facts.live.map(|live| live.shown()),
            content: facts.read.clone().flatten(),
            accepted: facts.live.and_then(|live| live.shown()),
            activity: match (facts.preparing, facts.being_written) {
                (true, _) => Activity::Preparing,
                (false, true) => Activity::BeingWritten,
                (false, false) => Activity::Idle,
            },
            waiting: facts.waiting.clone(),
            last_verdict: facts.last_verdict.clone(),
            watch_enabled: self.watch_enabled,
            watch_running: self.watch_enabled && looks,
            watch: WatchStatus {
                mode: if self.watch_enabled { facts.counters.mode } else { "off" }.to_owned(),
                filesystem: facts.counters.filesystem.clone(),
                events_seen: facts.counters.events_seen,
                events_lost: facts.counters.events_lost,
                polls_seen: facts.counters.polls_seen,
                seen_by_event: facts.counters.seen_by_event,
                seen_by_poll: facts.counters.seen_by_poll,
                without_events: facts.counters.without_events.clone(),
                finding: silence.or_else(|| facts.counters.finding.clone()),
            },
            retiring: facts.retiring,
            overdue: facts.overdue.clone(),
            history_problem: facts.history_problem().cloned(),
        }
    }
}

impl Facts {
    /// What keeps the next line from being written comes first.
    fn history_problem(&self) -> Option<&String> {
        self.journal_problem.as_ref().or(self.quarantine_problem.as_ref()).or(self.history_damage.as_ref())
    }

    fn silence(&self, file: &Path) -> Option<String> {
        if self.counters.ended {
            return Some("its thread has ended; start anew".to_owned());
        }
        let silent_max = self.tuning.poll + LATE_MAX;
        let silent = self.counters.looked_at.map(|at| at.elapsed()).filter(|silent| *silent >= silent_max)?;
        Some(format!(
            "its last look at `{}` began {} s ago and has not ended: the file system there does not answer; mend the mount",
            file.display(),
            silent.as_secs()
        ))
    }
}
