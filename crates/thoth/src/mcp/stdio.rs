//! MCP over standard input and output: one client, the one that started this process.

use anyhow::Context;
use rmcp::ServerHandler;
use rmcp::service::{QuitReason, ServerInitializeError, serve_server_with_ct};
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::stdio_pipes;
use tokio_util::sync::CancellationToken;

use super::MESSAGE_BYTES_MAX;

/// Serves until the client closes standard input, or `stop`. Nothing else may write to standard output.
///
/// # Errors
/// That what came in was no beginning of a session.
pub async fn serve(handler: impl ServerHandler, stop: CancellationToken) -> anyhow::Result<()> {
    let (input, output) = stdio_pipes();
    let transport = AsyncRwTransport::new_server(input, output).with_max_line_length(MESSAGE_BYTES_MAX);
    let session = match serve_server_with_ct(handler, transport, stop).await {
        Ok(session) => session,
        // Gone before anything was said.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => return Ok(()),
        Err(error) => return Err(error).context("the client did not begin a session of MCP"),
    };
    match session.waiting().await.context("the session ended early")? {
        QuitReason::JoinError(error) => Err(error).context("the session ended early"),
        _ => Ok(()),
    }
}
