//! What a kill leaves on the disk, what that tells of the moment it came at, and what the next start has made of it.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::contents;
use crate::journal::Journal;
use crate::support::Place;

/// From this age on a file that was written aside belongs to nobody any more.
const ABANDONED: Duration = Duration::from_secs(120);

/// The moment of a kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    Saved,
    WrittenAside,
    Replacing,
    Intended,
    Decided,
    Rest,
}

impl Moment {
    pub const ALL: [Self; 6] =
        [Self::Saved, Self::WrittenAside, Self::Replacing, Self::Intended, Self::Decided, Self::Rest];

    pub fn words(self) -> &'static str {
        match self {
            Self::Saved => "saved; being read, checked or prepared",
            Self::WrittenAside => "an edit is written aside, and not in its place",
            Self::Replacing => "a file of the history is being replaced",
            Self::Intended => "the intent is written, the verdict is not: the switch, the followers",
            Self::Decided => "the verdict is written, and not told",
            Self::Rest => "between two saves",
        }
    }

    /// Tells it from what is on the disk: `saved` is the last save that was done before the kill, `heard` the last verdict
    /// that a client was told.
    pub fn of(place: &Place, journal: &Journal, saved: u64, heard: u64) -> Self {
        let last = journal.verdicts().last();
        let decided = |verdict: &Value| {
            let number = journal.content(verdict).and_then(contents::number);
            number == Some(saved) || verdict["verdict"] == "rejected"
        };
        match () {
            () if !unfinished(place).is_empty() => Self::Replacing,
            () if journal.lines.last().is_some_and(|line| line.get("intent").is_some()) => Self::Intended,
            () if !asides(place).is_empty() => Self::WrittenAside,
            () if last.is_some_and(|last| last["id"].as_u64() > Some(heard)) => Self::Decided,
            () if last.is_some_and(decided) => Self::Rest,
            () => Self::Saved,
        }
    }
}

fn names(folder: PathBuf, which: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap());
    entries.filter(|entry| which(&entry.file_name().to_string_lossy())).map(|entry| entry.path()).collect()
}

/// Files of the history that were being replaced.
pub fn unfinished(place: &Place) -> Vec<PathBuf> {
    names(place.state().join("history"), |name| name.ends_with(".new"))
}

/// What refused or unfinished candidates have made.
pub fn scratch(place: &Place) -> Vec<PathBuf> {
    names(place.state().join("history/candidates"), |_| true)
}

/// Contents of the settings file that edits have written aside.
pub fn asides(place: &Place) -> Vec<PathBuf> {
    let folder = place.settings().parent().unwrap().to_owned();
    names(folder, |name| name.starts_with(".settings.json.") && name.ends_with(".changeover"))
}

/// Lets time pass for what was written aside: the next start may sweep it.
pub fn age(asides: &[PathBuf]) {
    for aside in asides {
        let file = std::fs::File::options().append(true).open(aside).unwrap();
        file.set_modified(SystemTime::now() - ABANDONED).unwrap();
    }
}
