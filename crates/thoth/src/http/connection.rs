//! One accepted connection: HTTP/1.1, until its client or its port ends it.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tower::ServiceExt;

use super::router::{Entrance, Routers};

/// For how long a connection may be idle, or take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Most bytes of a request's head.
const HEAD_BYTES_MAX: usize = 64 * 1_024;

/// Where a request came in. Stands in the request's extensions.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// The other end.
    pub peer: SocketAddr,
    /// The address of this machine that the client reached.
    pub local: SocketAddr,
    pub(super) port: Arc<Standing>,
}

/// How a served port stands; shared by its accept loop and its connections.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Another port has taken its place: answers say `Connection: close`.
    pub(super) leaving: AtomicBool,
    /// MCP's own listener, rather than one of the API.
    pub(super) for_mcp: AtomicBool,
    /// Cancelled when the port is served no more: requests in flight finish, streams end.
    pub(super) end: CancellationToken,
}

impl Arrival {
    /// Whether the client should come back on another connection.
    pub(super) fn leaving(&self) -> bool {
        self.port.leaving.load(Ordering::Acquire) || self.port.end.is_cancelled()
    }

    /// What is served where this request came in.
    pub(super) fn entrance(&self) -> Entrance {
        if self.port.for_mcp.load(Ordering::Acquire) { Entrance::Mcp } else { Entrance::Api }
    }

    /// Cancelled when the port is served no more.
    pub(super) fn end(&self) -> CancellationToken {
        self.port.end.clone()
    }

    /// Waits until the port is served no more.
    pub(super) fn ended(&self) -> WaitForCancellationFutureOwned {
        self.port.end.clone().cancelled_owned()
    }
}

/// Serves one connection to its end. `abort` cuts it off at once.
pub(super) async fn serve(stream: TcpStream, arrival: Arrival, routers: Routers, abort: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let end = arrival.port.end.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(arrival.clone());
        // Asked for each request: a port may change hands between the API and MCP.
        routers.of(arrival.entrance()).clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = end.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                result = connection => result,
                () = abort.cancelled() => return,
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended early");
    }
}
