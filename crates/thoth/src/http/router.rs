//! Every route on one page.

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post, put};

use super::error::ApiError;
use super::extract::body_limit;
use super::state::App;
use super::{
    agent, cite, events, generation, guard, health, metrics, notes, page, papers, search, settings_api,
};

/// Most bytes of a body.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Most bytes of a PDF that is handed in.
const PDF_BYTES_MAX: usize = 200 * 1024 * 1024;
/// Most bytes of a settings file that is handed in.
const SETTINGS_BYTES_MAX: usize = 10 * 1024 * 1024;

/// The whole API.
pub fn router(app: Arc<App>) -> Router {
    // These answer in safe mode too.
    let always = Router::new()
        .route("/", get(page::front))
        .route("/health", get(health::health))
        .route("/health/ready", get(health::ready))
        .route("/health/hot-reload", get(health::hot_reload))
        .route("/metrics", get(metrics::show))
        .route("/api/v1/settings", get(settings_api::show))
        .route(
            "/api/v1/settings/validate",
            post(settings_api::validate).layer(body_limit(SETTINGS_BYTES_MAX)),
        )
        .route("/api/v1/reloads", get(settings_api::reloads).post(settings_api::reload))
        .route("/api/v1/events", get(events::stream));

    // These need usable settings.
    let normally = Router::new()
        .route("/api/v1/papers", get(papers::list).post(papers::take).layer(body_limit(PDF_BYTES_MAX)))
        .route("/api/v1/papers/{id}", get(papers::show))
        .route("/api/v1/papers/{id}/bibtex", get(papers::bibtex))
        .route("/api/v1/papers/{id}/cite", get(cite::cite))
        .route("/api/v1/notes/refresh", post(notes::refresh))
        .route("/api/v1/bibliography", get(cite::bibliography))
        .route("/api/v1/search", get(search::search))
        .route("/api/v1/ask", post(search::ask))
        .route("/api/v1/agent", get(agent::show))
        .route("/api/v1/agent/messages", post(agent::say))
        .route("/api/v1/agent/memory", get(agent::memory))
        .route("/api/v1/agent/memory/{label}", put(agent::write_memory))
        .route_layer(from_fn(generation::not_in_safe_mode));

    always
        .merge(normally)
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(body_limit(BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&app), guard::check))
        .layer(from_fn_with_state(Arc::clone(&app), generation::enter))
        .with_state(app)
}

async fn nowhere(uri: Uri) -> ApiError {
    ApiError::not_found(format!("there is no `{}` here", uri.path())).hint("`/` names what there is")
}

async fn not_so(method: Method, uri: Uri) -> ApiError {
    let detail = format!("`{}` does not take `{method}`", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
