//! What the loop is told, and what it makes of it: a content on its way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::aside::Aside;
use crate::generation::{Identity, WentLive};
use crate::judge::{Fingerprint, Judged};
use crate::read::Content;
use crate::report::{Cause, Outcome, Problem, ServiceReport, Verdict};

/// A content that came to rest, with what the check said of it.
pub(crate) struct Arrival<S> {
    pub(crate) cause: Cause,
    pub(crate) actor: Option<String>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) content: Content,
    pub(crate) judged: Judged<S>,
    /// When the save was noticed, and when the content had been read.
    pub(crate) noticed: Instant,
    pub(crate) read: Instant,
    /// Where it does not stand in the file yet: who asked, and what to put there.
    pub(crate) proposed: Option<Proposed>,
    pub(crate) reply: Option<oneshot::Sender<Arc<Verdict>>>,
}

/// What the loop is told.
pub(crate) enum Message<S> {
    /// A content came to rest.
    Arrival(Box<Arrival<S>>),
    /// Build anew what is built from something else than settings.
    Refresh(oneshot::Sender<Arc<Verdict>>),
    /// A service that is on trial was used.
    Used(Identity, Use),
}

/// How the use of a service that is on trial went.
pub(crate) enum Use {
    Worked,
    /// It failed, and the one before it is being asked the same.
    Asked,
    /// It failed where the one before it works; why.
    Failed(String),
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
    pub(crate) fn is_refresh(&self) -> bool {
        self.source.cause == Cause::Refresh
    }

    /// Whether the world has refused it before.
    pub(crate) fn is_retry(&self) -> bool {
        self.source.cause == Cause::Retry
    }

    /// The same once more; whoever waited for a verdict has had it.
    pub(crate) fn again(&self) -> Self {
        let source = Source {
            actor: self.source.actor.clone(),
            content: self.source.content.clone(),
            ..Source::of(Cause::Retry, self.source.fingerprint)
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
    /// Who asked for it.
    pub(crate) actor: Option<String>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) content: Content,
    pub(crate) stages: Stages,
    pub(crate) proposed: Option<Proposed>,
    /// Who waits for the verdict.
    pub(crate) replies: Vec<oneshot::Sender<Arc<Verdict>>>,
}

/// What is said of a content.
#[derive(Debug)]
pub(crate) enum Said {
    /// With what proves it, what is known of it, and what was done for it.
    Applied(WentLive, Option<Outcome>, Vec<ServiceReport>),
    Unchanged,
    Rejected(Vec<Problem>),
    Superseded,
}

/// A content that somebody asked for, instead of saving it.
pub(crate) struct Proposed {
    /// What to put in the file's place; `None` where the file has the content already.
    pub(crate) aside: Option<Aside>,
}

impl Source {
    /// What no content was read for.
    pub(crate) fn of(cause: Cause, fingerprint: Fingerprint) -> Self {
        let stages = Stages::since(Instant::now());
        Self {
            cause,
            actor: None,
            fingerprint,
            content: Content::Missing,
            stages,
            proposed: None,
            replies: Vec::new(),
        }
    }
}

/// Stages that a changeover has.
const STAGES: usize = 6;

/// Milliseconds by stage.
pub(crate) struct Stages {
    begun: Instant,
    last: Instant,
    millis: Vec<(&'static str, f64)>,
    /// When every service was live.
    live: Option<(Instant, Timestamp)>,
}

impl Stages {
    pub(crate) fn since(begun: Instant) -> Self {
        Self { begun, last: begun, millis: Vec::with_capacity(STAGES), live: None }
    }

    pub(crate) fn done(&mut self, stage: &'static str, at: Instant) {
        self.millis.push((stage, millis(at.saturating_duration_since(self.last))));
        self.last = at;
    }

    /// Every service is live now, and who follows has followed or is late. What remains is to say so, which nobody's work waits
    /// for.
    pub(crate) fn live(&mut self, stage: &'static str) {
        let now = Instant::now();
        self.done(stage, now);
        self.live = Some((now, Timestamp::now()));
    }

    /// Milliseconds by stage and in total, and when it was over: where nothing went live, now.
    pub(crate) fn over(self) -> (BTreeMap<String, f64>, Timestamp) {
        let (end, at) = self.live.unwrap_or_else(|| (Instant::now(), Timestamp::now()));
        let total = ("total", millis(end.saturating_duration_since(self.begun)));
        (
            self.millis
                .into_iter()
                .chain([total])
                .map(|(stage, millis)| (stage.to_owned(), millis))
                .collect(),
            at,
        )
    }
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
