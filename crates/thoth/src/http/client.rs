//! The command line's way to the server of its vault.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use changeover::Verdict;
use eventsource_stream::Eventsource;
use futures_util::{Stream, StreamExt};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::token::Token;
use crate::instances;
use crate::instances::record::{self, Record};

/// How long an answer may take: a model may have to write it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a connection on this machine may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Why the server gave no answer that can be used. Each says what the user can do.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No record of a server.
    #[error("no server runs for this vault; start one with `thoth serve`")]
    NoServer,
    /// Nobody answers where a server said that it is.
    #[error(
        "nothing answers at {0}, where a server of this vault was; `thoth instances` says whether it lives, `thoth serve` starts one"
    )]
    Silent(SocketAddr),
    /// A server lives, but this command cannot have an answer of it.
    #[error("a server of this vault lives on `{host}`, process {pid}, {why}")]
    OutOfReach {
        /// Its machine or container.
        host: String,
        /// Its process there.
        pid: u32,
        /// Why it cannot be asked, and the way out.
        why: String,
    },
    /// The server answered with an error.
    #[error("{}", said(*status, detail, hint.as_deref()))]
    Refused {
        /// The status of the answer.
        status: u16,
        /// What the server said.
        detail: String,
        /// The way out, if the server named one.
        hint: Option<String>,
    },
    /// The answer is not what this version understands.
    #[error("the server's answer was not understood: {0}")]
    Answer(String),
    /// The connection broke.
    #[error("the connection to the server broke: {0}")]
    Broken(#[source] reqwest::Error),
    /// The state directory could not be read.
    #[error("the state directory cannot be read: {0}")]
    State(#[from] io::Error),
    /// No client can be made.
    #[error("no HTTP client can be made: {0}")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A client of the server of one state directory.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    address: SocketAddr,
    token: Option<Token>,
}

impl Client {
    /// The client of the server that runs on this state directory, or of the one with this role.
    ///
    /// # Errors
    /// [`ClientError::NoServer`] where none lives that has said where it is; [`ClientError::OutOfReach`] where one does, and not
    /// here. Whether it answers shows the first request.
    pub fn from_state(
        state_dir: &Path,
        role: Option<&str>,
        token: Option<Token>,
    ) -> Result<Self, ClientError> {
        let (_, address) = server_here(state_dir, role)?;
        Self::new(address, token)
    }

    /// A client of the server at this address.
    ///
    /// # Errors
    /// [`ClientError::Client`].
    pub fn new(address: SocketAddr, token: Option<Token>) -> Result<Self, ClientError> {
        // Only this machine is spoken to, in the clear: no proxy, no roots of trust.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ClientError::Client(error.into()))?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            // A command asks a few times with pauses: a kept connection would only be found closed.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| ClientError::Client(error.into()))?;
        Ok(Self { http, address: reachable(address), token })
    }

    /// The address that is spoken to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `GET`; `path` begins with a slash and may carry a query.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.answer(self.http.get(self.url(path))).await
    }

    /// `GET`, whatever the status says.
    ///
    /// # Errors
    /// [`ClientError`], but not [`ClientError::Refused`].
    pub async fn look<T: DeserializeOwned>(&self, path: &str) -> Result<(u16, T), ClientError> {
        let response = self.send(self.http.get(self.url(path)).timeout(ANSWER_TIMEOUT)).await?;
        let status = response.status().as_u16();
        Ok((status, body(response).await?))
    }

    /// `GET` with parameters, which are escaped here.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn query<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, ClientError> {
        let base = self.url(path);
        let url =
            url::Url::parse_with_params(&base, query).map_err(|error| ClientError::Client(error.into()))?;
        self.answer(self.http.get(url)).await
    }

    /// `GET` of text, with parameters, which are escaped here.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn text(&self, path: &str, query: &[(&str, &str)]) -> Result<String, ClientError> {
        let url = url::Url::parse_with_params(&self.url(path), query)
            .map_err(|error| ClientError::Client(error.into()))?;
        let response = self.send(self.http.get(url).timeout(ANSWER_TIMEOUT)).await?;
        refusal(response).await?.text().await.map_err(ClientError::Broken)
    }

    /// `POST` of a JSON body.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.answer(self.http.post(self.url(path)).json(body)).await
    }

    /// `DELETE`; `actor` asks, for the history.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete<T: DeserializeOwned>(&self, path: &str, actor: &str) -> Result<T, ClientError> {
        self.answer(self.http.delete(self.url(path)).header("x-actor", actor)).await
    }

    /// `PATCH` of a JSON body that is answered by a verdict, whichever it is.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Verdict, ClientError> {
        self.verdict(self.http.patch(self.url(path)).json(body)).await
    }

    /// `PUT` of bytes in place of those that `tag` names; answered by a verdict.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn put(
        &self,
        path: &str,
        tag: &str,
        actor: &str,
        body: Vec<u8>,
    ) -> Result<Verdict, ClientError> {
        let request = self.http.put(self.url(path)).header(reqwest::header::IF_MATCH, tag);
        self.verdict(request.header("x-actor", actor).body(body)).await
    }

    /// `POST` of a JSON body that is answered by a verdict.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post_change(&self, path: &str, body: &Value) -> Result<Verdict, ClientError> {
        self.verdict(self.http.post(self.url(path)).json(body)).await
    }

    /// The entity tag of a resource.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn tag(&self, path: &str) -> Result<String, ClientError> {
        let response = self.send(self.http.get(self.url(path)).timeout(ANSWER_TIMEOUT)).await?;
        let response = refusal(response).await?;
        let tag = response.headers().get(reqwest::header::ETAG).and_then(|tag| tag.to_str().ok());
        tag.map(str::to_owned).ok_or_else(|| ClientError::Answer("it has no entity tag".to_owned()))
    }

    /// A refused change is answered by its verdict too, with a status of its own.
    async fn verdict(&self, request: RequestBuilder) -> Result<Verdict, ClientError> {
        let response = self.send(request.timeout(ANSWER_TIMEOUT)).await?;
        let kind = response.headers().get(reqwest::header::CONTENT_TYPE);
        let is_json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        body(if is_json { response } else { refusal(response).await? }).await
    }

    /// `POST` of a JSON body with further headers. The answer is taken whatever its status, if it is JSON that says
    /// more than a problem: other protocols tell of errors in their own way.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post_with<T: DeserializeOwned>(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
        message: &impl Serialize,
    ) -> Result<T, ClientError> {
        let request = self.http.post(self.url(path)).json(message).timeout(ANSWER_TIMEOUT);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = self.send(request).await?;
        let kind = response.headers().get(reqwest::header::CONTENT_TYPE);
        let is_json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        body(if is_json { response } else { refusal(response).await? }).await
    }

    /// `POST` of bytes as they are, with parameters, which are escaped here.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<T, ClientError> {
        let url = url::Url::parse_with_params(&self.url(path), query)
            .map_err(|error| ClientError::Client(error.into()))?;
        self.answer(self.http.post(url).body(body)).await
    }

    /// The server's events as they happen, and the verdicts that were missed since `last`: name and data of each.
    /// Ends when the server closes its port; then ask the state directory again.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn events(
        &self,
        last: Option<u64>,
    ) -> Result<impl Stream<Item = Result<(String, Value), ClientError>> + use<>, ClientError> {
        let request = self.http.get(self.url("/api/v1/events"));
        let request = match last {
            Some(id) => request.header("last-event-id", id),
            None => request,
        };
        self.stream(request).await
    }

    /// `POST` of a JSON body that is answered by events: name and data of each.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post_events(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<impl Stream<Item = Result<(String, Value), ClientError>> + use<>, ClientError> {
        self.stream(self.http.post(self.url(path)).json(body)).await
    }

    async fn stream(
        &self,
        request: RequestBuilder,
    ) -> Result<impl Stream<Item = Result<(String, Value), ClientError>> + use<>, ClientError> {
        let response = refusal(self.send(request).await?).await?;
        Ok(response.bytes_stream().eventsource().map(|event| {
            let event = event.map_err(|error| ClientError::Answer(error.to_string()))?;
            let data =
                serde_json::from_str(&event.data).map_err(|error| ClientError::Answer(error.to_string()))?;
            Ok((event.event, data))
        }))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let response = self.send(request.timeout(ANSWER_TIMEOUT)).await?;
        body(refusal(response).await?).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        };
        request.send().await.map_err(|error| {
            if error.is_connect() { ClientError::Silent(self.address) } else { ClientError::Broken(error) }
        })
    }
}

/// The server of this state directory that a command on this machine can ask, and where: of several, the one with this role.
///
/// # Errors
/// As [`Client::from_state`].
pub fn server_here(state_dir: &Path, role: Option<&str>) -> Result<(Record, SocketAddr), ClientError> {
    let (seen, here) = (record::look(state_dir)?, instances::host_name());
    let Some(record) = record::meant(seen.clone(), role, &here) else {
        let other = record::meant(seen, None, &here).ok_or(ClientError::NoServer)?;
        let (asked, has) = (role.unwrap_or_default(), &other.role);
        let why = format!("and has the role `{has}`; none has `{asked}`, which `THOTH_ROLE` names");
        return Err(ClientError::out_of_reach(other, why));
    };
    match record.address {
        // In another container its address is another machine's, where somebody else may answer and learn the token.
        Some(_) if record.host != here => {
            Err(ClientError::out_of_reach(record, "and not here; run the command there"))
        }
        Some(address) => Ok((record, address)),
        None => Err(ClientError::NoServer),
    }
}

impl ClientError {
    /// A server that lives, and why it cannot be asked.
    pub fn out_of_reach(Record { host, pid, .. }: Record, why: impl Into<String>) -> Self {
        Self::OutOfReach { host, pid, why: why.into() }
    }
}

async fn body<T: DeserializeOwned>(response: Response) -> Result<T, ClientError> {
    let bytes = response.bytes().await.map_err(ClientError::Broken)?;
    serde_json::from_slice(&bytes).map_err(|error| ClientError::Answer(error.to_string()))
}

/// The response, or what its problem details say.
async fn refusal(response: Response) -> Result<Response, ClientError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let problem: Value = body(response).await.unwrap_or_default();
    let text = |field: &str| problem.get(field).and_then(Value::as_str).map(str::to_owned);
    Err(ClientError::Refused {
        status: status.as_u16(),
        detail: text("detail").unwrap_or_else(|| "the server refused".to_owned()),
        hint: text("hint"),
    })
}

fn said(status: u16, detail: &str, hint: Option<&str>) -> String {
    let title = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let title = title.unwrap_or("unknown");
    let hint = hint.map(|hint| format!(" ({})", in_commands(hint))).unwrap_or_default();
    format!("the server answered {status} {title}: {detail}{hint}")
}

/// Ways out that the server names by their routes, and the commands that are the same way.
const COMMANDS: [(&str, &str); 2] =
    [("`/api/v1/papers`", "`thoth papers`"), ("`/health/hot-reload`", "`thoth settings check`")];

/// A hint for those who type commands.
fn in_commands(hint: &str) -> String {
    COMMANDS.iter().fold(hint.to_owned(), |hint, (route, command)| hint.replace(route, command))
}

/// Where a server that serves every address of its machine is reached from that machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let loopback: IpAddr = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(loopback, address.port())
}
