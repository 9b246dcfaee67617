//! Temporary changes on top of the file, and keys under the spelling of the file.

use changeover::edit::Change;
use changeover::schedule::{Entry, Kind, Temporary};
use changeover::{Accepted, Files, Occasion, Problem};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::{Layers, Origin, Settings, edited, said};
use super::{environment, home};

const FILE: &str =
    "{\n\"rag\": { \"chunk_size\": 500, \"chunkOverlap\": 50 }, \"logging\": { \"level\": \"INFO\" }\n}";

fn entry(id: u64, path: &str, value: Value) -> Entry {
    let at = |second| Timestamp::from_second(second).unwrap();
    Entry {
        id,
        kind: Kind::Temporary,
        at: at(1_000),
        relative: true,
        changes: vec![Change { path: path.to_owned(), value: Some(value) }],
        expected: Default::default(),
        actor: None,
        set_at: at(0),
        end: None,
    }
}

fn with(
    entries: Vec<Entry>,
    occasion: Occasion,
    pairs: &[(&str, &str)],
) -> Result<Accepted<Settings>, Vec<Problem>> {
    above(entries, occasion, pairs, None)
}

fn above(
    entries: Vec<Entry>,
    occasion: Occasion,
    pairs: &[(&str, &str)],
    above: Option<&str>,
) -> Result<Accepted<Settings>, Vec<Problem>> {
    let home = home();
    let (local, temporary) = (home.vault.root().join("local.json"), home.vault.root().join("temporary.json"));
    std::fs::write(&temporary, serde_json::to_vec(&Temporary { entries }).unwrap()).unwrap();
    if let Some(content) = above {
        std::fs::write(&local, content).unwrap();
    }
    let (environment, vault) = (environment(pairs), home.vault.clone());
    Layers { local, temporary: Some(temporary), environment, vault }
        .check(&Files::around(FILE.as_bytes()), occasion)
}

#[test]
fn it_lies_above_the_local_file_too() {
    let entries = || vec![entry(1, "rag.chunkSize", json!(700))];
    let local = "{ \"rag\": { \"chunkSize\": 600, \"chunkOverlap\": 60 } }";
    let above = above(entries(), Occasion::Running, &[], Some(local)).unwrap();
    assert_eq!((above.settings.rag.chunk_size, above.settings.rag.chunk_overlap), (700, 60));
}

#[test]
fn it_lies_above_the_file_and_below_the_environment() {
    let entries = vec![entry(1, "rag.chunkSize", json!(700)), entry(2, "logging.level", json!("ERROR"))];
    let accepted = with(entries.clone(), Occasion::Running, &[]).unwrap();
    assert_eq!((accepted.settings.rag.chunk_size, accepted.settings.rag.chunk_overlap), (700, 50));
    let until = Timestamp::from_second(1_000).unwrap();
    assert_eq!(accepted.settings.origins.of("rag.chunkSize"), Origin::Temporary { id: 1, until });
    let line_two = Origin::File { file: "settings.json".to_owned(), line: 2 };
    assert_eq!(accepted.settings.origins.of("rag.chunkOverlap"), line_two);
    assert_eq!(accepted.settings.logging.level.to_string(), "ERROR");

    let pinned = with(entries, Occasion::Running, &[("THOTH_LOG_LEVEL", "DEBUG")]).unwrap();
    assert_eq!(pinned.settings.logging.level.to_string(), "DEBUG");
    let variable = Origin::Variable { variable: "THOTH_LOG_LEVEL".to_owned() };
    assert_eq!(pinned.settings.origins.of("logging.level"), variable);
}

#[test]
fn one_that_does_not_fit_is_refused_and_keeps_no_start_from_happening() {
    let wide = || vec![entry(1, "rag.chunkOverlap", json!(600))];
    let problems = with(wide(), Occasion::Running, &[]).unwrap_err();
    assert!(problems[0].message.starts_with("a temporary change: "), "{problems:?}");
    assert_eq!(problems[0].line, None);
    let started = with(wide(), Occasion::Start, &[]).unwrap();
    assert_eq!(started.settings.rag.chunk_overlap, 50);
    assert!(started.warnings.iter().any(|warning| warning.message == problems[0].message));
}

#[test]
fn a_key_keeps_the_spelling_of_the_file() {
    let file = "{\"llmConfig\": {\"default\": {}}, \"rag\": {\"chunk_size\": 500 /* mine */}}";
    let change = |path: &str, value: Value| Change { path: path.to_owned(), value: Some(value) };
    let changes = [change("rag.chunkSize", json!(600)), change("llm.default.model", json!("m"))];
    let edited_file = String::from_utf8(edited(file.as_bytes(), &changes).unwrap()).unwrap();
    assert!(edited_file.contains("\"chunk_size\": 600 /* mine */"), "{edited_file}");
    assert_eq!(said(edited_file.as_bytes(), "llm.default.model"), Some(json!("m")), "{edited_file}");
    assert!(!edited_file.contains("\"llm\""), "{edited_file}");
    assert_eq!(said(file.as_bytes(), "rag.chunkSize"), Some(json!(500)));
    assert_eq!(said(file.as_bytes(), "rag.chunkOverlap"), None);
    let unknown = edited(file.as_bytes(), &[change("rag.colour", json!(1))]).unwrap_err();
    assert!(unknown.message.contains("is no key"), "{unknown}");
}
