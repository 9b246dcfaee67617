//! Which bytes of a file are secret.

use super::super::secrets::of_file;
use super::{accepted, home};

#[test]
fn the_secrets_of_an_accepted_file() {
    let text = r#"{
        "apiKeys": {"openrouterKey": "s1", "openaiKey": "", "unpaywallEmail": "me@example.org", "newProviderThing": "s2"},
        "memory": {"letta": {"cloudApiKey": "s\"3"}},
        "discovery": {"chromeExtension": {"auth_token": "s4"}},
        "llm": {"default": {"maxTokens": 12}},
        "proxyPassword": "s5", "hookToken": {"deep": ["s6", 7]}, "ticket": "open",
        "_openaiKey": "s_", "_comment": "https://u:p@host", "apiGateway": {"endpoints": {"x": {"token": "s-", "url": "open"}}}
        // "mistralKey": "s8", and sk-or-v1-0123456789abcdef
        # customKey = s9
    }"#;
    let secrets = accepted(text, &home()).secrets;
    let cut: Vec<&str> = secrets.iter().map(|range| &text[range.clone()]).collect();
    let expected = [
        "s1",
        "s2",
        "s\\\"3",
        "s4",
        "s5",
        "s6",
        "7",
        "s_",
        "u:p",
        "s-",
        "s8",
        "sk-or-v1-0123456789abcdef",
        "s9",
    ];
    assert_eq!(cut, expected);
    assert!(secrets.is_sorted_by(|one, next| one.end <= next.start));
}

#[test]
fn the_secrets_of_a_file_that_is_no_json() {
    for (text, expected) in [
        (r#"{"openaiKey": "s1", "maxTokens": 5, oops"#, vec!["s1"]),
        (r#"{"openaiKey": "s1 with a space"#, vec!["s1 with a space"]),
        ("{openaiKey: s1, 'openrouterKey': 's2'", vec!["s1", "s2"]),
        ("{\"openaiKey\":\n    \"s1\", oops", vec!["s1"]),
        ("{“openaiKey”: “s1”}", vec!["s1"]),
        ("{\"apiKeys\": {\"a\": \"s1\", \"b\": [\"s2\"]}, \"model\": \"gpt\", oops", vec!["s1", "s2"]),
        ("openai_key = \"s1\"\nmodel = \"m\"\n", vec!["s1"]),
        ("{\"note\": sk-proj-0123456789abcdef}", vec!["sk-proj-0123456789abcdef"]),
        ("{\"apiKeys\": {\"a\": s1, b: [s2, 's3']}, \"model\": \"gpt\", oops", vec!["s1", "s2", "s3"]),
        ("{\"baseUrl\": \"https://me:s1@host/x\", oops", vec!["me:s1"]),
        (
            "{\"apiKeys\": {\"a\": 1}, \"apiKeys\": {\"openaiKey\": \"s1\", \"b\": \"s2\"}}",
            vec!["1", "s1", "s2"],
        ),
        ("{\"apiKeys\": {\"a\": \"s1}b\": \"\", \"c\": \"s2\"}, oops", vec!["s1}b", "s2"]),
        ("{\"apiKeys\": {\"a\": {\"open\": \"s1\"}, \"b\": [\"s2\"]}, oops", vec!["s1", "s2"]),
        ("{\"openaiKey\" \"s1\", \"model\": \"gpt\", oops", vec!["s1"]),
        ("{\"openaiKey\" s1, \"apiKeys\" {\"a\" \"s2\", \"b\": \"s3\"}, oops", vec!["s1", "a", "s2", "s3"]),
        ("{\"model\" \"gpt\", \"note\": \"token\", oops", vec![]),
        ("{\"googleSearchEngineId\": \"open\", oops", vec![]),
    ] {
        let cut: Vec<&str> = of_file(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(cut, expected, "{text}");
    }
}
