//! What another content would do, as the API says it and the command line prints it; and which keys it would change.

use std::collections::BTreeMap;
use std::path::Path;

use changeover::edit::Change;
use changeover::{Decision, Problem, ServiceReport};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::effective::{Now, effective, says};
use super::plan_risks::Risk;
use super::{Difference, Origin, Settings, canonical, difference, local_file, said};

/// What a content would do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Forecast {
    /// What the verdict would be.
    pub verdict: Decision,
    /// The live generation that it was compared with; `None` where no server runs.
    pub generation: Option<u64>,
    /// What it was compared with, in words.
    pub against: String,
    /// What it would be refused for.
    pub problems: Vec<Problem>,
    /// Whether it is the world that would refuse it: a save is tried again then.
    pub by_the_world: bool,
    /// What is doubtful about it.
    pub warnings: Vec<Problem>,
    /// The keys that it would change, or means to change and cannot.
    pub keys: Vec<KeyChange>,
    /// What would be done with each service, and what the owners of ports, folder, log and index would do: in the words of a
    /// verdict.
    pub services: Vec<ServiceReport>,
    /// What should be known before it is done.
    pub risks: Vec<Risk>,
    /// That these settings were live and were taken back.
    pub taken_back: Option<Problem>,
    /// What could not be found out.
    pub unknown: Vec<String>,
}

/// One key that a content would change, or means to change and cannot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyChange {
    /// Its value in effect, before and after.
    #[serde(flatten)]
    pub difference: Difference,
    /// Where the value afterwards comes from.
    pub origin: Origin,
    /// What the content says of it, where that has no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_says: Option<Value>,
    /// Why it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_effect: Option<String>,
}

/// The keys that differ in effect, and those of which the content says something new that will have no effect. `before` is
/// what stands in the settings file, whose path is `file`.
pub fn key_changes(
    file: &Path,
    (from, to): (&Settings, &Settings),
    (before, content): (&[u8], &[u8]),
) -> Vec<KeyChange> {
    let changed = difference(from, to).into_iter().map(|difference| {
        let origin = to.origins.of(&difference.path);
        KeyChange { difference, origin, file_says: None, no_effect: None }
    });
    changed.chain(without_effect(file, to, before, content)).collect()
}

/// The keys of which a content says something new that has no effect in `to`. Where it says nothing new at all: all of which it says
/// something without effect.
fn without_effect(file: &Path, to: &Settings, before: &[u8], content: &[u8]) -> Vec<KeyChange> {
    let local = local_file(file);
    let above = local.file_name().unwrap_or_default().to_string_lossy();
    let now = Now {
        origins: &to.origins,
        says: says(content, None, &local),
        above: Some(&above),
        drift: None,
        since: BTreeMap::new(),
        stands: BTreeMap::new(),
    };
    let hidden = effective(to, &now).into_iter().filter_map(|state| {
        let file_says = state.file_says.and_then(|said| said.value)?;
        let is_new = before == content || said(before, state.key) != said(content, state.key);
        is_new.then(|| KeyChange {
            difference: Difference { path: state.key.to_owned(), from: state.value.clone(), to: state.value },
            origin: state.origin,
            file_says: Some(file_says),
            no_effect: state.differs,
        })
    });
    hidden.collect()
}

/// Of these changes, which make `content` of `before`: those that have no effect in `to`, each with what lies above it.
pub fn hidden(
    file: &Path,
    to: &Settings,
    (before, content): (&[u8], &[u8]),
    changes: &[Change],
) -> Vec<Problem> {
    let is_asked = |path: &str| changes.iter().any(|change| canonical(&change.path) == Some(path));
    let found = without_effect(file, to, before, content).into_iter();
    let of_changes = found.filter(|key| is_asked(&key.difference.path));
    of_changes
        .filter_map(|key| {
            Some(Problem::new(key.difference.path, format!("has no effect: {}", key.no_effect?)))
        })
        .collect()
}
