//! The section `paths`: folders in the vault.

use std::path::PathBuf;

use super::path::{self, NoFolder, Way, Ways};
use super::walk::Found;
use super::{Paths, Vault, table};

/// The folders. A path that leaves the vault is refused, unless that was permitted.
pub(super) fn paths(found: &mut Found<'_>, vault: &Vault) -> Paths {
    let allow_outside = found.switch("paths.allowOutside");
    let unused: Vec<&str> = found.keys().filter(|key| is_unused_path(key)).collect();
    for key in unused {
        let written = found.text(key);
        if !allow_outside && path::leaves_by_name(&path::resolve(&written, vault), vault) {
            outside(found, key, &written, vault, "lies outside the vault");
        }
    }
    let mut folders = Folders { found, allow_outside, vault, ways: Ways::in_vault(vault) };
    Paths {
        pdf: folders.made("paths.pdf"),
        notes: folders.made("paths.notes"),
        workspace: folders.made("paths.workspace"),
        templates: folders.inside("paths.templates").0,
        prompts: folders.inside("paths.prompts").0,
        allow_outside,
    }
}

/// A path of a feature that this version lacks.
fn is_unused_path(key: &str) -> bool {
    key.starts_with("paths.") && table::row(key).is_some_and(|key| key.service.is_none())
}

struct Folders<'f, 'd> {
    found: &'f mut Found<'d>,
    allow_outside: bool,
    vault: &'f Vault,
    ways: Ways<'f>,
}

impl Folders<'_, '_> {
    /// A folder that is made where it is missing.
    fn made(&mut self, key: &str) -> PathBuf {
        let (folder, way) = self.inside(key);
        if let Some(problem) = way.and_then(|way| way.folder_problem(&folder)) {
            absent(self.found, key, &self.vault.relative(&folder), problem);
        }
        folder
    }

    /// A folder that must be in the vault, and the way to it; `None` where it was refused.
    fn inside(&mut self, key: &str) -> (PathBuf, Option<Way>) {
        let written = self.found.text(key);
        let folder = path::resolve(&written, self.vault);
        let way = self.ways.to(&folder);
        let leaves = if self.allow_outside {
            None
        } else if path::leaves_by_name(&folder, self.vault) {
            Some("lies outside the vault")
        } else {
            way.leaves_by_link(&folder, self.vault).then_some("leads out of the vault by a link")
        };
        if let Some(message) = leaves {
            outside(self.found, key, &written, self.vault, message);
        }
        (folder, leaves.is_none().then_some(way))
    }
}

/// A folder that cannot be made is refused; not where all of the vault may only be read: that can still be searched.
fn absent(found: &mut Found<'_>, key: &str, folder: &str, problem: NoFolder) {
    match problem {
        NoFolder::Refused(problem) => found.refuse(
            key,
            format!("`{folder}` can be no folder: {problem}"),
            "name a folder that exists, or that can be made",
        ),
        NoFolder::ReadOnly => found.warn(
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
