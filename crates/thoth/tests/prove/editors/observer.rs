//! What the kernel tells of a save: how it was made, and when its last call was.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::support::PATIENCE;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Written,
    Closed,
    Created,
    Removed,
    MovedAway,
    MovedIn,
    /// Of a folder of our own: everything that came before it has been told.
    Fence,
}

/// The name of that folder.
const FENCE: &str = ".fence";

/// Listens to the folders of a settings file.
pub struct Observer {
    /// As long as it lives, events come.
    _watcher: RecommendedWatcher,
    steps: Receiver<(Instant, Step)>,
    fence: PathBuf,
}

impl Observer {
    pub fn of(files: &[PathBuf]) -> Self {
        let (sender, steps) = channel();
        let named = files.to_vec();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let heard = Instant::now();
            let event = event.expect("events are listened to");
            let is_fence = event.paths.iter().any(|path| path.ends_with(FENCE));
            if is_fence && event.kind.is_create() {
                // Here and below: nobody may listen any more.
                sender.send((heard, Step::Fence)).ok();
            }
            if let Some(step) = step(event.kind)
                && event.paths.iter().any(|path| named.contains(path))
            {
                sender.send((heard, step)).ok();
            }
        })
        .unwrap();
        for file in files {
            watcher.watch(file.parent().unwrap(), RecursiveMode::NonRecursive).unwrap();
        }
        Self { _watcher: watcher, steps, fence: files[0].with_file_name(FENCE) }
    }

    /// Begins anew.
    pub fn forget(&self) {
        self.told();
    }

    /// Everything that has happened by now.
    fn told(&self) -> Vec<(Instant, Step)> {
        std::fs::create_dir(&self.fence).unwrap();
        let mut told = Vec::new();
        loop {
            let (heard, step) = self.steps.recv_timeout(PATIENCE).expect("the fence is told");
            if step == Step::Fence {
                break;
            }
            told.push((heard, step));
        }
        std::fs::remove_dir(&self.fence).unwrap();
        told
    }

    /// How the save was made, and when its last call was told.
    pub fn seen(&self) -> (&'static str, Option<Instant>) {
        let seen = self.told();
        let has = |step| seen.iter().any(|(_, seen)| *seen == step);
        let how = match () {
            () if has(Step::MovedIn) => "renames a new file onto it",
            () if has(Step::MovedAway) => "renames the old one away, writes a new one",
            () if has(Step::Removed) => "removes the old one, writes a new one",
            () if has(Step::Written) => "writes in place",
            () if has(Step::Closed) => "changes memory, closes",
            () => "changes memory: no event",
        };
        let last = seen.iter().rev().find(|(_, step)| matches!(step, Step::Closed | Step::MovedIn));
        (how, last.map(|(heard, _)| *heard))
    }
}

fn step(kind: EventKind) -> Option<Step> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Step::Closed),
        EventKind::Create(_) => Some(Step::Created),
        EventKind::Remove(_) => Some(Step::Removed),
        EventKind::Modify(ModifyKind::Data(_)) => Some(Step::Written),
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Some(Step::MovedAway),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Some(Step::MovedIn),
        _ => None,
    }
}
