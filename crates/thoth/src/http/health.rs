//! `/health`: about Thoth, not about the last save.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::generation::{Current, Generation};
use super::state::App;
use crate::pdf::monitor::Monitor;
use crate::services::ServiceState;

/// `GET /health`: 200 also when a service is degraded, 503 only in safe mode.
pub(super) async fn health(State(app): State<Arc<App>>, Current(generation): Current) -> Response {
    let services = services(&app, &generation).await;
    let status = overall(&generation, &services);
    let code = if generation.safe_mode { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let reserved = &generation.services.http.reserved;
    let addresses: Vec<String> = reserved.iter().map(|reserved| reserved.address().to_string()).collect();
    let body = json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "generation": generation.number,
        "started_at": app.started,
        "addresses": addresses,
        "services": services,
    });
    (code, Json(body)).into_response()
}

/// `GET /health/ready`: whether requests are worth sending.
pub(super) async fn ready(Current(generation): Current) -> Response {
    let ready = !generation.safe_mode;
    let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(json!({ "ready": ready, "generation": generation.number }))).into_response()
}

/// `GET /health/hot-reload`: the file, what was accepted, and what runs.
pub(super) async fn hot_reload(State(app): State<Arc<App>>) -> Json<Value> {
    let status = app.engine.status();
    Json(json!({
        "enabled": status.watch_enabled,
        "running": status.watch_running,
        "settings_file": status.file,
        "last_modified": status.last_modified,
        "generation": status.generation,
        "safe_mode": status.safe_mode,
        "drift": status.drift,
        "activity": status.activity,
        "last_verdict": status.last_verdict,
        "waiting": status.waiting,
        "watch": status.watch,
        "retiring": status.retiring,
        "history_problem": status.history_problem,
    }))
}

/// How each service of the generation stands, and each owner of what the process has only once.
pub(super) async fn services(app: &App, generation: &Generation) -> BTreeMap<&'static str, ServiceState> {
    let mut services: BTreeMap<_, _> =
        generation.services.states(app.papers.builder.as_deref()).into_iter().collect();
    if app.roles.monitor {
        services.insert("pdf", intake(&app.papers.monitor).await);
    }
    for (name, trouble) in app.troubles.all() {
        let state = services.entry(name).or_insert_with(|| ServiceState::ok(None));
        if let Some(trouble) = trouble {
            *state = ServiceState::degraded(state.since, trouble);
        }
    }
    services
}

async fn intake(monitor: &Monitor) -> ServiceState {
    match monitor.status().await {
        Err(error) => ServiceState::degraded(None, error),
        Ok(status) => match status.last_error {
            Some(error) => ServiceState::degraded(None, error),
            None if status.folder.is_none() => ServiceState::pending(None, "starting".to_owned()),
            None if !status.watching => ServiceState::degraded(None, "no folder is watched".to_owned()),
            None => ServiceState::ok(None),
        },
    }
}

/// `ok`, `degraded` when any service is, or `safe mode`.
pub(super) fn overall(
    generation: &Generation,
    services: &BTreeMap<&'static str, ServiceState>,
) -> &'static str {
    if generation.safe_mode {
        "safe mode"
    } else if services.values().any(|service| service.status == "degraded") {
        "degraded"
    } else {
        "ok"
    }
}
