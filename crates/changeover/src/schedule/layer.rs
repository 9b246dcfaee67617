//! `temporary.json`: the temporary changes that apply now, a layer of the settings that a product's check reads.
//!
//! Invariants of the file:
//! - It is one JSON object with `entries`, each of them `temporary` and waiting for its end, each id once.
//! - It is changed only by a proposal to the engine: what stands in it is live, or was refused as it stands.
//! - It has mode 0600. What ended while nothing ran is taken out before an engine starts.

use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::{Entry, Kind};
use super::file::put_aside;
use crate::aside;
use crate::edit::Change;
use crate::history::HistoryError;
use crate::history::files::{error, make_folder, replace};
use crate::report::Problem;

/// The temporary changes that apply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Temporary {
    /// In the order in which they were set: of two that change one key, the later one counts.
    pub entries: Vec<Entry>,
}

impl Temporary {
    /// Reads the file's bytes; an absent file is none, `b""`.
    ///
    /// # Errors
    /// That the file is damaged.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        if bytes.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(bytes).map_err(|_| {
            Problem::new("", "the temporary changes are damaged")
                .hint("remove the file to do without them; the next start puts it aside")
        })
    }

    /// Every change that applies, with the end of each; of each key the one that counts.
    pub fn changes(&self) -> Vec<(&Change, &Entry)> {
        let mut changes: Vec<(&Change, &Entry)> = Vec::new();
        for entry in &self.entries {
            for change in &entry.changes {
                changes.retain(|(earlier, _)| earlier.path != change.path);
                changes.push((change, entry));
            }
        }
        changes
    }

    /// The file's bytes.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec_pretty(self)
    }

    fn ended(&self, now: Timestamp) -> (Vec<Entry>, Vec<Entry>) {
        self.entries.iter().cloned().partition(|entry| entry.kind != Kind::Temporary || entry.at <= now)
    }
}

/// What was found before a start.
#[derive(Debug, Default)]
pub struct Swept {
    /// The temporary changes that ended while nothing ran.
    pub ended: Vec<Entry>,
    /// What was damaged, in words.
    pub damage: Option<String>,
}

/// Makes the folder, takes out of its file of temporary changes what ended while nothing ran, and puts a damaged file aside.
/// Only before an engine starts, which would see it as a save.
///
/// # Errors
/// What the file system says.
pub fn sweep(folder: &Path, now: Timestamp) -> Result<Swept, HistoryError> {
    make_folder(folder)?;
    let path = &folder.join(super::TEMPORARY_FILE);
    // The engine sweeps beside the settings file alone; what is left here holds what was asked for, secrets among it.
    aside::sweep(path);
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(Swept::default()),
        Err(source) => return Err(error("reading the temporary changes", path)(source)),
    };
    let Ok(temporary) = Temporary::parse(&bytes) else {
        return Ok(Swept { ended: Vec::new(), damage: Some(put_aside(path, "temporary changes")?) });
    };
    let (ended, entries) = temporary.ended(now);
    if !ended.is_empty() {
        write(path, &Temporary { entries })?;
    }
    Ok(Swept { ended, damage: None })
}

fn write(path: &Path, temporary: &Temporary) -> Result<(), HistoryError> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let bytes =
        temporary.bytes().map_err(|source| error("writing the temporary changes", path)(source.into()))?;
    replace(path, &bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn entry(id: u64, until: i64, path: &str, value: i64) -> Entry {
        Entry {
            id,
            kind: Kind::Temporary,
            at: Timestamp::from_second(until).unwrap(),
            relative: true,
            changes: vec![Change { path: path.to_owned(), value: Some(json!(value)) }],
            expected: BTreeMap::new(),
            actor: None,
            set_at: Timestamp::from_second(0).unwrap(),
            end: None,
        }
    }

    #[test]
    fn of_two_changes_of_one_key_the_later_counts() {
        let entries = vec![entry(1, 9, "a", 1), entry(2, 9, "b", 2), entry(3, 9, "a", 3)];
        let temporary = Temporary { entries };
        let changes: Vec<(&str, u64)> =
            temporary.changes().iter().map(|(change, entry)| (change.path.as_str(), entry.id)).collect();
        assert_eq!(changes, [("b", 2), ("a", 3)]);
        assert_eq!(Temporary::parse(&temporary.bytes().unwrap()).unwrap(), temporary);
        assert_eq!(Temporary::parse(b"").unwrap(), Temporary::default());
        assert!(Temporary::parse(b"{\"entries\": [").is_err());
    }

    #[test]
    fn a_start_finds_only_what_still_applies() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("temporary.json");
        let now = Timestamp::from_second(100).unwrap();
        assert_eq!(sweep(folder.path(), now).unwrap().ended, []);
        write(&path, &Temporary { entries: vec![entry(1, 100, "a", 1), entry(2, 101, "b", 2)] }).unwrap();
        assert_eq!(sweep(folder.path(), now).unwrap().ended, [entry(1, 100, "a", 1)]);
        let left = Temporary::parse(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(left.entries, [entry(2, 101, "b", 2)]);
        fs::write(&path, "{").unwrap();
        assert!(sweep(folder.path(), now).unwrap().damage.unwrap().contains("temporary.damaged"));
        assert!(!path.exists());
    }

    #[test]
    fn a_start_removes_what_a_kill_left_of_a_proposal() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(".temporary.json.00000000000000ff.changeover");
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        fs::File::create(&left).unwrap().set_modified(long_ago).unwrap();
        sweep(folder.path(), Timestamp::from_second(100).unwrap()).unwrap();
        assert!(!left.exists());
    }
}
