//! What `thoth settings check` prints.

use super::super::render::{Style, json, write_report};
use super::{home, lines, running};

const PLAIN: Style = Style { colors: false, width: 100 };

fn report(text: &str, style: Style) -> String {
    let (problems, warnings) = match running(text, &home()) {
        Ok(accepted) => (Vec::new(), accepted.warnings),
        Err(problems) => (problems, Vec::new()),
    };
    let mut out = String::new();
    write_report(&mut out, ("settings.json", text.as_bytes()), &|_| None, &problems, &warnings, style)
        .expect("a string takes all");
    out
}

#[test]
fn problems_are_shown_with_their_place() {
    let text = "{\n  \"llm\": {\n    \"default\": { \"temprature\": 0.7, \"topP\": 2 }\n  }\n}\n";
    insta::assert_snapshot!(report(text, PLAIN));
}

#[test]
fn broken_json_is_shown_with_its_place() {
    insta::assert_snapshot!(report("{\r\n  \"rag\": { \"chunkSize\": 500 }\r\n  'llm': {}\r\n", PLAIN));
}

#[test]
fn a_good_file_is_one_line() {
    let text = r#"{"paths": {}, "apiKeys": {}, "servers": {"api": {"port": 8100}}}"#;
    assert_eq!(report(text, PLAIN), "settings.json is valid\n");
    let text = r#"{"paths": {}, "apiKeys": {}, "servers": {"api": {"port": 8100}}, "test": 1}"#;
    assert!(
        report(text, PLAIN).ends_with("settings.json is valid, with 1 warning\n"),
        "{}",
        report(text, PLAIN)
    );
}

#[test]
fn colours_only_when_told() {
    let text = r#"{"rag": {"chunkSize": 1}}"#;
    assert!(!report(text, PLAIN).contains('\u{1b}'));
    assert!(report(text, Style { colors: true, width: 100 }).contains('\u{1b}'));
}

#[test]
fn an_excerpt_never_shows_a_secret() {
    for text in [
        r#"{"apiKeys": {"openaiKey": "hush-hush", "openrouterKey": "<redacted>"}}"#,
        r#"{"apiKeys": {"openaiKey": "hush-hush"}, "rag": {"chunkSize": 1}}"#,
        r#"{"apiKeys": {"openaiKey": "hush-hush" "x": 1}}"#,
        r#"{"apiKeys": {"openaiKey": 'hush-hush'}}"#,
        r#"{"apiKeys": {"openaiKey": hush-hush}}"#,
        r#"{"apiKeys": {"openaiKey": ["hush-hush"]}}"#,
        r#"{"apiKeys": {"openaiKey": {"value": "hush-hush"}}}"#,
        r#"{"apiKeys": {"myKey": "hush-hush"}, "rag": 5}"#,
        r#"{"apiKeys": {"openaiKye": "hush-hush"}}"#,
        r#"{"apiKeys": {"openaiKey": "hush-hush, "b": 1}}"#,
        r#"{"apiKeys": {"openaiKey": "hush-hush"#,
        r#"{"rag": {"chunkSize": 1} /* "openaiKey": "hush-hush" */}"#,
        r#"{"password": "hush-hush", "rag": {"chunkSize": 1}}"#,
        r#"{"apiKeys": {"openaiKey": 1}, "apiKeys": {"openaiKey": "hush-hush"}}"#,
        r#"{"apiKeys": "hush-hush"}"#,
        r#"{"_openaiKey": "hush-hush", "rag": {"chunkSize": 1}}"#,
        r#"{"llm": {"default": {"model": {"apiKey": "hush-hush"}}}}"#,
        r#"{"llm": {"default": {"baseUrl": "https://me:hush-hush@[bad/"}}}"#,
        r#"{"apiGateway": {"endpoints": {"x": {"token": "hush-hush"}}}, "rag": {"chunkSize": 1}}"#,
        "{\"apiKeys\": {\"openaiKey\":\n\"hush-hush\",,}}",
    ] {
        let shown = report(text, PLAIN);
        assert!(!shown.contains("hush"), "{text}\n{shown}");
        let problems = running(text, &home()).map(|_| ()).expect_err(text);
        assert!(
            !lines(&problems).contains("hush") && !json(&problems, &[]).to_string().contains("hush"),
            "{text}"
        );
    }
}

#[test]
fn for_programs() {
    let problems = running(r#"{"rag": {"chunkSize": 1}}"#, &home()).map(|_| ()).expect_err("too small");
    let value = json(&problems, &[]);
    assert_eq!(value["valid"], false);
    assert_eq!(
        (&value["problems"][0]["path"], &value["problems"][0]["line"]),
        (&"rag.chunkSize".into(), &1.into())
    );
    assert_eq!(json(&[], &problems)["valid"], true);
}
