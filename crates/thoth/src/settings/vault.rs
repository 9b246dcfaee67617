//! Finding the vault.

use std::path::{Path, PathBuf};

/// The Obsidian vault that Thoth lives beside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault {
    root: PathBuf,
    named: PathBuf,
}

/// No vault was found, or the one that was named is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoVault {
    /// The folder that was named cannot be used.
    #[error(
        "`{path}`, named by {by}, is no folder that can be read: {reason}; name the folder of your Obsidian vault"
    )]
    Unusable {
        /// As it was named.
        path: PathBuf,
        /// Who named it.
        by: &'static str,
        /// What the system says.
        reason: String,
    },
    /// Nobody named one, and none is where one is looked for.
    #[error(
        "no vault found; tried {tried}; name it with `--vault FOLDER` or the variable `OBSIDIAN_VAULT_PATH`"
    )]
    NotFound {
        /// What was tried.
        tried: String,
    },
}

/// Variables that name the vault, the first one wins.
pub(super) const VARIABLES: [&str; 3] = ["OBSIDIAN_VAULT_PATH", "OBSIDIAN_VAULT", "THOTH_VAULT_PATH"];

impl Vault {
    /// The vault at a folder. The folder must exist.
    ///
    /// # Errors
    /// What the system says of the folder.
    pub fn at(folder: &Path) -> std::io::Result<Self> {
        let root = folder.canonicalize()?;
        if !root.is_dir() {
            return Err(std::io::ErrorKind::NotADirectory.into());
        }
        let named = std::path::absolute(folder)?;
        Ok(Self { root, named })
    }

    /// The folder, absolute, with links resolved.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The absolute names of the folder: as it is, and as it was named where links lead to it.
    pub(super) fn names(&self) -> [&Path; 2] {
        [&self.root, &self.named]
    }

    /// A path as people write it: relative to the vault, or absolute where it is outside.
    pub fn relative(&self, path: &Path) -> String {
        match path.strip_prefix(&self.root) {
            Ok(inside) if inside.as_os_str().is_empty() => ".".to_owned(),
            Ok(inside) => inside.display().to_string(),
            Err(_) => path.display().to_string(),
        }
    }
}

/// Finds the vault: what `--vault` names, else a variable, else upwards from the working directory the nearest
/// folder that has `.obsidian` or `.thoth` in it, else `~/Documents/thoth`.
///
/// # Errors
/// [`NoVault`], with all that was tried.
pub fn find(
    argument: Option<&Path>,
    variable: impl Fn(&str) -> Option<String>,
    working_dir: &Path,
) -> Result<Vault, NoVault> {
    if let Some(folder) = argument {
        return named(folder, "`--vault`");
    }
    for name in VARIABLES {
        if let Some(folder) = variable(name).filter(|folder| !folder.is_empty()) {
            return named(Path::new(&folder), name);
        }
    }
    // The home directory itself may hold `.thoth` for other reasons; it is no vault.
    let home = variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let is_vault = |folder: &&Path| {
        folder.join(".obsidian").is_dir()
            || (folder.join(".thoth").is_dir() && Some(*folder) != home.as_deref())
    };
    if let Some(vault) = working_dir.ancestors().find(is_vault).and_then(|folder| Vault::at(folder).ok()) {
        return Ok(vault);
    }
    let last = home.map(|home| home.join("Documents/thoth"));
    if let Some(vault) = last.as_deref().and_then(|folder| Vault::at(folder).ok()) {
        return Ok(vault);
    }
    let upwards = format!("a folder with `.obsidian` or `.thoth` from `{}` upwards", working_dir.display());
    let last = last.map_or("`~/Documents/thoth`".to_owned(), |folder| format!("`{}`", folder.display()));
    Err(NoVault::NotFound {
        tried: format!(
            "`--vault`, {}, {upwards}, {last}",
            VARIABLES.map(|name| format!("`{name}`")).join(", ")
        ),
    })
}

fn named(folder: &Path, by: &'static str) -> Result<Vault, NoVault> {
    Vault::at(folder).map_err(|error| NoVault::Unusable {
        path: folder.to_owned(),
        by,
        reason: error.to_string(),
    })
}
