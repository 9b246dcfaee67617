//! The history: one append-only journal, and the secrets that were cut out of it.
//!
//! Invariants of what persists in the state directory:
//! - `journal.jsonl` has one JSON object a line: `{"intent": …}` before a switch, `{"verdict": …}` after it, later
//!   `{"outcome": …}` of it. A line without its end is a torn tail: it is cut off, and told.
//! - The first intent of a content carries it, with references in place of its secrets.
//! - `secrets.json` holds every secret that the journal refers to, and has it before the journal does.
//! - `quarantine.json` has the contents that were taken back.
//! - All files have mode 0600, the folder 0700. Every file but the journal is written aside and renamed.

pub(crate) mod files;
mod journal;
mod quarantine;
mod secrets;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::report::{Cause, Decision, Outcome, Problem, Verdict};
use journal::{Intent, Journal, Line, Settled};
use quarantine::Quarantine;
use secrets::Secrets;

pub(crate) use files::{plan_folder, sweep_plan};
pub(crate) use quarantine::{TakenBack, taken_back};

/// Contents that the journal keeps, at most: the newest that were applied.
const CONTENTS_MAX: usize = 100;

/// Verdicts that are kept at least: the last known good, and the newest.
const VERDICTS_MIN: usize = 2;

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
    secrets: Secrets,
    quarantine: Quarantine,
    /// Hashes of the contents that the journal has.
    kept: HashSet<String>,
    verdicts: Arc<Verdicts>,
    next_id: u64,
    last_generation: u64,
    /// Candidates of this process.
    candidates: u64,
}

/// What opening a history found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What is damaged, in words.
    pub(crate) damage: Option<String>,
    /// The contents to fall back to, best first, each once, with their secrets put back.
    pub(crate) good_contents: Vec<Vec<u8>>,
}

/// Every verdict that the journal of a state directory still has, with its outcome, oldest first; none where there is no
/// journal. Nothing is changed, so this may be asked while an engine runs on the directory.
///
/// # Errors
/// What the file system says.
pub fn read_history(state_dir: &Path) -> Result<Vec<Verdict>, HistoryError> {
    let mut verdicts = BTreeMap::new();
    for line in journal::read(&state_dir.join("journal.jsonl"))? {
        match line {
            Line::Verdict(verdict) => drop(verdicts.insert(verdict.id, verdict)),
            Line::Outcome(settled) => {
                if let Some(verdict) = verdicts.get_mut(&settled.id) {
                    verdict.outcome = Some(settled.outcome);
                }
            }
            Line::Intent(_) => {}
        }
    }
    Ok(verdicts.into_values().collect())
}

/// The content that a verdict of the journal was about, with its secrets put back; `None` where there is no such verdict, or
/// its content was never live or is kept no longer. Nothing is changed.
///
/// # Errors
/// What the file system says.
pub fn read_content(state_dir: &Path, verdict: u64) -> Result<Option<Vec<u8>>, HistoryError> {
    let lines = journal::read(&state_dir.join("journal.jsonl"))?;
    let of_it = |line: &Line| match line {
        Line::Verdict(known) if known.id == verdict => known.content.clone(),
        _ => None,
    };
    let Some(hash) = lines.iter().find_map(of_it) else { return Ok(None) };
    let sealed = |line: &Line| match line {
        Line::Intent(intent) if intent.content.as_ref() == Some(&hash) => intent.sealed.clone(),
        _ => None,
    };
    let Some(sealed) = lines.iter().find_map(sealed) else { return Ok(None) };
    let (secrets, _) = Secrets::open(state_dir.join("secrets.json"))?;
    Ok(secrets.unseal(&sealed))
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

    /// Hashes of the contents to fall back to, each once: the newest that have shown that they work, then the newest
    /// that were applied and not taken back.
    fn good(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let verdicts = self.newest(usize::MAX);
        let reverted = |verdict: &&Arc<Verdict>| verdict.outcome == Some(Outcome::Reverted);
        seen.extend(verdicts.iter().filter(reverted).filter_map(|verdict| verdict.content.clone()));
        let kept = verdicts.iter().filter(|verdict| is_kept(verdict));
        let applied = verdicts.iter().filter(|verdict| verdict.verdict == Decision::Applied);
        // Kept later, after an earlier revert, is kept.
        let known: Vec<String> = kept.filter_map(|verdict| verdict.content.clone()).collect();
        seen.retain(|hash| !known.contains(hash));
        let hashes = known.into_iter().chain(applied.filter_map(|verdict| verdict.content.clone()));
        hashes.filter(|hash| seen.insert(hash.clone())).take(CONTENTS_MAX).collect()
    }

    /// Whether a content has shown that it works.
    fn is_proven(&self, content: &str) -> bool {
        let newest = self.newest(usize::MAX);
        let mut of_it = newest.iter().filter(|verdict| verdict.content.as_deref() == Some(content));
        of_it.find_map(|verdict| verdict.outcome).is_some_and(|outcome| outcome == Outcome::Kept)
    }

    /// Adds the outcome to a verdict that is still remembered.
    fn settle(&self, id: u64, outcome: Outcome) -> Option<Arc<Verdict>> {
        let mut verdicts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = verdicts.iter_mut().find(|verdict| verdict.id == id)?;
        *verdict = Arc::new(Verdict { outcome: Some(outcome), ..verdict.as_ref().clone() });
        Some(Arc::clone(verdict))
    }

    /// Whether the defaults were live once, without any file, and were not taken back.
    fn ran_without_a_file(&self) -> bool {
        let without = |verdict: &Arc<Verdict>| {
            verdict.verdict == Decision::Applied
                && verdict.content.is_none()
                && verdict.outcome != Some(Outcome::Reverted)
        };
        self.newest(usize::MAX).iter().any(without)
    }

    fn push(&self, verdict: Arc<Verdict>, history_max: usize) {
        let mut verdicts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.push_back(verdict);
        while verdicts.len() > history_max.max(VERDICTS_MIN) {
            // Never the last known good, however many refusals have come after it.
            let applied =
                |verdict: &Arc<Verdict>| verdict.verdict == Decision::Applied && verdict.content.is_some();
            let last_good = verdicts.iter().rposition(is_kept).or_else(|| verdicts.iter().rposition(applied));
            verdicts.remove(usize::from(last_good == Some(0)));
        }
    }
}

fn is_kept(verdict: &Arc<Verdict>) -> bool {
    verdict.outcome == Some(Outcome::Kept) && verdict.content.is_some()
}

impl History {
    /// Opens the history, makes it if it is absent, and sweeps what refused candidates left behind.
    pub(crate) fn open(
        state_dir: &Path,
        version: &str,
        history_max: usize,
    ) -> Result<(Self, Found), HistoryError> {
        files::make_folder(state_dir)?;
        files::remove_folder(&state_dir.join("candidates"))?;
        files::sweep_plan(state_dir)?;
        let (secrets, lost) = Secrets::open(state_dir.join("secrets.json"))?;
        let (journal, lines, damage) = Journal::open(&state_dir.join("journal.jsonl"))?;
        let (quarantine, lost_quarantine) = Quarantine::open(state_dir.join(quarantine::FILE), version)?;
        let verdicts = Arc::new(Verdicts::default());
        let mut contents = HashMap::new();
        let (mut next_id, mut last_generation) = (1, 0);
        for line in lines {
            match line {
                Line::Intent(intent) => {
                    last_generation = last_generation.max(intent.generation);
                    contents.extend(intent.content.zip(intent.sealed));
                }
                Line::Verdict(verdict) => {
                    next_id = next_id.max(verdict.id + 1);
                    last_generation = last_generation.max(verdict.generation);
                    verdicts.push(Arc::new(verdict), history_max);
                }
                Line::Outcome(Settled { id, outcome, .. }) => drop(verdicts.settle(id, outcome)),
            }
        }
        let good = verdicts.good();
        let sealed = good.iter().filter_map(|hash| contents.get(hash));
        let mut good_contents: Vec<Vec<u8>> = sealed.filter_map(|sealed| secrets.unseal(sealed)).collect();
        if verdicts.ran_without_a_file() {
            good_contents.push(b"{}".to_vec());
        }
        let kept = contents.into_keys().collect();
        let state_dir = state_dir.to_owned();
        let history = Self {
            state_dir,
            journal,
            secrets,
            quarantine,
            kept,
            verdicts,
            next_id,
            last_generation,
            candidates: 0,
        };
        Ok((history, Found { damage: lost.or(lost_quarantine).or(damage), good_contents }))
    }

    /// The key for hashes that people see; made at the first start.
    pub(crate) fn key(file: &Path) -> Result<[u8; 32], HistoryError> {
        if let Some(folder) = file.parent() {
            files::make_folder(folder)?;
        }
        files::key(file)
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

    /// The number that the next verdict will have.
    pub(crate) fn upcoming_id(&self) -> u64 {
        self.next_id
    }

    /// Whether a content has shown that it works.
    pub(crate) fn is_proven(&self, content: &str) -> bool {
        self.verdicts.is_proven(content)
    }

    /// Why a content that was read for this cause must not go live; `None` where it may.
    pub(crate) fn quarantined(&self, content: &str, cause: &Cause) -> Option<Problem> {
        self.quarantine.binds(content, cause)
    }

    /// Keeps a content from going live again by itself.
    pub(crate) fn quarantine(&mut self, content: &str, reason: &str) -> Result<(), HistoryError> {
        self.quarantine.add(content, reason)
    }

    /// Writes down what became of a commit; gives its verdict with that, if it is still remembered, written or not.
    pub(crate) fn outcome(
        &mut self,
        id: u64,
        outcome: Outcome,
    ) -> (Option<Arc<Verdict>>, Result<(), HistoryError>) {
        let verdict = self.verdicts.settle(id, outcome);
        let settled = Settled { id, outcome, at: jiff::Timestamp::now() };
        let written = self.journal.append(&Line::Outcome(settled));
        let content = verdict.as_ref().and_then(|verdict| verdict.content.as_deref());
        let let_out = match (outcome, content) {
            (Outcome::Kept, Some(content)) => self.quarantine.remove(content),
            _ => Ok(()),
        };
        (verdict, written.and(let_out))
    }

    /// Keeps a content that says what is live already: a revert may go back to it.
    pub(crate) fn keep(
        &mut self,
        generation: u64,
        content: Option<(&str, &[u8])>,
        secrets: &[std::ops::Range<usize>],
    ) -> Result<(), HistoryError> {
        match content {
            Some((hash, _)) if !self.kept.contains(hash) => self.intend(generation, content, secrets),
            _ => Ok(()),
        }
    }

    /// The highest generation that this state directory has seen, or was about to see.
    pub(crate) fn last_generation(&self) -> u64 {
        self.last_generation
    }

    /// A folder for a candidate, another one at each call. It is not made.
    pub(crate) fn scratch(&mut self) -> PathBuf {
        self.candidates += 1;
        self.state_dir.join("candidates").join(self.candidates.to_string())
    }

    /// Removes what a candidate made.
    pub(crate) fn sweep(&self, scratch: &Path) -> Result<(), HistoryError> {
        files::remove_folder(scratch)
    }

    /// Says what is about to happen, and keeps the content. After this, nothing may fail before the switch.
    pub(crate) fn intend(
        &mut self,
        generation: u64,
        content: Option<(&str, &[u8])>,
        secrets: &[std::ops::Range<usize>],
    ) -> Result<(), HistoryError> {
        let sealed = match content {
            Some((hash, bytes)) if !self.kept.contains(hash) => Some(self.secrets.seal(bytes, secrets)?),
            _ => None,
        };
        let hash = content.map(|(hash, _)| hash.to_owned());
        let keeps = hash.clone().filter(|_| sealed.is_some());
        let at = jiff::Timestamp::now();
        self.journal.append(&Line::Intent(Intent { generation, content: hash, sealed, at }))?;
        self.kept.extend(keeps);
        self.last_generation = generation;
        Ok(())
    }

    /// Says that a content which went live before is about to do so again.
    pub(crate) fn intend_known(
        &mut self,
        generation: u64,
        content: Option<String>,
    ) -> Result<(), HistoryError> {
        self.last_generation = generation;
        let at = jiff::Timestamp::now();
        self.journal.append(&Line::Intent(Intent { generation, content, sealed: None, at }))
    }

    /// Writes a verdict down, and forgets what is older than `history_max` verdicts.
    pub(crate) fn record(&mut self, verdict: Arc<Verdict>, history_max: usize) -> Result<(), HistoryError> {
        self.verdicts.push(Arc::clone(&verdict), history_max);
        self.journal.append(&Line::Verdict(verdict.as_ref().clone()))?;
        if self.journal.lines() > history_max.max(1).saturating_mul(4) {
            self.forget(history_max)?;
        }
        Ok(())
    }

    /// Rewrites the journal: the newest verdicts, and the newest contents that were applied.
    fn forget(&mut self, history_max: usize) -> Result<(), HistoryError> {
        let good: HashSet<String> = self.verdicts.good().into_iter().collect();
        let mut lines = self.journal.read()?;
        lines.retain(|line| {
            matches!(line, Line::Intent(Intent { content: Some(hash), sealed: Some(_), .. }) if good.contains(hash))
        });
        let sealed = lines.iter().filter_map(|line| match line {
            Line::Intent(intent) => intent.sealed.as_deref(),
            Line::Verdict(_) | Line::Outcome(_) => None,
        });
        let sealed: Vec<String> = sealed.map(str::to_owned).collect();
        self.kept = lines
            .iter()
            .filter_map(|line| match line {
                Line::Intent(intent) => intent.content.clone(),
                Line::Verdict(_) | Line::Outcome(_) => None,
            })
            .collect();
        let newest = self.verdicts.newest(history_max.max(VERDICTS_MIN));
        lines.extend(newest.iter().rev().map(|verdict| Line::Verdict(verdict.as_ref().clone())));
        self.journal.rewrite(&lines)?;
        self.secrets.keep_only(sealed.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Cause;

    fn verdict(id: u64, content: &str) -> Arc<Verdict> {
        Arc::new(Verdict {
            id,
            verdict: Decision::Applied,
            outcome: None,
            generation: id,
            cause: Cause::Save,
            actor: None,
            problems: Vec::new(),
            warnings: Vec::new(),
            services: Vec::new(),
            stages_ms: Default::default(),
            at: jiff::Timestamp::now(),
            content: Some(content.to_owned()),
        })
    }

    #[test]
    fn refusals_never_push_out_the_last_known_good() {
        let folder = tempfile::tempdir().unwrap();
        let (mut history, _) = History::open(folder.path(), "1", 3).unwrap();
        history.intend(1, Some(("good", b"{}")), &[]).unwrap();
        history.record(verdict(1, "good"), 3).unwrap();
        for id in 2..100 {
            let refused = Verdict { verdict: Decision::Rejected, ..verdict(id, "bad").as_ref().clone() };
            history.record(Arc::new(refused), 3).unwrap();
        }
        let newest: Vec<u64> = history.verdicts.newest(10).iter().map(|verdict| verdict.id).collect();
        assert_eq!(newest, [99, 98, 1]);
        drop(history);
        let (_, found) = History::open(folder.path(), "1", 3).unwrap();
        assert_eq!(found.good_contents, [b"{}"]);
    }

    #[test]
    fn the_journal_is_read_beside_a_writer_and_never_changed() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_history(folder.path()).unwrap(), []);
        let (mut history, _) = History::open(folder.path(), "1", 9).unwrap();
        history.intend(1, Some(("good", b"{}")), &[]).unwrap();
        history.record(verdict(1, "good"), 9).unwrap();
        let file = folder.path().join("journal.jsonl");
        let torn = std::fs::read_to_string(&file).unwrap() + "{\"verdict\": {\"id\"";
        std::fs::write(&file, &torn).unwrap();
        let ids: Vec<u64> = read_history(folder.path()).unwrap().iter().map(|verdict| verdict.id).collect();
        assert_eq!(ids, [1]);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), torn, "a torn tail is the writer's to cut off");
    }

    #[test]
    fn the_journal_forgets_and_keeps_what_a_start_needs() {
        let folder = tempfile::tempdir().unwrap();
        let (mut history, _) = History::open(folder.path(), "1", 5).unwrap();
        for round in 1..=200 {
            let id = history.next_id();
            let content = format!("{{\"key\": \"secret-{round}\"}}");
            let hash = format!("hash-{round}");
            let secret = 9..content.len() - 2;
            history.intend(id, Some((&hash, content.as_bytes())), std::slice::from_ref(&secret)).unwrap();
            history.record(verdict(id, &hash), 5).unwrap();
        }
        let journal = std::fs::read_to_string(folder.path().join("journal.jsonl")).unwrap();
        assert!(journal.lines().count() <= 21 && !journal.contains("secret-2"), "{journal}");
        let secrets = std::fs::read_to_string(folder.path().join("secrets.json")).unwrap();
        assert!(!secrets.contains("secret-1\"") && secrets.contains("secret-200"), "{secrets}");
        drop(history);
        let (history, found) = History::open(folder.path(), "1", 5).unwrap();
        assert_eq!(found.good_contents.first().unwrap(), b"{\"key\": \"secret-200\"}");
        assert_eq!((history.last_generation(), history.next_id, found.damage), (200, 201, None));
    }
}
