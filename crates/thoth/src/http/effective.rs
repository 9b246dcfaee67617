//! `/api/v1/settings/effective`: what is in effect, key by key, and where it comes from.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use changeover::{Accepted, Decision, Occasion, Outcome, Status};
use serde_json::{Value, json};

use super::blocking::blocking;
use super::error::ApiError;
use super::generation::{Current, GENERATION, Generation};
use super::health;
use super::state::App;
use crate::services::ServiceState;
use crate::settings::effective::{Now, Stands, effective, says};
use crate::settings::{Settings, local_file};

/// How long a file of the settings may take to be read.
const READ_TIMEOUT: Duration = Duration::from_secs(3);

/// `GET /api/v1/settings/effective`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Current(generation): Current,
) -> Result<Response, ApiError> {
    let mut generation = generation;
    let (mut shown, mut is_whole) = look(&app, &generation).await?;
    if !is_whole {
        generation = app.engine.live().pin(format_args!("GET /api/v1/settings/effective"));
        (shown, is_whole) = look(&app, &generation).await?;
    }
    shown["taking_effect"] = json!(!is_whole);
    Ok(([(GENERATION, HeaderValue::from(generation.number))], Json(shown)).into_response())
}

/// One look at the generation, the status and the files; and whether all of them are of one moment. Where a save came between,
/// nothing is said of the files.
async fn look(app: &Arc<App>, generation: &Generation) -> Result<(Value, bool), ApiError> {
    let status = app.engine.status();
    let local = local_file(&status.file);
    let (content, above) = tokio::join!(read(status.file.clone()), read(local.clone()));
    let (accepted, is_of_status) = checked(app, &content, &status).await?;
    let services = services(app, generation).await;
    let is_whole = is_of_status
        && status.generation == generation.number
        && moment(&status) == moment(&app.engine.status());
    let settings = &generation.settings;
    // What was accepted may have lines that moved since the services were built from it.
    let lines = accepted.filter(|_| is_whole && !status.drift);
    let now = Now {
        origins: lines.as_ref().map_or(&settings.origins, |accepted| &accepted.settings.origins),
        says: content.filter(|_| is_whole).and_then(|content| says(&content, above.as_deref(), &local)),
        above: None,
        drift: drift(app, &status).filter(|_| is_whole),
        since: since(&services, generation.number),
        stands: stands(services),
    };
    let shown = json!({
        "generation": generation.number,
        "file": status.file,
        "drift": status.drift,
        "content": status.content,
        "accepted": status.accepted,
        "keys": effective(settings, &now),
    });
    Ok((shown, is_whole))
}

/// What of a status must not change during a look.
fn moment(status: &Status) -> (u64, bool, &Option<String>, &Option<String>) {
    (status.generation, status.drift, &status.content, &status.accepted)
}

/// What a content of the settings file means, and whether it is the one that the status is of. One that could not be read, of
/// which nothing is said, is.
async fn checked(
    app: &Arc<App>,
    content: &Option<Vec<u8>>,
    status: &Status,
) -> Result<(Option<Accepted<Settings>>, bool), ApiError> {
    let Some(content) = content.clone() else { return Ok((None, true)) };
    let (app, read) = (Arc::clone(app), status.content.clone());
    let check = move || {
        let accepted = app.engine.check(&content, Occasion::Start).ok();
        (accepted, app.engine.content_hash(&content) == read)
    };
    blocking("a check of settings ended early", check).await
}

/// Verdicts among which that of the file is looked for.
const VERDICTS_MAX: usize = 100;

/// Why the file is not what is in effect; `None` where it is.
fn drift(app: &App, status: &Status) -> Option<&'static str> {
    if !status.drift {
        return None;
    }
    let verdicts = app.engine.history(VERDICTS_MAX);
    let of_file = verdicts.iter().find(|verdict| verdict.content == status.content);
    Some(match of_file.map(|verdict| (verdict.verdict, verdict.outcome)) {
        _ if status.content.is_none() => "there is no file that can be read",
        Some((Decision::Rejected, _)) => "the newest save was refused",
        Some((_, Some(Outcome::Reverted))) => "the newest save failed and was taken back",
        _ if !status.watch_enabled => {
            "the file changed and was not read: the watch is off; `thoth reload` reads it"
        }
        _ => "the file says something else than what is in effect",
    })
}

/// The file's bytes, where it can be read in time.
async fn read(file: PathBuf) -> Option<Vec<u8>> {
    let reading = tokio::task::spawn_blocking(move || {
        let mut content = Vec::new();
        let opened = std::fs::File::open(file)?;
        // One byte beyond the limit says that it is too large, and makes its hash the engine's.
        opened.take(changeover::check::SIZE_MAX as u64 + 1).read_to_end(&mut content).map(|_| content)
    });
    tokio::time::timeout(READ_TIMEOUT, reading).await.ok()?.ok()?.ok()
}

/// How each service stands. Who serves the addresses of `http` and `mcp` stands apart from them.
async fn services(app: &App, generation: &Generation) -> BTreeMap<&'static str, ServiceState> {
    let mut services = health::services(app, generation).await;
    if let Some(ports) = services.get("ports").filter(|ports| ports.status == "degraded").cloned() {
        for name in ["http", "mcp"] {
            let since = services.get(name).and_then(|service| service.since);
            services.insert(name, ServiceState { since, ..ports.clone() });
        }
    }
    services
}

/// The generation since which each service runs as it does; the changeover itself goes by the newest.
fn since(services: &BTreeMap<&'static str, ServiceState>, newest: u64) -> BTreeMap<&'static str, u64> {
    let since = services.iter().filter_map(|(name, state)| Some((*name, state.since?)));
    since.chain([("reload", newest)]).collect()
}

/// The services that do not run as they should. One that is off does nothing, and should not.
fn stands(services: BTreeMap<&'static str, ServiceState>) -> BTreeMap<&'static str, Stands> {
    let amiss = services.into_iter().filter(|(_, state)| !matches!(state.status, "ok" | "off"));
    amiss
        .map(|(name, ServiceState { status, reason, runs, .. })| (name, Stands { status, reason, runs }))
        .collect()
}
