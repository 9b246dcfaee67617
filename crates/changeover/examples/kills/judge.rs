//! The one that starts on what is left, and finds everything in order.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use changeover::{Decision, Engine, Verdict, read_content, read_history};

use crate::product::{blueprint, content, file, state};
use crate::{Failure, Life, must};

/// From this age on a file that was written aside belongs to nobody any more.
const ABANDONED: Duration = Duration::from_secs(120);

pub struct Judge {
    folder: PathBuf,
    /// The highest number that a generation has had.
    generation: u64,
    half_written: usize,
    bad: usize,
    asides: usize,
    unfinished: usize,
    scratches: usize,
}

impl Judge {
    pub fn new(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self { folder, generation: 0, half_written: 0, bad: 0, asides: 0, unfinished: 0, scratches: 0 }
    }

    /// What was left behind, of all lives.
    pub fn in_words(&self) -> String {
        let Self { half_written, bad, asides, unfinished, scratches, .. } = self;
        format!(
            "left behind and survived: {half_written} half-written files, {bad} bad ones; {asides} contents written aside, \
             {unfinished} files of the history being replaced, {scratches} scratch folders"
        )
    }

    /// Judges what a life has left, starts on it, and judges the start.
    pub async fn judge(&mut self, life: &Life) -> Result<(), Failure> {
        let state = state(&self.folder);
        let history = read_history(&state)?;
        self.whole(&state)?;
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
        let expected = self.expected(&state, &history)?;
        self.asides += self.age_asides()?;
        self.scratches += usize::from(has_scratch(&state)?);
        self.start(expected).await
    }

    /// Every line of the journal is whole.
    fn whole(&mut self, state: &Path) -> Result<(), Failure> {
        let journal = std::fs::read_to_string(state.join("journal.jsonl"))?;
        must(journal.ends_with('\n'), || "the journal's last line is torn".to_owned())?;
        for line in journal.lines() {
            serde_json::from_str::<serde_json::Value>(line).map_err(|error| format!("{error}: {line}"))?;
        }
        self.unfinished += usize::from(!unfinished(state)?.is_empty());
        Ok(())
    }

    /// What the next start has to serve: the file if it is good, else the newest content that was applied.
    fn expected(&mut self, state: &Path, history: &[Verdict]) -> Result<u64, Failure> {
        let file = std::fs::read(file(&self.folder))?;
        if let Some(number) = number_of(&file) {
            return Ok(number);
        }
        if file.ends_with(b"}\n") {
            self.bad += 1
        } else {
            self.half_written += 1
        }
        for verdict in history.iter().rev().filter(|verdict| verdict.verdict == Decision::Applied) {
            if let Some(number) = read_content(state, verdict.id)?.and_then(|bytes| number_of(&bytes)) {
                return Ok(number);
            }
        }
        Err("nothing was ever good".into())
    }

    async fn start(&mut self, expected: u64) -> Result<(), Failure> {
        let engine = Engine::start(blueprint(&self.folder, |_| ())).await?;
        let (status, live) = (engine.status(), engine.live().load().settings.number);
        must(live == expected && !status.safe_mode, || {
            format!("{live} is live, {expected} was the newest good")
        })?;
        let grown = status.generation > self.generation;
        must(grown, || format!("generation {} after {}", status.generation, self.generation))?;
        self.generation = status.generation;
        must(status.history_problem.is_none(), || format!("{:?}", status.history_problem))?;
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
