//! Where the words that a model quotes stand in a passage, if they do.
//!
//! [`crate::quote::fold`] says what may differ. It also folds away every space and dash, so three things are compared
//! once more on the texts themselves: words and numbers are whole at both ends, and numbers are the same, signs
//! included.

use std::ops::Range;

use crate::quote::fold;

/// Letters and digits that a quote has at least; fewer are found anywhere.
const LETTERS_MIN: usize = 8;
/// Letters and digits at least where the quote is a single word.
const LETTERS_OF_ONE_WORD_MIN: usize = 12;

/// A passage, folded, with the way back to its bytes.
pub(super) struct Evidence<'a> {
    text: &'a str,
    folded: String,
    /// For each byte of `folded`, the character of `text` that it comes from.
    origins: Vec<Range<usize>>,
}

impl<'a> Evidence<'a> {
    /// Folds a passage.
    pub(super) fn new(text: &'a str) -> Self {
        let (mut folded, mut origins) = (String::with_capacity(text.len()), Vec::with_capacity(text.len()));
        for (start, character) in text.char_indices() {
            let bytes = start..start + character.len_utf8();
            folded.push_str(&fold(text.get(bytes.clone()).unwrap_or_default()));
            origins.resize(folded.len(), bytes);
        }
        Self { text, folded, origins }
    }

    /// The quote as it stands in the passage; `None` if it does not, or is too short to say anything.
    pub(super) fn find(&self, quote: &str) -> Option<&'a str> {
        let quote = core(quote);
        let folded = fold(quote);
        if !says_something(quote, &folded) {
            return None;
        }
        let numbers = numbers(quote);
        self.folded.match_indices(&folded).find_map(|(start, found)| {
            let first = self.origins.get(start)?.start;
            let last = self.origins.get(start + found.len() - 1)?.end;
            let words = self.text.get(first..last)?;
            // A match can begin or end inside a ligature; the words shown are then more than the quote.
            let whole = !cuts(self.text, first) && !cuts(self.text, last) && fold(words) == folded;
            (whole && self::numbers(words) == numbers).then_some(words)
        })
    }
}

/// A quote without what surrounds it: quotation marks, dots of omission, a final stop.
fn core(quote: &str) -> &str {
    let edge = |c: char| c.is_whitespace() || ".,;:…\"'“”„«»‘’`*_".contains(c);
    quote.trim_matches(edge)
}

fn says_something(quote: &str, folded: &str) -> bool {
    let letters = folded.chars().filter(|character| character.is_alphanumeric()).count();
    let one_word = !quote.contains(char::is_whitespace);
    letters >= if one_word { LETTERS_OF_ONE_WORD_MIN } else { LETTERS_MIN }
}

/// Whether a cut at this byte parts a word or a number (`12|5`, `1|.5`, `-|5`). Scripts that write without spaces
/// have no such places.
fn cuts(text: &str, place: usize) -> bool {
    let (before, after) = text.split_at_checked(place).unwrap_or_default();
    let (mut before, mut after) = (before.chars().rev(), after.chars());
    let (last, second_last) = (before.next(), before.next());
    let (first, second) = (after.next(), after.next());
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && c < '\u{2E80}');
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let point = |c: Option<char>| matches!(c, Some('.' | ','));
    (word(last) && word(first))
        || (digit(second_last) && point(last) && digit(first))
        || (digit(last) && point(first) && digit(second))
        || (!word(second_last) && last.is_some_and(is_sign) && digit(first))
}

/// The numbers of a text in their order, with their signs.
fn numbers(text: &str) -> Vec<String> {
    let mut numbers: Vec<String> = Vec::new();
    let (mut before_last, mut last) = (' ', ' ');
    for character in text.chars() {
        if character.is_ascii_digit() {
            if !last.is_ascii_digit() {
                let signed = is_sign(last) && !before_last.is_alphanumeric();
                numbers.push(if signed { "-".to_owned() } else { String::new() });
            }
            if let Some(number) = numbers.last_mut() {
                number.push(character);
            }
        }
        (before_last, last) = (last, character);
    }
    numbers
}

fn is_sign(character: char) -> bool {
    matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE63}' | '\u{FF0D}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_found_whatever_typesetting_did_to_it_and_nothing_else_is() {
        let table = [
            ("the mass is 125.09 GeV in the end", "mass is 125.09 GeV", Some("mass is 125.09 GeV")),
            (
                "signi\u{fb01}cant e\u{fb00}ects are",
                "significant effects",
                Some("signi\u{fb01}cant e\u{fb00}ects"),
            ),
            (
                "exam-\nple of hyphen\u{ad}ation",
                "example of hyphenation",
                Some("exam-\nple of hyphen\u{ad}ation"),
            ),
            (
                "a well-known state-of-the-art model",
                "well‐known state of the",
                Some("well-known state-of-the"),
            ),
            (
                "a well-known state-of-the-art",
                "well‑known state – of‐the‐art",
                Some("well-known state-of-the-art"),
            ),
            (
                "they “do not” agree – ever",
                "they \"do not\" agree -- ever",
                Some("they “do not” agree – ever"),
            ),
            ("Poincare\u{301}’s lemma holds", "Poincaré's lemma", Some("Poincare\u{301}’s lemma")),
            (
                "Results   improve\n\tgreatly",
                "“results improve greatly.”",
                Some("Results   improve\n\tgreatly"),
            ),
            ("we improve greatly on it", "… improve greatly …", Some("improve greatly")),
            ("start of the work", "art of the work", None),
            ("the end of works", "the end of work", None),
            ("the work ends. the work of art", "the work of", Some("the work of")),
            ("the \u{fb01}nal results", "inal results", None),
            ("a mass of 125.5 GeV here", "5.5 GeV here", None),
            ("a mass of 125.5 GeV here", "5 GeV here now", None),
            ("a mass of 125.5 GeV", "a mass of 125", None),
            ("a mass of 125. Then", "a mass of 125", Some("a mass of 125")),
            ("charge of −5 units here", "5 units here", None),
            ("a charge of −5 units", "charge of 5 units", None),
            ("a charge of −5 units", "charge of -5 units", Some("charge of −5 units")),
            ("energies of 1-2 GeV were", "energies of 12 GeV were", None),
            ("energies of 1–2 GeV were", "energies of 1-2 GeV were", Some("energies of 1–2 GeV were")),
            ("the mass is large", "the mass is not large", None),
            ("the mass is large", "the", None),
            ("the mass is large", "is large", None),
            ("the mass is large", "", None),
            ("the mass is large", " “…” ", None),
            ("", "the mass is large", None),
            ("量子力学の基礎方程式である。", "量子力学の基礎方程式であ", Some("量子力学の基礎方程式であ")),
        ];
        for (passage, quote, expected) in table {
            assert_eq!(Evidence::new(passage).find(quote), expected, "{quote} in {passage}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_run_of_whole_words_is_found(text in "[a-zA-Z0-9éﬁ“’.,;:−–-]{1,9}( [a-zéﬁ]{3,9}){3,12}") {
            let words: Vec<&str> = text.split(' ').collect();
            let quote = words[1..].join("\n");
            let found = Evidence::new(&text).find(&quote);
            proptest::prop_assert_eq!(found.map(fold), Some(fold(&quote)));
        }

        #[test]
        fn no_text_is_too_strange(passage in "\\PC{0,60}", quote in "\\PC{0,20}") {
            if let Some(found) = Evidence::new(&passage).find(&quote) {
                proptest::prop_assert!(passage.contains(found) && crate::quote::stands_in(core(&quote), &passage));
            }
        }
    }
}
