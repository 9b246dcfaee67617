//! `schedules.json`: what is scheduled, and what has ended a while ago.
//!
//! Invariants of the file:
//! - It is one JSON object: `next_id`, larger than every id that was ever given, and `entries`, each id once.
//! - What waits in it is `scheduled`: the temporary changes that still apply stand in `temporary.json`, and nowhere else.
//! - It has mode 0600, is written aside and renamed, and at most [`WAITING_MAX`] entries wait in it and as many have ended.
//! - A damaged file is put aside, never overwritten.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::entry::Entry;
use crate::history::HistoryError;
use crate::history::files::{error, make_folder, replace};

/// Changes that wait for their time, at most; temporary ones count.
pub(super) const WAITING_MAX: usize = 64;

/// How long an entry that has ended is still shown.
const SHOWN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The file, as it was last written.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    pub(super) kept: Kept,
}

/// What the file holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) next_id: u64,
    pub(super) entries: Vec<Entry>,
}

impl Store {
    /// Opens the file; a damaged one is put aside, and told.
    pub(super) fn open(path: PathBuf) -> Result<(Self, Option<String>), HistoryError> {
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        let (kept, damage) = match fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice::<Kept>(&bytes) {
                Ok(kept) => (kept, None),
                Err(_) => (Kept::default(), Some(put_aside(&path, "scheduled changes")?)),
            },
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => (Kept::default(), None),
            Err(source) => return Err(error("reading the scheduled changes", &path)(source)),
        };
        Ok((Self { path, kept }, damage))
    }

    /// Changes what is kept, in the file first: what could not be written has not happened.
    pub(super) fn change<T>(
        &mut self,
        now: Timestamp,
        change: impl FnOnce(&mut Kept) -> T,
    ) -> Result<T, HistoryError> {
        let mut kept = self.kept.clone();
        let changed = change(&mut kept);
        kept.forget(now);
        let bytes = serde_json::to_vec_pretty(&kept)
            .map_err(|source| error("writing the scheduled changes", &self.path)(source.into()))?;
        replace(&self.path, &bytes)?;
        self.kept = kept;
        Ok(changed)
    }
}

impl Kept {
    /// An id that nobody has had, and that is above those of `others`.
    pub(super) fn fresh_id(&mut self, others: &[Entry]) -> u64 {
        let above =
            |entries: &[Entry]| entries.iter().map(|entry| entry.id.saturating_add(1)).max().unwrap_or(1);
        let id = self.next_id.max(above(&self.entries)).max(above(others));
        self.next_id = id.saturating_add(1);
        id
    }

    /// Those that still wait.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.waits())
    }

    fn forget(&mut self, now: Timestamp) {
        let old = |entry: &Entry| entry.end.as_ref().is_some_and(|end| now.duration_since(end.at) > SHOWN);
        self.entries.retain(|entry| !old(entry));
        let ended = self.entries.iter().filter(|entry| !entry.waits()).count();
        let mut excess = ended.saturating_sub(WAITING_MAX);
        self.entries.retain(|entry| {
            let forgotten = excess > 0 && !entry.waits();
            excess -= usize::from(forgotten);
            !forgotten
        });
    }
}

/// Puts a damaged file aside; what is to be told.
pub(super) fn put_aside(path: &Path, what: &str) -> Result<String, HistoryError> {
    let aside = path.with_extension("damaged");
    fs::rename(path, &aside).map_err(error("putting aside the damaged file", path))?;
    Ok(format!("the file of {what} was damaged, and they are lost; see `{}`", aside.display()))
}

#[cfg(test)]
mod tests {
    use super::super::entry::{End, Fate, Kind};
    use super::*;
    use crate::edit::Change;

    fn now() -> Timestamp {
        Timestamp::from_second(1_000_000).unwrap()
    }

    fn entry(id: u64, ended: Option<Timestamp>) -> Entry {
        Entry {
            id,
            kind: Kind::Scheduled,
            at: now(),
            relative: false,
            changes: vec![Change { path: "a.b".to_owned(), value: Some(serde_json::json!("sk-secret")) }],
            expected: [("a.b".to_owned(), "hash".to_owned())].into(),
            actor: Some("cli".to_owned()),
            set_at: now(),
            end: ended.map(|at| End { fate: Fate::Done, at, reason: None, verdict: Some(3) }),
        }
    }

    #[test]
    fn it_comes_back_as_it_was_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/schedules.json");
        let (mut store, damage) = Store::open(path.clone()).unwrap();
        assert_eq!(damage, None);
        let id = store.change(now(), |kept| kept.fresh_id(&[entry(7, None)])).unwrap();
        assert_eq!(id, 8, "above what the other file has");
        store.change(now(), |kept| kept.entries.push(entry(id, None))).unwrap();
        let (again, _) = Store::open(path.clone()).unwrap();
        assert_eq!((again.kept.next_id, again.kept.entries), (9, vec![entry(8, None)]));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_file_is_put_aside_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("schedules.json");
        fs::write(&path, "{\"next_id\": 4, \"entries\": [").unwrap();
        let (store, damage) = Store::open(path).unwrap();
        assert!(damage.unwrap().contains("schedules.damaged"));
        assert_eq!(store.kept.waiting().count(), 0);
        assert!(folder.path().join("schedules.damaged").exists());
    }

    #[test]
    fn what_has_ended_is_forgotten_by_age_and_by_number() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(folder.path().join("schedules.json")).unwrap();
        let week_ago = now() - SHOWN - SignedDuration::from_secs(1);
        let many = (10..).take(WAITING_MAX + 5).map(|id| entry(id, Some(now())));
        let entries: Vec<Entry> =
            [entry(1, None), entry(2, Some(week_ago))].into_iter().chain(many).collect();
        store.change(now(), |kept| kept.entries = entries).unwrap();
        let ids: Vec<u64> = store.kept.entries.iter().map(|entry| entry.id).collect();
        assert_eq!((ids[0], ids[1], ids.len()), (1, 15, WAITING_MAX + 1), "the oldest go first");
    }

    #[test]
    fn what_could_not_be_written_has_not_happened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/schedules.json");
        let (mut store, _) = Store::open(path.clone()).unwrap();
        fs::create_dir(path.with_extension("new")).unwrap();
        assert!(store.change(now(), |kept| kept.entries.push(entry(1, None))).is_err());
        assert_eq!(store.kept.entries.len(), 0);
    }
}
