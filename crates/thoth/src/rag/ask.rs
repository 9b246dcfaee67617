//! Answers with sources. Without a language model the passages themselves are the answer.

use std::fmt::Write as _;

use serde::Serialize;

use super::passages::Passage;

/// An answer and what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The answer; `[1]` stands for the first of the sources.
    pub answer: String,
    /// What the answer rests on, in the order of its numbers.
    pub sources: Vec<Source>,
    /// The model that wrote the answer; `None` where the passages are the answer.
    pub written_by: Option<String>,
    /// What the reader should know: why no model wrote the answer, though one is configured.
    pub note: Option<String>,
    /// How the language model did.
    #[serde(skip)]
    pub model: Model,
}

/// How the language model did.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Model {
    /// None is configured, or there was nothing to ask it about.
    #[default]
    NotAsked,
    /// It answered, whatever became of its answer.
    Answered,
    /// It gave no answer; why.
    Failed(String),
}

/// A passage that an answer rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Source {
    /// Id of the paper.
    pub paper: String,
    /// Title of the paper, if it is known.
    pub title: Option<String>,
    /// Page, counted from 1.
    pub page: u32,
    /// Words of that page.
    pub passage: String,
}

/// The passages as the answer.
pub fn from_passages(passages: &[Passage], note: Option<String>) -> Answer {
    let mut answer = String::new();
    for (number, passage) in (1..).zip(passages) {
        let gap = if answer.is_empty() { "" } else { "\n\n" };
        let paper = passage.title.as_deref().unwrap_or(&passage.paper);
        // Writing to a string cannot fail.
        if write!(answer, "{gap}[{number}] {} ({paper}, page {})", passage.text, passage.page).is_err() {
            break;
        }
    }
    if answer.is_empty() {
        answer.push_str(
            "No passage of the papers that can be quoted word for word has words of this question.",
        );
    }
    Answer {
        answer,
        sources: passages.iter().map(source).collect(),
        written_by: None,
        note,
        model: Model::NotAsked,
    }
}

fn source(passage: &Passage) -> Source {
    Source {
        paper: passage.paper.clone(),
        title: passage.title.clone(),
        page: passage.page,
        passage: passage.text.clone(),
    }
}
