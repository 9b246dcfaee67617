//! A key as a file spells it: an edit changes what stands there, under the name that it has.

use changeover::Problem;
use changeover::check::{Document, Kind as Json, parse};
use changeover::edit::{Change, edit};
use serde_json::Value;

use super::keys::KEYS;
use super::table::{self, Entry};
use super::walk::{self, Sheet};

/// A content with these changes of canonical keys; what the file spells otherwise keeps its spelling.
///
/// # Errors
/// That a key is unknown, or that the content is no settings file that could be edited.
pub fn edited(content: &[u8], changes: &[Change]) -> Result<Vec<u8>, Problem> {
    // Where nothing stands, the change makes the file.
    let document = match content.trim_ascii() {
        [] => Document::default(),
        _ => parse(content).map_err(|refused| first(refused.problems))?,
    };
    let written = changes.iter().map(|change| {
        if table::row(&change.path).is_none() {
            let unknown = Problem::new(change.path.clone(), "is no key of the settings");
            return Err(unknown.hint(match meant(&change.path) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "`thoth settings show --origin` lists the keys".to_owned(),
            }));
        }
        Ok(Change { path: spelled(&document, &change.path), value: change.value.clone() })
    });
    edit(content, &written.collect::<Result<Vec<_>, _>>()?)
}

/// The canonical path of a key that is spelled as a file may spell it: `llm.default.top_p`.
pub fn canonical(path: &str) -> Option<&'static str> {
    let mut section = table::root();
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        match section.resolve(name)? {
            Entry::Key(key) => return names.peek().is_none().then_some(key.path),
            Entry::Section(inner) => section = inner,
        }
    }
    None
}

/// Typing errors of a whole path, at most.
const ERRORS_MAX: usize = 3;

/// The key that an unknown one may be a typing error of.
fn meant(path: &str) -> Option<&'static str> {
    let near = KEYS.iter().map(|key| (strsim::osa_distance(key.path, path), key.path));
    let nearest = near.filter(|(errors, _)| *errors <= ERRORS_MAX).min_by_key(|(errors, _)| *errors);
    canonical(path).or_else(|| nearest.map(|(_, known)| known))
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
        names.push(member.map_or(name, |member| &*member.key));
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
