//! What comes after a verdict: the world is asked again, a trial ends, a commit is taken back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::again::Again;
use crate::candidate::{Candidate, Said, Source, Use};
use crate::changeover::Changeover;
use crate::generation::{Generation, Identity};
use crate::history::HistoryError;
use crate::judge::Fingerprint;
use crate::probation::{Commit, OnTrial, Revert};
use crate::report::{Action, Cause, Outcome, ServiceReport};

/// What was live before a commit, and what it was read from.
#[derive(Debug)]
pub(crate) struct Before<S, V> {
    pub(crate) generation: Arc<Generation<S, V>>,
    pub(crate) fingerprint: Fingerprint,
}

impl<S, V> Clone for Before<S, V> {
    fn clone(&self) -> Self {
        Self { generation: Arc::clone(&self.generation), fingerprint: self.fingerprint }
    }
}

/// Services that are on trial, each with the generation that would take its place.
pub(crate) type Trial<S, V> = Vec<(Identity, Arc<Generation<S, V>>)>;

/// Failures that wait to be acted upon, at most: one is enough.
const FAILURES_MAX: usize = 16;

impl<S: PartialEq + Send + Sync + 'static, V: Send + Sync + 'static> Changeover<S, V> {
    /// A candidate did not go live. What the world refused is tried again, while the file still says so. Whether there is
    /// anything to tell: of a further try only another answer of the world is news.
    pub(crate) fn comes_to_nothing(
        &mut self,
        candidate: &Candidate<S>,
        said: &Said,
        by_the_world: bool,
    ) -> bool {
        let (is_refused, problems) = match said {
            Said::Rejected(problems) => (true, problems.as_slice()),
            _ => (false, [].as_slice()),
        };
        let now = Instant::now();
        let file_still_says_so = candidate.source.fingerprint == self.newest;
        let is_proposed = candidate.source.proposed.is_some();
        if !by_the_world || candidate.is_refresh() || is_proposed || !file_still_says_so {
            if candidate.is_retry() {
                self.stop_trying();
                return is_refused && !by_the_world;
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
        self.try_again(again);
        !known
    }

    fn try_again(&mut self, again: Again<Candidate<S>>) {
        let told = again.told(again.what.source.fingerprint.shown(), Instant::now());
        self.shared.waiting(Some(told));
        self.again = Some(again);
    }

    /// Nothing waits to be tried again any more.
    pub(crate) fn stop_trying(&mut self) {
        if self.again.take().is_some() {
            self.shared.waiting(None);
        }
    }

    /// Puts a commit, which the next verdict will tell, on trial. Gives its outcome where nothing of it needs one.
    pub(crate) fn begin_probation(
        &mut self,
        before: Option<Before<S, V>>,
        settings: &S,
        services: OnTrial,
        time: Duration,
    ) -> Option<Outcome> {
        let (judge, verdict) = (Arc::clone(&self.judge), self.history.upcoming_id());
        let commit = || Commit { verdict, meaning: judge.meaning(settings) };
        let outcome = self.probation.committed(commit, before, services, Instant::now() + time);
        self.tell_trial();
        if outcome == Some(Outcome::Kept) {
            // All of it has worked before, if with other settings beside it.
            let let_out = self.history.let_out(|| judge.meaning(settings), verdict);
            self.quarantine_written(let_out);
        }
        outcome
    }

    /// Tells the outcome of everything that has been on trial for long enough.
    pub(crate) fn end_probations(&mut self) {
        let now = Instant::now();
        if self.probation.next_due(now).is_none_or(|due| due > now) {
            return;
        }
        let outcomes = self.probation.due(now);
        self.tell_trial();
        for (commit, outcome) in outcomes {
            self.settled(&commit, outcome);
        }
    }

    /// The engine stops: what has shown that it works is kept; of the rest nothing is known.
    pub(crate) fn stop_probations(&mut self) {
        self.trial.send_replace(Vec::new());
        for commit in self.probation.proven() {
            self.settled(&commit, Outcome::Kept);
        }
    }

    pub(crate) fn used(&mut self, object: Identity, used: Use) {
        match used {
            Use::Worked => self.probation.worked(object),
            Use::Asked => self.probation.asked(object),
            Use::Failed(reason) if self.failures.len() < FAILURES_MAX => self.failures.push((object, reason)),
            Use::Failed(_) => {}
        }
    }

    /// Takes back what has failed where the one before it works.
    pub(crate) async fn revert(&mut self) {
        for (object, reason) in std::mem::take(&mut self.failures) {
            if let Some(revert) = self.probation.failed(object) {
                self.take_back(revert, &reason).await;
            }
        }
    }

    /// One more switch: a new number over older objects. It undoes no work and rewrites no file.
    async fn take_back(&mut self, revert: Revert<Before<S, V>>, reason: &str) {
        let Revert { to: Before { generation: older, fingerprint }, commits, culprits, services } = revert;
        let mut source = Source::of(Cause::Revert, fingerprint);
        let number = self.live.peek().number + 1;
        // What must be undone is undone even if it cannot be written down.
        let intended = self.history.intend_known(number, fingerprint.shown());
        self.written("the intent of a revert", intended);
        let (settings, services_again) = (Arc::clone(&older.settings), Arc::clone(&older.services));
        // Before the followers, who may take their time: a start after a kill meanwhile must know it. What runs again is no culprit,
        // whatever else was built from the same settings.
        let runs_again = self.judge.meaning(&older.settings);
        for meaning in culprits.iter().filter(|meaning| **meaning != runs_again) {
            let kept_out = self.history.quarantine(meaning, reason);
            self.quarantine_written(kept_out);
        }
        self.tell_trial();
        let next = Generation { number, settings, services: services_again, safe_mode: false };
        let (_, went_live, followed) = self.switch(next, &mut source).await;
        let again = |name: &&str| ServiceReport {
            name: (*name).to_owned(),
            action: Action::Restored,
            reason: format!("as in generation {}: {reason}", older.number),
        };
        let reports = services.iter().map(again).chain(followed).collect();
        for commit in commits {
            self.settled(&commit, Outcome::Reverted);
        }
        let bound = |again: &Again<Candidate<S>>| {
            let meaning = || self.judge.meaning(&again.what.settings);
            self.history.quarantined(meaning, &Cause::Retry).is_some()
        };
        if self.again.as_ref().is_some_and(bound) {
            self.stop_trying();
        }
        self.say(source, Said::Applied(went_live, Some(Outcome::Kept), reports), Vec::new());
    }

    /// Tells what became of a commit.
    fn settled(&mut self, commit: &Commit, outcome: Outcome) {
        let (verdict, recorded) = self.history.outcome(commit.verdict, outcome);
        self.written("an outcome", recorded);
        if outcome == Outcome::Kept {
            let let_out = self.history.let_out(|| commit.meaning.clone(), commit.verdict);
            self.quarantine_written(let_out);
        }
        if let Some(verdict) = verdict {
            self.shared.settled(&verdict);
            // Nobody needs to listen.
            drop(self.outcomes.send(verdict));
        }
    }

    /// What could not be written into the journal is told until something can be, and holds nothing up.
    pub(crate) fn written(&self, what: &str, result: Result<(), HistoryError>) {
        let problem = result.err().map(|error| error.to_string());
        if let Some(error) = &problem {
            tracing::error!(%error, "{what} could not be written down");
        }
        self.shared.journal(problem);
    }

    /// The same of the quarantine, which is a file of its own.
    fn quarantine_written(&self, result: Result<(), HistoryError>) {
        let problem = result.err().map(|error| error.to_string());
        if let Some(error) = &problem {
            tracing::error!(%error, "the quarantine could not be written down");
        }
        self.shared.quarantine(problem);
    }

    fn tell_trial(&self) {
        let fallback = |(_, object): &(&'static str, Identity)| {
            Some((*object, Arc::clone(&self.probation.fallback(*object)?.generation)))
        };
        self.trial.send_replace(self.probation.on_trial().iter().filter_map(fallback).collect());
    }
}
