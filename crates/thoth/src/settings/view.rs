//! The settings as people and programs may see them.

use serde_json::{Map, Value, json};

use super::{Settings, Vault};

impl Settings {
    /// What applies where no file and no variable says anything.
    pub fn default_for(vault: &Vault) -> Self {
        super::check::defaults(vault)
    }

    /// Whether they are those of a process in a container, where the host is pinned.
    pub fn in_container(&self) -> bool {
        self.pinned.get("servers.api.host") == Some(&super::environment::DOCKER)
    }

    /// Everything effective by its canonical keys, paths relative to the vault, secrets as `<redacted>`. The note
    /// `_pinned` names the keys that the environment pins, each with its variable.
    pub fn view(&self) -> Value {
        let mut view = serde_json::to_value(self).unwrap_or_else(|_| Value::Object(Map::new()));
        view["paths"] = json!({
            "pdf": self.vault.relative(&self.paths.pdf),
            "notes": self.vault.relative(&self.paths.notes),
            "workspace": self.vault.relative(&self.paths.workspace),
            "templates": self.vault.relative(&self.paths.templates),
            "prompts": self.vault.relative(&self.paths.prompts),
            "allowOutside": self.paths.allow_outside,
        });
        if !self.pinned.is_empty() {
            view["_pinned"] = json!(self.pinned);
        }
        view
    }
}
