//! The settling against what it promises, in thousands of stories whose time is a number.
//!
//! A story is what writers do to a file, with pauses; events may be lost. Whatever it is:
//!
//! - a good content is taken when its writer has closed it;
//! - a bad one is not taken while it may be half of something: before quiet, or while somebody has it open;
//! - when nothing changes any more, the last content has been taken soon after, whatever events were lost.

use std::cell::OnceCell;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

const RULES: Rules = Rules {
    settle: Duration::from_millis(150),
    poll: Duration::from_millis(500),
    rest: Duration::from_millis(1_500),
    open_max: Duration::from_secs(5),
};

/// For how long a missing file is no verdict.
const GONE: Duration = Duration::from_secs(1);

/// For how long the thread is held up between a look and a read.
const HELD_UP: Duration = Duration::from_millis(200);

/// Deeds of one story, at most.
const DEEDS_MAX: usize = 12;

/// After this long without a deed everything is decided: the longest until a content is read regardless (a writer may begin
/// just then), the longest that a file counts as open, and two polls.
const REST: Duration = Duration::from_secs(12);

/// Steps of one story, at most: a settling that asks to be woken at once for ever is a busy loop.
const STEPS_MAX: usize = 500;

/// What a writer does next.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// A finished file takes the place of the old one.
    Rename {
        good: bool,
    },
    /// Opened, truncated, and written in part. It is bad until somebody closes it.
    Begin,
    /// Written to the end, and closed.
    Close {
        good: bool,
    },
    /// Changed without an event: a memory map, a network file system.
    Silent {
        good: bool,
    },
    Remove,
    /// The thread is held up before it reads next, and a writer begins meanwhile, whose event comes after the read.
    BeginUnseen,
    /// Events were lost, among them those of this deed.
    Lost {
        good: bool,
    },
}

/// The file as it is at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct File {
    /// Which of the looks; `None`: it is missing.
    look: Option<usize>,
    good: bool,
}

thread_local! {
    /// Looks at files that differ: one for each content of a story.
    static LOOKS: OnceCell<Vec<View>> = const { OnceCell::new() };
}

fn view(file: File) -> View {
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let look = |index: usize| {
            let path = folder.path().join(index.to_string());
            std::fs::write(&path, "x").unwrap();
            View::from(Look::at(&path))
        };
        (0..=DEEDS_MAX).map(look).collect()
    };
    match file.look {
        None => View::from(Look::Missing),
        Some(index) => LOOKS.with(|looks| looks.get_or_init(make)[index].clone()),
    }
}

/// Everything that a story has come to.
struct Story {
    settle: Settle,
    began: Instant,
    now: Instant,
    file: File,
    /// What was taken last; at first what is live.
    taken: File,
    /// When something last happened to the file, as far as anybody can see.
    changed_at: Instant,
    /// Since when a writer has it open, and events have told so.
    open_since: Option<Instant>,
    /// Since when what stands there has not been what was taken.
    other_since: Option<Instant>,
    /// Which look the file has once the thread has been held up.
    unseen: Option<usize>,
    steps: usize,
}

impl Story {
    fn new() -> Self {
        let now = Instant::now();
        let file = File { look: Some(0), good: true };
        Self {
            settle: Settle::new(now, Some((view(file), 0))),
            began: now,
            now,
            file,
            taken: file,
            changed_at: now,
            open_since: None,
            other_since: None,
            unseen: None,
            steps: 0,
        }
    }

    /// As `thread.rs` does: a step, and where it says so a read and a judgement.
    fn step(&mut self, signs: &[Sign]) {
        self.steps += 1;
        assert!(self.steps < STEPS_MAX, "the settling never rests");
        if self.settle.step(self.now, signs, &view(self.file), RULES) {
            let unseen = self.unseen.take();
            if let Some(number) = unseen {
                self.now += HELD_UP;
                self.change(File { look: Some(number), good: false });
            }
            let view = view(self.file);
            let content = self.file.look.map_or(u128::MAX, |look| look as u128);
            if self.settle.judge(self.now, &view, content, self.file.good, RULES) == Judgement::Take {
                self.take();
            }
            if unseen.is_some() {
                self.open_since.get_or_insert(self.now);
                self.step(&[Sign::Written]);
            }
        }
    }

    fn change(&mut self, file: File) {
        (self.file, self.changed_at) = (file, self.now);
        if self.file != self.taken {
            self.other_since.get_or_insert(self.now);
        }
    }

    fn take(&mut self) {
        let File { look, good } = self.file;
        assert_ne!(self.taken, self.file, "taken twice");
        let quiet = if look.is_none() { GONE } else { RULES.settle };
        // Neither a doubt nor a writer holds the verdict up for longer.
        let is_long = |since: Instant| self.now - since >= RULES.open_max;
        if !good && !self.other_since.is_some_and(is_long) && !self.open_since.is_some_and(is_long) {
            assert!(self.now >= self.changed_at + quiet, "a bad content was taken before quiet");
            assert!(self.open_since.is_none(), "a bad content was taken while somebody wrote it");
        }
        self.taken = self.file;
        (self.other_since, self.open_since) = (None, None);
    }

    /// Lets time pass, with the looks that the settling asks for.
    fn wait(&mut self, pause: Duration) {
        let end = self.now + pause;
        loop {
            let wake = self.settle.wake_at(RULES).max(self.now + Duration::from_millis(1));
            if wake >= end {
                self.now = end;
                return;
            }
            self.now = wake;
            self.step(&[]);
        }
    }

    fn happen(&mut self, number: usize, deed: Deed) {
        let (good, signs) = match deed {
            Deed::Rename { good } => (good, vec![Sign::Finished]),
            Deed::Begin => (false, vec![Sign::Written]),
            Deed::Close { good } => (good, vec![Sign::Written, Sign::Finished]),
            Deed::Silent { good } => (good, Vec::new()),
            Deed::Remove => (false, vec![Sign::Stirred]),
            Deed::BeginUnseen => {
                self.unseen = Some(number);
                return;
            }
            Deed::Lost { good } => (good, vec![Sign::Lost]),
        };
        let look = (!matches!(deed, Deed::Remove)).then_some(number);
        self.change(File { look, good });
        match deed {
            Deed::Begin => drop(self.open_since.get_or_insert(self.now)),
            Deed::Rename { .. } | Deed::Close { .. } => self.open_since = None,
            _ => {}
        }
        if signs.is_empty() {
            // Nobody is woken by it.
            return;
        }
        self.step(&signs);
        let finished = matches!(deed, Deed::Rename { .. } | Deed::Close { .. });
        if finished && good && self.file.look == Some(number) {
            assert_eq!(self.taken, self.file, "a good content that was closed is taken at once");
        }
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    let good = any::<bool>;
    prop_oneof![
        3 => good().prop_map(|good| Deed::Rename { good }),
        3 => Just(Deed::Begin),
        3 => good().prop_map(|good| Deed::Close { good }),
        1 => good().prop_map(|good| Deed::Silent { good }),
        1 => Just(Deed::Remove),
        1 => Just(Deed::BeginUnseen),
        1 => good().prop_map(|good| Deed::Lost { good }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3_000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_writers_do_the_last_content_is_taken_and_no_half_of_one(
        deeds in prop::collection::vec((deed(), 0_u64..1_500), 1..DEEDS_MAX),
    ) {
        let mut story = Story::new();
        for (number, (deed, pause_ms)) in deeds.into_iter().enumerate() {
            story.happen(number + 1, deed);
            story.wait(Duration::from_millis(pause_ms));
        }
        story.wait(REST);
        prop_assert_eq!(story.taken, story.file, "not taken {:?} after the beginning", story.now - story.began);
    }
}
