//! What is remembered of verdicts: the newest whole, of the older ones as much as decisions need. The rest stands in the
//! journal.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::{CONTENTS_MAX, HistoryError, read_history};
use crate::report::{Decision, Outcome, Verdict};

/// Verdicts that are remembered whole, at most.
pub const RECENT_MAX: usize = 100;

/// Verdicts that are kept at least: the last known good, and the newest.
pub(super) const VERDICTS_MIN: usize = 2;

/// The verdicts of one state directory.
#[derive(Debug)]
pub(crate) struct Verdicts {
    state_dir: PathBuf,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    /// The newest, newest last.
    recent: VecDeque<Arc<Verdict>>,
    /// All that the history keeps, newest last.
    kept: VecDeque<Known>,
}

/// What decisions need of a verdict.
#[derive(Clone, Debug)]
struct Known {
    id: u64,
    decision: Decision,
    outcome: Option<Outcome>,
    content: Option<Box<str>>,
    at: Timestamp,
}

impl Known {
    fn is_kept(&self) -> bool {
        self.outcome == Some(Outcome::Kept) && self.content.is_some()
    }

    fn is_applied(&self) -> bool {
        self.decision == Decision::Applied
    }
}

impl Verdicts {
    pub(super) fn new(state_dir: &Path) -> Self {
        Self { state_dir: state_dir.to_owned(), books: Mutex::default() }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest ones, newest first; [`RECENT_MAX`] at most.
    pub(crate) fn recent(&self, limit: usize) -> Vec<Arc<Verdict>> {
        self.books().recent.iter().rev().take(limit).cloned().collect()
    }

    /// Those whose ids are below `before`, newest first. Reads the journal where those at hand do not do.
    pub(crate) fn before(&self, before: u64, limit: usize) -> Result<Vec<Arc<Verdict>>, HistoryError> {
        let is_before = |verdict: &&Arc<Verdict>| verdict.id < before;
        let (mut newest, all, oldest) = {
            let books = self.books();
            let newest: Vec<_> = books.recent.iter().rev().filter(is_before).take(limit).cloned().collect();
            let oldest = books.recent.front().map_or(before, |verdict| verdict.id);
            (newest, books.kept.len() == books.recent.len(), oldest.min(before))
        };
        if newest.len() < limit && !all {
            let older =
                read_history(&self.state_dir)?.into_iter().rev().filter(|verdict| verdict.id < oldest);
            let wanted = limit - newest.len();
            newest.extend(older.filter(|verdict| self.keeps(verdict.id)).take(wanted).map(Arc::new));
        }
        Ok(newest)
    }

    /// Whether the history keeps this verdict.
    pub(super) fn keeps(&self, id: u64) -> bool {
        self.books().kept.binary_search_by_key(&id, |known| known.id).is_ok()
    }

    /// What became of a commit, if that is known.
    pub(crate) fn outcome_of(&self, id: u64) -> Option<Outcome> {
        self.books().kept.iter().rev().find(|known| known.id == id)?.outcome
    }

    /// Hashes of the contents to fall back to, each once: the newest that have shown that they work, then the newest
    /// that were applied and not taken back.
    pub(super) fn good(&self) -> Vec<String> {
        let books = self.books();
        let newest = || books.kept.iter().rev();
        let content = |known: &Known| known.content.as_deref().map(str::to_owned);
        let kept: Vec<String> = newest().filter(|known| known.is_kept()).filter_map(content).collect();
        let reverted = newest().filter(|known| known.outcome == Some(Outcome::Reverted)).filter_map(content);
        // Kept later, after an earlier revert, is kept.
        let known: HashSet<&String> = kept.iter().collect();
        let mut seen: HashSet<String> = reverted.filter(|hash| !known.contains(hash)).collect();
        drop(known);
        let applied = newest().filter(|known| known.is_applied()).filter_map(content);
        kept.into_iter().chain(applied).filter(|hash| seen.insert(hash.clone())).take(CONTENTS_MAX).collect()
    }

    /// Hashes of every content that a kept verdict is about, each once: those to fall back to first, then the newest.
    pub(super) fn contents(&self) -> Vec<String> {
        let mut all = self.good();
        let mut seen: HashSet<String> = all.iter().cloned().collect();
        let books = self.books();
        let newest = books.kept.iter().rev().filter_map(|known| known.content.as_deref());
        all.extend(newest.filter(|hash| seen.insert((*hash).to_owned())).map(str::to_owned));
        all
    }

    /// Whether a content has shown that it works.
    pub(super) fn is_proven(&self, content: &str) -> bool {
        let books = self.books();
        let mut of_it = books.kept.iter().rev().filter(|known| known.content.as_deref() == Some(content));
        of_it.find_map(|known| known.outcome).is_some_and(|outcome| outcome == Outcome::Kept)
    }

    /// Whether the defaults were live once, without any file, and were not taken back.
    pub(super) fn ran_without_a_file(&self) -> bool {
        let without = |known: &Known| {
            known.is_applied() && known.content.is_none() && known.outcome != Some(Outcome::Reverted)
        };
        self.books().kept.iter().any(without)
    }

    /// Adds the outcome to a verdict that is kept; gives it where it is still at hand.
    pub(super) fn settle(&self, id: u64, outcome: Outcome) -> Option<Arc<Verdict>> {
        let mut books = self.books();
        books.kept.iter_mut().rev().find(|known| known.id == id)?.outcome = Some(outcome);
        let verdict = books.recent.iter_mut().rev().find(|verdict| verdict.id == id)?;
        *verdict = Arc::new(Verdict { outcome: Some(outcome), ..verdict.as_ref().clone() });
        Some(Arc::clone(verdict))
    }

    pub(super) fn push(&self, verdict: Arc<Verdict>, history_max: usize) {
        let mut books = self.books();
        let content = verdict.content.as_deref().map(Box::from);
        let Verdict { id, verdict: decision, outcome, at, .. } = *verdict;
        books.kept.push_back(Known { id, decision, outcome, content, at });
        books.recent.push_back(verdict);
        if books.recent.len() > RECENT_MAX {
            books.recent.pop_front();
        }
        let excess = books.kept.len().saturating_sub(history_max.max(VERDICTS_MIN));
        (0..excess).for_each(|_| books.drop_oldest());
    }

    /// Forgets the oldest `excess`, and what is older than this; the newest stay in any case.
    pub(super) fn forget(&self, before: Timestamp, excess: usize) {
        let mut books = self.books();
        let (mut left, is_old) =
            (excess, |books: &Books| books.oldest().is_some_and(|oldest| oldest.at < before));
        while books.kept.len() > VERDICTS_MIN && (left > 0 || is_old(&books)) {
            books.drop_oldest();
            left = left.saturating_sub(1);
        }
    }

    /// When the oldest verdict that may be forgotten was given.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.books().oldest().map(|known| known.at)
    }
}

impl Books {
    /// The oldest, but never the last known good, however many refusals have come after it.
    fn oldest(&self) -> Option<&Known> {
        self.kept.get(self.oldest_index())
    }

    fn oldest_index(&self) -> usize {
        let applied = |known: &Known| known.is_applied() && known.content.is_some();
        let last_good =
            self.kept.iter().rposition(Known::is_kept).or_else(|| self.kept.iter().rposition(applied));
        usize::from(last_good == Some(0))
    }

    fn drop_oldest(&mut self) {
        if let Some(gone) = self.kept.remove(self.oldest_index()) {
            self.recent.retain(|verdict| verdict.id != gone.id);
        }
    }
}
