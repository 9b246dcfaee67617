//! What differs between two settings, key by key, without secrets; and an older content with today's keys.

use changeover::Problem;
use changeover::check::parse;
use changeover::edit::Change;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::spelling::{edited, said};
use super::{ApiKeys, KEYS, Secret, Settings, effective};

/// One key in which two settings differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The canonical key.
    pub path: String,
    /// Its value on the one side, `null` where there is none; `<redacted>` for a secret that is set.
    pub from: Value,
    /// On the other side.
    pub to: Value,
}

/// Every key whose value in effect differs, in the order of the settings.
pub fn difference(from: &Settings, to: &Settings) -> Vec<Difference> {
    let mut differences = Vec::new();
    let view = |settings: &Settings| {
        let mut view = settings.view();
        // Which keys the environment pins is no value of a setting.
        if let Some(keys) = view.as_object_mut() {
            keys.shift_remove("_pinned");
        }
        view
    };
    below("", &view(from), &view(to), &mut differences);
    // Two secrets look alike; that they differ is told all the same.
    let (ours, theirs) = (secrets(from), secrets(to));
    for ((path, one), (_, other)) in ours.into_iter().zip(theirs) {
        if one != other && !differences.iter().any(|known| known.path == path) {
            let shown = |secret: &Secret| serde_json::to_value(secret).unwrap_or_default();
            differences.push(Difference { path: path.to_owned(), from: shown(one), to: shown(other) });
        }
    }
    differences
}

fn secrets(settings: &Settings) -> [(&'static str, &Secret); 7] {
    let ApiKeys { openrouter_key, openai_key, anthropic_key, mistral_key, custom_key, letta_api_key } =
        &settings.api_keys;
    [
        ("apiKeys.openrouterKey", openrouter_key),
        ("apiKeys.openaiKey", openai_key),
        ("apiKeys.anthropicKey", anthropic_key),
        ("apiKeys.mistralKey", mistral_key),
        ("apiKeys.customKey", custom_key),
        ("apiKeys.lettaApiKey", letta_api_key),
        ("memory.letta.cloudApiKey", &settings.memory.letta.cloud_api_key),
    ]
}

fn below(path: &str, from: &Value, to: &Value, differences: &mut Vec<Difference>) {
    match (from, to) {
        (same, other) if same == other => {}
        (Value::Object(ours), Value::Object(theirs)) => {
            let gone = ours.keys().filter(|key| !theirs.contains_key(*key));
            for key in theirs.keys().chain(gone) {
                let inner = changeover::check::path_of(path, key);
                let side =
                    |members: &serde_json::Map<String, Value>| members.get(key).cloned().unwrap_or_default();
                below(&inner, &side(ours), &side(theirs), differences);
            }
        }
        (from, to) => {
            // A secret may stand where no secret belongs.
            let shown = |value: &Value| effective::shown(path, value.clone());
            differences.push(Difference { path: path.to_owned(), from: shown(from), to: shown(to) });
        }
    }
}

/// An older content with the secrets of a newer one: what is in the newer stays, what is not there goes.
///
/// # Errors
/// One of the two is no settings file that could be read or edited.
pub fn with_secrets_of(older: &[u8], newer: &[u8]) -> Result<Vec<u8>, Problem> {
    // What cannot be read must not look as if it had no keys.
    if let Err(refused) = parse(newer) {
        return Err(refused.problems.into_iter().next().unwrap_or_default());
    }
    let secret = KEYS.iter().filter(|key| key.secret);
    let changes: Vec<Change> = secret
        .filter(|key| said(older, key.path) != said(newer, key.path))
        .map(|key| Change { path: key.path.to_owned(), value: said(newer, key.path) })
        .collect();
    edited(older, &changes)
}
