//! `/mcp`: streamable HTTP. The sessions are the process's ([`crate::mcp::http`]); who comes in, how much is read and
//! when a stream ends is decided here, as for every other route.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use super::connection::Arrival;
use super::error::ApiError;
use super::extract::Raw;
use super::generation::Current;
use super::state::App;
use crate::mcp::http::Arrived;

/// The route.
pub(super) const PATH: &str = "/mcp";

/// Any method of `/mcp`.
pub(super) async fn serve(
    State(app): State<Arc<App>>,
    Current(generation): Current,
    Extension(arrival): Extension<Arrival>,
    mut request: Request,
) -> Result<Response, ApiError> {
    let method = request.method().clone();
    request.extensions_mut().remove::<Current>();
    request.extensions_mut().insert(Arrived::new(generation, arrival.end()));
    // Read here, within the limits of every other body.
    let request = if method == Method::POST {
        let (parts, body) = request.into_parts();
        let mut whole = Request::new(body);
        *whole.extensions_mut() = parts.extensions.clone();
        let Raw(body) = Raw::from_request(whole, &()).await?;
        Request::from_parts(parts, Body::from(body))
    } else {
        request
    };
    let answered = app.mcp.handle(request).await.map_err(|full| {
        ApiError::unavailable(full.to_string()).hint("end one that is not used, or try again later")
    })?;
    if method == Method::DELETE && answered.status() == StatusCode::ACCEPTED {
        // It is done, not merely begun; clients take «accepted» for a failure.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    if method != Method::GET {
        return Ok(answered);
    }
    // A stream that waits for messages ends with its port; an answer under way goes on to its end.
    let (parts, body) = answered.into_parts();
    let body = Body::from_stream(body.into_data_stream().take_until(arrival.ended()));
    Ok(Response::from_parts(parts, body).into_response())
}
