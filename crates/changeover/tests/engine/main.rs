//! The engine through real files, real saves and real time. Tests are named after the invariants
//! that ARCHITECTURE.md of the repository lists. It is not in the package: there, README.md says what each test holds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod again;
#[cfg(target_os = "linux")]
mod allocations;
mod counted;
mod destructors;
mod files;
mod guarantees;
#[cfg(target_os = "linux")]
mod history;
mod invariants;
#[cfg(target_os = "linux")]
mod mounts;
mod newest;
mod pins;
mod plans;
mod probation;
mod proposals;
mod saves;
mod starts;
mod stopping;
mod support;
mod times;
#[cfg(target_os = "linux")]
mod watching;
