//! The history: one append-only journal, and the secrets that were cut out of it.
//!
//! Invariants of what persists in the state directory:
//! - `journal.jsonl` has one JSON object a line: `{"intent": …}` before a switch, `{"verdict": …}` of whatever was read,
//!   after the switch if there was one, later `{"outcome": …}` of it. A line without its end is a torn tail: it is cut off,
//!   and told.
//! - The first intent of a content carries it, with references in place of its secrets. A content that says what is live
//!   already has an intent for that alone, of the generation that is live.
//! - `secrets.json` holds every secret that the journal refers to, and has it before the journal does.
//! - `quarantine.json` has keyed hashes of the settings that were taken back.
//! - All files have mode 0600, the folder 0700. Every file is written aside and renamed; only to the journal is appended as well.

pub(crate) mod files;
#[cfg(test)]
mod fuzz;
mod journal;
mod lines;
mod quarantine;
mod secrets;
mod verdicts;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::report::{Cause, Outcome, Problem, Verdict};
use journal::{Intent, Journal, Line, Settled};
use lines::{Lines, sealed};
use quarantine::Quarantine;
use secrets::{Secrets, references};

pub(crate) use files::{plan_folder, sweep_plan};
pub(crate) use quarantine::{TakenBack, taken_back};
pub use verdicts::RECENT_MAX;
pub(crate) use verdicts::Verdicts;

/// Contents that a start falls back to, at most.
const CONTENTS_MAX: usize = 100;

/// The folder of what candidates make, in the state directory.
const CANDIDATES: &str = "candidates";

/// Bytes of the journal, at most; when it has more, the oldest contents and verdicts are forgotten until half of it is left.
pub(crate) const JOURNAL_BYTES_MAX: u64 = 32 << 20;

/// What is over the age is forgotten together with the next day's: not for each verdict is the journal rewritten.
const AGE_SLACK: Duration = Duration::from_secs(24 * 60 * 60);

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
    for line in Lines::open(&state_dir.join(journal::FILE))?.into_iter().flatten() {
        match line? {
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
/// What the file system says, and that the file of secrets is damaged.
pub fn read_content(state_dir: &Path, verdict: u64) -> Result<Option<Vec<u8>>, HistoryError> {
    let journal = state_dir.join(journal::FILE);
    let mut hash = None;
    for line in Lines::open(&journal)?.into_iter().flatten() {
        match line? {
            Line::Verdict(known) if known.id == verdict => hash = known.content,
            _ => {}
        }
    }
    let Some(hash) = hash else { return Ok(None) };
    let Some(sealed) = sealed(&journal, &HashSet::from([hash.as_str()]))?.remove(&hash) else {
        return Ok(None);
    };
    Ok(Secrets::look(state_dir.join(secrets::FILE))?.unseal(&sealed))
}

/// How much the history keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) verdicts: usize,
    pub(crate) age: Duration,
    /// Of the journal.
    pub(crate) bytes: u64,
}

impl Limits {
    /// The age counts in the calendar; what lies before its beginning is never reached.
    fn before(&self, now: Timestamp) -> Timestamp {
        now.checked_sub(self.age).unwrap_or(Timestamp::MIN)
    }
}

impl History {
    /// Opens the history, makes it if it is absent, and sweeps what refused candidates left behind.
    pub(crate) fn open(
        state_dir: &Path,
        version: &str,
        history_max: usize,
    ) -> Result<(Self, Found), HistoryError> {
        files::make_folder(state_dir)?;
        files::remove_folder(&state_dir.join(CANDIDATES))?;
        files::sweep_plan(state_dir)?;
        let [secrets, journal, quarantine] =
            [secrets::FILE, journal::FILE, quarantine::FILE].map(|name| state_dir.join(name));
        [&secrets, &journal, &quarantine].into_iter().try_for_each(|file| files::sweep(file))?;
        let (secrets, lost) = Secrets::open(secrets)?;
        let (quarantine, lost_quarantine) = Quarantine::open(quarantine, version)?;
        let verdicts = Arc::new(Verdicts::new(state_dir));
        let mut kept = HashSet::new();
        let (mut next_id, mut last_generation) = (1, 0);
        let (journal, damage) = Journal::open(&journal, |line| match line {
            Line::Intent(intent) => {
                last_generation = last_generation.max(intent.generation);
                kept.extend(intent.content.filter(|_| intent.sealed.is_some()));
            }
            Line::Verdict(verdict) => {
                next_id = next_id.max(verdict.id.saturating_add(1));
                last_generation = last_generation.max(verdict.generation);
                verdicts.push(Arc::new(verdict), history_max);
            }
            Line::Outcome(Settled { id, outcome, .. }) => drop(verdicts.settle(id, outcome)),
        })?;
        let good = verdicts.good();
        let contents = sealed(journal.path(), &good.iter().map(String::as_str).collect())?;
        let in_order = good.iter().filter_map(|hash| contents.get(hash));
        let mut good_contents: Vec<Vec<u8>> = in_order.filter_map(|sealed| secrets.unseal(sealed)).collect();
        if verdicts.ran_without_a_file() {
            good_contents.push(b"{}".to_vec());
        }
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
        if let Err(error) = files::sweep_key(file) {
            tracing::warn!(%error, "a copy of the key may stay beside it");
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

    /// Why settings that were read for this cause must not go live; `None` where they may. What they mean is asked only
    /// where anything is in quarantine.
    pub(crate) fn quarantined(&self, meaning: impl FnOnce() -> String, cause: &Cause) -> Option<Problem> {
        if self.quarantine.is_empty() { None } else { self.quarantine.binds(&meaning(), cause) }
    }

    /// Keeps settings from going live again by themselves that the next verdict takes back.
    pub(crate) fn quarantine(&mut self, meaning: &str, reason: &str) -> Result<(), HistoryError> {
        self.quarantine.add(meaning, reason, self.next_id)
    }

    /// Lets settings out of the quarantine that went live by this verdict and have shown that they work, unless they were taken
    /// back after it. What they mean is asked only where anything is in it.
    pub(crate) fn let_out(
        &mut self,
        meaning: impl FnOnce() -> String,
        verdict: u64,
    ) -> Result<(), HistoryError> {
        if self.quarantine.is_empty() { Ok(()) } else { self.quarantine.remove(&meaning(), verdict) }
    }

    /// Writes down what became of a commit; gives its verdict with that, if it is still remembered, written or not.
    pub(crate) fn outcome(
        &mut self,
        id: u64,
        outcome: Outcome,
    ) -> (Option<Arc<Verdict>>, Result<(), HistoryError>) {
        let verdict = self.verdicts.settle(id, outcome);
        let settled = Settled { id, outcome, at: jiff::Timestamp::now() };
        (verdict, self.journal.append(&Line::Outcome(settled)))
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
        self.state_dir.join(CANDIDATES).join(self.candidates.to_string())
    }

    /// Removes what a candidate made.
    pub(crate) fn sweep(&self, scratch: &Path) -> Result<(), HistoryError> {
        files::remove_folder(scratch)
    }

    /// Says what is about to go live, and keeps the content. Where this fails it must not go live. What fails after it, before
    /// the switch, leaves an intent without an `applied` verdict, and nothing falls back to that.
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

    /// Writes a verdict down, and forgets what is over the limits.
    pub(crate) fn record(&mut self, verdict: Arc<Verdict>, limits: Limits) -> Result<(), HistoryError> {
        let now = verdict.at;
        self.verdicts.push(Arc::clone(&verdict), limits.verdicts);
        self.journal.append(&Line::Verdict(verdict.as_ref().clone()))?;
        let too_many = self.journal.lines() > limits.verdicts.max(1).saturating_mul(4);
        let too_large = self.journal.bytes() > limits.bytes;
        let late = Limits { age: limits.age.saturating_add(AGE_SLACK), ..limits };
        let too_old = self.verdicts.oldest().is_some_and(|oldest| oldest < late.before(now));
        if too_many || too_large || too_old {
            self.verdicts.forget(limits.before(now), 0);
            self.forget(limits.bytes / 2)?;
        }
        Ok(())
    }

    /// Rewrites the journal: the verdicts that are kept, and the contents that they are about, each in half of the room.
    fn forget(&mut self, bytes_max: u64) -> Result<(), HistoryError> {
        let chosen = self.choose(bytes_max)?;
        let (mut kept, mut referred, verdicts) = (HashSet::new(), HashSet::new(), Arc::clone(&self.verdicts));
        self.journal.rewrite(|line| match line {
            Line::Intent(intent) => {
                let (hash, sealed) = (intent.content.as_ref()?, intent.sealed.as_ref()?);
                let is_first = chosen.contains(hash) && kept.insert(hash.clone());
                referred.extend(is_first.then(|| references(sealed)).into_iter().flatten());
                is_first.then_some(Line::Intent(intent))
            }
            Line::Verdict(verdict) => verdicts.keeps(verdict.id).then(|| {
                let outcome = verdicts.outcome_of(verdict.id).or(verdict.outcome);
                Line::Verdict(Verdict { outcome, ..verdict })
            }),
            Line::Outcome(_) => None,
        })?;
        self.kept = kept;
        self.secrets.keep_only(&referred)
    }

    /// Forgets the verdicts for which there is no room, and says for which contents there is; one of each at least.
    fn choose(&self, bytes_max: u64) -> Result<HashSet<String>, HistoryError> {
        let (mut contents, mut verdicts) = (HashMap::new(), Vec::new());
        if let Some(mut lines) = Lines::open(self.journal.path())? {
            while let Some(line) = lines.next() {
                match line? {
                    Line::Intent(Intent { content: Some(hash), sealed: Some(_), .. }) => {
                        contents.insert(hash, lines.line_bytes());
                    }
                    Line::Verdict(verdict) if self.verdicts.keeps(verdict.id) => {
                        verdicts.push(lines.line_bytes());
                    }
                    _ => {}
                }
            }
        }
        let room = bytes_max / 2;
        let newest = fitting(verdicts.iter().rev().copied(), room);
        self.verdicts.forget(Timestamp::MIN, verdicts.len().saturating_sub(newest));
        let there = |hash: String| contents.get(&hash).map(|bytes| (hash, *bytes));
        let ranked: Vec<(String, u64)> = self.verdicts.contents().into_iter().filter_map(there).collect();
        let count = fitting(ranked.iter().map(|(_, bytes)| *bytes), room);
        Ok(ranked.into_iter().take(count).map(|(hash, _)| hash).collect())
    }
}

/// How many of these there is room for, one at least.
fn fitting(sizes: impl Iterator<Item = u64>, room: u64) -> usize {
    let mut bytes = 0;
    let fit = sizes.take_while(|size| {
        let is_first = bytes == 0;
        bytes += size;
        is_first || bytes <= room
    });
    fit.count()
}
