//! `GET /metrics`: counters and gauges in the OpenMetrics text format. They stand outside generations.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use changeover::{Cause, Decision, Engine, Outcome, Verdict};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use self::process::Process;
use self::watch::Watch;
use super::blocking::blocking;
use super::error::ApiError;
use super::state::App;
use crate::pdf::status::Status;
use crate::services::Services;
use crate::settings::Settings;

mod process;
mod watch;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Seconds: half a millisecond to half a minute.
const STAGE_BUCKETS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];
/// Verdicts to look back for when some were missed.
const LOOK_BACK: usize = 1_000;
/// Every verdict that there is.
const VERDICTS: [Decision; 4] =
    [Decision::Applied, Decision::Unchanged, Decision::Rejected, Decision::Superseded];
/// Every outcome that there is.
const OUTCOMES: [Outcome; 3] = [Outcome::Kept, Outcome::KeptUnproven, Outcome::Reverted];

type FloatGauge = Gauge<f64, AtomicU64>;
type StageHistograms = Family<Stage, Histogram, fn() -> Histogram>;

/// The metrics of this process. Cheap to clone; every clone counts into the same.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    last_successful: Gauge,
    last_success_seconds: FloatGauge,
    reloads: Family<ByVerdict, Counter>,
    outcomes: Family<ByOutcome, Counter>,
    stages: StageHistograms,
    generation: Gauge,
    requests: Family<Answer, Counter>,
    papers: Family<ByStatus, Gauge>,
    watch: Watch,
    process: Process,
    /// The newest verdict that was counted.
    counted: Arc<Mutex<u64>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByVerdict {
    verdict: String,
}

impl ByVerdict {
    fn of(verdict: Decision) -> Self {
        Self { verdict: verdict.to_string() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: String,
}

impl ByOutcome {
    fn of(outcome: Outcome) -> Self {
        Self { outcome: outcome.to_string() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStatus {
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stage {
    stage: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: &'static str,
    route: String,
    status: u16,
}

impl Metrics {
    /// Fresh metrics of a process that started at this time.
    pub fn new(started: jiff::Timestamp) -> Self {
        let mut registry = Registry::default();
        let mut metrics = Self {
            registry: Arc::default(),
            last_successful: Gauge::default(),
            last_success_seconds: FloatGauge::default(),
            reloads: Family::default(),
            outcomes: Family::default(),
            stages: Family::new_with_constructor(|| Histogram::new(STAGE_BUCKETS)),
            generation: Gauge::default(),
            requests: Family::default(),
            papers: Family::default(),
            watch: Watch::default(),
            process: Process::default(),
            counted: Arc::default(),
        };
        metrics.process.start_seconds.set(started.as_millisecond() as f64 / 1000.0);
        metrics.register(&mut registry);
        metrics.registry = Arc::new(registry);
        metrics
    }

    fn register(&self, registry: &mut Registry) {
        // A counter that appears with its first count hides that count from whoever compares.
        for verdict in VERDICTS {
            self.reloads.get_or_create(&ByVerdict::of(verdict)).inc_by(0);
        }
        for outcome in OUTCOMES {
            self.outcomes.get_or_create(&ByOutcome::of(outcome)).inc_by(0);
        }
        let config = registry.sub_registry_with_prefix("thoth_config");
        config.register(
            "last_reload_successful",
            "1 when the newest settings that were read are live, 0 when they were rejected",
            self.last_successful.clone(),
        );
        config.register(
            "last_reload_success_timestamp_seconds",
            "When settings were last applied, or found unchanged, in seconds since 1970",
            self.last_success_seconds.clone(),
        );
        config.register("reloads", "Verdicts given", self.reloads.clone());
        config.register("outcomes", "What became of applied settings", self.outcomes.clone());
        config.register(
            "reload_stage_seconds",
            "Time spent in each stage of a changeover",
            self.stages.clone(),
        );
        config.register("generation", "Number of the live generation", self.generation.clone());
        registry.register("thoth_http_requests", "Answers given", self.requests.clone());
        registry.register("thoth_papers", "PDFs in the ledger", self.papers.clone());
        self.watch.register(registry);
        self.process.register(registry);
    }

    /// Counts one answer. `route` is the pattern of the route, never the path of the request.
    pub fn answered(&self, method: &Method, route: &str, status: StatusCode) {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            _ => "other",
        };
        let answer = Answer { method, route: route.to_owned(), status: status.as_u16() };
        self.requests.get_or_create(&answer).inc();
    }

    /// Counts a verdict, unless it was counted already.
    pub fn decided(&self, verdict: &Verdict) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if verdict.id <= *counted {
            return;
        }
        *counted = verdict.id;
        self.reloads.get_or_create(&ByVerdict::of(verdict.verdict)).inc();
        self.generation.set(i64::try_from(verdict.generation).unwrap_or(i64::MAX));
        if let Some(outcome) = verdict.outcome {
            self.settled(outcome);
        }
        match verdict.verdict {
            // What runs again is not what was read last.
            Decision::Applied if verdict.cause == Cause::Revert => {
                self.last_successful.set(0);
            }
            Decision::Applied | Decision::Unchanged => {
                self.last_successful.set(1);
                self.last_success_seconds.set(verdict.at.as_millisecond() as f64 / 1000.0);
            }
            Decision::Rejected => {
                self.last_successful.set(0);
            }
            // A newer content has taken its place: that one's verdict counts.
            Decision::Superseded => {}
        }
        for (stage, milliseconds) in &verdict.stages_ms {
            let label = Stage { stage: stage.clone() };
            self.stages.get_or_create(&label).observe(milliseconds / 1000.0);
        }
    }

    /// Counts what became of applied settings.
    fn settled(&self, outcome: Outcome) {
        self.outcomes.get_or_create(&ByOutcome::of(outcome)).inc();
    }

    /// Counts every verdict of this process, until `shutdown`. `started` is before the engine's start.
    pub async fn follow(
        self,
        engine: Engine<Settings, Services>,
        started: jiff::Timestamp,
        shutdown: CancellationToken,
    ) {
        let mut verdicts = engine.verdicts();
        let mut outcomes = engine.outcomes();
        self.catch_up(&engine, started).await;
        loop {
            let verdict = tokio::select! {
                () = shutdown.cancelled() => return,
                outcome = outcomes.recv() => {
                    if let Some(outcome) = outcome.ok().and_then(|verdict| verdict.outcome) {
                        self.settled(outcome);
                    }
                    continue;
                }
                verdict = verdicts.recv() => verdict,
            };
            match verdict {
                Ok(verdict) => self.decided(&verdict),
                Err(RecvError::Lagged(_)) => self.catch_up(&engine, started).await,
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Counts what was said since `started` and is not counted yet.
    async fn catch_up(&self, engine: &Engine<Settings, Services>, started: jiff::Timestamp) {
        let engine = engine.clone();
        let read = move || engine.history_before(u64::MAX, LOOK_BACK);
        match blocking("the reading of the history ended early", read).await {
            Ok(Ok(history)) => {
                let ours = history.iter().take_while(|verdict| verdict.at >= started);
                ours.collect::<Vec<_>>().into_iter().rev().for_each(|verdict| self.decided(verdict));
            }
            Ok(Err(error)) => tracing::warn!(%error, "verdicts are missing in the metrics"),
            Err(_) => tracing::warn!("verdicts are missing in the metrics"),
        }
    }

    /// Says how many PDFs stand where.
    pub fn counted(&self, papers: &BTreeMap<Status, u64>) {
        for status in Status::ALL {
            let count = papers.get(&status).copied().unwrap_or_default();
            let label = ByStatus { status: status.as_str() };
            self.papers.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Says how the watch stands, and what is still held.
    pub fn stands(&self, status: &changeover::Status) {
        self.watch.stands(status);
    }

    /// The text that is scraped.
    ///
    /// # Errors
    /// That the text could not be written.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        self.process.look();
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// `GET /metrics`.
pub(super) async fn show(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    const DOING: &str = "the papers cannot be counted";
    let monitor = app.papers.monitor.clone();
    match blocking(DOING, move || monitor.ledger().counts()).await? {
        Ok(papers) => app.metrics.counted(&papers),
        // Metrics are most wanted when something is wrong.
        Err(error) => tracing::error!(%error, "{DOING}"),
    }
    app.metrics.stands(&app.engine.status());
    let text = app.metrics.text().map_err(|error| ApiError::internal("metrics cannot be written", &error))?;
    let kind = HeaderValue::from_static(OPEN_METRICS);
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
