//! What has gone live and still has to show that it works: a pure function of uses and times.
//!
//! A service can be built from settings that are well-formed and wrong: a key that is revoked, a model that does not
//! exist. Only its first use shows that. So after a commit the services that are *on trial* are watched for a while:
//!
//! ```text
//!  commit ─► on trial ─┬─ used, and it worked ─────────────────────────► kept          (at the end of the time)
//!                      ├─ not used ────────────────────────────────────► kept unproven (at the end of the time)
//!                      └─ failed where the one before it works ─► REVERT: a new number over the older objects
//! ```
//!
//! Invariants:
//! - Entries stand in the order of their commits. Each has what was live before it, as long as it is open.
//! - A revert goes to the newest generation of which nothing is open and unproven, and is itself never on trial.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::generation::Identity;
use crate::report::Outcome;

/// Commits that are on trial at a time, at most: each holds what was live before it. The oldest ends early.
const OPEN_MAX: usize = 16;

/// For how long an answer of the objects before is waited for after the time of a trial.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Services by name and object.
pub(crate) type OnTrial = Vec<(&'static str, Identity)>;

/// What is live and on trial. `G` is what a revert goes back to.
#[derive(Debug)]
pub(crate) struct Probation<G> {
    open: Vec<Open<G>>,
    proven: HashSet<Identity>,
    /// The objects of the live generation.
    live: OnTrial,
}

/// What went live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) verdict: u64,
    /// Keyed hash of what the settings mean.
    pub(crate) meaning: String,
}

#[derive(Debug)]
struct Open<G> {
    commit: Commit,
    /// What was live before, and its objects; `None` at a start, and after safe mode.
    before: Option<(G, OnTrial)>,
    /// Objects of this commit that nobody had used with success when it was made.
    unproven: OnTrial,
    until: Instant,
    /// Whether its time was prolonged for somebody who asks the objects before it.
    asked: bool,
}

/// What to go back to.
#[derive(Debug)]
pub(crate) struct Revert<G> {
    pub(crate) to: G,
    /// What is taken back, oldest first.
    pub(crate) commits: Vec<Commit>,
    /// The meanings of those of them that have the object that failed, each once.
    pub(crate) culprits: Vec<String>,
    /// The services whose objects change.
    pub(crate) services: Vec<&'static str>,
}

impl<G> Default for Probation<G> {
    fn default() -> Self {
        Self { open: Vec::new(), proven: HashSet::new(), live: Vec::new() }
    }
}

impl<G: Clone> Probation<G> {
    /// A commit. Gives its outcome where nothing of it is on trial.
    pub(crate) fn committed(
        &mut self,
        commit: impl FnOnce() -> Commit,
        before: Option<G>,
        services: OnTrial,
        until: Instant,
    ) -> Option<Outcome> {
        let older = std::mem::replace(&mut self.live, services);
        let unproven: OnTrial =
            self.live.iter().filter(|(_, object)| !self.proven.contains(object)).copied().collect();
        if unproven.is_empty() {
            return Some(Outcome::Kept);
        }
        let before = before.map(|before| (before, older));
        self.open.push(Open { commit: commit(), before, unproven, until, asked: false });
        None
    }

    /// The live objects are known to work: a content that was kept before.
    pub(crate) fn known(&mut self, services: &OnTrial) {
        self.proven.extend(services.iter().map(|(_, object)| *object));
    }

    /// An object was used, and it worked.
    pub(crate) fn worked(&mut self, object: Identity) {
        let known = |open: &Open<G>| open.unproven.iter().any(|(_, unproven)| *unproven == object);
        if self.open.iter().any(known) || self.live.iter().any(|(_, live)| *live == object) {
            self.proven.insert(object);
        }
    }

    /// This object failed, and the one before it is being asked the same: its answer may come after the time, which is
    /// prolonged for it, once.
    pub(crate) fn asked(&mut self, object: Identity) {
        if let Some(open) = self.brought_by(object).and_then(|index| self.open.get_mut(index))
            && !open.asked
        {
            (open.asked, open.until) = (true, open.until + ANSWER_MAX);
        }
    }

    /// What a failure of this object would go back to.
    pub(crate) fn fallback(&self, object: Identity) -> Option<&G> {
        let (to, _) = self.open.get(self.first_reverted(object)?)?.before.as_ref()?;
        Some(to)
    }

    /// The live objects that may still be taken back.
    pub(crate) fn on_trial(&self) -> OnTrial {
        self.live.iter().filter(|(_, object)| self.fallback(*object).is_some()).copied().collect()
    }

    /// An object failed where the one before it works.
    pub(crate) fn failed(&mut self, object: Identity) -> Option<Revert<G>> {
        let culprit = self.brought_by(object)?;
        let first = self.first_reverted(object)?;
        let (to, older) = self.open.get(first)?.before.clone()?;
        let mut culprits: Vec<String> =
            self.open.iter().skip(culprit).map(|open| open.commit.meaning.clone()).collect();
        culprits.sort_unstable();
        culprits.dedup();
        let commits = self.open.drain(first..).map(|open| open.commit).collect();
        let changed = self.live.iter().filter(|service| !older.contains(service));
        let services = changed.map(|(name, _)| *name).collect();
        self.live = older;
        Some(Revert { to, commits, culprits, services })
    }

    /// The entry that brought this live object in place of another one.
    fn brought_by(&self, object: Identity) -> Option<usize> {
        let is_in = |services: &OnTrial| services.iter().any(|(_, one)| *one == object);
        let brought = |open: &Open<G>| {
            is_in(&open.unproven) && open.before.as_ref().is_some_and(|(_, before)| !is_in(before))
        };
        self.open.iter().rposition(brought).filter(|_| is_in(&self.live) && !self.proven.contains(&object))
    }

    /// The entry before which everything is proven, as seen from the one that brought this object.
    fn first_reverted(&self, object: Identity) -> Option<usize> {
        let culprit = self.brought_by(object)?;
        let on_trial = |object: &Identity| {
            !self.proven.contains(object)
                && self.open.iter().any(|open| open.unproven.iter().any(|(_, one)| one == object))
        };
        let works = |open: &Open<G>| {
            open.before.as_ref().is_some_and(|(_, older)| older.iter().all(|(_, one)| !on_trial(one)))
        };
        let before = self.open.get(..=culprit)?;
        before.iter().rposition(works).or_else(|| before.iter().position(|open| open.before.is_some()))
    }

    /// The outcomes of what has been on trial for long enough.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<(Commit, Outcome)> {
        let excess = self.open.len().saturating_sub(OPEN_MAX);
        self.open.iter_mut().take(excess).for_each(|open| open.until = now);
        let (over, open) = std::mem::take(&mut self.open).into_iter().partition(|open| open.until <= now);
        self.open = open;
        let over: Vec<Open<G>> = over;
        let outcomes = over
            .iter()
            .map(|open| {
                let outcome = if self.is_proven(open) { Outcome::Kept } else { Outcome::KeptUnproven };
                (open.commit.clone(), outcome)
            })
            .collect();
        let (live, open) = (&self.live, &self.open);
        self.proven.retain(|object| {
            let holds = |services: &OnTrial| services.iter().any(|(_, held)| held == object);
            holds(live)
                || open.iter().any(|open| {
                    holds(&open.unproven) || open.before.as_ref().is_some_and(|(_, older)| holds(older))
                })
        });
        outcomes
    }

    /// The open commits of which everything has shown that it works.
    pub(crate) fn proven(&self) -> Vec<Commit> {
        self.open.iter().filter(|open| self.is_proven(open)).map(|open| open.commit.clone()).collect()
    }

    fn is_proven(&self, open: &Open<G>) -> bool {
        open.unproven.iter().all(|(_, object)| self.proven.contains(object))
    }

    /// When [`Probation::due`] has something to say next.
    pub(crate) fn next_due(&self, now: Instant) -> Option<Instant> {
        let too_many = self.open.len() > OPEN_MAX;
        self.open.iter().map(|open| if too_many { now } else { open.until }).min()
    }
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use super::*;

    /// A probation whose generations are their numbers, with a service `llm`.
    struct Story {
        probation: Probation<u64>,
        now: Instant,
    }

    const TIME: Duration = Duration::from_secs(10);

    fn verdicts(revert: &Revert<u64>) -> Vec<u64> {
        revert.commits.iter().map(|commit| commit.verdict).collect()
    }

    impl Story {
        fn new() -> Self {
            Self { probation: Probation::default(), now: Instant::now() }
        }

        /// Commit number `n` over number `n - 1` with this `llm`.
        fn commit(&mut self, number: u64, llm: Identity) -> Option<Outcome> {
            let before = (number > 1).then(|| number - 1);
            let commit = Commit { verdict: number, meaning: format!("meaning {number}") };
            self.probation.committed(|| commit, before, vec![("llm", llm)], self.now + TIME)
        }

        fn later(&mut self, seconds: u64) -> Vec<(u64, Outcome)> {
            self.now += Duration::from_secs(seconds);
            let due = self.probation.due(self.now);
            due.into_iter().map(|(commit, outcome)| (commit.verdict, outcome)).collect()
        }
    }

    #[test]
    fn what_is_not_used_is_kept_unproven_and_what_works_is_kept() {
        let mut story = Story::new();
        let (first, second) = (Identity::fresh(), Identity::fresh());
        assert_eq!(story.commit(1, first), None);
        assert_eq!(story.later(9), []);
        assert_eq!(story.later(1), [(1, Outcome::KeptUnproven)]);
        assert_eq!(story.commit(2, second), None);
        story.probation.worked(second);
        assert_eq!(story.later(10), [(2, Outcome::Kept)]);
        assert_eq!(story.commit(3, second), Some(Outcome::Kept), "nothing of it is on trial");
        assert_eq!(story.probation.next_due(story.now), None);
    }

    #[test]
    fn a_thousand_saves_do_not_hold_a_thousand_generations() {
        let mut story = Story::new();
        for number in 1..=1_000 {
            story.commit(number, Identity::fresh());
            if story.probation.next_due(story.now) == Some(story.now) {
                assert_eq!(story.later(0), [(number - OPEN_MAX as u64, Outcome::KeptUnproven)]);
            }
        }
        assert_eq!(story.probation.open.len(), OPEN_MAX);
        assert!(story.probation.proven.is_empty());
    }

    #[test]
    fn a_failure_goes_back_to_the_newest_generation_that_works() {
        let mut story = Story::new();
        let llm: Vec<Identity> = (0..5).map(|_| Identity::fresh()).collect();
        story.commit(1, llm[0]);
        story.probation.worked(llm[0]);
        story.commit(2, llm[1]);
        // The same object in a later generation: it is still the second that brought it.
        story.commit(3, llm[1]);
        assert_eq!(story.probation.fallback(llm[1]), Some(&1));
        story.commit(4, llm[2]);
        assert_eq!(story.probation.on_trial(), [("llm", llm[2])]);
        let revert = story.probation.failed(llm[2]).unwrap();
        assert_eq!(
            (revert.to, verdicts(&revert).as_slice()),
            (1, [2, 3, 4].as_slice()),
            "2 and 3 were not proven"
        );
        assert_eq!(revert.culprits, ["meaning 4"]);
        assert_eq!(revert.services, ["llm"]);
        assert!(story.probation.failed(llm[2]).is_none(), "it is not live any more");
        assert!(story.probation.failed(llm[0]).is_none(), "a revert is never reverted");
        assert_eq!(story.later(10), [(1, Outcome::Kept)]);
    }

    #[test]
    fn what_was_proven_between_is_not_taken_back() {
        let mut story = Story::new();
        let llm: Vec<Identity> = (0..3).map(|_| Identity::fresh()).collect();
        story.commit(1, llm[0]);
        story.commit(2, llm[1]);
        story.probation.worked(llm[1]);
        story.commit(3, llm[2]);
        let revert = story.probation.failed(llm[2]).unwrap();
        assert_eq!((revert.to, verdicts(&revert).as_slice()), (2, [3].as_slice()));
        assert_eq!(story.later(10), [(1, Outcome::KeptUnproven), (2, Outcome::Kept)]);
    }

    #[test]
    fn a_revert_goes_no_further_back_than_to_what_works() {
        let mut story = Story::new();
        let llm: Vec<Identity> = (0..4).map(|_| Identity::fresh()).collect();
        story.commit(1, llm[0]);
        story.probation.worked(llm[0]);
        // The second had a typing error that nobody met; the third works.
        story.commit(2, llm[1]);
        story.commit(3, llm[2]);
        story.probation.worked(llm[2]);
        assert!(story.probation.failed(llm[2]).is_none(), "what has worked is not taken back");
        story.commit(4, llm[3]);
        assert_eq!(story.probation.fallback(llm[3]), Some(&3));
        let revert = story.probation.failed(llm[3]).unwrap();
        assert_eq!((revert.to, verdicts(&revert).as_slice()), (3, [4].as_slice()));
    }

    #[test]
    fn an_answer_that_was_asked_for_in_time_is_waited_for_once() {
        let mut story = Story::new();
        let (first, second) = (Identity::fresh(), Identity::fresh());
        story.commit(1, first);
        story.commit(2, second);
        story.probation.asked(second);
        assert_eq!(story.later(10), [(1, Outcome::KeptUnproven)]);
        story.probation.asked(second);
        assert_eq!(story.later(59), []);
        assert_eq!(story.probation.failed(second).unwrap().to, 1);
    }

    #[test]
    fn after_its_time_nothing_is_taken_back() {
        let mut story = Story::new();
        let (first, second) = (Identity::fresh(), Identity::fresh());
        story.commit(1, first);
        story.commit(2, second);
        story.later(10);
        assert!(story.probation.failed(second).is_none());
        assert!(story.probation.on_trial().is_empty());
    }

    #[test]
    fn the_first_of_all_has_nothing_to_go_back_to() {
        let mut story = Story::new();
        let first = Identity::fresh();
        story.commit(1, first);
        assert!(story.probation.failed(first).is_none());
        story.probation.known(&vec![("llm", first)]);
        assert_eq!(story.later(10), [(1, Outcome::Kept)]);
    }
}
