//! Search: a question's words to hits, best first.

use std::collections::HashMap;
use std::ops::Range;

use serde::Serialize;

use super::Rag;
use super::query;
use super::rank::{Candidate, Weights, candidates};
use super::snippet::{best_part, marked};

/// Hits that a search gives, at most.
pub const HITS_MAX: usize = 100;

/// Chunks that are weighed, at least.
const CANDIDATES_MIN: usize = 100;

/// Hits out of one paper.
const HITS_OF_PAPER_MAX: usize = 3;

/// What a further hit out of the same paper is worth, against the one before it: several papers are wanted first.
const FURTHER_HIT: f64 = 0.7;

/// Digits of the content hash that make a paper's id.
const ID_LENGTH: usize = 12;

/// A place that a search found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// Id of the paper.
    pub paper: String,
    /// Title of the paper, if it is known.
    pub title: Option<String>,
    /// Page, counted from 1.
    pub page: u32,
    /// Heading of the section; empty before the first one.
    pub section: String,
    /// HTML: text of that page with the found words in `<mark>`, everything else escaped.
    pub snippet: String,
    /// Higher is better; only comparable within one search.
    pub score: f64,
}

/// The id of a paper: the first digits of the hash of its bytes.
pub(super) fn paper_id(content: &str) -> String {
    content.chars().take(ID_LENGTH).collect()
}

impl Rag {
    /// Searches. Words are alternatives; what stands between double quotes must occur as it stands. No text is a
    /// syntax error. Blocking.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn search(&self, text: &str, limit: usize) -> rusqlite::Result<Vec<Hit>> {
        let limit = limit.min(HITS_MAX);
        let Some(query) = query::parse(text) else {
            return Ok(Vec::new());
        };
        let weighed = i64::try_from(CANDIDATES_MIN.max(limit * HITS_OF_PAPER_MAX)).unwrap_or(i64::MAX);
        let found =
            self.index.database.read(|connection| candidates(connection, self.reads(), &query, weighed))?;
        let Some((weights, candidates)) = found else {
            return Ok(Vec::new());
        };
        Ok(hits(&weights, &candidates, limit))
    }
}

fn hits(weights: &Weights<'_>, candidates: &[Candidate], limit: usize) -> Vec<Hit> {
    let mut of_paper: HashMap<i64, Vec<String>> = HashMap::new();
    let mut hits = Vec::new();
    for candidate in candidates {
        let seen = of_paper.entry(candidate.document).or_default();
        if seen.len() == HITS_OF_PAPER_MAX {
            continue;
        }
        let Some((page, snippet)) = show(weights, candidate) else {
            continue;
        };
        // Chunks overlap: the same words may be found in both.
        if seen.contains(&snippet) {
            continue;
        }
        let score = candidate.score * (0..seen.len()).map(|_| FURTHER_HIT).product::<f64>();
        seen.push(snippet.clone());
        hits.push(Hit {
            paper: paper_id(&candidate.content),
            title: candidate.title.clone(),
            page,
            section: candidate.section_title.clone(),
            snippet,
            score,
        });
    }
    hits.sort_by(|one, other| other.score.total_cmp(&one.score));
    hits.truncate(limit);
    hits
}

/// Page and snippet of a hit. Where only the title or the authors were found, those are shown.
fn show(weights: &Weights<'_>, candidate: &Candidate) -> Option<(u32, String)> {
    let text = &candidate.text;
    let first = candidate.pieces.first()?;
    if candidate.found.places.is_empty() {
        let title = candidate.title.as_deref().unwrap_or_default();
        let heading = [candidate.people.as_str(), title, candidate.section_title.as_str()]
            .into_iter()
            .find(|heading| !weights.find(heading).places.is_empty());
        if let Some(heading) = heading {
            let found = weights.find(heading);
            let (part, _) = best_part(heading, 0..heading.len(), &found, weights);
            return Some((first.page, marked(heading, part, 0..heading.len(), &found)));
        }
    }
    let mut best: Option<(u32, Range<usize>, Range<usize>, f64)> = None;
    for piece in &candidate.pieces {
        let (part, worth) = best_part(text, piece.range.clone(), &candidate.found, weights);
        if best.as_ref().is_none_or(|(_, _, _, most)| worth > *most) {
            best = Some((piece.page, part, piece.range.clone(), worth));
        }
    }
    best.map(|(page, part, within, _)| (page, marked(text, part, within, &candidate.found)))
}

#[cfg(test)]
mod tests;
