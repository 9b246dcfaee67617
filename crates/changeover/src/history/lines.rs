//! The lines of a journal, one at a time: a journal of megabytes is never in memory as a whole.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use super::HistoryError;
use super::files::error;
use super::journal::{Intent, Line};

/// Reads a journal from its beginning. Nothing is changed; what is written meanwhile may be read or not.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    /// The line that was given last, as it stands in the file.
    bytes: Vec<u8>,
    /// Bytes up to the end of the last whole line.
    pub(super) whole: u64,
    /// Bytes after that.
    pub(super) torn: u64,
    /// Whole lines that cannot be understood, and are passed over.
    pub(super) unreadable: usize,
}

impl Lines {
    /// Opens a journal; `None` where there is none.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, HistoryError> {
        let file = match File::open(path) {
            Err(missing) if missing.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.map_err(error("reading the journal", path))?,
        };
        let (path, reader) = (path.to_owned(), BufReader::new(file));
        Ok(Some(Self { path, reader, bytes: Vec::new(), whole: 0, torn: 0, unreadable: 0 }))
    }

    /// Bytes of the line that was given last, with its end.
    pub(super) fn line_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }
}

impl Iterator for Lines {
    type Item = Result<Line, HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.bytes.clear();
            if let Err(source) = self.reader.read_until(b'\n', &mut self.bytes) {
                return Some(Err(error("reading the journal", &self.path)(source)));
            }
            let Some(line) = self.bytes.strip_suffix(b"\n") else {
                self.torn = self.line_bytes();
                return None;
            };
            self.whole += self.bytes.len() as u64;
            match serde_json::from_slice(line) {
                Ok(line) => return Some(Ok(line)),
                Err(_) => self.unreadable += usize::from(!line.is_empty()),
            }
        }
    }
}

/// The contents with these hashes, as the journal keeps them.
pub(super) fn sealed(path: &Path, wanted: &HashSet<&str>) -> Result<HashMap<String, String>, HistoryError> {
    let mut found = HashMap::new();
    for line in Lines::open(path)?.into_iter().flatten() {
        if let Line::Intent(Intent { content: Some(hash), sealed: Some(sealed), .. }) = line?
            && wanted.contains(hash.as_str())
        {
            found.insert(hash, sealed);
        }
    }
    Ok(found)
}
