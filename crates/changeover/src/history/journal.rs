//! The journal: one JSON object a line, readable after a kill at any byte.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::iter;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::HistoryError;
use super::files::{error, private, replace_by};
use super::lines::Lines;
use crate::report::{Outcome, Verdict};

/// The file in the state directory.
pub(super) const FILE: &str = "journal.jsonl";

/// What is about to go live; or a content that says what is live already, kept.
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
    /// What has happened and could not be written, whole lines: they are written with the next one.
    unwritten: VecDeque<Vec<u8>>,
}

/// Lines that wait to be written, at most; the oldest are given up.
const UNWRITTEN_MAX: usize = 1_000;

impl Journal {
    /// Opens the journal and shows each of its lines; gives what was damaged, in words. A torn tail is cut off.
    pub(super) fn open(
        path: &Path,
        mut each: impl FnMut(Line),
    ) -> Result<(Self, Option<String>), HistoryError> {
        let open = || private().read(true).append(true).create(true).open(path);
        let file = open().map_err(error("opening the journal", path))?;
        let unwritten = VecDeque::new();
        let mut journal = Self { path: path.to_owned(), file, lines: 0, length: 0, torn: false, unwritten };
        let Some(mut lines) = Lines::open(path)? else { return Ok((journal, None)) };
        for line in &mut lines {
            each(line?);
            journal.lines += 1;
        }
        journal.length = lines.whole;
        let mut damage = Vec::new();
        if lines.unreadable > 0 {
            let count = lines.unreadable;
            damage.push(format!("{count} lines of the journal cannot be read and are passed over"));
        }
        if lines.torn > 0 {
            let cut = journal.file.set_len(lines.whole);
            cut.map_err(error("cutting the torn tail off the journal", path))?;
            let count = lines.torn;
            damage.push(format!("the journal ended in the middle of a line; {count} bytes were cut off"));
        }
        Ok((journal, (!damage.is_empty()).then(|| damage.join("; "))))
    }

    /// Where it stands.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Lines in the file.
    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    /// Bytes of all whole lines.
    pub(super) fn bytes(&self) -> u64 {
        self.length
    }

    /// Appends one line. What tells of something that has happened is written with the next line if it cannot be now; what is
    /// only about to happen is not, since then it does not.
    pub(super) fn append(&mut self, line: &Line) -> Result<(), HistoryError> {
        let bytes = encoded(line)?;
        let written = self.write(&bytes);
        if written.is_err() && !matches!(line, Line::Intent(_)) {
            if self.unwritten.len() >= UNWRITTEN_MAX {
                self.unwritten.pop_front();
            }
            self.unwritten.push_back(bytes);
        }
        written
    }

    /// Writes a line, after those that wait. After a failure the file ends with the last whole line again, as far as the disk
    /// allows; where it does not, the torn part stays a line of its own and spoils no other.
    fn write(&mut self, line: &[u8]) -> Result<(), HistoryError> {
        let mut bytes = Cow::Borrowed(line);
        if self.torn || !self.unwritten.is_empty() {
            let end = if self.torn { &b"\n"[..] } else { &[] };
            let waiting = self.unwritten.iter().map(Vec::as_slice);
            bytes = Cow::Owned(iter::once(end).chain(waiting).chain([line]).collect::<Vec<_>>().concat());
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
        self.lines += 1 + self.unwritten.len();
        self.unwritten.clear();
        Ok(())
    }

    fn cut_off(&mut self) {
        let cut = self.file.set_len(self.length);
        self.torn = cut.is_err();
        if let Err(error) = cut {
            tracing::error!(%error, "a half-written line stays in the journal");
        }
    }

    /// Replaces the journal by what `keep` makes of its lines. After a failure it is the old one, and is written on.
    pub(super) fn rewrite(&mut self, mut keep: impl FnMut(Line) -> Option<Line>) -> Result<(), HistoryError> {
        let (mut count, mut length) = (0, 0);
        self.file = replace_by(&self.path, |out| {
            for line in Lines::open(&self.path)?.into_iter().flatten() {
                let Some(line) = keep(line?) else { continue };
                let bytes = encoded(&line)?;
                out.write_all(&bytes).map_err(error("writing", &self.path))?;
                count += 1;
                length += bytes.len() as u64;
            }
            Ok(())
        })?;
        (self.lines, self.length, self.torn) = (count, length, false);
        Ok(())
    }
}

/// Bytes of a line with a settings file of the usual size in it: it is written without moving to where there is more room.
const LINE: usize = 8 * 1024;

/// A line as it stands in the file, with its end.
fn encoded(line: &Line) -> Result<Vec<u8>, HistoryError> {
    let place = Path::new(FILE);
    let mut bytes = Vec::with_capacity(LINE);
    serde_json::to_writer(&mut bytes, line).map_err(|source| error("writing", place)(source.into()))?;
    bytes.push(b'\n');
    Ok(bytes)
}
