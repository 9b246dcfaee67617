//! What is the name of a person, and what only stands where names stand.

use super::lexicon::{DEGREES, OTHER_WORDS, PARTICLES};
use crate::pdf::read::characters::compose;
use crate::pdf::read::lines::{Line, TAB};

/// Stands in a line of authors where a mark stood that refers to an address or a note.
pub(super) const MARK: char = '\u{1}';

/// Symbols that refer to addresses and notes.
const SYMBOLS: &str = "*∗†‡§¶‖#☯✉⁎⋆★◦•◇⊥∥✝✩∧ǁ";

/// The names in the lines of one list of authors, and whether what followed them was an address.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Names {
    /// Full names.
    pub names: Vec<String>,
    /// Whether the line went on with something that is no name.
    pub address: bool,
    /// Whether it is a list, that is: has commas, marks or an «and».
    pub list: bool,
}

/// Reads a line that may consist of names. A list that goes on in the next line is given as both lines joined.
pub(super) fn names(text: &str) -> Names {
    let mut found = Names::default();
    if is_collaboration(text) {
        let plain: String = text.chars().filter(|c| *c != MARK).collect();
        found.names.push(tidy(&plain));
        return found;
    }
    let parts = parts(text);
    found.list = parts.len() > 1 || text.contains([MARK, ',', ';']);
    for part in parts {
        let name = without_degrees(&part);
        if name.is_empty() {
            continue;
        }
        if is_name(&name) {
            found.names.push(proper(&name));
        } else if is_suffix(&name) {
            if let Some(last) = found.names.last_mut() {
                last.push(' ');
                last.push_str(&name);
            }
        } else {
            found.address = true;
            break;
        }
    }
    found
}

/// The text of a piece, with raised marks and symbols replaced by one [`MARK`].
pub(super) fn marked_text(line: &Line) -> String {
    let mut characters = Vec::new();
    for mark in &line.marks {
        let small = mark.size < 0.85 * line.size;
        let raised = mark.rise > 0.15 * line.size;
        let symbol = SYMBOLS.contains(mark.character) || mark.character.is_ascii_digit();
        if mark.character.is_whitespace() {
            characters.push(if mark.character == TAB { '\t' } else { ' ' });
        } else if symbol || small && raised {
            if characters.last() != Some(&MARK) {
                characters.push(MARK);
            }
        } else {
            characters.push(mark.character);
        }
    }
    // Composing folds tabulators into spaces, so each cell is composed by itself.
    let cells = characters.split(|c| *c == '\t').map(|cell| compose(cell.iter().copied()));
    cells.collect::<Vec<_>>().join("\t")
}

/// Whether a text names a collaboration instead of persons.
fn is_collaboration(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words = lower.split_whitespace().count();
    words <= 10
        && (lower.contains("collaboration") || lower.contains("consortium"))
        && !lower.contains(['@', ':'])
}

fn parts(text: &str) -> Vec<String> {
    let text = text.replace(" and ", ",").replace(" & ", ",").replace(",and ", ",").replace(" und ", ",");
    let text = text.strip_prefix("and ").unwrap_or(&text);
    let mut parts = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let separates = match character {
            ',' | ';' | '\t' | '·' | '•' | '|' | '\n' => true,
            MARK => {
                // Between `Doe1 Roe2` the mark separates; in `Doe1,2` the comma does.
                while characters.peek().is_some_and(|next| *next == ' ' || *next == MARK) {
                    characters.next();
                }
                characters.peek().is_some_and(|next| next.is_uppercase())
            }
            _ => false,
        };
        if separates {
            parts.push(String::new());
        } else if character != MARK
            && let Some(part) = parts.last_mut()
        {
            part.push(character);
        }
    }
    parts.iter().map(|part| tidy(part)).filter(|part| !part.is_empty()).collect()
}

fn tidy(text: &str) -> String {
    let text = &without_brackets(text);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text =
        text.trim_matches(|c: char| !c.is_alphanumeric() && c != '.' && c != '(').trim_start_matches('.');
    let text = text.strip_prefix("and ").unwrap_or(text);
    let text = text.strip_prefix("By ").or_else(|| text.strip_prefix("by ")).unwrap_or(text);
    text.trim().to_owned()
}

/// Without short brackets, in which marks for the corresponding author stand: `Jane Doe(B)`, `Jane Doe[1]`.
fn without_brackets(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some(open) = rest.find(['(', '[']) {
        let (before, bracket) = rest.split_at(open);
        kept.push_str(before);
        match bracket.find([')', ']']).filter(|close| *close <= 6) {
            Some(close) => rest = bracket.get(close + 1..).unwrap_or_default(),
            None => {
                kept.push_str(bracket);
                return kept;
            }
        }
    }
    kept.push_str(rest);
    kept
}

fn without_degrees(name: &str) -> String {
    let kept = name.split(' ').filter(|word| {
        let bare: String = word.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
        // «MA» is also what initials look like: degrees of two letters are dropped only with both in capitals.
        let degree = DEGREES.contains(&bare.as_str());
        !(degree
            && (bare.len() > 2
                || word.chars().all(|c| !c.is_lowercase()) && name.contains(' ') && !word.contains('-')
                || word.ends_with('.') && bare == "dr"))
    });
    kept.collect::<Vec<_>>().join(" ")
}

fn is_suffix(name: &str) -> bool {
    matches!(name.trim_end_matches('.'), "Jr" | "Sr" | "II" | "III" | "IV")
}

/// Whether a text can be the full name of a person.
pub(super) fn is_name(name: &str) -> bool {
    let words: Vec<&str> = name.split(' ').collect();
    if !(2..=7).contains(&words.len()) || name.chars().count() > 60 {
        return false;
    }
    let letters = |word: &str| word.chars().filter(|c| c.is_alphabetic()).count();
    let shaped = words.iter().all(|word| {
        let plain =
            word.chars().all(|c| c.is_alphabetic() || ".'’-‐‑–`ʼ".contains(c) || crate::quote::is_mark(c));
        let opens = word.starts_with(char::is_uppercase)
            || ["d'", "d’", "l'", "l’", "'t", "’t"].iter().any(|article| word.starts_with(article));
        plain && letters(word) > 0 && (opens || PARTICLES.contains(word))
    });
    let surname = words
        .iter()
        .any(|word| letters(word) >= 2 && word.starts_with(char::is_uppercase) && !word.ends_with('.'));
    let other = words.iter().any(|word| {
        let bare: String = word.to_lowercase().chars().filter(|c| c.is_alphabetic()).collect();
        OTHER_WORDS.contains(&bare.as_str())
    });
    shaped && surname && !other
}

/// Whether a word is a small one inside of names, such as `van`.
pub(super) fn is_particle(word: &str) -> bool {
    PARTICLES.contains(&word)
}

/// Whether a line is of an address rather than of names.
pub(super) fn is_address(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphabetic());
    lower.contains('@') || lower.contains("http") || words.into_iter().any(|word| OTHER_WORDS.contains(&word))
}

/// A name in ordinary case: `Ross G. DOUGLAS` is Ross G. Douglas.
fn proper(name: &str) -> String {
    name.split(' ').map(proper_word).collect::<Vec<_>>().join(" ")
}

fn proper_word(word: &str) -> String {
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let capitals = word.chars().all(|c| !c.is_lowercase());
    if letters < 3 || !capitals || word.contains('.') {
        return word.to_owned();
    }
    let mut first = true;
    let mut proper = String::new();
    for character in word.chars() {
        if first || !character.is_alphabetic() {
            proper.push(character);
        } else {
            proper.extend(character.to_lowercase());
        }
        first = !character.is_alphabetic();
    }
    proper
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_names_are_taken_apart() {
        let check = |text: &str, wanted: &[&str]| {
            assert_eq!(names(&text.replace('^', "\u{1}")).names, wanted, "{text}")
        };
        check(
            "Josephine Nana Agyeman-Duah^*, Antje Theurer^,^ and Florian Neuhann^",
            &["Josephine Nana Agyeman-Duah", "Antje Theurer", "Florian Neuhann"],
        );
        check("Ross G. DOUGLAS^ , Geoffrey MASUYER^", &["Ross G. Douglas", "Geoffrey Masuyer"]);
        check(
            "Y. Pischalnikov^, J. P. Holzbauer, Fermi National Accelerator Laboratory, Batavia, IL",
            &["Y. Pischalnikov", "J. P. Holzbauer"],
        );
        check(
            "Ana Cristina Franco da Silva^ Carolin Rubner^",
            &["Ana Cristina Franco da Silva", "Carolin Rubner"],
        );
        check("Jane Doe, Senior Member, IEEE, and Richard Roe, Jr.", &["Jane Doe", "Richard Roe Jr."]);
        check("The ATLAS and CMS Collaborations^", &["The ATLAS and CMS Collaborations"]);
        check("Department of Physics, Some Place", &[]);
        check("Jane Doe(B), Richard Roe^[1]", &["Jane Doe", "Richard Roe"]);
        check("Mary J. O’Connell", &["Mary J. O’Connell"]);
    }
}
