//! The long proofs: what takes minutes, and real programs of other people. `make prove` runs them; `make test` only
//! compiles them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod chance;
mod contents;
mod editors;
mod journal;
mod kill;
mod remains;
mod soak;
#[path = "../real/support.rs"]
#[allow(dead_code, reason = "shared with `tests/real`, which uses all of it")]
mod support;
mod verdicts;
