//! Who reads which recipe: in this process, to know which one serves; and in any process, by file locks, to know which
//! one nobody reads.
//!
//! A file `readers/<recipe>` beside the database is locked (`flock`, shared) by each process that reads the recipe, and
//! for itself by the one that drops it. The kernel ends a lock with its process, however that ends. The last reader removes
//! the file; so a lock counts only while the name still leads to the file that it is on.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::recipe::Recipe;

/// The readers of this process, and a way to ask for those of all others.
#[derive(Clone, Debug)]
pub(super) struct Leases {
    folder: PathBuf,
    held: Arc<Mutex<Held>>,
    released: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Held {
    readers: HashMap<String, Readers>,
    taken: u64,
}

/// The readers of one recipe.
#[derive(Debug)]
struct Readers {
    count: usize,
    /// The number of the newest.
    newest: u64,
    /// Tells other processes that this one reads.
    lock: File,
}

impl Leases {
    /// The leases of a database in this folder.
    pub(super) fn new(folder: &std::path::Path) -> Self {
        Self { folder: folder.join("readers"), held: Arc::default(), released: watch::Sender::new(()) }
    }

    /// Holds a recipe for a reader. `None` where it is just being dropped.
    pub(super) fn take(&self, recipe: &Recipe) -> io::Result<Option<Lease>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.taken += 1;
        let taken = held.taken;
        match held.readers.get_mut(recipe.id()) {
            Some(readers) => (readers.count, readers.newest) = (readers.count + 1, taken),
            None => {
                let Some(lock) = self.locked(recipe, File::try_lock_shared)? else { return Ok(None) };
                let readers = Readers { count: 1, newest: taken, lock };
                held.readers.insert(recipe.id().to_owned(), readers);
            }
        }
        Ok(Some(Lease { leases: self.clone(), recipe: recipe.clone() }))
    }

    /// A recipe that is to be dropped: while the claim lives, nobody begins to read it. `None` where somebody reads
    /// it, here or in another process, or where that cannot be told.
    pub(super) fn claim(&self, recipe: &Recipe) -> Option<Claim> {
        let claimed = self.locked(recipe, File::try_lock).unwrap_or_else(|error| {
            tracing::warn!(recipe = recipe.id(), %error, "who reads an old index cannot be told; it stays");
            None
        });
        claimed.map(|lock| Claim { _lock: lock, path: self.folder.join(recipe.id()) })
    }

    /// The number of the newest reader of this process, if it reads the recipe at all.
    pub(super) fn newest_reader(&self, recipe: &Recipe) -> Option<u64> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.readers.get(recipe.id()).map(|readers| readers.newest)
    }

    /// Changes whenever a recipe may have lost its last reader in this process.
    pub(super) fn released(&self) -> watch::Receiver<()> {
        self.released.subscribe()
    }

    /// The file of a recipe, locked in this way. `None` where others keep us from it.
    fn locked(
        &self,
        recipe: &Recipe,
        lock: fn(&File) -> Result<(), TryLockError>,
    ) -> io::Result<Option<File>> {
        std::fs::create_dir_all(&self.folder)?;
        let path = self.folder.join(recipe.id());
        for _ in 0..OPENS_MAX {
            let mut options = File::options();
            let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let file = options.open(&path)?;
            match lock(&file) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Its last reader may have removed it between the two: then nobody else would see this lock.
            if is_at(&file, &path)? {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }
}

/// Tries to lock a file that others make and remove meanwhile.
const OPENS_MAX: usize = 8;

/// Whether the name leads to this very file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino())),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes a file that is locked for whoever removes it.
fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(path = %path.display(), %error, "an empty file is left behind");
    }
}

/// As long as it lives, the recipe's chunks stay. The inputs of the service hold one.
#[derive(Debug)]
pub struct Lease {
    leases: Leases,
    recipe: Recipe,
}

impl Lease {
    /// The recipe that is read.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }
}

/// Alike are those of one recipe, whoever holds them.
impl PartialEq for Lease {
    fn eq(&self, other: &Self) -> bool {
        self.recipe == other.recipe
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut held = self.leases.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(readers) = held.readers.get_mut(self.recipe.id()) {
            readers.count -= 1;
            if readers.count == 0
                && let Some(Readers { lock, .. }) = held.readers.remove(self.recipe.id())
                // No other process reads it, and none can begin to before the file is gone.
                && lock.try_lock().is_ok()
            {
                remove(&self.leases.folder.join(self.recipe.id()));
            }
        }
        drop(held);
        self.leases.released.send_replace(());
    }
}

/// The claim on a recipe that nobody reads.
#[derive(Debug)]
pub(super) struct Claim {
    /// Held until after the file is removed.
    _lock: File,
    path: PathBuf,
}

impl Drop for Claim {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rag::samples::recipe;

    #[test]
    fn a_recipe_is_dropped_only_where_no_process_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        // Two leases of one folder are as good as two processes: a lock belongs to the opened file.
        let (ours, theirs) = (Leases::new(folder.path()), Leases::new(folder.path()));
        let recipe = recipe(100, 20);
        let first = ours.take(&recipe).unwrap().unwrap();
        let second = ours.take(&recipe).unwrap().unwrap();
        assert_eq!((ours.newest_reader(&recipe), theirs.newest_reader(&recipe)), (Some(2), None));
        drop(first);
        for leases in [&ours, &theirs] {
            assert!(leases.claim(&recipe).is_none(), "it is read");
        }
        drop(second);
        let claim = theirs.claim(&recipe).expect("nobody reads it any more");
        assert!(ours.take(&recipe).unwrap().is_none(), "it is being dropped");
        drop(claim);
        assert!(ours.take(&recipe).unwrap().is_some());
    }

    #[test]
    fn the_last_reader_removes_the_file_and_no_lock_is_on_one_that_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, theirs) = (Leases::new(folder.path()), Leases::new(folder.path()));
        let recipe = recipe(100, 20);
        let file = folder.path().join("readers").join(recipe.id());
        let (first, second) = (ours.take(&recipe).unwrap().unwrap(), theirs.take(&recipe).unwrap().unwrap());
        drop(first);
        assert!(file.exists(), "another process reads it");
        drop(second);
        assert!(!file.exists());
        drop(ours.claim(&recipe).unwrap());
        assert!(!file.exists());
        // Many at once: whoever holds a lease keeps every claim away.
        std::thread::scope(|scope| {
            for leases in [&ours, &theirs] {
                scope.spawn(|| {
                    for _ in 0..500 {
                        if let Some(lease) = leases.take(&recipe).unwrap() {
                            let other = Leases::new(folder.path());
                            assert!(other.claim(&recipe).is_none(), "it is read");
                            drop(lease);
                        }
                    }
                });
            }
        });
        assert!(!file.exists());
    }
}
