//! A `.csl` file of the user's: read within limits, and looked through before its rules are applied.
//!
//! A style is a small program. Macros that call each other in a circle, or each other twice over many steps, and
//! elements nested without end would exhaust the stack or the patience of whoever applies them, so they are refused
//! beforehand.

use std::collections::HashMap;
use std::path::Path;

use changeover::Content;
use hayagriva::archive::ArchivedStyle;
use hayagriva::citationberg;

use super::format;
use super::style::Style;

/// Bytes of a style file. The largest of the official repository has about 400 KB.
const FILE_BYTES_MAX: usize = 1 << 20;
/// Elements within each other. The official styles stay below 30.
const DEPTH_MAX: usize = 100;
/// Elements that one reference leads through when every macro is followed; 5,000 in the largest of the archive.
const STEPS_MAX: u64 = 100_000;

/// What is wrong, and the way out.
type Refused = (String, String);

fn refused(message: impl Into<String>) -> Refused {
    let hint = "styles that work are at https://github.com/citation-style-language/styles; or name one of IEEE, APA, MLA, Chicago, Harvard";
    (message.into(), hint.to_owned())
}

/// The text of a style file.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn text<'c>(path: &Path, content: &'c Content) -> Result<&'c str, Refused> {
    let shown = path.display();
    let bytes = match content {
        Content::Bytes(bytes) => bytes,
        Content::Missing => {
            let hint = "write the path relative to the vault".to_owned();
            return Err((format!("there is no file `{shown}`"), hint));
        }
        Content::Unreadable(why) => return Err(refused(format!("`{shown}` cannot be used: {why}"))),
    };
    if bytes.len() > FILE_BYTES_MAX {
        return Err(refused(format!("`{shown}` is larger than {FILE_BYTES_MAX} bytes")));
    }
    std::str::from_utf8(bytes).map_err(|_| refused(format!("`{shown}` is not UTF-8 text")))
}

/// The style that a file holds.
///
/// # Errors
/// Why its rules cannot be applied.
pub(super) fn style(text: &str) -> Result<Style, Refused> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    look_through(text).map_err(refused)?;
    let parsed = citationberg::Style::from_xml(text).map_err(|error| {
        let place = error.path.as_ref().map(|path| format!(" at `{path}`")).unwrap_or_default();
        refused(format!("the file is no style{place}: {}", error.source))
    })?;
    let style = match parsed {
        citationberg::Style::Independent(rules) => Style::new(rules, None),
        citationberg::Style::Dependent(dependent) => {
            let parent = dependent.parent_link.href.rsplit('/').next().unwrap_or_default().to_owned();
            let known = ArchivedStyle::by_id(&dependent.parent_link.href).map(ArchivedStyle::get);
            let Some(citationberg::Style::Independent(rules)) = known else {
                let message =
                    format!("the style only points to another one, `{parent}`, which Thoth does not have");
                return Err((message, format!("name the file `{parent}.csl` itself")));
            };
            Style::new(rules, dependent.default_locale)
        }
    };
    if style.rules.bibliography.is_none() {
        return Err(refused("the style has no bibliography: it formats footnotes alone"));
    }
    format::tried(&style).map_err(refused)?;
    Ok(style)
}

/// What following an element may lead through.
enum Step<'t> {
    /// A macro.
    Call(&'t str),
    /// An element and all of what it holds.
    All(Vec<Step<'t>>),
    /// An element and one of the branches that it holds.
    One(Vec<Step<'t>>),
}

/// Refuses what would not end, or not within reason, without following it.
fn look_through(text: &str) -> Result<(), String> {
    let (whole, macros) = outline(text)?;
    let mut known = HashMap::new();
    let steps = steps(&whole, &macros, &mut known, 0)?;
    if steps > STEPS_MAX {
        return Err(format!("one reference would lead through more than {STEPS_MAX} elements"));
    }
    Ok(())
}

type Macros<'t> = HashMap<&'t str, Step<'t>>;

/// The elements of the file, and its macros by name.
fn outline(text: &str) -> Result<(Step<'_>, Macros<'_>), String> {
    let (mut macros, mut open, mut rest) = (HashMap::new(), vec![("", "", Vec::new())], text);
    while let Some(start) = rest.find('<') {
        let tag = rest.get(start..).unwrap_or_default();
        let length = length(tag).ok_or("the file ends in the middle of an element")?;
        let content = tag.get(1..length.saturating_sub(1)).unwrap_or_default();
        rest = tag.get(length..).unwrap_or_default();
        if content.starts_with(['!', '?']) {
            continue;
        }
        if !content.starts_with('/') {
            let name = content.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
            let calls = attribute(content, "macro").map(Step::Call);
            open.push((name, attribute(content, "name").unwrap_or_default(), calls.into_iter().collect()));
        }
        if open.len() > DEPTH_MAX {
            return Err(format!("its elements are nested more than {DEPTH_MAX} deep"));
        }
        if (content.starts_with('/') || content.ends_with('/'))
            && open.len() > 1
            && let Some((element, name, inner)) = open.pop()
        {
            let step = if element == "choose" { Step::One(inner) } else { Step::All(inner) };
            match open.last_mut() {
                _ if element == "macro" => drop(macros.insert(name, step)),
                Some((_, _, siblings)) => siblings.push(step),
                None => {}
            }
        }
    }
    Ok((Step::All(open.into_iter().flat_map(|(_, _, inner)| inner).collect()), macros))
}

/// Elements that a step leads through. A macro that is being followed has no size yet.
fn steps<'t>(
    step: &Step<'t>,
    macros: &Macros<'t>,
    known: &mut HashMap<&'t str, Option<u64>>,
    depth: usize,
) -> Result<u64, String> {
    if depth > 10 * DEPTH_MAX {
        return Err(format!("its macros call each other more than {} deep", 10 * DEPTH_MAX));
    }
    let mut below = |steps_of: &Step<'t>| steps(steps_of, macros, known, depth + 1);
    match step {
        Step::All(inner) => inner.iter().try_fold(1_u64, |sum, step| Ok(sum.saturating_add(below(step)?))),
        Step::One(inner) => {
            inner.iter().try_fold(1_u64, |most, step| Ok(most.max(below(step)?.saturating_add(1))))
        }
        Step::Call(name) => match (known.get(name), macros.get(name)) {
            (Some(Some(size)), _) => Ok(*size),
            (Some(None), _) => Err(format!("its macro `{name}` calls itself")),
            (None, None) => Ok(1),
            (None, Some(body)) => {
                known.insert(name, None);
                let size = steps(body, macros, known, depth + 1)?;
                known.insert(name, Some(size));
                Ok(size)
            }
        },
    }
}

/// Bytes of a tag, from its `<` to its `>`; comments and character data count as one.
fn length(tag: &str) -> Option<usize> {
    for (begin, end) in [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")] {
        if let Some(inner) = tag.strip_prefix(begin) {
            return inner.find(end).map(|at| begin.len() + at + end.len());
        }
    }
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// The value of an attribute of a tag.
fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let mut rest = tag;
    while let Some(at) = rest.find(name) {
        let before = rest.get(..at).and_then(|before| before.chars().next_back());
        rest = rest.get(at + name.len()..)?;
        let value = rest.trim_start().strip_prefix('=').map(str::trim_start);
        let (Some(value), Some(true)) = (value, before.map(char::is_whitespace)) else { continue };
        let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        return value.get(1..)?.split(quote).next();
    }
    None
}
