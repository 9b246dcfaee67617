//! The messages of Letta's protocol, as far as Thoth reads them. Types that it does not know are skipped.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What is told of an answer that is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// The agent that answered.
    pub agent_id: String,
    /// Why it ended, in Letta's words: `end_turn`, `max_steps`, …
    pub stop_reason: Option<String>,
    /// Tokens that the server counted.
    pub usage: Option<Usage>,
}

/// An answer that came at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// What the agent said.
    pub answer: String,
    /// What it thought meanwhile, as far as it shows that.
    pub reasoning: Option<String>,
    /// How it ended.
    #[serde(flatten)]
    pub ending: Ending,
}

/// A part of an answer that comes in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A piece of what the agent thinks.
    Reasoning(String),
    /// A piece of what it says.
    Text(String),
    /// The answer is complete; nothing follows.
    Done(Ending),
}

/// Tokens that the server counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Usage {
    /// Of what the model was given.
    pub prompt_tokens: u64,
    /// Of what it wrote.
    pub completion_tokens: u64,
    /// How often the model was asked.
    pub step_count: u64,
}

/// One message, read leniently.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    pub(super) message_type: String,
    /// The message that a piece belongs to.
    pub(super) id: Option<String>,
    content: Value,
    reasoning: Value,
    stop_reason: Value,
    message: Value,
    detail: Value,
}

/// The body of an answer that comes at once.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Body {
    pub(super) messages: Vec<Value>,
    pub(super) stop_reason: Value,
    pub(super) usage: Value,
}

/// What a message means for the answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Reasoning(String),
    Text(String),
    Stopped(String),
    Failed(String),
    Nothing,
}

/// Stop reasons after which there is no answer.
const FAILURES: [&str; 7] = [
    "error",
    "llm_api_error",
    "invalid_llm_response",
    "invalid_tool_call",
    "cancelled",
    "insufficient_credits",
    "context_window_overflow_in_system_prompt",
];

impl Message {
    pub(super) fn meaning(&self) -> Meaning {
        match self.message_type.as_str() {
            "assistant_message" => Meaning::Text(text(&self.content)),
            "reasoning_message" => Meaning::Reasoning(text(&self.reasoning)),
            "stop_reason" => stopped(&self.stop_reason),
            "error_message" => Meaning::Failed(failure_of(&json!({
                "detail": self.detail, "message": self.message,
            }))),
            _ => Meaning::Nothing,
        }
    }
}

/// What the server says of a failure, wherever it says it: its most telling words, or the object itself.
pub(super) fn failure_of(value: &Value) -> String {
    ["/error/detail", "/error/message", "/detail", "/message", "/error"]
        .iter()
        .find_map(|pointer| value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty()))
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// What a stop reason means: the plain word, or the object that carries it.
pub(super) fn stopped(reason: &Value) -> Meaning {
    let word = reason.as_str().or_else(|| reason.get("stop_reason").and_then(Value::as_str));
    match word {
        Some(word) if FAILURES.contains(&word) => {
            Meaning::Failed(format!("it stopped with `{word}`; the server's log says why"))
        }
        Some(word) => Meaning::Stopped(word.to_owned()),
        None => Meaning::Nothing,
    }
}

/// Plain text, or the text of a list of parts.
fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
        }
        _ => String::new(),
    }
}

/// Joins what belongs to one answer: pieces of one message as they are, further messages with a blank line before.
#[derive(Debug, Default)]
pub(super) struct Joined {
    id: Option<String>,
    begun: bool,
}

impl Joined {
    /// The piece as it continues what was given before.
    pub(super) fn next(&mut self, id: Option<&str>, piece: String) -> String {
        if piece.is_empty() {
            return piece;
        }
        let is_another = self.begun && id.is_some() && self.id.as_deref() != id;
        self.begun = true;
        self.id = id.map(str::to_owned);
        if is_another { format!("\n\n{piece}") } else { piece }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_mean_what_they_say_and_unknown_ones_nothing() {
        let check = |message: Value, expected: Meaning| {
            let parsed: Message = serde_json::from_value(message.clone()).unwrap();
            assert_eq!(parsed.meaning(), expected, "{message}");
        };
        let text = |text: &str| Meaning::Text(text.to_owned());
        check(json!({"message_type": "assistant_message", "content": "yes"}), text("yes"));
        let parts = json!([{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]);
        check(json!({"message_type": "assistant_message", "content": parts, "is_err": null}), text("ab"));
        check(json!({"message_type": "assistant_message", "content": null}), text(""));
        check(
            json!({"message_type": "reasoning_message", "reasoning": "hm", "source": "reasoner_model"}),
            Meaning::Reasoning("hm".to_owned()),
        );
        check(
            json!({"message_type": "stop_reason", "stop_reason": "end_turn"}),
            Meaning::Stopped("end_turn".into()),
        );
        for silent in ["ping", "tool_call_message", "tool_return_message", "usage_statistics", "of tomorrow"]
        {
            check(
                json!({"message_type": silent, "content": "no", "tool_call": {"name": "x"}}),
                Meaning::Nothing,
            );
        }
        check(json!({"type": "something"}), Meaning::Nothing);
        for failed in [
            json!({"message_type": "stop_reason", "stop_reason": "llm_api_error"}),
            json!({"message_type": "error_message", "message": "no model", "detail": "no key"}),
        ] {
            let parsed: Message = serde_json::from_value(failed.clone()).unwrap();
            assert!(matches!(parsed.meaning(), Meaning::Failed(_)), "{failed}");
        }
    }

    #[test]
    fn pieces_of_one_message_are_joined_and_messages_set_apart() {
        let mut joined = Joined::default();
        let pieces = [(Some("1"), "a"), (Some("1"), "b"), (Some("2"), ""), (Some("2"), "c"), (None, "d")];
        let text: String = pieces.into_iter().map(|(id, piece)| joined.next(id, piece.to_owned())).collect();
        assert_eq!(text, "ab\n\ncd");
    }
}
