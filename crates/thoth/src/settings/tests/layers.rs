//! Defaults, file, environment.

use changeover::{Accepted, Occasion};
use serde_json::json;

use super::super::{Environment, Settings, check};
use super::{Home, accepted, environment, home, lines};

fn with(text: &str, pairs: &[(&str, &str)], home: &Home) -> Accepted<Settings> {
    check(text.as_bytes(), Occasion::Running, &environment(pairs), &home.vault)
        .unwrap_or_else(|problems| panic!("refused: {text}\n{}", lines(&problems)))
}

#[test]
fn the_environment_pins() {
    let home = home();
    let pairs = [("THOTH_LOG_LEVEL", "debug"), ("THOTH_API_HOST", "0.0.0.0"), ("THOTH_API_PORT", "9000")];
    let text = r#"{"logging": {"level": "ERROR"}, "servers": {"api": {"host": "127.0.0.1", "port": 8000}}}"#;
    let accepted = with(text, &pairs, &home);
    let settings = &accepted.settings;
    assert_eq!(settings.logging.level.to_string(), "DEBUG");
    assert_eq!((settings.servers.api.host.as_str(), settings.servers.api.port), ("0.0.0.0", 9000));
    for (key, column, variable) in [
        ("logging.level", 23, "THOTH_LOG_LEVEL"),
        ("servers.api.host", 61, "THOTH_API_HOST"),
        ("servers.api.port", 82, "THOTH_API_PORT"),
    ] {
        assert_eq!(settings.pinned.get(key), Some(&variable));
        let told = accepted
            .warnings
            .iter()
            .find(|warning| warning.path == key)
            .unwrap_or_else(|| panic!("{key} is not told"));
        assert_eq!((told.line, told.column), (Some(1), Some(column)), "{told}");
        assert!(told.message.contains(variable), "{told}");
    }
    let same =
        with(r#"{"logging": {"level": "DEBUG"}, "paths": {}, "apiKeys": {}, "servers": {}}"#, &pairs, &home);
    assert_eq!(same.warnings, [], "a value that the file wants too needs no telling");
}

#[test]
fn the_environment_says_where_letta_is() {
    let home = home();
    let letta = |text: &str, pairs: &[(&str, &str)]| {
        let settings = with(text, pairs, &home).settings;
        let inputs = crate::letta::LettaInputs::of(&settings);
        let server = inputs.server.map(|url| url.as_str().trim_end_matches('/').to_owned());
        (server.unwrap_or_default(), inputs.key.expose().to_owned())
    };
    let check = |text: &str, pairs: &[(&str, &str)], server: &str, key: &str| {
        assert_eq!(letta(text, pairs), (server.to_owned(), key.to_owned()), "{text} {pairs:?}");
    };
    let nothing = r#"{"logging": {"level": "INFO"}}"#;
    let file = r#"{"memory": {"letta": {"base_url": "http://file:1"}}, "apiKeys": {"lettaApiKey": "file"}}"#;
    let cloud = r#"{"memory": {"letta": {"mode": "cloud"}}}"#;
    let variables = [("LETTA_SERVER_URL", "http://variable:2"), ("LETTA_API_KEY", "variable")];
    check(nothing, &[], "", "");
    check(nothing, &variables, "http://variable:2", "variable");
    check(nothing, &[("LETTA_SERVER_PASSWORD", "own")], "http://localhost:8283", "own");
    check(nothing, &[("LETTA_CLOUD_API_KEY", "cloud")], "", "");
    check(file, &[], "http://file:1", "file");
    check(file, &variables, "http://variable:2", "file");
    check(cloud, &[], "", "");
    check(cloud, &[("LETTA_CLOUD_API_KEY", "cloud")], "https://api.letta.com", "cloud");
    let pinned = with(file, &variables, &home);
    assert!(
        pinned.warnings.iter().any(|warning| warning.message.contains("LETTA_SERVER_URL")),
        "{}",
        lines(&pinned.warnings)
    );
}

#[test]
fn in_the_container_the_host_is_pinned() {
    let home = home();
    for text in [r#"{"servers": {"api": {"host": "127.0.0.1"}}}"#, r#"{"rag": {"chunkSize": 500}}"#] {
        let accepted = with(text, &[("THOTH_DOCKER", "1"), ("THOTH_API_HOST", "10.0.0.1")], &home);
        assert_eq!(accepted.settings.servers.api.host, "0.0.0.0");
        assert_eq!(accepted.settings.view()["_pinned"], json!({"servers.api.host": "THOTH_DOCKER"}));
    }
}

#[test]
fn in_the_container_mcp_listens_for_what_is_published() {
    let home = home();
    let check = |enabled: bool, host: &str, warnings: usize| {
        let text = format!(
            r#"{{"paths": {{}}, "apiKeys": {{}}, "servers": {{"mcp": {{"enabled": {enabled}, "host": "localhost"}}}}}}"#
        );
        let accepted = with(&text, &[("THOTH_DOCKER", "1")], &home);
        assert_eq!(accepted.settings.servers.mcp.host, host);
        assert_eq!(accepted.warnings.len(), warnings, "{:?}", accepted.warnings);
    };
    check(true, "0.0.0.0", 1);
    check(false, "localhost", 0);
}

#[test]
fn api_keys_of_the_file_win() {
    let home = home();
    let secret_file = home.folder.path().join("secret");
    std::fs::write(&secret_file, "from-docker-secret\n").expect("the file");
    let secret_file = secret_file.display().to_string();
    let file = r#"{"apiKeys": {"openrouterKey": "from-file"}}"#;
    let empty = r#"{"apiKeys": {"openrouterKey": ""}}"#;
    let variable = ("OPENROUTER_API_KEY", "from-variable");
    let named = ("OPENROUTER_API_KEY_FILE", secret_file.as_str());
    for (text, pairs, expected) in [
        (file, vec![variable, named], "from-file"),
        (empty, vec![variable, named], "from-variable"),
        (empty, vec![named], "from-docker-secret"),
        (empty, vec![("OPENROUTER_API_KEY", ""), named], "from-docker-secret"),
        (empty, vec![], ""),
    ] {
        let accepted = with(text, &pairs, &home);
        assert_eq!(accepted.settings.api_keys.openrouter_key.expose(), expected, "{pairs:?}");
        assert!(accepted.settings.pinned.is_empty());
    }
    let gone = [("OPENROUTER_API_KEY_FILE", "/nowhere/at/all")];
    let warnings = with(empty, &gone, &home).warnings;
    assert!(
        warnings.iter().any(|warning| warning.message.contains("`/nowhere/at/all` is missing")),
        "{}",
        lines(&warnings)
    );
}

#[test]
fn an_impossible_variable_is_told_at_the_start() {
    for (name, value) in [
        ("THOTH_LOG_LEVEL", "LOUD"),
        ("THOTH_API_PORT", "0"),
        ("THOTH_API_PORT", "http"),
        ("THOTH_API_PORT", "70000"),
        ("THOTH_API_HOST", "my host"),
        ("LETTA_SERVER_URL", "letta:8283"),
    ] {
        let problems = Environment::from_pairs([(name.to_owned(), value.to_owned())]).expect_err(name);
        assert!(problems.len() == 1 && problems[0].message.contains(name), "{}", lines(&problems));
    }
    assert_eq!(
        environment(&[("THOTH_API_PORT", ""), ("PATH", "/bin"), ("SECRET", "x")]),
        Environment::default()
    );
}

#[test]
fn the_view_is_canonical_redacted_and_can_be_saved_again() {
    let home = home();
    let text = r#"{"llmConfig": {"temperature": 0.25}, "paths": {"pdfDir": "/vault/in"}, "apiKeys": {"openaiKey": "sk-1"}, "servers": {}}"#;
    let settings = accepted(text, &home).settings;
    let mut view = settings.view();
    assert_eq!(view["llm"]["default"]["temperature"], json!(0.25));
    assert_eq!(view["paths"]["pdf"], json!("in"));
    assert_eq!(
        view["apiKeys"],
        json!({"openrouterKey": "", "openaiKey": "<redacted>", "anthropicKey": "", "mistralKey": "", "customKey": "", "lettaApiKey": ""})
    );
    assert!(!format!("{settings:?} {view}").contains("sk-1"));
    view["apiKeys"]["openaiKey"] = json!("sk-1");
    let again = accepted(&view.to_string(), &home);
    assert_eq!(again.settings, settings);
    assert_eq!(again.warnings, []);
}
