//! Where the settings file and the state stand.

use std::path::{Path, PathBuf};

use super::{Vault, environment, path};

/// Places of the settings file in a vault, the first one that exists wins.
pub const PLACES: [&str; 3] = [".thoth/settings.json", "thoth/_thoth/settings.json", "_thoth/settings.json"];

/// The settings file: what `THOTH_SETTINGS_FILE` names, else the first of [`PLACES`] that exists, else the first of
/// them, to be waited for. A relative name in the variable is relative to the working directory. The choice is made
/// once, at the start.
pub fn settings_file(
    vault: &Vault,
    variable: impl Fn(&str) -> Option<String>,
    working_dir: &Path,
) -> PathBuf {
    if let Some(file) = variable("THOTH_SETTINGS_FILE").filter(|file| !file.trim().is_empty()) {
        return working_dir.join(file);
    }
    let [first, ..] = PLACES;
    let existing =
        PLACES.iter().map(|place| vault.root().join(place)).find(|file| file.symlink_metadata().is_ok());
    existing.unwrap_or_else(|| vault.root().join(first))
}

/// Files of [`PLACES`] that rank above the chosen one: told, not taken.
pub fn better_ranked(chosen: &Path, vault: &Vault) -> Vec<PathBuf> {
    let places = PLACES.iter().map(|place| vault.root().join(place));
    let above: Vec<PathBuf> =
        places.clone().take_while(|file| file != chosen).filter(|file| file.exists()).collect();
    if places.clone().any(|file| file == chosen) { above } else { Vec::new() }
}

/// The state directory cannot be chosen.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoStateDir {
    /// No variable says where.
    #[error(
        "no place for Thoth's state: neither `THOTH_STATE_DIR`, `XDG_STATE_HOME` nor `HOME` is set; set `THOTH_STATE_DIR` to a folder"
    )]
    Unset,
    /// It would be synchronised, searched and shown with the user's own files.
    #[error(
        "Thoth's state cannot lie in the vault, at `{0}`; set `THOTH_STATE_DIR` to a folder outside of it"
    )]
    InVault(PathBuf),
}

/// The state directory, never in the vault: `THOTH_STATE_DIR`, else `/state` in the container, else
/// `$XDG_STATE_HOME/thoth/<vault name>-<short hash of its path>`, where `XDG_STATE_HOME` is `~/.local/state` if it
/// is unset or not absolute. Not made here.
///
/// # Errors
/// [`NoStateDir`] where no variable says where, or where the place is in the vault.
pub fn state_dir(
    vault: &Vault,
    variable: impl Fn(&str) -> Option<String>,
    working_dir: &Path,
) -> Result<PathBuf, NoStateDir> {
    let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let base = || {
        let base = variable("XDG_STATE_HOME").map(PathBuf::from).filter(|base| base.is_absolute());
        base.or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".local/state")))
    };
    let folder = if let Some(folder) = variable("THOTH_STATE_DIR") {
        working_dir.join(folder)
    } else if variable(environment::DOCKER).as_deref() == Some("1") {
        PathBuf::from("/state")
    } else {
        base().ok_or(NoStateDir::Unset)?.join("thoth").join(vault_name(vault))
    };
    if path::leaves_by_link(&folder, vault) { Ok(folder) } else { Err(NoStateDir::InVault(folder)) }
}

/// The vault's folder name, for people, and eight digits of its path's hash, because two vaults may be called alike.
fn vault_name(vault: &Vault) -> String {
    let name = vault.root().file_name().map_or("vault".into(), |name| name.to_string_lossy());
    let plain: String = name
        .chars()
        .map(|c| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
        .collect();
    let hash = blake3::hash(vault.root().as_os_str().as_encoded_bytes()).to_hex();
    format!("{plain}-{}", hash.get(..8).unwrap_or_default())
}
