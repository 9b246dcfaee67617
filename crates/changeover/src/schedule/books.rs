//! What is known of the changes that wait, and how it is written.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::due::{Deadlines, carried_out};
use super::entry::{End, Entry, Fate, Kind};
use super::file::Kept;
use super::keeper::Again;
use super::layer::Temporary;
use super::{Declined, Schedules};
use crate::history::HistoryError;
use crate::report::Verdict;

/// What the listings and the keeper look at.
pub(super) struct Books {
    /// What `schedules.json` was last written with.
    pub(super) kept: Kept,
    pub(super) temporary: Temporary,
    pub(super) deadlines: Deadlines,
    /// What has ended and is not written yet: it is listed as ended, and not done again.
    pub(super) unwritten: BTreeMap<u64, Entry>,
    /// What could not be carried out, or written, and when it is tried again.
    pub(super) again: BTreeMap<u64, Again>,
    /// The verdicts that put the temporary changes of this process into effect.
    pub(super) put_by: BTreeMap<u64, u64>,
}

impl Books {
    /// Forgets what is known of an entry that has ended.
    pub(super) fn let_go(&mut self, id: u64) {
        self.unwritten.remove(&id);
        self.again.remove(&id);
        self.put_by.remove(&id);
    }
}

impl<S: PartialEq + Send + Sync + 'static, V: Send + Sync + 'static> Schedules<S, V> {
    /// A panic while the lock was held leaves plain values behind, each whole.
    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.parts.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what became of an entry, and tells it. Where it has happened and cannot be written, that alone is tried again.
    pub(super) async fn end(
        &self,
        entry: Entry,
        fate: Fate,
        reason: Option<String>,
        verdict: Option<&Verdict>,
    ) -> Result<Entry, Declined> {
        let at = (self.parts.terms.clock)();
        let end = End { fate, at, reason, verdict: verdict.map(|verdict| verdict.id) };
        let entry = Entry { end: Some(end), ..entry };
        // What is scheduled is called off by what is written alone.
        if entry.kind == Kind::Temporary || fate != Fate::Cancelled {
            self.books().unwritten.insert(entry.id, entry.clone());
            // Whoever called it off may be gone before it is written.
            self.look();
        }
        self.record(entry).await
    }

    /// Writes that an entry has ended, with what those behind it expect from now on, and tells it.
    pub(super) async fn record(&self, entry: Entry) -> Result<Entry, Declined> {
        let (ended, schedules) = (entry.clone(), self.clone());
        self.write(move |kept| {
            kept.entries.retain(|entry| entry.id != ended.id);
            if ended.end.as_ref().is_some_and(|end| end.fate == Fate::Done) {
                carried_out(&ended, &mut kept.entries, |value| schedules.hash(value));
            }
            kept.entries.push(ended);
        })
        .await?;
        self.books().let_go(entry.id);
        // Nobody needs to listen.
        drop(self.parts.ends.send(Arc::new(entry.clone())));
        Ok(entry)
    }

    /// Changes `schedules.json`, on a thread where it may take its time. Also when whoever asked is gone meanwhile, one
    /// change is written after the other, and the books say what was written.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Kept) -> T + Send + 'static,
    ) -> Result<T, Declined> {
        let schedules = self.clone();
        let now = (self.parts.terms.clock)();
        let write = move || {
            let mut store = schedules.parts.store.lock().unwrap_or_else(PoisonError::into_inner);
            let changed = store.change(now, change)?;
            schedules.books().kept = store.kept.clone();
            schedules.look();
            Ok::<T, HistoryError>(changed)
        };
        let written = tokio::task::spawn_blocking(write).await;
        Ok(written.map_err(|error| Declined::File(error.to_string()))??)
    }
}
