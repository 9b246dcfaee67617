//! The best passages for a question: one to four whole sentences out of one paragraph on one page, so that a reader
//! finds each of them where it is said to stand. In which order the parts of a formula are read is a matter of taste, so
//! a sentence is cut where it has one: what is told is printed so on its page, letter by letter.

use std::collections::{HashMap, HashSet, hash_map::Entry};
use std::ops::Range;

use rusqlite::Connection;
use serde::Serialize;

use crate::paper::{Paper, Paragraph};

use super::Rag;
use super::index::document;
use super::query;
use super::rank::{Candidate, Found, Weights, candidates};
use super::search::paper_id;
use super::sentences::{is_begun, is_ended, sentences};

/// Passages that a question gets, at most.
pub const PASSAGES_MAX: usize = 50;

/// Chunks that passages are taken from.
const CHUNKS_MAX: usize = 40;

/// Chunks that are weighed.
const CANDIDATES: i64 = 100;

/// Sentences of a passage.
const SENTENCES_MAX: usize = 4;

/// Bytes of a passage.
const PASSAGE_BYTES_MAX: usize = 1_200;

/// Words of a passage that length is not held against.
const PASSAGE_WORDS: usize = 40;

/// Words that a passage has at least, if its paragraph has more.
const PASSAGE_WORDS_MIN: usize = 8;

/// What the score of the chunk counts for beside that of the passage.
const CHUNK_WEIGHT: f64 = 0.3;

/// What a sentence is worth that was cut at a formula, against a whole one.
const CUT_WEIGHT: f64 = 0.8;

/// What a further passage out of the same paper is worth, against the one before it.
const FURTHER_PASSAGE: f64 = 0.85;

/// A passage for a question.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Passage {
    /// Id of the paper.
    pub paper: String,
    /// Title of the paper, if it is known.
    pub title: Option<String>,
    /// Page, counted from 1.
    pub page: u32,
    /// Heading of the section; empty before the first one.
    pub section: String,
    /// Whole sentences of one paragraph on that page, or what stands between their formulas.
    pub text: String,
    /// The sentences as a whole, formulas included: what a language model reads.
    #[serde(skip)]
    pub sentences: String,
    /// Higher is better; only comparable within one question.
    pub score: f64,
}

impl Rag {
    /// The best passages for a question, at most `k`, best first: no two the same, and out of several papers where
    /// several answer. Blocking.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn passages(&self, question: &str, k: usize) -> rusqlite::Result<Vec<Passage>> {
        let Some(query) = query::parse(question) else {
            return Ok(Vec::new());
        };
        let drafts = self.index.database.read(|connection| {
            let found = candidates(connection, self.reads(), &query, CANDIDATES)?;
            let Some((weights, candidates)) = found else {
                return Ok(Vec::new());
            };
            drafts(connection, &weights, &candidates)
        })?;
        Ok(choose(drafts, k.min(PASSAGES_MAX)))
    }
}

fn drafts(
    connection: &Connection,
    weights: &Weights<'_>,
    candidates: &[Candidate],
) -> rusqlite::Result<Vec<Passage>> {
    let mut papers: HashMap<i64, Paper> = HashMap::new();
    let mut seen = HashSet::new();
    let mut whole = Vec::new();
    let mut broken = Vec::new();
    for candidate in candidates.iter().take(CHUNKS_MAX) {
        let paper = match papers.entry(candidate.document) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(document(connection, candidate.document)?),
        };
        let Some(section) = paper.sections.get(candidate.section) else {
            continue;
        };
        for piece in &candidate.pieces {
            // A chunk that overlaps an earlier, better one brings nothing new of this paragraph.
            if !seen.insert((candidate.document, candidate.section, piece.paragraph)) {
                continue;
            }
            let Some(paragraph) = section.paragraphs.get(piece.paragraph) else {
                continue;
            };
            let before = piece.paragraph.checked_sub(1).and_then(|before| section.paragraphs.get(before));
            whole.extend(best_passage(
                weights,
                candidate,
                paragraph,
                &whole_sentences(before, paragraph),
                PASSAGE_WORDS_MIN,
            ));
            if whole.is_empty() {
                broken.extend(best_passage(weights, candidate, paragraph, &all_sentences(paragraph), 0));
            }
        }
    }
    Ok(if whole.is_empty() { broken } else { whole })
}

fn all_sentences(paragraph: &Paragraph) -> Vec<Range<usize>> {
    sentences(&paragraph.text)
}

/// The sentences that stand in this paragraph from their beginning to their end.
fn whole_sentences(before: Option<&Paragraph>, paragraph: &Paragraph) -> Vec<Range<usize>> {
    let mut whole = all_sentences(paragraph);
    let text = |range: &Range<usize>| paragraph.text.get(range.clone()).unwrap_or_default();
    let continued = before.is_some_and(|before| before.continues && !is_ended(&before.text));
    if whole.first().is_some_and(|first| continued || !is_begun(text(first))) {
        whole.remove(0);
    }
    if whole.last().is_some_and(|last| !is_ended(text(last))) {
        whole.pop();
    }
    whole
}

/// The window of sentences that is worth the most.
fn best_passage(
    weights: &Weights<'_>,
    candidate: &Candidate,
    paragraph: &Paragraph,
    sentences: &[Range<usize>],
    words_min: usize,
) -> Option<Passage> {
    let mut best: Option<(f64, &str, &str)> = None;
    let whole = sentences.first().zip(sentences.last()).map_or(0, |(first, last)| last.end - first.start);
    for (number, first) in sentences.iter().enumerate() {
        for last in sentences.iter().skip(number).take(SENTENCES_MAX) {
            let window = paragraph.text.get(first.start..last.end).unwrap_or_default();
            if window.len() > PASSAGE_BYTES_MAX {
                break;
            }
            for (text, clear) in told(paragraph, first.start..last.end) {
                let found = weights.find(text);
                let short = found.word_count < words_min && text.len() < whole;
                if found.places.is_empty() || short || !is_prose(text, &found) {
                    continue;
                }
                let worth = clear * weights.worth([(&found, 1.0, length(&found))]);
                if best.is_none_or(|(most, ..)| worth > most) {
                    best = Some((worth, text, window));
                }
            }
        }
    }
    best.map(|(worth, text, window)| Passage {
        paper: paper_id(&candidate.content),
        title: candidate.title.clone(),
        page: paragraph.page,
        section: candidate.section_title.clone(),
        text: text.to_owned(),
        sentences: window.to_owned(),
        score: worth + CHUNK_WEIGHT * candidate.score,
    })
}

fn length(found: &Found) -> f64 {
    0.4 + 0.6 * found.word_count.max(PASSAGE_WORDS) as f64 / PASSAGE_WORDS as f64
}

/// What may be told of some sentences, and what each is worth against plain ones: they themselves; or, where another
/// reader may go on differently within them, what stands before, between and after those places.
fn told(paragraph: &Paragraph, sentences: Range<usize>) -> Vec<(&str, f64)> {
    let loose =
        paragraph.loose.iter().filter(|loose| loose.end >= sentences.start && loose.start <= sentences.end);
    let loose: Vec<&Range<usize>> = loose.collect();
    let mut parts = Vec::new();
    let (mut begin, mut end) = (sentences.start, sentences.start);
    for word in paragraph.text.get(sentences.clone()).unwrap_or_default().split_inclusive(char::is_whitespace)
    {
        let (start, next) = (end, end + word.len());
        let stop = start + word.trim_end().len();
        let within = |loose: &&&Range<usize>| loose.start < stop && loose.end > start;
        if has_formula(word) || loose.iter().any(|loose| within(&loose)) {
            parts.push(begin..start);
            begin = next;
        } else if loose.iter().any(|loose| loose.end == start) {
            parts.push(begin..start);
            begin = start;
        }
        if loose.iter().any(|loose| loose.start == stop) {
            parts.push(begin.min(stop)..stop);
            begin = next;
        }
        end = next;
    }
    parts.push(begin.min(end)..end);
    let text = |part: &Range<usize>| paragraph.text.get(part.clone()).map(str::trim).unwrap_or_default();
    let weight = if parts.contains(&sentences) { 1.0 } else { CUT_WEIGHT };
    parts.iter().map(text).filter(|text| !text.is_empty()).map(|text| (text, weight)).collect()
}

/// Whether a text has characters that formulas are set in: arrows, operators, letterlike symbols, accents and primes
/// that stand alone.
fn has_formula(text: &str) -> bool {
    text.chars().any(|character| {
        matches!(character,
            '\u{300}'..='\u{36f}' | '\u{2032}'..='\u{2037}' | '\u{2070}'..='\u{209f}' | '\u{2100}'..='\u{23ff}'
            | '\u{25a0}'..='\u{27ff}' | '\u{2900}'..='\u{2bff}' | '\u{e000}'..='\u{f8ff}' | '\u{fffd}'
            | '\u{1d400}'..='\u{1d7ff}')
    })
}

/// Not a row of a table, a formula or a heading.
fn is_prose(text: &str, found: &Found) -> bool {
    let (mut letters, mut others) = (0, 0);
    for character in text.chars().filter(|character| !character.is_whitespace()) {
        *if character.is_alphabetic() { &mut letters } else { &mut others } += 1;
    }
    found.word_count >= 4 && letters >= 2 * others
}

/// Takes the best draft again and again, each time holding against a paper what was taken of it already.
fn choose(mut drafts: Vec<Passage>, k: usize) -> Vec<Passage> {
    let mut chosen: Vec<Passage> = Vec::new();
    let mut letters_chosen: Vec<String> = Vec::new();
    let mut of_paper: HashMap<String, f64> = HashMap::new();
    while chosen.len() < k && !drafts.is_empty() {
        let worth = |draft: &Passage| draft.score * of_paper.get(&draft.paper).copied().unwrap_or(1.0);
        let best = drafts
            .iter()
            .enumerate()
            .map(|(number, draft)| (number, worth(draft)))
            .max_by(|(_, one), (_, other)| one.total_cmp(other));
        let Some((number, score)) = best else { break };
        let draft = Passage { score, ..drafts.swap_remove(number) };
        let letters = letters(&draft.text);
        // Papers stand in a vault in more than one version.
        if letters_chosen.iter().any(|taken| taken.contains(&letters) || letters.contains(taken)) {
            continue;
        }
        *of_paper.entry(draft.paper.clone()).or_insert(1.0) *= FURTHER_PASSAGE;
        letters_chosen.push(letters);
        chosen.push(draft);
    }
    chosen
}

fn letters(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests;
