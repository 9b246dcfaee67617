//! The variables that Thoth's settings listen to, captured once at the start.

use std::collections::BTreeMap;
use std::path::PathBuf;

use changeover::{Content, Files, Problem};
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
const KEY_FILE_MAX: usize = 64 * 1024;

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
                // Its name as long as it is watched, whatever the working directory is then.
                let file = std::path::absolute(file).unwrap_or_else(|_| PathBuf::from(file));
                environment.key_files.insert(variable.key, file);
                if !environment.keys.contains_key(variable.key) {
                    environment.filled_by.insert(variable.key, file_name);
                }
            }
        }
        if problems.is_empty() { Ok(environment) } else { Err(problems) }
    }

    /// The keys of the table that variables fill where the file leaves them empty, and these variables.
    pub(super) fn filled(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.filled_by.iter().map(|(key, variable)| (*key, variable.as_str()))
    }

    /// The API key that fills a key of the table which the file leaves empty.
    ///
    /// # Errors
    /// Why the file that was named gives none.
    pub(super) fn api_key(&self, key: &str, files: &Files<'_>) -> Result<Option<Secret>, NoKey> {
        if let Some(value) = self.keys.get(key) {
            return Ok(Some(value.clone()));
        }
        let Some(file) = self.key_files.get(key) else {
            return Ok(None);
        };
        key_of(&files.read(file)).map(Some).map_err(|(why, is_absent)| {
            let message = format!("the file `{}` {why}", file.display());
            NoKey { message, is_absent }
        })
    }
}

/// Why a file that was named gives no key.
pub(super) struct NoKey {
    pub(super) message: String,
    /// Whether it is not there, or empty: it may be filled later.
    pub(super) is_absent: bool,
}

/// The key that a file holds, or why it holds none, and whether it is absent. Never shows what stands there.
fn key_of(content: &Content) -> Result<Secret, (String, bool)> {
    let bytes = match content {
        Content::Missing => return Err(("is missing".to_owned(), true)),
        Content::Unreadable(why) => return Err((format!("cannot be read: {why}"), false)),
        Content::Bytes(bytes) => bytes,
    };
    if bytes.len() > KEY_FILE_MAX {
        return Err((format!("has {} bytes; a key has at most {KEY_FILE_MAX}", bytes.len()), false));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| ("is not UTF-8 text".to_owned(), false))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    match text {
        "" => Err(("is empty".to_owned(), true)),
        // What is sent as a header cannot hold these.
        text if text.contains(char::is_control) => Err(("holds more than one line".to_owned(), false)),
        text => Ok(Secret::new(text)),
    }
}

/// The value is shown: none of the variables that are checked holds a secret.
fn impossible(name: &str, value: &str, expected: &str) -> Problem {
    Problem::new("", format!("the variable `{name}` is `{value}`")).hint(format!("it must be {expected}"))
}
