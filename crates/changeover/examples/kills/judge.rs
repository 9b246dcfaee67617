//! The one that starts on what is left, and finds everything in order.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use changeover::{Cause, Decision, Engine, Verdict, read_content, read_history};

use crate::product::{blueprint, content, file, is_on_trial, state};
use crate::{Failure, Life, must};

/// From this age on a file that was written aside belongs to nobody any more.
const ABANDONED: Duration = Duration::from_secs(120);

pub struct Judge {
    folder: PathBuf,
    /// The highest number that a generation has had.
    generation: u64,
    /// The numbers that have failed, and those that the journal says were taken back.
    failing: BTreeSet<u64>,
    reverted: BTreeSet<u64>,
    /// Starts on a file that says what was taken back.
    bound: usize,
    torn: usize,
    half_written: usize,
    bad: usize,
    asides: usize,
    unfinished: usize,
    scratches: usize,
}

impl Judge {
    pub fn new(folder: &Path) -> Self {
        let folder = folder.to_owned();
        let (failing, reverted) = (BTreeSet::new(), BTreeSet::new());
        let (bound, torn, half_written, bad, asides, unfinished, scratches) = (0, 0, 0, 0, 0, 0, 0);
        Self {
            folder,
            generation: 0,
            failing,
            reverted,
            bound,
            torn,
            half_written,
            bad,
            asides,
            unfinished,
            scratches,
        }
    }

    /// What was left behind, of all lives.
    pub fn in_words(&self) -> String {
        let Self { bound, torn, half_written, bad, asides, unfinished, scratches, .. } = self;
        let (failing, reverted) = (self.failing.len(), self.reverted.len());
        format!(
            "left behind and survived: {half_written} half-written files, {bad} bad ones; {asides} contents written aside, \
             {unfinished} files of the history being replaced, {torn} torn lines, {scratches} scratch folders\n\
             {failing} saves failed, {reverted} of them were taken back, and {bound} starts found one of these in the file"
        )
    }

    pub fn has_seen_reverts(&self) -> bool {
        !self.reverted.is_empty() && self.bound > 0
    }

    /// Judges what a life has left, starts on it, and judges the start.
    pub async fn judge(&mut self, life: &Life) -> Result<(), Failure> {
        let state = state(&self.folder);
        let history = read_history(&state)?;
        let is_torn = self.whole(&state)?;
        for told in &life.told {
            let written = history.iter().find(|verdict| verdict.id == told.id);
            let same = |verdict: &Verdict| {
                (verdict.verdict.to_string(), verdict.generation) == (told.verdict.clone(), told.generation)
            };
            must(written.is_some_and(same), || {
                format!("{told:?} was told, and the journal says {written:?}")
            })?;
            self.generation = self.generation.max(told.generation);
        }
        for verdict in history.iter().filter(|verdict| verdict.verdict == Decision::Applied) {
            let bytes = read_content(&state, verdict.id)?;
            if let Some(bytes) = &bytes {
                must(number_of(bytes).is_some(), || format!("nobody saved what this applied: {verdict}"))?;
            }
            let is_lost = bytes.is_none() && Some(verdict.id) == history.last().map(|last| last.id);
            must(!is_lost, || format!("the content of {verdict} is lost"))?;
        }
        self.failing.extend(&life.failing);
        self.note_reverts(&state, &history)?;
        let expected = self.expected(&state, &history)?;
        self.asides += self.age_asides()?;
        self.scratches += usize::from(has_scratch(&state)?);
        self.start(expected, is_torn).await
    }

    /// Every line of the journal is whole but the last, which is torn where a kill cut the write at the end of a page.
    fn whole(&mut self, state: &Path) -> Result<bool, Failure> {
        let journal = std::fs::read_to_string(state.join("journal.jsonl"))?;
        let (whole, torn) = journal.rsplit_once('\n').unwrap_or(("", &journal));
        for line in whole.lines() {
            serde_json::from_str::<serde_json::Value>(line).map_err(|error| format!("{error}: {line}"))?;
        }
        self.torn += usize::from(!torn.is_empty());
        self.unfinished += usize::from(!unfinished(state)?.is_empty());
        Ok(!torn.is_empty())
    }

    /// A revert takes back what went live before it, and that must have failed.
    fn note_reverts(&mut self, state: &Path, history: &[Verdict]) -> Result<(), Failure> {
        let applied: Vec<_> = history.iter().filter(|verdict| verdict.verdict == Decision::Applied).collect();
        for two in applied.windows(2) {
            let [before, revert] = two else { continue };
            if revert.cause != Cause::Revert {
                continue;
            }
            if let Some(number) = read_content(state, before.id)?.and_then(|bytes| number_of(&bytes)) {
                must(self.failing.contains(&number), || format!("{number} never failed: {revert}"))?;
                self.reverted.insert(number);
            }
        }
        Ok(())
    }

    /// What the next start may serve: the file if it is good and was not taken back, else the newest content that was applied
    /// and was not. Two of them where a kill came between a failure and its revert, which may be in quarantine already; and
    /// where the newest has not proved itself.
    fn expected(&mut self, state: &Path, history: &[Verdict]) -> Result<BTreeSet<u64>, Failure> {
        let (mut expected, file) = (BTreeSet::new(), std::fs::read(file(&self.folder))?);
        match number_of(&file) {
            Some(number) if self.reverted.contains(&number) => self.bound += 1,
            Some(number) => {
                expected.insert(number);
                if !self.failing.contains(&number) {
                    return Ok(expected);
                }
            }
            None if file.ends_with(b"}\n") => self.bad += 1,
            None => self.half_written += 1,
        }
        for verdict in history.iter().rev().filter(|verdict| verdict.verdict == Decision::Applied) {
            let number = read_content(state, verdict.id)?.and_then(|bytes| number_of(&bytes));
            let Some(number) = number.filter(|number| !self.reverted.contains(number)) else { continue };
            expected.insert(number);
            if !is_on_trial(number) {
                return Ok(expected);
            }
        }
        must(!expected.is_empty(), || "nothing was ever good".to_owned())?;
        Ok(expected)
    }

    async fn start(&mut self, expected: BTreeSet<u64>, is_torn: bool) -> Result<(), Failure> {
        let engine = Engine::start(blueprint(&self.folder, |_| ())).await?;
        let (status, live) = (engine.status(), engine.live().load().settings.number);
        must(expected.contains(&live) && !status.safe_mode, || {
            format!("{live} is live, {expected:?} was the newest good")
        })?;
        let grown = status.generation > self.generation;
        must(grown, || format!("generation {} after {}", status.generation, self.generation))?;
        self.generation = status.generation;
        let problem = status.history_problem;
        let cut = problem.as_ref().map(|problem| problem.contains("cut off"));
        must(cut == is_torn.then_some(true), || format!("torn: {is_torn}, and what is told: {problem:?}"))?;
        let state = state(&self.folder);
        must(!has_scratch(&state)?, || "what a candidate made is still there".to_owned())?;
        must(unfinished(&state)?.is_empty(), || "a file that was being replaced is still there".to_owned())?;
        must(self.age_asides()? == 0, || "what was written aside is still there".to_owned())?;
        engine.shutdown().await;
        Ok(())
    }

    /// Lets time pass for what was written aside: the next start may sweep it. How many there are.
    fn age_asides(&self) -> Result<usize, Failure> {
        let mut count = 0;
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().ends_with(".changeover") {
                let file = std::fs::File::options().append(true).open(entry.path())?;
                file.set_modified(SystemTime::now() - ABANDONED)?;
                count += 1;
            }
        }
        Ok(count)
    }
}

/// The number of a content that is whole and good to the byte.
fn number_of(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (_, after) = text.split_once("\"number\": ")?;
    let number = after.lines().next()?.parse().ok()?;
    (text == content(number, false)).then_some(number)
}

/// Whether a candidate has left something behind.
fn has_scratch(state: &Path) -> Result<bool, Failure> {
    match std::fs::read_dir(state.join("candidates")) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Files of the history that were being replaced.
fn unfinished(state: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(state)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "new") {
            found.push(path);
        }
    }
    Ok(found)
}
