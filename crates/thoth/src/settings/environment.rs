//! The variables that Thoth's settings listen to, captured once at the start.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use changeover::Problem;
use url::Url;

use super::{Level, Secret};

/// A variable, the key it goes to, and what it does.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The key of the table.
    pub key: &'static str,
    /// Whether it wins over the file; otherwise the file wins.
    pub pins: bool,
}

const fn pins(name: &'static str, key: &'static str) -> Variable {
    Variable { name, key, pins: true }
}

const fn fills(name: &'static str, key: &'static str) -> Variable {
    Variable { name, key, pins: false }
}

/// Every variable that sets a key. Of those that fill an API key, `NAME_FILE` names a file that holds it.
pub const VARIABLES: &[Variable] = &[
    pins("THOTH_LOG_LEVEL", "logging.level"),
    pins("THOTH_API_HOST", "servers.api.host"),
    pins("THOTH_API_PORT", "servers.api.port"),
    fills("OPENROUTER_API_KEY", "apiKeys.openrouterKey"),
    fills("OPENAI_API_KEY", "apiKeys.openaiKey"),
    fills("ANTHROPIC_API_KEY", "apiKeys.anthropicKey"),
    fills("MISTRAL_API_KEY", "apiKeys.mistralKey"),
    fills("THOTH_CUSTOM_API_KEY", "apiKeys.customKey"),
    pins("LETTA_SERVER_URL", LETTA_SERVER_URL),
    fills("LETTA_SERVER_PASSWORD", LETTA_KEY),
    fills("LETTA_API_KEY", LETTA_KEY),
    fills("LETTA_CLOUD_API_KEY", "memory.letta.cloudApiKey"),
];

/// The key that `LETTA_SERVER_URL` pins.
pub(super) const LETTA_SERVER_URL: &str = "memory.letta.serverUrl";
/// Two variables fill it; the later one wins.
const LETTA_KEY: &str = "apiKeys.lettaApiKey";

/// Says that Thoth runs in its container.
pub(super) const DOCKER: &str = "THOTH_DOCKER";

/// Bytes that a file with a key may have.
const KEY_FILE_MAX: u64 = 64 * 1024;

/// What the environment says, checked. Holds no other variable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Environment {
    pub(super) docker: bool,
    pub(super) log_level: Option<Level>,
    pub(super) api_host: Option<String>,
    pub(super) api_port: Option<u16>,
    pub(super) letta_server_url: Option<Url>,
    keys: BTreeMap<&'static str, Secret>,
    key_files: BTreeMap<&'static str, PathBuf>,
    /// The variable that each of these keys came by.
    filled_by: BTreeMap<&'static str, String>,
}

impl Environment {
    /// Takes what matters out of the variables of a process. An empty variable is as good as none.
    ///
    /// # Errors
    /// Every variable that says something impossible.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Vec<Problem>> {
        let pairs: BTreeMap<String, String> =
            pairs.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect();
        let get = |name: &str| pairs.get(name).map(|value| value.trim());
        let mut problems = Vec::new();
        let mut environment = Self { docker: get(DOCKER) == Some("1"), ..Self::default() };
        if let Some(value) = get("THOTH_LOG_LEVEL") {
            match Level::from_name(&value.to_uppercase()) {
                Some(level) => environment.log_level = Some(level),
                None => problems.push(impossible(
                    "THOTH_LOG_LEVEL",
                    value,
                    "DEBUG, INFO, WARNING, ERROR or CRITICAL",
                )),
            }
        }
        if let Some(value) = get("THOTH_API_HOST") {
            if super::bounds::is_bind_address(value) {
                environment.api_host = Some(value.to_owned());
            } else {
                problems.push(impossible("THOTH_API_HOST", value, "an IP address or `localhost`"));
            }
        }
        if let Some(value) = get("THOTH_API_PORT") {
            match value.parse::<u16>() {
                Ok(port) if port > 0 => environment.api_port = Some(port),
                _ => problems.push(impossible("THOTH_API_PORT", value, "a port, 1 to 65535")),
            }
        }
        if let Some(value) = get("LETTA_SERVER_URL") {
            match super::bounds::url_problem(value) {
                None => environment.letta_server_url = Url::parse(value).ok(),
                // The text itself may hold a password.
                Some(problem) => {
                    problems.push(Problem::new("", format!("the variable `LETTA_SERVER_URL`: {problem}")))
                }
            }
        }
        for variable in VARIABLES.iter().filter(|variable| !variable.pins) {
            let file_name = format!("{}_FILE", variable.name);
            if let Some(value) = get(variable.name) {
                environment.keys.insert(variable.key, Secret::new(value));
                environment.filled_by.insert(variable.key, variable.name.to_owned());
            } else if let Some(file) = get(&file_name) {
                environment.key_files.insert(variable.key, PathBuf::from(file));
                if !environment.keys.contains_key(variable.key) {
                    environment.filled_by.insert(variable.key, file_name);
                }
            }
        }
        if problems.is_empty() { Ok(environment) } else { Err(problems) }
    }

    /// The variable that fills a key of the table which the file leaves empty.
    pub(super) fn filled_by(&self, key: &str) -> Option<&str> {
        self.filled_by.get(key).map(String::as_str)
    }

    /// The API key that fills a key of the table which the file leaves empty. A file is read each time, so that a
    /// key that was exchanged is found at the next changeover.
    pub(super) fn api_key(&self, key: &str) -> Result<Option<Secret>, String> {
        if let Some(value) = self.keys.get(key) {
            return Ok(Some(value.clone()));
        }
        let Some(file) = self.key_files.get(key) else {
            return Ok(None);
        };
        let mut text = String::new();
        let read =
            std::fs::File::open(file).and_then(|opened| opened.take(KEY_FILE_MAX).read_to_string(&mut text));
        match read {
            Ok(_) if text.trim().is_empty() => Err(format!("`{}` is empty", file.display())),
            Ok(_) => Ok(Some(Secret::new(text.trim()))),
            Err(error) => Err(format!("`{}` cannot be read: {error}", file.display())),
        }
    }
}

/// The value is shown: none of the variables that are checked holds a secret.
fn impossible(name: &str, value: &str, expected: &str) -> Problem {
    Problem::new("", format!("the variable `{name}` is `{value}`")).hint(format!("it must be {expected}"))
}
