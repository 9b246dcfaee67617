//! Change every service of a process at once, or none.

pub mod check;

mod blueprint;
mod changeover;
mod engine;
mod follow;
mod generation;
mod history;
mod judge;
mod preparation;
mod read;
mod report;
mod retire;
mod start;
mod status;
mod tuning;
mod watch;

pub use blueprint::{Accepted, Blueprint, Check, Occasion, Prepare, Preparing};
pub use engine::{Engine, StartError, Stopped};
pub use follow::{Followed, Follower};
pub use generation::{Generation, Identity, Live, Service};
pub use history::HistoryError;
pub use preparation::Preparation;
pub use report::{Action, Cause, Decision, Outcome, Problem, ServiceReport, Verdict};
pub use status::{Activity, Status, WatchStatus};
pub use tuning::Tuning;
