//! A journal in any state is opened: every whole line is read, what is torn or damaged is told, and the next line is written
//! where it can be read again.

use super::journal::{Journal, Line, Settled};
use crate::kept::{Target, made_up};
use crate::report::Outcome;

const JOURNAL: Target =
    Target { folder: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/kept/torn"), holds: is_told };

const WHOLE: &str = "{\"outcome\":{\"id\":3,\"outcome\":\"kept\",\"at\":\"2026-01-31T12:00:00Z\"}}\n";

#[test]
fn torn_and_damaged_lines_are_told() {
    JOURNAL.replay();
    made_up(|bytes| {
        // Whole lines, noise, and the beginning of a line at the end.
        let mut content = Vec::new();
        for step in bytes.split(|byte| byte % 8 == 0) {
            content.extend_from_slice(if step.len().is_multiple_of(3) { WHOLE.as_bytes() } else { step });
        }
        let torn = bytes.len() % WHOLE.len();
        content.extend_from_slice(WHOLE.get(..torn).unwrap_or_default().as_bytes());
        JOURNAL.try_with(&content);
    });
}

fn is_told(content: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    std::fs::write(&path, content).unwrap();
    let mut lines = Vec::new();
    let (mut journal, damage) = Journal::open(&path, |line| lines.push(line)).unwrap();
    let whole = content.iter().filter(|byte| **byte == b'\n').count();
    let ends_torn = content.last().is_some_and(|last| *last != b'\n');
    let good =
        content.split_inclusive(|byte| *byte == b'\n').filter(|line| *line == WHOLE.as_bytes()).count();
    assert!(lines.len() >= good && lines.len() <= whole);
    let blank = content.split_inclusive(|byte| *byte == b'\n').filter(|line| *line == b"\n").count();
    let damaged = whole - blank - lines.len();
    assert_eq!(damage.is_some(), ends_torn || damaged > 0, "{damage:?}");
    let damage = damage.unwrap_or_default();
    assert!(!ends_torn || damage.contains("bytes were cut off"), "{damage}");
    assert!(damaged == 0 || damage.contains(&format!("{damaged} lines")), "{damage}");
    let line = Line::Outcome(Settled {
        id: 99,
        outcome: Outcome::Kept,
        at: jiff::Timestamp::from_second(0).unwrap(),
    });
    journal.append(&line).unwrap();
    let mut again = 0;
    drop(Journal::open(&path, |_| again += 1).unwrap());
    assert_eq!(again, lines.len() + 1, "what was written after it can be read");
}
