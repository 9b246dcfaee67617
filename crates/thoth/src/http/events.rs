//! `GET /api/v1/events`: a stream of what happens. It holds no generation, and ends with the port it came in by.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use changeover::Verdict;
use changeover::schedule::{Entry, Schedules};
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};

use super::connection::Arrival;
use super::error::ApiError;
use super::schedules::shown_entry;
use super::state::App;
use crate::instances::agreement::Agreement;
use crate::pdf::monitor::PaperEvent;

/// A sign of life for proxies and clients.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Verdicts that a client who comes back is told, at most.
const CATCH_UP_MAX: usize = 100;

/// `GET /api/v1/events`.
pub(super) async fn stream(
    State(app): State<Arc<App>>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let permit = Arc::clone(&app.streams).try_acquire_owned();
    let permit = permit.map_err(|_| ApiError::unavailable("too many event streams are open"))?;
    let mut neighbours = app.neighbours.subscribe();
    // Whoever begins to listen while they differ is told so.
    if neighbours.borrow_and_update().as_ref().is_some_and(|agreement| !agreement.agree) {
        neighbours.mark_changed();
    }
    // Subscribed before the history is read, so that nothing falls between.
    let mut source = Source {
        verdicts: app.engine.verdicts(),
        outcomes: app.engine.outcomes(),
        papers: app.papers.monitor.events(),
        neighbours,
        schedules: app.schedules.as_ref().map(Schedules::ends),
        told: 0,
        _permit: permit,
    };
    let missed = last_event_id(&headers).map_or_else(Vec::new, |last| missed(&app, last));
    source.told = missed.last().map_or(0, |verdict| verdict.id);
    let missed = stream::iter(missed).map(|verdict| verdict_event(&verdict));
    let live = stream::unfold(source, Source::next);
    let events = missed.chain(live).map(Ok).take_until(arrival.ended());
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// What one stream listens to. It lives as long as its client reads.
struct Source {
    verdicts: broadcast::Receiver<Arc<Verdict>>,
    outcomes: broadcast::Receiver<Arc<Verdict>>,
    papers: broadcast::Receiver<PaperEvent>,
    neighbours: watch::Receiver<Option<Arc<Agreement>>>,
    schedules: Option<broadcast::Receiver<Arc<Entry>>>,
    /// The newest verdict that was told from the history.
    told: u64,
    _permit: OwnedSemaphorePermit,
}

impl Source {
    async fn next(mut self) -> Option<(Event, Self)> {
        loop {
            let heard = tokio::select! {
                verdict = self.verdicts.recv() => match verdict {
                    Ok(verdict) if verdict.id <= self.told => continue,
                    verdict => verdict.map(|verdict| verdict_event(&verdict)),
                },
                outcome = self.outcomes.recv() => outcome.map(|verdict| event("outcome", verdict.as_ref())),
                paper = self.papers.recv() => paper.map(|paper| event("paper", &paper)),
                ended = ended(&mut self.schedules) => ended.map(|entry| event("schedule", &shown_entry(&entry))),
                changed = self.neighbours.changed() => {
                    // The sender lives as long as the process.
                    if changed.is_err() {
                        return None;
                    }
                    let agreement = self.neighbours.borrow_and_update().clone();
                    let Some(agreement) = agreement else { continue };
                    Ok(event("instances", &*agreement))
                }
            };
            return match heard {
                Ok(event) => Some((event, self)),
                Err(RecvError::Lagged(missed)) => Some((lagged(missed), self)),
                Err(RecvError::Closed) => None,
            };
        }
    }
}

/// The next change at a time, or for a time, that ends.
async fn ended(schedules: &mut Option<broadcast::Receiver<Arc<Entry>>>) -> Result<Arc<Entry>, RecvError> {
    match schedules {
        Some(schedules) => schedules.recv().await,
        None => std::future::pending().await,
    }
}

fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

/// What a client missed that knows everything up to `last`, oldest first.
fn missed(app: &App, last: u64) -> Vec<Arc<Verdict>> {
    let mut missed = app.engine.history(CATCH_UP_MAX);
    missed.retain(|verdict| verdict.id > last);
    missed.reverse();
    missed
}

fn verdict_event(verdict: &Verdict) -> Event {
    event("verdict", verdict).id(verdict.id.to_string())
}

fn lagged(missed: u64) -> Event {
    event("lagged", &serde_json::json!({ "missed": missed }))
}

fn event(name: &str, data: &impl Serialize) -> Event {
    let event = Event::default().event(name);
    event.json_data(data).unwrap_or_else(|error| {
        tracing::error!(%error, "an event cannot be written");
        Event::default().comment("an event was lost")
    })
}
