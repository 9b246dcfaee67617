//! The journal as it lies on the disk, read by other means than the engine's own.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

const MARK: &str = "changeover-secret:";
const REFERENCE_DIGITS: usize = 32;

pub struct Journal {
    path: PathBuf,
    /// Every whole line.
    pub lines: Vec<Value>,
    /// Bytes after the last whole line.
    pub torn: usize,
    /// Which file it is: a journal that was rewritten is another one.
    pub inode: u64,
    contents: HashMap<String, String>,
}

impl Journal {
    /// Reads all of it. A whole line that is no JSON object of the three kinds fails the test.
    pub fn read(state_dir: &Path) -> Self {
        let path = state_dir.join("journal.jsonl");
        let bytes = std::fs::read(&path).unwrap();
        let inode = std::fs::metadata(&path).unwrap().ino();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let parse = |line: &[u8]| -> Value {
            let value: Value = serde_json::from_slice(line)
                .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(line)));
            let kind = value.as_object().and_then(|line| line.keys().next()).unwrap();
            assert!(["intent", "verdict", "outcome"].contains(&kind.as_str()), "{value}");
            value
        };
        let lines: Vec<Value> = bytes[..whole].split_inclusive(|byte| *byte == b'\n').map(parse).collect();
        let secrets = std::fs::read(state_dir.join("secrets.json")).unwrap_or_else(|_| b"{}".to_vec());
        let secrets: HashMap<String, String> = serde_json::from_slice(&secrets).unwrap();
        let mut contents = HashMap::new();
        for intent in lines.iter().filter_map(|line| line.get("intent")) {
            if let (Some(hash), Some(sealed)) = (intent["content"].as_str(), intent["sealed"].as_str()) {
                contents.insert(hash.to_owned(), unseal(sealed, &secrets));
            }
        }
        Self { path, lines, torn: bytes.len() - whole, inode, contents }
    }

    pub fn verdicts(&self) -> impl DoubleEndedIterator<Item = &Value> {
        self.lines.iter().filter_map(|line| line.get("verdict"))
    }

    /// The highest generation that it names.
    pub fn last_generation(&self) -> u64 {
        let lines = self.lines.iter().filter_map(|line| line.get("intent").or(line.get("verdict")));
        lines.filter_map(|line| line["generation"].as_u64()).max().unwrap_or(0)
    }

    /// The content of a verdict with its secrets, where the journal has it.
    pub fn content(&self, verdict: &Value) -> Option<&str> {
        self.contents.get(verdict["content"].as_str()?).map(String::as_str)
    }

    /// What became of a verdict later, as far as it is written down.
    fn outcome<'a>(&'a self, verdict: &'a Value) -> Option<&'a str> {
        let later = self.lines.iter().filter_map(|line| line.get("outcome"));
        let later = later.filter(|outcome| outcome["id"] == verdict["id"]).last();
        later.unwrap_or(verdict)["outcome"].as_str()
    }

    /// The last known good: the newest content that was kept; where none was, the newest that was applied.
    pub fn last_known_good(&self) -> Option<&str> {
        let applied: Vec<&Value> =
            self.verdicts().rev().filter(|verdict| verdict["verdict"] == "applied").collect();
        let kept = applied.iter().find(|verdict| self.outcome(verdict) == Some("kept"));
        self.content(kept.or(applied.first())?)
    }

    /// Cuts it somewhere inside its last line, as a power cut may; gives how many bytes of the line are left.
    pub fn cut(self, chance: &mut crate::chance::Chance) -> usize {
        let bytes = std::fs::read(&self.path).unwrap();
        let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let left = 1 + usize::try_from(chance.below((bytes.len() - last - 1) as u64)).unwrap();
        let file = std::fs::File::options().write(true).open(&self.path).unwrap();
        file.set_len((last + left) as u64).unwrap();
        left
    }
}

fn unseal(sealed: &str, secrets: &HashMap<String, String>) -> String {
    let mut parts = sealed.split(MARK);
    let mut content = parts.next().unwrap().to_owned();
    for part in parts {
        let (reference, rest) = part.split_at(REFERENCE_DIGITS);
        content.push_str(secrets.get(reference).expect("what the journal refers to is in `secrets.json`"));
        content.push_str(rest);
    }
    content
}
