//! From characters as fonts name them to text: accents on their letters, ligatures resolved, spaced words whole.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Composes characters to text: spacing accents go onto their letter, ligatures are resolved, gaps become spaces.
pub(crate) fn compose(characters: impl Iterator<Item = char>) -> String {
    let mut text = String::new();
    let mut accent = None;
    for character in characters {
        let character = if character.is_whitespace() { ' ' } else { character };
        if let Some(mark) = combining(character) {
            match text.chars().last() {
                // An accent that was drawn after its letter stands on it without a gap; TeX draws it before.
                Some(last) if !last.is_whitespace() && takes_accent(last) && accent.is_none() => {
                    accent = Some((mark, true))
                }
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
        if character == ' ' && text.ends_with(' ') {
            continue;
        }
        resolve(character, &mut text);
    }
    if let Some((mark, true)) = accent {
        text.push(mark);
    }
    unspaced(text.trim()).nfc().collect()
}

/// Letter-spaced words become whole: `A B S T R A C T`, `F I G U R E 2`.
fn unspaced(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut run: Vec<&str> = Vec::new();
    let letter = |word: &str| word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
    for word in text.split(' ').chain([""]) {
        if letter(word) {
            run.push(word);
            continue;
        }
        if run.len() >= 5 {
            words.push(run.concat());
        } else {
            words.extend(run.iter().map(|letter| (*letter).to_owned()));
        }
        run.clear();
        words.push(word.to_owned());
    }
    words.pop();
    words.join(" ")
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
