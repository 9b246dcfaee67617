//! The history: an append-only journal, the contents that went live, and the secrets that were cut out of them.
//!
//! Invariants of what persists in the state directory:
//! - `journal.jsonl` has one JSON object a line: `{"intent": …}` before a switch, `{"verdict": …}` after it. A line
//!   without its end is a torn tail: it is cut off, and told.
//! - `contents/<keyed hash>` stands before the intent that names it. It holds no secret.
//! - `secrets.json` holds every secret that a content in `contents/` refers to.
//! - All files have mode 0600, all folders 0700. Every file but the journal is written aside and renamed.

mod contents;
mod files;
mod journal;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::report::{Decision, Verdict};
use contents::Contents;
use journal::{Intent, Journal, Line};

/// Why the history cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{what} `{}` failed: {source}", path.display())]
pub struct HistoryError {
    what: &'static str,
    path: PathBuf,
    source: std::io::Error,
}

/// The history of one state directory.
#[derive(Debug)]
pub(crate) struct History {
    state_dir: PathBuf,
    journal: Journal,
    contents: Contents,
    verdicts: Arc<Verdicts>,
    next_id: u64,
    last_generation: u64,
}

/// The newest verdicts, newest last.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(Mutex<VecDeque<Arc<Verdict>>>);

impl Verdicts {
    /// The newest ones, newest first.
    pub(crate) fn newest(&self, limit: usize) -> Vec<Arc<Verdict>> {
        let verdicts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.iter().rev().take(limit).cloned().collect()
    }

    fn push(&self, verdict: Arc<Verdict>, history_max: usize) {
        let mut verdicts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.push_back(verdict);
        let surplus = verdicts.len().saturating_sub(history_max.max(1));
        verdicts.drain(..surplus);
    }
}

impl History {
    /// Opens the history, makes it if it is absent, and sweeps what refused candidates left behind. Also gives what
    /// was found damaged, in words.
    pub(crate) fn open(state_dir: &Path, history_max: usize) -> Result<(Self, Option<String>), HistoryError> {
        files::make_folder(state_dir)?;
        files::remove_folder(&state_dir.join("candidates"))?;
        let (journal, lines, damage) = Journal::open(&state_dir.join("journal.jsonl"))?;
        let contents = Contents::open(state_dir)?;
        let verdicts = Arc::new(Verdicts::default());
        let (mut next_id, mut last_generation) = (1, 0);
        for line in lines {
            match line {
                Line::Intent(intent) => {
                    last_generation = last_generation.max(intent.generation);
                }
                Line::Verdict(verdict) => {
                    next_id = next_id.max(verdict.id + 1);
                    last_generation = last_generation.max(verdict.generation);
                    verdicts.push(Arc::new(verdict), history_max);
                }
            }
        }
        let state_dir = state_dir.to_owned();
        Ok((
            Self {
                state_dir,
                journal,
                contents,
                verdicts,
                next_id,
                last_generation,
            },
            damage,
        ))
    }

    /// The key of this state directory for hashes that people see; made at the first start.
    pub(crate) fn key(state_dir: &Path) -> Result<[u8; 32], HistoryError> {
        files::make_folder(state_dir)?;
        files::key(&state_dir.join("hash-key"))
    }

    pub(crate) fn verdicts(&self) -> Arc<Verdicts> {
        Arc::clone(&self.verdicts)
    }

    /// A number for the next verdict.
    pub(crate) fn next_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// The highest generation that this state directory has seen, or was about to see.
    pub(crate) fn last_generation(&self) -> u64 {
        self.last_generation
    }

    /// A folder for a candidate. It is not made.
    pub(crate) fn scratch(&self, generation: u64) -> PathBuf {
        self.state_dir.join("candidates").join(generation.to_string())
    }

    /// Removes what a candidate made.
    pub(crate) fn sweep(&self, scratch: &Path) -> Result<(), HistoryError> {
        files::remove_folder(scratch)
    }

    /// Keeps a content, and says what is about to happen. After this, nothing may fail before the switch.
    pub(crate) fn intend(
        &mut self,
        generation: u64,
        content: Option<(&str, &[u8])>,
        secrets: &[std::ops::Range<usize>],
    ) -> Result<(), HistoryError> {
        if let Some((hash, bytes)) = content {
            self.contents.keep(hash, bytes, secrets)?;
        }
        let content = content.map(|(hash, _)| hash.to_owned());
        self.journal.append(&Line::Intent(Intent {
            generation,
            content,
            at: jiff::Timestamp::now(),
        }))?;
        self.last_generation = generation;
        Ok(())
    }

    /// Writes a verdict down, and forgets what is older than `history_max` verdicts.
    pub(crate) fn record(&mut self, verdict: Arc<Verdict>, history_max: usize) -> Result<(), HistoryError> {
        self.verdicts.push(Arc::clone(&verdict), history_max);
        self.journal.append(&Line::Verdict(verdict.as_ref().clone()))?;
        if self.journal.lines() > history_max.max(1).saturating_mul(4) {
            let kept = self.verdicts.newest(history_max.max(1));
            let lines: Vec<Line> = kept
                .iter()
                .rev()
                .map(|verdict| Line::Verdict(verdict.as_ref().clone()))
                .collect();
            self.journal.rewrite(&lines)?;
            let named = kept
                .iter()
                .filter_map(|verdict| verdict.content.clone())
                .collect();
            self.contents.keep_only(&named)?;
        }
        Ok(())
    }

    /// The contents that went live, newest first, each once, with their secrets put back.
    pub(crate) fn good_contents(&self) -> Vec<(String, Vec<u8>)> {
        let mut seen = std::collections::HashSet::new();
        let applied = self.verdicts.newest(usize::MAX).into_iter();
        applied
            .filter(|verdict| verdict.verdict == Decision::Applied)
            .filter_map(|verdict| verdict.content.clone())
            .filter(|hash| seen.insert(hash.clone()))
            .filter_map(|hash| match self.contents.restore(&hash) {
                Ok(bytes) => Some((hash, bytes)),
                Err(error) => {
                    tracing::warn!(%error, "an older settings content cannot be restored");
                    None
                }
            })
            .collect()
    }
}
