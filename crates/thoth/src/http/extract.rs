//! What handlers take out of a request, refused with problem details.

use std::time::Duration;

use axum::Extension;
use axum::body::{Bytes, HttpBody};
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use tower::layer::util::Stack;

use super::error::ApiError;

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(120);

/// The bytes of a body, whatever they are, up to the route's [`body_limit`].
pub(super) struct Raw(pub Bytes);

/// Most bytes of a body. The innermost one counts.
#[derive(Clone, Copy)]
pub(super) struct BodyLimit(usize);

/// The layers that limit the bodies of a route: by what the client announces, and by what it really sends.
pub(super) fn body_limit(bytes_max: usize) -> Stack<Extension<BodyLimit>, DefaultBodyLimit> {
    Stack::new(Extension(BodyLimit(bytes_max)), DefaultBodyLimit::max(bytes_max))
}

/// A JSON body.
pub(super) struct Json<T>(pub T);

/// The query of the address.
pub(super) struct Query<T>(pub T);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let too_large =
            || ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than this route takes");
        let limit = request.extensions().get::<BodyLimit>().map_or(usize::MAX, |limit| limit.0);
        // Refused before it is sent, where the client says how large it is.
        if request.body().size_hint().lower() > limit as u64 {
            return Err(too_large());
        }
        let Ok(read) = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await else {
            return Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive"));
        };
        read.map(Self).map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(),
            _ => ApiError::new(StatusCode::BAD_REQUEST, "the body could not be read to its end"),
        })
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be JSON")
                .hint("send it with `Content-Type: application/json`"));
        }
        let Raw(bytes) = Raw::from_request(request, state).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let message = error.to_string();
            // serde_json appends the place in words; it has fields of its own here.
            let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
            ApiError::invalid(message).at(error.line(), error.column())
        })
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|query| Self(query.0))
            .map_err(|rejection| unfit(&rejection.body_text()))
    }
}

/// A query that is not understood, in our words.
fn unfit(said: &str) -> ApiError {
    let why = said.strip_prefix("Failed to deserialize query string: ").unwrap_or(said);
    if let Some(name) = why.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return ApiError::invalid(format!("the parameter `{name}` is missing"))
            .hint(format!("add it to the address: `?{name}=…`"));
    }
    match why.split_once(": ") {
        Some((name, why)) => ApiError::invalid(format!("the parameter `{name}` is not understood: {why}")),
        None => ApiError::invalid(format!("the query of the address is not understood: {why}")),
    }
}

/// Refuses a text that is longer than is read.
pub(super) fn at_most(name: &str, text: &str, chars_max: usize) -> Result<(), ApiError> {
    let chars = text.chars().count();
    if chars <= chars_max {
        return Ok(());
    }
    Err(ApiError::invalid(format!("{name} has {chars} characters; at most {chars_max} are read")))
}

/// No content type at all is taken for JSON, and so is the one that `curl -d` sends by itself; a wrong one is not.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    matches!(essence.as_str(), "application/json" | "application/x-www-form-urlencoded")
        || essence.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Ask {
        #[expect(dead_code, reason = "only its type matters")]
        question: String,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only the types matter")]
    struct Search {
        q: String,
        limit: Option<usize>,
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_query_is_said_by_its_parameter() {
        let check = async |query: &str, detail: &str, hint: Option<&str>| {
            let (mut parts, ()) =
                Request::builder().uri(format!("/search{query}")).body(()).unwrap().into_parts();
            let error = Query::<Search>::from_request_parts(&mut parts, &()).await.err().unwrap();
            assert_eq!(error.status().as_u16(), 422);
            let response = axum::response::IntoResponse::into_response(error);
            let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!((body["detail"].as_str(), body["hint"].as_str()), (Some(detail), hint), "{query}");
        };
        let way_out = Some("add it to the address: `?q=…`");
        check("", "the parameter `q` is missing", way_out).await;
        check("?limit=3", "the parameter `q` is missing", way_out).await;
        let why = "the parameter `limit` is not understood: invalid digit found in string";
        check("?q=a&limit=b", why, None).await;
    }

    #[tokio::test]
    async fn what_is_no_json_is_refused_with_its_place() {
        let check = async |content_type: Option<&str>, body: &str, status: u16, place: Option<(u64, u64)>| {
            let mut request = Request::builder();
            if let Some(content_type) = content_type {
                request = request.header(header::CONTENT_TYPE, content_type);
            }
            let request = request.body(Body::from(body.to_owned())).unwrap();
            let answer = Json::<Ask>::from_request(request, &()).await;
            let error = match answer {
                Ok(_) => return assert_eq!(status, 200, "{body}"),
                Err(error) => error,
            };
            assert_eq!(error.status().as_u16(), status, "{body}");
            let response = axum::response::IntoResponse::into_response(error);
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
            let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let got = body["line"].as_u64().zip(body["column"].as_u64());
            assert_eq!(got, place, "{body}");
            assert!(!body["detail"].as_str().unwrap().contains("at line"), "{body}");
        };
        let json = Some("application/json; charset=utf-8");
        check(json, r#"{"question": "why?"}"#, 200, None).await;
        check(None, r#"{"question": "why?"}"#, 200, None).await;
        check(Some("application/problem+json"), r#"{"question": "why?"}"#, 200, None).await;
        check(Some("text/plain"), r#"{"question": "why?"}"#, 415, None).await;
        check(Some("application/x-www-form-urlencoded"), "question=why", 422, Some((1, 1))).await;
        check(json, "{\n\"question\": 1}", 422, Some((2, 13))).await;
        check(json, "{\"question\": \"why?\"", 422, Some((1, 19))).await;
        check(json, "", 422, Some((1, 0))).await;
    }
}
