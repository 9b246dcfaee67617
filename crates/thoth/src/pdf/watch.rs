//! Who tells that a folder changed. Events are a wake-up only: they get lost, and not every file system has them, so
//! the lookout looks anyway.

use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::folder::Scope;

/// Something happened in the folder.
#[derive(Debug)]
pub(super) struct Hint {
    /// The files that a program closed after writing, or renamed into place.
    pub finished: Vec<PathBuf>,
}

/// Hints that wait at most. When there are more, one of those that wait wakes the lookout just as well.
pub(super) const HINTS_MAX: usize = 1024;

/// A standing watch; dropping it ends it.
pub(super) struct Watch {
    watcher: Option<RecommendedWatcher>,
    identity: Option<Identity>,
    /// Why there are no events, where there are none.
    pub problem: Option<String>,
}

/// Tells one folder from another one that takes its name.
type Identity = (u64, u64);

impl Watch {
    /// Watches a folder that exists. Without events the watch stands too, by looks alone.
    pub fn stand(scope: &Scope, hints: mpsc::Sender<Hint>) -> Self {
        let identity = identity(&scope.folder);
        match events(scope, hints) {
            Ok(watcher) => Self { watcher: Some(watcher), identity, problem: None },
            Err(error) => {
                let problem = format!(
                    "no events of `{}`: {error}; it is looked at every two seconds",
                    scope.folder.display()
                );
                Self { watcher: None, identity, problem: Some(problem) }
            }
        }
    }

    /// `events+poll`, or `poll` where there are no events.
    pub fn mode(&self) -> &'static str {
        if self.watcher.is_some() { "events+poll" } else { "poll" }
    }

    /// Whether the folder is still the one that is watched: a folder that was deleted and made again is another.
    pub fn is_of(&self, folder: &Path) -> bool {
        self.identity == identity(folder)
    }
}

fn events(scope: &Scope, hints: mpsc::Sender<Hint>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let hint = match event {
            Ok(event) => match hint(event) {
                Some(hint) => hint,
                None => return,
            },
            // Something was lost: look.
            Err(_) => Hint { finished: Vec::new() },
        };
        if let Err(mpsc::error::TrySendError::Full(_)) = hints.try_send(hint) {
            tracing::debug!("more events than the lookout takes; it looks anyway");
        }
    })?;
    let mode = if scope.recursive { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
    watcher.watch(&scope.folder, mode)?;
    Ok(watcher)
}

/// What an event says, if it says that something changed: reading files, as the intake does, causes events too.
fn hint(event: Event) -> Option<Hint> {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) | EventKind::Modify(ModifyKind::Name(_)) => {
            Some(Hint { finished: event.paths })
        }
        EventKind::Access(_) => None,
        _ => Some(Hint { finished: Vec::new() }),
    }
}

#[cfg(unix)]
fn identity(folder: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(folder).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(folder: &Path) -> Option<Identity> {
    folder.exists().then_some((0, 0))
}
