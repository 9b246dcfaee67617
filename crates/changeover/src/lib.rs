//! Change every service of a process at once, or none.
//!
//! A settings file is saved. A few hundred microseconds later every service that it concerns is another one, or
//! nothing at all has happened, and in both cases a [`Verdict`] says what and why. The process never restarts, no
//! request sees half of the change, and nothing that is wrong with the file can do any harm.
//!
//! ```text
//!  file ─► watch ─► read ─► check ─► prepare ─► COMMIT ─► followers ─► applied
//!                     │        │        │      one pointer
//!                     └────────┴────────┴─► rejected · unchanged · superseded
//! ```
//!
//! **The one idea.** A changeover never changes a service. It builds the next [`Generation`] beside the live one,
//! carries over what is the same, and swaps one pointer. All that can fail is done before the swap.
//!
//! # What it holds
//!
//! - A unit of work that takes the live generation once ([`Live::load`]) sees settings and services that belong
//!   together, to its end.
//! - What a refused candidate made is gone, and what it would have replaced was never touched.
//! - `applied` is said when every [`Follower`] (a listener, a folder watch: what a process has only once) has
//!   followed.
//! - One changeover is in flight; the newest content wins; nothing starves it.
//! - Every content that comes to rest gets a verdict, with all of its problems at once.
//! - A missing, empty, half-written, huge or misspelt file is harmless; at a start the newest content that was
//!   applied takes its place.
//! - What goes live and fails where the one before it works is taken back: one more switch, to the older objects.
//! - What the world refused (a taken port, a full disk) is tried again while the file still says so.
//! - Secrets that the check points out are in no verdict, no journal and no hash that people see.
//! - A service is rebuilt when, and only when, its inputs or the identity of what it depends on changed.
//!
//! Each has a test of its name in `tests/engine`.
//!
//! # The map
//!
//! | stage | what stands there |
//! | --- | --- |
//! | `watch` | events of the folders on the way to the file (inotify), a poll that decides, and the settling: a pure function of signs and times |
//! | `read` | the file, once, in one state |
//! | [`check`] | strict JSON as people write it, with places; the product's own check comes after it |
//! | `changeover` | one loop that owns the switch |
//! | [`Preparation`] | build beside, carry over what is the same |
//! | `probation`, `aftermath` | whether what went live works, and what happens when it does not |
//! | `follow`, `retire` | what comes after the switch |
//! | [`Plan`] | what a content would do: the same way, without the switch, and nothing is left of it |
//! | [`schedule`] | changes at a time, and for a time: what is due is a pure function of entries, values and clocks |
//! | `history` | an append-only journal, readable after a kill at any byte |
//! | [`Verdict`], [`Status`] | what people and programs are told |
//!
//! # Five minutes to start
//!
//! A product hands over a [`Blueprint`]: a file, a folder for state, and plain functions. There is no trait to
//! implement and nothing to register.
//!
//! ```
#![doc = include_str!("../examples/minimal.rs")]
//! ```
//!
//! `examples/` has two services of which one holds the other, a refused save, and a save that goes live, fails and is taken back.
//!
//! # Honest limits
//!
//! - Events need Linux; elsewhere the poll finds a save after one to two poll intervals.
//! - Memory maps and most network file systems send no events: there, too, it is the poll.
//! - Two programs that write the file in place at the same time can leave a mixture of their own making; it is taken
//!   when the first of them closes, and again when the second does. A file that is held open and changes between every
//!   two polls has not come to rest: it is shown as `being_written` and gets no verdict.
//! - A check or a preparation that blocks its thread forever cannot be ended from outside. The engine goes on; the
//!   thread is lost.
//! - On kernels before 6.13 two writes within one tick of the clock can look alike for up to five seconds, until
//!   the content is hashed regardless.

pub mod check;
pub mod edit;
pub mod schedule;

mod aftermath;
mod again;
mod aside;
mod blueprint;
mod candidate;
mod changeover;
mod engine;
mod files;
mod follow;
mod generation;
mod history;
mod judge;
mod plan;
mod preparation;
mod probation;
mod proposal;
mod read;
mod report;
mod retire;
mod start;
mod status;
mod tuning;
mod watch;

pub use again::Waiting;
pub use blueprint::{Accepted, Blueprint, Check, Occasion, Prepare, Preparing};
pub use engine::{Engine, StartError, Stopped};
pub use files::{FILES_MAX, Files};
pub use follow::{Followed, Follower};
pub use generation::{Generation, Identity, Live, Service};
pub use history::{HistoryError, read_content, read_history};
pub use plan::Plan;
pub use preparation::Preparation;
pub use proposal::{ABSENT, NotProposed, Proposal};
pub use read::Content;
pub use report::{Action, Cause, Decision, Outcome, Problem, ServiceReport, Verdict};
pub use status::{Activity, Status, WatchStatus};
pub use tuning::Tuning;
