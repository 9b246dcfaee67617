//! How the watch stands: whether events tell of saves, and if not, why not. A pure function of what was seen.

use std::time::Duration;

use super::filesystem::FileSystem;

/// Saves in a row of which no event told, though it should have: then events do not arrive.
const UNTOLD_MAX: u32 = 3;

/// Within which a save is found that no event told of, if the poll allows it: by one look that finds it, and the next.
const FOUND_WITHIN: Duration = Duration::from_secs(2);

/// What is known of events, from one look to the next.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    filesystem: Option<FileSystem>,
    /// Why some folder is not watched.
    shortage: Option<String>,
    /// Whether an event has told of what was not taken yet.
    heard: bool,
    /// Whether a watch was set since the last save: of what came before it, no event can tell.
    fresh: bool,
    /// Saves in a row of which no event told.
    untold: u32,
    /// What was said last of why there are no events, and how loudly.
    said: Option<Reason>,
}

/// Why saves are found by the poll and not by events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) words: String,
    /// Whether somebody can mend it, and should.
    pub(crate) amiss: bool,
}

/// Who found a save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finder {
    Event,
    Poll,
}

impl Standing {
    /// What a poll has found of the surroundings. `watched_anew`: a watch was set.
    pub(crate) fn polled(
        &mut self,
        filesystem: Option<FileSystem>,
        shortage: Option<&str>,
        watched_anew: bool,
    ) {
        (self.filesystem, self.shortage) = (filesystem, shortage.map(str::to_owned));
        self.fresh |= watched_anew;
    }

    /// An event named the file.
    pub(crate) fn heard(&mut self) {
        (self.heard, self.untold) = (true, 0);
    }

    /// Nothing is outstanding: what events told of so far has been seen to, or came to nothing.
    pub(crate) fn rests(&mut self) {
        self.heard = false;
    }

    /// A save was taken; by whom it was found.
    pub(crate) fn taken(&mut self) -> Finder {
        let (heard, fresh) = (std::mem::take(&mut self.heard), std::mem::take(&mut self.fresh));
        if heard {
            return Finder::Event;
        }
        self.untold = match self.shortage.is_none() && self.silent_of().is_none() {
            true => self.untold.saturating_add(u32::from(!fresh)),
            false => 0,
        };
        Finder::Poll
    }

    /// Whether events should arrive and do not.
    pub(crate) fn events_are_broken(&self) -> bool {
        self.untold >= UNTOLD_MAX
    }

    /// Whether nothing speaks against it that an event tells of every change.
    pub(crate) fn tells_all(&self) -> bool {
        let known = self.filesystem.as_ref().is_some_and(FileSystem::tells_all);
        known && self.shortage.is_none() && self.untold == 0
    }

    /// From one poll to the next while nothing is outstanding: more seldom where events tell of everything.
    pub(crate) fn rest(&self, poll: Duration) -> Duration {
        match self.tells_all() {
            true => (3 * poll).min(FOUND_WITHIN.saturating_sub(poll)).max(poll),
            false => poll,
        }
    }

    /// The name of the file system.
    pub(crate) fn filesystem(&self) -> Option<&str> {
        self.filesystem.as_ref().map(|filesystem| filesystem.name.as_str())
    }

    /// Why saves are found by the poll and not by events.
    pub(crate) fn reason(&self) -> Option<Reason> {
        if let Some(shortage) = &self.shortage {
            return Some(Reason { words: format!("{shortage}; until then {BY_THE_POLL}"), amiss: true });
        }
        if let (Some(name), Some(of)) = (self.filesystem(), self.silent_of()) {
            let words = format!("the file system `{name}` sends no events for {of}; such {BY_THE_POLL}");
            return Some(Reason { words, amiss: false });
        }
        let words = || format!("events do not arrive; {BY_THE_POLL}");
        self.events_are_broken().then(|| Reason { words: words(), amiss: true })
    }

    /// The reason, if it is another one than was said last: once for each.
    pub(crate) fn news(&mut self) -> Option<Option<Reason>> {
        let reason = self.reason();
        (reason != self.said).then(|| {
            self.said.clone_from(&reason);
            reason
        })
    }

    fn silent_of(&self) -> Option<&'static str> {
        self.filesystem.as_ref().and_then(|filesystem| filesystem.silent_of)
    }
}

const BY_THE_POLL: &str = "saves are found by the poll";

#[cfg(test)]
mod tests {
    use super::*;

    fn on(name: &str, silent_of: Option<&'static str>) -> Option<FileSystem> {
        Some(FileSystem { name: name.to_owned(), silent_of })
    }

    fn words(standing: &Standing) -> Option<String> {
        standing.reason().map(|reason| reason.words)
    }

    #[test]
    fn a_save_is_found_by_an_event_or_by_the_poll() {
        let mut standing = Standing::default();
        standing.heard();
        assert_eq!(standing.taken(), Finder::Event);
        assert_eq!(standing.taken(), Finder::Poll);
        // What came to nothing tells of no later save.
        standing.heard();
        standing.rests();
        assert_eq!(standing.taken(), Finder::Poll);
    }

    #[test]
    fn events_are_broken_after_some_saves_without_and_whole_again_at_the_first() {
        let mut standing = Standing::default();
        standing.polled(on("ext4", None), None, false);
        for untold in 1..=UNTOLD_MAX {
            assert_eq!(standing.news(), None);
            standing.taken();
            assert_eq!(standing.events_are_broken(), untold == UNTOLD_MAX);
        }
        let said = standing.news().unwrap().unwrap();
        assert_eq!(
            (said.words.as_str(), said.amiss),
            ("events do not arrive; saves are found by the poll", true)
        );
        standing.taken();
        assert_eq!(standing.news(), None, "once");
        standing.heard();
        assert_eq!((standing.news(), standing.reason()), (Some(None), None));
    }

    #[test]
    fn events_are_believed_where_they_are_known_to_come_until_one_is_missing() {
        let mut standing = Standing::default();
        assert!(!standing.tells_all(), "nobody has looked yet");
        for (filesystem, shortage, tells) in [
            (on("nfs", Some("others")), None, false),
            (on("0x1234", None), None, false),
            (on("ext4", None), Some("no more"), false),
            (on("ext4", None), None, true),
        ] {
            standing.polled(filesystem, shortage, false);
            assert_eq!(standing.tells_all(), tells, "{standing:?}");
        }
        standing.taken();
        assert!(!standing.tells_all(), "a save of which no event told");
        standing.heard();
        assert!(standing.tells_all());
    }

    #[test]
    fn where_no_event_can_come_none_is_missed() {
        let check =
            |filesystem: Option<FileSystem>, shortage: Option<&str>, anew: bool, says: Option<&str>| {
                let mut standing = Standing::default();
                for _ in 0..2 * UNTOLD_MAX {
                    standing.polled(filesystem.clone(), shortage, anew);
                    assert_eq!(standing.taken(), Finder::Poll);
                }
                assert!(!standing.events_are_broken());
                assert_eq!(words(&standing).as_deref(), says);
            };
        let nfs = "the file system `nfs` sends no events for others; such saves are found by the poll";
        check(on("nfs", Some("others")), None, false, Some(nfs));
        check(
            on("ext4", None),
            Some("no more"),
            false,
            Some("no more; until then saves are found by the poll"),
        );
        check(on("ext4", None), None, true, None);
    }
}
