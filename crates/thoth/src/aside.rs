//! Files that get their name only when they are whole: written aside, down to the disk, then named in one step.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

const PREFIX: &str = ".thoth-";
const ENDING: &str = ".part";

/// Older than this, a file that stands aside was left by a process that was killed.
const LEFT_BEHIND: Duration = Duration::from_secs(3600);

/// Removes what killed processes left aside in a folder.
///
/// # Errors
/// What the file system refuses.
pub fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_aside = name.len() == PREFIX.len() + 16 + ENDING.len()
            && name.starts_with(PREFIX)
            && name.ends_with(ENDING);
        if is_aside && entry.metadata()?.modified()?.elapsed().is_ok_and(|age| age > LEFT_BEHIND) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A hidden file beside the place it is meant for; removed when dropped, unless it was renamed away.
#[derive(Debug)]
pub struct Aside(PathBuf);

impl Aside {
    /// Writes everything that `from` gives into a hidden file in the folder of `path`.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn write(path: &Path, mut from: impl Read) -> io::Result<Self> {
        let mut random = [0_u8; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let aside = path.with_file_name(format!("{PREFIX}{:016x}{ENDING}", u64::from_ne_bytes(random)));
        let mut file = File::create_new(&aside)?;
        let aside = Self(aside);
        io::copy(&mut from, &mut file)?;
        file.sync_all()?;
        Ok(aside)
    }

    /// Where the bytes are meanwhile.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Gives the file the name `path`, unless a file has it. A hard link does so in one step; where the file system
    /// has none, a new file takes the name before it takes the bytes.
    ///
    /// # Errors
    /// `AlreadyExists` if the name is taken, or what the file system refuses.
    pub fn name_new(&self, path: &Path) -> io::Result<()> {
        match fs::hard_link(&self.0, path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) => {
                let mut file = File::create_new(path)?;
                io::copy(&mut File::open(&self.0)?, &mut file)?;
                file.sync_all()?;
            }
        }
        sync_folder(path)
    }

    /// Replaces the file `path`, whose mode and (where permitted) owner stay as in `before`.
    ///
    /// # Errors
    /// What the file system refuses; the file is then as it was.
    pub fn replace(&self, path: &Path, before: &Metadata) -> io::Result<()> {
        keep_owner(&self.0, before);
        fs::set_permissions(&self.0, before.permissions())?;
        fs::rename(&self.0, path)?;
        sync_folder(path)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(file = %self.0.display(), %error, "a temporary file could not be removed");
            }
            _ => {}
        }
    }
}

/// Only root may give a file away; for everybody else the file becomes theirs, as with any editor.
#[cfg(unix)]
fn keep_owner(path: &Path, before: &Metadata) {
    use std::os::unix::fs::{MetadataExt, chown};
    if let Err(error) = chown(path, Some(before.uid()), Some(before.gid())) {
        tracing::debug!(file = %path.display(), %error, "the owner could not be kept");
    }
}

#[cfg(not(unix))]
fn keep_owner(_: &Path, _: &Metadata) {}

/// A name is on the disk only when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_once_and_nothing_stays_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let names = || fs::read_dir(folder.path()).unwrap().count();
        let first = Aside::write(&path, b"one".as_slice()).unwrap();
        let second = Aside::write(&path, b"two".as_slice()).unwrap();
        first.name_new(&path).unwrap();
        assert_eq!(second.name_new(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        second.replace(&path, &fs::metadata(&path).unwrap()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        drop((first, second));
        assert_eq!(names(), 1);
    }

    #[test]
    fn only_what_a_killed_process_left_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let long_ago = std::time::SystemTime::now() - LEFT_BEHIND * 2;
        for (name, is_old) in [
            (".thoth-0123456789abcdef.part", true),
            (".thoth-fedcba9876543210.part", false),
            (".thoth-mine.part", true),
            ("a.md", true),
        ] {
            let file = File::create(folder.path().join(name)).unwrap();
            if is_old {
                file.set_modified(long_ago).unwrap();
            }
        }
        sweep(folder.path()).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".thoth-fedcba9876543210.part", ".thoth-mine.part", "a.md"]);
    }
}
