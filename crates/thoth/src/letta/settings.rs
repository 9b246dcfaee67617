//! The section `memory`, of which only `letta` is read.

use std::sync::LazyLock;

use serde::Serialize;
use url::{Host, Url};

use crate::llm::settings::may_carry_key;
use crate::settings::Secret;

/// The section `memory`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemorySettings {
    /// Agent memory at a Letta server.
    pub letta: LettaSettings,
}

/// `memory.letta`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LettaSettings {
    /// Who runs the server.
    pub mode: Mode,
    /// Where a self-hosted server is reached, if the file or the environment says so. `None` is not the default
    /// address: files that know nothing of Letta shall not have Thoth look for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_url: Option<Url>,
    /// The key for Letta's cloud; empty when none is set.
    pub cloud_api_key: Secret,
    /// Model of the agent, `provider/model`; empty: the server's own default.
    pub agent_model: String,
    /// The name by which the agent is found.
    pub agent_name: String,
}

/// Who runs the Letta server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The user, at `memory.letta.serverUrl`.
    SelfHosted,
    /// Letta, at [`CLOUD`].
    Cloud,
}

impl Mode {
    /// The mode of a name, as files spell it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "self-hosted" => Some(Self::SelfHosted),
            "cloud" => Some(Self::Cloud),
            _ => None,
        }
    }
}

/// Where Letta's cloud is reached.
#[expect(clippy::expect_used, reason = "a constant, which a test parses")]
pub static CLOUD: LazyLock<Url> =
    LazyLock::new(|| Url::parse("https://api.letta.com").expect("the constant is a URL"));

/// Where a server listens that was started without further words.
#[expect(clippy::expect_used, reason = "a constant, which a test parses")]
pub static USUAL: LazyLock<Url> =
    LazyLock::new(|| Url::parse("http://localhost:8283").expect("the constant is a URL"));

/// Whether the server's password may be sent to an address: encrypted, within this machine, or within a network that
/// is private by its name or number (a server beside Thoth in one Compose file has no other way).
pub fn may_carry_password(url: &Url) -> bool {
    may_carry_key(url)
        || match url.host() {
            Some(Host::Domain(name)) => !name.contains('.') || name.ends_with(".internal"),
            Some(Host::Ipv4(address)) => address.is_private(),
            Some(Host::Ipv6(address)) => address.is_unique_local(),
            None => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_stays_off_public_networks_unless_encrypted() {
        let table = [
            ("https://letta.example", true),
            ("http://127.0.0.1:8283", true),
            ("http://localhost:8283", true),
            ("http://letta-server:8283", true),
            ("http://host.docker.internal:8283", true),
            ("http://172.18.0.4:8283", true),
            ("http://[fd00::4]:8283", true),
            ("http://letta.example:8283", false),
            ("http://203.0.113.9:8283", false),
        ];
        for (url, expected) in table {
            assert_eq!(may_carry_password(&Url::parse(url).unwrap()), expected, "{url}");
        }
        assert!(may_carry_password(&CLOUD) && may_carry_password(&USUAL));
    }
}
