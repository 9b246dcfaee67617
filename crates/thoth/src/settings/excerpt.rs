//! The lines around a problem, as they are shown. A file may be one line of megabytes: then what stands around the problem
//! is shown, and not the line.

use changeover::Problem;
use changeover::check::Places;
use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

/// Characters of a line that are shown.
const LINE_MAX: usize = 160;
/// Characters before the problem, in a line that is longer.
const BEFORE_MAX: usize = 40;

/// A few lines of a file.
#[derive(Debug)]
pub(super) struct Excerpt<'a> {
    name: &'a str,
    text: String,
    /// Where the problem stands in the text.
    label: SourceSpan,
    /// The number of the first line, from 0.
    first_line: usize,
    /// Line and column of the problem in the file, from 0.
    place: (usize, usize),
}

impl<'a> Excerpt<'a> {
    /// The excerpt for a problem that has a place. Lines end with LF, and there is a blank before each end, where a place
    /// can be marked.
    pub(super) fn of(name: &'a str, problem: &Problem, places: &Places<'_>) -> Option<Self> {
        let (line, column) = (problem.line?, problem.column?);
        let at = places.byte(line, column)?;
        let (before, behind) = places.text().split_at_checked(at)?;
        let begin = before.rfind('\n').map_or(0, |end| end + 1);
        let mut text = String::new();
        let above = before.get(..begin).and_then(|above| above.strip_suffix('\n'));
        if let Some(above) = above {
            let above = above.rsplit('\n').next().unwrap_or_default();
            text = cut(above, LINE_MAX);
            text.push('\n');
        }
        let mut below = behind.split('\n');
        let rest = below.next().unwrap_or_default();
        let start = before.get(begin..).unwrap_or_default();
        text.push_str(&beginning(start, start.len() + rest.len() > LINE_MAX));
        let at = text.len();
        let rest = cut(rest, LINE_MAX);
        text.push_str(&rest);
        for below in below.take(1) {
            text.push('\n');
            text.push_str(&cut(below, LINE_MAX));
        }
        let place =
            (usize::try_from(line).ok()?.saturating_sub(1), usize::try_from(column).ok()?.saturating_sub(1));
        let first_line = place.0.saturating_sub(usize::from(above.is_some()));
        let label = SourceSpan::new(at.into(), marked(&rest).min(rest.len()));
        Some(Self { name, text, label, first_line, place })
    }

    /// The mark at the problem.
    pub(super) fn label(&self) -> LabeledSpan {
        LabeledSpan::new_with_span(Some("here".to_owned()), self.label)
    }
}

impl SourceCode for Excerpt<'_> {
    /// There is one problem: with lines around it all of the text is asked for, without them its place.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let name = self.name.to_owned();
        let contents = if lines_before + lines_after == 0 {
            let end = span.offset() + span.len();
            let marked = self.text.get(span.offset()..end).ok_or(MietteError::OutOfBounds)?;
            let (line, column) = self.place;
            MietteSpanContents::new_named(name, marked.as_bytes(), *span, line, column, 1)
        } else {
            let whole = SourceSpan::new(0.into(), self.text.len());
            let lines = self.text.lines().count();
            MietteSpanContents::new_named(name, self.text.as_bytes(), whole, self.first_line, 0, lines)
        };
        Ok(Box::new(contents))
    }
}

/// What stands before the problem in its line; of a long line the last part.
fn beginning(start: &str, is_long: bool) -> String {
    match start.char_indices().rev().nth(BEFORE_MAX) {
        Some((from, _)) if is_long => format!("…{}", start.get(from..).unwrap_or_default()),
        _ => start.to_owned(),
    }
}

/// The beginning of a line.
fn cut(line: &str, max: usize) -> String {
    match line.char_indices().nth(max) {
        Some((end, _)) => format!("{}… ", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// The length of the word or string that a line begins with.
fn marked(line: &str) -> usize {
    let is_end = |c: char| c.is_whitespace() || matches!(c, ',' | ':' | '{' | '}' | '[' | ']');
    match line.strip_prefix('"') {
        Some(inner) => inner.find('"').map_or(line.len(), |end| end + 2),
        None => line
            .find(is_end)
            .filter(|end| *end > 0)
            .unwrap_or_else(|| line.chars().next().map_or(0, char::len_utf8)),
    }
}
