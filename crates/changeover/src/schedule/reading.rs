//! What the files say now: the settings, the temporary changes, and what a key is said to be, as a hash.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::{Declined, Schedules, TEMPORARY_FILE, Temporary};
use crate::blueprint::Occasion;
use crate::edit::Change;
use crate::proposal::ABSENT;
use crate::read::Content;

/// How long a file may take to be read.
const READ_MAX: Duration = Duration::from_secs(10);

impl<S: PartialEq + Send + Sync + 'static, V: Send + Sync + 'static> Schedules<S, V> {
    /// Checks a scheduled change as it would be now; gives the hashes of what the settings file says of its keys.
    pub(super) async fn expected(&self, changes: &[Change]) -> Result<BTreeMap<String, String>, Declined> {
        let content = self.settings().await?.unwrap_or_else(nothing);
        let edited =
            (self.parts.terms.edit)(&content, changes).map_err(|problem| Declined::Check(vec![problem]))?;
        let engine = self.parts.engine.clone();
        let checked =
            tokio::task::spawn_blocking(move || engine.check(&edited, Occasion::Running).map(drop)).await;
        checked.map_err(|error| Declined::File(error.to_string()))?.map_err(Declined::Check)?;
        let said = |path: &str| (self.parts.terms.value)(&content, path);
        Ok(changes
            .iter()
            .map(|change| (change.path.clone(), self.hash(said(&change.path).as_ref())))
            .collect())
    }

    /// A keyed hash of what a content says of a key: values are not kept where they are only compared.
    pub(super) fn hash(&self, value: Option<&Value>) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.parts.engine.parts.judge.key);
        hasher.update(b"value");
        digest(&mut hasher, value);
        hasher.finalize().to_hex().to_string()
    }

    /// The content of the settings file, read now; `None` where there is no file.
    pub(super) async fn settings(&self) -> Result<Option<Vec<u8>>, Declined> {
        in_time(self.parts.engine.parts.judge.file.clone(), read_file).await
    }

    /// The temporary changes, read now.
    pub(super) async fn temporary(&self) -> Result<Temporary, Declined> {
        let path = self.parts.terms.folder.join(TEMPORARY_FILE);
        let temporary = in_time(path, read_temporary).await?;
        let mut books = self.books();
        // What somebody has taken out of the file by hand waits for its time all the same, and its end is told then.
        let mut known = std::mem::take(&mut books.temporary.entries);
        known.retain(|known| temporary.entries.iter().all(|entry| entry.id != known.id));
        books.temporary.entries = temporary.entries.iter().cloned().chain(known).collect();
        Ok(temporary)
    }

    /// What names a content of the settings file to the engine: its keyed hash, with all that belongs to it; or that there is
    /// no file.
    pub(super) async fn tag(&self, content: Option<Vec<u8>>) -> Result<Option<String>, Declined> {
        let Some(content) = content else { return Ok(Some(ABSENT.to_owned())) };
        let engine = self.parts.engine.clone();
        let examine =
            move || engine.parts.judge.examine(&Content::Bytes(content), None, None).fingerprint.shown();
        tokio::task::spawn_blocking(examine).await.map_err(|error| Declined::File(error.to_string()))
    }
}

/// A content that says nothing: what a change is made in where there is no file.
pub(super) fn nothing() -> Vec<u8> {
    b"{}".to_vec()
}

/// Reads a file on a thread that may wait for it, for so long.
async fn in_time<T: Send + 'static>(
    path: PathBuf,
    read: fn(&Path) -> Result<T, String>,
) -> Result<T, Declined> {
    let name = path.display().to_string();
    let reading = tokio::task::spawn_blocking(move || read(&path));
    let late = |_| Declined::File(format!("`{name}` does not answer"));
    let read = tokio::time::timeout(READ_MAX, reading).await.map_err(late)?;
    read.map_err(|error| Declined::File(error.to_string()))?.map_err(Declined::File)
}

/// The bytes of a file; `None` where there is none.
fn read_file(path: &Path) -> Result<Option<Vec<u8>>, String> {
    match Content::of(path) {
        Content::Bytes(bytes) => Ok(Some(bytes)),
        Content::Missing => Ok(None),
        Content::Unreadable(why) => Err(format!("`{}` cannot be read: {why}", path.display())),
    }
}

pub(super) fn read_temporary(path: &Path) -> Result<Temporary, String> {
    let bytes = read_file(path)?.unwrap_or_default();
    Temporary::parse(&bytes).map_err(|problem| format!("`{}`: {problem}", path.display()))
}

/// The same value has the same digest, in whatever order its members stand.
fn digest(hasher: &mut blake3::Hasher, value: Option<&Value>) {
    match value {
        None => drop(hasher.update(b"absent")),
        Some(Value::Object(members)) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            hasher.update(b"{");
            for name in names {
                hasher.update(Value::from(name.as_str()).to_string().as_bytes());
                digest(hasher, members.get(name));
            }
            hasher.update(b"}");
        }
        Some(Value::Array(items)) => {
            hasher.update(b"[");
            items.iter().for_each(|item| digest(hasher, Some(item)));
            hasher.update(b"]");
        }
        Some(other) => drop(hasher.update(format!("={other};").as_bytes())),
    }
}
