//! Changes that wait: scheduled ones, which go into the settings file at a time, and temporary ones, which apply until a
//! time.
//!
//! ```text
//!  set ─► checked now ─► waits in schedules.json ─► its time ─► the keys say what they said? ─► proposal ─► done · failed
//!                                                                        ╰──► void
//!  set for a while ─► proposal of temporary.json, live now ─► its time ─► proposal without it ─► expired
//! ```
//!
//! Nothing here has a way of its own into effect: every change is a [`Proposal`] with a verdict. `due` is pure and knows
//! no clock; [`Schedules::run`] is the one task that waits.

mod books;
mod due;
mod entry;
mod file;
#[cfg(test)]
mod fuzz;
mod keeper;
mod layer;
mod reading;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::{Notify, broadcast};

pub use entry::{End, Entry, Fate, Kind};
pub use layer::{Swept, Temporary, sweep};

use crate::edit::Change;
use crate::engine::Engine;
use crate::history::HistoryError;
use crate::proposal::{NotProposed, Proposal};
use crate::report::{Cause, Decision, Problem, Verdict};
use books::Books;
use due::Clock;
use file::{Store, WAITING_MAX};
use reading::read_temporary;

/// The file of scheduled changes, in [`Terms::folder`].
pub const SCHEDULES_FILE: &str = "schedules.json";

/// The file of temporary changes, in [`Terms::folder`]: a product's check reads it as a layer of the settings.
pub const TEMPORARY_FILE: &str = "temporary.json";

/// Keys that one entry changes, at most.
const CHANGES_MAX: usize = 64;

/// How far ahead a change may be set.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Listeners that lag behind by more than this miss some ends.
const LAG_MAX: usize = 256;

/// Changes a content of the settings file: [`crate::edit::edit`], or what a product with other spellings has above it.
pub type Edit = fn(&[u8], &[Change]) -> Result<Vec<u8>, Problem>;

/// What a product tells the schedules.
pub struct Terms {
    /// Where the two files stand. One process at a time keeps the times of a folder.
    pub folder: PathBuf,
    /// See [`Edit`].
    pub edit: Edit,
    /// What a content of the settings file says of a key; `None` where it says nothing.
    pub value: fn(&[u8], &str) -> Option<Value>,
    /// Why of these changes, which stand in this content of the settings file now, some have no effect; `None` where all have.
    pub hidden: Box<Hidden>,
    /// The wall's clock.
    pub clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

/// See [`Terms::hidden`].
pub type Hidden = dyn Fn(&[u8], &[Change]) -> Option<String> + Send + Sync;

/// When a change is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// It goes into the settings file at this time.
    At(Timestamp),
    /// It goes into the settings file after this time.
    After(SignedDuration),
    /// It applies now, for this long, and stands in no settings file.
    For(SignedDuration),
}

/// Asks for a change at another time than now.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is to change.
    pub changes: Vec<Change>,
    /// When.
    pub when: When,
    /// Who asks.
    pub actor: Option<String>,
}

/// What was set, or called off.
#[derive(Clone, Debug)]
pub struct Told {
    /// The entry as it is now.
    pub entry: Entry,
    /// The verdict of what took effect at once; `None` where nothing did.
    pub verdict: Option<Arc<Verdict>>,
}

/// Why a change was not set, or not called off.
#[derive(Debug, thiserror::Error)]
pub enum Declined {
    /// It changes nothing, or too much.
    #[error("a change has 1 to {CHANGES_MAX} keys")]
    Changes,
    /// The time is over, or too far away.
    #[error("`{0}` is no time to wait for: it is over, or more than a year ahead")]
    Time(Timestamp),
    /// There is no room.
    #[error("{WAITING_MAX} changes wait already; call one off")]
    Full,
    /// The check refuses it as it would be now.
    #[error("the settings would be refused: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Check(Vec<Problem>),
    /// It did not take effect.
    #[error("it did not take effect: {0}")]
    Verdict(Arc<Verdict>),
    /// It was not even tried.
    #[error(transparent)]
    NotProposed(#[from] NotProposed),
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] HistoryError),
    /// A file cannot be read or written.
    #[error("{0}")]
    File(String),
    /// There is no such entry.
    #[error("no change has the number {0}")]
    Unknown(u64),
    /// It has ended already.
    #[error("the change {} has ended already: {}", .0.id, .0.end.as_ref().map_or("", |end| end.fate.name()))]
    Ended(Box<Entry>),
}

/// The changes of one engine that wait. Cheap to clone; every clone is the same list.
pub struct Schedules<S, V> {
    parts: Arc<Parts<S, V>>,
}

impl<S, V> Clone for Schedules<S, V> {
    fn clone(&self) -> Self {
        Self { parts: Arc::clone(&self.parts) }
    }
}

struct Parts<S, V> {
    engine: Engine<S, V>,
    terms: Terms,
    began: Instant,
    /// Locked while the disk takes its time: only by [`Schedules::write`], on a thread that may wait.
    store: Mutex<Store>,
    /// Locked for moments only.
    books: Mutex<Books>,
    /// One change at a time is set, called off or carried out.
    turn: tokio::sync::Mutex<()>,
    changed: Notify,
    ends: broadcast::Sender<Arc<Entry>>,
}

impl<S: PartialEq + Send + Sync + 'static, V: Send + Sync + 'static> Schedules<S, V> {
    /// Opens what waits. `swept` is what [`sweep`] found before the engine started. The second value is what is damaged, in
    /// words.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(
        engine: Engine<S, V>,
        terms: Terms,
        swept: Swept,
    ) -> Result<(Self, Vec<String>), HistoryError> {
        let (mut store, damage) = Store::open(terms.folder.join(SCHEDULES_FILE))?;
        let now = (terms.clock)();
        if !swept.ended.is_empty() {
            let reason = Some("it ended while nothing ran".to_owned());
            let ended = swept.ended.into_iter().map(|entry| {
                let end = End { fate: Fate::Expired, at: now, reason: reason.clone(), verdict: None };
                Entry { end: Some(end), ..entry }
            });
            store.change(now, |kept| kept.entries.extend(ended))?;
        }
        let (temporary, unread) = match read_temporary(&terms.folder.join(TEMPORARY_FILE)) {
            Ok(temporary) => (temporary, None),
            Err(problem) => {
                let told = format!("no temporary change ends before the file of them can be read: {problem}");
                (Temporary::default(), Some(told))
            }
        };
        let (deadlines, unwritten, again, put_by) = Default::default();
        let kept = store.kept.clone();
        let books = Books { kept, temporary, deadlines, unwritten, again, put_by };
        let parts = Parts {
            engine,
            terms,
            began: Instant::now(),
            store: Mutex::new(store),
            books: Mutex::new(books),
            turn: tokio::sync::Mutex::new(()),
            changed: Notify::new(),
            ends: broadcast::channel(LAG_MAX).0,
        };
        let damage = swept.damage.into_iter().chain(damage).chain(unread).collect();
        Ok((Self { parts: Arc::new(parts) }, damage))
    }

    /// Everything that waits, the earliest first, then what has ended, the latest first.
    pub fn list(&self) -> Vec<Entry> {
        let books = self.books();
        let written = books.temporary.entries.iter().chain(&books.kept.entries);
        let all = written.filter(|entry| !books.unwritten.contains_key(&entry.id));
        let all = all.chain(books.unwritten.values());
        let (mut waiting, mut ended): (Vec<Entry>, Vec<Entry>) = all.cloned().partition(Entry::waits);
        waiting.sort_by_key(|entry| (entry.at, entry.id));
        ended.sort_by_key(|entry| std::cmp::Reverse((entry.end.as_ref().map(|end| end.at), entry.id)));
        waiting.into_iter().chain(ended).collect()
    }

    /// Why a change whose time has come could not be carried out, or its end not be written: it is tried again.
    pub fn problem(&self, id: u64) -> Option<String> {
        self.books().again.get(&id).map(|again| again.problem.clone())
    }

    /// Every entry from now on, as it ends.
    pub fn ends(&self) -> broadcast::Receiver<Arc<Entry>> {
        self.parts.ends.subscribe()
    }

    /// Has what the clocks say looked at now.
    pub fn look(&self) {
        self.parts.changed.notify_one();
    }

    /// Sets a change. What the check refuses as it would be now is declined at once.
    ///
    /// # Errors
    /// [`Declined`].
    pub async fn set(&self, request: Request) -> Result<Told, Declined> {
        let _turn = self.parts.turn.lock().await;
        if request.changes.is_empty() || request.changes.len() > CHANGES_MAX {
            return Err(Declined::Changes);
        }
        let now = (self.parts.terms.clock)();
        let (kind, at, relative) = match request.when {
            When::At(at) => (Kind::Scheduled, at, false),
            When::After(length) => (Kind::Scheduled, after(now, length), true),
            When::For(length) => (Kind::Temporary, after(now, length), true),
        };
        let ahead = at.duration_since(now);
        if !ahead.is_positive() || ahead > AHEAD_MAX {
            return Err(Declined::Time(at));
        }
        let temporary = self.temporary().await?;
        if temporary.entries.len() + self.books().kept.waiting().count() >= WAITING_MAX {
            return Err(Declined::Full);
        }
        let Request { changes, actor, .. } = request;
        let expected = match kind {
            Kind::Scheduled => self.expected(&changes).await?,
            Kind::Temporary => Default::default(),
        };
        let id = self.write(move |kept| kept.fresh_id(&temporary.entries)).await?;
        let entry = Entry { id, kind, at, relative, changes, expected, actor, set_at: now, end: None };
        let verdict = match kind {
            Kind::Scheduled => {
                let kept = entry.clone();
                self.write(move |all| all.entries.push(kept)).await?;
                None
            }
            Kind::Temporary => {
                let with = entry.clone();
                let actor = entry.actor.clone();
                let put = |entries: &mut Vec<Entry>| entries.push(with.clone());
                let verdict = self.replace(Cause::Edit, actor, put).await?;
                self.books().put_by.insert(id, verdict.id);
                Some(verdict)
            }
        };
        Ok(Told { entry, verdict })
    }

    /// Calls a change off.
    ///
    /// # Errors
    /// [`Declined`].
    pub async fn cancel(&self, id: u64, actor: Option<String>) -> Result<Told, Declined> {
        let _turn = self.parts.turn.lock().await;
        let entry = self.list().into_iter().find(|entry| entry.id == id).ok_or(Declined::Unknown(id))?;
        if !entry.waits() {
            return Err(Declined::Ended(Box::new(entry)));
        }
        let reason = actor.as_ref().map(|actor| format!("called off by `{actor}`"));
        let verdict = match entry.kind {
            Kind::Scheduled => None,
            Kind::Temporary => {
                let without = |entries: &mut Vec<Entry>| entries.retain(|entry| entry.id != id);
                Some(self.replace(Cause::Edit, actor, without).await?)
            }
        };
        let entry = self.end(entry, Fate::Cancelled, reason, verdict.as_deref()).await?;
        Ok(Told { entry, verdict })
    }

    /// Puts other temporary changes into effect, or none.
    async fn replace(
        &self,
        cause: Cause,
        actor: Option<String>,
        change: impl Fn(&mut Vec<Entry>),
    ) -> Result<Arc<Verdict>, Declined> {
        let mut temporary = self.temporary().await?;
        change(&mut temporary.entries);
        let content = temporary.bytes().map_err(|error| Declined::File(error.to_string()))?;
        let file = Some(self.parts.terms.folder.join(TEMPORARY_FILE));
        let proposal = Proposal { file, content, cause, actor, if_match: None, allow_empty: true };
        let verdict = self.parts.engine.propose(proposal).await?;
        if matches!(verdict.verdict, Decision::Rejected | Decision::Superseded) {
            return Err(Declined::Verdict(verdict));
        }
        change(&mut self.books().temporary.entries);
        Ok(verdict)
    }

    fn clock(&self) -> Clock {
        Clock { wall: (self.parts.terms.clock)(), steady: self.parts.began.elapsed() }
    }
}

fn after(now: Timestamp, length: SignedDuration) -> Timestamp {
    now.saturating_add(length).unwrap_or(Timestamp::MAX)
}
