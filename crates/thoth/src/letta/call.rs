//! One request to the server: where it goes, how long it may take, what its answer means.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::Letta;
use super::agent::Agent;
use super::error::LettaError;
use super::message::failure_of;
use crate::llm::{body_start, message_shown, root_cause, shown_host};

/// Bytes of a whole answer, at most. An agent's state, with its tools, has some tens of thousands.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Tells the server which form of its API is spoken. It streams to nobody who does not say so.
const API_VERSION: (&str, &str) = ("X-Stainless-Package-Version", "1.0.0");
/// How often one request may be sent on within the server; a missing slash at the end of a path costs one.
const REDIRECTS_MAX: usize = 2;
/// Tries of a request that changes nothing, or that never reached the server.
const TRIES_MAX: u32 = 3;

/// A request, and what its errors call it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    method: Method,
    url: Url,
    body: Option<Value>,
    pub(super) doing: &'static str,
    pub(super) limit: Duration,
    stream: bool,
}

/// The head of an agent's answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) agent: Agent,
    pub(super) call: Call,
    pub(super) response: Response,
    pub(super) deadline: Instant,
}

impl Call {
    /// A request for what stands below the server's address. A last segment that is empty gives the slash that
    /// collections want.
    pub(super) fn new(
        server: &Url,
        method: Method,
        segments: &[&str],
        doing: &'static str,
        limit: Duration,
    ) -> Self {
        let mut url = server.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        Self { method, url, body: None, doing, limit, stream: false }
    }

    pub(super) fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        self.url.query_pairs_mut().extend_pairs(pairs);
        self
    }

    pub(super) fn body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    pub(super) fn streaming(self) -> Self {
        Self { stream: true, ..self }
    }
}

impl Letta {
    /// Sends a request and reads the JSON of its answer.
    pub(super) async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, LettaError> {
        let deadline = Instant::now() + call.limit;
        let response = self.send(&call, deadline).await?;
        self.json(response, &call, deadline).await
    }

    /// Reads the JSON of an answer whose head is there.
    pub(super) async fn read_json<T: DeserializeOwned>(&self, reply: Reply) -> Result<T, LettaError> {
        self.json(reply.response, &reply.call, reply.deadline).await
    }

    async fn json<T: DeserializeOwned>(
        &self,
        response: Response,
        call: &Call,
        deadline: Instant,
    ) -> Result<T, LettaError> {
        let body = self.whole_body(response, call, deadline).await?;
        serde_json::from_slice(&body).map_err(|error| {
            let message = match body.first() {
                Some(b'<') => "its answer is a web page".to_owned(),
                _ => format!("its answer to {} is not what was expected ({error})", call.doing),
            };
            LettaError::Malformed { host: self.host(), message }
        })
    }

    /// Sends a request, and again where that is safe, and waits for the head of a successful answer.
    pub(super) async fn send(&self, call: &Call, deadline: Instant) -> Result<Response, LettaError> {
        let mut pause = self.patience.pause;
        for _ in 1..TRIES_MAX {
            match self.send_once(call, deadline).await {
                Err(Failure { error, again }) if again && deadline > Instant::now() + pause => {
                    tracing::debug!(%error, "asking the Letta server again");
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2);
                }
                outcome => return outcome.map_err(|failure| failure.error),
            }
        }
        self.send_once(call, deadline).await.map_err(|failure| failure.error)
    }

    async fn send_once(&self, call: &Call, deadline: Instant) -> Result<Response, Failure> {
        let mut url = call.url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let sent = timeout_at(deadline, self.request(call, &url)?.send()).await;
            let response = match sent {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => return Err(self.unreachable(error, call)),
                Err(_) => return Err(self.late(call).into()),
            };
            match self.sent_on(&url, &response) {
                Some(next) => url = next,
                None => return self.judged(response, call, deadline).await,
            }
        }
        Err(self.refused(StatusCode::PERMANENT_REDIRECT, "it redirects in circles", call).into())
    }

    fn request(&self, call: &Call, url: &Url) -> Result<reqwest::RequestBuilder, LettaError> {
        let accept = if call.stream { "text/event-stream" } else { "application/json" };
        let request = self.client.request(call.method.clone(), url.clone()).header(ACCEPT, accept);
        let mut request = request.header(API_VERSION.0, API_VERSION.1);
        let key = &self.inputs.key;
        if !key.is_empty() {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose()))
                .map_err(|_| LettaError::UnusableKey { setting: self.inputs.key_setting })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        Ok(match &call.body {
            Some(body) => request.json(body),
            None => request,
        })
    }

    /// Where the server sends the request on, if that is still the server: the key goes to nobody else.
    fn sent_on(&self, from: &Url, response: &Response) -> Option<Url> {
        let kept = [StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT];
        let location = response.headers().get(LOCATION).filter(|_| kept.contains(&response.status()))?;
        let to = from.join(location.to_str().ok()?).ok()?;
        (to.origin() == from.origin()).then_some(to)
    }

    /// The response, or the error that its status stands for.
    async fn judged(&self, response: Response, call: &Call, deadline: Instant) -> Result<Response, Failure> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status.is_redirection() {
            let said = "it redirects elsewhere, which is not followed; set `memory.letta.serverUrl` to where the API is";
            return Err(self.refused(status, said, call).into());
        }
        let said = body_start(response, deadline).await;
        // The server's own model may want another key; that is no word about ours.
        let is_ours = !said.contains("\"llm_authentication\"");
        if matches!(status.as_u16(), 401 | 403) && is_ours {
            let (host, status) = (self.host(), status.as_u16());
            return Err(LettaError::Unauthorized { host, status, setting: self.inputs.key_setting }.into());
        }
        let again = matches!(status.as_u16(), 502..=504) && call.method == Method::GET;
        let said = match serde_json::from_str(&said) {
            Ok(value) => failure_of(&value),
            Err(_) if said.trim_start().starts_with('<') => "it sent a web page".to_owned(),
            Err(_) => said,
        };
        Err(Failure { error: self.refused(status, &said, call), again })
    }

    fn refused(&self, status: StatusCode, said: &str, call: &Call) -> LettaError {
        let message = self.shown(said);
        LettaError::Refused { host: self.host(), doing: call.doing, status: status.as_u16(), message }
    }

    fn unreachable(&self, error: reqwest::Error, call: &Call) -> Failure {
        // What never arrived, or changes nothing, may be sent again.
        let again = error.is_connect() || call.method == Method::GET;
        let message = self.shown(&root_cause(&error.without_url()));
        Failure { error: LettaError::Unreachable { host: self.host(), message }, again }
    }

    pub(super) fn late(&self, call: &Call) -> LettaError {
        LettaError::Timeout { host: self.host(), doing: call.doing, limit_s: call.limit.as_secs() }
    }

    async fn whole_body(
        &self,
        mut response: Response,
        call: &Call,
        deadline: Instant,
    ) -> Result<Vec<u8>, LettaError> {
        let mut body = Vec::new();
        loop {
            match timeout_at(deadline, response.chunk()).await {
                Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
                Ok(Ok(None)) => return Ok(body),
                Ok(Err(error)) => return Err(self.truncated(&root_cause(&error.without_url()))),
                Err(_) => return Err(self.late(call)),
            }
            if body.len() > ANSWER_BYTES_MAX {
                let what = format!("the answer of `{}`", self.host());
                return Err(LettaError::TooLarge { what, limit_bytes: ANSWER_BYTES_MAX });
            }
        }
    }

    pub(super) fn truncated(&self, said: &str) -> LettaError {
        LettaError::Truncated { host: self.host(), message: self.shown(said) }
    }

    /// The server's host as it is shown: without scheme, path and credentials.
    pub(super) fn host(&self) -> String {
        self.inputs.server.as_ref().map_or_else(|| "(no host)".to_owned(), shown_host)
    }

    /// What the server said, fit to be shown.
    pub(super) fn shown(&self, said: &str) -> String {
        message_shown(said, self.inputs.key.expose())
    }
}

/// A request that failed, and whether the same one may be sent again without harm.
struct Failure {
    error: LettaError,
    again: bool,
}

impl From<LettaError> for Failure {
    fn from(error: LettaError) -> Self {
        Self { error, again: false }
    }
}
