//! Followers: the owners of what a process has only once. They hold no settings; they follow the live generation.
//!
//! A follower says what it takes out of a generation. One that takes the same out of the next has followed it already:
//! it is not woken, and nobody waits for it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::generation::{Generation, Live};
use crate::report::{Action, ServiceReport};

/// What a follower did to follow, in words: wholly, or with what it could not do.
pub type Followed = Result<String, String>;

/// Whether a generation differs in what a follower takes out of it from the one that it last followed wholly.
type Concerns<S, V> = dyn Fn(&Generation<S, V>) -> bool + Send + Sync;
/// Remembers what was followed wholly; `None`: something was not.
type Remember<S, V> = dyn Fn(Option<&Generation<S, V>>) + Send + Sync;

/// What the engine and a follower know of each other.
struct Slot<S, V> {
    name: &'static str,
    followed: AtomicU64,
    gone: AtomicBool,
    /// What it did, and for which generation.
    did: Mutex<Option<(u64, Followed)>>,
    concerns: Box<Concerns<S, V>>,
    remember: Box<Remember<S, V>>,
}

impl<S, V> Slot<S, V> {
    /// Whether a generation has something to follow. Where what the follower takes out of it panics, which the program's hook
    /// has told, it is asked all the same: the switch and its verdict must not end with it.
    fn is_concerned(&self, generation: &Generation<S, V>) -> bool {
        catch_unwind(AssertUnwindSafe(|| (self.concerns)(generation))).unwrap_or(true)
    }
}

/// One line of the engine's list: a follower, and the newest generation that it was woken for.
struct Line<S, V> {
    slot: Arc<Slot<S, V>>,
    woken: watch::Sender<u64>,
}

/// The engine's list of followers; `None` once the engine has stopped.
type Lines<S, V> = Option<Vec<Line<S, V>>>;

pub(crate) struct Followers<S, V> {
    lines: Arc<Mutex<Lines<S, V>>>,
    stirred: Arc<Notify>,
}

impl<S, V> Clone for Followers<S, V> {
    fn clone(&self) -> Self {
        Self { lines: Arc::clone(&self.lines), stirred: Arc::clone(&self.stirred) }
    }
}

impl<S, V> Default for Followers<S, V> {
    fn default() -> Self {
        Self { lines: Arc::new(Mutex::new(Some(Vec::new()))), stirred: Arc::default() }
    }
}

impl<S, V> Followers<S, V> {
    /// `None`: the engine has stopped.
    pub(crate) fn join<I: PartialEq + Send + 'static>(
        &self,
        name: &'static str,
        live: Live<S, V>,
        inputs: impl Fn(&Generation<S, V>) -> I + Send + Sync + 'static,
    ) -> Option<Follower<S, V>> {
        let mut lines = self.lines();
        let now = Arc::new(Mutex::new(None));
        let (known, inputs) = (Arc::clone(&now), Arc::new(inputs));
        let inputs_too = Arc::clone(&inputs);
        let slot = Arc::new(Slot {
            name,
            followed: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            did: Mutex::new(None),
            concerns: Box::new(move |generation| {
                known.lock().unwrap_or_else(PoisonError::into_inner).as_ref() != Some(&inputs(generation))
            }),
            remember: Box::new(move |generation| {
                *now.lock().unwrap_or_else(PoisonError::into_inner) =
                    generation.map(|generation| inputs_too(generation));
            }),
        });
        // Under the lock: a switch either finds this line, or has happened before.
        let (woken, receiver) = watch::channel(live.peek().number);
        lines.as_mut()?.push(Line { slot: Arc::clone(&slot), woken });
        Some(Follower { slot, live, woken: receiver, stirred: Arc::clone(&self.stirred), seen: 0 })
    }

    /// Wakes everybody whom this generation, which is live now, concerns.
    pub(crate) fn wake(&self, generation: &Generation<S, V>) {
        let number = generation.number;
        for Line { slot, woken } in self.lines().iter().flatten() {
            let idle = slot.followed.load(Ordering::Acquire) >= *woken.borrow();
            if idle && !slot.is_concerned(generation) {
                slot.followed.fetch_max(number, Ordering::AcqRel);
            } else {
                woken.send_replace(number);
            }
        }
    }

    /// Everybody whom this generation would concern if it went live now.
    pub(crate) fn concerned(&self, generation: &Generation<S, V>) -> Vec<&'static str> {
        let lines = self.lines();
        let there = lines.iter().flatten().map(|line| &line.slot);
        let there = there.filter(|slot| !slot.gone.load(Ordering::Acquire));
        there.filter(|slot| slot.is_concerned(generation)).map(|slot| slot.name).collect()
    }

    /// Waits until every follower has followed `number`, for at most `deadline`; tells what each did.
    pub(crate) async fn all(&self, number: u64, deadline: Duration) -> Vec<ServiceReport> {
        let waited = tokio::time::timeout(deadline, async {
            loop {
                let stirred = self.stirred.notified();
                tokio::pin!(stirred);
                stirred.as_mut().enable();
                if self.late(number).is_empty() {
                    return;
                }
                stirred.await;
            }
        });
        let late = match waited.await {
            Ok(()) => Vec::new(),
            Err(_) => self.late(number),
        };
        let mut reports = self.reports(number);
        for name in late {
            let reason = format!("did not follow within {} ms", deadline.as_millis());
            tracing::error!(follower = name, generation = number, "{reason}");
            reports.push(ServiceReport { name: name.to_owned(), action: Action::Degraded, reason });
        }
        reports
    }

    /// Ends the following.
    pub(crate) fn close(&self) {
        self.lines().take();
    }

    fn late(&self, number: u64) -> Vec<&'static str> {
        let mut lines = self.lines();
        let Some(lines) = lines.as_mut() else { return Vec::new() };
        lines.retain(|line| !line.slot.gone.load(Ordering::Acquire));
        lines
            .iter()
            .filter(|line| line.slot.followed.load(Ordering::Acquire) < number)
            .map(|line| line.slot.name)
            .collect()
    }

    fn reports(&self, number: u64) -> Vec<ServiceReport> {
        let lines = self.lines();
        let said = |line: &Line<S, V>| {
            let Line { slot, .. } = line;
            let (action, reason) = match slot.did.lock().unwrap_or_else(PoisonError::into_inner).take()? {
                (followed, _) if followed != number => return None,
                (_, Ok(reason)) => (Action::Followed, reason),
                (_, Err(reason)) => (Action::Degraded, reason),
            };
            Some(ServiceReport { name: slot.name.to_owned(), action, reason })
        };
        lines.iter().flatten().filter_map(said).collect()
    }

    fn lines(&self) -> MutexGuard<'_, Lines<S, V>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The receiving end of one follower. Dropping it ends the following; nobody waits for it any more.
pub struct Follower<S, V> {
    slot: Arc<Slot<S, V>>,
    live: Live<S, V>,
    woken: watch::Receiver<u64>,
    stirred: Arc<Notify>,
    seen: u64,
}

impl<S, V> Follower<S, V> {
    /// Waits for a generation that concerns this follower and that it has not seen yet (at first: the live one).
    /// `None` when the engine has stopped.
    pub async fn next(&mut self) -> Option<Arc<Generation<S, V>>> {
        let seen = self.seen;
        self.woken.wait_for(|number| *number > seen).await.ok()?;
        let generation = self.live.load();
        self.seen = generation.number;
        Some(generation)
    }

    /// Says that this generation is now followed. `did` goes into the verdict: what was done, or, as an error, what
    /// could not be, which the next generation asks for again; `None` where nothing had to be done.
    pub fn followed(&self, generation: &Generation<S, V>, did: Option<Followed>) {
        let wholly = !matches!(did, Some(Err(_)));
        (self.slot.remember)(Some(generation).filter(|_| wholly));
        if let Some(did) = did {
            *self.slot.did.lock().unwrap_or_else(PoisonError::into_inner) = Some((generation.number, did));
        }
        self.slot.followed.fetch_max(generation.number, Ordering::AcqRel);
        self.stirred.notify_waiters();
    }
}

impl<S, V> Drop for Follower<S, V> {
    fn drop(&mut self) {
        self.slot.gone.store(true, Ordering::Release);
        self.stirred.notify_waiters();
    }
}

impl<S, V> fmt::Debug for Follower<S, V> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Follower")
            .field("name", &self.slot.name)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}
