//! One change that waits for its time, and what became of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::edit::Change;

/// What happens at the time of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The changes go into the settings file.
    Scheduled,
    /// The changes, which apply until then, end.
    Temporary,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// The settings say what the entry asked for.
    Done,
    /// The settings were no longer what they were when it was set.
    Void,
    /// The changes were refused when their time came.
    Failed,
    /// Somebody called it off.
    Cancelled,
    /// A temporary change is over.
    Expired,
}

impl Fate {
    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Void => "void",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// How and when an entry ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// What became of it.
    pub fate: Fate,
    /// When.
    pub at: Timestamp,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The verdict that it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<u64>,
}

/// A change that waits for its time, or has ended a while ago.
///
/// It holds values as they were asked for, secrets among them: whoever shows an entry hides those.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Unique in one state directory, growing.
    pub id: u64,
    /// What happens at its time.
    pub kind: Kind,
    /// When the changes are carried out, or end.
    pub at: Timestamp,
    /// Whether it was asked for as a length of time. Such an entry keeps its length when the clock is set back.
    pub relative: bool,
    /// The changes.
    pub changes: Vec<Change>,
    /// Keyed hashes of what the settings file said of each changed key when the entry was set; of a scheduled one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub expected: BTreeMap<String, String>,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// When it was asked for.
    pub set_at: Timestamp,
    /// How it ended; `None` while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

impl Entry {
    /// Whether it still waits.
    pub fn waits(&self) -> bool {
        self.end.is_none()
    }

    /// The keys that it changes, in backticks.
    pub fn keys(&self) -> String {
        let keys: Vec<String> = self.changes.iter().map(|change| format!("`{}`", change.path)).collect();
        keys.join(", ")
    }
}
