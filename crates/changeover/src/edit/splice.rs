//! Which bytes to replace for one change.

use std::ops::Range;

use serde_json::{Map, Value};

use crate::check::{Document, Member, Node};

/// Bytes, and what takes their place.
pub(super) type Splice = (Range<usize>, String);

/// The replacements for one change of the key at `path`; `value` `None` removes it. The path leads through objects.
pub(super) fn splices(document: &Document<'_>, path: &[&str], value: Option<&Value>) -> Vec<Splice> {
    let page = Page::of(document);
    let mut object = &document.root;
    for (index, name) in path.iter().enumerate() {
        let rest = path.get(index + 1..).unwrap_or_default();
        match (object.get(name), value) {
            (Some(member), _) if !rest.is_empty() => object = &member.value,
            (Some(member), Some(value)) => return vec![page.replace(member, value)],
            (Some(member), None) => return page.remove(object, member),
            (None, Some(value)) => return page.insert(object, name, &nested(rest, value)),
            (None, None) => return Vec::new(),
        }
    }
    Vec::new()
}

/// The text with all replacements.
pub(super) fn spliced(text: &str, mut splices: Vec<Splice>) -> String {
    splices.sort_by_key(|(range, _)| range.start);
    let mut whole = text.to_owned();
    for (range, instead) in splices.into_iter().rev() {
        whole.replace_range(range, &instead);
    }
    whole
}

/// The value below objects of these names.
fn nested(names: &[&str], value: &Value) -> Value {
    names
        .iter()
        .rev()
        .fold(value.clone(), |value, name| Value::Object(Map::from_iter([((*name).to_owned(), value)])))
}

/// The text, and how it is written.
struct Page<'a> {
    text: &'a str,
    comments: &'a [Range<usize>],
    /// Whether the whole object stands on one line.
    compact: bool,
    line_end: &'static str,
    /// What one level is indented by.
    unit: String,
}

impl<'a> Page<'a> {
    fn of(document: &'a Document<'_>) -> Self {
        let text = document.text();
        let root = text.get(document.root.span.clone()).unwrap_or_default();
        let mut page = Self {
            text,
            comments: &document.comments,
            compact: !root.contains('\n'),
            line_end: if text.contains("\r\n") { "\r\n" } else { "\n" },
            unit: "  ".to_owned(),
        };
        let first = document.members().first().and_then(|member| page.begins_line(member.key_span.start));
        if let Some(indent) = first.filter(|indent| !indent.is_empty()) {
            page.unit = indent.to_owned();
        }
        page
    }

    fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or_default()
    }

    /// The white space that the line of this byte begins with.
    fn indent(&self, at: usize) -> &'a str {
        let line = self.slice(self.line_start(at)..at);
        let line = line.trim_start_matches('\u{feff}');
        line.get(..line.len() - line.trim_start().len()).unwrap_or_default()
    }

    /// The same, where nothing else stands before this byte in its line.
    fn begins_line(&self, at: usize) -> Option<&'a str> {
        let start = self.line_start(at);
        (start > 0 && self.slice(start..at).trim().is_empty()).then(|| self.slice(start..at))
    }

    fn line_start(&self, at: usize) -> usize {
        self.slice(0..at).rfind(['\n', '\r']).map_or(0, |end| end + 1)
    }

    /// The comment that begins at this byte.
    fn comment_at(&self, at: usize) -> Option<&'a Range<usize>> {
        let index = self.comments.binary_search_by_key(&at, |comment| comment.start).ok()?;
        self.comments.get(index)
    }

    /// The comma after a value, white space and comments aside.
    fn comma_after(&self, mut at: usize) -> Option<usize> {
        loop {
            if let Some(comment) = self.comment_at(at) {
                at = comment.end;
                continue;
            }
            match self.slice(at..self.text.len()).chars().next()? {
                ',' => return Some(at),
                blank if blank.is_whitespace() => at += blank.len_utf8(),
                _ => return None,
            }
        }
    }

    /// Where the line of this byte ends for its reader: behind the comments that begin in it. And whether the last of them
    /// goes to the end of its line.
    fn line_rest(&self, mut at: usize) -> (usize, bool) {
        let (mut end, mut open) = (at, false);
        loop {
            if let Some(comment) = self.comment_at(at) {
                at = comment.end;
                (end, open) = (at, !self.slice(comment.clone()).starts_with("/*"));
                continue;
            }
            match self.slice(at..self.text.len()).chars().next() {
                Some(' ' | '\t') => at += 1,
                _ => return (end, open),
            }
        }
    }

    fn replace(&self, member: &Member<'_>, value: &Value) -> Splice {
        let span = member.value.span.clone();
        (span.clone(), self.written(value, self.indent(span.start)))
    }

    fn insert(&self, object: &Node<'_>, name: &str, value: &Value) -> Vec<Splice> {
        let close = object.span.end.saturating_sub(1);
        let Some(last) = object.members().last() else {
            return vec![self.insert_first(object.span.start + 1, close, name, value)];
        };
        let end = last.value.span.end;
        let comma = self.comma_after(end);
        let (at, open) = self.line_rest(comma.map_or(end, |comma| comma + 1));
        // A comment behind the comma, on the last line before the bracket, must not swallow what is added.
        let (before, indent) = match self.begins_line(last.key_span.start) {
            Some(indent) => (format!("{}{indent}", self.line_end), indent.to_owned()),
            None if open => {
                let indent = self.indent(last.key_span.start);
                (format!("{}{indent}", self.line_end), indent.to_owned())
            }
            None => (" ".to_owned(), self.indent(last.key_span.start).to_owned()),
        };
        let after = if comma.is_some() { "," } else { "" };
        let added = format!("{before}{}{after}", self.member(name, value, &indent));
        match comma {
            Some(_) => vec![(at..at, added)],
            None if at == end => vec![(end..end, format!(",{added}"))],
            None => vec![(end..end, ",".to_owned()), (at..at, added)],
        }
    }

    /// Into an object without keys.
    fn insert_first(&self, open: usize, close: usize, name: &str, value: &Value) -> Splice {
        let inside = self.comments.iter().filter(|comment| open <= comment.start && comment.end <= close);
        let last = inside.max_by_key(|comment| comment.end);
        let at = last.map_or(open, |comment| comment.end);
        if self.compact && last.is_none() {
            return (at..at, self.member(name, value, ""));
        }
        let outer = self.indent(open);
        let inner = format!("{outer}{}", self.unit);
        let rest = self.slice(at..close);
        let ends_line = rest.contains('\n') && rest.trim().is_empty();
        let end = if ends_line { String::new() } else { format!("{}{outer}", self.line_end) };
        (at..at, format!("{}{inner}{}{end}", self.line_end, self.member(name, value, &inner)))
    }

    fn remove(&self, object: &Node<'_>, member: &Member<'_>) -> Vec<Splice> {
        let (start, end) = (member.key_span.start, member.value.span.end);
        let mut splices = Vec::new();
        let mut cut = start..end;
        match self.comma_after(end) {
            // Comments between a value and its comma stay.
            Some(comma) if self.slice(end..comma).trim().is_empty() => cut.end = comma + 1,
            Some(comma) => splices.push((comma..comma + 1, String::new())),
            None => {
                let before = object.members().iter().rev().find(|other| other.value.span.end <= start);
                let comma = before.and_then(|before| self.comma_after(before.value.span.end));
                splices.extend(comma.map(|comma| (comma..comma + 1, String::new())));
            }
        }
        let rest = self.slice(cut.end..self.text.len());
        let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let after = rest.get(blank..).unwrap_or_default();
        if let Some(indent) = self.begins_line(start).filter(|_| after.starts_with(['\n', '\r'])) {
            // The line was this key's alone: its line end goes with it.
            let line_end = if after.starts_with("\r\n") { 2 } else { 1 };
            cut = start - indent.len()..cut.end + blank + line_end;
        } else if self.begins_line(start).is_none() && !splices.is_empty() {
            // The last key of its line: the blanks that kept it from the one before.
            let before = self.slice(0..start);
            let kept = before.trim_end_matches([' ', '\t']);
            if kept.ends_with(',') {
                cut.start = kept.len();
            }
        } else {
            cut.end += blank;
        }
        splices.push((cut, String::new()));
        splices
    }

    fn member(&self, name: &str, value: &Value, indent: &str) -> String {
        format!("{}: {}", Value::from(name), self.written(value, indent))
    }

    /// A value as the file is written: on one line in a file of one line, else a line for each entry.
    fn written(&self, value: &Value, indent: &str) -> String {
        if self.compact {
            return value.to_string();
        }
        let pretty = format!("{value:#}");
        let mut lines = pretty.lines();
        let mut written = lines.next().unwrap_or_default().to_owned();
        for line in lines {
            let content = line.trim_start_matches(' ');
            let levels = (line.len() - content.len()) / 2;
            written.push_str(self.line_end);
            written.push_str(indent);
            (0..levels).for_each(|_| written.push_str(&self.unit));
            written.push_str(content);
        }
        written
    }
}
