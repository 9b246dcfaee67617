//! Each role is held by one process at a time.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::{Roles, folder, host_name};

/// How long another process that is just starting is waited for.
const STARTING_MAX: Duration = Duration::from_secs(10);
/// How long a lock is tried: whoever looks whether a role is held has it for a moment.
const TRYING_MAX: Duration = Duration::from_millis(250);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(10);

/// The turn to start: as long as it lives, no other process on this state directory starts. What is made at a first
/// start (the token, the tables) is made meanwhile.
#[derive(Debug)]
pub struct Turn {
    _file: File,
}

impl Turn {
    /// Makes the state directory if it is absent (mode 0700), and waits for the turn.
    ///
    /// # Errors
    /// That another process has been starting for too long; what the file system refuses.
    pub fn take(state_dir: &Path) -> anyhow::Result<Self> {
        let folder = folder(state_dir);
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("making the state directory `{}`", state_dir.display()))?;
        let path = folder.join("start.lock");
        let file = open(&path).with_context(|| format!("opening `{}`", path.display()))?;
        let locked = lock(&file, STARTING_MAX).with_context(|| format!("locking `{}`", path.display()))?;
        if !locked {
            bail!("another Thoth has been starting on `{}` for {STARTING_MAX:?}", state_dir.display());
        }
        Ok(Self { _file: file })
    }

    /// Takes hold of these roles.
    ///
    /// # Errors
    /// That another process has one of them, with its process id and its host.
    pub fn hold(&self, state_dir: &Path, roles: Roles) -> anyhow::Result<Hold> {
        let mut files = Vec::new();
        for role in roles.each() {
            let path = folder(state_dir).join(format!("{role}.lock"));
            let mut file = open(&path).with_context(|| format!("opening `{}`", path.display()))?;
            let locked = lock(&file, TRYING_MAX).with_context(|| format!("locking `{}`", path.display()))?;
            if !locked {
                let mut holder = String::new();
                file.read_to_string(&mut holder)?;
                bail!(
                    "the state directory `{}` is in use by {}, which has the role `{role}`; end that one, or name \
                     another directory in `THOTH_STATE_DIR`",
                    state_dir.display(),
                    holder.trim()
                );
            }
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "process {} on `{}` (as `{roles}`)", std::process::id(), host_name())?;
            files.push(file);
        }
        Ok(Hold { roles, _files: files })
    }
}

/// The hold on roles, until it is dropped. The kernel ends it with the process, however that ends.
#[derive(Debug)]
pub struct Hold {
    roles: Roles,
    _files: Vec<File>,
}

impl Hold {
    /// What is held.
    pub fn roles(&self) -> Roles {
        self.roles
    }
}

/// Whether some process has this role now, in this container or in another one.
///
/// # Errors
/// What the file system refuses.
pub fn is_held(state_dir: &Path, role: &str) -> io::Result<bool> {
    let file = match File::open(folder(state_dir).join(format!("{role}.lock"))) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Says whether the lock could be had within this time.
fn lock(file: &File, patience: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Role;
    use super::*;

    fn hold(state_dir: &Path, roles: &[Role]) -> anyhow::Result<Hold> {
        Turn::take(state_dir)?.hold(state_dir, Roles::of(roles))
    }

    #[test]
    fn the_second_is_refused_with_the_process_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("deep/state");
        let check = |first: &[Role], second: &[Role], refused_for: Option<&str>| {
            let first = hold(&state, first).unwrap();
            match (hold(&state, second), refused_for) {
                (Ok(_), None) => {}
                (Err(error), Some(role)) => {
                    let said = error.to_string();
                    let holder = format!(
                        "in use by process {} on `{}` (as `{}`)",
                        std::process::id(),
                        host_name(),
                        first.roles()
                    );
                    assert!(said.contains(&holder) && said.contains(&format!("role `{role}`")), "{said}");
                }
                (held, expected) => panic!("{held:?} in place of {expected:?}"),
            }
            drop(first);
            hold(&state, second).unwrap();
        };
        check(&[], &[], Some("api"));
        check(&[Role::Monitor], &[Role::Monitor], Some("monitor"));
        check(&[Role::Monitor], &[], Some("monitor"));
        check(&[], &[Role::Mcp], Some("mcp"));
        check(&[Role::Api], &[Role::Monitor], None);
        check(&[Role::Api, Role::Mcp], &[Role::Monitor], None);
        check(&[Role::Api, Role::Mcp], &[Role::Mcp], Some("mcp"));
    }

    #[test]
    fn whoever_looks_disturbs_nobody_who_starts() {
        let state = tempfile::tempdir().unwrap();
        assert!(!is_held(state.path(), "api").unwrap());
        drop(hold(state.path(), &[Role::Api]).unwrap());
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    is_held(state.path(), "api").unwrap();
                }
            });
            for _ in 0..50 {
                let held = hold(state.path(), &[Role::Api]).expect("nobody has it for longer than a look");
                assert!(is_held(state.path(), "api").unwrap());
                drop(held);
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        assert!(!is_held(state.path(), "api").unwrap());
    }
}
