//! The words of a text as the full text search sees them: runs of letters and digits, in lower case, without
//! diacritics, reduced to their stem.

use std::borrow::Cow;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::stem::stem;

/// Words that a question drops: they stand in every text.
const STOP_WORDS: &[&str] = &[
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "because", "been",
    "before", "being", "between", "both", "but", "by", "can", "could", "did", "do", "does", "doing",
    "during", "each", "few", "for", "from", "had", "has", "have", "having", "he", "her", "here", "him",
    "his", "how", "i", "if", "in", "into", "is", "it", "its", "itself", "just", "may", "me", "might", "more",
    "most", "my", "no", "nor", "not", "of", "on", "once", "only", "or", "other", "our", "ours", "out",
    "over", "own", "per", "same", "she", "should", "so", "some", "such", "than", "that", "the", "their",
    "them", "then", "there", "these", "they", "this", "those", "through", "to", "too", "under", "until",
    "up", "upon", "us", "very", "via", "was", "we", "were", "what", "when", "where", "which", "while", "who",
    "whom", "whose", "why", "will", "with", "within", "without", "would", "you", "your", "yours",
];

/// The words of a text, as byte ranges.
pub(super) fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut characters = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (start, first) = characters.find(|(_, character)| character.is_alphanumeric())?;
        let mut end = start + first.len_utf8();
        while let Some((at, character)) = characters.next_if(|(_, next)| in_word(*next)) {
            end = at + character.len_utf8();
        }
        Some(start..end)
    })
}

fn in_word(character: char) -> bool {
    character.is_alphanumeric() || is_combining_mark(character)
}

/// A word in lower case and without diacritics.
pub(super) fn fold(word: &str) -> Cow<'_, str> {
    if word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Cow::Borrowed(word);
    }
    if word.is_ascii() {
        return Cow::Owned(word.to_ascii_lowercase());
    }
    Cow::Owned(
        word.nfd().filter(|character| !is_combining_mark(*character)).flat_map(char::to_lowercase).collect(),
    )
}

/// What the full text search keeps of a word.
pub(super) fn term(word: &str) -> String {
    stem(&fold(word))
}

/// Whether a question drops this word (folded).
pub(super) fn is_stop_word(folded: &str) -> bool {
    STOP_WORDS.contains(&folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        let text = "N-domain, naïve e\u{301}tudes; 10.1186/x ΔG °C";
        let found: Vec<&str> = words(text).map(|range| &text[range]).collect();
        assert_eq!(found, ["N", "domain", "naïve", "e\u{301}tudes", "10", "1186", "x", "ΔG", "C"]);
    }

    #[test]
    fn terms() {
        for (word, expected) in
            [("Études", "etud"), ("NAÏVE", "naiv"), ("heated", "heat"), ("ΔG", "δg"), ("1503", "1503")]
        {
            assert_eq!(term(word), expected);
        }
    }
}
