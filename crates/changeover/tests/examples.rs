//! The examples run, and say what they are there to show.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::path::PathBuf;
use std::process::Command;

/// `cargo test` builds the examples beside the tests.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples").join(name)
}

#[test]
fn every_example_runs_and_says_its_verdicts() {
    for (name, said) in [
        ("minimal", &["applied generation 2"][..]),
        (
            "two_services",
            &["cache (`entries` changed)", "database (`url` changed), cache (`database` changed)"],
        ),
        (
            "refused_save",
            &["rejected generation 1", "2:11: `port`: `\"eighty\"` is not a port", "cannot be bound"],
        ),
        ("moved_port", &["answers (answers at "][..]),
        (
            "reverted_save",
            &["applied generation 2", "applied generation 3", "as in generation 1: 401 Unauthorized"],
        ),
    ] {
        let program = example(name);
        if !program.exists() {
            eprintln!(
                "skipped: {} is not built; run the tests by `cargo test`, without `--test`",
                program.display()
            );
            continue;
        }
        let output = Command::new(&program).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{name}: {text}{}", String::from_utf8_lossy(&output.stderr));
        for said in said {
            assert!(text.contains(said), "{name} does not say `{said}`:\n{text}");
        }
    }
}
