//! Paths as settings files spell them, and where they lead.

use std::path::{Component, Path, PathBuf};

use super::Vault;

/// What permits paths that leave the vault.
pub(super) const PERMITTED: &str = "`\"allowOutside\": true` in `paths` permits it";

/// Bytes of the name of one file or folder, and of a path that leaves room for the vault's own.
const NAME_MAX: usize = 255;
const PATH_MAX: usize = 4_000;

/// What is wrong with a path by its spelling alone.
pub(super) fn lexical_problem(text: &str) -> Option<(String, String)> {
    let hint = "write it relative to the vault, like `papers/new`".to_owned();
    let too_long = |name: &&str| name.len() > NAME_MAX;
    let message = if let Some(name) = text.split('/').find(too_long) {
        return Some((format!("has a name of {} bytes; file systems take {NAME_MAX}", name.len()), hint));
    } else if text.trim().is_empty() {
        "must not be empty"
    } else if text.contains(char::is_control) {
        "holds a control character"
    } else if text == "~" || text.starts_with("~/") {
        "`~` has no meaning here"
    } else if text.get(1..3).is_some_and(|part| part == ":\\" || part == ":/") || text.starts_with("\\\\") {
        "is a path of Windows"
    } else if text.len() > PATH_MAX {
        "is longer than any file system allows"
    } else {
        return None;
    };
    Some((message.to_owned(), hint))
}

/// The path that a spelling means: relative to the vault, absolute, or by the container's names of the vault.
/// `.` and `..` are resolved by spelling.
pub(super) fn resolve(written: &str, vault: &Vault) -> PathBuf {
    let path = Path::new(written);
    let target = if path.is_relative() {
        vault.root().join(path)
    } else if let Some(inside) = vault.names().iter().find_map(|name| path.strip_prefix(name).ok()) {
        vault.root().join(inside)
    } else {
        match (path.strip_prefix("/vault"), path.strip_prefix("/workspace"), path.strip_prefix("/thoth")) {
            (Ok(inside), _, _) => vault.root().join(inside),
            (_, Ok(inside), _) if inside.as_os_str().is_empty() => vault.root().join("thoth/_thoth"),
            (_, Ok(inside), _) => vault.root().join(inside),
            (_, _, Ok(inside)) => vault.root().join("thoth").join(inside),
            _ => path.to_owned(),
        }
    };
    normal(target)
}

fn normal(path: PathBuf) -> PathBuf {
    let text = path.as_os_str().as_encoded_bytes();
    if !text.windows(2).any(|pair| pair == b"//" || pair == b"/.") && !text.ends_with(b"/") {
        // Nearly always: to take a path apart and put it together again costs more than all else here.
        return path;
    }
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// Where a path leads when links are followed: the nearest ancestor that exists, resolved, and the rest as written.
fn followed(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let Ok(real) = ancestor.canonicalize() {
            return path.strip_prefix(ancestor).map_or(real.clone(), |rest| real.join(rest));
        }
    }
    path.to_owned()
}

/// Whether a path leaves the vault by its spelling.
pub(super) fn leaves_by_name(path: &Path, vault: &Vault) -> bool {
    !path.starts_with(vault.root())
}

/// What stands at a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Thing {
    Folder,
    Nothing,
    /// A file, or another thing that is no folder.
    Other,
    /// A link, or what cannot be looked at: only the kernel knows where it leads.
    Doubtful,
}

/// Where a path leads, by the names on the way.
pub(super) enum Way {
    Folder,
    /// To nothing: below this folder there is no such name.
    Ends(PathBuf),
    /// Something that is no folder is in the way.
    Blocked(PathBuf),
    Doubtful,
}

/// The way from the vault to the folders in it. This is asked at every save, and resolving whole names costs ten times as much:
/// so each name is looked at once, however many paths lead through it.
pub(super) struct Ways<'v> {
    vault: &'v Vault,
    known: Vec<(PathBuf, Thing)>,
}

impl<'v> Ways<'v> {
    pub(super) fn in_vault(vault: &'v Vault) -> Self {
        Self { vault, known: Vec::new() }
    }

    pub(super) fn to(&mut self, path: &Path) -> Way {
        let Ok(inside) = path.strip_prefix(self.vault.root()) else { return Way::Doubtful };
        let mut at = self.vault.root().to_owned();
        for name in inside.components() {
            at.push(name);
            match self.thing(&at) {
                Thing::Folder => {}
                Thing::Nothing => {
                    at.pop();
                    return Way::Ends(at);
                }
                Thing::Other => return Way::Blocked(at),
                Thing::Doubtful => return Way::Doubtful,
            }
        }
        Way::Folder
    }

    fn thing(&mut self, name: &Path) -> Thing {
        if let Some((_, thing)) = self.known.iter().find(|(known, _)| known.as_os_str() == name.as_os_str()) {
            return *thing;
        }
        let thing = match name.symlink_metadata() {
            Ok(found) if found.is_dir() => Thing::Folder,
            Ok(found) if found.is_symlink() => Thing::Doubtful,
            Ok(_) => Thing::Other,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Thing::Nothing,
            Err(_) => Thing::Doubtful,
        };
        self.known.push((name.to_owned(), thing));
        thing
    }
}

impl Way {
    /// Whether the path that this is the way to leaves the vault by a link.
    pub(super) fn leaves_by_link(&self, path: &Path, vault: &Vault) -> bool {
        matches!(self, Self::Doubtful) && !followed(path).starts_with(vault.root())
    }

    /// Why there can be no folder at the path that this is the way to. Makes nothing.
    pub(super) fn folder_problem(&self, path: &Path) -> Option<NoFolder> {
        match self {
            Self::Folder => None,
            Self::Ends(nearest) => unwritable(nearest),
            Self::Blocked(at) => Some(NoFolder::blocked(at)),
            Self::Doubtful if path.is_dir() => None,
            Self::Doubtful => {
                let nearest = path.ancestors().find(|ancestor| ancestor.symlink_metadata().is_ok())?;
                if nearest.is_dir() { unwritable(nearest) } else { Some(NoFolder::blocked(nearest)) }
            }
        }
    }
}

/// Whether a path leaves the vault by a link.
pub(super) fn leaves_by_link(path: &Path, vault: &Vault) -> bool {
    Ways::in_vault(vault).to(path).leaves_by_link(path, vault)
}

/// Why there can be no folder at a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoFolder {
    /// Something is in the way, or may not be written to, in words.
    Refused(String),
    /// The file system is mounted so that nobody may write to it.
    ReadOnly,
}

impl NoFolder {
    fn blocked(at: &Path) -> Self {
        Self::Refused(format!("`{}` is not a folder", at.display()))
    }
}

/// Why nothing can be made in a folder.
fn unwritable(folder: &Path) -> Option<NoFolder> {
    let may_write = rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK);
    may_write.err().map(|error| match error {
        rustix::io::Errno::ROFS => NoFolder::ReadOnly,
        error => NoFolder::Refused(format!("`{}` cannot be written to: {error}", folder.display())),
    })
}
