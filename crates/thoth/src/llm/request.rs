//! What goes out: one request of the chat protocol, and the beginning of its answer.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Response, StatusCode};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::Llm;
use super::answer::{body_start, failure_of};
use super::error::LlmError;
use super::inputs::{LlmInputs, is_host};
use super::retry::{Again, Failure, retry_after};

/// What is asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatRequest {
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// Most tokens of the answer; never more than `llm.default.maxOutputTokens`, which also stands in for `None`.
    pub max_tokens: Option<u32>,
    /// Sampling temperature, 0..2; `None`: `llm.default.temperature`.
    pub temperature: Option<f64>,
    /// Model, as the provider spells it; `None`: `llm.default.model`.
    pub model: Option<String>,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The program: what the model is to do.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Message {
    /// What the program tells the model.
    pub fn system(content: impl Into<String>) -> Self {
        Self { role: Role::System, content: content.into() }
    }

    /// What the person asks.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: Role::User, content: content.into() }
    }
}

/// Bytes of a request's body, at most: more than any model's context holds.
const REQUEST_BYTES_MAX: usize = 8 << 20;

/// A request as it is sent, each try the same bytes.
pub(super) struct Call {
    pub(super) model: String,
    stream: bool,
    url: Url,
    body: Vec<u8>,
}

/// The body, as <https://platform.openai.com/docs/api-reference/chat/create> has it.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: &'a [Message],
    temperature: f64,
    /// Left out where it changes nothing: some models refuse it beside a temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    /// OpenAI's own name for `max_tokens`; its newer models refuse the old one.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    stream: bool,
}

impl Call {
    pub(super) fn new(inputs: &LlmInputs, request: &ChatRequest, stream: bool) -> Result<Self, LlmError> {
        let default = &inputs.llm.default;
        let limit = default.max_output_tokens;
        let tokens = Some(request.max_tokens.map_or(limit, |asked| asked.min(limit)));
        let openai = is_host(&default.base_url, "api.openai.com");
        let model = request.model.as_ref().unwrap_or(&default.model);
        let body = Body {
            model,
            messages: &request.messages,
            temperature: request.temperature.unwrap_or(default.temperature),
            top_p: (default.top_p < 1.0).then_some(default.top_p),
            max_tokens: if openai { None } else { tokens },
            max_completion_tokens: if openai { tokens } else { None },
            stream,
        };
        let host = || shown_host(&default.base_url);
        let body = serde_json::to_vec(&body)
            .map_err(|error| LlmError::Malformed { host: host(), message: error.to_string() })?;
        if body.len() > REQUEST_BYTES_MAX {
            let what = "the request to the language model".to_owned();
            return Err(LlmError::TooLarge { what, limit_bytes: REQUEST_BYTES_MAX });
        }
        Ok(Self { model: model.clone(), stream, url: endpoint(&default.base_url), body })
    }
}

/// `…/chat/completions` below the base URL; a query (`?api-version=…`) stays.
fn endpoint(base: &Url) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/chat/completions", base.path().trim_end_matches('/')));
    url
}

/// A host as it is shown: with its port if the URL names one, without credentials.
pub(crate) fn shown_host(url: &Url) -> String {
    let host = url.host_str().unwrap_or("(no host)");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

impl Llm {
    /// One try: sends the request and waits for the head of a successful answer.
    pub(super) async fn send(&self, call: &Call, tries: u32, deadline: Instant) -> Result<Response, Failure> {
        let mut request = self
            .client
            .post(call.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, if call.stream { "text/event-stream" } else { "application/json" })
            .body(call.body.clone());
        let key = &self.inputs.key.secret;
        if !key.is_empty() {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose()))
                .map_err(|_| LlmError::UnusableKey { setting: self.inputs.key.setting() })?;
            value.set_sensitive(true);
            request = request.header(reqwest::header::AUTHORIZATION, value);
        }
        let until = self.silence_until(deadline);
        let response = match timeout_at(until, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(self.unreachable(error, tries)),
            Err(_) => return Err(self.silent(deadline, "before the answer began").into()),
        };
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, asked) = (response.status(), retry_after(response.headers(), Timestamp::now()));
        let said = if status.is_redirection() {
            "it redirects elsewhere, which is not followed; set `llm.default.baseUrl` to where the API is"
                .to_owned()
        } else {
            body_start(response, until).await
        };
        Err(self.refusal(status, asked, &said, call, tries))
    }

    /// The error for a status, whether it came as such or inside an answer with status 200.
    pub(super) fn refusal(
        &self,
        status: StatusCode,
        asked: Option<Duration>,
        said: &str,
        call: &Call,
        tries: u32,
    ) -> Failure {
        let (host, code) = (self.host(), status.as_u16());
        let again = asked.map_or(Again::Backoff, Again::After);
        let message = self.shown(&failure_of(said));
        match code {
            401 | 403 => {
                LlmError::Unauthorized { host, status: code, setting: self.inputs.key.setting() }.into()
            }
            404 => LlmError::ModelNotFound { host, model: call.model.clone() }.into(),
            429 => {
                let wait_s = asked.map(|pause| pause.as_secs_f64().ceil() as u64);
                Failure { error: LlmError::RateLimited { host, tries, wait_s }, again }
            }
            // 501 and 505 say that the server cannot do this at all.
            501 | 505 => LlmError::Refused { host, status: code, message }.into(),
            500..=599 => {
                Failure { error: LlmError::Unavailable { host, status: code, tries, message }, again }
            }
            _ => LlmError::Refused { host, status: code, message }.into(),
        }
    }

    fn unreachable(&self, error: reqwest::Error, tries: u32) -> Failure {
        let again = if error.is_builder() { Again::Never } else { Again::Backoff };
        let message = self.shown(&root_cause(&error.without_url()));
        Failure { error: LlmError::Unreachable { host: self.host(), tries, message }, again }
    }

    /// The moment after which silence is too long: `llm.default.timeoutMs` from now, but not after the deadline.
    pub(super) fn silence_until(&self, deadline: Instant) -> Instant {
        let limit = Duration::from_millis(self.inputs.llm.default.timeout_ms);
        Instant::now().checked_add(limit).map_or(deadline, |until| until.min(deadline))
    }

    /// The error for silence, or for an exchange that took too long as a whole.
    pub(super) fn silent(&self, deadline: Instant, before: &'static str) -> LlmError {
        let host = self.host();
        if Instant::now() >= deadline {
            return LlmError::Overtime { host, total_s: self.total().as_secs() };
        }
        LlmError::Timeout { host, silence_ms: self.inputs.llm.default.timeout_ms, before }
    }

    /// What somebody else said, fit to be shown.
    pub(super) fn shown(&self, said: &str) -> String {
        super::error::message_shown(said, self.inputs.key.secret.expose())
    }
}

/// The innermost reason: `connection refused` rather than `error sending request`.
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_below_the_base_url() {
        let table = [
            ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1/chat/completions"),
            ("https://openrouter.ai/api/v1/", "https://openrouter.ai/api/v1/chat/completions"),
            ("http://127.0.0.1:11434", "http://127.0.0.1:11434/chat/completions"),
            ("https://h/v1?api-version=1", "https://h/v1/chat/completions?api-version=1"),
        ];
        for (base, expected) in table {
            assert_eq!(endpoint(&Url::parse(base).unwrap()).as_str(), expected);
        }
        let with_password = Url::parse("https://me:hush@h:8443/v1").unwrap();
        assert_eq!(shown_host(&with_password), "h:8443");
    }

    #[test]
    fn openai_alone_gets_its_own_name_for_the_token_limit() {
        let request = ChatRequest { max_tokens: Some(9), ..ChatRequest::default() };
        for (base, present, absent) in [
            ("https://api.openai.com/v1", "\"max_completion_tokens\":9", "\"max_tokens\""),
            ("https://api.mistral.ai/v1", "\"max_tokens\":9", "\"max_completion_tokens\""),
        ] {
            let call = Call::new(&super::super::tests::inputs(base, "k"), &request, false).unwrap();
            let body = String::from_utf8(call.body).unwrap();
            assert!(body.contains(present) && !body.contains(absent), "{body}");
        }
    }
}
