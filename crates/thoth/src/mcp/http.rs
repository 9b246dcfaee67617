//! Streamable HTTP: the sessions of `/mcp`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use rmcp::transport::StreamableHttpServerConfig;
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use tokio_util::sync::CancellationToken;

use super::{Desk, MESSAGE_BYTES_MAX, Session, ToolListeners};
use crate::http::generation::Pinned;

/// Sessions at one time, at most.
pub const SESSIONS_MAX: usize = 64;
/// For how long a session may be idle. A client whose session has ended is told so, and opens another.
const IDLE: Duration = Duration::from_secs(3_600);
/// The header that names a session.
const SESSION: &str = "mcp-session-id";

/// What a session is told of the request that a message came in by. Stands in the request's extensions.
#[derive(Clone)]
pub struct Arrived {
    /// The generation that let the request in; whoever works on the message takes it out. The library keeps a request
    /// for as long as it is answered, and a stream that only waits must pin nothing.
    generation: Arc<Mutex<Option<Pinned>>>,
    /// Cancelled when the port that it came in by is served no more: a stream that only waits ends with its port.
    pub port_end: CancellationToken,
}

impl Arrived {
    /// A request that this generation let in by this port.
    pub fn new(generation: Pinned, port_end: CancellationToken) -> Self {
        Self { generation: Arc::new(Mutex::new(Some(generation))), port_end }
    }

    /// What is known of the request of this message, if it came in by HTTP.
    pub(super) fn of(message: &RequestContext<RoleServer>) -> Option<&Self> {
        message.extensions.get::<axum::http::request::Parts>()?.extensions.get()
    }

    /// Takes the generation out.
    pub(super) fn take(&self) -> Option<Pinned> {
        self.generation.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Too many sessions are open.
#[derive(Debug, thiserror::Error)]
#[error("{SESSIONS_MAX} sessions of MCP are open, which is the most")]
pub struct Full;

/// The sessions of the process, over every changeover. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    service: StreamableHttpService<Session, LocalSessionManager>,
    open: Arc<LocalSessionManager>,
    /// Requests under way that may open one more.
    opening: Arc<AtomicUsize>,
}

impl Sessions {
    /// Sessions at this desk, until `shutdown`. Who may come in is decided before: names of this server are judged by
    /// the guard of the API, which follows the live settings, so the library's own list of names is off.
    pub fn new(desk: Desk, listeners: ToolListeners, shutdown: CancellationToken) -> Self {
        let mut open = LocalSessionManager::default();
        open.session_config.keep_alive = Some(IDLE);
        let open = Arc::new(open);
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_json_response(true)
            .with_max_request_body_bytes(MESSAGE_BYTES_MAX)
            .with_cancellation_token(shutdown);
        let session = Session::new(desk, listeners);
        let service = StreamableHttpService::new(move || Ok(session.clone()), Arc::clone(&open), config);
        Self { service, open, opening: Arc::default() }
    }

    /// Takes one request.
    ///
    /// # Errors
    /// [`Full`] where the request could open a session beyond the most.
    pub async fn handle(&self, request: Request<Body>) -> Result<Response<Body>, Full> {
        let _place = match request.headers().contains_key(SESSION) {
            true => None,
            false => Some(self.place().await?),
        };
        let response = self.service.handle(request).await;
        Ok(response.map(Body::new))
    }

    /// A place for one more session, held until it is open.
    async fn place(&self) -> Result<Place, Full> {
        let place = Place(Arc::clone(&self.opening));
        let before = self.opening.fetch_add(1, Ordering::AcqRel);
        if self.open.sessions.read().await.len() + before < SESSIONS_MAX { Ok(place) } else { Err(Full) }
    }
}

/// Gives the place back when it is dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
