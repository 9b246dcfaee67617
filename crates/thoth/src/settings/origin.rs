//! Where each value comes from: the layer that said it, and the line.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::environment::Environment;
use super::table;
use super::walk::Found;

/// Where the value of a key comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "lowercase")]
pub enum Origin {
    /// Nobody says anything.
    #[default]
    Default,
    /// A file.
    File {
        /// Its name, without the folder.
        file: String,
        /// The line, counted from 1.
        line: u32,
    },
    /// A temporary change.
    Temporary {
        /// Its number.
        id: u64,
        /// When it ends.
        until: Timestamp,
    },
    /// A variable of the environment.
    Variable {
        /// Its name.
        variable: String,
    },
}

/// Where each value comes from that is no default. A line that moved changes no setting: any two of these are the same.
#[derive(Clone, Debug, Default)]
pub struct Origins(BTreeMap<&'static str, Origin>);

impl PartialEq for Origins {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Origins {
    /// Where the value of a key comes from.
    pub fn of(&self, key: &str) -> Origin {
        self.0.get(key).cloned().unwrap_or_default()
    }

    /// Notes that a layer above the files says a key, unless the environment pins it.
    pub(super) fn above(&mut self, key: &str, origin: Origin) {
        let fills = table::row(key).is_some_and(|key| key.secret);
        let pins = matches!(self.0.get(key), Some(Origin::Variable { .. })) && !fills;
        if let (Some(key), false) = (table::row(key), pins) {
            self.0.insert(key.path, origin);
        }
    }
}

/// Where the values of a file that was accepted come from.
pub(super) fn origins(
    found: &Found<'_>,
    environment: &Environment,
    pinned: &BTreeMap<&'static str, &'static str>,
) -> Origins {
    let variable = |name: &str| Origin::Variable { variable: name.to_owned() };
    // From the lowest layer to the highest. A secret that the file leaves blank is filled from the environment.
    let mut origins: BTreeMap<_, _> = environment.filled().map(|(key, name)| (key, variable(name))).collect();
    origins.extend(found.keys().filter_map(|key| Some((key, found.place(key)?))));
    origins.extend(pinned.iter().map(|(key, name)| (*key, variable(name))));
    // The one key whose default is what another one says.
    if let (false, Some(stands_in)) = (origins.contains_key(TOKENS), origins.get(OLDER_TOKENS).cloned()) {
        origins.insert(TOKENS, stands_in);
    }
    Origins(origins)
}

const TOKENS: &str = "llm.default.maxOutputTokens";
const OLDER_TOKENS: &str = "llm.default.maxTokens";
