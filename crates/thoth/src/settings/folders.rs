//! The section `paths`: folders in the vault.

use std::path::PathBuf;

use super::path::{self, NoFolder};
use super::walk::Found;
use super::{Paths, Vault};

/// The folders. A path that leaves the vault is refused, unless that was permitted.
pub(super) fn paths(found: &mut Found<'_>, vault: &Vault) -> Paths {
    let allow_outside = found.switch("paths.allowOutside");
    for key in super::keys::KEYS.iter().filter(|key| key.path.starts_with("paths.") && key.service.is_none())
    {
        if let Some(written) = found.value(key.path).map(|_| found.text(key.path))
            && !allow_outside
            && path::leaves_by_name(&path::resolve(&written, vault), vault)
        {
            outside(found, key.path, &written, vault, "lies outside the vault");
        }
    }
    Paths {
        pdf: folder(found, "paths.pdf", allow_outside, vault),
        notes: folder(found, "paths.notes", allow_outside, vault),
        workspace: folder(found, "paths.workspace", allow_outside, vault),
        templates: inside(found, "paths.templates", allow_outside, vault).unwrap_or_else(|folder| folder),
        prompts: inside(found, "paths.prompts", allow_outside, vault).unwrap_or_else(|folder| folder),
    }
}

/// A folder that is made where it is missing.
fn folder(found: &mut Found<'_>, key: &str, allow_outside: bool, vault: &Vault) -> PathBuf {
    match inside(found, key, allow_outside, vault) {
        Ok(folder) => {
            absent(found, key, &vault.relative(&folder), path::folder_problem(&folder));
            folder
        }
        Err(folder) => folder,
    }
}

/// A folder that must be in the vault; `Err` where it was refused.
fn inside(found: &mut Found<'_>, key: &str, allow_outside: bool, vault: &Vault) -> Result<PathBuf, PathBuf> {
    let written = found.text(key);
    let folder = path::resolve(&written, vault);
    let leaves = if allow_outside {
        None
    } else if path::leaves_by_name(&folder, vault) {
        Some("lies outside the vault")
    } else {
        path::leaves_by_link(&folder, vault).then_some("leads out of the vault by a link")
    };
    match leaves {
        None => Ok(folder),
        Some(message) => {
            outside(found, key, &written, vault, message);
            Err(folder)
        }
    }
}

/// A folder that cannot be made is refused; not where all of the vault may only be read: that can still be searched.
fn absent(found: &mut Found<'_>, key: &str, folder: &str, problem: Option<NoFolder>) {
    match problem {
        None => {}
        Some(NoFolder::Refused(problem)) => found.refuse(
            key,
            format!("`{folder}` can be no folder: {problem}"),
            "name a folder that exists, or that can be made",
        ),
        Some(NoFolder::ReadOnly) => found.warn(
            key,
            format!("`{folder}` cannot be made: the vault is mounted so that it may only be read"),
            "what Thoth knows is found all the same; mount the vault writable for notes and new papers",
        ),
    }
}

fn outside(found: &mut Found<'_>, key: &str, written: &str, vault: &Vault, message: &str) {
    let message = format!("`{written}` {message}, `{}`", vault.root().display());
    found.refuse(key, message, path::PERMITTED);
}
