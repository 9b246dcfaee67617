//! A file that is a mount of its own, as `docker run --volume settings.json:/…` makes it.
//!
//! Such a mount holds a file and not its name. When another file is renamed over that name on the outside, which is how
//! most editors save, the mount stays with the file of before: no save arrives any more, and nothing tells.

use std::path::{Path, PathBuf};

/// What is known of the files of a content, each with its own mount, from one look to the next.
#[derive(Debug, Default)]
pub(crate) struct Mounts(Vec<(PathBuf, Mount)>);

impl Mounts {
    /// Looks at each of the files; says in words what is wrong with those that are mounts and were left behind.
    pub(crate) fn look(&mut self, files: &[&Path]) -> Option<String> {
        self.0.retain(|(known, _)| files.contains(&known.as_path()));
        for file in files {
            if !self.0.iter().any(|(known, _)| known == file) {
                self.0.push((file.to_path_buf(), Mount::default()));
            }
        }
        let found: Vec<String> = self.0.iter_mut().filter_map(|(file, mount)| mount.look(file)).collect();
        (!found.is_empty()).then(|| found.join("; "))
    }
}

/// What is known of the mount, from one look to the next.
#[derive(Debug, Default)]
struct Mount {
    /// What is mounted there, by its name in its own file system, as of the first look that knew it.
    root: Option<String>,
    warned: bool,
}

/// What one look at a file that is a mount of its own finds.
#[derive(Debug, PartialEq, Eq)]
struct Mounted {
    /// Names that lead to the file, in its own file system.
    links: u64,
    /// What is mounted, as the kernel names it; `None` where it cannot be known.
    root: Option<String>,
}

impl Mount {
    /// Looks at the file; says in words what is wrong with it, if it is a mount that was left behind.
    fn look(&mut self, file: &Path) -> Option<String> {
        let detached = mounted(file).is_some_and(|mounted| self.left_behind(file, mounted));
        detached.then(|| explained(file))
    }

    fn left_behind(&mut self, file: &Path, now: Mounted) -> bool {
        // The kernel marks so a name that is gone. A save that kept the old file under another name is seen by that name.
        let deleted = now.root.as_deref().is_some_and(|root| root.ends_with("//deleted"));
        let renamed = matches!((&self.root, &now.root), (Some(first), Some(root)) if first != root);
        if !self.warned {
            tracing::warn!(
                "`{}` is a mount of its own: a save that puts another file in its place will not be seen here; save \
                 in place, or mount its folder instead",
                file.display()
            );
            self.warned = true;
        }
        self.root = self.root.take().or(now.root);
        now.links == 0 || deleted || renamed
    }
}

fn explained(file: &Path) -> String {
    let folder = file.parent().unwrap_or(file);
    format!(
        "`{}` is a mount of its own, and another file was put in its place outside: saves do not arrive here any more; \
         mount the folder `{}`, or the one above it, or save in place from now on; then start anew",
        file.display(),
        folder.display()
    )
}

/// `None` where the file is no mount of its own, or nothing is known of it.
#[cfg(target_os = "linux")]
fn mounted(file: &Path) -> Option<Mounted> {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};

    let found = statx(CWD, file, AtFlags::empty(), StatxFlags::NLINK).ok()?;
    // A kernel before 5.8 does not tell; then only a file without a name gives it away.
    if !found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) && found.stx_nlink > 0 {
        return None;
    }
    let place = std::fs::canonicalize(file).ok()?;
    let table = std::fs::read_to_string("/proc/self/mountinfo").ok();
    let root = table.as_deref().and_then(|table| root_at(table, &place));
    Some(Mounted { links: found.stx_nlink.into(), root })
}

#[cfg(not(target_os = "linux"))]
fn mounted(_file: &Path) -> Option<Mounted> {
    None
}

/// What is mounted at a place, by the kernel's table (proc(5), `mountinfo`: the fourth word is the root, the fifth the
/// place). The last line wins: mounts may lie on each other.
#[cfg(target_os = "linux")]
fn root_at(table: &str, place: &Path) -> Option<String> {
    let at = |line: &str| {
        let mut words = line.split(' ').skip(3);
        let (root, point) = (words.next()?, words.next()?);
        (unescaped(point) == place.as_os_str().as_encoded_bytes()).then(|| root.to_owned())
    };
    table.lines().rev().find_map(at)
}

/// The kernel writes blanks, line ends and backslashes as three octal digits.
#[cfg(target_os = "linux")]
fn unescaped(word: &str) -> Vec<u8> {
    let mut parts = word.split('\\');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend(part.bytes().skip(3));
            }
            None => {
                bytes.push(b'\\');
                bytes.extend(part.bytes());
            }
        }
    }
    bytes
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const TABLE: &str = "\
        36 35 98:0 / / rw - ext4 /dev/root rw\n\
        37 36 98:0 /home/a/settings.json /vault/settings.json rw - ext4 /dev/root rw\n\
        38 36 98:0 /home/a/old.json//deleted /my\\040vault/a\\134b.json rw - ext4 /dev/root rw\n\
        39 36 98:0 /home/b/settings.json /vault/settings.json rw - ext4 /dev/root rw\n";

    #[test]
    fn the_table_is_read_with_its_escapes_and_its_layers() {
        let root = |place: &str| root_at(TABLE, Path::new(place));
        assert_eq!(root("/vault/settings.json").as_deref(), Some("/home/b/settings.json"));
        assert_eq!(root("/my vault/a\\b.json").as_deref(), Some("/home/a/old.json//deleted"));
        assert_eq!(root("/vault"), None);
    }

    #[test]
    fn left_behind_is_one_without_a_name_or_with_another_name() {
        let check = |looks: &[(u64, Option<&str>, bool)]| {
            let mut mount = Mount::default();
            for (links, root, expected) in looks {
                let now = Mounted { links: *links, root: root.map(str::to_owned) };
                assert_eq!(mount.left_behind(Path::new("/v/s"), now), *expected, "{looks:?}");
            }
        };
        check(&[(1, Some("/a"), false), (1, Some("/a"), false), (0, Some("/a//deleted"), true)]);
        check(&[(2, Some("/a"), false), (1, Some("/a//deleted"), true)]);
        check(&[(1, Some("/a"), false), (1, Some("/a~"), true), (1, Some("/a"), false)]);
        check(&[(1, None, false), (0, None, true)]);
    }

    #[test]
    fn a_file_in_a_folder_is_no_mount() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(mounted(file.path()), None);
        assert_eq!(Mounts::default().look(&[file.path()]), None);
    }
}
