//! The written answer: passages go to a language model, and of what comes back only that is kept which stands in them.
//!
//! Text of papers is data. It stands between marks that it cannot forge, the model has no tools, and what it writes is
//! checked word for word; so the most that a passage can do by giving orders is to spoil this one answer.

use super::ask::{Answer, Model, Source, from_passages};
use super::evidence::Evidence;
use super::passages::Passage;
use super::prompt;
use super::reply::{self, Part, Sentence};
use super::settings::Qa;
use crate::llm::{ChatRequest, Llm, LlmError, Message};

/// How an answer is written.
#[derive(Clone, Debug, PartialEq)]
pub struct QaOptions {
    /// Model; `None`: `llm.default.model`.
    pub model: Option<String>,
    /// Sampling temperature, 0..2.
    pub temperature: f64,
    /// Most tokens of the answer, its quotes included.
    pub max_tokens: u32,
    /// What the model is told beforehand; `None` for what is built in.
    pub instructions: Option<String>,
}

impl From<&Qa> for QaOptions {
    fn from(qa: &Qa) -> Self {
        Self {
            model: qa.model.clone(),
            temperature: qa.temperature,
            max_tokens: qa.max_tokens,
            instructions: qa.instructions.clone(),
        }
    }
}

/// Passages that are sent, at most.
const PASSAGES_MAX: usize = 30;
/// Characters of one passage that are sent, at most.
const PASSAGE_CHARS_MAX: usize = 12_000;
/// Characters of a question that are sent, at most.
const QUESTION_CHARS_MAX: usize = 4_000;
/// What the model is to write where the passages do not answer.
const NOT_FOUND: &str = "NOT FOUND";
/// Stands behind a sentence that the model gave no citation for.
const UNSOURCED: &str = "[no source]";

/// Asks the model, and checks every citation. The answer's sources are the quotes as they stand in their passages,
/// numbered as the answer cites them. Where no citation holds, the passages themselves are the answer, and the note
/// says why.
///
/// # Errors
/// What keeps the model from answering.
pub async fn write(
    llm: &Llm,
    question: &str,
    passages: &[Passage],
    options: &QaOptions,
) -> Result<Answer, LlmError> {
    let passages = passages.get(..PASSAGES_MAX).unwrap_or(passages);
    let instructions = options.instructions.clone().unwrap_or_else(prompt::built_in);
    let request = ChatRequest {
        messages: vec![Message::system(instructions), Message::user(asked(question, passages))],
        max_tokens: Some(options.max_tokens),
        temperature: Some(options.temperature),
        model: options.model.clone(),
    };
    let reply = llm.chat(request).await?;
    let Checked { text, sources, mut notes } = check(&reply.text, passages);
    if reply.cut {
        notes.push("the model was stopped by `rag.qa.maxTokens`".to_owned());
    }
    let note = (!notes.is_empty()).then(|| notes.join("; "));
    if sources.is_empty() {
        return Ok(Answer { model: Model::Answered, ..from_passages(passages, note) });
    }
    Ok(Answer { answer: text, sources, written_by: Some(reply.model), note, model: Model::Answered })
}

fn source(passage: &Passage, words: &str) -> Source {
    Source {
        paper: passage.paper.clone(),
        title: passage.title.clone(),
        page: passage.page,
        passage: words.to_owned(),
    }
}

/// The passages between marks, and the question behind them.
fn asked(question: &str, passages: &[Passage]) -> String {
    let mut prompt = String::new();
    for (index, passage) in passages.iter().enumerate() {
        let title = unmarked(passage.title.as_deref().unwrap_or_default(), 300).replace(['"', '\n'], " ");
        let text = unmarked(&passage.sentences, PASSAGE_CHARS_MAX);
        let (number, page) = (index + 1, passage.page);
        prompt.push_str(&format!(
            "<passage number=\"{number}\" paper=\"{title}\" page=\"{page}\">\n{text}\n</passage>\n\n"
        ));
    }
    let question: String = question.trim().chars().take(QUESTION_CHARS_MAX).collect();
    prompt.push_str(&format!("Question: {question}"));
    prompt
}

/// Text that cannot end its passage or begin another. White space folds away, so a quote of it is still found.
fn unmarked(text: &str, chars_max: usize) -> String {
    let text: String = text.chars().take(chars_max).collect();
    text.replace("</", "< /").replace("<p", "< p").replace("<P", "< P")
}

/// What is left of a reply.
struct Checked {
    text: String,
    /// Empty when nothing holds.
    sources: Vec<Source>,
    /// What was taken away, and why.
    notes: Vec<String>,
}

/// What became of the citations and sentences of a reply.
#[derive(Default)]
struct Tally {
    sources: Vec<Source>,
    citations: usize,
    removed: usize,
    sentences_dropped: usize,
    sentences_unsourced: usize,
}

/// Keeps of a reply what holds: citations whose quote stands in the passage cited, sentences that keep one, and,
/// marked, those that never had one.
fn check(reply: &str, passages: &[Passage]) -> Checked {
    let evidence: Vec<Evidence> = passages.iter().map(|passage| Evidence::new(&passage.sentences)).collect();
    let mut tally = Tally::default();
    let mut lines: Vec<String> = Vec::new();
    for line in reply::parse(reply) {
        let kept: Vec<String> =
            line.iter().filter_map(|sentence| keep(sentence, passages, &evidence, &mut tally)).collect();
        let text = harmless(kept.concat().trim_end());
        if !text.is_empty() || lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push(text);
        }
    }
    let text = lines.join("\n").trim().to_owned();
    let notes = tally.notes(reply);
    Checked { text, sources: tally.sources, notes }
}

/// A sentence with its citations numbered anew; `None` if it had some and none holds.
fn keep(
    sentence: &Sentence,
    passages: &[Passage],
    evidence: &[Evidence<'_>],
    tally: &mut Tally,
) -> Option<String> {
    let mut text = String::new();
    let (mut cited, mut held) = (false, false);
    for part in &sentence.parts {
        match part {
            // What stood before a citation that was removed leaves its space behind.
            Part::Text(words) if text.ends_with(' ') && words.starts_with(['.', ',', ';', ':', '!', '?']) => {
                text.truncate(text.trim_end().len());
                text.push_str(words);
            }
            Part::Text(words) => text.push_str(words),
            Part::Citation { numbers, quotes } => {
                cited = true;
                for number in numbers {
                    if let Some(index) = tally.cite(*number, quotes, passages, evidence) {
                        held = true;
                        text.push_str(&format!("[{index}]"));
                    }
                }
            }
        }
    }
    if cited && !held {
        tally.sentences_dropped += 1;
        return None;
    }
    if !cited && states_something(&text) {
        tally.sentences_unsourced += 1;
        let words = text.trim_end().len();
        text.insert_str(words, &format!(" {UNSOURCED}"));
    }
    Some(text)
}

/// Whether a sentence is more than a heading, a lead-in, or marks.
fn states_something(text: &str) -> bool {
    let text = text.trim().trim_end_matches(['*', '_']);
    !text.starts_with('#') && !text.ends_with(':') && text.chars().any(char::is_alphabetic)
}

impl Tally {
    /// The number of the source that a citation stands for, if one of its quotes is in the passage it names.
    fn cite(
        &mut self,
        number: usize,
        quotes: &[String],
        passages: &[Passage],
        evidence: &[Evidence<'_>],
    ) -> Option<usize> {
        self.citations += 1;
        let found = number.checked_sub(1).and_then(|index| {
            let (passage, evidence) = (passages.get(index)?, evidence.get(index)?);
            let words = quotes.iter().find_map(|quote| evidence.find(quote))?;
            Some(source(passage, words))
        });
        let Some(found) = found else {
            self.removed += 1;
            return None;
        };
        if let Some(index) = self.sources.iter().position(|known| *known == found) {
            return Some(index + 1);
        }
        self.sources.push(found);
        Some(self.sources.len())
    }

    fn notes(&self, reply: &str) -> Vec<String> {
        if self.sources.is_empty() {
            let why = if reply.contains(NOT_FOUND) {
                "the model found no answer in these passages"
            } else if self.citations == 0 {
                "the model cited nothing, so its answer is left out; these are the passages"
            } else {
                "no quote of the model's answer stands in the passage it cites, so the answer is left out; these \
                 are the passages"
            };
            return vec![why.to_owned()];
        }
        let mut notes = Vec::new();
        if self.removed > 0 {
            let (removed, all) = (self.removed, self.citations);
            notes
                .push(format!("{removed} of {all} citations removed: the quote is not in the passage cited"));
        }
        if self.sentences_dropped > 0 {
            notes.push(format!(
                "sentences left out because no citation of theirs holds: {}",
                self.sentences_dropped
            ));
        }
        if self.sentences_unsourced > 0 {
            let count = self.sentences_unsourced;
            notes.push(format!("sentences without a source, marked `{UNSOURCED}`: {count}"));
        }
        notes
    }
}

/// The text without what a Markdown reader would load or follow: pictures, links and tags, by which a passage that
/// gives the model orders could send something out.
fn harmless(text: &str) -> String {
    let mut plain = text.replace("![", "[").replace("](", "] (").replace("]:", "] :");
    let tags: Vec<usize> = plain
        .match_indices('<')
        .filter(|(place, _)| {
            let next = plain.get(place + 1..).and_then(|rest| rest.chars().next());
            next.is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?'))
        })
        .map(|(place, _)| place)
        .collect();
    for place in tags.into_iter().rev() {
        plain.replace_range(place..=place, "‹");
    }
    plain
}

#[cfg(test)]
mod tests;
