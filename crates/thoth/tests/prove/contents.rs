//! Settings files that can be told apart: each has a number, which stands in the model's name.

use serde_json::{Value, json};

use crate::support::settings;

/// Verdicts that the history keeps: few, so that the journal is rewritten again and again.
pub const HISTORY_MAX: usize = 150;

fn sections(number: u64) -> Value {
    // Every third has a key of its own: its model is on trial, and its secret is cut out of the journal.
    let key = if number.is_multiple_of(3) { format!("sk-or-v1-{number:020}") } else { String::new() };
    json!({
        "llm": { "default": { "model": format!("m-{number}"), "temperature": 0.5 } },
        "apiKeys": { "openrouterKey": key },
        "reload": { "historyMax": HISTORY_MAX, "probationMs": 100 },
    })
}

/// A good one.
pub fn good(number: u64) -> String {
    settings(&sections(number))
}

/// The key path that a bad one is refused for.
pub const BAD: &str = "llm.default.temperature";

/// One that the check refuses, always for the same.
pub fn bad(number: u64) -> String {
    let mut sections = sections(number);
    sections["llm"]["default"]["temperature"] = json!("hot");
    settings(&sections)
}

/// The number of a content.
pub fn number(content: &str) -> Option<u64> {
    let (_, after) = content.split_once("\"m-")?;
    after.split_once('"')?.0.parse().ok()
}
