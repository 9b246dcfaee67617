//! A new content of a file: written aside, and put in its place in one step, or gone without a trace.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::read::Look;
use crate::report::Problem;

/// How the files written aside end. One that a kill left behind is known by it.
const ENDING: &str = "changeover";

/// The age from which a file that was written aside belongs to nobody any more.
const ABANDONED: Duration = Duration::from_secs(60);

/// A content beside the file that it is to replace. Removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Aside {
    /// The file, as it is named.
    file: PathBuf,
    /// The file that its name leads to.
    target: PathBuf,
    path: PathBuf,
    /// What the file looked like when its content was read.
    present: Look,
}

impl Aside {
    /// Writes `content` beside the file, with the file's mode and owner, and to the disk.
    pub(crate) fn write(file: &Path, present: Look, content: &[u8]) -> Result<Self, Problem> {
        let target = match (&present, fs::canonicalize(file)) {
            (Look::Missing, _) => file.to_owned(),
            (_, Ok(target)) => target,
            (_, Err(error)) => return Err(refused(file, "be found", &error)),
        };
        let folder = target.parent().unwrap_or(Path::new("."));
        let name = target.file_name().unwrap_or(OsStr::new("settings"));
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|error| refused(file, "be written aside", &io::Error::other(error)))?;
        let random = u64::from_ne_bytes(random);
        let path = folder.join(format!(".{}.{random:016x}.{ENDING}", name.to_string_lossy()));
        let aside = Self { file: file.to_owned(), target, path, present };
        aside.fill(content).map_err(|error| {
            refused(file, "be written aside", &error)
                .hint("its folder must be writable, and the disk have room")
        })?;
        Ok(aside)
    }

    fn fill(&self, content: &[u8]) -> io::Result<()> {
        let mut options = File::options();
        options.write(true).create_new(true);
        // Until the mode of the file is set, nobody else reads it.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path)?;
        file.write_all(content)?;
        if let Ok(old) = fs::metadata(&self.target) {
            own(&file, &old)?;
            file.set_permissions(old.permissions())?;
        }
        // Renamed before its bytes are on the disk, it could be empty after a power cut.
        file.sync_all()
    }

    /// Takes the place of the file, unless somebody saved it meanwhile.
    pub(crate) fn put(self) -> Result<(), Problem> {
        if Look::at(&self.file) != self.present {
            let message = format!("somebody saved `{}` meanwhile", self.file.display());
            return Err(Problem::new("", message).hint("look at what stands there now, and change that"));
        }
        if let Err(error) = fs::rename(&self.path, &self.target) {
            let mounted = error.kind() == io::ErrorKind::ResourceBusy;
            let problem = refused(&self.file, "be replaced", &error);
            return Err(match mounted {
                true => problem.hint("it is a mount of its own: mount its folder instead"),
                false => problem,
            });
        }
        // The rename stands; without this a power cut could undo it, to the old content as a whole.
        if let Some(folder) = self.target.parent()
            && let Err(error) = File::open(folder).and_then(|folder| folder.sync_all())
        {
            tracing::warn!(folder = %folder.display(), %error, "the folder of a file that was put cannot be synced");
        }
        Ok(())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::error!(path = %self.path.display(), %error, "a file written aside is left behind");
            }
            _ => {}
        }
    }
}

fn refused(file: &Path, what: &str, error: &io::Error) -> Problem {
    Problem::new("", format!("`{}` cannot {what}: {error}", file.display()))
}

#[cfg(unix)]
fn own(file: &File, like: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let now = file.metadata()?;
    if (now.uid(), now.gid()) == (like.uid(), like.gid()) {
        return Ok(());
    }
    fchown(file, Some(like.uid()), Some(like.gid()))
}

#[cfg(not(unix))]
fn own(_file: &File, _like: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

/// Removes what a process that was killed has left beside the file.
pub(crate) fn sweep(file: &Path) {
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let Some((folder, name)) = target.parent().zip(target.file_name()) else { return };
    let begin = format!(".{}.", name.to_string_lossy());
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().strip_prefix(&begin).is_some_and(|rest| {
            rest.strip_suffix(ENDING).is_some_and(|random| {
                random.len() == 17 && random.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'.')
            })
        });
        let written = entry.metadata().and_then(|metadata| metadata.modified());
        let is_old =
            written.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > ABANDONED));
        if is_ours
            && is_old
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::warn!(path = %entry.path().display(), %error, "a file that was left behind stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_is_put_has_the_mode_of_what_was_there_and_follows_its_link() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.json"), folder.path().join("settings.json"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("real.json", &link).unwrap();
        let aside = Aside::write(&link, Look::at(&link), b"new").unwrap();
        assert_eq!(fs::read(&link).unwrap(), b"old");
        aside.put().unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert!(link.is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside them");
    }

    #[test]
    fn whoever_saved_meanwhile_wins_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.json");
        let aside = Aside::write(&file, Look::at(&file), b"mine").unwrap();
        fs::write(&file, "theirs").unwrap();
        assert!(aside.put().unwrap_err().message.contains("meanwhile"));
        assert_eq!(fs::read(&file).unwrap(), b"theirs");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_what_is_old_and_ours_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.json");
        let old = SystemTime::now() - 2 * ABANDONED;
        for name in [
            ".settings.json.00000000000000ff.changeover",
            ".settings.json.changeover",
            ".other.00000000000000ff.changeover",
        ] {
            File::create(folder.path().join(name)).unwrap().set_modified(old).unwrap();
        }
        let fresh = Aside::write(&file, Look::Missing, b"x").unwrap();
        sweep(&file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
        assert!(!folder.path().join(".settings.json.00000000000000ff.changeover").exists());
        drop(fresh);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
