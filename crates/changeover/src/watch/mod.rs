//! Noticing that the file changed: events are a wake-up, an always-on poll decides.

mod chain;
#[cfg(target_os = "linux")]
#[path = "inotify.rs"]
mod events;
#[cfg(not(target_os = "linux"))]
#[path = "poll_only.rs"]
mod events;
mod mount;
mod settle;
mod thread;

pub(crate) use chain::steps;
pub(crate) use events::{Events, Waker};
pub(crate) use mount::Mount;
pub(crate) use settle::{Judgement, Settle, Sign};
pub(crate) use thread::{Command, Watch, WatchCounters};

/// What a wait for events brought.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What happened to the file, in order.
    pub(crate) signs: Vec<Sign>,
    /// Events that named the file or a link on the way to it.
    pub(crate) events: u64,
}

/// A name on the way to the file, as of one look: which folder it stands in, and what it is called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    folder: std::path::PathBuf,
    name: std::ffi::OsString,
}
