//! The settings as people and programs may see them, and the key that goes with a model's address.

use serde_json::{Map, Value, json};
use url::Host;

use super::{Secret, Settings, Vault};

impl Settings {
    /// What applies where no file and no variable says anything.
    pub fn default_for(vault: &Vault) -> Self {
        super::check::defaults(vault)
    }

    /// Everything effective by its canonical keys, paths relative to the vault, secrets as `<redacted>`. The note
    /// `_pinned` names the keys that the environment pins, each with its variable.
    pub fn view(&self) -> Value {
        let mut view = serde_json::to_value(self).unwrap_or_else(|_| Value::Object(Map::new()));
        view["paths"] = json!({
            "pdf": self.vault.relative(&self.paths.pdf),
            "notes": self.vault.relative(&self.paths.notes),
            "workspace": self.vault.relative(&self.paths.workspace),
        });
        if !self.pinned.is_empty() {
            view["_pinned"] = json!(self.pinned);
        }
        view
    }

    /// The key for `llm.default.baseUrl`: a provider's key for that provider's host, `apiKeys.customKey` for any
    /// other. Empty where none is set, or where it would travel unencrypted to another machine.
    pub fn llm_key(&self) -> Secret {
        if self.may_send_key() {
            self.host_key().cloned().unwrap_or_default()
        } else {
            Secret::default()
        }
    }

    /// Whether a key may be sent to `llm.default.baseUrl`: by `https`, or without leaving this machine.
    pub(super) fn may_send_key(&self) -> bool {
        let url = &self.llm.default.base_url;
        url.scheme() == "https"
            || match url.host() {
                Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
                Some(Host::Ipv4(address)) => address.is_loopback(),
                Some(Host::Ipv6(address)) => address.is_loopback(),
                None => false,
            }
    }

    pub(super) fn host_key(&self) -> Option<&Secret> {
        let keys = &self.api_keys;
        Some(match self.llm.default.base_url.host_str()? {
            "openrouter.ai" => &keys.openrouter_key,
            "api.openai.com" => &keys.openai_key,
            "api.anthropic.com" => &keys.anthropic_key,
            "api.mistral.ai" => &keys.mistral_key,
            _ => &keys.custom_key,
        })
    }
}
