//! Secrets, cut out of the contents that the journal keeps: a reference stands in place of each.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::HistoryError;
use super::files::{error, replace};

/// The file in the state directory.
pub(super) const FILE: &str = "secrets.json";

/// What stands in a kept content in place of a secret, followed by its reference.
const MARK: &str = "changeover-secret:";

/// Hexadecimal digits of a reference.
const REFERENCE_DIGITS: usize = 32;

/// The one file of secrets.
#[derive(Debug)]
pub(super) struct Secrets {
    path: PathBuf,
    by_reference: BTreeMap<String, String>,
    /// Whether the file has not what is here, a secret too few or too many: a failed write is made up for by the next.
    unwritten: bool,
}

impl Secrets {
    /// Opens the file; a damaged one is put aside, and told. What referred to it is then not restored.
    pub(super) fn open(path: PathBuf) -> Result<(Self, Option<String>), HistoryError> {
        let (by_reference, damage) = match read(&path)? {
            Some(known) => (known, None),
            None => {
                let aside = path.with_extension("damaged");
                fs::rename(&path, &aside).map_err(error("putting aside the damaged secrets", &path))?;
                let told = format!("the secrets of older settings were damaged; see `{}`", aside.display());
                (BTreeMap::new(), Some(told))
            }
        };
        Ok((Self { path, by_reference, unwritten: false }, damage))
    }

    /// Opens the file for reading alone: a damaged one stays where it is, for the next start to find and to tell.
    pub(super) fn look(path: PathBuf) -> Result<Self, HistoryError> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the file is damaged");
        let by_reference = read(&path)?.ok_or_else(|| error("reading the secrets", &path)(damaged()))?;
        Ok(Self { path, by_reference, unwritten: false })
    }

    /// A content with references in place of its secrets. They are in the file before this returns: what is sealed
    /// never refers to nothing. Ranges in any order and over each other are cut out as what they cover together; one that is
    /// not in the content is refused, since nobody knows what it was to hide.
    pub(super) fn seal(&mut self, content: &[u8], secrets: &[Range<usize>]) -> Result<String, HistoryError> {
        let mut secrets = secrets.to_vec();
        secrets.sort_unstable_by_key(|range| range.start);
        let mut sealed = String::with_capacity(content.len());
        let mut end = 0;
        for range in secrets {
            if content.get(range.clone()).is_none() {
                let beyond = io::Error::new(io::ErrorKind::InvalidInput, "it is not within the content");
                return Err(error("cutting out a secret for", &self.path)(beyond));
            }
            let start = range.start.max(end);
            let Some(secret) = content.get(start..range.end) else { continue };
            let reference = self.reference(text(secret).into_owned())?;
            sealed.push_str(&text(content.get(end..start).unwrap_or_default()));
            sealed.push_str(MARK);
            sealed.push_str(&reference);
            end = range.end;
        }
        sealed.push_str(&text(content.get(end..).unwrap_or_default()));
        if self.unwritten {
            self.write()?;
        }
        Ok(sealed)
    }

    /// A sealed content with its secrets put back; `None` where one of them is gone.
    pub(super) fn unseal(&self, sealed: &str) -> Option<Vec<u8>> {
        let mut parts = sealed.split(MARK);
        let mut content = parts.next()?.to_owned();
        for part in parts {
            content.push_str(self.by_reference.get(part.get(..REFERENCE_DIGITS)?)?);
            content.push_str(part.get(REFERENCE_DIGITS..)?);
        }
        Some(content.into_bytes())
    }

    /// Forgets every secret that is not referred to.
    pub(super) fn keep_only(&mut self, referred: &HashSet<String>) -> Result<(), HistoryError> {
        let before = self.by_reference.len();
        self.by_reference.retain(|reference, _| referred.contains(reference));
        self.unwritten |= self.by_reference.len() < before;
        if self.unwritten { self.write() } else { Ok(()) }
    }

    /// The reference of a secret. References are random: they tell nothing of the value.
    fn reference(&mut self, value: String) -> Result<String, HistoryError> {
        if let Some((reference, _)) = self.by_reference.iter().find(|(_, known)| **known == value) {
            return Ok(reference.clone());
        }
        let mut random = [0; REFERENCE_DIGITS / 2];
        getrandom::fill(&mut random)
            .map_err(|source| error("naming a secret in", &self.path)(io::Error::other(source)))?;
        let reference: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        self.by_reference.insert(reference.clone(), value);
        self.unwritten = true;
        Ok(reference)
    }

    fn write(&mut self) -> Result<(), HistoryError> {
        let bytes = serde_json::to_vec(&self.by_reference)
            .map_err(|source| error("writing the secrets", &self.path)(source.into()))?;
        replace(&self.path, &bytes)?;
        self.unwritten = false;
        Ok(())
    }
}

/// Secrets by reference, none where there is no file; `None` where it is damaged.
fn read(path: &Path) -> Result<Option<BTreeMap<String, String>>, HistoryError> {
    match fs::read(path) {
        // What the parser says may quote a secret.
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(Some(BTreeMap::new())),
        Err(source) => Err(error("reading the secrets", path)(source)),
    }
}

/// A content that is in line is UTF-8 nearly always, and that is known much sooner than what of it is not.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// What a sealed content refers to.
pub(super) fn references(sealed: &str) -> impl Iterator<Item = String> {
    sealed.split(MARK).skip(1).filter_map(|part| part.get(..REFERENCE_DIGITS)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_holds_no_secret_and_comes_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        let content = br#"{"a": "sk-one", "b": "", "c": "sk-two", "d": "sk-one"}"#;
        let text = std::str::from_utf8(content).unwrap();
        let ranges: Vec<Range<usize>> =
            text.match_indices("sk-").map(|(start, _)| start..start + 6).collect();
        let sealed = Secrets::open(path.clone()).unwrap().0.seal(content, &ranges).unwrap();
        assert!(!sealed.contains("sk-"), "{sealed}");
        let (again, _) = Secrets::open(path).unwrap();
        assert_eq!(again.unseal(&sealed).unwrap(), content);
        assert_eq!(again.by_reference.len(), 2, "the same secret has one reference");
    }

    #[test]
    fn however_secrets_are_given_nothing_of_them_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (mut secrets, _) = Secrets::open(folder.path().join("secrets.json")).unwrap();
        let content = b"a=sk-one b=sk-two";
        let out_of_order = [11..17, 2..8];
        let overlapping = [2..6, 4..8, 11..17];
        let one_within_another = [2..8, 3..5, 11..17];
        let twice = [2..8, 2..8, 11..17];
        for ranges in [&out_of_order[..], &overlapping, &one_within_another, &twice] {
            let sealed = secrets.seal(content, ranges).unwrap();
            let stays = ["sk-", "one", "two"].iter().any(|part| sealed.contains(part));
            assert!(!stays, "{ranges:?}: {sealed}");
            assert_eq!(secrets.unseal(&sealed).unwrap(), content, "{ranges:?}");
        }
        let beyond = secrets.seal(content, std::slice::from_ref(&(11..18))).unwrap_err().to_string();
        assert!(!beyond.contains("sk-"), "{beyond}");
    }

    #[test]
    fn a_damaged_file_is_put_aside_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        fs::write(&path, "").unwrap();
        let (mut secrets, damage) = Secrets::open(path.clone()).unwrap();
        assert!(damage.unwrap().contains("secrets.damaged"));
        let sealed = secrets.seal(b"x=secret1", std::slice::from_ref(&(2..9))).unwrap();
        assert_eq!(Secrets::open(path).unwrap().0.unseal(&sealed).unwrap(), b"x=secret1");
    }

    #[test]
    fn what_nobody_refers_to_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        let (mut secrets, _) = Secrets::open(path.clone()).unwrap();
        let range = std::slice::from_ref(&(2..9));
        let old = secrets.seal(b"x=secret1", range).unwrap();
        let new = secrets.seal(b"x=secret2", range).unwrap();
        secrets.keep_only(&references(&new).collect()).unwrap();
        assert!(!fs::read_to_string(path).unwrap().contains("secret1"));
        assert_eq!((secrets.unseal(&new).unwrap(), secrets.unseal(&old)), (b"x=secret2".to_vec(), None));
    }

    #[test]
    fn what_could_not_be_forgotten_is_with_the_next_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        let (mut secrets, _) = Secrets::open(path.clone()).unwrap();
        secrets.seal(b"x=secret1", std::slice::from_ref(&(2..9))).unwrap();
        let in_the_way = folder.path().join("secrets.new");
        fs::create_dir(&in_the_way).unwrap();
        secrets.keep_only(&HashSet::new()).unwrap_err();
        fs::remove_dir(&in_the_way).unwrap();
        secrets.seal(b"{}", &[]).unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "{}");
    }
}
