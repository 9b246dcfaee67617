//! Our keys among the user's: the lines of a frontmatter, changed one key at a time.
//!
//! A frontmatter is never parsed into values and written back: that would reorder and requote what the user wrote.
//! It is cut into the lines of its top-level keys, and only the lines of our keys are replaced.

/// One key of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: &'static str,
    /// What follows the colon: a scalar, or the items of a list.
    pub value: Value,
    /// Whether the key is the user's once the note exists (`tags`): written into new notes only.
    pub only_new: bool,
}

/// A value, already in YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// On the line of the key.
    Scalar(String),
    /// One item a line.
    List(Vec<String>),
}

impl Entry {
    fn lines(&self, eol: &str) -> String {
        match &self.value {
            Value::Scalar(value) => format!("{}: {value}{eol}", self.key),
            Value::List(items) => {
                let mut lines = format!("{}:{eol}", self.key);
                for item in items {
                    lines.push_str("  - ");
                    lines.push_str(item);
                    lines.push_str(eol);
                }
                lines
            }
        }
    }
}

/// A frontmatter that says nothing but our entries.
pub fn fresh(entries: &[Entry], eol: &str) -> String {
    entries.iter().map(|entry| entry.lines(eol)).collect()
}

/// The frontmatter (what stands between the fences) with our entries brought up to date: present ones where they
/// stand, missing ones at the end.
///
/// # Errors
/// Why the frontmatter cannot be changed safely.
pub fn merge(front: &str, entries: &[Entry], eol: &str) -> Result<String, String> {
    let blocks = blocks(front)?;
    let mut out = String::with_capacity(front.len() + 256);
    for block in &blocks {
        match entries.iter().find(|entry| block.key == Some(entry.key) && !entry.only_new) {
            Some(entry) => out.push_str(&entry.lines(eol)),
            None => out.push_str(block.text),
        }
    }
    if !out.is_empty() && !out.ends_with('\n') {
        out.push_str(eol);
    }
    for entry in entries {
        let present = blocks.iter().any(|block| block.key == Some(entry.key));
        if !present && !entry.only_new {
            out.push_str(&entry.lines(eol));
        }
    }
    Ok(out)
}

/// The scalar value of a key, without its quotes; for values of ours that need no escapes.
pub fn scalar<'a>(front: &'a str, key: &str) -> Option<&'a str> {
    let block = blocks(front).ok()?.into_iter().find(|block| block.key == Some(key))?;
    let line = block.text.lines().next()?;
    let (_, value) = line.split_once(':')?;
    let value = value.trim();
    let bare = |quote| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    Some(bare('"').or_else(|| bare('\'')).unwrap_or(value))
}

/// The lines of one top-level key, or lines between two keys (blank ones, comments).
struct Block<'a> {
    key: Option<&'a str>,
    text: &'a str,
}

/// Cuts a frontmatter into blocks whose texts, put together, are the frontmatter.
fn blocks(front: &str) -> Result<Vec<Block<'_>>, String> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut start = 0;
    let mut key = None;
    let mut end_of_value = 0;
    let mut position = 0;
    for line in front.split_inclusive('\n') {
        let here = position;
        position += line.len();
        let bare = line.trim_end();
        if let Some(found) = top_level_key(bare) {
            close(front, &mut blocks, key, start, end_of_value, here);
            if blocks.iter().any(|block| block.key == Some(found)) {
                return Err(format!("its frontmatter has the key `{found}` twice"));
            }
            (start, key, end_of_value) = (here, Some(found), position);
        } else if key.is_none() {
            if !(bare.is_empty() || bare.starts_with('#')) {
                return Err(format!("its frontmatter has a line that belongs to no key: `{bare}`"));
            }
        } else if !(bare.is_empty() || line.starts_with('#')) {
            end_of_value = position;
        }
    }
    close(front, &mut blocks, key, start, end_of_value, position);
    Ok(blocks)
}

/// Ends the block that began at `start`: its value up to `end_of_value`, and what stands between it and the next.
fn close<'a>(
    front: &'a str,
    blocks: &mut Vec<Block<'a>>,
    key: Option<&'a str>,
    start: usize,
    end_of_value: usize,
    end: usize,
) {
    let middle = if key.is_some() { end_of_value } else { start };
    for (key, range) in [(key, start..middle), (None, middle..end)] {
        if let Some(text) = front.get(range).filter(|text| !text.is_empty()) {
            blocks.push(Block { key, text });
        }
    }
}

/// The key of a line that begins one at the top level: `key:` or `"key":`, at column 0.
fn top_level_key(line: &str) -> Option<&str> {
    let first = line.chars().next()?;
    if first.is_whitespace()
        || matches!(first, '#' | '-' | '{' | '[' | ']' | '}' | '?' | '|' | '>' | '%' | '@')
    {
        return None;
    }
    if first == '"' || first == '\'' {
        let (key, rest) = line.get(1..)?.split_once(first)?;
        return is_separator(rest.trim_start()).then_some(key);
    }
    let at =
        line.match_indices(':').map(|(at, _)| at).find(|at| line.get(*at..).is_some_and(is_separator))?;
    line.get(..at).map(str::trim_end)
}

fn is_separator(rest: &str) -> bool {
    rest.strip_prefix(':').is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &'static str, value: &str) -> Entry {
        Entry { key, value: Value::Scalar(value.to_owned()), only_new: false }
    }

    #[test]
    fn our_keys_change_where_they_stand_and_nothing_else_does() {
        let ours = [
            entry("title", "\"T\""),
            Entry { key: "tags", value: Value::List(vec!["\"paper\"".to_owned()]), only_new: true },
        ];
        for (before, after) in [
            ("", "title: \"T\"\n"),
            ("title: old\n", "title: \"T\"\n"),
            ("a: 1\ntitle: old\nb: 2\n", "a: 1\ntitle: \"T\"\nb: 2\n"),
            ("\"title\" : old\n# mine\n\nb: [x,\n]\n", "title: \"T\"\n# mine\n\nb: [x,\n]\n"),
            ("title: |\n  two\n\n  lines\n\n# c\nb: 2", "title: \"T\"\n\n# c\nb: 2\n"),
            ("title:\n- a\n- b\ntags: [x]\n", "title: \"T\"\ntags: [x]\n"),
            ("url: http://a: b\ntitles: x\n", "url: http://a: b\ntitles: x\ntitle: \"T\"\n"),
            ("b: 'it''s'\n", "b: 'it''s'\ntitle: \"T\"\n"),
        ] {
            assert_eq!(merge(before, &ours, "\n").unwrap(), after, "{before:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for before in ["title: a\ntitle: b\n", "{title: a}\n", "- a\n", "  indented: 1\n"] {
            assert!(merge(before, &[entry("title", "x")], "\n").is_err(), "{before:?}");
        }
    }

    #[test]
    fn the_value_of_a_key_is_found() {
        for (front, value) in [
            ("thoth-id: \"abc\"\n", Some("abc")),
            ("a: 1\nthoth-id: abc\r\n", Some("abc")),
            ("thoth-id: 'abc'", Some("abc")),
            ("x: thoth-id: abc\n", None),
        ] {
            assert_eq!(scalar(front, "thoth-id"), value, "{front:?}");
        }
    }
}
