//! Contents that went live, with references in place of their secrets.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::HistoryError;
use super::files::{error, make_folder, replace};

/// What stands in a kept content in place of a secret, followed by its reference.
const MARK: &str = "changeover-secret:";

/// Hexadecimal digits of a reference.
const REFERENCE_DIGITS: usize = 32;

/// The folder of contents and the one file of secrets.
#[derive(Debug)]
pub(super) struct Contents {
    folder: PathBuf,
    secrets_file: PathBuf,
    secrets: BTreeMap<String, String>,
    kept: HashSet<String>,
    /// Whether there are secrets that the file does not have yet: a failed write is made up for by the next.
    unwritten: bool,
}

impl Contents {
    pub(super) fn open(state_dir: &Path) -> Result<Self, HistoryError> {
        let folder = state_dir.join("contents");
        make_folder(&folder)?;
        let secrets_file = state_dir.join("secrets.json");
        let secrets = match fs::read(&secrets_file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| error("reading the secrets", &secrets_file)(source.into()))?,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(source) => return Err(error("reading the secrets", &secrets_file)(source)),
        };
        let listing = fs::read_dir(&folder).map_err(error("reading the folder", &folder))?;
        let kept = listing
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        Ok(Self {
            folder,
            secrets_file,
            secrets,
            kept,
            unwritten: false,
        })
    }

    /// Keeps a content under its hash. The secrets are written first: a content never refers to nothing.
    pub(super) fn keep(
        &mut self,
        hash: &str,
        bytes: &[u8],
        secrets: &[Range<usize>],
    ) -> Result<(), HistoryError> {
        if self.kept.contains(hash) {
            return Ok(());
        }
        let mut sealed = Vec::with_capacity(bytes.len());
        let mut end = 0;
        for range in secrets {
            let (Some(between), Some(secret)) = (bytes.get(end..range.start), bytes.get(range.clone()))
            else {
                continue;
            };
            let value = String::from_utf8_lossy(secret).into_owned();
            let reference = self.reference(value)?;
            sealed.extend_from_slice(between);
            sealed.extend_from_slice(MARK.as_bytes());
            sealed.extend_from_slice(reference.as_bytes());
            end = range.end;
        }
        sealed.extend_from_slice(bytes.get(end..).unwrap_or_default());
        if self.unwritten {
            self.write_secrets()?;
        }
        replace(&self.folder.join(hash), &sealed)?;
        self.kept.insert(hash.to_owned());
        Ok(())
    }

    /// The content of a hash, with its secrets put back.
    pub(super) fn restore(&self, hash: &str) -> Result<Vec<u8>, HistoryError> {
        let path = self.folder.join(hash);
        let sealed = fs::read(&path).map_err(error("reading the content", &path))?;
        let sealed =
            String::from_utf8(sealed).map_err(|source| error("reading", &path)(io::Error::other(source)))?;
        let mut parts = sealed.split(MARK);
        let mut restored = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let secret = part
                .get(..REFERENCE_DIGITS)
                .and_then(|reference| self.secrets.get(reference));
            let secret = secret.ok_or_else(|| {
                let missing = io::Error::new(io::ErrorKind::NotFound, "a secret that it refers to is gone");
                error("restoring the content", &path)(missing)
            })?;
            restored.push_str(secret);
            restored.push_str(part.get(REFERENCE_DIGITS..).unwrap_or_default());
        }
        Ok(restored.into_bytes())
    }

    /// Forgets every content that is not named, and every secret that no kept content refers to.
    pub(super) fn keep_only(&mut self, named: &HashSet<String>) -> Result<(), HistoryError> {
        for hash in self.kept.difference(named) {
            let path = self.folder.join(hash);
            match fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(error("removing the content", &path)(source));
                }
                _ => {}
            }
        }
        self.kept.retain(|hash| named.contains(hash));
        let mut referred = HashSet::new();
        for hash in &self.kept {
            let path = self.folder.join(hash);
            let sealed = fs::read_to_string(&path).map_err(error("reading the content", &path))?;
            let references = sealed
                .split(MARK)
                .skip(1)
                .filter_map(|part| part.get(..REFERENCE_DIGITS));
            referred.extend(references.map(str::to_owned));
        }
        self.secrets.retain(|reference, _| referred.contains(reference));
        self.write_secrets()
    }

    /// The reference of a secret. References are random: they tell nothing of the value.
    fn reference(&mut self, value: String) -> Result<String, HistoryError> {
        if let Some((reference, _)) = self.secrets.iter().find(|(_, known)| **known == value) {
            return Ok(reference.clone());
        }
        let mut random = [0; REFERENCE_DIGITS / 2];
        getrandom::fill(&mut random)
            .map_err(|source| error("naming a secret in", &self.secrets_file)(io::Error::other(source)))?;
        let reference: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        self.secrets.insert(reference.clone(), value);
        self.unwritten = true;
        Ok(reference)
    }

    fn write_secrets(&mut self) -> Result<(), HistoryError> {
        let bytes = serde_json::to_vec(&self.secrets)
            .map_err(|source| error("writing the secrets", &self.secrets_file)(source.into()))?;
        replace(&self.secrets_file, &bytes)?;
        self.unwritten = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: Range<usize> = 2..9;

    #[test]
    fn a_kept_content_holds_no_secret_and_comes_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        let content = br#"{"a": "sk-one", "b": "", "c": "sk-two", "d": "sk-one"}"#;
        let text = std::str::from_utf8(content).unwrap();
        let ranges: Vec<Range<usize>> = text
            .match_indices("sk-")
            .map(|(start, _)| start..start + 6)
            .chain([])
            .collect();
        let mut contents = Contents::open(folder.path()).unwrap();
        contents.keep("one", content, &ranges).unwrap();
        let sealed = fs::read_to_string(folder.path().join("contents/one")).unwrap();
        assert!(!sealed.contains("sk-"), "{sealed}");
        let again = Contents::open(folder.path()).unwrap();
        assert_eq!(again.restore("one").unwrap(), content);
        assert_eq!(again.secrets.len(), 2, "the same secret has one reference");
    }

    #[test]
    fn what_nobody_names_is_forgotten_with_its_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let mut contents = Contents::open(folder.path()).unwrap();
        contents
            .keep("old", b"x=secret1", std::slice::from_ref(&SECRET))
            .unwrap();
        contents
            .keep("new", b"x=secret2", std::slice::from_ref(&SECRET))
            .unwrap();
        contents.keep_only(&["new".to_owned()].into()).unwrap();
        assert!(!folder.path().join("contents/old").exists());
        assert!(
            !fs::read_to_string(folder.path().join("secrets.json"))
                .unwrap()
                .contains("secret1")
        );
        assert_eq!(contents.restore("new").unwrap(), b"x=secret2");
    }
}
