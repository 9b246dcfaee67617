//! `/api/v1/settings` and `/api/v1/reloads`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use changeover::{ABSENT, Occasion, Status, Verdict};
use serde::Deserialize;
use serde_json::{Value, json};

use super::blocking::blocking;
use super::edits;
use super::error::ApiError;
use super::extract::{Query, Raw};
use super::generation::Current;
use super::schedules;
use super::state::App;

/// Verdicts that are given without a `limit`.
const RELOADS: usize = 50;
/// Verdicts that are given at most.
const RELOADS_MAX: usize = 1_000;

/// `GET /api/v1/settings`: what runs, redacted.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Current(generation): Current,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let tag = entity_tag(&app.engine.status(), generation.number);
    let asked = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut asked = asked.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let mut response = if !tag.starts_with("W/") && asked.any(|asked| asked.trim() == tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut body = json!({ "generation": generation.number, "settings": generation.settings.view() });
        let waiting = schedules::waiting(&app);
        if !waiting.is_empty() {
            body["schedules"] = json!(waiting);
        }
        Json(body).into_response()
    };
    let tag = HeaderValue::try_from(tag)
        .map_err(|error| ApiError::internal("the entity tag is no header", &error))?;
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

/// The keyed hash of the file as last read. While that file is not what this answer shows, the tag is a weak one:
/// it names the file for an edit, but never stands for the answer.
fn entity_tag(status: &Status, generation: u64) -> String {
    let content = status.content.as_deref().unwrap_or(ABSENT);
    let is_shown = !status.drift && status.generation == generation;
    format!("{}\"{content}\"", if is_shown { "" } else { "W/" })
}

/// `POST /api/v1/settings/validate`: the bytes of a file, judged as `thoth settings check` judges it, and forgotten.
pub(super) async fn validate(
    State(app): State<Arc<App>>,
    Raw(content): Raw,
) -> Result<Json<Value>, ApiError> {
    let check = move || app.engine.check(&content, Occasion::RunningAllowEmpty);
    let checked = blocking("a check of settings ended early", check).await?;
    Ok(Json(match checked {
        Ok(accepted) => json!({ "valid": true, "problems": [], "warnings": accepted.warnings }),
        Err(problems) => json!({ "valid": false, "problems": problems, "warnings": [] }),
    }))
}

/// The body of [`reload`], which may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reload {
    /// Give what was taken back one more try.
    #[serde(default)]
    retry: bool,
    /// Who asks, for the history.
    actor: Option<String>,
}

/// `POST /api/v1/reloads`: reads the file again; the answer is the verdict, whichever it is.
pub(super) async fn reload(State(app): State<Arc<App>>, Raw(body): Raw) -> Result<Json<Verdict>, ApiError> {
    let asked: Reload = match body.trim_ascii() {
        [] => Reload::default(),
        body => serde_json::from_slice(body).map_err(|error| {
            ApiError::invalid(format!("the body is not understood: {error}"))
                .hint("send `{}`, `{\"retry\": true}`, or who asks beside it: `{\"actor\": \"…\"}`")
        })?,
    };
    let actor = edits::actor(asked.actor)?;
    let verdict = match asked.retry {
        true => app.engine.try_again_for(actor).await,
        false => app.engine.reload_for(actor).await,
    };
    match verdict {
        Ok(verdict) => Ok(Json(verdict.as_ref().clone())),
        Err(stopped) => Err(ApiError::unavailable(stopped.to_string())),
    }
}

/// The query of [`reloads`].
#[derive(Debug, Deserialize)]
pub(super) struct Reloads {
    limit: Option<usize>,
    /// Only verdicts with a smaller id: the next page of those before it.
    before: Option<u64>,
}

/// `GET /api/v1/reloads?limit=&before=`: the newest verdicts, newest first.
pub(super) async fn reloads(
    State(app): State<Arc<App>>,
    Query(query): Query<Reloads>,
) -> Result<Json<Value>, ApiError> {
    let limit = query.limit.unwrap_or(RELOADS).min(RELOADS_MAX);
    let before = query.before.unwrap_or(u64::MAX);
    // Older ones are read from the disk.
    let read = move || app.engine.history_before(before, limit);
    match blocking("the reading of the history ended early", read).await? {
        Ok(newest) => Ok(Json(json!({ "reloads": newest }))),
        Err(error) => Err(ApiError::unavailable(error.to_string())),
    }
}
