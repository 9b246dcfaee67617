//! A key as a file spells it: an edit changes what stands there, under the name that it has.

use changeover::Problem;
use changeover::check::{Document, Kind as Json, parse};
use changeover::edit::{Change, edit};
use serde_json::Value;

use super::table::{self, Entry};
use super::walk::{self, Sheet};

/// A content with these changes of canonical keys; what the file spells otherwise keeps its spelling.
///
/// # Errors
/// That a key is unknown, or that the content is no settings file that could be edited.
pub fn edited(content: &[u8], changes: &[Change]) -> Result<Vec<u8>, Problem> {
    let document = parse(content).map_err(|refused| first(refused.problems))?;
    let written = changes.iter().map(|change| {
        if table::row(&change.path).is_none() {
            let unknown = Problem::new(change.path.clone(), "is no key of the settings");
            return Err(unknown.hint("`thoth settings show --origin` lists the keys"));
        }
        Ok(Change { path: spelled(&document, &change.path), value: change.value.clone() })
    });
    edit(content, &written.collect::<Result<Vec<_>, _>>()?)
}

/// What a content says of a canonical key, under whatever name.
pub fn said(content: &[u8], path: &str) -> Option<Value> {
    let document = parse(content).ok()?;
    let sheet = Sheet::main(&document);
    let found = walk::walk(&sheet);
    found.value(path).map(|value| value.node.value())
}

fn first(problems: Vec<Problem>) -> Problem {
    problems.into_iter().next().unwrap_or_else(|| Problem::new("", "the file is no settings file"))
}

/// The path of a canonical key as the document spells it, as far as it names it or what it stands in.
fn spelled(document: &Document<'_>, path: &str) -> String {
    if let Some(value) = walk::walk(&Sheet::main(document)).value(path) {
        return value.path.clone();
    }
    let (mut members, mut section) = (document.members(), table::root());
    let mut names: Vec<&str> = Vec::new();
    let mut canonical = String::new();
    for name in path.split('.') {
        canonical = changeover::check::path_of(&canonical, name);
        let means = |key: &str| section.resolve(key).is_some_and(|entry| entry.path() == canonical);
        let member = members.iter().find(|member| means(&member.key));
        names.push(member.map_or(name, |member| member.key.as_str()));
        members = match member.map(|member| &member.value.kind) {
            Some(Json::Object(members)) => members,
            _ => &[],
        };
        match section.resolve(name) {
            Some(Entry::Section(inner)) => section = inner,
            _ => break,
        }
    }
    names.join(".")
}
