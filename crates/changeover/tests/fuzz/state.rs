//! The files of a state directory, whatever has happened to them: no panic, and what is damaged is told.

use changeover::schedule::Temporary;
use changeover::{read_content, read_history};

use crate::kept::{Target, made_up};

const TEMPORARY: Target = Target {
    folder: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/kept/temporary"),
    holds: is_read_or_told,
};

const JOURNAL: Target = Target {
    folder: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/kept/journal"),
    holds: whole_lines_are_read,
};

const ENTRY: &str = r#"{"id":7,"kind":"temporary","at":"2026-01-31T12:00:00Z","relative":true,"changes":[{"path":"a.b","value":null}],"set_at":"2026-01-31T11:00:00Z"}"#;

const LINES: [&str; 3] = [
    r#"{"verdict":{"id":3,"verdict":"applied","outcome":null,"generation":2,"cause":"save","problems":[],"warnings":[],"services":[],"stages_ms":{},"at":"2026-01-31T12:00:00Z","content":"00"}}"#,
    r#"{"intent":{"generation":2,"content":"00","sealed":"{}","at":"2026-01-31T12:00:00Z"}}"#,
    r#"{"outcome":{"id":3,"outcome":"kept","at":"2026-01-31T12:00:00Z"}}"#,
];

/// A text with some of its bytes changed: each pair of bytes is a place and what is put there.
fn damaged(text: &str, made_up: &[u8]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for change in made_up.chunks_exact(3) {
        let at = usize::from(change[0]) * bytes.len() / 256;
        match change[1] % 4 {
            0 => bytes.truncate(at),
            1 => bytes.insert(at.min(bytes.len()), change[2]),
            2 => bytes.extend_from_slice(text.as_bytes()),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = change[2]),
        }
    }
    bytes
}

#[test]
fn temporary_changes_are_read_or_told_as_damaged() {
    TEMPORARY.replay();
    let text = format!("{{\"entries\":[{ENTRY},{ENTRY}]}}");
    made_up(|bytes| {
        TEMPORARY.try_with(bytes);
        TEMPORARY.try_with(&damaged(&text, bytes));
    });
}

fn is_read_or_told(content: &[u8]) {
    match Temporary::parse(content) {
        Ok(temporary) => {
            let changes = temporary.changes();
            let written: usize = temporary.entries.iter().map(|entry| entry.changes.len()).sum();
            assert!(changes.len() <= written);
        }
        Err(problem) => assert!(problem.message.contains("damaged")),
    }
}

#[test]
fn a_journal_gives_every_whole_line_that_is_one() {
    JOURNAL.replay();
    let text = format!("{}\n{}\n{}\n", LINES[0], LINES[1], LINES[2]);
    made_up(|bytes| {
        let mut journal = damaged(&text, bytes);
        // A whole verdict behind whatever came before it must be found.
        journal.push(b'\n');
        journal.extend_from_slice(LINES[0].replace("\"id\":3", "\"id\":9").as_bytes());
        journal.push(b'\n');
        journal.extend_from_slice(bytes.split(|byte| *byte == b'\n').next().unwrap_or_default());
        JOURNAL.try_with(&journal);
    });
}

fn whole_lines_are_read(content: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("journal.jsonl"), content).unwrap();
    let verdicts = read_history(folder.path()).unwrap();
    assert!(verdicts.is_sorted_by_key(|verdict| verdict.id));
    for verdict in &verdicts {
        read_content(folder.path(), verdict.id).unwrap();
    }
    let marked = format!("\n{}\n", LINES[0].replace("\"id\":3", "\"id\":9"));
    if content.windows(marked.len()).any(|window| window == marked.as_bytes()) {
        assert!(verdicts.iter().any(|verdict| verdict.id == 9), "a whole verdict was passed over");
    }
}
