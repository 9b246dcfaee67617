//! The files that are generated from the table, and the example.

use std::path::PathBuf;

use super::super::{KEYS, Settings, documents};
use super::{accepted, home};

/// A file of the repository; with `THOTH_BLESS=1` it is written anew.
fn holds(path: &str, expected: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var("THOTH_BLESS").as_deref() == Ok("1") {
        std::fs::write(&file, expected).expect("the file can be written");
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "`{path}` is stale: `THOTH_BLESS=1 cargo test -p thoth documents` writes it anew"
    );
}

#[test]
fn the_schema_is_up_to_date() {
    let schema = serde_json::to_string_pretty(&documents::schema()).expect("JSON");
    holds("settings/settings.schema.json", &format!("{schema}\n"));
}

#[test]
fn the_reference_page_is_up_to_date() {
    let page = documents::reference_page();
    for key in KEYS {
        assert_eq!(page.matches(&format!("\n| `{}` |", key.path)).count(), 1, "{}", key.path);
    }
    holds("docs/settings.md", &page);
}

#[test]
fn the_example_names_every_default_that_is_read() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../settings/settings.example.jsonc");
    let text = std::fs::read_to_string(file).expect("the example");
    let home = home();
    let accepted = accepted(&text, &home);
    assert_eq!(accepted.warnings, []);
    assert_eq!(accepted.settings, Settings::default_for(&home.vault));
    let value = changeover::check::parse(text.as_bytes()).expect("the example").value();
    // Another key stands in for the first; the second, written, says that there is a server.
    let left_out = ["llm.default.maxTokens", "memory.letta.serverUrl"];
    for key in KEYS.iter().filter(|key| key.service.is_some() && !left_out.contains(&key.path)) {
        let found = value.pointer(&format!("/{}", key.path.replace('.', "/")));
        assert_eq!(found, Some(&key.default.value()), "{}", key.path);
    }
}
