//! The settings: one struct, one line per section. Each service's section stands in the service's own folder.
//!
//! The way of a file: `changeover::check` makes a document of the bytes, `walk` reads it by the table of keys
//! (`keys`, one row a key), `check` makes the typed [`Settings`] of what was found, `across` compares keys with each
//! other, `review` says all of it. Nothing after that checks anything again.

mod across;
mod bounds;
mod check;
mod difference;
pub mod documents;
pub mod effective;
mod environment;
mod excerpt;
mod folders;
mod gathered;
mod key;
mod keys;
mod layers;
mod location;
mod origin;
mod path;
mod plan;
mod plan_risks;
pub mod render;
mod review;
mod secret;
mod secrets;
mod spelling;
mod style;
mod table;
mod templates;
mod temporary;
mod types;
mod vault;
mod view;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::notes::template::NoteTemplate;

pub use difference::{Difference, difference, with_secrets_of};
pub use environment::{Environment, VARIABLES, Variable};
pub use key::{Bound, Default as KeyDefault, Key, Kind};
pub use keys::{ALIASES, KEYS};
pub use layers::{Layers, local_file, named};
pub use location::{NoStateDir, PLACES, better_ranked, settings_file, state_dir};
pub use origin::{Origin, Origins};
pub use plan::{Forecast, KeyChange, hidden, key_changes};
pub use plan_risks::{Around, Rebuild, Risk, risks};
pub use review::{Review, check, review};
pub use secret::{REDACTED, Secret};
pub use spelling::{canonical, edited, said};
pub use style::style;
pub use vault::{NoVault, Vault, find as find_vault};

/// The settings as they are meant: defaulted, checked, paths resolved. Immutable.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// The vault that all paths refer to.
    #[serde(skip)]
    pub vault: Vault,
    /// Keys that the environment pins, and the variable that does. A file that wants another value is told.
    #[serde(skip)]
    pub pinned: BTreeMap<&'static str, &'static str>,
    /// Where each value comes from.
    #[serde(skip)]
    pub origins: Origins,
    /// Where things stand in the vault.
    pub paths: Paths,
    /// Keys of providers.
    pub api_keys: ApiKeys,
    /// Language models.
    pub llm: crate::llm::settings::LlmSettings,
    /// Agent memory.
    pub memory: crate::letta::settings::MemorySettings,
    /// Retrieval.
    pub rag: crate::rag::settings::RagSettings,
    /// Citations.
    pub citation: crate::citations::settings::CitationSettings,
    /// The servers of this process.
    pub servers: crate::http::settings::ServersSettings,
    /// Bounds of what is done.
    pub performance: crate::pdf::settings::PerformanceSettings,
    /// The log.
    pub logging: Logging,
    /// Times and limits of the changeover.
    pub reload: Reload,
    /// The user's template of notes, out of the folder `paths.templates`; `None` for what is built in.
    #[serde(skip)]
    pub note_template: Option<Arc<NoteTemplate>>,
}

/// Folders, absolute and inside the vault (unless that was permitted explicitly).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Paths {
    /// Where the user drops PDFs.
    pub pdf: PathBuf,
    /// Where Thoth writes notes.
    pub notes: PathBuf,
    /// Thoth's own folder in the vault.
    pub workspace: PathBuf,
    /// Where templates of notes stand.
    pub templates: PathBuf,
    /// Where templates of prompts stand.
    pub prompts: PathBuf,
    /// Whether these may leave the vault: only the check asks, but it is in effect, and people compare it.
    pub allow_outside: bool,
}

/// Keys of providers. Empty means not set.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeys {
    /// For OpenRouter's host.
    pub openrouter_key: Secret,
    /// For OpenAI's host.
    pub openai_key: Secret,
    /// For Anthropic's host.
    pub anthropic_key: Secret,
    /// For Mistral's host.
    pub mistral_key: Secret,
    /// For any other `llm.default.baseUrl`.
    pub custom_key: Secret,
    /// For the Letta server.
    pub letta_api_key: Secret,
}

/// What is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// The lowest level that is logged.
    pub level: Level,
}

impl Logging {
    /// What a verdict says of it.
    pub fn in_words(&self) -> String {
        format!("`logging.level` is {}", self.level)
    }
}

/// Levels of the log, by the names that existing files use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Level {
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

impl Level {
    /// The level of a name, as files spell it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "DEBUG" => Some(Self::Debug),
            "INFO" => Some(Self::Info),
            "WARNING" => Some(Self::Warning),
            "ERROR" => Some(Self::Error),
            "CRITICAL" => Some(Self::Critical),
            _ => None,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        })
    }
}

/// Times and limits of the changeover. Milliseconds unless the name says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reload {
    /// Quiet time after the last change before a content is refused (150).
    pub settle_ms: u64,
    /// How often the file is looked at without an event (500).
    pub poll_ms: u64,
    /// For how long a file may stay open for writing before it is judged as it is (5,000).
    pub open_max_ms: u64,
    /// How long the preparation of a candidate may take (10,000).
    pub prepare_deadline_ms: u64,
    /// For how long the old port is served after it changed (10,000).
    pub handover_ms: u64,
    /// For how long what goes live is on trial (10,000).
    pub probation_ms: u64,
    /// Number of verdicts that the history keeps (1,000).
    pub history_max: usize,
    /// Days for which it keeps a verdict (365).
    pub history_days: u64,
}
