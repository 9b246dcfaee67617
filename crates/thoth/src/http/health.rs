//! `/health`: about Thoth, not about the last save.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::generation::{Current, Generation};
use super::schedules;
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
        "role": app.roles.to_string(),
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
        "other_files": status.others,
        "last_modified": status.last_modified,
        "generation": status.generation,
        "safe_mode": status.safe_mode,
        "drift": status.drift,
        "activity": status.activity,
        "last_verdict": status.last_verdict,
        "waiting": status.waiting,
        "schedules": schedules::waiting(&app),
        "watch": status.watch,
        "retiring": status.retiring,
        "overdue": status.overdue,
        "history_problem": status.history_problem,
    }))
}

/// How each service of the generation stands, and each owner of what the process has only once.
pub(super) async fn services(app: &App, generation: &Generation) -> BTreeMap<&'static str, ServiceState> {
    let builder = app.papers.builder.as_deref();
    let mut services: BTreeMap<_, _> = generation.services.states(builder).into_iter().collect();
    for (name, owner) in app.owners.all() {
        let trouble = match owner.trouble {
            // Its folder may come back without a new generation.
            _ if name == "pdf" => intake_trouble(&app.papers.monitor).await,
            trouble => trouble,
        };
        let state = match trouble {
            None => ServiceState::ok(Some(owner.since)),
            Some(trouble) => ServiceState::degraded(Some(owner.since), trouble),
        };
        services.insert(name, state.runs(owner.runs));
    }
    if app.roles.monitor {
        let starting = || ServiceState::pending(None, "starting".to_owned());
        services.entry("pdf").or_insert_with(starting);
    }
    if generation.safe_mode {
        let silent = services.iter_mut().filter(|(name, _)| !IN_SAFE_MODE.contains(name));
        silent.for_each(|(_, state)| *state = ServiceState::off(state.since, "safe mode"));
    }
    services
}

/// What does its work in safe mode: everything else answers 503.
const IN_SAFE_MODE: [&str; 4] = ["http", "log", "mcp", "ports"];

async fn intake_trouble(monitor: &Monitor) -> Option<String> {
    match monitor.status().await {
        Err(error) => Some(error),
        Ok(status) if !status.watching => {
            Some(status.last_error.unwrap_or("no folder is watched".to_owned()))
        }
        Ok(status) => status.last_error,
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
