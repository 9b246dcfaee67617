//! `/api/v1/papers/{id}/cite` and `/api/v1/bibliography`: papers as others take them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::blocking::blocking;
use super::error::ApiError;
use super::extract::Query;
use super::generation::Current;
use super::state::App;
use crate::citations::export::{ExportError, Format, export};

/// Papers that one query names, at most.
const PAPERS_MAX: usize = 1_000;

/// The query of [`cite`] and [`bibliography`].
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    format: Format,
    style: Option<String>,
    papers: Option<String>,
}

/// `GET /api/v1/papers/{id}/cite?format=&style=`.
pub(super) async fn cite(
    State(app): State<Arc<App>>,
    current: Current,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, ApiError> {
    exported(app, current, vec![id], wanted).await
}

/// `GET /api/v1/bibliography?format=&style=&papers=`: those papers, or all that were read.
pub(super) async fn bibliography(
    State(app): State<Arc<App>>,
    current: Current,
    Query(wanted): Query<Wanted>,
) -> Result<Response, ApiError> {
    let ids = wanted.papers.as_deref().unwrap_or_default();
    let ids: Vec<String> =
        ids.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect();
    if ids.len() > PAPERS_MAX {
        return Err(ApiError::invalid(format!(
            "`papers` names {}; at most {PAPERS_MAX} are taken",
            ids.len()
        )));
    }
    exported(app, current, ids, wanted).await
}

async fn exported(
    app: Arc<App>,
    Current(generation): Current,
    ids: Vec<String>,
    wanted: Wanted,
) -> Result<Response, ApiError> {
    const DOING: &str = "papers cannot be cited";
    let format = wanted.format;
    let done = blocking(DOING, move || {
        let rows =
            app.papers.monitor.ledger().papers(None).map_err(|error| ApiError::internal(DOING, &error))?;
        let settings = (&generation.services.citations.settings, &generation.settings.vault);
        export(&rows, &ids, format, wanted.style.as_deref(), settings).map_err(ApiError::from)
    });
    let text = done.await??;
    Ok(([(header::CONTENT_TYPE, format.media_type())], text).into_response())
}

impl From<ExportError> for ApiError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Unknown(_) => Self::not_found(error.to_string()).hint("`/api/v1/papers` lists them"),
            ExportError::Unread(..) => Self::new(StatusCode::CONFLICT, error.to_string()),
            ExportError::Style(message, hint) => Self::invalid(message).hint(hint),
            ExportError::Format(_) => Self::invalid(error.to_string()),
        }
    }
}
