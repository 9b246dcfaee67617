//! From a document to what it says of the keys of the table: names, types and bounds, each problem with its place.

use std::ops::Range;

use changeover::Problem;
use changeover::check::{Document, Kind as Json, Member, Node, path_of};
use rustc_hash::FxHashMap;
use url::Url;

use super::gathered::{self, Spelled};
use super::key::{Default, Key};
use super::origin::Origin;
use super::secrets::collect;
use super::table::{self, Entry, Section};
use super::types::mismatch;
use super::{REDACTED, bounds};

/// A document, and the file that it stands in.
pub(super) struct Sheet<'d> {
    pub(super) document: &'d Document<'d>,
    pub(super) names: Names,
}

/// How a file is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// In problems; `None` for the settings file, which needs no name.
    pub(super) told: Option<String>,
    /// Where a value comes from: the name without the folder.
    pub(super) short: String,
}

impl Names {
    /// Those of the settings file.
    pub(super) fn of_main() -> Self {
        Self { told: None, short: "settings.json".to_owned() }
    }
}

impl<'d> Sheet<'d> {
    /// The settings file.
    pub(super) fn main(document: &'d Document<'d>) -> Self {
        Self { document, names: Names::of_main() }
    }
}

/// What a document says, or several of them, one above the other.
pub(super) struct Found<'d> {
    pub(super) sheet: &'d Sheet<'d>,
    /// The values that are well-typed and within their bounds, by canonical path.
    values: FxHashMap<&'static str, Value<'d>>,
    /// The objects and values that were given, by canonical path, and where.
    given: FxHashMap<&'static str, Given<'d>>,
    /// Keys of features that this version lacks, and where the first of each section stands.
    unused: Vec<(&'static Key, usize)>,
    /// Keys under another name than the table's.
    spelled: Vec<Spelled>,
    /// Unknown keys so far.
    unknown: usize,
    /// Keys of the table that the document names, notes aside, good or bad.
    pub(super) settings: usize,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    /// Byte ranges of secret values.
    pub(super) secrets: Vec<Range<usize>>,
}

/// A value of the file, and the path it is written under.
#[derive(Clone)]
pub(super) struct Value<'d> {
    pub(super) node: &'d Node<'d>,
    pub(super) path: String,
    sheet: &'d Sheet<'d>,
}

/// Where an object or a value was given first.
struct Given<'d> {
    at: usize,
    name: &'d str,
    members: &'d [Member<'d>],
}

/// Unknown keys beyond which a file is no settings file.
const UNKNOWN_MAX: usize = 1_000;
/// Keys of one object among which the one that a typing error stands for is looked for.
const SIBLINGS_MAX: usize = 1_000;
/// Problems beyond which no more are looked for.
const FOUND_MAX: usize = 1_000;

/// Reads a document by the table.
pub(super) fn walk<'d>(sheet: &'d Sheet<'d>) -> Found<'d> {
    let mut found = Found {
        sheet,
        values: FxHashMap::default(),
        given: FxHashMap::default(),
        unused: Vec::new(),
        spelled: Vec::new(),
        unknown: 0,
        settings: 0,
        problems: Vec::new(),
        warnings: Vec::new(),
        secrets: Vec::new(),
    };
    found.object(sheet.document.members(), table::root(), "");
    let unused = gathered::unused(std::mem::take(&mut found.unused));
    for (warning, at) in unused.into_iter().chain(gathered::spelled(std::mem::take(&mut found.spelled))) {
        let warning = found.at(warning, at);
        found.warnings.push(warning);
    }
    found
}

impl<'d> Found<'d> {
    /// The same below what another document says. What counts how much a file says, and where its secrets stand, goes by
    /// the lowest one.
    pub(super) fn below(mut self, upper: Self) -> Self {
        self.values.extend(upper.values);
        self.given.extend(upper.given);
        self.problems.extend(upper.problems);
        self.warnings.extend(upper.warnings);
        self
    }

    /// The keys that the file gives a value for, in no order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.values.keys().copied()
    }

    /// The value that the file gives for a key.
    pub(super) fn value(&self, path: &str) -> Option<&Value<'d>> {
        self.values.get(path)
    }

    /// Where the file gives a value for a key; a secret that is blank is none.
    pub(super) fn place(&self, path: &str) -> Option<Origin> {
        let Value { node, sheet, .. } = self.value(path)?;
        let blank = matches!(&node.kind, Json::String(text) if text.trim().is_empty());
        if blank && table::row(path).is_some_and(|key| key.secret) {
            return None;
        }
        let (line, _) = sheet.document.place(node.span.start);
        Some(Origin::File { file: sheet.names.short.clone(), line })
    }

    /// Whether the file names this object or value, good or bad.
    pub(super) fn is_given(&self, path: &str) -> bool {
        self.given.contains_key(path)
    }

    /// A string of the file, or the table's default.
    pub(super) fn text(&self, path: &str) -> String {
        match (self.value(path).map(|value| &value.node.kind), table::row(path).map(|key| key.default)) {
            (Some(Json::String(text)), _) => text.to_string(),
            (_, Some(Default::Text(text))) => text.to_owned(),
            _ => String::new(),
        }
    }

    /// A URL of the file, or the table's default. The bound of the key has seen to it that what the file says is one.
    pub(super) fn url(&self, path: &str) -> Url {
        let written = match self.value(path).map(|value| &value.node.kind) {
            Some(Json::String(text)) => Url::parse(text).ok(),
            _ => None,
        };
        written.unwrap_or_else(|| table::default_url(path))
    }

    /// A number of the file, or the table's default.
    pub(super) fn number(&self, path: &str) -> f64 {
        match (self.value(path).map(|value| &value.node.kind), table::row(path).map(|key| key.default)) {
            (Some(Json::Number(number)), _) => number.as_f64().unwrap_or_default(),
            (_, Some(Default::Number(number))) => number,
            _ => 0.0,
        }
    }

    /// A count of the file, or the table's default.
    pub(super) fn count(&self, path: &str) -> u64 {
        match (self.value(path).map(|value| &value.node.kind), table::row(path).map(|key| key.default)) {
            (Some(Json::Number(number)), _) => number.as_u64().unwrap_or_default(),
            (_, Some(Default::Count(count))) => count,
            _ => 0,
        }
    }

    /// A switch of the file, or the table's default.
    pub(super) fn switch(&self, path: &str) -> bool {
        match (self.value(path).map(|value| &value.node.kind), table::row(path).map(|key| key.default)) {
            (Some(Json::Bool(on)), _) => *on,
            (_, Some(Default::Switch(on))) => on,
            _ => false,
        }
    }

    /// A list of strings of the file, or none.
    pub(super) fn texts(&self, path: &str) -> Vec<String> {
        let Some(Json::Array(items)) = self.value(path).map(|value| &value.node.kind) else {
            return Vec::new();
        };
        let text = |item: &Node<'_>| {
            if let Json::String(text) = &item.kind { Some(text.to_string()) } else { None }
        };
        items.iter().filter_map(text).collect()
    }

    /// Refuses the file for something at a value of it, or as a whole where the value is a default.
    pub(super) fn refuse(&mut self, path: &str, message: impl Into<String>, hint: impl Into<String>) {
        let problem = self.about(path, message).hint(hint);
        self.problems.push(problem);
    }

    /// Says something doubtful at a value of the file.
    pub(super) fn warn(&mut self, path: &str, message: impl Into<String>, hint: impl Into<String>) {
        let problem = self.about(path, message).hint(hint);
        self.warnings.push(problem);
    }

    fn about(&self, path: &str, message: impl Into<String>) -> Problem {
        match self.value(path) {
            Some(value) => at(value.sheet, Problem::new(value.path.clone(), message), value.node.span.start),
            None => Problem::new(path, message),
        }
    }

    fn at(&self, problem: Problem, byte: usize) -> Problem {
        at(self.sheet, problem, byte)
    }

    fn object(&mut self, members: &'d [Member<'d>], section: &'static Section, parent: &str) {
        for member in members {
            if is_note(&member.key) || self.problems.len() > FOUND_MAX {
                // People switch a key off by an underscore; its value stays a secret.
                collect(&member.key, &member.value, section.path == "apiKeys", &mut self.secrets);
            } else if let Some(entry) = section.resolve(&member.key) {
                self.known(entry, member, members, parent);
            } else if self.unknown == UNKNOWN_MAX {
                let message = format!("the file has more than {UNKNOWN_MAX} unknown keys");
                let problem = Problem::new(parent, message).hint("is this a settings file?");
                self.problems.push(self.at(problem, member.key_span.start));
                self.unknown += 1;
            } else if self.unknown < UNKNOWN_MAX {
                self.unknown += 1;
                self.unknown(member, members, section, parent);
            }
        }
    }

    fn known(
        &mut self,
        entry: &'static Entry,
        member: &'d Member<'d>,
        members: &'d [Member<'d>],
        parent: &str,
    ) {
        if self.is_twice(entry, member, members, parent) {
            let all = entry.path() == "apiKeys" || matches!(entry, Entry::Key(key) if key.secret);
            collect(&member.key, &member.value, all, &mut self.secrets);
            return;
        }
        let path = path_of(parent, &member.key);
        match (entry, &member.value.kind) {
            (Entry::Section(inner), Json::Object(inner_members)) => self.object(inner_members, inner, &path),
            (Entry::Section(inner), _) => self.no_object(inner, member, path),
            (Entry::Key(key), _) => self.key(key, member, path),
        }
    }

    /// Whether an entry was given before, under another spelling; and the hint at another spelling than the table's.
    fn is_twice(
        &mut self,
        entry: &'static Entry,
        member: &'d Member,
        members: &'d [Member<'d>],
        parent: &str,
    ) -> bool {
        let canonical = entry.path();
        let at = member.key_span.start;
        if let Some(first) = self.given.get(canonical) {
            // The same key twice in one object was told when the file was parsed.
            if first.name != member.key || !std::ptr::eq(first.members, members) {
                let (line, column) = self.sheet.document.place(first.at);
                let message =
                    format!("the same setting, `{canonical}`, stands in line {line}, column {column}");
                let problem = Problem::new(path_of(parent, &member.key), message).hint("keep one of the two");
                self.problems.push(self.at(problem, at));
            }
            return true;
        }
        self.given.insert(canonical, Given { at, name: &member.key, members });
        let name = canonical.rsplit('.').next().unwrap_or(canonical);
        if member.key != name {
            self.spelled.push(Spelled { path: path_of(parent, &member.key), canonical, at });
        }
        false
    }

    fn no_object(&mut self, section: &Section, member: &Member<'_>, path: String) {
        self.settings += 1;
        collect(&member.key, &member.value, section.path == "apiKeys", &mut self.secrets);
        let message = format!("must be an object, not {}", member.value.kind_name());
        let example = section.entries.keys().next().copied().unwrap_or_default();
        let problem =
            Problem::new(path, message).hint(format!("write `{{ \"{example}\": … }}`, or leave the key out"));
        self.problems.push(self.at(problem, member.value.span.start));
    }

    fn key(&mut self, key: &'static Key, member: &'d Member<'d>, path: String) {
        let node = &member.value;
        if !key.is_note() {
            self.settings += 1;
        }
        collect("", node, key.secret, &mut self.secrets);
        if let Some((message, hint)) = mismatch(key, node, self.sheet.document.text()) {
            self.problems.push(self.at(Problem::new(path, message).hint(hint), node.span.start));
            return;
        }
        self.redacted(node, &path);
        for problem in bounds::check(key, node) {
            let path = format!("{path}{}", problem.index);
            let found = self.at(Problem::new(path, problem.message).hint(problem.hint), problem.at);
            if key.bound_is_enforced() {
                self.problems.push(found);
                return;
            }
            self.warnings.push(found);
        }
        if key.service.is_none() && !key.is_note() {
            self.unused.push((key, member.key_span.start));
        }
        self.values.insert(key.path, Value { node, path, sheet: self.sheet });
    }

    /// What was copied out of Thoth without its secrets must not overwrite them.
    fn redacted(&mut self, node: &Node<'_>, path: &str) {
        match &node.kind {
            // A file of nothing else is told as far as anybody reads it.
            _ if self.problems.len() > FOUND_MAX => {}
            Json::String(text) if text.trim() == REDACTED => {
                let message =
                    format!("`{REDACTED}` stands for a secret that Thoth does not show; it is no value");
                let hint = "write the value itself, or leave the key out";
                self.problems.push(self.at(Problem::new(path, message).hint(hint), node.span.start));
            }
            Json::Array(items) => items.iter().for_each(|item| self.redacted(item, path)),
            Json::Object(members) => {
                members.iter().for_each(|member| self.redacted(&member.value, &path_of(path, &member.key)));
            }
            _ => {}
        }
    }

    fn unknown(
        &mut self,
        member: &Member<'_>,
        siblings: &[Member<'_>],
        section: &'static Section,
        parent: &str,
    ) {
        let path = path_of(parent, &member.key);
        collect(&member.key, &member.value, section.path == "apiKeys", &mut self.secrets);
        self.redacted(&member.value, &path);
        let is_free = |canonical: &str| {
            let means_it = |other: &Member<'_>| {
                section.resolve(&other.key).is_some_and(|entry| entry.path() == canonical)
            };
            !siblings.iter().take(SIBLINGS_MAX).any(means_it)
        };
        let unknown = Problem::new(path, "unknown key");
        match table::meant(section, &member.key, is_free) {
            Some(meant) => {
                let name =
                    meant.strip_prefix(section.path).map_or(meant, |rest| rest.trim_start_matches('.'));
                self.problems
                    .push(self.at(unknown.hint(format!("did you mean `{name}`?")), member.key_span.start));
            }
            None => {
                let hint = elsewhere(&member.key).unwrap_or_else(|| "it is ignored".to_owned());
                let warning = self.at(unknown.hint(hint), member.key_span.start);
                self.warnings.push(warning);
            }
        }
    }
}

fn at(sheet: &Sheet<'_>, problem: Problem, byte: usize) -> Problem {
    let (line, column) = sheet.document.place(byte);
    Problem { file: sheet.names.told.clone(), ..problem.at(line, column) }
}

/// Keys that stand everywhere and mean nothing.
fn is_note(key: &str) -> bool {
    key.starts_with('_') || key == "$schema"
}

/// Where a known key of this name belongs, if it stands in one place only.
fn elsewhere(name: &str) -> Option<String> {
    let mut places = super::keys::KEYS
        .iter()
        .filter(|key| key.service.is_some() && key.path.rsplit('.').next() == Some(name));
    match (places.next(), places.next()) {
        (Some(key), None) => Some(format!("it is ignored here; `{}` is its place", key.path)),
        _ => None,
    }
}
