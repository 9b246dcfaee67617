//! Work that takes its time, off the threads that serve others.

use super::error::ApiError;

/// Runs blocking work on a thread of its own and waits for it.
pub(super) async fn blocking<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::internal(doing, &error))
}
