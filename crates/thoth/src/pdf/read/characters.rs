//! From characters as fonts name them to text: accents on their letters, ligatures resolved, spaced words whole.

use super::words::Word;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Single letters in a row that are one word; fewer may be words of their own.
const LETTERS_SPACED_MIN: usize = 5;

/// Composes characters to text: spacing accents go onto their letter, ligatures are resolved, gaps become spaces.
pub(crate) fn compose(characters: impl Iterator<Item = char>) -> String {
    let characters: Vec<char> = characters.collect();
    let words = characters.split(|character| character.is_whitespace());
    let words = words.map(|word| Word { text: word_of(word.iter().copied()), ..Word::default() });
    unspaced(words).iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// Composes the characters of one word; gaps around it are left out. Nothing of this reaches over a gap.
pub(super) fn word_of(characters: impl Iterator<Item = char>) -> String {
    let mut text = String::new();
    let mut accent = None;
    for character in characters.filter(|character| !character.is_whitespace()) {
        if let Some(mark) = combining(character) {
            match text.chars().last() {
                // An accent that was drawn after its letter stands on it without a gap; TeX draws it before.
                Some(last) if takes_accent(last) && accent.is_none() => accent = Some((mark, true)),
                _ => accent = Some((mark, false)),
            }
            continue;
        }
        if let Some((mark, after)) = accent.take() {
            if takes_accent(character) {
                text.push(dotless(character));
                text.push(mark);
                continue;
            }
            if after {
                text.push(mark);
            }
        }
        resolve(character, &mut text);
    }
    if let Some((mark, true)) = accent {
        text.push(mark);
    }
    text.nfc().collect()
}

/// Words that are not empty; letter-spaced ones become whole: `A B S T R A C T`, `F I G U R E 2`.
pub(super) fn unspaced(words: impl Iterator<Item = Word>) -> Vec<Word> {
    let letter = |word: &Word| word.text.chars().count() == 1 && word.text.chars().all(char::is_alphabetic);
    let mut unspaced: Vec<Word> = Vec::new();
    let mut run = 0;
    for word in words.filter(|word| !word.text.is_empty()).chain([Word::default()]) {
        if letter(&word) {
            run += 1;
        } else {
            if run >= LETTERS_SPACED_MIN {
                let letters = unspaced.split_off(unspaced.len() - run);
                unspaced.push(Word {
                    loose: letters.iter().any(|letter| letter.loose),
                    ends: letters.last().is_some_and(|letter| letter.ends),
                    text: letters.into_iter().map(|letter| letter.text).collect(),
                });
            }
            run = 0;
        }
        unspaced.push(word);
    }
    unspaced.pop();
    unspaced
}

/// The combining form of an accent that has a width of its own.
fn combining(character: char) -> Option<char> {
    Some(match character {
        '\u{60}' | '\u{2CB}' => '\u{300}',
        '\u{B4}' | '\u{2CA}' => '\u{301}',
        '\u{2C6}' => '\u{302}',
        '\u{2DC}' => '\u{303}',
        '\u{AF}' | '\u{2C9}' => '\u{304}',
        '\u{2D8}' => '\u{306}',
        '\u{2D9}' => '\u{307}',
        '\u{A8}' => '\u{308}',
        '\u{2DA}' => '\u{30A}',
        '\u{2DD}' => '\u{30B}',
        '\u{2C7}' => '\u{30C}',
        '\u{B8}' => '\u{327}',
        '\u{2DB}' => '\u{328}',
        _ => return None,
    })
}

/// Whether a character is an accent that composing puts on a letter.
pub(super) fn is_accent(character: char) -> bool {
    is_combining_mark(character) || combining(character).is_some()
}

fn takes_accent(character: char) -> bool {
    character.is_alphabetic() && !is_combining_mark(character)
}

fn dotless(character: char) -> char {
    match character {
        'ı' => 'i',
        'ȷ' => 'j',
        other => other,
    }
}

/// Writes a character, a ligature as its letters and a presentation form as what it presents.
fn resolve(character: char, text: &mut String) {
    match character {
        '\u{FB00}'..='\u{FB06}' | '\u{132}' | '\u{133}' => text.extend(character.nfkc()),
        _ => text.push(character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_become_text() {
        let check = |drawn: &str, wanted: &str| assert_eq!(compose(drawn.chars()), wanted, "{drawn}");
        check("Universit\u{A8}at", "Universität");
        check("Andr\u{B4}e Gar\u{B8}con", "André Garçon");
        check("na\u{A8}\u{131}ve", "naïve");
        check("e\u{FB03}cient", "efficient");
        check("A B S T R A C T", "ABSTRACT");
        check("a b c is short", "a b c is short");
        check("two  spaces\u{2003}and a tab", "two spaces and a tab");
    }
}
