//! `/api/v1/agent`: the agent at the Letta server, its messages and its memory.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::extract::{Json as JsonBody, at_most};
use super::generation::Current;
use super::state::App;
use crate::letta::{Block, LettaError, Piece};
use crate::services::letta_state;

/// Characters of a message.
const MESSAGE_CHARS_MAX: usize = 100_000;
/// Characters of a block of memory; the block's own limit is the server's to say.
const VALUE_CHARS_MAX: usize = 200_000;
/// A sign of life for proxies and clients while the agent thinks.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `GET /api/v1/agent`: how the service stands, where the server is, which agent it is. Asks nobody.
pub(super) async fn show(Current(generation): Current) -> Json<Value> {
    let letta = &generation.services.letta;
    let mut view = json!(letta_state(letta));
    if let (Value::Object(view), Value::Object(known)) = (&mut view, letta.view()) {
        view.extend(known);
    }
    Json(view)
}

/// The body of [`say`].
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    message: String,
    #[serde(default)]
    stream: bool,
}

/// `POST /api/v1/agent/messages`: the answer as JSON, or with `stream` as events: `reasoning` and `text` with a piece
/// each, then `done`, or `error`.
pub(super) async fn say(
    State(app): State<Arc<App>>,
    Current(generation): Current,
    JsonBody(body): JsonBody<Said>,
) -> Result<Response, ApiError> {
    let message = body.message.trim();
    if message.is_empty() {
        return Err(ApiError::invalid("`message` is empty"));
    }
    at_most("`message`", message, MESSAGE_CHARS_MAX)?;
    let letta = generation.services.letta.handle();
    // The answer holds on to its client, and to nothing else of the generation.
    drop(generation);
    if !body.stream {
        return Ok(Json(letta.send_message(message).await?).into_response());
    }
    let permit = Arc::clone(&app.streams).try_acquire_owned();
    let permit = permit.map_err(|_| ApiError::unavailable("too many event streams are open"))?;
    let pieces = letta.stream_message(message).await?;
    let events = pieces.map(move |piece| {
        let _held = &permit;
        Ok::<_, Infallible>(piece.map_or_else(failed, event))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// `GET /api/v1/agent/memory`.
pub(super) async fn memory(Current(generation): Current) -> Result<Json<Value>, ApiError> {
    let letta = generation.services.letta.handle();
    drop(generation);
    Ok(Json(json!({ "blocks": letta.memory().await? })))
}

/// `GET /api/v1/agent/memory/{label}`.
pub(super) async fn block(
    Current(generation): Current,
    Path(label): Path<String>,
) -> Result<Json<Block>, ApiError> {
    let letta = generation.services.letta.handle();
    drop(generation);
    Ok(Json(letta.read_memory(&label).await?))
}

/// The body of [`write_memory`].
#[derive(Debug, Deserialize)]
pub(super) struct Written {
    value: String,
}

/// `PUT /api/v1/agent/memory/{label}`.
pub(super) async fn write_memory(
    Current(generation): Current,
    Path(label): Path<String>,
    JsonBody(body): JsonBody<Written>,
) -> Result<Json<Block>, ApiError> {
    at_most("`value`", &body.value, VALUE_CHARS_MAX)?;
    let letta = generation.services.letta.handle();
    drop(generation);
    Ok(Json(letta.write_memory(&label, &body.value).await?))
}

fn event(piece: Piece) -> Event {
    let (name, data) = match piece {
        Piece::Reasoning(text) => ("reasoning", json!({ "text": text })),
        Piece::Text(text) => ("text", json!({ "text": text })),
        Piece::Done(ending) => ("done", json!(ending)),
    };
    Event::default().event(name).data(data.to_string())
}

fn failed(error: LettaError) -> Event {
    Event::default().event("error").data(ApiError::from(error).details().to_string())
}

impl From<LettaError> for ApiError {
    fn from(error: LettaError) -> Self {
        let status = match &error {
            LettaError::NotConfigured { .. } | LettaError::UnusableKey { .. } => StatusCode::CONFLICT,
            LettaError::NoAgent { .. } | LettaError::NoBlock { .. } => StatusCode::NOT_FOUND,
            LettaError::Busy { .. } | LettaError::Unreachable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            LettaError::Timeout { .. } => StatusCode::GATEWAY_TIMEOUT,
            // The server does not take what the client of ours wrote.
            LettaError::Refused { status: 400 | 413 | 422, .. } => StatusCode::UNPROCESSABLE_ENTITY,
            LettaError::Refused { status: 409, .. } => StatusCode::CONFLICT,
            LettaError::Refused { status: 429, .. } => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::BAD_GATEWAY,
        };
        Self::new(status, error.to_string())
    }
}
