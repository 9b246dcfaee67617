//! Answers with numbered sources.

use serde::Serialize;

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The text; `[n]` stands for the n-th source.
    pub answer: String,
    /// The sources, numbered from 1.
    pub sources: Vec<Source>,
    /// The model that wrote the text; `None`: it is made of passages.
    pub written_by: Option<String>,
    /// What the reader should know about how the answer came about.
    pub note: Option<String>,
}

/// A place in a paper.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Source {
    /// Identifier of the paper.
    pub paper: String,
    /// Title of the paper.
    pub title: String,
    /// Page, counted from 1.
    pub page: u32,
    /// The words as they stand there.
    pub passage: String,
}
