//! The kinds of places that a settings file lies in. Mounts are made in a mount namespace of this test's own, which takes
//! them with it: `scripts/prove/editors.sh` gives it one.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Place, installed, text};

/// Says that the process has a mount namespace of its own.
const OWN_MOUNTS: &str = "PROVE_OWN_MOUNTS";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum World {
    Folder,
    Symlink,
    BindMount,
    Tmpfs,
    NoEvents,
}

impl World {
    pub const ALL: [Self; 5] = [Self::Folder, Self::Symlink, Self::BindMount, Self::Tmpfs, Self::NoEvents];

    pub fn words(self) -> &'static str {
        match self {
            Self::Folder => "a folder",
            Self::Symlink => "a symlink",
            Self::BindMount => "a bind mount",
            Self::Tmpfs => "a tmpfs",
            Self::NoEvents => "FUSE, no events",
        }
    }

    /// Makes it under a place where nothing runs yet; `None`: it cannot be had here, which is said.
    pub fn lay(self, place: &Place) -> Option<Ground> {
        let settings = place.settings();
        let (root, folder) = (place.folder.path().to_owned(), settings.parent().unwrap().to_owned());
        let (outside, beside) = (root.join("outside"), root.join("beside"));
        for made in [&outside, &beside] {
            std::fs::create_dir(made).unwrap();
        }
        let mut ground = Ground { file: settings, link_to: None, beside, mounted: None };
        let mounted = match self {
            Self::Folder => return Some(ground),
            Self::Symlink => {
                ground.link_to = Some(outside.join("settings.json"));
                ground.lay_link();
                return Some(ground);
            }
            Self::BindMount => mount(&["mount", "--bind"], &outside, &folder),
            Self::Tmpfs => mount(&["mount", "-t", "tmpfs"], Path::new("tmpfs"), &folder),
            Self::NoEvents if !installed("bindfs") => false,
            Self::NoEvents => mount(&["bindfs", "-o", "attr_timeout=0,entry_timeout=0"], &outside, &folder),
        };
        if !mounted {
            return None;
        }
        ground.mounted = Some(folder);
        if self != Self::Tmpfs {
            // Whoever saves is on the other side of the mount.
            ground.file = outside.join("settings.json");
        }
        Some(ground)
    }
}

fn mount(command: &[&str], from: &Path, to: &Path) -> bool {
    if std::env::var_os(OWN_MOUNTS).is_none() {
        eprintln!("skipped: `{}`: `{OWN_MOUNTS}` does not say that mounts may be made", command.join(" "));
        return false;
    }
    let done = Command::new(command[0]).args(&command[1..]).arg(from).arg(to).output().unwrap();
    if !done.status.success() {
        eprintln!("skipped: `{}` is not permitted here: {}", command.join(" "), text(&done));
    }
    done.status.success()
}

/// Where the files of one place are.
pub struct Ground {
    file: PathBuf,
    link_to: Option<PathBuf>,
    beside: PathBuf,
    mounted: Option<PathBuf>,
}

impl Ground {
    /// The settings file, as whoever saves names it.
    pub fn file(&self) -> PathBuf {
        self.file.clone()
    }

    /// The file that the name leads to.
    pub fn real_file(&self) -> PathBuf {
        self.link_to.clone().unwrap_or_else(|| self.file.clone())
    }

    /// A folder of whoever saves.
    pub fn beside(&self) -> PathBuf {
        self.beside.clone()
    }

    /// The names whose events tell of a save.
    pub fn watched(&self) -> Vec<PathBuf> {
        [Some(self.file.clone()), self.link_to.clone()].into_iter().flatten().collect()
    }

    /// Makes the name a link again, where it shall be one: some tools put a file in its place.
    pub fn lay_link(&self) {
        if let Some(target) = &self.link_to
            && !self.file.is_symlink()
        {
            let aside = self.file.with_extension("link");
            symlink(target, &aside).unwrap();
            std::fs::rename(aside, &self.file).unwrap();
        }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if let Some(folder) = &self.mounted {
            drop(Command::new("umount").arg("--lazy").arg(folder).status());
        }
    }
}
