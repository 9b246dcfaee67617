//! Noticing that the file changed: events are a wake-up, an always-on poll decides.

use crate::read::Look;

mod asked;
mod chain;
#[cfg(target_os = "linux")]
#[path = "inotify.rs"]
mod events;
#[cfg(not(target_os = "linux"))]
#[path = "poll_only.rs"]
mod events;
mod filesystem;
mod mount;
mod pulse;
mod settle;
mod standing;
mod thread;

pub(crate) use asked::Command;
pub(crate) use chain::steps;
pub(crate) use events::{Events, Waker};
pub(crate) use mount::Mounts;
pub(crate) use pulse::{Place, Pulse, listen, spawn};
pub(crate) use settle::{Judgement, Settle, Sign};
pub(crate) use standing::Standing;
pub(crate) use thread::{Watch, WatchCounters};

/// What a wait for events brought.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What happened to the file, in order.
    pub(crate) signs: Vec<Sign>,
    /// Events that named the file or a link on the way to it.
    pub(crate) events: u64,
    /// How often events were dropped because there were too many.
    pub(crate) lost: u64,
}

/// What one look at all files of a content found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    /// The settings file.
    pub(crate) main: Look,
    /// The files that the last check read beside it.
    pub(crate) others: Vec<Look>,
}

impl From<Look> for View {
    fn from(main: Look) -> Self {
        Self { main, others: Vec::new() }
    }
}

impl View {
    /// Whether somebody has just made a file and will write it: the settings file is empty, or one of the others is and
    /// was not so at the look before (there, an empty file may be meant).
    pub(crate) fn begins(&self, before: Option<&Self>) -> bool {
        let was = |index: usize| before.and_then(|before| before.others.get(index));
        let begun = |(index, look): (usize, &Look)| look.size() == Some(0) && was(index) != Some(look);
        self.main.size() == Some(0) || self.others.iter().enumerate().any(begun)
    }

    /// Whether somebody has saved one of the files between the two looks: a change of owner or mode is no save.
    pub(crate) fn saved_again(&self, later: &Self) -> bool {
        let others = self.others.iter().zip(&later.others);
        self.main.saved_again(&later.main) || others.into_iter().any(|(one, other)| one.saved_again(other))
    }
}

/// A name on the way to the file, as of one look: which folder it stands in, what it is called there, and whether it leads on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    folder: std::path::PathBuf,
    name: std::ffi::OsString,
    link: bool,
}
