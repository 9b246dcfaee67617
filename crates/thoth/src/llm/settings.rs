//! The section `llm`.

use serde::Serialize;
use url::{Host, Url};

/// The section `llm`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LlmSettings {
    /// What every task uses that has nothing of its own.
    pub default: LlmDefault,
}

/// `llm.default`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LlmDefault {
    /// Model name as the provider spells it.
    pub model: String,
    /// Sampling temperature, 0..2.
    pub temperature: f64,
    /// Nucleus sampling, 0..1.
    pub top_p: f64,
    /// Most tokens of one answer.
    pub max_output_tokens: u32,
    /// Where the chat protocol is spoken (`https://openrouter.ai/api/v1`).
    pub base_url: Url,
    /// Milliseconds until the first byte of an answer, and between two chunks of a stream (60,000).
    pub timeout_ms: u64,
    /// Tries beyond the first on 429, 5xx and broken connections (3).
    pub retries_max: u32,
}

/// Whether a key may be sent to an address: encrypted, or without leaving this machine.
pub fn may_carry_key(url: &Url) -> bool {
    url.scheme() == "https"
        || match url.host() {
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}
