//! Whether a quote stands in a passage, whatever typesetting and copying did to either.
//!
//! Folded away are white space, hyphenation, ligatures and other compatibility forms, the shapes of quotation marks
//! and dashes, and case. Letters, digits and their order are not.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

/// A text, folded, with the way back to the bytes it came from.
pub struct Folded {
    characters: Vec<Origin>,
}

/// A folded character, and the bytes of the original that it stands for.
#[derive(Clone)]
struct Origin {
    character: char,
    bytes: Range<usize>,
}

/// Letters and digits that a quote has at least; fewer are found anywhere.
const LETTERS_MIN: usize = 8;
/// Letters and digits at least where the quote is a single word.
const LETTERS_OF_ONE_WORD_MIN: usize = 12;

impl Folded {
    /// Folds a text.
    pub fn new(text: &str) -> Self {
        let mut plain: Vec<Origin> = Vec::with_capacity(text.len());
        for (start, original) in text.char_indices() {
            let bytes = start..start + original.len_utf8();
            for character in std::iter::once(same_shape(original))
                .nfkd()
                .flat_map(char::to_lowercase)
            {
                plain.push(Origin {
                    character,
                    bytes: bytes.clone(),
                });
            }
        }
        plain.retain(|origin| !is_invisible(origin.character));
        Self {
            characters: without_hyphenation(with_single_spaces(plain)),
        }
    }

    /// Where this text stands in the original of `passage`, as bytes; `None` if it does not stand there, or is too
    /// short to say anything. It must begin and end where words and numbers do.
    pub fn find_in(&self, passage: &Folded) -> Option<Range<usize>> {
        let quote = self.core();
        if !says_something(quote) {
            return None;
        }
        let (text, length) = (&passage.characters, quote.len());
        let starts = 0..(text.len() + 1).saturating_sub(length);
        starts.into_iter().find_map(|start| {
            let found = text.get(start..start + length)?;
            let same = found
                .iter()
                .zip(quote)
                .all(|(one, other)| one.character == other.character);
            let whole = same && !cuts(text, start) && !cuts(text, start + length);
            let bytes = found.first()?.bytes.start..found.last()?.bytes.end;
            whole.then_some(bytes)
        })
    }

    /// The text without what surrounds a quote: quotation marks, dots of omission, a final stop.
    fn core(&self) -> &[Origin] {
        let edge = |origin: &Origin| {
            matches!(
                origin.character,
                ' ' | '"' | '\'' | '.' | ',' | ';' | ':' | '*' | '_'
            )
        };
        let mut core = self.characters.as_slice();
        while let [first, rest @ ..] = core
            && edge(first)
        {
            core = rest;
        }
        while let [rest @ .., last] = core
            && edge(last)
        {
            core = rest;
        }
        core
    }
}

fn says_something(quote: &[Origin]) -> bool {
    let letters = quote
        .iter()
        .filter(|origin| origin.character.is_alphanumeric())
        .count();
    let one_word = !quote.iter().any(|origin| origin.character == ' ');
    letters
        >= if one_word {
            LETTERS_OF_ONE_WORD_MIN
        } else {
            LETTERS_MIN
        }
}

/// Whether a cut before this place parts a word or a number (`12|5`, `1|.5`, `-|5`).
fn cuts(text: &[Origin], place: usize) -> bool {
    let at = |index: Option<usize>| {
        index
            .and_then(|index| text.get(index))
            .map(|origin| origin.character)
    };
    let (Some(before), Some(after)) = (at(place.checked_sub(1)), at(Some(place))) else {
        return false;
    };
    let digit = |character: Option<char>| character.is_some_and(|character| character.is_ascii_digit());
    let point = |character: char| matches!(character, '.' | ',');
    let sign = before == '-' && digit(Some(after)) && !digit(at(place.checked_sub(2)));
    (before.is_alphanumeric() && after.is_alphanumeric())
        || (point(before) && digit(Some(after)) && digit(at(place.checked_sub(2))))
        || (point(after) && digit(Some(before)) && digit(at(Some(place + 1))))
        || sign
}

/// One shape for each of the quotation marks and dashes, a space for white space of any kind.
fn same_shape(character: char) -> char {
    match character {
        '‘' | '’' | '‚' | '‛' | '′' | '`' | '´' => '\'',
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' => '"',
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '⁃' | '﹘' | '﹣' | '－' => '-',
        // Stands for `<` where that could be read as a mark of the prompt.
        '‹' => '<',
        other if other.is_whitespace() => ' ',
        other => other,
    }
}

/// Soft hyphens, marks of zero width, and other characters that nobody sees.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
    ) || character.is_control()
}

/// Runs of spaces, and of dashes, become one; none at the ends.
fn with_single_spaces(plain: Vec<Origin>) -> Vec<Origin> {
    let mut single: Vec<Origin> = Vec::with_capacity(plain.len());
    for origin in plain {
        let repeated = match (single.last().map(|last| last.character), origin.character) {
            (None | Some(' '), ' ') => true,
            (Some('-'), '-') => true,
            _ => false,
        };
        if !repeated {
            single.push(origin);
        }
    }
    if single.last().is_some_and(|last| last.character == ' ') {
        single.pop();
    }
    single
}

/// A dash between letters goes, with the spaces around it: whether it broke a word at the end of a line, or joins
/// two, cannot be told. Between digits it stays.
fn without_hyphenation(single: Vec<Origin>) -> Vec<Origin> {
    let mut joined: Vec<Origin> = Vec::with_capacity(single.len());
    let mut rest = single.as_slice();
    while let [first, after @ ..] = rest {
        let dash = match rest {
            [space, dash, ..] if space.character == ' ' && dash.character == '-' => Some(rest.get(2..)),
            [dash, ..] if dash.character == '-' => Some(Some(after)),
            _ => None,
        };
        let beyond = dash.flatten().map(|beyond| match beyond {
            [space, far @ ..] if space.character == ' ' => far,
            near => near,
        });
        let letter = |origin: Option<&Origin>| origin.is_some_and(|origin| origin.character.is_alphabetic());
        match beyond {
            Some(beyond) if letter(joined.last()) && letter(beyond.first()) => rest = beyond,
            _ => {
                joined.push(first.clone());
                rest = after;
            }
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_found_whatever_typesetting_did_to_it_and_nothing_else_is() {
        let table = [
            (
                "the mass is 125.09 GeV in the end",
                "mass is 125.09 GeV",
                Some("mass is 125.09 GeV"),
            ),
            (
                "signi\u{fb01}cant e\u{fb00}ects are seen",
                "significant effects",
                Some("signi\u{fb01}cant e\u{fb00}ects"),
            ),
            (
                "exam-\nple of a hyphen\u{ad}ated word",
                "example of a hyphenated word",
                Some("exam-\nple of a hyphen\u{ad}ated word"),
            ),
            (
                "a well-known state-of-the-art model",
                "well‐known state of the",
                None,
            ),
            (
                "a well-known state-of-the-art model",
                "well‑known state – of‐the‐art",
                Some("well-known state-of-the-art"),
            ),
            (
                "they “do not” agree – ever",
                "they \"do not\" agree -- ever",
                Some("they “do not” agree – ever"),
            ),
            (
                "Poincare\u{301}’s lemma holds",
                "Poincaré's lemma",
                Some("Poincare\u{301}’s lemma"),
            ),
            (
                "Results   improve\n\tgreatly",
                "“results improve greatly.”",
                Some("Results   improve\n\tgreatly"),
            ),
            (
                "we improve greatly on it",
                "… improve greatly …",
                Some("improve greatly"),
            ),
            ("start of the work", "art of the work", None),
            ("the end of works", "the end of work", None),
            ("a mass of 125.5 GeV here", "5.5 GeV here", None),
            ("a mass of 125.5 GeV here", "5 GeV here now", None),
            ("a mass of 125.5 GeV", "a mass of 125", None),
            ("a mass of 125. Then", "a mass of 125", Some("a mass of 125")),
            ("charge of −5 units here", "5 units here", None),
            ("energies of 1-2 GeV were", "energies of 12 GeV were", None),
            (
                "energies of 1–2 GeV were",
                "energies of 1-2 GeV were",
                Some("energies of 1–2 GeV were"),
            ),
            ("the mass is large", "the mass is not large", None),
            ("the mass is large", "the", None),
            ("the mass is large", "is large", None),
            ("the mass is large", "", None),
            ("", "the mass is large", None),
            (
                "量子力学の基礎方程式である",
                "量子力学の基礎方程式である",
                Some("量子力学の基礎方程式である"),
            ),
        ];
        for (passage, quote, expected) in table {
            let found = Folded::new(quote).find_in(&Folded::new(passage));
            assert_eq!(
                found.map(|bytes| &passage[bytes]),
                expected,
                "{quote} in {passage}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_folds_and_what_is_found_lies_in_the_passage(passage in "\\PC{0,60}", quote in "\\PC{0,20}") {
            let folded = Folded::new(&passage);
            if let Some(bytes) = Folded::new(&quote).find_in(&folded) {
                proptest::prop_assert!(passage.get(bytes).is_some());
            }
        }
    }
}
