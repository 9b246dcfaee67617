//! One process at a time writes a state directory.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, bail};

/// The hold on a state directory, until it is dropped. The kernel ends it with the process, however that ends.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

impl StateLock {
    /// Makes the directory if it is absent (mode 0700) and takes hold of it.
    ///
    /// # Errors
    /// That another process has it, with its process id; what the file system refuses.
    pub fn take(state_dir: &Path) -> anyhow::Result<Self> {
        let shown = state_dir.display();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(state_dir)
            .with_context(|| format!("making the state directory `{shown}`"))?;
        let path = state_dir.join("lock");
        let options =
            File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = options.with_context(|| format!("opening `{}`", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder)?;
                bail!(
                    "the state directory `{shown}` is in use by process {}; end that one, or name another directory \
                     in `THOTH_STATE_DIR`",
                    holder.trim()
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking `{}`", path.display()));
            }
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_with_the_process_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("deep/state");
        let first = StateLock::take(&state).unwrap();
        let refused = StateLock::take(&state).unwrap_err().to_string();
        assert!(refused.contains(&std::process::id().to_string()), "{refused}");
        drop(first);
        StateLock::take(&state).unwrap();
    }
}
