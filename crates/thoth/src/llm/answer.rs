//! What comes back at once: one JSON object with the whole answer, or with an error.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::Llm;
use super::error::LlmError;
use super::request::{Call, root_cause};
use super::retry::Failure;

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatAnswer {
    /// The text; never blank.
    pub text: String,
    /// The model that answered, as the provider names it.
    pub model: String,
    /// Tokens that were counted, if the provider says so.
    pub usage: Option<Usage>,
    /// Whether the text stops because the limit of tokens was reached.
    pub cut: bool,
}

/// Tokens that the provider counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Usage {
    /// Tokens of the request.
    #[serde(default)]
    pub prompt_tokens: u64,
    /// Tokens of the answer.
    #[serde(default)]
    pub completion_tokens: u64,
}

/// Bytes of a whole answer, at most.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Bytes of an error's body that are read.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// An object of the protocol: an answer, or one piece of a streamed one. Everything is optional, as providers differ.
#[derive(Debug, Deserialize)]
pub(super) struct Completion {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    /// Read leniently: an answer is not lost over how its tokens were counted.
    #[serde(default)]
    usage: serde_json::Value,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    /// The whole message.
    #[serde(default)]
    message: Option<Said>,
    /// In a stream, what is new of the message.
    #[serde(default)]
    delta: Option<Said>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Said {
    #[serde(default)]
    content: Option<Content>,
}

/// Plain text, or parts as some reasoning models send them, of which only the text is wanted.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(default)]
    text: Option<String>,
}

impl Completion {
    /// The text of the first choice; empty where there is none.
    pub(super) fn text(&mut self) -> String {
        let said = self.choice().and_then(|choice| choice.delta.take().or(choice.message.take()));
        match said.and_then(|said| said.content) {
            None => String::new(),
            Some(Content::Text(text)) => text,
            Some(Content::Parts(parts)) => parts.into_iter().filter_map(|part| part.text).collect(),
        }
    }

    /// Why the answer ended; `None` while it goes on.
    pub(super) fn finish_reason(&mut self) -> Option<String> {
        self.choice().and_then(|choice| choice.finish_reason.take()).filter(|reason| !reason.is_empty())
    }

    /// The error object, wherever the provider put it, as JSON.
    pub(super) fn error(&mut self) -> Option<serde_json::Value> {
        let inner = self.choice().and_then(|choice| choice.error.take());
        self.error.take().or(inner).filter(|error| !error.is_null())
    }

    fn choice(&mut self) -> Option<&mut Choice> {
        self.choices.as_mut().and_then(|choices| choices.first_mut())
    }
}

/// One try at a whole answer.
pub(super) async fn attempt(
    llm: &Llm,
    call: &Call,
    tries: u32,
    deadline: Instant,
) -> Result<ChatAnswer, Failure> {
    let response = llm.send(call, tries, deadline).await?;
    let kind = content_type(&response);
    let body = whole_body(llm, response, deadline).await?;
    parse(llm, call, &kind, &body, tries)
}

/// Reads an answer out of a body with status 200.
pub(super) fn parse(
    llm: &Llm,
    call: &Call,
    kind: &str,
    body: &[u8],
    tries: u32,
) -> Result<ChatAnswer, Failure> {
    let mut completion: Completion = serde_json::from_slice(body).map_err(|error| {
        let message = if kind.contains("json") {
            format!("its answer is not what JSON of a completion looks like ({error})")
        } else {
            format!("its answer is `{}`, not JSON", llm.shown(kind))
        };
        LlmError::Malformed { host: llm.host(), message }
    })?;
    if let Some(error) = completion.error() {
        return Err(reported(llm, call, &error, tries));
    }
    if completion.choices.as_ref().is_none_or(Vec::is_empty) {
        let message = "its answer has no `choices`".to_owned();
        return Err(LlmError::Malformed { host: llm.host(), message }.into());
    }
    let text = completion.text();
    let finish = completion.finish_reason();
    if text.trim().is_empty() {
        return Err(empty(call, finish.as_deref()).into());
    }
    Ok(ChatAnswer {
        text,
        model: completion.model.unwrap_or_else(|| call.model.clone()),
        usage: serde_json::from_value(completion.usage).ok(),
        cut: finish.as_deref() == Some("length"),
    })
}

/// The error for an error object: where it carries a status in `code`, the same as if that had been the answer's.
pub(super) fn reported(llm: &Llm, call: &Call, error: &serde_json::Value, tries: u32) -> Failure {
    let said = serde_json::json!({ "error": error }).to_string();
    let status = error.get("code").and_then(status_code);
    match status.and_then(|code| StatusCode::from_u16(code).ok()).filter(|s| s.as_u16() >= 400) {
        Some(status) => llm.refusal(status, None, &said, call, tries),
        None => LlmError::Provider { host: llm.host(), message: llm.shown(&failure_of(&said)) }.into(),
    }
}

fn status_code(code: &serde_json::Value) -> Option<u16> {
    match code {
        serde_json::Value::Number(number) => number.as_u64().and_then(|code| code.try_into().ok()),
        serde_json::Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The error for an answer that is complete and has no text.
pub(super) fn empty(call: &Call, finish: Option<&str>) -> LlmError {
    let reason = match finish {
        Some("length") => "its tokens were used up before it wrote any; allow it more".to_owned(),
        Some("content_filter") => "the provider's filter held it back".to_owned(),
        Some(other) => format!("it ended with `{}`", super::error::message_shown(other, "")),
        None => "the answer is blank".to_owned(),
    };
    LlmError::Empty { model: call.model.clone(), reason }
}

/// What an error's body says: `error.message`, `error`, `message` or `detail` of an object, else the text itself.
pub(super) fn failure_of(said: &str) -> String {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(said) else {
        return if said.trim_start().starts_with('<') {
            "it sent a web page".to_owned()
        } else {
            said.to_owned()
        };
    };
    ["/error/message", "/error", "/message", "/detail"]
        .iter()
        .find_map(|pointer| value.pointer(pointer).and_then(serde_json::Value::as_str))
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The media type that the answer claims, in lower case.
pub(super) fn content_type(response: &Response) -> String {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.map_or_else(|| "of no type".to_owned(), str::to_ascii_lowercase)
}

/// The next bytes of an answer; `None` at its end.
pub(super) async fn next_chunk(
    llm: &Llm,
    response: &mut Response,
    deadline: Instant,
) -> Result<Option<impl AsRef<[u8]> + use<>>, LlmError> {
    match timeout_at(llm.silence_until(deadline), response.chunk()).await {
        Ok(Ok(chunk)) => Ok(chunk),
        Ok(Err(error)) => {
            let message = llm.shown(&root_cause(&error.without_url()));
            Err(LlmError::Truncated { host: llm.host(), message })
        }
        Err(_) => Err(llm.silent(deadline, "in the middle of the answer")),
    }
}

/// A whole body, within the limits of size and time.
pub(super) async fn whole_body(
    llm: &Llm,
    mut response: Response,
    deadline: Instant,
) -> Result<Vec<u8>, LlmError> {
    let mut body = Vec::new();
    while let Some(chunk) = next_chunk(llm, &mut response, deadline).await? {
        body.extend_from_slice(chunk.as_ref());
        if body.len() > ANSWER_BYTES_MAX {
            let what = format!("the answer of `{}`", llm.host());
            return Err(LlmError::TooLarge { what, limit_bytes: ANSWER_BYTES_MAX });
        }
    }
    Ok(body)
}

/// The beginning of an error's body: as much as comes in time and within the limit. What cannot be read is no
/// second error beside the status.
pub(crate) async fn body_start(mut response: Response, until: Instant) -> String {
    let mut body = Vec::new();
    while let Ok(Ok(Some(chunk))) = timeout_at(until, response.chunk()).await {
        body.extend_from_slice(&chunk);
        if body.len() >= ERROR_BYTES_MAX {
            body.truncate(ERROR_BYTES_MAX);
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}
