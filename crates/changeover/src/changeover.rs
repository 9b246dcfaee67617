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

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::aftermath::{Before, Trial};
use crate::again::Again;
use crate::blueprint::{Accepted, Prepare};
use crate::candidate::{Arrival, Candidate, Message, Said, Source, Stages};
use crate::check;
use crate::follow::Followers;
use crate::generation::{Generation, Identity, Live, WentLive};
use crate::history::{History, JOURNAL_BYTES_MAX, Limits};
use crate::judge::{Fingerprint, Judge};
use crate::making::{Prepared, begin, let_go, outcome, refuse};
use crate::preparation::{Book, Preparation};
use crate::probation::{OnTrial, Probation};
use crate::relay::Turn;
use crate::report::{Cause, Decision, Problem, Verdict};
use crate::retire::Retired;
use crate::status::Shared;
use crate::watch::{Command, Waker};

/// How long a candidate may still be prepared while a newer checked one waits.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why a preparation was given up that might have ended well.
enum GivenUp {
    /// For a newer content.
    Superseded,
    /// The engine is stopping.
    Stopping,
}

/// The owner of the live pointer. One task, one loop, no lock that a reader could wait for. Between two of its waits it may be
/// carried on by another thread ([`crate::relay`]).
pub(crate) struct Changeover<S, V> {
    pub(crate) live: Live<S, V>,
    pub(crate) followers: Followers<S, V>,
    pub(crate) history: History,
    pub(crate) shared: Arc<Shared>,
    pub(crate) judge: Arc<Judge<S>>,
    pub(crate) prepare: Arc<Prepare<S, V>>,
    pub(crate) verdicts: broadcast::Sender<Arc<Verdict>>,
    pub(crate) retired: mpsc::UnboundedSender<Retired<S, V>>,
    pub(crate) messages: mpsc::UnboundedReceiver<Message<S>>,
    pub(crate) product: Handle,
    /// Who carries this loop on.
    pub(crate) turn: Arc<Turn>,
    /// What the live settings were read from.
    pub(crate) live_fingerprint: Fingerprint,
    pub(crate) waiting: Option<Candidate<S>>,
    /// Who waits for a refresh, all of them for the same one. It stands behind `waiting`.
    pub(crate) refreshes: Vec<oneshot::Sender<Arc<Verdict>>>,
    /// The content that came to rest last.
    pub(crate) newest: Fingerprint,
    /// What is live and still has to show that it works.
    pub(crate) probation: Probation<Before<S, V>>,
    pub(crate) on_trial: fn(&V) -> OnTrial,
    pub(crate) trial: watch::Sender<Trial<S, V>>,
    /// Objects that failed, and why.
    pub(crate) failures: Vec<(Identity, String)>,
    pub(crate) outcomes: broadcast::Sender<Arc<Verdict>>,
    /// What the world refused, while the file still says so.
    pub(crate) again: Option<Again<Candidate<S>>>,
    /// The way to the thread that may touch the settings file.
    pub(crate) commands: Sender<Command>,
    pub(crate) waker: Waker,
}

impl<S: PartialEq + Send + Sync + 'static, V: Send + Sync + 'static> Changeover<S, V> {
    /// Runs until nobody can send arrivals any more.
    pub(crate) async fn run(mut self) {
        while let Some(candidate) = self.next().await {
            self.change(candidate).await;
        }
        self.stop_probations();
    }

    async fn next(&mut self) -> Option<Candidate<S>> {
        loop {
            match self.messages.try_recv() {
                Ok(message) => {
                    self.told(message);
                    continue;
                }
                Err(mpsc::error::TryRecvError::Empty) => {}
                Err(mpsc::error::TryRecvError::Disconnected) => return None,
            }
            self.revert().await;
            self.end_probations();
            if let Some(candidate) = self.waiting.take().or_else(|| self.refresh()) {
                return Some(candidate);
            }
            let retry = self.again.as_ref().map(|again| tokio::time::Instant::from_std(again.due()));
            let outcome = self.probation.next_due(Instant::now()).map(tokio::time::Instant::from_std);
            tokio::select! {
                biased;
                message = self.messages.recv() => self.told(message?),
                () = until(retry) => return self.again.as_ref().map(|again| again.what.again()),
                () = until(outcome) => {}
            }
        }
    }

    fn told(&mut self, message: Message<S>) {
        match message {
            Message::Arrival(arrival) => self.arrived(*arrival),
            Message::Refresh(reply) => self.refreshes.push(reply),
            Message::Used(object, used) => self.used(object, used),
        }
    }

    /// The live settings as a candidate once more.
    fn refresh(&mut self) -> Option<Candidate<S>> {
        if self.refreshes.is_empty() {
            return None;
        }
        let replies = std::mem::take(&mut self.refreshes);
        let source = Source { replies, ..Source::of(Cause::Refresh, self.live_fingerprint) };
        let settings = Arc::clone(&self.live.peek().settings);
        Some(Candidate { settings, warnings: Vec::new(), secrets: Vec::new(), source })
    }

    /// Refuses, or puts in line; what stood in line before is superseded.
    fn arrived(&mut self, arrival: Arrival<S>) {
        let mut stages = Stages::since(arrival.noticed);
        stages.done("read", arrival.read);
        stages.done("check", Instant::now());
        let Arrival { cause, actor, fingerprint, content, judged, proposed, reply, .. } = arrival;
        if proposed.is_none() {
            // What is only proposed does not stand in the file.
            self.newest = fingerprint;
            self.stop_trying();
        }
        let replies = reply.into_iter().collect();
        let source = Source { cause, actor, fingerprint, content, stages, proposed, replies };
        let live = self.live.peek();
        let bound = |accepted: &Accepted<Arc<S>>| {
            let meaning = || self.judge.meaning(&accepted.settings);
            let bound = self.history.quarantined(meaning, &source.cause)?;
            (!self.judge.runs(&live, &meaning())).then_some(bound)
        };
        let bound = judged.as_ref().ok().and_then(bound);
        drop(live);
        match bound.map_or(judged, |problem| Err(vec![problem])) {
            Err(problems) => self.say(source, Said::Rejected(problems), Vec::new()),
            Ok(Accepted { settings, warnings, secrets }) => {
                let candidate = Candidate { settings, warnings, secrets, source };
                if let Some(older) = self.waiting.replace(candidate) {
                    self.say(older.source, Said::Superseded, older.warnings);
                }
            }
        }
    }

    async fn change(&mut self, mut candidate: Candidate<S>) {
        let live = self.live.load();
        if says_the_same(&live, &candidate.settings) && !candidate.is_refresh() {
            if candidate.is_retry() {
                self.stop_trying();
            }
            if let Err(problem) = self.put(&mut candidate.source).await {
                let Candidate { source, warnings, .. } = candidate;
                return self.say(source, Said::Rejected(vec![problem]), warnings);
            }
            let shown = candidate.source.fingerprint.shown();
            let content = shown.as_deref().zip(candidate.source.content.bytes());
            let kept = self.history.keep(live.number, content, &candidate.secrets);
            self.written("a content", kept);
            self.live_fingerprint = candidate.source.fingerprint;
            self.shared.live_content(candidate.source.fingerprint);
            let Candidate { source, warnings, .. } = candidate;
            return self.say(source, Said::Unchanged, warnings);
        }
        if candidate.is_refresh() && live.safe_mode {
            // There is nothing to build anew: only usable settings end safe mode.
            let Candidate { source, warnings, .. } = candidate;
            return self.say(source, Said::Unchanged, warnings);
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
        let (candidate, said) = match prepared {
            Ok(Prepared::Services(services)) if candidate.is_refresh() && book.all_kept() => {
                refuse(&self.product, services).await;
                (candidate, Said::Unchanged)
            }
            Ok(Prepared::Services(services)) => match self.commit(number, candidate, services, &book).await {
                Ok(()) => return,
                Err((candidate, problem)) => {
                    by_the_world = true;
                    (candidate, Said::Rejected(vec![problem]))
                }
            },
            Ok(Prepared::Refused(problems)) => {
                by_the_world = true;
                let problems = check::placed(problems, candidate.source.content.bytes().unwrap_or_default());
                (candidate, Said::Rejected(problems))
            }
            Ok(Prepared::Broken(problems)) => (candidate, Said::Rejected(problems)),
            Err(GivenUp::Superseded) => (candidate, Said::Superseded),
            // Nobody has decided anything: there is no verdict.
            Err(GivenUp::Stopping) => return self.sweep(&scratch),
        };
        self.sweep(&scratch);
        if self.comes_to_nothing(&candidate, &said, by_the_world) {
            let Candidate { source, warnings, .. } = candidate;
            self.say(source, said, warnings);
        }
    }

    fn sweep(&self, scratch: &Path) {
        if let Err(error) = self.history.sweep(scratch) {
            tracing::error!(%error, "a refused candidate left something behind; the next start sweeps it");
        }
    }

    /// Prepares where a panic or a hang stays there: beside this loop, in any case.
    async fn prepare(
        &mut self,
        candidate: &Candidate<S>,
        number: u64,
        scratch: PathBuf,
    ) -> (Result<Prepared<V>, GivenUp>, Book) {
        let book = Book::default();
        let settings = Arc::clone(&candidate.settings);
        let live = Some(self.live.load());
        let preparation =
            Preparation { settings, live, number, safe_mode: false, scratch, book: book.clone() };
        let (first, mut making) = begin(&self.product, &self.prepare, preparation);
        self.turn.begin(first);
        let limit = self.shared.tuning().prepare_deadline;
        let deadline = tokio::time::sleep(limit);
        tokio::pin!(deadline);
        let mut newer_since: Option<Instant> = None;
        let prepared = loop {
            let give_up = newer_since.map(|since| tokio::time::Instant::from_std(since + PATIENCE));
            tokio::select! {
                biased;
                made = &mut making => return (Ok(outcome(made)), book),
                () = &mut deadline => break Ok(Prepared::Refused(vec![book.late(limit)])),
                () = until(give_up) => break Err(GivenUp::Superseded),
                message = self.messages.recv() => {
                    let Some(message) = message else { break Err(GivenUp::Stopping) };
                    self.told(message);
                    // The same settings once more are no reason to begin anew.
                    newer_since = match &self.waiting {
                        Some(newer) if *newer.settings != *candidate.settings => newer_since.or(Some(Instant::now())),
                        _ => None,
                    };
                }
            }
        };
        let_go(&self.product, making, &book).await;
        (prepared, book)
    }

    /// Gives a verdict: numbered, written down, told to everybody who listens.
    pub(crate) fn say(&mut self, source: Source, said: Said, warnings: Vec<Problem>) {
        let (decision, outcome, problems, services) = match said {
            Said::Applied(WentLive { .. }, outcome, services) => {
                (Decision::Applied, outcome, Vec::new(), services)
            }
            Said::Unchanged => (Decision::Unchanged, None, Vec::new(), Vec::new()),
            Said::Rejected(problems) => (Decision::Rejected, None, problems, Vec::new()),
            Said::Superseded => (Decision::Superseded, None, Vec::new(), Vec::new()),
        };
        let live = self.live.peek();
        let (stages_ms, at) = source.stages.over();
        let verdict = Arc::new(Verdict {
            id: self.history.next_id(),
            verdict: decision,
            outcome,
            generation: live.number,
            cause: source.cause,
            actor: source.actor,
            problems,
            warnings,
            services,
            stages_ms,
            at,
            content: source.fingerprint.shown(),
        });
        let tuning = self.shared.tuning();
        let limits =
            Limits { verdicts: tuning.history_max, age: tuning.history_age, bytes: JOURNAL_BYTES_MAX };
        let recorded = self.history.record(Arc::clone(&verdict), limits);
        self.written("a verdict", recorded);
        self.shared.said(Arc::clone(&verdict));
        // What was not put in its place is gone before anybody hears of it.
        drop(source.proposed);
        for reply in source.replies {
            // Whoever asked may have gone; the verdict stands all the same.
            drop(reply.send(Arc::clone(&verdict)));
        }
        // Nobody needs to listen.
        drop(self.verdicts.send(verdict));
    }
}

impl<S, V> Drop for Changeover<S, V> {
    /// However the loop ends, nobody waits for another generation.
    fn drop(&mut self) {
        self.followers.close();
    }
}

/// Whether settings are those that are live: then there is nothing to prepare.
pub(crate) fn says_the_same<S: PartialEq, V>(live: &Generation<S, V>, settings: &S) -> bool {
    *live.settings == *settings && !live.safe_mode
}

async fn until(instant: Option<tokio::time::Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
