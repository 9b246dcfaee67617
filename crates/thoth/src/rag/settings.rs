//! The section `rag`.

use serde::Serialize;

/// The section `rag`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RagSettings {
    /// Tokens of a chunk, at most (1,000; at least 100).
    pub chunk_size: u32,
    /// Tokens that a chunk shares with the one before it (200).
    pub chunk_overlap: u32,
    /// Questions.
    pub qa: Qa,
}

/// `rag.qa`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Qa {
    /// Passages that an answer is made from (4).
    pub retrieval_k: u32,
    /// Model that writes answers, if the file names one; `None`: `llm.default.model`.
    pub model: Option<String>,
    /// Sampling temperature of written answers (0.2).
    pub temperature: f64,
    /// Most tokens of a written answer (2,000).
    pub max_tokens: u32,
    /// The instructions for written answers, out of the folder `paths.prompts`; `None` for what is built in.
    #[serde(skip)]
    pub instructions: Option<String>,
}
