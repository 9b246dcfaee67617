//! From bytes to a JSON value with places: strict JSON as people write it.
//!
//! People begin files with a byte order mark, end lines with CRLF, comment with `//`, `/* … */` and `#`, and leave
//! a comma after the last entry: all that is fine. Everything else that JSON is not is refused, and every problem
//! that can be found at once is given at once, with line and column.
//!
//! The stages are the modules: `encoding` (bytes to text), `prescan` (one pass over the text for what the parser
//! library does not tell: `#`, depth, raw control characters, where a half-written file ends), `syntax` (the parser
//! library; after an error it mends a copy and goes on, to find the next), `judge` (what to say of an error), `node` (the value with places).
//! Lines and columns are counted only for what is reported.

mod encoding;
mod judge;
mod node;
mod places;
mod prescan;
mod syntax;

use std::borrow::Cow;
use std::ops::Range;

use crate::Problem;

pub use node::{Kind, Member, Node, path_of};
pub use places::Places;

/// Bytes that a settings file may have.
pub const SIZE_MAX: usize = 10 * 1024 * 1024;
/// Levels of objects and arrays that a settings file may have.
pub const DEPTH_MAX: usize = 64;
/// Problems that are listed one by one; what is beyond them is counted.
pub const PROBLEMS_MAX: usize = 100;
/// Characters of a key that are shown: a path of keys is part of what is told, and must not be as long as the file.
const KEY_SHOWN_MAX: usize = 80;

/// A file that was read: its value, and where each part of it stands.
#[derive(Debug)]
pub struct Document<'a> {
    /// The value. Always an object.
    pub root: Node<'a>,
    /// The bytes of each comment, in order.
    pub comments: Vec<Range<usize>>,
    places: Places<'a>,
}

impl Default for Document<'_> {
    /// The empty object.
    fn default() -> Self {
        let root = Node { span: 0..0, kind: Kind::Object(Vec::new()) };
        Self { root, comments: Vec::new(), places: Places::new("") }
    }
}

impl<'a> Document<'a> {
    /// The text of the file, byte order mark included: all ranges refer to it.
    pub fn text(&self) -> &'a str {
        self.places.text()
    }

    /// The members of the object at the top.
    pub fn members(&self) -> &[Member<'a>] {
        self.root.members()
    }

    /// Line and column of a byte of the text, both from 1, the column in characters.
    pub fn place(&self, byte: usize) -> (u32, u32) {
        self.places.place(byte)
    }

    /// The member at a path of keys.
    pub fn member(&self, path: &[&str]) -> Option<&Member<'a>> {
        let (last, parents) = path.split_last()?;
        let object =
            parents.iter().try_fold(&self.root, |node, key| node.get(key).map(|member| &member.value))?;
        object.get(last)
    }

    /// Line and column of the key at a path.
    pub fn position_of_key(&self, path: &[&str]) -> Option<(u32, u32)> {
        Some(self.place(self.member(path)?.key_span.start))
    }

    /// Line and column of the value at a path.
    pub fn position_of_value(&self, path: &[&str]) -> Option<(u32, u32)> {
        Some(self.place(self.member(path)?.value.span.start))
    }

    /// The bytes of the value at a path; of a string what stands between its quotes.
    pub fn span_of_value(&self, path: &[&str]) -> Option<Range<usize>> {
        Some(self.member(path)?.value.content_span())
    }

    /// The value without places. Of a key that is given twice the last one counts.
    pub fn value(&self) -> serde_json::Value {
        self.root.value()
    }
}

/// A file that is not strict JSON.
#[derive(Debug)]
pub struct Refused<'a> {
    /// Everything that is wrong, in the order of the file. Never empty. What is beyond [`PROBLEMS_MAX`] is one more, which
    /// says how many.
    pub problems: Vec<Problem>,
    /// Problems that are only counted.
    pub beyond: usize,
    /// The value all the same, when its syntax is right and only keys are given twice: a caller can go on to check
    /// it and tell everything at once.
    pub document: Option<Document<'a>>,
}

impl From<Box<Refused<'_>>> for Vec<Problem> {
    /// For a caller that wants the problems alone.
    fn from(refused: Box<Refused<'_>>) -> Self {
        refused.problems
    }
}

/// Something wrong at a byte of the text; becomes a [`Problem`] when lines and columns are counted.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) path: String,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// The end of the message, and the other place that it names: «, first in» line 3.
    pub(crate) also: Option<(&'static str, usize)>,
}

impl Fault {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, path: String::new(), message: message.into(), hint: None, also: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Reads a settings file.
///
/// # Errors
/// [`Refused`], with everything that is wrong.
pub fn parse(content: &[u8]) -> Result<Document<'_>, Box<Refused<'_>>> {
    let text = match encoding::text(content) {
        Ok(text) => text,
        Err(problem) => {
            return Err(Box::new(Refused { problems: vec![problem], beyond: 0, document: None }));
        }
    };
    let places = Places::new(text);
    let scan = prescan::scan(text);
    let (mut faults, comments) = (scan.faults, scan.comments);
    let parsed = if scan.readable { syntax::parse(&scan.text, &mut faults) } else { None };
    let mut duplicates = Vec::new();
    let root = parsed.and_then(|value| node::build(value, text, &mut duplicates, &mut faults));
    let syntax_is_right = faults.is_empty();
    faults.append(&mut duplicates);
    match root {
        Some(root) if faults.is_empty() => Ok(Document { root, comments, places }),
        root => {
            let beyond = faults.len().saturating_sub(PROBLEMS_MAX);
            let problems = problems(faults, &places);
            let document = root.filter(|_| syntax_is_right).map(|root| Document { root, comments, places });
            Err(Box::new(Refused { problems, beyond, document }))
        }
    }
}

/// Problems that were found after the check (a port that is taken), with the place of the key that each names, where
/// the content has it. What is in another file has its place there.
pub(crate) fn placed(mut problems: Vec<Problem>, content: &[u8]) -> Vec<Problem> {
    let Ok(document) = parse(content) else { return problems };
    for problem in problems.iter_mut().filter(|problem| problem.file.is_none() && problem.line.is_none()) {
        let path: Vec<&str> = problem.path.split('.').collect();
        if let Some((line, column)) = document.position_of_value(&path) {
            (problem.line, problem.column) = (Some(line), Some(column));
        }
    }
    problems
}

/// The beginning of a key or a word.
fn shown(word: &str) -> Cow<'_, str> {
    if word.len() <= KEY_SHOWN_MAX {
        return Cow::Borrowed(word);
    }
    match word.char_indices().nth(KEY_SHOWN_MAX) {
        Some((at, _)) => Cow::Owned(format!("{}…", word.get(..at).unwrap_or_default())),
        None => Cow::Borrowed(word),
    }
}

fn problems(mut faults: Vec<Fault>, places: &Places<'_>) -> Vec<Problem> {
    faults.sort_by_key(|fault| fault.at);
    let beyond = faults.len().saturating_sub(PROBLEMS_MAX);
    let mut problems: Vec<Problem> = faults
        .into_iter()
        .take(PROBLEMS_MAX)
        .map(|fault| {
            let (line, column) = places.place(fault.at);
            let message = match fault.also {
                Some((link, at)) => format!(
                    "{}{link} line {}, column {}",
                    fault.message,
                    places.place(at).0,
                    places.place(at).1
                ),
                None => fault.message,
            };
            let problem = Problem::new(fault.path, message).at(line, column);
            Problem { hint: fault.hint, ..problem }
        })
        .collect();
    if beyond > 0 {
        problems.push(Problem::new("", format!("and {beyond} more problems")));
    }
    problems
}

#[cfg(test)]
mod tests;
