//! When a content has come to rest: a pure function of signs, looks and times.
//!
//! A good content is taken at once after a close or a rename. A bad one may be half of a good one: it is taken
//! only after quiet. What no event told is taken after two equal looks, one poll apart.

use std::time::{Duration, Instant};

use super::View;
use crate::read::Look;

/// What an event says of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Written, and not closed since.
    Written,
    /// A new name: a fresh file that will be written, or a link to a finished one.
    Created,
    /// Closed after writing, or put in place by a rename: whole, as far as the writer is concerned.
    Finished,
    /// Events were lost, or nobody watched until now: it may have been any of these.
    Lost,
    /// Something else: removed, moved away, its attributes changed.
    Stirred,
}

/// Times of the settling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) settle: Duration,
    /// From one poll to the next while something is outstanding, and while nothing is.
    pub(crate) poll: Duration,
    pub(crate) rest: Duration,
    pub(crate) open_max: Duration,
}

/// For how long a file may be missing or empty before that is a verdict: editors that delete and create need a moment, and
/// so does a save in place. Its truncation is seen before the kernel tells of it, up to 76 ms before on a busy disk.
const NOTHING: Duration = Duration::from_secs(1);

/// How often the content is read although nothing seems to have changed, at the next poll: time stamps can lie.
const REREAD: Duration = Duration::from_secs(5);

/// What to do with a content that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It came to rest: it gets a verdict.
    Take,
    /// Nothing new.
    Ignore,
    /// It may be half of something: look again later.
    Wait,
}

/// The state of the settling.
#[derive(Debug)]
pub(crate) struct Settle {
    /// The look and the content that got the last verdict.
    taken: Option<(View, u128)>,
    /// The newest look.
    seen: Option<View>,
    /// The look of the last poll.
    polled: Option<View>,
    next_poll: Instant,
    next_reread: Instant,
    /// Since when the file has been open for writing, as far as events tell.
    open_since: Option<Instant>,
    changed_at: Instant,
    /// Since when a bad content has been waiting for quiet.
    doubtful_since: Option<Instant>,
    /// Whether a content is due that could not be read yet.
    unread: bool,
}

impl Settle {
    /// Starts with the content that is live (or was refused) at the start.
    pub(crate) fn new(now: Instant, taken: Option<(View, u128)>) -> Self {
        let seen = taken.as_ref().map(|(look, _)| look.clone());
        Self {
            taken,
            polled: seen.clone(),
            seen,
            next_poll: now,
            next_reread: now + REREAD,
            open_since: None,
            changed_at: now,
            doubtful_since: None,
            unread: false,
        }
    }

    /// When to look next if no event comes.
    pub(crate) fn wake_at(&self, rules: Rules) -> Instant {
        match self.doubtful_since {
            _ if self.unread => self.changed_at,
            Some(since) => self.verdict_at(since, rules).min(self.next_poll),
            None => self.next_poll,
        }
    }

    /// Whether a content is being waited for.
    pub(crate) fn being_written(&self) -> bool {
        self.open_since.is_some() || self.doubtful_since.is_some()
    }

    /// Whether nothing is outstanding: in this state the file got its verdict, and nobody writes it.
    pub(crate) fn rests(&self, look: &View) -> bool {
        !self.being_written() && self.taken.as_ref().is_some_and(|(taken, _)| taken == look)
    }

    /// The newest look. Of other files it may be older: after a save that is whole they are read, not looked at.
    pub(crate) fn seen(&self) -> Option<&View> {
        self.seen.as_ref()
    }

    /// Whether this content got the last verdict.
    pub(crate) fn knows(&self, content: u128) -> bool {
        self.taken.as_ref().is_some_and(|(_, known)| *known == content)
    }

    /// Whether a poll is due.
    pub(crate) fn poll_due(&self, now: Instant) -> bool {
        now >= self.next_poll
    }

    /// Takes in signs and a look; says whether the content should be read now.
    pub(crate) fn step(&mut self, now: Instant, signs: &[Sign], look: &View, rules: Rules) -> bool {
        let mut finished = std::mem::take(&mut self.unread);
        for sign in signs {
            match sign {
                Sign::Created if !look.begins(self.seen.as_ref()) => {
                    (self.open_since, finished) = (None, true)
                }
                // Whatever was finished before has begun anew.
                Sign::Written | Sign::Created => {
                    self.open_since.get_or_insert(now);
                    finished = false;
                }
                Sign::Finished => (self.open_since, finished) = (None, true),
                Sign::Lost => finished = self.open_since.is_none(),
                Sign::Stirred => {}
            }
        }
        if !signs.is_empty() || self.seen.as_ref() != Some(look) {
            self.changed_at = now;
        }
        self.seen = Some(look.clone());
        let polled = self.poll_due(now);
        let rested = polled && self.polled.replace(look.clone()).as_ref() == Some(look);
        self.next_poll = match (polled, self.rests(look)) {
            (true, true) => now + rules.rest,
            (true, false) => now + rules.poll,
            (false, true) => self.next_poll,
            (false, false) => self.next_poll.min(now + rules.poll),
        };
        let other = self.taken.as_ref().is_none_or(|(taken, _)| taken != look);
        if look.main == Look::Missing && other && signs.contains(&Sign::Stirred) {
            self.doubtful_since.get_or_insert(now);
        }
        let doubt_over = self.doubtful_since.is_some_and(|since| now >= self.verdict_at(since, rules));
        if finished || doubt_over {
            return true;
        }
        let reread = polled && now >= self.next_reread;
        !self.is_open(now, rules) && rested && (other || reread)
    }

    /// Something may have happened that no event told: the next look is a poll.
    pub(crate) fn poll_soon(&mut self) {
        self.next_poll = self.changed_at;
    }

    /// The content could not be read in one state of the file: it is tried again at once.
    pub(crate) fn unread(&mut self) {
        self.unread = true;
    }

    /// Says what to do with the content that was read in the state of `look`.
    pub(crate) fn judge(
        &mut self,
        now: Instant,
        look: &View,
        content: u128,
        good: bool,
        rules: Rules,
    ) -> Judgement {
        self.next_reread = now + REREAD;
        if let Some((taken, known)) = &mut self.taken
            && *known == content
            && !taken.saved_again(look)
        {
            *taken = look.clone();
            self.doubtful_since = None;
            return Judgement::Ignore;
        }
        if self.seen.as_ref() != Some(look) {
            // It has changed since the last step looked; a thread that was held up in between knows nothing of quiet.
            self.seen = Some(look.clone());
            self.changed_at = now;
        }
        let since = *self.doubtful_since.get_or_insert(now);
        if !good && now < self.verdict_at(since, rules) {
            return Judgement::Wait;
        }
        self.take(look.clone(), content);
        Judgement::Take
    }

    /// Remembers a content that gets its verdict now, whatever the settling thinks of it.
    pub(crate) fn take(&mut self, look: View, content: u128) {
        self.doubtful_since = None;
        self.open_since = None;
        self.seen = Some(look.clone());
        self.polled = Some(look.clone());
        self.taken = Some((look, content));
    }

    fn is_open(&self, now: Instant, rules: Rules) -> bool {
        self.open_since.is_some_and(|since| now < since + rules.open_max)
    }

    /// When a doubtful content is judged as it is: after quiet, but never later than `open_max`.
    fn verdict_at(&self, doubtful_since: Instant, rules: Rules) -> Instant {
        let quiet = match &self.seen {
            Some(view) if view.main == Look::Missing => NOTHING,
            Some(view) if view.main.size() == Some(0) => rules.settle.max(NOTHING),
            _ => rules.settle,
        };
        let rest = match self.open_since {
            Some(since) => since + rules.open_max,
            None => self.changed_at + quiet,
        };
        rest.min(doubtful_since + rules.open_max.max(quiet))
    }
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        settle: Duration::from_millis(150),
        poll: Duration::from_millis(500),
        rest: Duration::from_millis(1_500),
        open_max: Duration::from_secs(5),
    };

    /// Two looks at files that differ.
    fn looks() -> (View, View) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        std::fs::write(&path, "1").unwrap();
        let one = View::from(Look::at(&path));
        std::fs::write(&path, "22").unwrap();
        (one, View::from(Look::at(&path)))
    }

    fn after(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn which_signs_mean_read_now() {
        use Sign::{Created, Finished, Lost, Stirred, Written};
        let (old, new) = looks();
        let check = |signs: &[Sign], due: bool| {
            let now = Instant::now();
            let mut settle = Settle::new(now, Some((old.clone(), 1)));
            assert_eq!(settle.step(now + after(1), signs, &new, RULES), due, "{signs:?}");
        };
        check(&[Written, Finished], true);
        check(&[Created, Written, Finished], true);
        check(&[Finished, Written], false);
        check(&[Written], false);
        check(&[Stirred], false);
        check(&[Lost], true);
        check(&[Written, Lost], false);
        check(&[Created], true);
    }

    #[test]
    fn another_file_that_was_made_empty_is_being_written() {
        let (main, _) = looks();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other");
        let beside = |other: Look| View { main: main.main.clone(), others: vec![other] };
        let start = Instant::now();
        let mut settle = Settle::new(start, Some((beside(Look::at(&path)), 1)));
        std::fs::write(&path, "").unwrap();
        let empty = beside(Look::at(&path));
        assert!(!settle.step(start + after(1), &[Sign::Created], &empty, RULES));
        assert!(settle.step(start + after(2), &[Sign::Written, Sign::Finished], &empty, RULES));
        // One that stays empty is no reason to wait for another.
        assert!(settle.step(start + after(3), &[Sign::Created], &empty, RULES));
    }

    #[test]
    fn a_bad_content_is_judged_after_quiet_or_when_it_was_open_too_long() {
        let (old, new) = looks();
        let start = Instant::now();
        let mut settle = Settle::new(start, Some((old, 1)));
        assert!(settle.step(start + after(1), &[Sign::Finished], &new, RULES));
        assert_eq!(settle.judge(start + after(1), &new, 2, false, RULES), Judgement::Wait);
        assert_eq!(settle.wake_at(RULES), start + after(151));
        // Somebody opens it again and never closes: the doubt ends five seconds after it began.
        assert!(!settle.step(start + after(100), &[Sign::Written], &new, RULES));
        assert!(!settle.step(start + after(4_900), &[], &new, RULES));
        assert!(settle.step(start + after(5_002), &[], &new, RULES));
        assert_eq!(settle.judge(start + after(5_002), &new, 2, false, RULES), Judgement::Take);
    }

    #[test]
    fn a_reader_that_was_held_up_takes_no_half_of_what_came_meanwhile() {
        let (old, new) = looks();
        let start = Instant::now();
        let mut settle = Settle::new(start, Some((old.clone(), 1)));
        assert!(settle.step(start + after(1), &[Sign::Finished], &old, RULES));
        // A writer has begun in the meantime; the event of that is still to come.
        assert_eq!(settle.judge(start + after(200), &new, 2, false, RULES), Judgement::Wait);
        assert_eq!(settle.wake_at(RULES), start + after(350));
        assert!(!settle.step(start + after(201), &[Sign::Written], &new, RULES));
        assert_eq!(settle.wake_at(RULES), start + after(701), "open from now on: only the poll is next");
    }

    #[test]
    fn a_file_at_rest_is_polled_more_seldom_and_a_change_that_no_event_told_as_often_as_ever() {
        let (old, new) = looks();
        let start = Instant::now();
        let mut settle = Settle::new(start, Some((old.clone(), 1)));
        let mut poll = |at, look: &View, due, next| {
            assert_eq!(settle.step(start + after(at), &[], look, RULES), due, "{at}");
            assert_eq!(settle.wake_at(RULES), start + after(next), "{at}");
        };
        poll(0, &old, false, 1_500);
        poll(1_500, &old, false, 3_000);
        poll(3_000, &new, false, 3_500);
        poll(3_500, &new, true, 4_000);
    }

    #[test]
    fn a_missing_file_is_judged_a_second_after_its_event() {
        let (old, _) = looks();
        let start = Instant::now();
        let mut settle = Settle::new(start, Some((old, 1)));
        settle.step(start, &[], &View::from(Look::Missing), RULES);
        assert!(!settle.step(start + after(10), &[Sign::Stirred], &View::from(Look::Missing), RULES));
        assert!(settle.step(start + after(1_011), &[], &View::from(Look::Missing), RULES));
        assert_eq!(
            settle.judge(start + after(1_011), &View::from(Look::Missing), 0, false, RULES),
            Judgement::Take
        );
    }

    #[test]
    fn an_empty_file_is_judged_a_second_after_it_was_seen() {
        let (old, _) = looks();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        std::fs::write(&path, "").unwrap();
        let empty = View::from(Look::at(&path));
        let start = Instant::now();
        let mut settle = Settle::new(start, Some((old, 1)));
        assert!(settle.step(start + after(1), &[Sign::Finished], &empty, RULES));
        // No event tells of the truncation yet.
        assert_eq!(settle.judge(start + after(1), &empty, 2, false, RULES), Judgement::Wait);
        assert!(!settle.step(start + after(400), &[], &empty, RULES));
        assert!(settle.step(start + after(1_002), &[], &empty, RULES));
        assert_eq!(settle.judge(start + after(1_002), &empty, 2, false, RULES), Judgement::Take);
    }

    #[test]
    fn what_could_not_be_read_is_due_again_at_once() {
        let (old, new) = looks();
        let start = Instant::now();
        let mut settle = Settle::new(start, Some((old, 1)));
        assert!(settle.step(start + after(1), &[Sign::Finished], &new, RULES));
        settle.unread();
        assert!(settle.wake_at(RULES) <= start + after(1));
        assert!(settle.step(start + after(2), &[Sign::Stirred], &new, RULES));
        assert!(!settle.step(start + after(3), &[], &new, RULES), "once");
    }
}
