//! From a paper to chunks: what is found as one.
//!
//! A chunk stands in one section, has at most the recipe's number of tokens, and begins and ends with whole
//! sentences where they fit. It consists of pieces, each out of one paragraph, so that each has one page. The next
//! chunk of the section begins with the last sentences of the one before (`rag.chunkOverlap` tokens at most).
//! Reference lists have no chunks.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::paper::{Paper, Paragraph, SectionKind};

use super::recipe::Recipe;
use super::sentences::sentences;
use super::tokens;

/// What is found as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// Number of the section in the paper, from 0.
    pub section: usize,
    /// The text: pieces after one another.
    pub text: String,
    /// The pieces, in order; they cover the text but for the white space between them.
    pub pieces: Vec<Piece>,
}

/// A part of a chunk out of one paragraph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Page, counted from 1.
    #[serde(rename = "p")]
    pub page: u32,
    /// Number of the paragraph in its section, from 0.
    #[serde(rename = "n")]
    pub paragraph: usize,
    /// Bytes of the chunk's text.
    #[serde(rename = "r")]
    pub range: Range<usize>,
}

/// A sentence, or a part of one that alone is larger than a chunk.
#[derive(Clone, Copy)]
struct Unit<'paper> {
    page: u32,
    paragraph: usize,
    text: &'paper str,
    tokens: u32,
    /// What stands between this unit and the one before it, where that is in the same chunk.
    joint: &'static str,
}

/// Cuts a paper into chunks.
pub fn chunks(paper: &Paper, recipe: &Recipe) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for (section, content) in paper.sections.iter().enumerate() {
        if content.kind == SectionKind::References {
            continue;
        }
        let units = units(&content.paragraphs, recipe.chunk_size().max(1));
        let filled = fill(&units, recipe.chunk_size().max(1), recipe.chunk_overlap());
        chunks.extend(filled.iter().map(|units| compose(section, units)));
    }
    chunks
}

fn units(paragraphs: &[Paragraph], size: u32) -> Vec<Unit<'_>> {
    let mut units = Vec::new();
    let mut joint = "\n";
    for (number, paragraph) in paragraphs.iter().enumerate() {
        for range in sentences(&paragraph.text) {
            let sentence = paragraph.text.get(range).unwrap_or_default();
            for text in parts(sentence, size) {
                let (page, tokens) = (paragraph.page, tokens::count(text));
                units.push(Unit { page, paragraph: number, text, tokens, joint });
                joint = " ";
            }
        }
        joint = if paragraph.continues { " " } else { "\n" };
    }
    units
}

/// A sentence as parts of at most `size` tokens, cut between words. A word that is larger stays whole.
fn parts(sentence: &str, size: u32) -> Vec<&str> {
    if tokens::count(sentence) <= size {
        return vec![sentence];
    }
    let mut parts = Vec::new();
    let mut open: Option<(Range<usize>, u32)> = None;
    for word in words(sentence) {
        let tokens = tokens::count(sentence.get(word.clone()).unwrap_or_default());
        open = match open {
            Some((range, sum)) if sum.saturating_add(tokens) <= size => {
                Some((range.start..word.end, sum + tokens))
            }
            closed => {
                parts.extend(closed.and_then(|(range, _)| sentence.get(range)));
                Some((word, tokens))
            }
        };
    }
    parts.extend(open.and_then(|(range, _)| sentence.get(range)));
    parts
}

fn words(text: &str) -> impl DoubleEndedIterator<Item = Range<usize>> {
    let base = text.as_ptr().addr();
    text.split_whitespace().map(move |word| {
        let start = word.as_ptr().addr() - base;
        start..start + word.len()
    })
}

fn fill<'paper>(units: &[Unit<'paper>], size: u32, overlap: u32) -> Vec<Vec<Unit<'paper>>> {
    let mut filled = Vec::new();
    let mut open: Vec<Unit<'paper>> = Vec::new();
    let mut sum = 0_u32;
    for unit in units {
        if !open.is_empty() && sum.saturating_add(unit.tokens) > size {
            let shared = tail(&open, overlap.min(size.saturating_sub(unit.tokens)));
            sum = shared.iter().map(|unit| unit.tokens).sum();
            filled.push(std::mem::replace(&mut open, shared));
        }
        sum = sum.saturating_add(unit.tokens);
        open.push(*unit);
    }
    if !open.is_empty() {
        filled.push(open);
    }
    filled
}

/// The end of a chunk that the next one repeats: as many whole sentences as fit `budget` tokens, or else the last
/// words.
fn tail<'paper>(units: &[Unit<'paper>], budget: u32) -> Vec<Unit<'paper>> {
    let mut left = budget;
    let mut shared: Vec<Unit<'paper>> = units
        .iter()
        .rev()
        .map_while(|unit| {
            left = left.checked_sub(unit.tokens)?;
            Some(*unit)
        })
        .collect();
    shared.reverse();
    if shared.is_empty() {
        shared.extend(units.last().and_then(|unit| last_words(unit, budget)));
    }
    shared
}

fn last_words<'paper>(unit: &Unit<'paper>, budget: u32) -> Option<Unit<'paper>> {
    let mut left = budget;
    let start = words(unit.text)
        .rev()
        .map_while(|word| {
            left = left.checked_sub(tokens::count(unit.text.get(word.clone())?))?;
            Some(word.start)
        })
        .last()?;
    Some(Unit { text: unit.text.get(start..)?, tokens: budget - left, ..*unit })
}

fn compose(section: usize, units: &[Unit<'_>]) -> Chunk {
    let mut text = String::new();
    let mut pieces: Vec<Piece> = Vec::new();
    for unit in units {
        if !text.is_empty() {
            text.push_str(unit.joint);
        }
        let start = text.len();
        text.push_str(unit.text);
        match pieces.last_mut() {
            Some(piece) if piece.paragraph == unit.paragraph => piece.range.end = text.len(),
            _ => pieces.push(Piece { page: unit.page, paragraph: unit.paragraph, range: start..text.len() }),
        }
    }
    Chunk { section, text, pieces }
}

#[cfg(test)]
mod tests;
