//! What can go wrong between Thoth and a language model, in words that name the setting to look at.
//!
//! No message carries a key, a URL's credentials or a prompt; what a provider says is shortened and stripped first.

use thiserror::Error;

/// Why a language model gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LlmError {
    /// Nothing was asked: the provider needs a key and none is set.
    #[error("no language model is set up: `{host}` needs a key; set `{setting}`")]
    NotConfigured {
        /// The provider's host.
        host: String,
        /// The setting that is empty.
        setting: String,
    },
    /// Nothing was asked: a provider's key is only sent encrypted.
    #[error("`{host}` would get its key unencrypted: let `llm.default.baseUrl` begin with `https://`")]
    Unencrypted {
        /// The provider's host.
        host: String,
    },
    /// Nothing was asked: the key holds what no HTTP header can, a line break for example.
    #[error("the key in `{setting}` has a character that cannot be sent: paste it again")]
    UnusableKey {
        /// The setting that holds the key.
        setting: String,
    },
    /// 401, or 403.
    #[error("`{host}` refused the key ({status}): set `{setting}` to a key that is valid there")]
    Unauthorized {
        /// The provider's host.
        host: String,
        /// 401 or 403.
        status: u16,
        /// The setting that holds the key.
        setting: String,
    },
    /// 404: the model, or the path of the API, is unknown there.
    #[error(
        "`{host}` does not know the model `{model}` (404): correct the model's name, or `llm.default.baseUrl`"
    )]
    ModelNotFound {
        /// The provider's host.
        host: String,
        /// The model that was asked for.
        model: String,
    },
    /// 429, after all tries.
    #[error(
        "`{host}` asks for fewer requests (429, tries: {tries}){}",
        .wait_s.map_or_else(String::new, |seconds| format!("; it asks to wait {seconds} s"))
    )]
    RateLimited {
        /// The provider's host.
        host: String,
        /// Requests that were made.
        tries: u32,
        /// Seconds that the provider asked to wait, if it said so.
        wait_s: Option<u64>,
    },
    /// 5xx, after all tries.
    #[error("`{host}` is in trouble ({status}, tries: {tries}): {message}")]
    Unavailable {
        /// The provider's host.
        host: String,
        /// The status of the last try.
        status: u16,
        /// Requests that were made.
        tries: u32,
        /// What the provider said, shortened.
        message: String,
    },
    /// No connection, or one that broke before the answer began, after all tries.
    #[error("cannot reach `{host}` (tries: {tries}): {message}; is `llm.default.baseUrl` right?")]
    Unreachable {
        /// The provider's host.
        host: String,
        /// Requests that were made.
        tries: u32,
        /// What the network said.
        message: String,
    },
    /// Silence for longer than `llm.default.timeoutMs`.
    #[error("`{host}` sent nothing for {silence_ms} ms ({before}); `llm.default.timeoutMs` sets the limit")]
    Timeout {
        /// The provider's host.
        host: String,
        /// The limit that passed.
        silence_ms: u64,
        /// What was waited for: `before the answer began`, `in the middle of the answer`.
        before: &'static str,
    },
    /// The whole exchange took longer than its limit.
    #[error("the answer of `{host}` was not complete after {total_s} s, the most that one answer may take")]
    Overtime {
        /// The provider's host.
        host: String,
        /// The limit, in seconds.
        total_s: u64,
    },
    /// Another refusal (400, 402, 413, a redirect, …).
    #[error("`{host}` refused the request ({status}): {message}")]
    Refused {
        /// The provider's host.
        host: String,
        /// The status.
        status: u16,
        /// What the provider said, shortened.
        message: String,
    },
    /// An error object in place of an answer, or in the middle of a stream.
    #[error("`{host}` reported an error: {message}")]
    Provider {
        /// The provider's host.
        host: String,
        /// What the provider said, shortened.
        message: String,
    },
    /// The stream or the body ended before the answer did.
    #[error("the answer of `{host}` broke off before its end: {message}")]
    Truncated {
        /// The provider's host.
        host: String,
        /// How it ended.
        message: String,
    },
    /// What came is not the chat protocol.
    #[error("`{host}` does not speak the chat protocol: {message}; is `llm.default.baseUrl` right?")]
    Malformed {
        /// The provider's host.
        host: String,
        /// What came instead.
        message: String,
    },
    /// A limit of ours was passed.
    #[error("{what} is larger than {limit_bytes} bytes")]
    TooLarge {
        /// What is too large.
        what: String,
        /// The limit.
        limit_bytes: usize,
    },
    /// A complete answer without text.
    #[error("the model `{model}` gave no text: {reason}")]
    Empty {
        /// The model that was asked.
        model: String,
        /// Why, as far as the answer says.
        reason: String,
    },
}

impl LlmError {
    /// Whether the error says something of the provider or of the settings, rather than of this one request.
    pub fn concerns_provider(&self) -> bool {
        match self {
            Self::Refused { status, .. } => !matches!(status, 400 | 413 | 422),
            Self::NotConfigured { .. }
            | Self::Unencrypted { .. }
            | Self::TooLarge { .. }
            | Self::Empty { .. } => false,
            _ => true,
        }
    }

    /// Whether other settings might have had an answer. Providers refuse an unknown model with 400, as they do a
    /// malformed request.
    pub fn may_be_the_settings(&self) -> bool {
        matches!(self, Self::Refused { status: 400, .. }) || self.concerns_provider()
    }
}

/// Characters of a provider's message that are passed on.
const MESSAGE_CHARS_MAX: usize = 300;

/// What a provider said, fit to be shown: one line, shortened, without the key that some providers echo.
pub(crate) fn message_shown(said: &str, key: &str) -> String {
    let said = if key.is_empty() { said.to_owned() } else { said.replace(key, crate::settings::REDACTED) };
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String =
        words.chars().filter(|character| !character.is_control()).take(MESSAGE_CHARS_MAX).collect();
    if shown.is_empty() {
        shown.push_str("it gave no reason");
    } else if words.chars().count() > MESSAGE_CHARS_MAX {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_says_is_shown_without_the_key_in_one_short_line() {
        assert_eq!(message_shown("bad key sk-1\n\tsent\u{1b}[31m", "sk-1"), "bad key <redacted> sent[31m");
        assert_eq!(message_shown(" \n", "sk-1"), "it gave no reason");
        let long = message_shown(&"é".repeat(5_000), "");
        assert_eq!(long.chars().count(), MESSAGE_CHARS_MAX + 1);
        assert!(long.ends_with('…'), "{long}");
    }
}
