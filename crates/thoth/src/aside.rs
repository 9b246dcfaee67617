//! Files that get their name only when they are whole: written aside, down to the disk, then named in one step.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

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
        let aside = path.with_file_name(format!(".thoth-{:016x}.part", u64::from_ne_bytes(random)));
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
