//! Files that look bad and are good, and what is said of them.

use changeover::Occasion;

use super::super::{Environment, Settings, check};
use super::{Expected, accepted, compare, home};

/// Warnings of these files, those about absent sections aside.
fn warned(cases: &[(&str, &[Expected])]) {
    let home = home();
    for (text, expected) in cases {
        let warnings = accepted(text, &home).warnings;
        let warnings: Vec<_> =
            warnings.into_iter().filter(|warning| !warning.message.contains("section is absent")).collect();
        compare(text, &warnings, expected);
    }
}

#[test]
fn what_looks_bad_and_is_good() {
    let home = home();
    let root = home.vault.root().display();
    let good = [
        "\u{feff}{\r\n  // Windows\r\n  \"rag\": {\"chunkSize\": 500,},\r\n}\r\n".to_owned(),
        "# a comment\n{\"rag\": {\"chunkSize\": 500}} # Test change\n".to_owned(),
        r#"{"llm": {"default": {"temperature": 0}}}"#.to_owned(),
        r#"{"llm": {"default": {"temperature": 2.0, "topP": 0.0, "retriesMax": 0}}}"#.to_owned(),
        r#"{"llm": {"default": {"temperature": 1e0}}}"#.to_owned(),
        r#"{"apiKeys": {"openrouterKey": "", "openaiKey": " ", "unpaywallEmail": ""}}"#.to_owned(),
        r#"{"_comment": 5, "_anything": {"goes": []}, "$schema": "x", "rag": {"_why": "speed", "chunkSize": 500}}"#.to_owned(),
        r#"{"version": null, "lastModified": null, "rag": {"chunkSize": 500}}"#.to_owned(),
        r#"{"version": "1.0.0", "lastModified": "2026-01-31T12:00:00+02:00", "rag": {"chunkSize": 500}}"#.to_owned(),
        r#"{"servers": {"api": {"host": "0.0.0.0", "port": 65535}}}"#.to_owned(),
        r#"{"servers": {"api": {"host": "::1", "allowedHosts": ["thoth.local", "10.0.0.1", "my_box", "[::1]"]}}}"#.to_owned(),
        r#"{"servers": {"api": {"port": 8001}, "mcp": {"port": 8001, "enabled": false}}}"#.to_owned(),
        r#"{"servers": {"api": {"port": 8001}, "mcp": {"port": 8001}}}"#.to_owned(),
        r#"{"servers": {"mcp": {"enabled": true, "allowedHosts": ["thoth.example"]}}}"#.to_owned(),
        r#"{"servers": {"api": {"port": 8001}}}"#.to_owned(),
        r#"{"servers": {"api": {"port": 8001, "host": "127.0.0.1"}, "mcp": {"port": 8001, "host": "10.0.0.1", "enabled": true}}}"#.to_owned(),
        r#"{"llm": {"default": {"baseUrl": "http://localhost:11434/v1"}}}"#.to_owned(),
        r#"{"llm": {"default": {"baseUrl": "HTTPS://Example.COM/v1/"}}}"#.to_owned(),
        r#"{"llm": {"default": {"baseUrl": "http://[::1]:8080"}}}"#.to_owned(),
        r#"{"llm": {"default": {"model": "llama3.1:8b-instruct-q4_K_M"}}}"#.to_owned(),
        r#"{"paths": {"pdf": "."}}"#.to_owned(),
        r#"{"paths": {"pdf": "papers/../papers/./new/"}}"#.to_owned(),
        r#"{"paths": {"pdf": "..papers/ä ö/#1"}}"#.to_owned(),
        format!(r#"{{"paths": {{"pdf": "{root}/papers"}}}}"#),
        r#"{"paths": {"pdf": "/etc/thoth", "allowOutside": true}}"#.to_owned(),
        r#"{"rag": {"chunkSize": 201}}"#.to_owned(),
        r#"{"rag": {"chunkSize": 100, "chunkOverlap": 0}}"#.to_owned(),
        r#"{"logging": {"level": "CRITICAL"}}"#.to_owned(),
        r#"{"reload": {"settleMs": 0}}"#.to_owned(),
    ];
    for text in &good {
        accepted(text, &home);
    }
}

#[test]
fn older_spellings_mean_the_same() {
    let home = home();
    type Holds = fn(&Settings) -> bool;
    let cases: [(&str, Holds); 12] = [
        (r#"{"llmConfig": {"default": {"temperature": 0.1}}}"#, |s| s.llm.default.temperature == 0.1),
        (r#"{"llm_config": {"default": {"temperature": 0.1}}}"#, |s| s.llm.default.temperature == 0.1),
        (r#"{"llm": {"temperature": 0.1, "default_model": "m"}}"#, |s| {
            s.llm.default.temperature == 0.1 && s.llm.default.model == "m"
        }),
        (r#"{"llmConfig": {"default_model": "m"}}"#, |s| s.llm.default.model == "m"),
        (r#"{"paths": {"pdfDir": "p"}}"#, |s| s.paths.pdf.ends_with("my vault/p")),
        (r#"{"paths": {"pdf_dir": "p"}}"#, |s| s.paths.pdf.ends_with("my vault/p")),
        (r#"{"rag": {"topK": 9}}"#, |s| s.rag.qa.retrieval_k == 9),
        (r#"{"rag": {"top_k": 9}}"#, |s| s.rag.qa.retrieval_k == 9),
        (r#"{"rag": {"chunk_size": 300, "qa": {"max_tokens": 7}}}"#, |s| {
            s.rag.chunk_size == 300 && s.rag.qa.max_tokens == 7
        }),
        (r#"{"api_keys": {"openrouter_key": "k"}}"#, |s| s.api_keys.openrouter_key.expose() == "k"),
        (r#"{"log_level": "DEBUG"}"#, |s| s.logging.level.to_string() == "DEBUG"),
        (r#"{"llm": {"default": {"max_tokens": 77}}}"#, |s| s.llm.default.max_output_tokens == 77),
    ];
    for (text, holds) in cases {
        let accepted = accepted(text, &home);
        assert!(holds(&accepted.settings), "{text}\n{:#?}", accepted.settings);
        assert!(
            accepted
                .warnings
                .iter()
                .any(|warning| warning.message.contains("older spelling") && warning.line == Some(1)),
            "{text}"
        );
    }
}

#[test]
fn legacy_paths_mean_the_same() {
    let home = home();
    let cases = [
        ("papers/new", "papers/new"),
        ("./papers//new/", "papers/new"),
        ("/vault/papers/new", "papers/new"),
        ("/vault", "."),
        ("/workspace", "thoth/_thoth"),
        ("/workspace/data", "data"),
        ("/thoth/papers", "thoth/papers"),
        ("/thoth", "thoth"),
    ];
    for (written, meant) in cases {
        let text = format!(r#"{{"paths": {{"pdf": "{written}"}}}}"#);
        let settings = accepted(&text, &home).settings;
        assert_eq!(settings.vault.relative(&settings.paths.pdf), meant, "{written}");
    }
}

#[test]
fn warnings_have_places() {
    warned(&[
        (r#"{"rag": {"chunkSize": 500}, "test": true}"#, &[("test", 1, 29, "unknown key (it is ignored)")]),
        (
            r#"{"rag": {"chunkSize": 500}, "chunkOverlap": 5}"#,
            &[("chunkOverlap", 1, 29, "`rag.chunkOverlap` is its place")],
        ),
        (
            r#"{"llm": {"default": {"model": "m", "modle": "x"}}}"#,
            &[("llm.default.modle", 1, 36, "unknown key")],
        ),
        (r#"{"rag": {"chunk_size": 500}}"#, &[("rag.chunk_size", 1, 10, "write `rag.chunkSize`")]),
        (
            r#"{"discovery": {"defaultIntervalMinutes": 5}}"#,
            &[("discovery", 1, 16, "not used"), ("discovery.defaultIntervalMinutes", 1, 42, "less than 15")],
        ),
        (
            r#"{"environment": {"type": "moon"}}"#,
            &[("environment", 1, 18, "not used"), ("environment.type", 1, 26, "is not one of")],
        ),
        (r#"{"version": "one", "rag": {"chunkSize": 500}}"#, &[("version", 1, 13, "three numbers")]),
        (
            r#"{"rag": {"embeddingModel": "x", "chunkSize": 500}}"#,
            &[("rag", 1, 10, "`rag.embeddingModel` is accepted and not used")],
        ),
        (r#"{"llm": {"default": {"baseUrl": "http://10.0.0.1/v1"}}}"#, &[]),
        (
            r#"{"apiKeys": {"customKey": "k"}, "llm": {"default": {"baseUrl": "http://10.0.0.1/v1"}}}"#,
            &[("llm.default.baseUrl", 1, 64, "no key is sent")],
        ),
        (
            r#"{"memory": {"letta": {"serverUrl": "http://a.example"}}, "apiKeys": {"lettaApiKey": "s"}}"#,
            &[("memory.letta.serverUrl", 1, 36, "`apiKeys.lettaApiKey` is not sent to it")],
        ),
    ]);
}

#[test]
fn absent_sections_are_warnings() {
    let warnings = accepted(r#"{"rag": {"chunkSize": 500}}"#, &home()).warnings;
    let absent: Vec<&str> = warnings.iter().map(|warning| warning.path.as_str()).collect();
    assert_eq!(absent, ["paths", "apiKeys", "servers"]);
    assert_eq!(
        accepted(r#"{"paths": {}, "apiKeys": {}, "servers": {"api": {"port": 1}}}"#, &home()).warnings,
        []
    );
}

#[test]
fn an_empty_object_is_fine_at_the_start() {
    let home = home();
    for occasion in [Occasion::Start, Occasion::RunningAllowEmpty] {
        for text in ["{}", r#"{"llm": {}}"#, r#"{"test": true}"#] {
            let accepted =
                check(text.as_bytes(), occasion, &Environment::default(), &home.vault).expect(text);
            assert_eq!(accepted.settings, Settings::default_for(&home.vault), "{text}");
            assert!(
                accepted.warnings.iter().any(|warning| warning.message.contains("sets nothing")),
                "{text}"
            );
        }
    }
}

/// A file that names every key with its default, as the older Thoth wrote it, is accepted in a few lines.
#[test]
fn every_default_is_accepted() {
    let home = home();
    let mut file = serde_json::Value::Null;
    for key in super::super::KEYS {
        let mut node = &mut file;
        for name in key.path.split('.') {
            node = &mut node[name];
        }
        *node = key.default.value();
    }
    let text = serde_json::to_string_pretty(&file).expect("JSON");
    let accepted = accepted(&text, &home);
    let mut expected = Settings::default_for(&home.vault);
    // Written, even the default address says that there is a Letta server.
    expected.memory.letta.server_url = Some(crate::letta::settings::USUAL.clone());
    assert_eq!(accepted.settings, expected);
    assert!(accepted.warnings.len() <= 15, "{}", super::lines(&accepted.warnings));
    assert!(
        accepted.warnings.iter().all(|warning| warning.message.contains("not used")),
        "{}",
        super::lines(&accepted.warnings)
    );
}

#[test]
fn the_table_holds_together() {
    let home = home();
    let defaults = Settings::default_for(&home.vault);
    assert_eq!(defaults.llm.default.base_url.as_str(), "https://openrouter.ai/api/v1");
    assert_eq!(defaults.servers.api.host, "127.0.0.1");
    assert_eq!(
        (defaults.rag.chunk_size, defaults.rag.chunk_overlap, defaults.rag.qa.retrieval_k),
        (1000, 200, 4)
    );
    let mut paths: Vec<&str> = super::super::KEYS.iter().map(|key| key.path).collect();
    let count = paths.len();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), count, "a key stands twice in the table");
    for (alias, canonical) in super::super::ALIASES {
        let is_known =
            paths.iter().any(|path| path == canonical || path.starts_with(&format!("{canonical}.")));
        assert!(is_known && !paths.contains(alias), "{alias}");
    }
}

#[test]
fn papers_and_notes_in_one_folder_are_a_warning() {
    let home = home();
    let warned = |text: &str| {
        let accepted = accepted(text, &home);
        accepted.warnings.iter().any(|warning| warning.message.contains("the same folder"))
    };
    assert!(warned(r#"{"paths": {"pdf": "papers", "notes": "papers/"}, "apiKeys": {}, "servers": {}}"#));
    assert!(!warned(r#"{"paths": {"pdf": "papers", "notes": "notes"}, "apiKeys": {}, "servers": {}}"#));
}
