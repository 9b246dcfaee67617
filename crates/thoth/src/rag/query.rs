//! What a user asks, as the full text search is asked.
//!
//! Every word is quoted, so that no question is a syntax error. The words are alternatives (stop words dropped);
//! what stands between double quotes must occur as it stands.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

use super::words::{fold, is_stop_word, term, words};

/// Bytes of a question that are looked at.
const QUESTION_BYTES_MAX: usize = 4_096;

/// Different words of a question that are looked at.
const TERMS_MAX: usize = 64;

/// A question, taken apart.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Query {
    /// The question in the full text search's language.
    pub(super) expression: String,
    /// The stems that are looked for, each once.
    pub(super) terms: Vec<String>,
    /// Which terms (by number) follow one another in the question.
    pub(super) pairs: Vec<(usize, usize)>,
}

/// Takes a question apart. `None` where it has no word.
pub(super) fn parse(question: &str) -> Option<Query> {
    let question: String = clip(question, QUESTION_BYTES_MAX).nfkc().collect();
    let all_stop_words =
        words(&question).all(|range| is_stop_word(&fold(question.get(range).unwrap_or_default())));
    let mut draft = Draft { keep_stop_words: all_stop_words, ..Draft::default() };
    let parts: Vec<&str> = question.split(['"', '“', '”', '„', '«', '»']).collect();
    for (number, part) in parts.iter().enumerate() {
        let closed = number + 1 < parts.len();
        draft.take(part, number % 2 == 1 && closed);
    }
    draft.finish()
}

#[derive(Default)]
struct Draft {
    keep_stop_words: bool,
    numbers: HashMap<String, usize>,
    alternatives: Vec<String>,
    phrases: Vec<String>,
    query: Query,
}

impl Draft {
    fn take(&mut self, part: &str, quoted: bool) {
        let folded: Vec<_> = words(part).map(|range| fold(part.get(range).unwrap_or_default())).collect();
        let mut before = None;
        for word in &folded {
            let number = if is_stop_word(word) && !self.keep_stop_words { None } else { self.number(word) };
            if let (Some(first), Some(second)) = (before, number)
                && first != second
                && !self.query.pairs.contains(&(first, second))
            {
                self.query.pairs.push((first, second));
            }
            before = number;
        }
        if quoted && !folded.is_empty() && self.phrases.len() < TERMS_MAX {
            let words: Vec<&str> = folded.iter().take(TERMS_MAX).map(AsRef::as_ref).collect();
            self.phrases.push(quote(&words.join(" ")));
        }
    }

    /// The number of a word's stem; `None` where the question has too many.
    fn number(&mut self, word: &str) -> Option<usize> {
        let term = term(word);
        if let Some(number) = self.numbers.get(&term) {
            return Some(*number);
        }
        let number = self.query.terms.len();
        if number == TERMS_MAX {
            return None;
        }
        self.alternatives.push(quote(word));
        self.query.terms.push(term.clone());
        self.numbers.insert(term, number);
        Some(number)
    }

    fn finish(self) -> Option<Query> {
        let mut query = self.query;
        let alternatives = self.alternatives.join(" OR ");
        let phrases = self.phrases.join(" AND ");
        query.expression = match (alternatives.is_empty(), phrases.is_empty()) {
            (true, true) => return None,
            (false, true) => alternatives,
            (true, false) => phrases,
            (false, false) => format!("({phrases}) AND ({phrases} OR {alternatives})"),
        };
        Some(query)
    }
}

/// Folded words have no double quotes; they are doubled all the same, as SQL does.
fn quote(words: &str) -> String {
    format!("\"{}\"", words.replace('"', "\"\""))
}

/// The beginning of a text, at most `bytes_max` bytes.
pub(super) fn clip(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions() {
        for (question, expression) in [
            ("What is the boundary layer?", "\"boundary\" OR \"layer\""),
            ("layers, layer; LAYERED", "\"layers\""),
            ("to be or not to be", "\"to\" OR \"be\" OR \"or\" OR \"not\""),
            (
                "\"boundary layer\"",
                "(\"boundary layer\") AND (\"boundary layer\" OR \"boundary\" OR \"layer\")",
            ),
            ("x\" OR NEAR(", "\"x\" OR \"near\""),
        ] {
            assert_eq!(
                parse(question).map(|query| query.expression).as_deref(),
                Some(expression),
                "{question}"
            );
        }
        for nothing in ["", "   ", "\"\"", "?!*", "\0"] {
            assert_eq!(parse(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn neighbours_are_pairs_unless_a_stop_word_stands_between() {
        let query = parse("heat transfer of a heat pump").expect("has words");
        assert_eq!(query.terms, ["heat", "transfer", "pump"]);
        assert_eq!(query.pairs, [(0, 1), (0, 2)]);
    }
}
