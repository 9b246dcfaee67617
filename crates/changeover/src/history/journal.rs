//! The journal: one JSON object a line, readable after a kill at any byte.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::HistoryError;
use super::files::{error, private, replace};
use crate::report::{Outcome, Verdict};

/// What is about to go live.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Intent {
    pub(super) generation: u64,
    /// Keyed hash of the content.
    pub(super) content: Option<String>,
    /// The content itself, where the journal did not have it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sealed: Option<String>,
    pub(super) at: Timestamp,
}

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    Intent(Intent),
    Verdict(Verdict),
    Outcome(Settled),
}

/// What became of a commit.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Settled {
    /// Its verdict.
    pub(super) id: u64,
    pub(super) outcome: Outcome,
    pub(super) at: Timestamp,
}

/// The journal's file, open for appending.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
    /// Bytes up to the end of the last whole line.
    length: u64,
    /// Whether a part of a line stands at the end that could not be cut off.
    pub(super) torn: bool,
}

impl Journal {
    /// Opens the journal; gives its lines, and what was damaged, in words. A torn tail is cut off.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Line>, Option<String>), HistoryError> {
        let open = || private().read(true).append(true).create(true).open(path);
        let file = open().map_err(error("opening the journal", path))?;
        let bytes = std::fs::read(path).map_err(error("reading the journal", path))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let torn = bytes.len() - whole;
        if torn > 0 {
            file.set_len(whole as u64).map_err(error("cutting the torn tail off the journal", path))?;
        }
        let (lines, unreadable) = parse(bytes.get(..whole).unwrap_or_default());
        let mut damage = Vec::new();
        if unreadable > 0 {
            damage.push(format!("{unreadable} lines of the journal cannot be read and are passed over"));
        }
        if torn > 0 {
            damage.push(format!("the journal ended in the middle of a line; {torn} bytes were cut off"));
        }
        let damage = (!damage.is_empty()).then(|| damage.join("; "));
        let journal =
            Self { path: path.to_owned(), file, lines: lines.len(), length: whole as u64, torn: false };
        Ok((journal, lines, damage))
    }

    /// Every line that can be read.
    pub(super) fn read(&self) -> Result<Vec<Line>, HistoryError> {
        read(&self.path)
    }

    /// Lines in the file.
    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    /// Bytes of all whole lines.
    pub(super) fn bytes(&self) -> u64 {
        self.length
    }

    /// Appends one line. After a failure the file ends with the last whole line again, as far as the disk allows; where it
    /// does not, the torn part stays a line of its own and spoils no other.
    pub(super) fn append(&mut self, line: &Line) -> Result<(), HistoryError> {
        let mut bytes = encoded(line)?;
        if self.torn {
            bytes.insert(0, b'\n');
        }
        if let Err(source) = self.file.write_all(&bytes) {
            self.cut_off();
            return Err(error("appending to the journal", &self.path)(source));
        }
        if self.torn {
            let metadata = self.file.metadata().map_err(error("looking at the journal", &self.path))?;
            (self.length, self.torn) = (metadata.len(), false);
        } else {
            self.length += bytes.len() as u64;
        }
        self.lines += 1;
        Ok(())
    }

    fn cut_off(&mut self) {
        let cut = self.file.set_len(self.length);
        self.torn = cut.is_err();
        if let Err(error) = cut {
            tracing::error!(%error, "a half-written line stays in the journal");
        }
    }

    /// Replaces the journal by these lines.
    pub(super) fn rewrite(&mut self, lines: &[Line]) -> Result<(), HistoryError> {
        let mut bytes = Vec::new();
        for line in lines {
            bytes.extend(encoded(line)?);
        }
        replace(&self.path, &bytes)?;
        let open = private().append(true).open(&self.path);
        self.file = open.map_err(error("opening the journal", &self.path))?;
        (self.lines, self.length, self.torn) = (lines.len(), bytes.len() as u64, false);
        Ok(())
    }
}

/// A line as it stands in the file, with its end.
pub(super) fn encoded(line: &Line) -> Result<Vec<u8>, HistoryError> {
    let place = Path::new("journal.jsonl");
    let mut bytes = serde_json::to_vec(line).map_err(|source| error("writing", place)(source.into()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Every whole line of a journal that can be read; none where there is no journal. Nothing is changed.
pub(super) fn read(path: &Path) -> Result<Vec<Line>, HistoryError> {
    match std::fs::read(path) {
        Ok(bytes) => {
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
            Ok(parse(bytes.get(..whole).unwrap_or_default()).0)
        }
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(error("reading the journal", path)(source)),
    }
}

/// Whole lines, and how many of them are damaged.
fn parse(bytes: &[u8]) -> (Vec<Line>, usize) {
    let (mut lines, mut unreadable) = (Vec::new(), 0);
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(line) => lines.push(line),
            Err(_) => unreadable += 1,
        }
    }
    (lines, unreadable)
}
