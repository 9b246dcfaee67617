//! `/api/v1/settings/effective`: what is in effect, key by key, and where it comes from.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use changeover::{Decision, Occasion, Outcome, Status};
use serde_json::{Value, json};

use super::blocking::blocking;
use super::error::ApiError;
use super::generation::{Current, Generation};
use super::health;
use super::state::App;
use crate::settings::effective::{Now, effective, says};
use crate::settings::local_file;

/// How long a file of the settings may take to be read.
const READ_TIMEOUT: Duration = Duration::from_secs(3);

/// `GET /api/v1/settings/effective`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Current(generation): Current,
) -> Result<Json<Value>, ApiError> {
    let status = app.engine.status();
    let local = local_file(&status.file);
    let (content, above) = tokio::join!(read(status.file.clone()), read(local.clone()));
    let drift = drift(&app, &status);
    let lines = match (&content, drift) {
        // What was accepted may have lines that moved since the services were built from it.
        (Some(content), None) => {
            let (engine, content) = (app.engine.clone(), content.clone());
            let check = move || engine.check(&content, Occasion::Start);
            blocking("a check of settings ended early", check).await?.ok()
        }
        _ => None,
    };
    let settings = &generation.settings;
    let now = Now {
        origins: lines.as_ref().map_or(&settings.origins, |accepted| &accepted.settings.origins),
        says: content.as_deref().and_then(|content| says(content, above.as_deref(), &local)),
        drift,
        since: since(&app, &generation).await,
    };
    Ok(Json(json!({
        "generation": generation.number,
        "file": status.file,
        "drift": status.drift,
        "content": status.content,
        "accepted": status.accepted,
        "keys": effective(settings, &now),
    })))
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
        opened.take(changeover::check::SIZE_MAX as u64).read_to_end(&mut content).map(|_| content)
    });
    tokio::time::timeout(READ_TIMEOUT, reading).await.ok()?.ok()?.ok()
}

/// The generation since which each service runs as it does; the changeover itself goes by the newest.
async fn since(app: &App, generation: &Generation) -> BTreeMap<&'static str, u64> {
    let services = health::services(app, generation).await;
    let since = services.into_iter().filter_map(|(name, state)| Some((name, state.since?)));
    since.chain([("reload", generation.number)]).collect()
}
