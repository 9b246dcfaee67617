//! Followers: the owners of what a process has only once. They hold no settings; they follow the live generation.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::generation::{Generation, Live};
use crate::report::{Action, ServiceReport};

/// What a follower did to follow, in words: wholly, or with what it could not do.
pub type Followed = Result<String, String>;

#[derive(Debug)]
struct Slot {
    name: &'static str,
    followed: AtomicU64,
    gone: AtomicBool,
    /// What it did, and for which generation.
    did: Mutex<Option<(u64, Followed)>>,
}

/// The engine's list of followers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Followers {
    slots: Arc<Mutex<Vec<Arc<Slot>>>>,
    stirred: Arc<Notify>,
}

impl Followers {
    pub(crate) fn join<S, V>(
        &self,
        name: &'static str,
        live: Live<S, V>,
        number: watch::Receiver<u64>,
    ) -> Follower<S, V> {
        let slot = Arc::new(Slot {
            name,
            followed: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            did: Mutex::new(None),
        });
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&slot));
        Follower { slot, live, number, stirred: Arc::clone(&self.stirred), seen: 0 }
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

    fn late(&self, number: u64) -> Vec<&'static str> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|slot| !slot.gone.load(Ordering::Acquire));
        slots
            .iter()
            .filter(|slot| slot.followed.load(Ordering::Acquire) < number)
            .map(|slot| slot.name)
            .collect()
    }

    fn reports(&self, number: u64) -> Vec<ServiceReport> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let said = |slot: &Arc<Slot>| {
            let (action, reason) = match slot.did.lock().unwrap_or_else(PoisonError::into_inner).take()? {
                (followed, _) if followed != number => return None,
                (_, Ok(reason)) => (Action::Followed, reason),
                (_, Err(reason)) => (Action::Degraded, reason),
            };
            Some(ServiceReport { name: slot.name.to_owned(), action, reason })
        };
        slots.iter().filter_map(said).collect()
    }
}

/// The receiving end of one follower. Dropping it ends the following; nobody waits for it any more.
#[derive(Debug)]
pub struct Follower<S, V> {
    slot: Arc<Slot>,
    live: Live<S, V>,
    number: watch::Receiver<u64>,
    stirred: Arc<Notify>,
    seen: u64,
}

impl<S, V> Follower<S, V> {
    /// Waits for a generation that this follower has not seen yet (at first: the live one). `None` when the engine
    /// has stopped.
    pub async fn next(&mut self) -> Option<Arc<Generation<S, V>>> {
        let seen = self.seen;
        self.number.wait_for(|number| *number > seen).await.ok()?;
        let generation = self.live.load();
        self.seen = generation.number;
        Some(generation)
    }

    /// Says that this generation is now followed. `did` goes into the verdict: what was done, or, as an error, what
    /// could not be; `None` where nothing had to be done.
    pub fn followed(&self, generation: &Generation<S, V>, did: Option<Followed>) {
        if let Some(did) = did {
            *self.slot.did.lock().unwrap_or_else(PoisonError::into_inner) = Some((generation.number, did));
        }
        self.slot.followed.store(generation.number, Ordering::Release);
        self.stirred.notify_waiters();
    }
}

impl<S, V> Drop for Follower<S, V> {
    fn drop(&mut self) {
        self.slot.gone.store(true, Ordering::Release);
        self.stirred.notify_waiters();
    }
}
