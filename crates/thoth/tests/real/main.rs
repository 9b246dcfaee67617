//! The real binary through real files and real sockets, as its users have it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod citing;
mod command_line;
mod library;
mod live;
mod load;
mod lookups;
mod plan;
mod refused;
mod start;
mod support;
