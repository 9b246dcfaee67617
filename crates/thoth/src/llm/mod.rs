//! Language models by the OpenAI-compatible chat protocol: OpenRouter, OpenAI, Anthropic, Mistral, Ollama, or any
//! other server that speaks it.
//!
//! [`Llm`] is the service: made from [`LlmInputs`] and the process's one HTTP [`client()`], asked by [`Llm::chat`]
//! and [`Llm::stream`]. The files are the stages of a request: what goes out (`request`), when it is made again
//! (`retry`), what comes back at once (`answer`) or in pieces (`stream`), and what is said when nothing does
//! (`error`).

mod answer;
mod client;
mod error;
mod inputs;
mod request;
mod retry;
pub mod settings;
mod status;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use tokio::time::Instant;

pub(crate) use answer::body_start;
pub use answer::{ChatAnswer, Usage};
pub use client::{ClientError, Network, client};
pub use error::LlmError;
pub(crate) use error::message_shown;
pub use inputs::{LlmInputs, ProviderKey};
pub use request::{ChatRequest, Message, Role};
pub(crate) use request::{root_cause, shown_host};
pub use retry::Patience;
pub(crate) use retry::retry_after;
pub use status::{Condition, LlmStatus};
pub(crate) use stream::without_byte_order_mark;

/// The service `llm`. It holds no connections: those are the client's, which outlives it.
#[derive(Debug)]
pub struct Llm {
    inputs: LlmInputs,
    client: reqwest::Client,
    patience: Patience,
    trouble: status::Trouble,
}

impl Llm {
    /// The service over the process's client.
    pub fn new(inputs: LlmInputs, client: reqwest::Client) -> Self {
        Self::with_patience(inputs, client, Patience::default())
    }

    /// The same with other times between tries.
    pub fn with_patience(inputs: LlmInputs, client: reqwest::Client, patience: Patience) -> Self {
        Self { inputs, client, patience, trouble: status::Trouble::default() }
    }

    /// Whether there is somebody to ask: a key is set, or the address is not one of the providers that answer
    /// nobody without a key (a local server such as Ollama needs none).
    pub fn configured(&self) -> bool {
        !self.inputs.key.required || !self.inputs.key.secret.is_empty()
    }

    /// The model that is asked when a request names none.
    pub fn model(&self) -> &str {
        &self.inputs.llm.default.model
    }

    /// What it runs, for people: no secret in it.
    pub fn in_words(&self) -> String {
        format!("`{}` at {}", self.model(), self.host())
    }

    /// How the service stands: by what became of the requests so far. Nothing is sent to find out.
    pub fn status(&self) -> LlmStatus {
        if self.configured() {
            self.trouble.status()
        } else {
            LlmStatus::off(self.not_configured().to_string())
        }
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Errors
    /// [`LlmError`], after as many tries as `llm.default.retriesMax` allows.
    pub async fn chat(&self, request: ChatRequest) -> Result<ChatAnswer, LlmError> {
        if !self.configured() {
            return Err(self.not_configured());
        }
        let call = request::Call::new(&self.inputs, &request, false)?;
        let deadline = Instant::now() + self.total();
        let retries_max = self.inputs.llm.default.retries_max;
        let answer = retry::retrying(&self.patience, retries_max, deadline, |tries| {
            answer::attempt(self, &call, tries, deadline)
        })
        .await;
        self.trouble.note(answer.as_ref().err());
        answer
    }

    /// Asks, and gives the answer's text piece by piece as it comes. The stream ends after the model's last piece;
    /// one that breaks off ends in an error. One that reached the limit of tokens ends like any other. It holds on to this object, so it ends on the model it began on.
    /// Nothing is sent before the stream is first polled; dropping it ends the request.
    pub fn stream(
        self: &Arc<Self>,
        request: ChatRequest,
    ) -> impl Stream<Item = Result<String, LlmError>> + Send + use<> {
        stream::pieces(Arc::clone(self), request)
    }

    /// Why nobody is asked, where [`Llm::configured`] says no.
    fn not_configured(&self) -> LlmError {
        let host = self.host();
        if self.inputs.llm.default.base_url.scheme() != "https" {
            return LlmError::Unencrypted { host };
        }
        LlmError::NotConfigured { host, setting: self.inputs.key.setting() }
    }

    /// The most that one exchange may take: never so little that `llm.default.timeoutMs` could not pass twice.
    fn total(&self) -> Duration {
        let silence = Duration::from_millis(self.inputs.llm.default.timeout_ms);
        self.patience.total.max(silence.saturating_mul(2))
    }

    /// The host as it is shown: without scheme, path and credentials.
    fn host(&self) -> String {
        request::shown_host(&self.inputs.llm.default.base_url)
    }
}

#[cfg(test)]
mod tests;
