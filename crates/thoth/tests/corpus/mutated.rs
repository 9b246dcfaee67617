//! Real files with a few bytes changed: no panic, an answer of bounded size, and every problem within the file.

use changeover::Problem;
use changeover::check::Places;
use thoth::settings::render::{Style, write_report};

use crate::kept::{Target, made_up, value_of};
use crate::{FOLDER, home};

const CHECK: Target =
    Target { folder: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/kept"), holds: is_answered };

/// What somebody may have put where something else was.
const PIECES: [&str; 28] = [
    "",
    "\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "-1",
    "1e9",
    "true",
    "\"x\"",
    "\"<redacted>\"",
    "_",
    "#",
    "//",
    "/*",
    "\\",
    "ä",
    "\u{feff}",
    "\n",
    "\"llm\":{",
    "\"pdf\":\"/etc\",",
    "\"temperature\":3,",
    "99999999999999999999",
    "sk-",
];

/// Bytes of one problem: a key is shown by its beginning, and so is a value.
const PROBLEM_MAX: usize = 12_000;

#[test]
fn any_change_of_a_real_file_is_answered() {
    CHECK.replay();
    let mut files: Vec<Vec<u8>> = std::fs::read_dir(std::path::Path::new(FOLDER).join("long"))
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    files.sort();
    made_up(|bytes| {
        let (file, changes): (u8, Vec<(u16, u8, u8)>) = value_of(bytes);
        let mut content = files[usize::from(file) % files.len()].clone();
        for (place, length, piece) in changes.iter().take(4) {
            let at = usize::from(*place) * content.len() / 65_536;
            let end = (at + usize::from(*length % 24)).min(content.len());
            // Most bytes stand for a piece, some for themselves.
            match PIECES.get(usize::from(*piece) % 32) {
                Some(piece) => drop(content.splice(at..end, piece.bytes())),
                None => drop(content.splice(at..end, [*piece])),
            }
        }
        CHECK.try_with(&content);
    });
}

fn is_answered(content: &[u8]) {
    let said = home().check(content);
    assert_eq!(said.settings.is_some(), said.problems.is_empty());
    let text = String::from_utf8_lossy(content);
    let places = Places::new(&text);
    let in_order = |problems: &[Problem]| {
        problems.is_sorted_by_key(|problem| (problem.line.is_none(), problem.line, problem.column))
    };
    assert!(in_order(&said.problems) && in_order(&said.warnings));
    for problem in said.problems.iter().chain(&said.warnings) {
        assert!(problem.to_string().len() < PROBLEM_MAX, "{problem}");
        if let (Some(line), Some(column)) = (problem.line, problem.column) {
            assert!(places.byte(line, column).is_some(), "{problem}");
        }
        // What the file itself says has a place in it.
        assert!(problem.line.is_some() || !problem.message.contains("unknown key"), "{problem}");
    }
    let mut report = String::new();
    let style = Style { colors: false, width: 80 };
    write_report(&mut report, ("settings.json", content), &|_| None, &said.problems, &said.warnings, style)
        .unwrap();
    assert!(!report.contains("example-openrouter-key"), "{report}");
}
