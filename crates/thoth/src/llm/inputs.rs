//! What the service takes out of the settings: the section `llm`, and the one key that belongs to the provider's host.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use url::{Host, Url};

use super::settings::{LlmSettings, may_carry_key};
use crate::settings::{ApiKeys, Secret, Settings};

/// The inputs of the service `llm`. Serialized in the shape of the settings, so that a difference names their keys.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LlmInputs {
    /// The section `llm`.
    pub llm: LlmSettings,
    /// The key for the host of `llm.default.baseUrl`.
    #[serde(rename = "apiKeys")]
    pub key: ProviderKey,
}

/// The key of one provider, with the name of its setting.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderKey {
    /// Name under `apiKeys`: `openrouterKey`, `openaiKey`, `anthropicKey`, `mistralKey`, `customKey`.
    pub name: &'static str,
    /// The key; empty when none is set.
    pub secret: Secret,
    /// Whether the host is one that answers nobody without a key.
    pub required: bool,
}

impl LlmInputs {
    /// The inputs that these settings give.
    pub fn of(settings: &Settings) -> Self {
        Self {
            key: ProviderKey::choose(&settings.llm.default.base_url, &settings.api_keys),
            llm: settings.llm.clone(),
        }
    }
}

impl ProviderKey {
    /// The key for this address. A provider's key goes to that provider's hosts only, any other address gets
    /// `customKey`; and no key goes over a network in the clear.
    pub fn choose(base_url: &Url, keys: &ApiKeys) -> Self {
        let known = [
            ("openrouter.ai", "openrouterKey", &keys.openrouter_key),
            ("api.openai.com", "openaiKey", &keys.openai_key),
            ("api.anthropic.com", "anthropicKey", &keys.anthropic_key),
            ("api.mistral.ai", "mistralKey", &keys.mistral_key),
        ];
        let provider = known.into_iter().find(|(host, _, _)| is_host(base_url, host));
        let required = provider.is_some();
        let (_, name, secret) = provider.unwrap_or(("", "customKey", &keys.custom_key));
        let secret = if may_carry_key(base_url) { secret.clone() } else { Secret::default() };
        Self { name, secret, required }
    }

    /// The setting in full: `apiKeys.openrouterKey`.
    pub fn setting(&self) -> String {
        format!("apiKeys.{}", self.name)
    }
}

impl Serialize for ProviderKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.name, &self.secret)?;
        map.end()
    }
}

/// Whether the address is on this host or below it (`eu.api.openai.com`).
pub(super) fn is_host(url: &Url, name: &str) -> bool {
    match url.host() {
        Some(Host::Domain(host)) => {
            host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_to_its_own_provider_only_and_only_encrypted() {
        let keys = ApiKeys {
            openrouter_key: Secret::new("router"),
            openai_key: Secret::new("openai"),
            anthropic_key: Secret::new("anthropic"),
            mistral_key: Secret::new("mistral"),
            custom_key: Secret::new("custom"),
            ..ApiKeys::default()
        };
        let table = [
            ("https://openrouter.ai/api/v1", "openrouterKey", "router", true),
            ("https://OpenRouter.AI/api/v1", "openrouterKey", "router", true),
            ("https://eu.openrouter.ai/api/v1", "openrouterKey", "router", true),
            ("https://api.openai.com/v1", "openaiKey", "openai", true),
            ("https://api.anthropic.com/v1/", "anthropicKey", "anthropic", true),
            ("https://api.mistral.ai/v1", "mistralKey", "mistral", true),
            ("http://openrouter.ai/api/v1", "openrouterKey", "", true),
            ("https://evilopenrouter.ai/v1", "customKey", "custom", false),
            ("https://openrouter.ai.evil.example/v1", "customKey", "custom", false),
            ("https://api.openai.com@evil.example/v1", "customKey", "custom", false),
            ("http://127.0.0.1:11434/v1", "customKey", "custom", false),
            ("http://[::1]:11434/v1", "customKey", "custom", false),
            ("http://localhost:11434/v1", "customKey", "custom", false),
            ("http://10.0.0.1/v1", "customKey", "", false),
            ("http://localhost.evil.example/v1", "customKey", "", false),
        ];
        for (url, name, secret, required) in table {
            let chosen = ProviderKey::choose(&Url::parse(url).unwrap(), &keys);
            assert_eq!(
                (chosen.name, chosen.secret.expose(), chosen.required),
                (name, secret, required),
                "{url}"
            );
        }
    }

    #[test]
    fn the_inputs_are_compared_by_value_and_named_like_the_settings_without_the_key() {
        let inputs = super::super::tests::inputs("https://openrouter.ai/api/v1", "sk-secret");
        let json = serde_json::to_value(&inputs).unwrap();
        assert_eq!(json.pointer("/llm/default/model").unwrap(), "test/model");
        assert_eq!(json.pointer("/apiKeys/openrouterKey").unwrap(), crate::settings::REDACTED);
        assert!(!format!("{json} {inputs:?}").contains("sk-secret"));
        assert_ne!(inputs, super::super::tests::inputs("https://openrouter.ai/api/v1", "sk-other"));
    }
}
