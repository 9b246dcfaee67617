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

    fn is_late(&self, number: u64) -> bool {
        self.followed.load(Ordering::Acquire) < number && !self.gone.load(Ordering::Acquire)
    }
}

/// One line of the engine's list: a follower, and the newest generation that it was woken for; `None` once the engine has
/// stopped, and nobody is woken any more.
struct Line<S, V> {
    slot: Arc<Slot<S, V>>,
    woken: Option<watch::Sender<u64>>,
}

/// The engine's list of followers. It outlives the end of the following: a last verdict names who is late.
struct Lines<S, V> {
    all: Vec<Line<S, V>>,
    closed: bool,
}

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
        let lines = Lines { all: Vec::new(), closed: false };
        Self { lines: Arc::new(Mutex::new(lines)), stirred: Arc::default() }
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
        let mut lines = self.lines();
        if lines.closed {
            return None;
        }
        // Under the lock: a switch either finds this line, or has happened before.
        let (woken, receiver) = watch::channel(live.peek().number);
        lines.all.push(Line { slot: Arc::clone(&slot), woken: Some(woken) });
        Some(Follower { slot, live, woken: receiver, stirred: Arc::clone(&self.stirred), seen: 0 })
    }

    /// Wakes everybody whom this generation, which is live now, concerns.
    pub(crate) fn wake(&self, generation: &Generation<S, V>) {
        let number = generation.number;
        for Line { slot, woken } in &self.lines().all {
            let woken_for = woken.as_ref().map_or(0, |woken| *woken.borrow());
            let idle = slot.followed.load(Ordering::Acquire) >= woken_for;
            if idle && !slot.is_concerned(generation) {
                slot.followed.fetch_max(number, Ordering::AcqRel);
            } else if let Some(woken) = woken {
                woken.send_replace(number);
            }
        }
    }

    /// Everybody whom this generation would concern if it went live now.
    pub(crate) fn concerned(&self, generation: &Generation<S, V>) -> Vec<&'static str> {
        let lines = self.lines();
        let there = lines.all.iter().map(|line| &line.slot);
        let there = there.filter(|slot| !slot.gone.load(Ordering::Acquire));
        there.filter(|slot| slot.is_concerned(generation)).map(|slot| slot.name).collect()
    }

    /// Waits until every follower has followed `number`, for at most `deadline`, or until the engine stops; tells what each
    /// did, or that it is late.
    pub(crate) async fn all(&self, number: u64, deadline: Duration) -> Vec<ServiceReport> {
        let waited = tokio::time::timeout(deadline, async {
            loop {
                let stirred = self.stirred.notified();
                tokio::pin!(stirred);
                stirred.as_mut().enable();
                if !self.waits_for(number) {
                    return;
                }
                stirred.await;
            }
        });
        let limit = match waited.await {
            Ok(()) => "before the engine stopped".to_owned(),
            Err(_) => format!("within {} ms", deadline.as_millis()),
        };
        self.reports(number, &limit)
    }

    /// Ends the following.
    pub(crate) fn close(&self) {
        let mut lines = self.lines();
        lines.closed = true;
        lines.all.iter_mut().for_each(|line| line.woken = None);
        drop(lines);
        self.stirred.notify_waiters();
    }

    /// Whether there is anybody to wait for. Forgets who has gone.
    fn waits_for(&self, number: u64) -> bool {
        let mut lines = self.lines();
        lines.all.retain(|line| !line.slot.gone.load(Ordering::Acquire));
        !lines.closed && lines.all.iter().any(|line| line.slot.is_late(number))
    }

    /// One line for each that has followed, and for each that had not done so at this limit.
    fn reports(&self, number: u64, limit: &str) -> Vec<ServiceReport> {
        let said = |Line { slot, .. }: &Line<S, V>| {
            // In this order: who follows just now says first what it did.
            let late = slot.is_late(number);
            let did = slot.did.lock().unwrap_or_else(PoisonError::into_inner).take();
            let (action, reason) = match did.filter(|(followed, _)| *followed == number) {
                Some((_, Ok(reason))) => (Action::Followed, reason),
                Some((_, Err(reason))) => (Action::Degraded, reason),
                None if late => {
                    let reason = format!("did not follow {limit}");
                    tracing::error!(follower = slot.name, generation = number, "{reason}");
                    (Action::Degraded, reason)
                }
                None => return None,
            };
            Some(ServiceReport { name: slot.name.to_owned(), action, reason })
        };
        self.lines().all.iter().filter_map(said).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn generation(number: u64) -> Arc<Generation<u64, ()>> {
        Arc::new(Generation { number, settings: Arc::new(number), services: Arc::new(()), safe_mode: false })
    }

    #[tokio::test]
    async fn who_follows_at_the_last_moment_is_told_once() {
        let (followers, live) = (Followers::default(), Live::new(generation(1)).0);
        let follower = followers.join("listener", live.clone(), |generation| *generation.settings).unwrap();
        let next = generation(2);
        live.swap(Arc::clone(&next));
        followers.wake(&next);
        // It has said what it did, and not yet that it has followed.
        *follower.slot.did.lock().unwrap() = Some((2, Ok("moved".to_owned())));
        let reports = followers.all(2, Duration::ZERO).await;
        let told: Vec<_> = reports.iter().map(|report| (report.action, report.reason.as_str())).collect();
        assert_eq!(told, [(Action::Followed, "moved")]);
    }
}
