//! What the service takes out of the settings: where the server is, the one key that belongs there, and the agent.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::json;
use url::Url;

use super::settings::{CLOUD, Mode, USUAL, may_carry_password};
use crate::settings::{Secret, Settings};

/// The inputs of the service `letta`. Serialized in the shape of the settings, so that a difference names their keys.
#[derive(Clone, Debug, PartialEq)]
pub struct LettaInputs {
    /// Who runs the server.
    pub mode: Mode,
    /// Where the server is; `None` when nothing says that there is one.
    pub server: Option<Url>,
    /// The key for that server; empty when none is set, or none may be sent there.
    pub key: Secret,
    /// The setting that holds the key.
    pub key_setting: &'static str,
    /// Model of the agent; empty: the server's own default.
    pub agent_model: String,
    /// The name by which the agent is found.
    pub agent_name: String,
}

impl LettaInputs {
    /// The inputs that these settings give.
    ///
    /// Letta is used when something says that there is one: a server's address that the file or the environment names,
    /// a key for it, or `memory.letta.mode` being `cloud` together with a key. The address alone by default is not
    /// enough.
    pub fn of(settings: &Settings) -> Self {
        let (letta, key) = (&settings.memory.letta, &settings.api_keys.letta_api_key);
        let agent = (letta.agent_model.trim().to_owned(), letta.agent_name.trim().to_owned());
        let (server, key, key_setting) = match letta.mode {
            Mode::Cloud if letta.cloud_api_key.is_empty() => {
                ((!key.is_empty()).then(|| CLOUD.clone()), key.clone(), "apiKeys.lettaApiKey")
            }
            Mode::Cloud => (Some(CLOUD.clone()), letta.cloud_api_key.clone(), "memory.letta.cloudApiKey"),
            Mode::SelfHosted => {
                let usual = || (!key.is_empty()).then(|| USUAL.clone());
                let server = letta.server_url.clone().or_else(usual);
                let may = server.as_ref().is_some_and(may_carry_password);
                (server, if may { key.clone() } else { Secret::default() }, "apiKeys.lettaApiKey")
            }
        };
        Self { mode: letta.mode, server, key, key_setting, agent_model: agent.0, agent_name: agent.1 }
    }
}

impl Serialize for LettaInputs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut letta = json!({
            "mode": self.mode,
            "serverUrl": self.server,
            "agentModel": self.agent_model,
            "agentName": self.agent_name,
        });
        let mut map = serializer.serialize_map(None)?;
        match self.key_setting.strip_prefix("memory.letta.") {
            Some(name) => letta[name] = json!(self.key),
            None => map.serialize_entry("apiKeys", &json!({ "lettaApiKey": self.key }))?,
        }
        map.serialize_entry("memory", &json!({ "letta": letta }))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letta::settings::LettaSettings;
    use crate::settings::Vault;

    fn inputs(mode: Mode, url: Option<&str>, key: &str, cloud_key: &str) -> LettaInputs {
        let home = tempfile::tempdir().unwrap();
        let mut settings = Settings::default_for(&Vault::at(home.path()).unwrap());
        settings.api_keys.letta_api_key = Secret::new(key);
        settings.memory.letta = LettaSettings {
            mode,
            server_url: url.map(|url| Url::parse(url).unwrap()),
            cloud_api_key: Secret::new(cloud_key),
            ..settings.memory.letta
        };
        LettaInputs::of(&settings)
    }

    #[test]
    fn a_server_is_where_something_says_so_and_gets_its_own_key_only() {
        use Mode::{Cloud, SelfHosted};
        let check = |inputs: LettaInputs, server: Option<&str>, key: &str| {
            let found = inputs.server.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());
            assert_eq!((found.as_deref(), inputs.key.expose()), (server, key), "{inputs:?}");
        };
        check(inputs(SelfHosted, None, "", ""), None, "");
        check(inputs(SelfHosted, None, "", "cloud"), None, "");
        check(inputs(SelfHosted, None, "own", "cloud"), Some("http://localhost:8283"), "own");
        check(inputs(SelfHosted, Some("http://letta:1"), "own", "cloud"), Some("http://letta:1"), "own");
        check(inputs(SelfHosted, Some("http://letta:1"), "", "cloud"), Some("http://letta:1"), "");
        check(inputs(SelfHosted, Some("http://a.example"), "own", ""), Some("http://a.example"), "");
        check(inputs(Cloud, Some("http://letta:1"), "", ""), None, "");
        check(inputs(Cloud, None, "own", ""), Some("https://api.letta.com"), "own");
        check(inputs(Cloud, Some("http://letta:1"), "own", "cloud"), Some("https://api.letta.com"), "cloud");
    }

    #[test]
    fn they_are_named_like_the_settings_without_the_key() {
        let table = [
            (inputs(Mode::SelfHosted, Some("http://letta:1"), "hush", ""), "/apiKeys/lettaApiKey"),
            (inputs(Mode::Cloud, None, "", "hush"), "/memory/letta/cloudApiKey"),
        ];
        for (inputs, pointer) in table {
            let json = serde_json::to_value(&inputs).unwrap();
            assert_eq!(json.pointer(pointer).unwrap(), crate::settings::REDACTED, "{json}");
            assert!(json.pointer("/memory/letta/serverUrl").unwrap().is_string(), "{json}");
            assert!(!format!("{json} {inputs:?}").contains("hush"));
        }
    }
}
