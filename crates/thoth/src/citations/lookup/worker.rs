//! The queue of papers to ask about, and the one task that asks.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Registry;
use super::answer::{self, Known};
use super::cache::Cache;
use super::desk::{Desk, Pace, Silence};
use super::question::Question;
use crate::citations::settings::Apis;
use crate::database::Database;
use crate::paper::Metadata;
use crate::pdf::monitor::{Monitor, PaperEvent, Terms};
use crate::pdf::status::Status;

/// Papers that wait, at most; the others are asked about after the next start.
const QUEUE_MAX: usize = 20_000;
/// How often one paper is asked about before it is left for the next start.
const TRIES_MAX: u32 = 8;

/// What look-ups are made with.
pub struct Parts {
    /// The intake: its events, its ledger, its notes.
    pub monitor: Monitor,
    /// The state, with the table of [`super::SCHEMA`].
    pub database: Arc<Database>,
    /// Connections to other hosts.
    pub client: reqwest::Client,
    /// The terms of the live generation: called once for each paper.
    pub load: Arc<dyn Fn() -> Terms + Send + Sync>,
    /// Is told what is wrong with the sources; `None` is well.
    pub trouble: Box<dyn Fn(Option<String>) + Send + Sync>,
    /// Times.
    pub pace: Pace,
}

/// The handle to the look-ups.
#[derive(Debug)]
pub struct Lookups {
    apis: watch::Sender<Option<Apis>>,
}

impl Lookups {
    /// Starts the task. It asks nothing until [`Lookups::follow`] says that a source is switched on, and ends when `stop`
    /// is cancelled.
    pub fn start(parts: Parts, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let (apis, followed) = watch::channel(None);
        let desks =
            [Registry::Crossref, Registry::OpenAlex].map(|registry| (registry, Desk::new(parts.pace)));
        let worker =
            Worker { cache: Cache(Arc::clone(&parts.database)), parts, desks, queue: VecDeque::new() };
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = worker.run(followed) => {}
            }
        });
        Self { apis }
    }

    /// These sources are the live ones. Where they differ from those before, every paper is asked about.
    pub fn follow(&self, apis: &Apis) {
        self.apis.send_if_modified(|live| {
            let differs = live.as_ref() != Some(apis);
            if differs {
                *live = Some(apis.clone());
            }
            differs
        });
    }
}

/// A paper to ask about.
struct Job {
    paper: String,
    /// Who is still to be asked.
    registries: Vec<Registry>,
    tries: u32,
}

struct Worker {
    parts: Parts,
    cache: Cache,
    desks: [(Registry, Desk); 2],
    queue: VecDeque<Job>,
}

fn switched_on(apis: &Apis) -> Vec<Registry> {
    let all = [(Registry::Crossref, apis.use_crossref), (Registry::OpenAlex, apis.use_openalex)];
    all.into_iter().filter(|(_, on)| *on).map(|(registry, _)| registry).collect()
}

impl Worker {
    async fn run(mut self, mut followed: watch::Receiver<Option<Apis>>) {
        let mut events = self.parts.monitor.events();
        loop {
            let due = self.due();
            tokio::select! {
                changed = followed.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let apis = followed.borrow_and_update().clone();
                    self.begin_anew(apis.as_ref()).await;
                }
                event = events.recv() => match event {
                    Ok(event) => self.arrived(&event, followed.borrow().as_ref()),
                    Err(RecvError::Lagged(_)) => {
                        let apis = followed.borrow().clone();
                        self.begin_anew(apis.as_ref()).await;
                    }
                    Err(RecvError::Closed) => return,
                },
                () = until(due) => self.next().await,
            }
        }
    }

    /// Every paper is asked about, or none any more.
    async fn begin_anew(&mut self, apis: Option<&Apis>) {
        self.queue.clear();
        (self.parts.trouble)(None);
        let registries = apis.map(switched_on).unwrap_or_default();
        if registries.is_empty() {
            return;
        }
        for (_, desk) in &mut self.desks {
            *desk = Desk::new(self.parts.pace);
        }
        let monitor = self.parts.monitor.clone();
        let rows = tokio::task::spawn_blocking(move || monitor.ledger().papers(None)).await;
        match rows {
            Ok(Ok(rows)) => {
                let read = rows
                    .into_iter()
                    .filter(|row| row.status == Status::Indexed && row.duplicate_of.is_none());
                read.for_each(|row| self.put(row.id, registries.clone()));
            }
            Ok(Err(error)) => tracing::error!(%error, "CitationService: the list of papers cannot be read"),
            Err(error) => tracing::error!(%error, "CitationService: the list of papers cannot be read"),
        }
    }

    fn arrived(&mut self, event: &PaperEvent, apis: Option<&Apis>) {
        let registries = apis.map(switched_on).unwrap_or_default();
        if event.status == Status::Indexed && !registries.is_empty() {
            self.put(event.id.clone(), registries);
        }
    }

    fn put(&mut self, paper: String, registries: Vec<Registry>) {
        if self.queue.iter().any(|job| job.paper == paper) {
            return;
        }
        if self.queue.len() >= QUEUE_MAX {
            tracing::warn!(
                paper,
                "CitationService: too many papers wait; this one is asked about after the next start"
            );
            return;
        }
        self.queue.push_back(Job { paper, registries, tries: 0 });
    }

    /// When the next request may go out; `None` if nobody waits.
    fn due(&self) -> Option<Instant> {
        self.queue.iter().filter_map(|job| self.open_at(job)).min()
    }

    fn open_at(&self, job: &Job) -> Option<Instant> {
        let registry = job.registries.first()?;
        self.desks.iter().find(|(known, _)| known == registry).map(|(_, desk)| desk.open_at())
    }

    /// Asks about the first paper whose next source may be asked now.
    async fn next(&mut self) {
        let now = Instant::now();
        let ready = self.queue.iter().position(|job| self.open_at(job).is_some_and(|at| at <= now));
        let Some(mut job) = ready.and_then(|at| self.queue.remove(at)) else { return };
        let Some(registry) = job.registries.first().copied() else { return };
        match self.ask(&job.paper, registry).await {
            Ok(()) => {
                job.registries.remove(0);
                (self.parts.trouble)(None);
            }
            Err(Silence::Refused(why)) => {
                tracing::warn!(
                    paper = job.paper,
                    "CitationService: {} refuses a question: {why}",
                    registry.name()
                );
                (self.parts.trouble)(Some(format!("{} refuses questions: {why}", registry.name())));
                job.registries.remove(0);
            }
            Err(Silence::Later(why)) => {
                job.tries += 1;
                tracing::info!(
                    paper = job.paper,
                    "CitationService: {} is asked again later: {why}",
                    registry.name()
                );
                (self.parts.trouble)(Some(format!(
                    "{} gives no answers: {why}; it is asked again",
                    registry.name()
                )));
                if job.tries >= TRIES_MAX {
                    return;
                }
            }
        }
        if !job.registries.is_empty() {
            self.queue.push_back(job);
        }
    }

    /// Asks one source about one paper, by one generation, and fills in what is absent.
    async fn ask(&mut self, paper: &str, registry: Registry) -> Result<(), Silence> {
        let terms = (self.parts.load)();
        let apis = &terms.citations.settings.apis;
        if !switched_on(apis).contains(&registry) {
            return Ok(());
        }
        let broken = |error: String| Silence::Later(format!("the state refused: {error}"));
        let monitor = &self.parts.monitor;
        let Some(metadata) = monitor.metadata(paper).await.map_err(broken)? else { return Ok(()) };
        let Some(question) = Question::about(&metadata) else { return Ok(()) };
        let works = self.answer(&question, registry, apis).await?;
        let Some(work) = works.into_iter().find(|work| answer::is_same(&metadata, work)) else {
            tracing::debug!(paper, "CitationService: {} does not know it", registry.name());
            return Ok(());
        };
        let fill = move |metadata: &mut Metadata| answer::fill(metadata, &work, registry);
        let filled = self.parts.monitor.complete(paper, terms.clone(), fill).await.map_err(broken)?;
        if filled {
            tracing::info!(paper, "CitationService: {} knew more of it", registry.name());
        }
        Ok(())
    }

    /// The answer of the cache, or of the source.
    async fn answer(
        &mut self,
        question: &Question,
        registry: Registry,
        apis: &Apis,
    ) -> Result<Vec<Known>, Silence> {
        let strange = |error: &dyn std::fmt::Display| Silence::Later(format!("the state refused: {error}"));
        let url = question
            .url(registry, apis)
            .ok_or_else(|| Silence::Refused("no address to ask at".to_owned()))?;
        let base = if registry == Registry::Crossref { &apis.crossref_url } else { &apis.openalex_url };
        let (source, key, now) = (base.to_string(), question.key(), Timestamp::now().as_second());
        let cached = {
            let (cache, source, key) = (self.cache.clone(), source.clone(), key.clone());
            tokio::task::spawn_blocking(move || cache.find(&source, &key, now)).await
        };
        if let Some(works) = cached.map_err(|error| strange(&error))?.map_err(|error| strange(&error))? {
            return Ok(works);
        }
        let Some((_, desk)) = self.desks.iter_mut().find(|(known, _)| *known == registry) else {
            return Err(Silence::Refused("nobody to ask".to_owned()));
        };
        let works = match desk.ask(&self.parts.client, url, &apis.contact).await? {
            Some(said) => answer::works(registry, &said).map_err(Silence::Refused)?,
            None => Vec::new(),
        };
        let (cache, kept) = (self.cache.clone(), works.clone());
        let kept = tokio::task::spawn_blocking(move || cache.keep(&source, &key, &kept, now)).await;
        kept.map_err(|error| strange(&error))?.map_err(|error| strange(&error))?;
        Ok(works)
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending::<()>().await,
    }
}
