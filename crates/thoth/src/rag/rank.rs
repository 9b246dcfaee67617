//! Which chunks answer a question, best first.
//!
//! The full text search names the candidates by BM25; here they are weighed again with the text at hand: BM25 over
//! text, section title, paper title and authors together (words of a title weigh more), and words that follow one
//! another in the question weigh more where they do so in the text. Document frequencies come from the recipe's own
//! chunks. Measured in `examples/cranfield.rs`.

use std::collections::HashMap;
use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, params};

use super::chunk::Piece;
use super::index::{document_of, first_row};
use super::query::Query;
use super::recipe::Recipe;
use super::recipes::is_registered;
use super::stem::stem;
use super::words::{fold, words};

/// BM25: how soon a word's repetition stops counting.
const SATURATION: f64 = 1.2;

/// BM25: how much a long chunk is held against it.
const LENGTH_WEIGHT: f64 = 0.75;

/// What a word in the paper's title counts for, against one in the text.
const TITLE_WEIGHT: f64 = 2.0;

/// What a word in the section's title counts for.
const SECTION_WEIGHT: f64 = 1.5;

/// What a word among authors, year, venue and identifiers counts for.
const PEOPLE_WEIGHT: f64 = 1.0;

/// What two neighbours of the question count for where they are neighbours in the text, against the two words alone.
const PAIR_WEIGHT: f64 = 0.2;

/// Papers that the search of titles adds to the candidates.
const TITLES_MAX: i64 = 20;

/// A chunk that may answer a question.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) document: i64,
    pub(super) content: String,
    pub(super) title: Option<String>,
    pub(super) people: String,
    /// Number of the section in the paper.
    pub(super) section: usize,
    pub(super) section_title: String,
    pub(super) text: String,
    pub(super) pieces: Vec<Piece>,
    /// The question's words in the text.
    pub(super) found: Found,
    /// Higher is better; never negative.
    pub(super) score: f64,
    is_first: bool,
}

/// Where the words of a question stand in a text.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// In order.
    pub(super) places: Vec<Place>,
    /// Words of the text in all.
    pub(super) word_count: usize,
}

/// One word of a question in a text.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Number of the term in the question.
    pub(super) term: usize,
    /// Number of the word in the text.
    pub(super) position: usize,
    /// Bytes of the text.
    pub(super) range: Range<usize>,
}

/// A question with what its words are worth in the chunks of one recipe.
pub(super) struct Weights<'query> {
    query: &'query Query,
    numbers: HashMap<&'query str, usize>,
    first_characters: Vec<char>,
    /// How rare each term is.
    pub(super) rarity: Vec<f64>,
    words_average: f64,
}

/// The chunks of a recipe that may answer a question, best first; at most `limit` from the full text search.
pub(super) fn candidates<'query>(
    connection: &Connection,
    recipe: &Recipe,
    query: &'query Query,
    limit: i64,
) -> rusqlite::Result<Option<(Weights<'query>, Vec<Candidate>)>> {
    if !is_registered(connection, recipe)? {
        return Ok(None);
    }
    let weights = weights(connection, recipe, query)?;
    let mut candidates = Vec::new();
    for row in rows(connection, recipe, query, limit)? {
        candidates.extend(load(connection, recipe, row)?);
    }
    for candidate in &mut candidates {
        candidate.found = weights.find(&candidate.text);
        candidate.score = weights.score(candidate);
    }
    candidates.sort_by(|one, other| other.score.total_cmp(&one.score));
    Ok(Some((weights, candidates)))
}

fn rows(connection: &Connection, recipe: &Recipe, query: &Query, limit: i64) -> rusqlite::Result<Vec<i64>> {
    let chunks = recipe.chunks_table();
    let mut by_text = connection.prepare_cached(&format!(
        "SELECT rowid FROM {chunks} WHERE {chunks} MATCH ?1 ORDER BY bm25({chunks}, {SECTION_WEIGHT}, 1.0) LIMIT ?2"
    ))?;
    let mut by_title = connection
        .prepare_cached("SELECT rowid FROM titles WHERE titles MATCH ?1 ORDER BY bm25(titles) LIMIT ?2")?;
    let mut rows: Vec<i64> = by_text
        .query_map(params![query.expression, limit], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for document in by_title.query_map(params![query.expression, TITLES_MAX], |row| row.get(0))? {
        let first = first_row(document?);
        if !rows.contains(&first) {
            rows.push(first);
        }
    }
    Ok(rows)
}

fn load(connection: &Connection, recipe: &Recipe, row: i64) -> rusqlite::Result<Option<Candidate>> {
    let chunks = recipe.chunks_table();
    let document = document_of(row);
    connection
        .prepare_cached(&format!(
            "SELECT content, title, people, section, text, pieces FROM {chunks}, documents
             WHERE {chunks}.rowid = ?1 AND documents.id = ?2"
        ))?
        .query_row([row, document], |columns| {
            let (section, pieces) = pieces(&columns.get::<_, String>(5)?)?;
            Ok(Candidate {
                document,
                content: columns.get(0)?,
                title: columns.get(1)?,
                people: columns.get(2)?,
                section,
                section_title: columns.get(3)?,
                text: columns.get(4)?,
                pieces,
                found: Found::default(),
                score: 0.0,
                is_first: row == first_row(document),
            })
        })
        .optional()
}

fn pieces(stored: &str) -> rusqlite::Result<(usize, Vec<Piece>)> {
    serde_json::from_str(stored).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(5, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn weights<'query>(
    connection: &Connection,
    recipe: &Recipe,
    query: &'query Query,
) -> rusqlite::Result<Weights<'query>> {
    let (chunks, words): (f64, f64) = connection
        .prepare_cached("SELECT total(chunks), total(words) FROM chunked WHERE recipe = ?1")?
        .query_row([recipe.id()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut holding =
        connection.prepare_cached(&format!("SELECT doc FROM {} WHERE term = ?1", recipe.terms_table()))?;
    let mut rarity = Vec::new();
    for term in &query.terms {
        let holding: Option<f64> =
            holding.query_row([term], |row| row.get::<_, i64>(0)).optional()?.map(|n| n as f64);
        let holding = holding.unwrap_or(0.0).min(chunks);
        rarity.push((1.0 + (chunks - holding + 0.5) / (holding + 0.5)).ln());
    }
    Ok(Weights {
        query,
        numbers: query.terms.iter().enumerate().map(|(number, term)| (term.as_str(), number)).collect(),
        first_characters: query.terms.iter().filter_map(|term| term.chars().next()).collect(),
        rarity,
        words_average: (words / chunks.max(1.0)).max(1.0),
    })
}

impl Weights<'_> {
    /// Where the question's words stand in a text.
    pub(super) fn find(&self, text: &str) -> Found {
        let mut found = Found::default();
        for range in words(text) {
            let term = text.get(range.clone()).and_then(|word| self.term(word));
            if let Some(term) = term {
                found.places.push(Place { term, position: found.word_count, range });
            }
            found.word_count += 1;
        }
        found
    }

    fn term(&self, word: &str) -> Option<usize> {
        let folded = fold(word);
        // A stem begins as its word does: most words need no stem.
        let first = folded.chars().next()?;
        if !self.first_characters.contains(&first) {
            return None;
        }
        self.numbers.get(stem(&folded).as_str()).copied()
    }

    /// What the question's words in some texts are worth. `length` says how much a text's length is held against
    /// it (1: not at all).
    pub(super) fn worth<'found>(&self, texts: impl IntoIterator<Item = (&'found Found, f64, f64)>) -> f64 {
        let mut terms = vec![0.0; self.query.terms.len()];
        let mut pairs = vec![0.0; self.query.pairs.len()];
        for (found, weight, length) in texts {
            let one = weight / length;
            for place in &found.places {
                if let Some(frequency) = terms.get_mut(place.term) {
                    *frequency += one;
                }
            }
            for (first, second) in found.places.iter().zip(found.places.iter().skip(1)) {
                let pair = (first.term, second.term);
                if first.position + 1 == second.position
                    && let Some(number) = self.query.pairs.iter().position(|asked| *asked == pair)
                    && let Some(frequency) = pairs.get_mut(number)
                {
                    *frequency += one;
                }
            }
        }
        let rarity = |term: usize| self.rarity.get(term).copied().unwrap_or(0.0);
        let saturated = |frequency: f64| frequency * (SATURATION + 1.0) / (frequency + SATURATION);
        let of_terms = terms.iter().enumerate().map(|(term, frequency)| rarity(term) * saturated(*frequency));
        let of_pairs = self.query.pairs.iter().zip(&pairs).map(|((first, second), frequency)| {
            PAIR_WEIGHT * (rarity(*first) + rarity(*second)) * saturated(*frequency)
        });
        of_terms.chain(of_pairs).sum()
    }

    fn score(&self, candidate: &Candidate) -> f64 {
        let length = candidate.found.word_count as f64 / self.words_average;
        let length = 1.0 - LENGTH_WEIGHT + LENGTH_WEIGHT * length;
        let title = self.find(candidate.title.as_deref().unwrap_or_default());
        let section = self.find(&candidate.section_title);
        let people = if candidate.is_first { self.find(&candidate.people) } else { Found::default() };
        self.worth([
            (&candidate.found, 1.0, length),
            (&title, TITLE_WEIGHT, 1.0),
            (&section, SECTION_WEIGHT, 1.0),
            (&people, PEOPLE_WEIGHT, 1.0),
        ])
    }
}
