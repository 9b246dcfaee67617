//! The commit: all that can fail, then the switch, which cannot, then whoever follows it. Nothing else writes the live pointer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::aftermath::Before;
use crate::candidate::{Candidate, Said, Source};
use crate::changeover::Changeover;
use crate::generation::{Generation, WentLive};
use crate::making::refuse;
use crate::preparation::Book;
use crate::probation::{ANSWER_MAX, OnTrial};
use crate::report::{Problem, ServiceReport};
use crate::retire::Retired;
use crate::watch::Command;

impl<S: PartialEq + Send + Sync + 'static, V: Send + Sync + 'static> Changeover<S, V> {
    /// All that can fail, the switch, and all that follows.
    pub(crate) async fn commit(
        &mut self,
        number: u64,
        mut candidate: Candidate<S>,
        services: V,
        book: &Book,
    ) -> Result<(), (Candidate<S>, Problem)> {
        if let Err(problem) = self.intend_and_put(number, &mut candidate).await {
            refuse(&self.product, services).await;
            return Err((candidate, problem));
        }
        let settings = Arc::clone(&candidate.settings);
        let on_trial = self.on_trial(&services);
        if !candidate.is_refresh() {
            self.stop_trying();
        }
        let next = Generation { number, settings, services: Arc::new(services), safe_mode: false };
        let (before, went_live, followed) = self.switch(next, &mut candidate.source).await;
        let before = Some(before).filter(|before| !before.generation.safe_mode);
        let mut services = book.reports();
        services.extend(followed);
        let time = self.shared.tuning().probation;
        let outcome = self.begin_probation(before, &candidate.settings, on_trial, time);
        let Candidate { source, warnings, .. } = candidate;
        self.say(source, Said::Applied(went_live, outcome, services), warnings);
        Ok(())
    }

    /// All that can fail: the journal says what is about to happen, and a proposed content takes the file's place.
    async fn intend_and_put(&mut self, number: u64, candidate: &mut Candidate<S>) -> Result<(), Problem> {
        let shown = candidate.source.fingerprint.shown();
        let content = shown.as_deref().zip(candidate.source.content.bytes());
        let intended = self.history.intend(number, content, &candidate.secrets);
        let problem = intended.as_ref().err().map(|error| {
            Problem::new("", format!("the history cannot be written: {error}"))
                .hint("make room or mend the permissions of the state directory, then save again")
        });
        self.written("an intent", intended);
        problem.map_or(Ok(()), Err)?;
        self.put(&mut candidate.source).await
    }

    /// The services that need a trial. Where the product's function panics, which the program's hook has told, none has one.
    pub(crate) fn on_trial(&self, services: &V) -> OnTrial {
        catch_unwind(AssertUnwindSafe(|| (self.on_trial)(services))).unwrap_or_default()
    }

    /// Has a proposed content put in the file's place. That is the last thing before the switch that can fail.
    pub(crate) async fn put(&mut self, source: &mut Source) -> Result<(), Problem> {
        let Some(aside) = source.proposed.as_mut().and_then(|proposed| proposed.aside.take()) else {
            return Ok(());
        };
        let late = || {
            Problem::new("", "the file was not replaced in time: its disk does not answer")
                .hint("if that happens later after all, it is read like any save")
        };
        let (reply, put) = oneshot::channel();
        self.commands.send(Command::Put(aside, source.fingerprint, reply)).map_err(|_| late())?;
        self.waker.wake();
        let deadline = tokio::time::sleep(self.shared.tuning().prepare_deadline);
        answer_by(deadline, put).await.unwrap_or_else(|| Err(late()))?;
        self.newest = source.fingerprint;
        // What the world has refused stands in the file no more.
        self.stop_trying();
        Ok(())
    }

    /// The switch, which cannot fail, and what follows it. Gives what was live before, and what each follower did.
    pub(crate) async fn switch(
        &mut self,
        next: Generation<S, V>,
        source: &mut Source,
    ) -> (Before<S, V>, WentLive, Vec<ServiceReport>) {
        let number = next.number;
        let tuning = (self.judge.tuning)(&next.settings);
        let next = Arc::new(next);
        let (old, went_live) = self.live.swap(Arc::clone(&next));
        // Its time counts from here; its trial begins when the followers have followed.
        let on_trial = tuning.prepare_deadline.saturating_add(tuning.probation).saturating_add(ANSWER_MAX);
        let retired = Retired::now(Arc::clone(&old), on_trial);
        source.stages.done("commit", Instant::now());
        self.shared.switched(number, false, tuning);
        self.shared.live_content(source.fingerprint);
        let fingerprint = std::mem::replace(&mut self.live_fingerprint, source.fingerprint);
        let before = Before { generation: old, fingerprint };
        self.followers.wake(&next);
        drop(next);
        let followed = self.followers.all(number, tuning.prepare_deadline).await;
        source.stages.live("follow");
        if self.retired.send(retired).is_err() {
            tracing::debug!("the retirer has ended: the engine is stopping");
        }
        (before, went_live, followed)
    }
}

/// The answer, if it comes before this does. One that comes at the same moment counts: whoever gave it takes it for heard.
async fn answer_by<T>(deadline: impl Future<Output = ()>, mut answer: oneshot::Receiver<T>) -> Option<T> {
    tokio::select! {
        biased;
        answer = &mut answer => return answer.ok(),
        () = deadline => {}
    }
    answer.close();
    answer.try_recv().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_at_the_deadline_is_heard_and_a_later_one_is_not_taken_for_heard() {
        let (reply, answer) = oneshot::channel();
        let deadline = async { assert!(reply.send(1).is_ok(), "whoever answers takes it for heard") };
        assert_eq!(answer_by(deadline, answer).await, Some(1));
        let (reply, answer) = oneshot::channel();
        assert_eq!(answer_by(std::future::ready(()), answer).await, None);
        assert_eq!(reply.send(2), Err(2));
    }
}
