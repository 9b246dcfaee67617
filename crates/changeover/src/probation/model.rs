//! Probation against a slow model of it: one that forgets nothing, and asks of every commit anew whether it works.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

const TIME: Duration = Duration::from_secs(10);

/// Deeds of one story, at most.
const DEEDS_MAX: usize = 60;

/// The services of a product: each may be another object than in the generation before.
const NAMES: [&str; 2] = ["llm", "letta"];

#[derive(Clone, Copy, Debug)]
enum Deed {
    /// Whether each service is a new object.
    Commit {
        anew: [bool; 2],
    },
    /// One of the live objects was used.
    Worked(usize),
    /// One of them failed, and the one before it is being asked.
    Asked(usize),
    /// One of them failed where the one before it works.
    Failed(usize),
    Wait {
        seconds: u64,
    },
}

/// A commit as the model remembers it.
#[derive(Clone, Debug)]
struct Known {
    verdict: u64,
    services: OnTrial,
    /// The objects that nobody had used when it was made.
    unproven: Vec<Identity>,
    until: Instant,
    asked: bool,
    outcome: Option<Outcome>,
}

/// Every commit since the beginning, and every object that has worked while somebody could know it.
struct Model {
    commits: Vec<Known>,
    /// Places in `commits` of what was live, one after the other; the last one is.
    lives: Vec<usize>,
    worked: BTreeSet<String>,
    now: Instant,
}

fn meaning(verdict: u64) -> String {
    format!("meaning {verdict}")
}

fn name(object: Identity) -> String {
    format!("{object:?}")
}

impl Model {
    fn has_worked(&self, object: &Identity) -> bool {
        self.worked.contains(&name(*object))
    }

    fn live(&self) -> &Known {
        &self.commits[*self.lives.last().unwrap()]
    }

    fn is_open(&self, place: &usize) -> bool {
        self.commits[*place].outcome.is_none()
    }

    /// Whether nothing of a commit is open and unproven.
    fn works(&self, place: usize) -> bool {
        let tested = |object: &Identity| {
            self.lives
                .iter()
                .any(|place| self.is_open(place) && self.commits[*place].unproven.contains(object))
        };
        self.commits[place].services.iter().all(|(_, object)| self.has_worked(object) || !tested(object))
    }

    /// The commit on trial that brought a live object in place of another one, as a place in `lives`.
    fn brought(&self, object: Identity) -> Option<usize> {
        let has = |life: usize| self.commits[self.lives[life]].services.iter().any(|(_, one)| *one == object);
        if self.has_worked(&object) || !has(self.lives.len() - 1) {
            return None;
        }
        (1..self.lives.len())
            .rev()
            .find(|life| self.is_open(&self.lives[*life]) && has(*life) && !has(*life - 1))
    }

    /// Where a failure of a live object leads, as a place in `lives`: what is live again then.
    fn back_to(&self, object: Identity) -> Option<usize> {
        let open = |life: &usize| self.is_open(&self.lives[*life]);
        let places = (1..=self.brought(object)?).filter(open).map(|life| life - 1);
        let newest_that_works = places.clone().rev().find(|life| self.works(self.lives[*life]));
        newest_that_works.or_else(|| places.clone().next())
    }
}

/// What is compared at each step, and how a story goes on.
struct Story {
    probation: Probation<usize>,
    model: Model,
}

impl Story {
    fn new() -> Self {
        let model =
            Model { commits: Vec::new(), lives: Vec::new(), worked: BTreeSet::new(), now: Instant::now() };
        let mut story = Self { probation: Probation::default(), model };
        story.commit([true, true]);
        story
    }

    fn commit(&mut self, anew: [bool; 2]) {
        let before = self.model.lives.last().copied();
        let old = before.map(|place| self.model.commits[place].services.clone());
        let object = |index: usize| match &old {
            Some(old) if !anew[index] => old[index].1,
            _ => Identity::fresh(),
        };
        let services: OnTrial =
            NAMES.iter().enumerate().map(|(index, name)| (*name, object(index))).collect();
        let unproven: Vec<Identity> =
            services.iter().map(|(_, one)| *one).filter(|one| !self.model.has_worked(one)).collect();
        let (verdict, until) = (self.model.commits.len() as u64, self.model.now + TIME);
        let outcome = unproven.is_empty().then_some(Outcome::Kept);
        let commit = Commit { verdict, meaning: meaning(verdict) };
        let told = self.probation.committed(|| commit, before, services.clone(), until);
        assert_eq!(told, outcome, "what has worked needs no trial");
        self.model.lives.push(self.model.commits.len());
        self.model.commits.push(Known { verdict, services, unproven, until, asked: false, outcome });
        self.end();
    }

    /// As the loop does: whatever is due is told.
    fn end(&mut self) {
        let now = self.model.now;
        if self.probation.next_due(now).is_none_or(|due| due > now) {
            let over = |commit: &Known| commit.outcome.is_none() && commit.until <= now;
            assert!(!self.model.commits.iter().any(over), "a trial whose time is over is told");
            return;
        }
        let open: Vec<usize> = (0..self.model.commits.len())
            .filter(|place| self.model.commits[*place].outcome.is_none())
            .collect();
        let excess = open.len().saturating_sub(OPEN_MAX);
        let over = |(index, place): (usize, &usize)| {
            (index < excess || self.model.commits[*place].until <= now).then_some(*place)
        };
        let over: Vec<usize> = open.iter().enumerate().filter_map(over).collect();
        let mut expected = Vec::new();
        for place in over {
            let commit = &self.model.commits[place];
            let works = commit.unproven.iter().all(|object| self.model.has_worked(object));
            let outcome = if works { Outcome::Kept } else { Outcome::KeptUnproven };
            expected.push((commit.verdict, outcome));
            self.model.commits[place].outcome = Some(outcome);
        }
        let told: Vec<_> =
            self.probation.due(now).into_iter().map(|(commit, outcome)| (commit.verdict, outcome)).collect();
        assert_eq!(told, expected, "each is told once, in order");
        assert!(self.probation.open.len() <= OPEN_MAX, "a bounded number of generations is held");
    }

    fn object(&self, service: usize) -> Identity {
        self.model.live().services[service].1
    }

    fn failed(&mut self, object: Identity) {
        let expected = self.model.back_to(object);
        let told = self.probation.fallback(object).copied();
        assert_eq!(told, expected.map(|life| self.model.lives[life]), "who is asked the same");
        let revert = self.probation.failed(object);
        let brought = self.model.brought(object);
        let Some(((life, brought), revert)) = expected.zip(brought).zip(revert.as_ref()) else {
            assert!(revert.is_none() && expected.is_none(), "{expected:?}: {revert:?}");
            return;
        };
        let culprits = self.meanings(brought);
        let place = self.model.lives[life];
        assert_eq!(revert.to, place, "what is live again");
        let taken_back: Vec<usize> = self.model.lives.drain(life + 1..).collect();
        let open: Vec<usize> = taken_back.into_iter().filter(|place| self.model.is_open(place)).collect();
        let verdicts: Vec<u64> = open.iter().map(|place| self.model.commits[*place].verdict).collect();
        let told: Vec<u64> = revert.commits.iter().map(|commit| commit.verdict).collect();
        assert_eq!(told, verdicts, "what is taken back");
        for place in open {
            self.model.commits[place].outcome = Some(Outcome::Reverted);
        }
        let found: BTreeSet<String> = revert.culprits.iter().cloned().collect();
        assert_eq!(found, culprits, "what has the object that failed");
        for (_, object) in &self.model.live().services.clone() {
            let again = self.model.back_to(*object);
            assert_eq!(self.probation.fallback(*object).copied(), again.map(|life| self.model.lives[life]));
        }
    }

    /// What is on trial from this place in `lives` on means.
    fn meanings(&self, life: usize) -> BTreeSet<String> {
        let open = self.model.lives[life..].iter().filter(|place| self.model.is_open(place));
        open.map(|place| meaning(self.model.commits[*place].verdict)).collect()
    }

    fn happen(&mut self, deed: Deed) {
        match deed {
            Deed::Commit { anew } => self.commit(anew),
            Deed::Worked(service) => {
                let object = self.object(service);
                self.probation.worked(object);
                self.model.worked.insert(name(object));
            }
            Deed::Asked(service) => {
                let object = self.object(service);
                self.probation.asked(object);
                self.asked(object);
            }
            Deed::Failed(service) => self.failed(self.object(service)),
            Deed::Wait { seconds } => {
                self.model.now += Duration::from_secs(seconds);
                self.end();
            }
        }
    }

    /// The trial of the commit that brought it is prolonged, once.
    fn asked(&mut self, object: Identity) {
        let place = self.model.brought(object).map(|life| self.model.lives[life]);
        if let Some(commit) = place.and_then(|place| self.model.commits.get_mut(place))
            && !commit.asked
        {
            (commit.asked, commit.until) = (true, commit.until + ANSWER_MAX);
        }
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => any::<[bool; 2]>().prop_map(|anew| Deed::Commit { anew }),
        3 => (0..NAMES.len()).prop_map(Deed::Worked),
        1 => (0..NAMES.len()).prop_map(Deed::Asked),
        2 => (0..NAMES.len()).prop_map(Deed::Failed),
        2 => (0_u64..12).prop_map(|seconds| Deed::Wait { seconds }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_model_that_forgets_nothing_says_the_same(deeds in prop::collection::vec(deed(), 1..DEEDS_MAX)) {
        let mut story = Story::new();
        for deed in deeds {
            story.happen(deed);
        }
    }
}
