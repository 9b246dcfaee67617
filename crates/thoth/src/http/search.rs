//! `/api/v1/search` and `/api/v1/ask`: passages found, and answers made of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::blocking::blocking;
use super::error::ApiError;
use super::extract::{Json as JsonBody, Query, at_most};
use super::generation::Current;
use super::state::App;
use crate::rag::ask::Answer;
use crate::trial;

/// Hits that are given without a `limit`.
const HITS: usize = 10;
/// Characters of a search.
const SEARCH_CHARS_MAX: usize = 1_000;
/// Characters of a question.
const QUESTION_CHARS_MAX: usize = 4_000;

/// The query of [`search`].
#[derive(Debug, Deserialize)]
pub(super) struct Search {
    q: String,
    limit: Option<usize>,
}

/// `GET /api/v1/search?q=&limit=`.
pub(super) async fn search(
    Current(generation): Current,
    Query(query): Query<Search>,
) -> Result<Json<Value>, ApiError> {
    const DOING: &str = "the index cannot be searched";
    at_most("`q`", &query.q, SEARCH_CHARS_MAX)?;
    let rag = generation.services.rag.handle();
    let limit = query.limit.unwrap_or(HITS);
    let hits = blocking(DOING, move || rag.search(&query.q, limit)).await?;
    let hits = hits.map_err(|error| ApiError::internal(DOING, &error))?;
    Ok(Json(json!({ "hits": hits })))
}

/// The body of [`ask`].
#[derive(Debug, Deserialize)]
pub(super) struct Question {
    question: String,
}

/// `POST /api/v1/ask`.
pub(super) async fn ask(
    State(app): State<Arc<App>>,
    Current(generation): Current,
    JsonBody(body): JsonBody<Question>,
) -> Result<Json<Answer>, ApiError> {
    let question = body.question.trim();
    if question.is_empty() {
        return Err(ApiError::invalid("`question` is empty"));
    }
    at_most("`question`", question, QUESTION_CHARS_MAX)?;
    let answer = trial::ask(&app.engine, &generation, question).await;
    answer.map(Json).map_err(|error| ApiError::internal("a question cannot be answered", &error))
}
