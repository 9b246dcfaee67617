//! One load of the live generation for each request: the outermost layer. Everything of that request, middleware
//! included, works with what was loaded here.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use super::connection::Arrival;
use super::error::ApiError;
use super::mcp;
use super::state::App;
use crate::services::Services;
use crate::settings::Settings;

/// A generation of this product.
pub type Generation = changeover::Generation<Settings, Services>;

/// Says which generation answered.
pub const GENERATION: HeaderName = HeaderName::from_static("x-thoth-generation");

/// The generation that one unit of work works with to its end, under its name.
pub type Pinned = changeover::Pinned<Settings, Services>;

/// The generation that this request works with.
#[derive(Clone, Debug)]
pub struct Current(pub Pinned);

impl<S: Send + Sync> FromRequestParts<S> for Current {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let current = parts.extensions.get::<Self>().cloned();
        current.ok_or_else(|| ApiError::internal("a route stands outside the generation layer", &parts.uri))
    }
}

/// Loads the generation, lets the request in, and says on the answer what every answer says. A request that still holds a
/// generation long after that was replaced is ended, as it would be if its client had gone.
pub(super) async fn enter(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let route = path.as_ref().map_or("unmatched", MatchedPath::as_str);
    let generation = app.engine.live().pin(format_args!("{method} {route}"));
    let (number, overdue) = (generation.number, ended(route, generation.overdue()));
    request.extensions_mut().insert(Current(generation));
    let leaving = request.extensions().get::<Arrival>().is_some_and(Arrival::leaving);

    let mut response = tokio::select! {
        biased;
        answered = AssertUnwindSafe(next.run(request)).catch_unwind() => match answered {
            Ok(response) => response,
            // The panic hook has logged where and why.
            Err(_) => ApiError::internal("a handler panicked", &method).into_response(),
        },
        () = overdue => ApiError::unavailable(OVERDUE).hint(ASK_AGAIN).into_response(),
    };
    app.metrics.answered(&method, route, response.status());
    let headers = response.headers_mut();
    // Who had to look at a newer one has said so.
    headers.entry(GENERATION).or_insert(HeaderValue::from(number));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(NOTHING));
    if leaving {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Why a unit of work was ended before its time.
pub const OVERDUE: &str = "the settings were changed long ago, and this was still under way on those before";
/// And what to do then.
pub const ASK_AGAIN: &str = "ask again: what is in effect now answers";

/// When a request of this route is to be ended. A call of MCP ends itself, in words of its own protocol.
async fn ended(route: &str, overdue: impl Future<Output = ()>) {
    match route {
        mcp::PATH => std::future::pending().await,
        _ => overdue.await,
    }
}

/// Answers in safe mode why a route does not.
pub(super) async fn not_in_safe_mode(
    Current(generation): Current,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if !generation.safe_mode {
        drop(generation);
        return Ok(next.run(request).await);
    }
    Err(ApiError::unavailable("Thoth runs in safe mode: no usable settings were found at the start").hint(
        "`/health/hot-reload` says what is wrong with the file; a save that is accepted ends safe mode",
    ))
}

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// What an answer of the API may do in a browser.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";
