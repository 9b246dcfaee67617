//! `POST /api/v1/notes/refresh`: our part of notes written anew by the live settings.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::extract::Json as JsonBody;
use super::state::App;
use crate::pdf::refresh::RefreshError;

/// The body of [`refresh`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default)]
    papers: Vec<String>,
}

/// `POST /api/v1/notes/refresh` with `{"papers": [id, …]}`; all notes where none is named.
pub(super) async fn refresh(
    State(app): State<Arc<App>>,
    JsonBody(wanted): JsonBody<Wanted>,
) -> Result<Json<Value>, ApiError> {
    match app.papers.monitor.refresh(wanted.papers).await {
        Ok(notes) => Ok(Json(json!({ "notes": notes }))),
        Err(error @ RefreshError::Unknown(_)) => {
            Err(ApiError::not_found(error.to_string()).hint("`/api/v1/papers` lists them"))
        }
        Err(error) => Err(ApiError::internal("notes cannot be refreshed", &error)),
    }
}
