//! What the engine says of a content it has read: problems, verdicts, and what each service did.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing that is wrong (or, as a warning, doubtful) about a settings file, with the place and the way out.
///
/// A message never contains the value of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Key path in dotted form (`rag.chunkSize`); empty when the problem is about the file as a whole.
    pub path: String,
    /// The file that it is in, by the name that people know it by; `None` for the settings file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line in the file, counted from 1; `None` where there is no line (a missing file, a taken port).
    pub line: Option<u32>,
    /// Column in that line, counted from 1 in characters.
    pub column: Option<u32>,
    /// What is wrong: lower case, the literal in backticks.
    pub message: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem at a key path, without a place in the file.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), ..Self::default() }
    }

    /// The same problem with a place: line and column, both counted from 1.
    #[must_use]
    pub fn at(mut self, line: u32, column: u32) -> Self {
        (self.line, self.column) = (Some(line), Some(column));
        self
    }

    /// The same problem in another file than the settings file.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// The same problem with the way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line, self.column) {
            (Some(file), Some(line), Some(column)) => write!(out, "{file}:{line}:{column}: ")?,
            (Some(file), ..) => write!(out, "{file}: ")?,
            (None, Some(line), Some(column)) => write!(out, "{line}:{column}: ")?,
            (None, ..) => {}
        }
        if !self.path.is_empty() {
            write!(out, "`{}`: ", self.path)?;
        }
        out.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(out, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// What became of a content that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It is live in every service.
    Applied,
    /// It says what is live already.
    Unchanged,
    /// It was refused; what was live stays live.
    Rejected,
    /// A newer content took its place before it could go live.
    Superseded,
}

impl fmt::Display for Decision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
        })
    }
}

/// What later became of an `applied` content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Outcome {
    /// Everything of it that was on trial has been used, and worked; or nothing of it had to be.
    #[serde(rename = "kept")]
    Kept,
    /// Nobody used it while it was on trial.
    #[serde(rename = "kept unproven")]
    KeptUnproven,
    /// It failed where what was live before works, and was taken back.
    #[serde(rename = "reverted")]
    Reverted,
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Kept => "kept",
            Self::KeptUnproven => "kept unproven",
            Self::Reverted => "reverted",
        })
    }
}

/// Why a content was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// The process started.
    Start,
    /// The file was saved.
    Save,
    /// Somebody asked for the file to be read again.
    Reload,
    /// The world refused it before, and was asked again.
    Retry,
    /// Somebody asked for one more try of what was taken back: [`crate::Engine::try_again`].
    Try,
    /// What was live failed where the one before it works.
    Revert,
    /// Something that services are built from changed outside of the settings: [`crate::Engine::refresh`].
    Refresh,
    /// Somebody asked for a change of a file, through the engine.
    Edit,
    /// Somebody asked for an older content to be live again.
    Rollback,
    /// The time of a change that was asked for earlier has come.
    Schedule,
    /// A temporary change is over.
    Expiry,
}

impl Cause {
    /// One word, as verdicts are written down with it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Save => "save",
            Self::Reload => "reload",
            Self::Retry => "retry",
            Self::Try => "try",
            Self::Revert => "revert",
            Self::Refresh => "refresh",
            Self::Edit => "edit",
            Self::Rollback => "rollback",
            Self::Schedule => "schedule",
            Self::Expiry => "expiry",
        }
    }
}

/// What a changeover did with one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The same object was carried over.
    Kept,
    /// It was built for the first time.
    Built,
    /// A new object took the place of the old one.
    Rebuilt,
    /// An older object took the place of one that failed.
    Restored,
    /// A follower took the new generation over.
    Followed,
    /// A follower could not follow in time, or not wholly; the reason says why.
    Degraded,
}

/// One line of a verdict: a service, what was done with it, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceReport {
    /// The service's name, as given to [`crate::Preparation::service`] or [`crate::Engine::follower`].
    pub name: String,
    /// What was done.
    pub action: Action,
    /// Why: the keys that changed, or the dependency that did.
    pub reason: String,
}

/// What became of a content that was read, and how. Never taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Unique in one state directory, growing.
    pub id: u64,
    /// What became of the content.
    pub verdict: Decision,
    /// What later became of it, if it was applied; `None` as long as that is open.
    pub outcome: Option<Outcome>,
    /// The generation that was live after this verdict.
    pub generation: u64,
    /// Why the content was read.
    pub cause: Cause,
    /// Who asked for it, as far as that is known; `None` for what nobody asked for, and for a save.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Everything that is wrong with the content, all at once. Empty unless it was rejected.
    pub problems: Vec<Problem>,
    /// What is doubtful about it, but no reason to refuse it.
    pub warnings: Vec<Problem>,
    /// What each service did. Empty unless it was applied.
    pub services: Vec<ServiceReport>,
    /// Milliseconds spent in each stage, and `total` from when the engine noticed the save to `at`.
    pub stages_ms: BTreeMap<String, f64>,
    /// When every service was live with it, and every follower had followed or was named as late. Of a start, and of what did not
    /// go live, when the verdict was given.
    pub at: Timestamp,
    /// Keyed hash of the content, in hexadecimal; `None` where there was no content (a missing file).
    pub content: Option<String>,
}

impl fmt::Display for Verdict {
    /// One line, as `watch` commands print it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.stages_ms.get("total").copied().unwrap_or_default();
        write!(out, "#{} {} generation {} in {total:.1} ms", self.id, self.verdict, self.generation)?;
        let changed: Vec<String> = self
            .services
            .iter()
            .filter(|service| service.action != Action::Kept)
            .map(|service| format!("{} ({})", service.name, service.reason))
            .collect();
        if !changed.is_empty() {
            write!(out, ": {}", changed.join(", "))?;
        }
        for (index, problem) in self.problems.iter().enumerate() {
            write!(out, "{} {problem}", if index == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}
