//! Private files: mode 0600, written aside and renamed.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::HistoryError;

pub(crate) fn error<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> HistoryError + 'a {
    move |source| HistoryError { what, path: path.to_owned(), source }
}

/// Makes a folder that only its owner enters. A folder that exists stays as it is.
pub(crate) fn make_folder(path: &Path) -> Result<(), HistoryError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(error("making the folder", path))
}

/// Removes a folder with all that is in it. One that is not there is fine.
pub(super) fn remove_folder(path: &Path) -> Result<(), HistoryError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(error("removing the folder", path)(source))
        }
        _ => Ok(()),
    }
}

/// The folder of the one plan that is made at a time. Not made here.
pub(crate) fn plan_folder(state_dir: &Path) -> PathBuf {
    state_dir.join("plan")
}

/// Removes what a plan made.
pub(crate) fn sweep_plan(state_dir: &Path) -> Result<(), HistoryError> {
    remove_folder(&plan_folder(state_dir))
}

/// Options for a file that only its owner reads.
pub(super) fn private() -> OpenOptions {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Where the next state of a file is written.
fn aside(path: &Path) -> PathBuf {
    path.with_extension("new")
}

/// Removes what a kill in the middle of [`replace`] has left. Only for who alone writes the file.
pub(super) fn sweep(path: &Path) -> Result<(), HistoryError> {
    remove_left(&aside(path))
}

fn remove_left(path: &Path) -> Result<(), HistoryError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(error("removing what was left behind in", path)(source))
        }
        _ => Ok(()),
    }
}

/// Writes a file aside and renames it into place: whoever reads sees the old one or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), HistoryError> {
    replace_by(path, |out| out.write_all(bytes).map_err(error("writing", path))).map(drop)
}

/// The same for what is made piece by piece. Gives the file, open for appending: who goes on with it need not open it again,
/// which could fail when there is no way back any more.
pub(super) fn replace_by(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), HistoryError>,
) -> Result<File, HistoryError> {
    let aside = aside(path);
    let failed = || error("writing", path);
    let file = private().append(true).create(true).open(&aside).map_err(failed())?;
    // What a write that failed has left there.
    file.set_len(0).map_err(failed())?;
    let mut out = BufWriter::new(file);
    write(&mut out)?;
    let file = out.into_inner().map_err(|failure| failed()(failure.into_error()))?;
    // Renamed before its bytes are on the disk, it could be empty after a power cut.
    file.sync_all().and_then(|()| fs::rename(&aside, path)).map_err(failed())?;
    Ok(file)
}

/// A random key that is made once, also when two processes make it at the same time.
pub(super) fn key(path: &Path) -> Result<[u8; 32], HistoryError> {
    match fs::read(path) {
        Ok(bytes) => bytes.try_into().map_err(|_| {
            let wrong = io::Error::new(
                io::ErrorKind::InvalidData,
                "it does not have 32 bytes; remove it to make a new one",
            );
            error("reading the key", path)(wrong)
        }),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; 32];
            getrandom::fill(&mut key)
                .map_err(|source| error("making the key", path)(io::Error::other(source)))?;
            match make_new(path, &key) {
                Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => self::key(path),
                made => made.map(|()| key).map_err(error("making the key", path)),
            }
        }
        Err(source) => Err(error("reading the key", path)(source)),
    }
}

/// Removes what a kill in the middle of making the key has left, since it may hold the key. What is young may be of another
/// process that makes the same key just now.
pub(super) fn sweep_key(path: &Path) -> Result<(), HistoryError> {
    let failed = || error("looking for what was left beside", path);
    let path = std::path::absolute(path).map_err(failed())?;
    let (Some(folder), Some(stem)) = (path.parent(), path.file_stem()) else { return Ok(()) };
    for entry in fs::read_dir(folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        // One that is gone by now is not of interest.
        let age = || entry.metadata().and_then(|metadata| metadata.modified()).ok()?.elapsed().ok();
        if is_aside_of(&entry.file_name(), stem) && age().is_some_and(|age| age > MAKING_MAX) {
            remove_left(&entry.path())?;
        }
    }
    Ok(())
}

/// For how long a key is in the making, at most.
const MAKING_MAX: Duration = Duration::from_secs(60);

/// Whether [`make_new`] gives such a name for a file with this stem.
fn is_aside_of(name: &OsStr, stem: &OsStr) -> bool {
    let after = name.as_encoded_bytes().strip_prefix(stem.as_encoded_bytes());
    let random = after.and_then(|after| after.strip_prefix(b".")?.strip_suffix(b".new"));
    random.is_some_and(|random| random.len() == 16 && random.iter().all(u8::is_ascii_hexdigit))
}

/// Gives a new file its whole content in one step, unless there is one of this name.
fn make_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let aside = path.with_extension(format!("{:016x}.new", u64::from_ne_bytes(random)));
    let mut file = private().write(true).create_new(true).open(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    linked
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_who_make_the_key_at_the_same_time_have_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hash-key");
        let keys: Vec<[u8; 32]> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..8).map(|_| scope.spawn(|| super::key(&path).unwrap())).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
