//! What can go wrong between Thoth and a Letta server, in words that name the setting to look at.
//!
//! No message carries a key or what was said to the agent; what the server says is shortened and stripped first.

use thiserror::Error;

/// Why the agent gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LettaError {
    /// Nothing was asked: nothing says that there is a server.
    #[error("no Letta server is set up: {way_out}")]
    NotConfigured {
        /// Which setting would.
        way_out: &'static str,
    },
    /// Nothing was asked: the key holds what no HTTP header can, a line break for example.
    #[error("the key in `{setting}` has a character that cannot be sent: paste it again")]
    UnusableKey {
        /// The setting that holds the key.
        setting: &'static str,
    },
    /// 401, or 403.
    #[error("`{host}` refused the key ({status}): set `{setting}` to one that is valid there")]
    Unauthorized {
        /// The server's host.
        host: String,
        /// 401 or 403.
        status: u16,
        /// The setting that holds the key.
        setting: &'static str,
    },
    /// No connection, or one that broke before the answer began.
    #[error("cannot reach the Letta server at `{host}`: {message}; is `memory.letta.serverUrl` right?")]
    Unreachable {
        /// The server's host.
        host: String,
        /// What the network said.
        message: String,
    },
    /// An answer that did not come, or not end, in time.
    #[error("`{host}` did not answer {doing} within {limit_s} s")]
    Timeout {
        /// The server's host.
        host: String,
        /// What was asked.
        doing: &'static str,
        /// The limit, in seconds.
        limit_s: u64,
    },
    /// Another status than success.
    #[error("`{host}` refused {doing} ({status}): {message}")]
    Refused {
        /// The server's host.
        host: String,
        /// What was asked.
        doing: &'static str,
        /// The status.
        status: u16,
        /// What the server said, shortened.
        message: String,
    },
    /// The agent ended without an answer.
    #[error("the agent at `{host}` gave no answer: {message}")]
    Failed {
        /// The server's host.
        host: String,
        /// What the server said, shortened.
        message: String,
    },
    /// The stream or the body ended before the answer did.
    #[error("the answer of `{host}` broke off before its end: {message}")]
    Truncated {
        /// The server's host.
        host: String,
        /// How it ended.
        message: String,
    },
    /// What came is not Letta's protocol.
    #[error("`{host}` does not speak Letta's protocol: {message}; is `memory.letta.serverUrl` right?")]
    Malformed {
        /// The server's host.
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
    /// Another message is being answered, and was not done in time.
    #[error("the agent `{name}` is busy with another message, for more than {limit_s} s already")]
    Busy {
        /// The agent's name.
        name: String,
        /// How long was waited, in seconds.
        limit_s: u64,
    },
    /// Memory was asked for before there is an agent.
    #[error("there is no agent `{name}` at `{host}` yet: the first message makes it")]
    NoAgent {
        /// The agent's name.
        name: String,
        /// The server's host.
        host: String,
    },
    /// The agent has no such part of memory.
    #[error("the memory of the agent `{name}` has no block `{label}`")]
    NoBlock {
        /// The agent's name.
        name: String,
        /// The label that was asked for.
        label: String,
    },
}

impl LettaError {
    /// Whether the error says that the server is not to be reached as the settings say, rather than how this one
    /// request went.
    pub(super) fn concerns_server(&self) -> bool {
        matches!(
            self,
            Self::UnusableKey { .. }
                | Self::Unauthorized { .. }
                | Self::Unreachable { .. }
                | Self::Malformed { .. }
        )
    }
}
