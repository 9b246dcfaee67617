//! The one error that the API answers with: problem details after RFC 9457.
//!
//! What goes to the client is said here; what only the log may know is logged where it happens.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An answer other than success.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    detail: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    /// Line and column in what the client sent.
    place: Option<(usize, usize)>,
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl ApiError {
    /// An answer with this status; `detail` says what is wrong with this request.
    pub fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, detail: detail.into(), hint: None, place: None, header: None }
    }

    /// There is no such thing.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// The request was understood, and makes no sense.
    pub fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// Something failed that the client cannot help. `error` goes to the log and nowhere else.
    pub fn internal(doing: &'static str, error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "{doing}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its log says why")
    }

    /// Not now, but later.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// No token, or not ours.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "this needs the bearer token of the server")
            .hint("`thoth token` shows it (if the server was started with `THOTH_API_TOKEN`, set that here too); send it as `Authorization: Bearer <token>`")
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"thoth\""))
    }

    /// Too often; to be tried again after this many seconds.
    pub fn too_many(seconds: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too many requests from this address")
            .header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The same with the way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a place in what the client sent: line and column, both counted from 1.
    #[must_use]
    pub fn at(mut self, line: usize, column: usize) -> Self {
        self.place = Some((line, column));
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some(Box::new((name, value)));
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The problem details: what the client is told.
    pub fn details(&self) -> Value {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(hint) = &self.hint {
            body["hint"] = json!(hint);
        }
        if let Some((line, column)) = self.place {
            body["line"] = json!(line);
            body["column"] = json!(column);
        }
        body
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.details())).into_response();
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, problem);
        if let Some((name, value)) = self.header.map(|header| *header) {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
