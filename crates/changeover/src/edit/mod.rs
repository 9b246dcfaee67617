//! Changing keys of a settings file, and nothing else of it: comments, order, indentation and line ends stay byte for
//! byte as they are.
//!
//! An edit is a few replacements of bytes at places that the strict parser gives. What comes out is parsed again and
//! compared with what was asked for, so that an edit which would say something else is refused and not written.

mod splice;
#[cfg(test)]
mod tests;

use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::aside::Aside;
use crate::check::{Document, parse};
use crate::read::{Content, read};
use crate::report::Problem;

/// One key and its new value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The key, dotted: `llm.default.temperature`. Objects on the way are made where they are absent.
    pub path: String,
    /// The new value, `null` among them; `None` removes the key.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub value: Option<Value>,
}

/// What is written down as `null` is a value, and not the absence of one.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// The content with these changes, in this order. A missing or empty file (no bytes, or white space) becomes a new
/// object. Removing a key that is not there changes nothing.
///
/// # Errors
/// The content is not strict JSON as [`crate::check`] reads it; a path is empty, or leads through what is no object.
pub fn edit(content: &[u8], changes: &[Change]) -> Result<Vec<u8>, Problem> {
    let mut text = match content.trim_ascii() {
        [] => "{\n}\n".to_owned(),
        _ => String::from_utf8_lossy(content).into_owned(),
    };
    if !content.trim_ascii().is_empty() && text.as_bytes() != content {
        // Not UTF-8: the parser says which byte.
        return Err(first(parse(content).err()));
    }
    for change in changes {
        let path: Vec<&str> = change.path.split('.').collect();
        if path.iter().any(|name| name.is_empty()) {
            let message = format!("`{}` is no path of a key", change.path);
            return Err(Problem::new("", message).hint("write it dotted: `llm.default.model`"));
        }
        let document = parse(text.as_bytes()).map_err(|refused| first(Some(refused)))?;
        let mut wanted = document.value();
        apply(&mut wanted, &path, change)?;
        let splices = splice::splices(&document, &path, change.value.as_ref());
        let edited = splice::spliced(&text, splices);
        if parse(edited.as_bytes()).ok().map(|document| Document::value(&document)) != Some(wanted) {
            let message = "the file is written in a way in which this key cannot be changed safely";
            return Err(Problem::new(&change.path, message).hint("change it in an editor"));
        }
        text = edited;
    }
    Ok(text.into_bytes())
}

/// Changes a settings file while no engine watches it: `change` makes the new content of the one that stands there. The file
/// is replaced in one step, with its mode and owner, or stays as it is.
///
/// # Errors
/// What `change` refuses with; that the file cannot be read or replaced, or that somebody saved it meanwhile.
pub fn save(file: &Path, change: impl FnOnce(&[u8]) -> Result<Vec<u8>, Problem>) -> Result<(), Problem> {
    let Some((look, content)) = read(file) else {
        return Err(Problem::new("", format!("`{}` is being written", file.display())).hint("try again"));
    };
    let before = match content {
        Content::Bytes(bytes) => bytes,
        Content::Missing => Vec::new(),
        Content::Unreadable(why) => {
            return Err(Problem::new("", format!("`{}` cannot be read: {why}", file.display())));
        }
    };
    let after = change(&before)?;
    if after == before { Ok(()) } else { Aside::write(file, look, &after)?.put() }
}

fn first(refused: Option<Box<crate::check::Refused<'_>>>) -> Problem {
    let problem = refused.and_then(|refused| refused.problems.into_iter().next());
    problem.unwrap_or_else(|| Problem::new("", "the file cannot be read as text"))
}

/// The change on the plain value.
fn apply(root: &mut Value, path: &[&str], change: &Change) -> Result<(), Problem> {
    let Some((last, parents)) = path.split_last() else { return Ok(()) };
    let mut object = root;
    for (index, name) in parents.iter().enumerate() {
        let members = members(object, path, index)?;
        if change.value.is_none() && !members.contains_key(*name) {
            return Ok(());
        }
        object = members.entry(*name).or_insert_with(|| Value::Object(Map::new()));
    }
    let members = members(object, path, parents.len())?;
    match &change.value {
        Some(value) => drop(members.insert((*last).to_owned(), value.clone())),
        // In the order of the file: what comes after it moves up.
        None => drop(members.shift_remove(*last)),
    }
    Ok(())
}

fn members<'a>(
    value: &'a mut Value,
    path: &[&str],
    depth: usize,
) -> Result<&'a mut Map<String, Value>, Problem> {
    match value {
        Value::Object(members) => Ok(members),
        _ => {
            let above = path.get(..depth).unwrap_or_default().join(".");
            let message =
                format!("`{above}` is no object, so it has no key `{}`", path.get(depth).unwrap_or(&""));
            Err(Problem::new(above, message).hint("remove it first, or change it as a whole"))
        }
    }
}
