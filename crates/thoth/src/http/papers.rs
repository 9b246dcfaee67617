//! `/api/v1/papers`: what became of every PDF.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::blocking::blocking;
use super::error::ApiError;
use super::extract::{Query, Raw};
use super::generation::Current;
use super::state::App;
use crate::citations;
use crate::pdf::row::PaperRow;
use crate::pdf::status::Status;

/// The query of [`list`].
#[derive(Debug, Deserialize)]
pub(super) struct List {
    limit: Option<usize>,
}

/// `GET /api/v1/papers?limit=`: newest first; all of them without a limit.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Query(query): Query<List>,
) -> Result<Json<Value>, ApiError> {
    let papers = rows(app, query.limit).await?;
    Ok(Json(json!({ "papers": papers })))
}

/// The query of [`take`].
#[derive(Debug, Deserialize)]
pub(super) struct Upload {
    name: String,
}

/// `POST /api/v1/papers?name=`: a PDF as the body. Answers when it was read, or could not be; with 202 where the
/// process that would read it does not run: the PDF waits for that one in the queue.
pub(super) async fn take(
    State(app): State<Arc<App>>,
    Query(upload): Query<Upload>,
    Raw(body): Raw,
) -> Result<(StatusCode, Json<PaperRow>), ApiError> {
    let taken = app.papers.monitor.ingest_bytes(upload.name, body).await;
    let row = taken.map_err(ApiError::invalid)?;
    let code = if row.status.is_at_rest() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((code, Json(row)))
}

/// `GET /api/v1/papers/{id}`: one of them, with where each piece of its metadata was found.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let paper = find(app, &id).await?;
    let mut shown = json!(paper);
    shown["metadata"] = json!(paper.metadata);
    Ok(Json(shown))
}

/// `GET /api/v1/papers/{id}/bibtex`.
pub(super) async fn bibtex(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let paper = find(app, &id).await?;
    let metadata = paper.metadata.ok_or_else(|| not_read(&id, paper.status))?;
    let kind = [(header::CONTENT_TYPE, "application/x-bibtex; charset=utf-8")];
    Ok((kind, citations::bibtex(&metadata)).into_response())
}

/// `GET /api/v1/papers/{id}/references`: its list of references, in its order.
pub(super) async fn references(
    State(app): State<Arc<App>>,
    Current(generation): Current,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    const DOING: &str = "a paper cannot be read from the index";
    let row = find(app, &id).await?;
    let status = row.status;
    let content = row.content.ok_or_else(|| not_read(&id, status))?;
    let rag = generation.services.rag.handle();
    let paper = blocking(DOING, move || rag.paper(&content)).await?;
    let paper = paper.map_err(|error| ApiError::internal(DOING, &error))?;
    let paper = paper.ok_or_else(|| not_read(&id, status))?;
    Ok(Json(json!({ "references": paper.references })))
}

fn not_read(id: &str, status: Status) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, format!("the paper `{id}` has not been read: it is {status}"))
}

async fn find(app: Arc<App>, id: &str) -> Result<PaperRow, ApiError> {
    const DOING: &str = "the list of papers cannot be read";
    let asked = id.to_owned();
    let found = blocking(DOING, move || app.papers.monitor.ledger().paper(&asked)).await?;
    found.map_err(|error| ApiError::internal(DOING, &error))?.ok_or_else(|| {
        ApiError::not_found(format!("there is no paper `{id}`")).hint("`/api/v1/papers` lists them")
    })
}

async fn rows(app: Arc<App>, limit: Option<usize>) -> Result<Vec<PaperRow>, ApiError> {
    const DOING: &str = "the list of papers cannot be read";
    let rows = blocking(DOING, move || app.papers.monitor.ledger().papers(limit)).await?;
    rows.map_err(|error| ApiError::internal(DOING, &error))
}
