//! `/api/v1/settings/schedules`: changes at a time, and for a time.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use changeover::edit::Change;
use changeover::schedule::{Declined, Entry, Kind, Request, Schedules, Told, When};
use changeover::{Decision, Problem};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::edits::{self, actor};
use super::error::ApiError;
use super::extract::Json;
use super::state::App;
use crate::services::Services;
use crate::settings::{Settings, effective};
use crate::when::period;

/// `GET`: what waits, the earliest first, then what has ended, the latest first.
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Answer<Value>, ApiError> {
    let schedules = kept(&app)?;
    let all: Vec<Value> = schedules.list().iter().map(|entry| show(entry, schedules)).collect();
    Ok(Answer(json!({ "schedules": all })))
}

/// What waits, the earliest first; nothing where another process keeps the times.
pub(super) fn waiting(app: &App) -> Vec<Value> {
    let Some(schedules) = &app.schedules else { return Vec::new() };
    schedules.list().iter().filter(|entry| entry.waits()).map(|entry| show(entry, schedules)).collect()
}

fn show(entry: &Entry, schedules: &Schedules<Settings, Services>) -> Value {
    let mut shown = shown_entry(entry);
    if let Some(problem) = schedules.problem(entry.id) {
        shown["problem"] = json!(problem);
    }
    shown
}

/// An entry as people may see it.
pub(super) fn shown_entry(entry: &Entry) -> Value {
    let mut shown = json!(entry);
    let changes: Vec<Value> = entry.changes.iter().map(|change| json!(harmless(change))).collect();
    shown["changes"] = json!(changes);
    if let Some(members) = shown.as_object_mut() {
        members.remove("expected");
    }
    shown
}

fn harmless(change: &Change) -> Change {
    let value = change.value.clone().map(|value| effective::shown(&change.path, value));
    Change { path: change.path.clone(), value }
}

/// The body of [`set`]: one of `at`, `in` and `for`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    changes: Vec<Change>,
    at: Option<Timestamp>,
    #[serde(rename = "in")]
    after: Option<String>,
    #[serde(rename = "for")]
    length: Option<String>,
    actor: Option<String>,
}

/// `POST`: sets a change for a time, or a temporary one, which applies at once. The answer has the verdict of that.
pub(super) async fn set(
    State(app): State<Arc<App>>,
    Json(asked): Json<Asked>,
) -> Result<(StatusCode, Answer<Value>), ApiError> {
    let when = when(&asked)?;
    let actor = Some(actor(asked.actor)?);
    let changes = asked.changes.clone();
    let told = kept(&app)?.set(Request { changes: asked.changes, when, actor }).await.map_err(declined)?;
    let mut answer = answer(&told);
    if told.entry.kind == Kind::Scheduled {
        // It is set in any case: where nobody can say now, nothing is said.
        answer["warnings"] = json!(without_effect(&app, changes).await.unwrap_or_default());
    }
    Ok((StatusCode::CREATED, Answer(answer)))
}

/// Of changes that wait: those that would have no effect as things stand.
async fn without_effect(app: &Arc<App>, changes: Vec<Change>) -> Result<Vec<Problem>, ApiError> {
    let before = edits::file(app).await?.unwrap_or_default();
    let content = edits::with_changes(before.clone(), changes.clone()).await?;
    edits::hidden(app, changes, before, content).await
}

fn when(asked: &Asked) -> Result<When, ApiError> {
    let length = |text: &str| period(text).map_err(ApiError::invalid);
    match (asked.at, asked.after.as_deref(), asked.length.as_deref()) {
        (Some(at), None, None) => Ok(When::At(at)),
        (None, Some(after), None) => Ok(When::After(length(after)?)),
        (None, None, Some(lasts)) => Ok(When::For(length(lasts)?)),
        _ => Err(ApiError::invalid("a change is set by one of `at`, `in` and `for`")
            .hint("`\"at\": \"2026-12-01T08:00:00Z\"`, `\"in\": \"2h\"`, or `\"for\": \"30m\"`")),
    }
}

/// `DELETE …/{id}`: calls a change off; `X-Actor` says who asks. A temporary one ends at once; the answer has the verdict of
/// that.
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Path(id): Path<u64>,
    headers: HeaderMap,
) -> Result<Answer<Value>, ApiError> {
    let named = headers.get("x-actor").and_then(|actor| actor.to_str().ok()).map(str::to_owned);
    let told = kept(&app)?.cancel(id, Some(actor(named)?)).await.map_err(declined)?;
    Ok(Answer(answer(&told)))
}

fn answer(told: &Told) -> Value {
    json!({ "schedule": shown_entry(&told.entry), "verdict": told.verdict })
}

fn kept(app: &App) -> Result<&Schedules<Settings, Services>, ApiError> {
    app.schedules.as_ref().ok_or_else(|| {
        ApiError::new(
            StatusCode::CONFLICT,
            format!("this process runs as `{}` and keeps no times", app.roles),
        )
        .hint("ask the one that has the role `api`")
    })
}

fn declined(declined: Declined) -> ApiError {
    match &declined {
        Declined::Unknown(_) => ApiError::not_found(declined.to_string()),
        Declined::Verdict(verdict) if verdict.verdict == Decision::Superseded => {
            ApiError::new(StatusCode::CONFLICT, "a newer save took its place").hint("set it again")
        }
        Declined::Ended(_) | Declined::Full => ApiError::new(StatusCode::CONFLICT, declined.to_string()),
        Declined::Changes | Declined::Time(_) | Declined::Check(_) | Declined::Verdict(_) => {
            ApiError::invalid(declined.to_string())
        }
        Declined::NotProposed(_) | Declined::File(_) => ApiError::unavailable(declined.to_string()),
        Declined::State(error) => ApiError::internal("a scheduled change cannot be kept", error),
    }
}
