#![doc = include_str!("../README.md")]
//!
//! # The map
//!
//! | stage | what stands there |
//! | --- | --- |
//! | `watch` | events of the folders on the way to the file (inotify), a poll that decides, and the settling: a pure function of signs and times |
//! | `read` | the file, once, in one state |
//! | `files`, `judge` | the files of one content, its fingerprint, and the product's check |
//! | [`check`] | strict JSON as people write it, with places; the product's own check comes after it |
//! | `changeover`, `candidate`, `relay` | one loop that owns the switch, and what is on its way through it; whichever thread has news for it carries it on |
//! | `commit` | what can fail, the switch, whoever follows it |
//! | [`Preparation`], `making` | build beside, carry over what is the same; a preparation on its way |
//! | `probation`, `aftermath`, `again` | whether what went live works, what happens when it does not, and when what the world refused is tried again |
//! | `start`, `wiring` | a first generation, and the threads that it is put to work with |
//! | `follow`, `retire`, `pins` | what comes after the switch; who still works with what was live before |
//! | [`Plan`] | what a content would do: the same way, without the switch, and nothing is left of it |
//! | [`edit`], [`Proposal`], `aside` | changes by program: the bytes of some keys, comments kept; checked, prepared, written and switched as one |
//! | [`schedule`] | changes at a time, and for a time: what is due is a pure function of entries, values and clocks |
//! | `history` | an append-only journal, readable after a kill at any byte |
//! | [`Verdict`], [`Status`] | what people and programs are told |
//!
//! # Five minutes to start
//!
//! A product hands over a [`Blueprint`]: a file, a folder for state, and plain functions. There is no trait to
//! implement, and only the owner of what a process has once (a port, a folder watch) registers, as a [`Follower`].
//!
//! ```
#![doc = include_str!("../examples/minimal.rs")]
//! ```
//!
//! The other examples are named above.

pub mod check;
pub mod edit;
pub mod schedule;

mod aftermath;
mod again;
mod aside;
mod blueprint;
mod candidate;
mod changeover;
mod commit;
mod engine;
mod files;
mod follow;
mod generation;
mod history;
mod judge;
#[cfg(test)]
#[path = "../tests/fuzz/kept.rs"]
mod kept;
mod making;
mod pins;
mod plan;
mod preparation;
mod probation;
mod proposal;
mod read;
mod relay;
mod report;
mod retire;
mod start;
mod status;
mod tuning;
mod watch;
mod wiring;

pub use again::Waiting;
pub use blueprint::{Accepted, Blueprint, Check, Occasion, Prepare, Preparing};
pub use engine::{Engine, StartError, Stopped};
pub use files::{FILES_MAX, Files};
pub use follow::{Followed, Follower};
pub use generation::{Generation, Identity, Live, Service};
pub use history::{HistoryError, RECENT_MAX, read_content, read_history};
pub use pins::{Pinned, Unit};
pub use plan::Plan;
pub use preparation::Preparation;
pub use proposal::{ABSENT, NotProposed, Proposal};
pub use read::Content;
pub use report::{Action, Cause, Decision, Outcome, Problem, ServiceReport, Verdict};
pub use retire::Overdue;
pub use status::{Activity, OtherFile, Status, WatchStatus};
pub use tuning::Tuning;
