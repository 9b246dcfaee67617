//! Lines and columns, counted only when somebody asks.

use std::cell::OnceCell;

/// Turns bytes of a text into lines and columns. Lines end with LF, CRLF or a lone CR.
#[derive(Debug)]
pub struct Places<'a> {
    text: &'a str,
    line_starts: OnceCell<Vec<usize>>,
}

impl<'a> Places<'a> {
    /// The places of this text.
    pub fn new(text: &'a str) -> Self {
        Self { text, line_starts: OnceCell::new() }
    }

    /// The text itself.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Line and column of a byte, both from 1, the column in characters. A byte order mark has no width. A byte
    /// beyond the text is its end.
    pub fn place(&self, byte: usize) -> (u32, u32) {
        let starts = self.line_starts.get_or_init(|| line_starts(self.text));
        let byte = byte.min(self.text.len());
        let line = starts.partition_point(|start| *start <= byte).max(1);
        let start = starts.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..byte).unwrap_or_default();
        let column = before.trim_start_matches('\u{feff}').chars().count() + 1;
        (number(line), number(column))
    }

    /// The byte at which a line and column stand; the end of the line where the column is beyond it. `None` beyond
    /// the last line.
    pub fn byte(&self, line: u32, column: u32) -> Option<usize> {
        let starts = self.line_starts.get_or_init(|| line_starts(self.text));
        let line = usize::try_from(line).ok()?.checked_sub(1)?;
        let mut start = starts.get(line).copied()?;
        if self.text.get(start..)?.starts_with('\u{feff}') {
            start += '\u{feff}'.len_utf8();
        }
        let end = starts.get(line + 1).copied().unwrap_or(self.text.len());
        let line_text = self.text.get(start..end)?.trim_end_matches(['\n', '\r']);
        let skip = usize::try_from(column).ok()?.saturating_sub(1);
        Some(start + line_text.char_indices().nth(skip).map_or(line_text.len(), |(at, _)| at))
    }
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Bytes of a usual line, or fewer: for as many starts there is room before any is found.
const LINE: usize = 32;

fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends = memchr::memchr2_iter(b'\n', b'\r', bytes);
    let ends = ends.filter(|at| bytes.get(*at) == Some(&b'\n') || bytes.get(at + 1) != Some(&b'\n'));
    let mut starts = Vec::with_capacity(1 + bytes.len() / LINE);
    starts.push(0);
    starts.extend(ends.map(|at| at + 1));
    starts
}
