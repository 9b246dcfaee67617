//! The one task that waits, and what it does when a time has come.

use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::broadcast::error::RecvError;

use super::books::Books;
use super::due::{Clock, Standing, due, standing};
use super::entry::{Entry, Fate, Kind};
use super::reading::nothing;
use super::{Declined, Schedules};
use crate::proposal::{NotProposed, Proposal};
use crate::report::{Cause, Decision, Outcome, Problem, Verdict};

/// How often the clocks are looked at while something waits: the wall's clock may be set at any time.
const LOOK: Duration = Duration::from_secs(1);

/// The longest pause between two tries of what is put off. After a save that is taken they begin anew.
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// Tries of a change that newer saves keep from going into effect.
const TRIES_MAX: usize = 5;

/// From when on a change is said to be late.
const LATE: SignedDuration = SignedDuration::from_secs(60);

/// What could not be carried out, or written, and is tried again.
pub(super) struct Again {
    /// By the steady clock.
    due: Duration,
    pause: Duration,
    pub(super) problem: String,
}

impl<S: PartialEq + Send + Sync + 'static, V: Send + Sync + 'static> Schedules<S, V> {
    /// Carries out what is due, until the engine stops. What was due while nothing ran is carried out first.
    pub async fn run(self) {
        let (mut outcomes, mut verdicts) = (self.parts.engine.outcomes(), self.parts.engine.verdicts());
        loop {
            let (next, wait) = self.due();
            if let Some(id) = next {
                if self.carry_out(id).await.is_err() {
                    return;
                }
                // What has become of it says what is next.
                continue;
            }
            let pause = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait.min(LOOK)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.parts.changed.notified() => {}
                () = pause => {}
                verdict = verdicts.recv() => match verdict.map(|verdict| verdict.verdict) {
                    Ok(Decision::Rejected | Decision::Superseded) => {}
                    Ok(Decision::Applied | Decision::Unchanged) | Err(RecvError::Lagged(_)) => self.went_live().await,
                    Err(RecvError::Closed) => return,
                },
                // What was missed stands in the history.
                outcome = outcomes.recv() => if let Err(RecvError::Closed) = outcome {
                    return;
                }
            }
        }
    }

    /// What kept a temporary change from ending may be mended, and the file of them say something new: it was damaged
    /// before, or whoever set a change did not wait for the verdict.
    async fn went_live(&self) {
        let _turn = self.parts.turn.lock().await;
        for again in self.books().again.values_mut() {
            (again.due, again.pause) = (Duration::ZERO, Duration::ZERO);
        }
        if let Err(problem) = self.temporary().await {
            tracing::error!("temporary changes cannot be ended: {problem}");
        }
    }

    /// Temporary changes that failed where the settings before them work: what took them back left them in their file.
    fn taken_back(&self) -> Vec<u64> {
        let put_by = self.books().put_by.clone();
        let reverted = |id: &u64| self.parts.engine.outcome_of(*id) == Some(Outcome::Reverted);
        put_by.into_iter().filter(|(_, verdict)| reverted(verdict)).map(|(id, _)| id).collect()
    }

    /// What is to be done next, and how long the next thing takes where that is nothing.
    ///
    /// Scheduled changes keep their order: what keeps one from being carried out or written keeps those behind it too, which
    /// expect of its keys what it makes of them.
    fn due(&self) -> (Option<u64>, Option<Duration>) {
        let (clock, taken_back) = (self.clock(), self.taken_back());
        let mut books = self.books();
        let Books { kept, temporary, deadlines, unwritten, again, .. } = &mut *books;
        let found = due(temporary.entries.iter().chain(&kept.entries), deadlines, clock);
        let mut wait = found.wait;
        let mut is_held = false;
        for id in unwritten.keys().copied().chain(found.ids).chain(taken_back) {
            let is_scheduled = kept.entries.iter().any(|entry| entry.id == id);
            let pause = again.get(&id).map(|again| again.due.saturating_sub(clock.steady));
            match pause.filter(|pause| !pause.is_zero()) {
                Some(pause) => {
                    wait = Some(wait.map_or(pause, |wait| wait.min(pause)));
                    is_held |= is_scheduled;
                }
                None if is_held && is_scheduled => {}
                None => return (Some(id), None),
            }
        }
        (None, wait)
    }

    /// Carries out what is due, or writes what was carried out. An error: the engine has stopped.
    async fn carry_out(&self, id: u64) -> Result<(), Stopped> {
        let _turn = self.parts.turn.lock().await;
        let unwritten = self.books().unwritten.get(&id).cloned();
        let waiting = self.list().into_iter().find(|entry| entry.id == id && entry.waits());
        let done = match (unwritten, waiting) {
            (Some(ended), _) => self.record(ended).await.map(drop),
            (None, Some(entry)) if entry.kind == Kind::Scheduled => self.change(entry).await,
            (None, Some(entry)) => self.expire(entry).await,
            // Somebody has called it off meanwhile.
            (None, None) => {
                self.books().let_go(id);
                Ok(())
            }
        };
        match done {
            Ok(()) => Ok(()),
            Err(Declined::NotProposed(NotProposed::Stopped(_))) => Err(Stopped),
            Err(problem) => {
                self.put_off(id, problem.to_string());
                Ok(())
            }
        }
    }

    /// Tries again later, and says why once.
    fn put_off(&self, id: u64, problem: String) {
        let Clock { steady, .. } = self.clock();
        let mut books = self.books();
        let before = books.again.remove(&id);
        let pause = before.as_ref().map_or(LOOK, |again| (again.pause * 2).clamp(LOOK, PAUSE_MAX));
        if before.is_none_or(|again| again.problem != problem) {
            tracing::error!(id, "a change whose time has come is tried again: {problem}");
        }
        books.again.insert(id, Again { due: steady + pause, pause, problem });
    }

    /// Puts a scheduled change into the settings file, if its keys say what they said.
    async fn change(&self, entry: Entry) -> Result<(), Declined> {
        let late = (self.parts.terms.clock)().duration_since(entry.at) > LATE;
        let late = late.then(|| format!("it was due at {}, and comes late", entry.at));
        for _ in 0..TRIES_MAX {
            let found = self.settings().await?;
            let content = found.clone().unwrap_or_else(nothing);
            let said = |path: &str| (self.parts.terms.value)(&content, path);
            match standing(&entry, said, |value| self.hash(value)) {
                Standing::AsThen => {}
                Standing::Already => {
                    let reason = "the settings said so already".to_owned();
                    return self.end(entry, Fate::Done, Some(reason), None).await.map(drop);
                }
                Standing::Void(keys) => {
                    let reason = format!("`{}` changed since it was set", keys.join("`, `"));
                    return self.end(entry, Fate::Void, Some(reason), None).await.map(drop);
                }
            }
            let edited = match (self.parts.terms.edit)(&content, &entry.changes) {
                Ok(edited) => edited,
                Err(problem) => return self.fail(entry, &[problem], None).await,
            };
            let proposal = proposal(&entry, edited.clone(), self.tag(found).await?);
            let verdict = match self.parts.engine.propose(proposal).await {
                Ok(verdict) => verdict,
                // Somebody saved between the look and the proposal.
                Err(NotProposed::Conflict { .. }) => continue,
                Err(stopped) => return Err(stopped.into()),
            };
            match verdict.verdict {
                Decision::Applied | Decision::Unchanged => {
                    let hidden = (self.parts.terms.hidden)(&edited, &entry.changes);
                    let reasons: Vec<String> = late.into_iter().chain(hidden).collect();
                    let reason = (!reasons.is_empty()).then(|| reasons.join("; "));
                    return self.end(entry, Fate::Done, reason, Some(&verdict)).await.map(drop);
                }
                Decision::Rejected => return self.fail(entry, &verdict.problems, Some(&verdict)).await,
                Decision::Superseded => {}
            }
        }
        self.fail(entry, &[Problem::new("", "newer saves came in between each time")], None).await
    }

    async fn fail(
        &self,
        entry: Entry,
        problems: &[Problem],
        verdict: Option<&Verdict>,
    ) -> Result<(), Declined> {
        let reason = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        self.end(entry, Fate::Failed, Some(reason), verdict).await.map(drop)
    }

    /// Ends a temporary change.
    async fn expire(&self, entry: Entry) -> Result<(), Declined> {
        let (id, actor) = (entry.id, entry.actor.clone());
        let (fate, reason) = match self.taken_back().contains(&id) {
            true => (Fate::Failed, Some("it failed where the settings before it work".to_owned())),
            false => (Fate::Expired, None),
        };
        let without = |entries: &mut Vec<Entry>| entries.retain(|entry| entry.id != id);
        let verdict = self.replace(Cause::Expiry, actor, without).await?;
        self.end(entry, fate, reason, Some(&verdict)).await.map(drop)
    }
}

fn proposal(entry: &Entry, content: Vec<u8>, if_match: Option<String>) -> Proposal {
    let actor = entry.actor.clone();
    Proposal { file: None, content, cause: Cause::Schedule, actor, if_match, allow_empty: false }
}

/// The engine has stopped.
struct Stopped;
