//! The life of one PDF: which step may follow which.

use serde::{Deserialize, Serialize};

/// Where a PDF stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Waits for a worker.
    Queued,
    /// A worker has it.
    Reading,
    /// Read, searchable, with a note.
    Indexed,
    /// Another file with the same content was there first.
    Skipped,
    /// Could not be read, and the reason says why.
    Failed,
}

/// What happens to a PDF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is new, or its content changed.
    Queue,
    /// A worker takes it.
    Take,
    /// Its worker was stopped in the middle.
    GiveBack,
    /// It was read.
    Index,
    /// Its content is another file's.
    Skip,
    /// It could not be read.
    Fail,
}

/// A step that cannot follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a PDF that is `{from}` cannot take the step {step:?}")]
pub struct Illegal {
    from: Status,
    step: Step,
}

impl Status {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Reading, Self::Indexed, Self::Skipped, Self::Failed];

    /// The status after a step.
    ///
    /// # Errors
    /// [`Illegal`]
    pub fn after(self, step: Step) -> Result<Self, Illegal> {
        match (self, step) {
            (Self::Queued | Self::Indexed | Self::Skipped | Self::Failed, Step::Queue) => Ok(Self::Queued),
            (Self::Queued, Step::Take) => Ok(Self::Reading),
            (Self::Reading, Step::GiveBack) => Ok(Self::Queued),
            // The file changed while it was read; what the worker finds is stale.
            (Self::Reading, Step::Queue) => Ok(Self::Queued),
            (Self::Reading, Step::Index) => Ok(Self::Indexed),
            (Self::Reading, Step::Skip) => Ok(Self::Skipped),
            (Self::Reading, Step::Fail) => Ok(Self::Failed),
            (from, step) => Err(Illegal { from, step }),
        }
    }

    /// Whether nothing more happens until the file changes.
    pub fn is_at_rest(self) -> bool {
        matches!(self, Self::Indexed | Self::Skipped | Self::Failed)
    }

    /// The word for it, as scripts and the database know it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Reading => "reading",
            Self::Indexed => "indexed",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }

    /// The status of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_these_steps_are_legal() {
        use Status::{Failed, Indexed, Queued, Reading, Skipped};
        let legal = [
            (Queued, Step::Queue, Queued),
            (Queued, Step::Take, Reading),
            (Reading, Step::Queue, Queued),
            (Reading, Step::GiveBack, Queued),
            (Reading, Step::Index, Indexed),
            (Reading, Step::Skip, Skipped),
            (Reading, Step::Fail, Failed),
            (Indexed, Step::Queue, Queued),
            (Skipped, Step::Queue, Queued),
            (Failed, Step::Queue, Queued),
        ];
        for from in Status::ALL {
            for step in [Step::Queue, Step::Take, Step::GiveBack, Step::Index, Step::Skip, Step::Fail] {
                let expected = legal.iter().find(|(f, s, _)| (*f, *s) == (from, step)).map(|(_, _, to)| *to);
                assert_eq!(from.after(step).ok(), expected, "{from} {step:?}");
            }
        }
    }

    #[test]
    fn words_and_statuses_are_one_to_one() {
        for status in Status::ALL {
            assert_eq!(Status::from_word(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }
}
