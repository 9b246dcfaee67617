//! `GET /api/v1/instances`: every process on this state directory, and whether they agree.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::blocking::blocking;
use super::error::ApiError;
use super::state::App;
use crate::instances::agreement::{Agreement, agreement};

/// `GET /api/v1/instances`.
pub(super) async fn show(State(app): State<Arc<App>>) -> Result<Json<Agreement>, ApiError> {
    const DOING: &str = "the instances cannot be read";
    let read = blocking(DOING, move || agreement(app.instance.state_dir())).await?;
    read.map(Json).map_err(|error| ApiError::internal(DOING, &error))
}
