//! Times and limits of the engine.

use std::time::Duration;

/// Times and limits of the engine. They come from the settings themselves, so they change live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Quiet time after the last change before a content is refused.
    pub settle: Duration,
    /// How often the file is looked at without an event, while anything is outstanding. One that is at rest, where events
    /// tell of everything, is looked at up to three times more seldom, so that a save which no event told of is still found
    /// within two seconds, or two polls.
    pub poll: Duration,
    /// For how long a file may stay open for writing before it is judged as it is.
    pub open_max: Duration,
    /// How long the preparation of a candidate may take, and how long followers are waited for.
    pub prepare_deadline: Duration,
    /// For how long what goes live is on trial: what fails then, where the one before it works, is taken back.
    pub probation: Duration,
    /// How long a unit of work may hold a generation that is no more the live one, until it is named and told to end.
    pub pin_max: Duration,
    /// Number of verdicts and of contents that the history keeps.
    pub history_max: usize,
    /// How old a verdict may become; the last known good stays whatever its age.
    pub history_age: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(150),
            poll: Duration::from_millis(500),
            open_max: Duration::from_secs(5),
            prepare_deadline: Duration::from_secs(10),
            probation: Duration::from_secs(10),
            pin_max: Duration::from_secs(300),
            history_max: 1_000,
            history_age: Duration::from_secs(365 * 24 * 60 * 60),
        }
    }
}
