//! The engine against a slow and obvious model of it, on real files, by generated stories.
//!
//! A story is a list of steps: saves good and bad, deletes, proposals, reloads, a world that refuses, services that work or
//! fail, restarts. After each step the verdicts, the status, the live services, the journal, the folders and the objects
//! that are alive are compared with what the model says. The invariants, which ARCHITECTURE.md of the repository lists (it is
//! not in the package), are named where they are compared, in `compare.rs`.
//!
//! `MODEL_STORIES=500 MODEL_SEED=7 cargo test -p changeover --test model` tells more and other stories.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod compare;
#[path = "../engine/counted.rs"]
mod counted;
mod oracle;
mod product;
mod regressions;
mod run;
mod steps;

use std::env;
use std::panic;
use std::thread;

use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

/// Stories by default: enough to meet every step in many orders, few enough for every run of the tests.
const STORIES: u32 = 40;

/// The seed by default. A failure that another one finds becomes a case of `regressions.rs`.
const SEED: u64 = 1;

/// Stories are told side by side, since they mostly wait for quiet.
const TELLERS: u32 = 8;

/// Each try to shorten a story tells it again from its beginning.
const SHORTENINGS_MAX: u32 = 150;

/// A story may go otherwise by waiting for what never comes.
const SHORTENING_MS_MAX: u32 = 120_000;

fn number<T: std::str::FromStr>(name: &str, default: T) -> T {
    match env::var(name) {
        Ok(text) => text.parse().ok().unwrap_or_else(|| panic!("`{name}` is no number: `{text}`")),
        Err(_) => default,
    }
}

#[test]
fn the_engine_does_what_the_model_says() {
    keep_quiet_about_what_was_told_to_panic();
    let (stories, seed) = (number("MODEL_STORIES", STORIES), number("MODEL_SEED", SEED));
    thread::scope(|scope| {
        let tell = |teller: u32| {
            scope.spawn(move || {
                let cases = stories / TELLERS + u32::from(teller < stories % TELLERS);
                tell(cases, seed, teller);
            })
        };
        let tellers: Vec<_> = (0..TELLERS).map(tell).collect();
        let failed = tellers.into_iter().filter_map(|teller| teller.join().err()).count();
        assert_eq!(failed, 0, "tellers whose story went otherwise, with the seed {seed}");
    });
}

/// The stories have thousands of these; what panics without being told to is shown as ever.
fn keep_quiet_about_what_was_told_to_panic() {
    let shown = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        let told = panicked.payload_as_str().is_some_and(|message| message.contains("was told to panic"));
        if !told {
            shown(panicked);
        }
    }));
}

fn tell(cases: u32, seed: u64, teller: u32) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..12].copy_from_slice(&teller.to_le_bytes());
    let config = Config {
        cases,
        max_shrink_iters: SHORTENINGS_MAX,
        max_shrink_time: SHORTENING_MS_MAX,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    match runner.run(&steps::story(), |story| {
        run::tell(&story);
        Ok(())
    }) {
        Ok(()) => {}
        Err(TestError::Fail(why, story)) => panic!("{why}\nthe shortest such story: {story:#?}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}
