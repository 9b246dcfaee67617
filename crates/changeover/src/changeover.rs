//! The changeover: one candidate at a time, the newest wins, and only a commit makes a success.
//!
//! ```text
//!  arrival ─► refused by check? ──► rejected
//!     │
//!     ▼ (waits; a newer one takes its place: superseded)
//!  the same as live? ──► unchanged
//!     │
//!     ▼
//!  prepare ──► refused by the world, late? ──► rejected, and tried again until a newer content comes
//!     │   ╰──► panicked? ──► rejected
//!     │ (a newer checked one has been waiting for a second: superseded)
//!     ▼
//!  intent ─► SWITCH ─► followers ─► applied
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::again::Again;
use crate::blueprint::{Accepted, Prepare};
use crate::check;
use crate::follow::Followers;
use crate::generation::{Generation, Live};
use crate::history::History;
use crate::judge::{Fingerprint, Judged};
use crate::preparation::{Book, Preparation};
use crate::read::Content;
use crate::report::{Cause, Decision, Problem, ServiceReport, Verdict};
use crate::status::Shared;
use crate::tuning::Tuning;

/// How long a candidate may still be prepared while a newer checked one waits.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a cancelled preparation is waited for until it has let go of everything.
const LETTING_GO: Duration = Duration::from_secs(1);

/// A content that came to rest, with what the check said of it.
pub(crate) struct Arrival<S> {
    pub(crate) cause: Cause,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) content: Content,
    pub(crate) judged: Judged<S>,
    /// When the save was noticed, and when the content had been read.
    pub(crate) noticed: Instant,
    pub(crate) read: Instant,
    pub(crate) reply: Option<oneshot::Sender<Arc<Verdict>>>,
}

/// What the loop is told.
pub(crate) enum Message<S> {
    /// A content came to rest.
    Arrival(Arrival<S>),
    /// Build anew what is built from something else than settings.
    Refresh(oneshot::Sender<Arc<Verdict>>),
}

/// An arrival that the check found good.
pub(crate) struct Candidate<S> {
    pub(crate) settings: Arc<S>,
    pub(crate) warnings: Vec<Problem>,
    pub(crate) secrets: Vec<std::ops::Range<usize>>,
    pub(crate) source: Source,
}

impl<S> Candidate<S> {
    /// Whether it is there although the settings are those that are live.
    fn is_refresh(&self) -> bool {
        self.source.cause == Cause::Refresh
    }

    /// Whether the world has refused it before.
    fn is_retry(&self) -> bool {
        self.source.cause == Cause::Retry
    }

    /// The same once more; whoever waited for a verdict has had it.
    fn again(&self) -> Self {
        let source = Source {
            cause: Cause::Retry,
            fingerprint: self.source.fingerprint,
            content: self.source.content.clone(),
            stages: Stages::since(Instant::now()),
            reply: None,
        };
        Self {
            settings: Arc::clone(&self.settings),
            warnings: self.warnings.clone(),
            secrets: self.secrets.clone(),
            source,
        }
    }
}

/// Where a verdict belongs to: all of an arrival but the settings.
pub(crate) struct Source {
    pub(crate) cause: Cause,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) content: Content,
    pub(crate) stages: Stages,
    pub(crate) reply: Option<oneshot::Sender<Arc<Verdict>>>,
}

/// Milliseconds by stage.
pub(crate) struct Stages {
    begun: Instant,
    last: Instant,
    millis: BTreeMap<String, f64>,
}

impl Stages {
    pub(crate) fn since(begun: Instant) -> Self {
        Self { begun, last: begun, millis: BTreeMap::new() }
    }

    pub(crate) fn done(&mut self, stage: &str, at: Instant) {
        self.millis.insert(stage.to_owned(), millis(at.saturating_duration_since(self.last)));
        self.last = at;
    }

    fn total(mut self) -> BTreeMap<String, f64> {
        self.millis.insert("total".to_owned(), millis(self.begun.elapsed()));
        self.millis
    }
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// How a preparation ended.
enum Prepared<V> {
    Services(V),
    /// By the world: another try may succeed.
    Refused(Vec<Problem>),
    /// By a defect: another try would end the same.
    Broken(Vec<Problem>),
    Superseded,
}

/// The owner of the live pointer. One task, one loop, no lock that a reader could wait for.
pub(crate) struct Changeover<S, V> {
    pub(crate) live: Live<S, V>,
    pub(crate) number: watch::Sender<u64>,
    pub(crate) followers: Followers,
    pub(crate) history: History,
    pub(crate) shared: Arc<Shared>,
    pub(crate) prepare: Arc<Prepare<S, V>>,
    pub(crate) tuning: fn(&S) -> Tuning,
    pub(crate) verdicts: broadcast::Sender<Arc<Verdict>>,
    pub(crate) retired: mpsc::UnboundedSender<Arc<Generation<S, V>>>,
    pub(crate) messages: mpsc::UnboundedReceiver<Message<S>>,
    pub(crate) product: Handle,
    /// What the live settings were read from.
    pub(crate) live_fingerprint: Fingerprint,
    pub(crate) waiting: Option<Candidate<S>>,
    /// Who waits for a refresh. It stands behind `waiting`.
    pub(crate) refreshes: Vec<oneshot::Sender<Arc<Verdict>>>,
    /// The content that came to rest last.
    pub(crate) newest: Fingerprint,
    /// What the world refused, while the file still says so.
    pub(crate) again: Option<Again<Candidate<S>>>,
}

impl<S: PartialEq + Send + Sync + 'static, V: Send + Sync + 'static> Changeover<S, V> {
    /// Runs until nobody can send arrivals any more.
    pub(crate) async fn run(mut self) {
        while let Some(candidate) = self.next().await {
            self.change(candidate).await;
        }
    }

    async fn next(&mut self) -> Option<Candidate<S>> {
        while self.waiting.is_none() && self.refreshes.is_empty() {
            let due = self.again.as_ref().map(|again| tokio::time::Instant::from_std(again.due()));
            tokio::select! {
                biased;
                message = self.messages.recv() => self.told(message?),
                () = until(due) => return self.again.as_ref().map(|again| again.what.again()),
            }
        }
        loop {
            match self.messages.try_recv() {
                Ok(message) => self.told(message),
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => return None,
            }
        }
        self.waiting.take().or_else(|| self.refresh())
    }

    fn told(&mut self, message: Message<S>) {
        match message {
            Message::Arrival(arrival) => self.arrived(arrival),
            Message::Refresh(reply) => self.refreshes.push(reply),
        }
    }

    /// The live settings as a candidate once more.
    fn refresh(&mut self) -> Option<Candidate<S>> {
        let reply = self.refreshes.pop()?;
        let source = Source {
            cause: Cause::Refresh,
            fingerprint: self.live_fingerprint,
            content: Content::Missing,
            stages: Stages::since(Instant::now()),
            reply: Some(reply),
        };
        let settings = Arc::clone(&self.live.peek().settings);
        Some(Candidate { settings, warnings: Vec::new(), secrets: Vec::new(), source })
    }

    /// Refuses, or puts in line; what stood in line before is superseded.
    fn arrived(&mut self, arrival: Arrival<S>) {
        let mut stages = Stages::since(arrival.noticed);
        stages.done("read", arrival.read);
        stages.done("check", Instant::now());
        let Arrival { cause, fingerprint, content, judged, reply, .. } = arrival;
        self.newest = fingerprint;
        self.try_again(None);
        let source = Source { cause, fingerprint, content, stages, reply };
        match judged {
            Err(problems) => self.say(source, Decision::Rejected, problems, Vec::new(), Vec::new()),
            Ok(Accepted { settings, warnings, secrets }) => {
                let candidate = Candidate { settings: Arc::new(settings), warnings, secrets, source };
                if let Some(older) = self.waiting.replace(candidate) {
                    self.say(older.source, Decision::Superseded, Vec::new(), older.warnings, Vec::new());
                }
            }
        }
    }

    async fn change(&mut self, mut candidate: Candidate<S>) {
        let live = self.live.load();
        if *live.settings == *candidate.settings && !live.safe_mode && !candidate.is_refresh() {
            self.live_fingerprint = candidate.source.fingerprint;
            self.shared.live_content(candidate.source.fingerprint.shown());
            let Candidate { source, warnings, .. } = candidate;
            return self.say(source, Decision::Unchanged, Vec::new(), warnings, Vec::new());
        }
        if candidate.is_refresh() && live.safe_mode {
            // There is nothing to build anew: only usable settings end safe mode.
            let Candidate { source, warnings, .. } = candidate;
            return self.say(source, Decision::Unchanged, Vec::new(), warnings, Vec::new());
        }
        candidate.source.stages.done("wait", Instant::now());
        let number = live.number + 1;
        let scratch = self.history.scratch();
        drop(live);
        self.shared.preparing(true);
        let (prepared, book) = self.prepare(&candidate, number, scratch.clone()).await;
        self.shared.preparing(false);
        candidate.source.stages.done("prepare", Instant::now());
        let mut by_the_world = false;
        let (candidate, decision, problems) = match prepared {
            Prepared::Services(_) if candidate.is_refresh() && book.all_kept() => {
                (candidate, Decision::Unchanged, Vec::new())
            }
            Prepared::Services(services) => match self.commit(number, candidate, services, &book).await {
                Ok(()) => return,
                Err((candidate, problem)) => {
                    by_the_world = true;
                    (candidate, Decision::Rejected, vec![problem])
                }
            },
            Prepared::Refused(problems) => {
                by_the_world = true;
                let problems = check::placed(problems, candidate.source.content.bytes().unwrap_or_default());
                (candidate, Decision::Rejected, problems)
            }
            Prepared::Broken(problems) => (candidate, Decision::Rejected, problems),
            Prepared::Superseded => (candidate, Decision::Superseded, Vec::new()),
        };
        if let Err(error) = self.history.sweep(&scratch) {
            tracing::error!(%error, "a refused candidate left something behind; the next start sweeps it");
        }
        if self.is_news(&candidate, decision, &problems, by_the_world) {
            let Candidate { source, warnings, .. } = candidate;
            self.say(source, decision, problems, warnings, Vec::new());
        }
    }

    /// Whether there is anything to tell of a candidate that did not go live. What the world refused is tried again; of a
    /// further try only another answer of the world is news.
    fn is_news(
        &mut self,
        candidate: &Candidate<S>,
        decision: Decision,
        problems: &[Problem],
        by_the_world: bool,
    ) -> bool {
        let now = Instant::now();
        let file_still_says_so = candidate.source.fingerprint == self.newest;
        if !by_the_world || candidate.is_refresh() || !file_still_says_so {
            if candidate.is_retry() {
                self.try_again(None);
                return decision == Decision::Rejected && !by_the_world;
            }
            return true;
        }
        let (again, known) = match self.again.take() {
            Some(mut again) if candidate.is_retry() => {
                let known = again.problems == problems;
                again.refused(problems.to_vec(), now);
                (again, known)
            }
            _ => (Again::new(candidate.again(), problems.to_vec(), now), false),
        };
        self.try_again(Some(again));
        !known
    }

    fn try_again(&mut self, again: Option<Again<Candidate<S>>>) {
        if again.is_some() || self.again.is_some() {
            let told = |again: &Again<Candidate<S>>| {
                again.told(again.what.source.fingerprint.shown(), Instant::now())
            };
            self.shared.waiting(again.as_ref().map(told));
            self.again = again;
        }
    }

    /// Prepares in a task of the product's runtime, so that a panic or a hang there stays there.
    async fn prepare(
        &mut self,
        candidate: &Candidate<S>,
        number: u64,
        scratch: PathBuf,
    ) -> (Prepared<V>, Book) {
        let book = Book::default();
        let settings = Arc::clone(&candidate.settings);
        let live = Some(self.live.load());
        let preparation =
            Preparation { settings, live, number, safe_mode: false, scratch, book: book.clone() };
        let mut task = spawn(&self.product, &self.prepare, preparation);
        let limit = self.shared.tuning().prepare_deadline;
        let deadline = tokio::time::sleep(limit);
        tokio::pin!(deadline);
        let mut newer_since: Option<Instant> = None;
        let prepared = loop {
            let give_up = newer_since.map(|since| tokio::time::Instant::from_std(since + PATIENCE));
            tokio::select! {
                biased;
                done = &mut task => return (outcome(done), book),
                () = &mut deadline => break Prepared::Refused(vec![book.late(limit)]),
                () = until(give_up) => break Prepared::Superseded,
                message = self.messages.recv() => {
                    // The engine is stopping.
                    let Some(message) = message else { break Prepared::Superseded };
                    self.told(message);
                    // The same settings once more are no reason to begin anew.
                    newer_since = match &self.waiting {
                        Some(newer) if *newer.settings != *candidate.settings => newer_since.or(Some(Instant::now())),
                        _ => None,
                    };
                }
            }
        };
        task.abort();
        if tokio::time::timeout(LETTING_GO, task).await.is_err() {
            tracing::error!(services = ?book.unfinished(), "a cancelled preparation does not let go");
        }
        (prepared, book)
    }

    /// All that can fail, the switch, and all that follows.
    async fn commit(
        &mut self,
        number: u64,
        mut candidate: Candidate<S>,
        services: V,
        book: &Book,
    ) -> Result<(), (Candidate<S>, Problem)> {
        let shown = candidate.source.fingerprint.shown();
        let content = shown.as_deref().zip(candidate.source.content.bytes());
        if let Err(error) = self.history.intend(number, content, &candidate.secrets) {
            let problem = Problem::new("", format!("the history cannot be written: {error}"))
                .hint("make room or mend the permissions of the state directory, then save again");
            self.shared.history_problem(Some(error.to_string()));
            return Err((candidate, problem));
        }
        self.shared.history_problem(None);
        let settings = Arc::clone(&candidate.settings);
        let tuning = (self.tuning)(&settings);
        let next = Arc::new(Generation { number, settings, services, safe_mode: false });
        let old = self.live.swap(next);
        self.number.send_replace(number);
        candidate.source.stages.done("commit", Instant::now());
        self.shared.switched(number, false, tuning);
        self.shared.live_content(shown);
        self.live_fingerprint = candidate.source.fingerprint;
        if !candidate.is_refresh() {
            self.try_again(None);
        }
        let followed = self.followers.all(number, tuning.prepare_deadline).await;
        candidate.source.stages.done("follow", Instant::now());
        if self.retired.send(old).is_err() {
            tracing::debug!("the retirer has ended: the engine is stopping");
        }
        let mut services = book.reports();
        services.extend(followed);
        let Candidate { source, warnings, .. } = candidate;
        self.say(source, Decision::Applied, Vec::new(), warnings, services);
        Ok(())
    }

    /// Gives a verdict: numbered, written down, told to everybody who listens.
    pub(crate) fn say(
        &mut self,
        source: Source,
        decision: Decision,
        problems: Vec<Problem>,
        warnings: Vec<Problem>,
        services: Vec<ServiceReport>,
    ) {
        let live = self.live.peek();
        let verdict = Arc::new(Verdict {
            id: self.history.next_id(),
            verdict: decision,
            outcome: None,
            generation: live.number,
            cause: source.cause,
            problems,
            warnings,
            services,
            stages_ms: source.stages.total(),
            at: jiff::Timestamp::now(),
            content: source.fingerprint.shown(),
        });
        let history_max = (self.tuning)(&live.settings).history_max;
        if let Err(error) = self.history.record(Arc::clone(&verdict), history_max) {
            tracing::error!(%error, "the verdict could not be written down");
            self.shared.history_problem(Some(error.to_string()));
        }
        self.shared.said(Arc::clone(&verdict));
        if let Some(reply) = source.reply {
            // Whoever asked may have gone; the verdict stands all the same.
            drop(reply.send(Arc::clone(&verdict)));
        }
        // Nobody needs to listen.
        drop(self.verdicts.send(verdict));
    }
}

/// Begins to prepare on the product's runtime. A panic in the product's function itself is caught there too.
pub(crate) fn spawn<S, V>(
    product: &Handle,
    prepare: &Arc<Prepare<S, V>>,
    preparation: Preparation<S, V>,
) -> JoinHandle<Result<V, Vec<Problem>>>
where
    S: Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    let prepare = Arc::clone(prepare);
    product.spawn(async move { prepare(preparation).await })
}

fn outcome<V>(done: Result<Result<V, Vec<Problem>>, tokio::task::JoinError>) -> Prepared<V> {
    match done {
        Ok(Ok(services)) => Prepared::Services(services),
        Ok(Err(problems)) => Prepared::Refused(problems),
        Err(error) => Prepared::Broken(vec![
            Problem::new("", format!("preparing the services failed: {error}"))
                .hint("this is a defect of the program; the log has its place"),
        ]),
    }
}

async fn until(instant: Option<tokio::time::Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
