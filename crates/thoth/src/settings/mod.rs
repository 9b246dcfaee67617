//! The settings: one struct, one line per section. Each service's section stands in the service's own folder.

mod secret;

use std::path::PathBuf;

use serde::Serialize;

pub use secret::{REDACTED, Secret};

/// The settings as they are meant: defaulted, checked, paths resolved. Immutable.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Where things stand in the vault.
    pub paths: Paths,
    /// Keys of providers.
    pub api_keys: ApiKeys,
    /// Language models.
    pub llm: crate::llm::settings::LlmSettings,
    /// Retrieval.
    pub rag: crate::rag::settings::RagSettings,
    /// The servers of this process.
    pub servers: crate::http::settings::ServersSettings,
    /// The log.
    pub logging: Logging,
    /// Times and limits of the changeover.
    pub reload: Reload,
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
}

/// What is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// The lowest level that is logged.
    pub level: Level,
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
    /// Number of verdicts that the history keeps (1,000).
    pub history_max: usize,
}
