//! From a document to what it says of the keys of the table: names, types and bounds, each problem with its place.

use std::collections::HashMap;
use std::ops::Range;

use changeover::Problem;
use changeover::check::{Document, Kind as Json, Member, Node, path_of};

use super::key::{Default, Key, Kind};
use super::table::{self, Entry, Section};
use super::{REDACTED, bounds};

/// What a document says.
pub(super) struct Found<'d> {
    pub(super) document: &'d Document<'d>,
    /// The values that are well-typed and within their bounds, by canonical path.
    values: HashMap<&'static str, Value<'d>>,
    /// The objects and values that were given, by canonical path, and where.
    given: HashMap<&'static str, Given<'d>>,
    /// Keys of features that this version lacks, and where the first of each section stands.
    unused: Vec<(&'static Key, usize)>,
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
    pub(super) node: &'d Node,
    pub(super) path: String,
}

/// Where an object or a value was given first.
struct Given<'d> {
    at: usize,
    name: &'d str,
    members: &'d [Member],
}

/// Unknown keys beyond which a file is no settings file.
const UNKNOWN_MAX: usize = 1_000;
/// Keys of one object among which the one that a typing error stands for is looked for.
const SIBLINGS_MAX: usize = 1_000;
/// Problems beyond which no more are looked for.
const FOUND_MAX: usize = 1_000;

/// Reads a document by the table.
pub(super) fn walk<'d>(document: &'d Document<'d>) -> Found<'d> {
    let mut found = Found {
        document,
        values: HashMap::with_capacity(256),
        given: HashMap::with_capacity(256),
        unused: Vec::new(),
        unknown: 0,
        settings: 0,
        problems: Vec::new(),
        warnings: Vec::new(),
        secrets: Vec::new(),
    };
    found.object(document.members(), table::root(), "");
    found.say_unused();
    found
}

impl<'d> Found<'d> {
    /// The value that the file gives for a key.
    pub(super) fn value(&self, path: &str) -> Option<&Value<'d>> {
        self.values.get(path)
    }

    /// Whether the file names this object or value, good or bad.
    pub(super) fn is_given(&self, path: &str) -> bool {
        self.given.contains_key(path)
    }

    /// A string of the file, or the table's default.
    pub(super) fn text(&self, path: &str) -> String {
        match (
            self.value(path).map(|value| &value.node.kind),
            table::row(path).map(|key| key.default),
        ) {
            (Some(Json::String(text)), _) => text.clone(),
            (_, Some(Default::Text(text))) => text.to_owned(),
            _ => String::new(),
        }
    }

    /// A number of the file, or the table's default.
    pub(super) fn number(&self, path: &str) -> f64 {
        match (
            self.value(path).map(|value| &value.node.kind),
            table::row(path).map(|key| key.default),
        ) {
            (Some(Json::Number(number)), _) => number.as_f64().unwrap_or_default(),
            (_, Some(Default::Number(number))) => number,
            _ => 0.0,
        }
    }

    /// A count of the file, or the table's default.
    pub(super) fn count(&self, path: &str) -> u64 {
        match (
            self.value(path).map(|value| &value.node.kind),
            table::row(path).map(|key| key.default),
        ) {
            (Some(Json::Number(number)), _) => number.as_u64().unwrap_or_default(),
            (_, Some(Default::Count(count))) => count,
            _ => 0,
        }
    }

    /// A switch of the file, or the table's default.
    pub(super) fn switch(&self, path: &str) -> bool {
        match (
            self.value(path).map(|value| &value.node.kind),
            table::row(path).map(|key| key.default),
        ) {
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
        let text = |item: &Node| {
            if let Json::String(text) = &item.kind {
                Some(text.clone())
            } else {
                None
            }
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
            Some(value) => self.at(Problem::new(value.path.clone(), message), value.node.span.start),
            None => Problem::new(path, message),
        }
    }

    fn at(&self, problem: Problem, byte: usize) -> Problem {
        let (line, column) = self.document.place(byte);
        problem.at(line, column)
    }

    fn object(&mut self, members: &'d [Member], section: &'static Section, parent: &str) {
        for member in members {
            if is_note(&member.key) || self.problems.len() > FOUND_MAX {
                // People switch a key off by an underscore; its value stays a secret.
                collect_secrets(
                    &member.key,
                    &member.value,
                    section.path == "apiKeys",
                    &mut self.secrets,
                );
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

    fn known(&mut self, entry: &'static Entry, member: &'d Member, members: &'d [Member], parent: &str) {
        if self.is_twice(entry, member, members, parent) {
            let all = entry.path() == "apiKeys" || matches!(entry, Entry::Key(key) if key.secret);
            collect_secrets(&member.key, &member.value, all, &mut self.secrets);
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
        members: &'d [Member],
        parent: &str,
    ) -> bool {
        let canonical = entry.path();
        let at = member.key_span.start;
        if let Some(first) = self.given.get(canonical) {
            // The same key twice in one object was told when the file was parsed.
            if first.name != member.key || !std::ptr::eq(first.members, members) {
                let (line, column) = self.document.place(first.at);
                let message =
                    format!("the same setting, `{canonical}`, stands in line {line}, column {column}");
                let problem = Problem::new(path_of(parent, &member.key), message).hint("keep one of the two");
                self.problems.push(self.at(problem, at));
            }
            return true;
        }
        self.given.insert(
            canonical,
            Given {
                at,
                name: &member.key,
                members,
            },
        );
        let name = canonical.rsplit('.').next().unwrap_or(canonical);
        if member.key != name {
            let warning = Problem::new(
                path_of(parent, &member.key),
                format!("an older spelling of `{canonical}`"),
            );
            self.warnings
                .push(self.at(warning.hint(format!("write `{canonical}`")), at));
        }
        false
    }

    fn no_object(&mut self, section: &Section, member: &Member, path: String) {
        self.settings += 1;
        collect_secrets(
            &member.key,
            &member.value,
            section.path == "apiKeys",
            &mut self.secrets,
        );
        let message = format!("must be an object, not {}", member.value.kind_name());
        let example = section.entries.keys().next().copied().unwrap_or_default();
        let problem =
            Problem::new(path, message).hint(format!("write `{{ \"{example}\": … }}`, or leave the key out"));
        self.problems.push(self.at(problem, member.value.span.start));
    }

    fn key(&mut self, key: &'static Key, member: &'d Member, path: String) {
        let node = &member.value;
        if !key.is_note() {
            self.settings += 1;
        }
        collect_secrets("", node, key.secret, &mut self.secrets);
        if let Some((message, hint)) = mismatch(key, node, self.document.text()) {
            self.problems
                .push(self.at(Problem::new(path, message).hint(hint), node.span.start));
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
        self.values.insert(key.path, Value { node, path });
    }

    /// What was copied out of Thoth without its secrets must not overwrite them.
    fn redacted(&mut self, node: &Node, path: &str) {
        match &node.kind {
            Json::String(text) if text == REDACTED => {
                let message =
                    format!("`{REDACTED}` stands for a secret that Thoth does not show; it is no value");
                let hint = "write the value itself, or leave the key out";
                self.problems
                    .push(self.at(Problem::new(path, message).hint(hint), node.span.start));
            }
            Json::Array(items) => items.iter().for_each(|item| self.redacted(item, path)),
            Json::Object(members) => {
                members
                    .iter()
                    .for_each(|member| self.redacted(&member.value, &path_of(path, &member.key)));
            }
            _ => {}
        }
    }

    fn unknown(&mut self, member: &Member, siblings: &[Member], section: &'static Section, parent: &str) {
        let path = path_of(parent, &member.key);
        collect_secrets(
            &member.key,
            &member.value,
            section.path == "apiKeys",
            &mut self.secrets,
        );
        self.redacted(&member.value, &path);
        let is_free = |canonical: &str| {
            let means_it = |other: &Member| {
                section
                    .resolve(&other.key)
                    .is_some_and(|entry| entry.path() == canonical)
            };
            !siblings.iter().take(SIBLINGS_MAX).any(means_it)
        };
        let unknown = Problem::new(path, "unknown key");
        match table::meant(section, &member.key, is_free) {
            Some(meant) => {
                let name = meant
                    .strip_prefix(section.path)
                    .map_or(meant, |rest| rest.trim_start_matches('.'));
                self.problems.push(self.at(
                    unknown.hint(format!("did you mean `{name}`?")),
                    member.key_span.start,
                ));
            }
            None => {
                let hint = elsewhere(&member.key).unwrap_or_else(|| "it is ignored".to_owned());
                let warning = self.at(unknown.hint(hint), member.key_span.start);
                self.warnings.push(warning);
            }
        }
    }

    /// One warning for each section, because files of the older Thoth name every key there is.
    fn say_unused(&mut self) {
        let mut sections: Vec<(&str, usize, Vec<&Key>)> = Vec::new();
        for (key, at) in std::mem::take(&mut self.unused) {
            match sections
                .iter_mut()
                .rev()
                .find(|(section, _, _)| *section == key.section())
            {
                Some((_, _, keys)) => keys.push(key),
                None => sections.push((key.section(), at, vec![key])),
            }
        }
        for (section, at, of_section) in sections {
            let named: Vec<String> = of_section
                .iter()
                .take(3)
                .map(|key| format!("`{}`", key.path))
                .collect();
            let message = match of_section.len() {
                1 => format!(
                    "{} is accepted and not used: this version lacks the feature",
                    named.join(", ")
                ),
                count if count <= 3 => format!(
                    "{} are accepted and not used: this version lacks the features",
                    named.join(", ")
                ),
                count => format!(
                    "{} and {} more keys are accepted and not used: this version lacks the features",
                    named.join(", "),
                    count - named.len()
                ),
            };
            let warning = self.at(Problem::new(section, message), at);
            self.warnings.push(warning);
        }
    }
}

/// Keys that stand everywhere and mean nothing.
fn is_note(key: &str) -> bool {
    key.starts_with('_') || key == "$schema"
}

/// Why a value is not of its key's type, and the way out. Names no secret.
fn mismatch(key: &Key, node: &Node, text: &str) -> Option<(String, String)> {
    let fits = match (key.kind, &node.kind) {
        (Kind::Text | Kind::TextOrNull, Json::String(_)) | (Kind::TextOrNull, Json::Null) => true,
        (Kind::Number, Json::Number(_)) | (Kind::Switch, Json::Bool(_)) | (Kind::Table, Json::Object(_)) => {
            true
        }
        (Kind::Count, Json::Number(number)) => number.is_u64(),
        (Kind::Texts, Json::Array(items)) => items.iter().all(|item| matches!(item.kind, Json::String(_))),
        _ => false,
    };
    if fits {
        return None;
    }
    let written = text
        .get(node.span.clone())
        .filter(|_| !key.secret)
        .unwrap_or_default();
    let message = match (key.kind, &node.kind) {
        (Kind::Count, Json::Number(number)) if number.is_i64() => format!("`{written}` is below 0"),
        (Kind::Count, Json::Number(_)) => format!("`{written}` is not a whole number"),
        (Kind::Texts, Json::Array(_)) => "must hold nothing but strings".to_owned(),
        (kind, _) => format!("must be {}, not {}", kind.name(), node.kind_name()),
    };
    Some((message, way_out(key, node, written)))
}

fn way_out(key: &Key, node: &Node, written: &str) -> String {
    match (key.kind, &node.kind) {
        (_, Json::Null) => "leave the key out to get the default".to_owned(),
        (Kind::Count, Json::Number(number)) => match number.as_f64() {
            Some(value) if value >= 0.0 && value.fract() == 0.0 && value < 1e15 => {
                format!("write `{value:.0}`")
            }
            _ => "write a whole number from 0, like `42`".to_owned(),
        },
        (Kind::Number | Kind::Count, Json::String(text))
            if text.trim().parse::<f64>().is_ok_and(f64::is_finite) =>
        {
            format!("write it without quotes: `{}`", text.trim())
        }
        (Kind::Switch, Json::String(text)) => match text.trim().to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => "write `true`, without quotes".to_owned(),
            "false" | "no" | "off" | "0" | "" => "write `false`, without quotes".to_owned(),
            _ => "write `true` or `false`".to_owned(),
        },
        (Kind::Switch, Json::Number(_)) => "write `true` or `false`".to_owned(),
        (Kind::Text | Kind::TextOrNull, Json::Number(_) | Json::Bool(_)) if !written.is_empty() => {
            format!("write it in quotes: `\"{written}\"`")
        }
        (Kind::Texts, Json::String(_)) if !written.is_empty() && written.len() < 60 => {
            format!("write a list: `[{written}]`")
        }
        _ => format!("the default is `{}`", key.default.value()),
    }
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

fn collect_secrets(name: &str, node: &Node, all: bool, secrets: &mut Vec<Range<usize>>) {
    if all || table::looks_secret(name) {
        collect_texts(node, secrets);
        return;
    }
    match &node.kind {
        Json::Object(members) => {
            members
                .iter()
                .for_each(|member| collect_secrets(&member.key, &member.value, false, secrets));
        }
        Json::Array(items) => items
            .iter()
            .for_each(|item| collect_secrets("", item, false, secrets)),
        _ => {}
    }
}

/// The bytes of every value that is not empty, below one that is secret.
fn collect_texts(node: &Node, secrets: &mut Vec<Range<usize>>) {
    match &node.kind {
        Json::Object(members) => members
            .iter()
            .for_each(|member| collect_texts(&member.value, secrets)),
        Json::Array(items) => items.iter().for_each(|item| collect_texts(item, secrets)),
        Json::String(_) | Json::Number(_) if !node.content_span().is_empty() => {
            secrets.push(node.content_span())
        }
        _ => {}
    }
}
