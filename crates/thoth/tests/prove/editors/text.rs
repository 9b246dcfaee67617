//! Settings files of one length that differ in a token of four characters, at the beginning and at the end.

use serde_json::json;

/// A token with which the check refuses: `maxToken` is nearly `maxTokens`.
pub const BAD_KEY: &str = "oken";
/// A token with which it is no JSON.
pub const BAD_SYNTAX: &str = "ok\",";

const BEGIN: &str = "\"_stamp\": \"";
const TOKEN_CHARS: usize = 4;

/// A content of more than a page: a tool that writes in pieces writes several.
pub fn text(token: &str) -> String {
    let notes: String = (0..60)
        .map(|line| {
            format!(
                "  \"_note{line}\": \"a remark as people keep them beside their settings, line {line}\",\n"
            )
        })
        .collect();
    format!(
        "{{\n  {BEGIN}{token}\",\n{notes}  \"paths\": {{}},\n  \"apiKeys\": {{}},\n  \"servers\": {{}},\n  \
         \"llm\": {{ \"default\": {{ \"model\": \"m-{token}\", \"maxT{token}\": 1000 }} }}\n}}\n"
    )
}

/// The token of a content.
pub fn token_of(text: &str) -> &str {
    let (_, after) = text.split_once(BEGIN).unwrap_or_else(|| panic!("no token: {text}"));
    &after[..TOKEN_CHARS]
}

#[test]
fn all_have_one_length_and_differ_at_both_ends() {
    let (one, other) = (text("0001"), text(BAD_SYNTAX));
    assert_eq!((one.len(), token_of(&one), token_of(&other)), (other.len(), "0001", BAD_SYNTAX));
    assert!(serde_json::from_str::<serde_json::Value>(&other).is_err());
    let one: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!(one["llm"]["default"]["model"], json!("m-0001"));
}
