//! The retirer: it holds the last reference to an old generation and drops it off everybody's path.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::status::Shared;

/// How often old generations are looked at while some unit of work still holds one.
const LOOK: Duration = Duration::from_millis(50);

/// Drops what comes in as soon as nobody else holds it. Ends when the sender is gone and everything is dropped.
pub(crate) async fn retire<T: Send + Sync + 'static>(
    mut old: mpsc::UnboundedReceiver<Arc<T>>,
    shared: Arc<Shared>,
) {
    let mut held: Vec<Arc<T>> = Vec::new();
    let mut open = true;
    while open || !held.is_empty() {
        tokio::select! {
            next = old.recv(), if open => match next {
                Some(next) => held.push(next),
                None => open = false,
            },
            () = tokio::time::sleep(LOOK), if !held.is_empty() => {}
        }
        let (free, rest): (Vec<_>, Vec<_>) = held.into_iter().partition(|old| Arc::strong_count(old) == 1);
        held = rest;
        shared.retiring(held.len());
        if !free.is_empty() {
            // A service may close files or wait for threads when it is dropped.
            if let Err(error) = tokio::task::spawn_blocking(move || drop(free)).await {
                tracing::error!(%error, "dropping an old generation panicked");
            }
        }
    }
}
