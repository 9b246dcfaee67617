//! What the world refused and is tried again: a taken port may become free, a server come back, a disk be emptied.
//!
//! It is tried as long as the file still says so: any content that comes to rest takes its place.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::report::Problem;

/// The pause before the first further try; each later one is twice as long.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A content that the world refused, and that waits to be tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// Keyed hash of the content.
    pub content: Option<String>,
    /// What the world last said.
    pub problems: Vec<Problem>,
    /// How often it has been tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_at: Timestamp,
}

/// Something that is tried again with growing pauses.
#[derive(Debug)]
pub(crate) struct Again<T> {
    /// What is tried.
    pub(crate) what: T,
    /// What the world last said.
    pub(crate) problems: Vec<Problem>,
    attempts: u32,
    due: Instant,
}

impl<T> Again<T> {
    /// After the first refusal.
    pub(crate) fn new(what: T, problems: Vec<Problem>, now: Instant) -> Self {
        Self { what, problems, attempts: 1, due: now + PAUSE_MIN }
    }

    /// After one more refusal.
    pub(crate) fn refused(&mut self, problems: Vec<Problem>, now: Instant) {
        self.problems = problems;
        self.attempts = self.attempts.saturating_add(1);
        self.due = now + pause(self.attempts);
    }

    /// When to try next.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// What people are told.
    pub(crate) fn told(&self, content: Option<String>, now: Instant) -> Waiting {
        let pause = self.due.saturating_duration_since(now);
        let next_at = Timestamp::now().saturating_add(pause).unwrap_or(Timestamp::MAX);
        Waiting { content, problems: self.problems.clone(), attempts: self.attempts, next_at }
    }
}

fn pause(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    PAUSE_MIN.saturating_mul(1 << doublings).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute() {
        let pauses: Vec<u64> = (1..=9).map(|attempts| pause(attempts).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(pause(u32::MAX), PAUSE_MAX);
    }

    #[test]
    fn a_refusal_puts_the_next_try_off() {
        let now = Instant::now();
        let mut again = Again::new((), vec![Problem::new("port", "taken")], now);
        assert_eq!(again.due(), now + Duration::from_secs(1));
        again.refused(vec![Problem::new("port", "still taken")], now);
        assert_eq!(again.due(), now + Duration::from_secs(2));
        let told = again.told(None, now);
        assert_eq!((told.attempts, told.problems[0].message.as_str()), (2, "still taken"));
    }
}
