//! Look-ups: what a PDF does not say of itself, asked of Crossref and OpenAlex, in the background.
//!
//! ```text
//!  a paper was read ─► queue ─► one question at a time ─► surely the same work? ─► what is absent is filled in
//!  switched on ─ every paper ─┘      │       ▲                                     (index, ledger, note)
//!                                    └ cache ┘
//! ```
//!
//! Off unless switched on. What the PDF says itself is never replaced. Titles, first authors, years and DOIs of papers
//! go to the sources that are switched on, and nowhere else.
//!
//! - [`question`]: what is asked, and how each source spells it
//! - [`answer`]: what comes back, and whether it is the same work
//! - [`cache`]: answers that are known, also that there is none
//! - [`desk`]: one request at a time, slower when asked to
//! - [`worker`]: the queue

mod answer;
mod cache;
mod desk;
mod question;
mod worker;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use cache::SCHEMA;
pub use desk::Pace;
pub use worker::{Lookups, Parts};

use crate::paper::Source;

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registry {
    /// <https://www.crossref.org>
    Crossref,
    /// <https://openalex.org>
    OpenAlex,
}

impl Registry {
    /// The name that people know.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crossref => "Crossref",
            Self::OpenAlex => "OpenAlex",
        }
    }

    fn source(self) -> Source {
        match self {
            Self::Crossref => Source::Crossref,
            Self::OpenAlex => Source::OpenAlex,
        }
    }
}
