//! When a content has come to rest: a pure function of signs, looks and times.
//!
//! A good content is taken at once after a close or a rename. A bad one may be half of a good one: it is taken
//! only after quiet. What no event told is taken after two equal looks, one poll apart.

use std::time::{Duration, Instant};

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
    /// Something else: removed, moved away, its attributes changed.
    Stirred,
}

/// Times of the settling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) settle: Duration,
    pub(crate) poll: Duration,
    pub(crate) open_max: Duration,
}

/// For how long a file may be missing before that is a verdict: editors that delete and create need a moment.
const MISSING: Duration = Duration::from_secs(1);

/// How often the content is read although nothing seems to have changed: time stamps can lie.
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
    taken: Option<(Look, u128)>,
    /// The newest look.
    seen: Option<Look>,
    /// The look of the last poll.
    polled: Option<Look>,
    next_poll: Instant,
    next_reread: Instant,
    /// Since when the file has been open for writing, as far as events tell.
    open_since: Option<Instant>,
    changed_at: Instant,
    /// Since when a bad content has been waiting for quiet.
    doubtful_since: Option<Instant>,
}

impl Settle {
    /// Starts with the content that is live (or was refused) at the start.
    pub(crate) fn new(now: Instant, taken: Option<(Look, u128)>) -> Self {
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
        }
    }

    /// When to look next if no event comes.
    pub(crate) fn wake_at(&self, rules: Rules) -> Instant {
        match self.doubtful_since {
            Some(since) => self.verdict_at(since, rules).min(self.next_poll),
            None => self.next_poll,
        }
    }

    /// Whether a content is being waited for.
    pub(crate) fn being_written(&self) -> bool {
        self.open_since.is_some() || self.doubtful_since.is_some()
    }

    /// Whether a poll is due.
    pub(crate) fn poll_due(&self, now: Instant) -> bool {
        now >= self.next_poll
    }

    /// Takes in signs and a look; says whether the content should be read now.
    pub(crate) fn step(&mut self, now: Instant, signs: &[Sign], look: &Look, rules: Rules) -> bool {
        let mut finished = false;
        for sign in signs {
            match sign {
                Sign::Written => self.open_since = Some(self.open_since.unwrap_or(now)),
                Sign::Created if look.size() == Some(0) => {
                    self.open_since = Some(self.open_since.unwrap_or(now));
                }
                Sign::Finished | Sign::Created => {
                    self.open_since = None;
                    finished = true;
                }
                Sign::Stirred => {}
            }
        }
        if !signs.is_empty() || self.seen.as_ref() != Some(look) {
            self.changed_at = now;
        }
        self.seen = Some(look.clone());
        let polled = self.poll_due(now);
        let rested = polled && self.polled.replace(look.clone()).as_ref() == Some(look);
        if polled {
            self.next_poll = now + rules.poll;
        }
        if finished {
            return true;
        }
        if self.is_open(now, rules) {
            return false;
        }
        let doubt_over = self.doubtful_since.is_some_and(|since| now >= self.verdict_at(since, rules));
        let other = self.taken.as_ref().is_none_or(|(taken, _)| taken != look);
        let reread = polled && now >= self.next_reread;
        doubt_over || (rested && (other || reread))
    }

    /// Says what to do with the content that was read in the state of `look`.
    pub(crate) fn judge(
        &mut self,
        now: Instant,
        look: &Look,
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
        let since = *self.doubtful_since.get_or_insert(now);
        if !good && now < self.verdict_at(since, rules) {
            return Judgement::Wait;
        }
        self.take(look.clone(), content);
        Judgement::Take
    }

    /// Remembers a content that gets its verdict now, whatever the settling thinks of it.
    pub(crate) fn take(&mut self, look: Look, content: u128) {
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
        let quiet = match self.seen {
            Some(Look::Missing) => MISSING,
            _ => rules.settle,
        };
        let rest = match self.open_since {
            Some(since) => since + rules.open_max,
            None => self.changed_at + quiet,
        };
        rest.min(doubtful_since + rules.open_max.max(quiet))
    }
}
