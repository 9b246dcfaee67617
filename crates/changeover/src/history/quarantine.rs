//! Settings that went live and were taken back: they are not tried again unless somebody asks for it, however they are written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::HistoryError;
use super::files::{error, replace};
use crate::report::{Cause, Problem};

/// The file in the state directory.
pub(super) const FILE: &str = "quarantine.json";

/// Settings in quarantine, at most: the newest.
const ENTRIES_MAX: usize = 100;

/// How often settings may be taken back until only an explicit try is obeyed.
const TRIES_MAX: u32 = 2;

/// Settings that were taken back.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    /// Keyed hash of what they mean. What an earlier version wrote, by the bytes of the file, binds nothing any more.
    #[serde(alias = "content")]
    meaning: String,
    /// The version of the program that they failed in.
    version: String,
    /// How often they were taken back.
    tries: u32,
    reason: String,
    at: Timestamp,
    /// The verdict by which they were taken back the last time. What was live before it shows nothing any more; of that nothing
    /// outlives the process.
    #[serde(skip)]
    by: u64,
}

/// What is known of settings that were live and failed.
#[derive(Debug, Default)]
pub(crate) struct TakenBack {
    /// That it was taken back.
    pub(crate) known: Option<Problem>,
    /// Why it is not tried.
    pub(crate) bound: Option<Problem>,
}

/// Whether settings were taken back, and are therefore not tried when they are read for this cause; by the quarantine as it
/// stands on the disk. Nothing is changed.
pub(crate) fn taken_back(
    state_dir: &Path,
    version: &str,
    meaning: &str,
    cause: &Cause,
) -> Result<TakenBack, HistoryError> {
    let (quarantine, _) = Quarantine::open(state_dir.join(FILE), version)?;
    let known = quarantine.find(meaning).map(told);
    Ok(TakenBack { known, bound: quarantine.binds(meaning, cause) })
}

/// The quarantine of one state directory. Another version of the program begins without it.
#[derive(Debug)]
pub(super) struct Quarantine {
    path: PathBuf,
    version: String,
    entries: Vec<Entry>,
}

impl Quarantine {
    /// Opens the file. A damaged one is told, and begun anew at the next write.
    pub(super) fn open(path: PathBuf, version: &str) -> Result<(Self, Option<String>), HistoryError> {
        let (entries, damage) = match fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice::<Vec<Entry>>(&bytes) {
                Ok(entries) => (entries, None),
                Err(_) => (Vec::new(), Some(format!("the quarantine `{}` was damaged", path.display()))),
            },
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => (Vec::new(), None),
            Err(source) => return Err(error("reading the quarantine", &path)(source)),
        };
        Ok((Self { path, version: version.to_owned(), entries }, damage))
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Puts settings in that are taken back by this verdict.
    pub(super) fn add(&mut self, meaning: &str, reason: &str, by: u64) -> Result<(), HistoryError> {
        let tries = self.find(meaning).map_or(0, |entry| entry.tries).saturating_add(1);
        self.entries.retain(|entry| entry.meaning != meaning);
        let excess = (self.entries.len() + 1).saturating_sub(ENTRIES_MAX);
        self.entries.drain(..excess);
        self.entries.push(Entry {
            meaning: meaning.to_owned(),
            version: self.version.clone(),
            tries,
            reason: reason.to_owned(),
            at: Timestamp::now(),
            by,
        });
        self.write()
    }

    /// Lets settings out that have shown that they work since this verdict.
    pub(super) fn remove(&mut self, meaning: &str, since: u64) -> Result<(), HistoryError> {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.meaning != meaning || entry.by > since);
        if self.entries.len() == before { Ok(()) } else { self.write() }
    }

    /// Why settings that were read for this cause are not tried.
    pub(super) fn binds(&self, meaning: &str, cause: &Cause) -> Option<Problem> {
        let entry = self.find(meaning)?;
        let tried = match cause {
            Cause::Try => true,
            // Somebody saved them, knowing of the revert or not: that is one more try.
            Cause::Save | Cause::Rollback => entry.tries < TRIES_MAX,
            // It is asked for something else, and they still stand beside it.
            Cause::Edit => false,
            Cause::Start | Cause::Retry | Cause::Reload | Cause::Refresh | Cause::Revert => false,
            // Nobody is there who could judge them.
            Cause::Schedule | Cause::Expiry => false,
        };
        if tried {
            return None;
        }
        Some(told(entry))
    }

    fn find(&self, meaning: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.meaning == meaning && entry.version == self.version)
    }

    fn write(&self) -> Result<(), HistoryError> {
        let bytes = serde_json::to_vec_pretty(&self.entries)
            .map_err(|source| error("writing", &self.path)(source.into()))?;
        replace(&self.path, &bytes)
    }
}

fn told(entry: &Entry) -> Problem {
    let message = format!("these settings went live at {} and were taken back: {}", entry.at, entry.reason);
    Problem::new("", message).hint("change them, or ask for one more try explicitly")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_try_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quarantine.json");
        let open = |version| Quarantine::open(path.clone(), version).unwrap().0;
        let mut quarantine = open("1");
        let binds = |quarantine: &Quarantine, cause| quarantine.binds("a", &cause).is_some();
        assert!(!binds(&quarantine, Cause::Start));
        quarantine.add("a", "`llm`: 401", 7).unwrap();
        quarantine.remove("a", 6).unwrap();
        for (cause, bound) in
            [(Cause::Start, true), (Cause::Edit, true), (Cause::Save, false), (Cause::Try, false)]
        {
            assert_eq!(binds(&quarantine, cause.clone()), bound, "{cause:?}");
        }
        quarantine.add("a", "`llm`: 401", 9).unwrap();
        let mut again = open("1");
        assert!(binds(&again, Cause::Save), "two tries are enough, over restarts too");
        assert!(!binds(&again, Cause::Try));
        assert!(!binds(&open("2"), Cause::Start), "another version may do better");
        again.remove("a", 10).unwrap();
        assert!(!binds(&open("1"), Cause::Start));
    }

    #[test]
    fn it_is_bounded_and_survives_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quarantine.json");
        let mut quarantine = Quarantine::open(path.clone(), "1").unwrap().0;
        for n in 0..150 {
            quarantine.add(&n.to_string(), "no", n).unwrap();
        }
        assert_eq!(quarantine.entries.len(), ENTRIES_MAX);
        assert!(quarantine.binds("149", &Cause::Start).is_some());
        fs::write(&path, "[{").unwrap();
        let (quarantine, damage) = Quarantine::open(path, "1").unwrap();
        assert!(damage.unwrap().contains("quarantine.json"));
        assert!(quarantine.binds("149", &Cause::Start).is_none());
    }
}
