//! Honest state, key by key: the value in effect, where it comes from, what the file says where that differs, and which
//! service runs with it since when.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use changeover::check::parse;
use serde::Serialize;
use serde_json::Value;

use super::key::Key;
use super::keys::KEYS;
use super::origin::{Origin, Origins};
use super::walk::{self, Sheet};
use super::{REDACTED, Settings, secrets, table};

/// What is in effect for one key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct State {
    /// The canonical path.
    pub key: &'static str,
    /// The value in effect, without secrets.
    pub value: Value,
    /// Where it comes from.
    #[serde(flatten)]
    pub origin: Origin,
    /// What the files of the settings say now, where that is something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_says: Option<Said>,
    /// Why that is not in effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differs: Option<String>,
    /// The spelling of the file, where it is another one than the table's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spelled: Option<String>,
    /// The service that runs with it; `None` where this version does not use the key.
    pub service: Option<&'static str>,
    /// The generation since which that service runs with it.
    pub since: Option<u64>,
    /// What that service says of itself, where it does not run as it should: perhaps not with this value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stands: Option<Stands>,
}

/// A service that does not run as it should, in its own words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stands {
    /// `pending` or `degraded`.
    pub status: &'static str,
    /// Why.
    pub reason: Option<String>,
    /// What it runs meanwhile.
    pub runs: String,
}

/// What a file of the settings says of a key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said {
    /// The value, without secrets; `None` where the file says nothing.
    pub value: Option<Value>,
    /// The line, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The file, where it is another one than the settings file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(skip)]
    spelled: String,
}

/// What the files of the settings say, by canonical path; also those that are refused. `None`: nobody can say.
pub type Says = Option<HashMap<&'static str, Said>>;

/// What the bytes of a settings file say, below those of the file above it, which is called `above`.
pub fn says(content: &[u8], local: Option<&[u8]>, above: &Path) -> Says {
    let name = above.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let of_local = local.and_then(|local| said(local, Some(name)));
    let mut says = said(content, None)?;
    says.extend(of_local.unwrap_or_default());
    Some(says)
}

fn said(content: &[u8], file: Option<String>) -> Says {
    let document = match parse(content) {
        Ok(document) => document,
        Err(refused) => refused.document?,
    };
    let sheet = Sheet::main(&document);
    let found = walk::walk(&sheet);
    let of = |key: &Key| {
        let value = found.value(key.path)?;
        let (line, _) = document.place(value.node.span.start);
        let shown = harmless(key, value.node.value());
        let (spelled, file) = (value.path.clone(), file.clone());
        Some((key.path, Said { value: Some(shown), line: Some(line), file, spelled }))
    };
    Some(KEYS.iter().filter_map(of).collect())
}

/// A value that is meant for a key, as people may see it.
pub fn shown(path: &str, value: Value) -> Value {
    match table::row(path) {
        Some(key) => harmless(key, value),
        // Nobody knows what it is.
        None => REDACTED.into(),
    }
}

/// A value as people may see it.
fn harmless(key: &Key, value: Value) -> Value {
    match value {
        Value::String(text) if key.secret => if text.is_empty() { "" } else { REDACTED }.into(),
        Value::String(text) => secrets::redacted(&text).into(),
        Value::Array(items) => items.into_iter().map(|item| harmless(key, item)).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, harmless(key, value))).collect()
        }
        other if key.secret && !other.is_null() => REDACTED.into(),
        other => other,
    }
}

/// What the states are made of, beside the settings in effect.
#[derive(Debug)]
pub struct Now<'a> {
    /// Where the values in effect come from, by the lines of today.
    pub origins: &'a Origins,
    /// What the files of the settings say now.
    pub says: Says,
    /// The name of the file above the settings file, where `says` has only what the latter says.
    pub above: Option<&'a str>,
    /// Why the settings file is not what was accepted, in words; `None` where it is.
    pub drift: Option<&'a str>,
    /// The generation since which each service runs as it does.
    pub since: BTreeMap<&'static str, u64>,
    /// The services that do not run as they should.
    pub stands: BTreeMap<&'static str, Stands>,
}

/// Every key that Thoth reads, and every other one that the files name.
pub fn effective(settings: &Settings, now: &Now<'_>) -> Vec<State> {
    let view = settings.view();
    let named = |key: &&Key| {
        key.service.is_some() || now.says.as_ref().is_some_and(|says| says.contains_key(key.path))
    };
    KEYS.iter().filter(|key| !key.is_note()).filter(named).map(|key| state(key, &view, now)).collect()
}

fn state(key: &'static Key, view: &Value, now: &Now<'_>) -> State {
    let said = now.says.as_ref().and_then(|says| says.get(key.path));
    let origin = now.origins.of(key.path);
    let in_view = view.pointer(&format!("/{}", key.path.replace('.', "/"))).cloned();
    // What no service keeps as it is written is what the file says, or the default.
    let accepted = || match (&origin, said) {
        (Origin::Default, _) | (_, None) => key.default.value(),
        (_, Some(said)) => said.value.clone().unwrap_or_default(),
    };
    let value = in_view.map_or_else(accepted, |value| harmless(key, value));
    let differs = difference(said, &value, &origin, now);
    let file_says = differs.is_some().then(|| {
        said.cloned().unwrap_or(Said { value: None, line: None, file: None, spelled: String::new() })
    });
    State {
        key: key.path,
        value,
        file_says,
        differs,
        spelled: said.filter(|said| said.spelled != key.path).map(|said| said.spelled.clone()),
        service: key.service,
        since: key.service.and_then(|service| now.since.get(service).copied()),
        stands: key.service.and_then(|service| now.stands.get(service).cloned()),
        origin,
    }
}

/// Why the file's word is not what is in effect; `None` where it is.
fn difference(said: Option<&Said>, value: &Value, origin: &Origin, now: &Now<'_>) -> Option<String> {
    let says_so = said.and_then(|said| said.value.as_ref()).is_some_and(|said| same(said, value));
    match (origin, said) {
        _ if says_so => None,
        (Origin::Variable { variable }, Some(_)) => Some(format!("the variable `{variable}` pins it")),
        (Origin::Variable { .. }, None) => None,
        (Origin::Temporary { id, until }, _) => {
            Some(format!("the temporary change {id} applies until {until}"))
        }
        (Origin::Default, None) => None,
        (Origin::File { file, .. }, Some(_)) if now.above == Some(file) => {
            Some(format!("`{file}` says something else, and lies above it"))
        }
        _ => now.drift.map(str::to_owned),
    }
}

/// Whether two spellings mean the same value: `1` and `1.0` do.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.to_bits() == other.to_bits(),
        _ => one == other,
    }
}
