//! The words of an entry, with where they stand and what punctuation follows them.

use super::lexicon::is_particle;

/// A word of an entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Word<'t> {
    /// The word without the comma, semicolon or colon behind it; its dots stay.
    pub body: &'t str,
    /// The comma, semicolon or colon behind it.
    pub stop: Option<char>,
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends with its punctuation, in bytes.
    pub end: usize,
}

impl<'t> Word<'t> {
    /// Whether it ends with a dot.
    pub(super) fn dotted(&self) -> bool {
        self.body.ends_with('.')
    }

    /// The word without dots at its end.
    pub(super) fn bare(&self) -> &'t str {
        self.body.trim_end_matches('.')
    }

    /// Whether it can be initials: `J.`, `J.-P.`, `JP`, `Th.`
    pub(super) fn is_initials(&self) -> bool {
        let letters = self.body.chars().filter(|c| c.is_alphabetic()).count();
        let plain = self.body.chars().all(|c| c.is_alphabetic() || ".-‐–’'".contains(c));
        if !plain || !self.body.starts_with(char::is_uppercase) {
            return false;
        }
        let capitals = self.body.chars().all(|c| !c.is_lowercase());
        if capitals {
            return letters <= 2
                || letters <= 4 && (self.body.contains('.') || letters <= 3)
                || is_dotted_run(self.body);
        }
        // Given names that are shortened to more than a letter.
        self.dotted()
            && self.body.split(['.', '-', '‐']).all(|part| {
                part.chars().count() <= 1
                    || matches!(
                        part,
                        "Th" | "Yu"
                            | "Ch"
                            | "Ph"
                            | "Sh"
                            | "Zh"
                            | "Kh"
                            | "Ju"
                            | "Ya"
                            | "Ye"
                            | "Fr"
                            | "Wm"
                            | "Chr"
                            | "Jr"
                            | "St"
                            | "Cl"
                            | "Md"
                    )
            })
    }

    /// Whether it can be a family name, or a given name that is written out.
    pub(super) fn is_name(&self) -> bool {
        let bare = self.bare();
        let letters = bare.chars().filter(|c| c.is_alphabetic()).count();
        let plain =
            bare.chars().all(|c| c.is_alphabetic() || "-‐‑–'’ʼ`´.".contains(c) || crate::quote::is_mark(c));
        let opening = matches!(
            bare,
            "The"
                | "An"
                | "On"
                | "In"
                | "For"
                | "How"
                | "What"
                | "Why"
                | "When"
                | "Where"
                | "Towards"
                | "Toward"
                | "From"
                | "Some"
                | "Of"
                | "And"
                | "With"
                | "Les"
                | "Une"
                | "Das"
                | "Die"
                | "Is"
                | "Are"
                | "At"
                | "By"
                | "Its"
                | "This"
                | "Does"
                | "Pour"
        );
        let apostrophe = ["d'", "d’", "l'", "l’", "al-", "el-", "de-", "’t", "'t", "o’", "‘t"]
            .iter()
            .any(|start| bare.starts_with(start));
        letters >= 2
            && plain
            && !opening
            && (bare.starts_with(char::is_uppercase) || apostrophe)
            && bare.len() <= 60
    }

    /// Whether it is a particle of names.
    pub(super) fn is_particle(&self) -> bool {
        self.stop.is_none()
            && is_particle(&self.body.to_lowercase())
            && (self.body.chars().next().is_some_and(char::is_lowercase)
                || matches!(
                    self.body,
                    "Van"
                        | "Von"
                        | "De"
                        | "Der"
                        | "Den"
                        | "Del"
                        | "Della"
                        | "Di"
                        | "Da"
                        | "Le"
                        | "La"
                        | "Ter"
                        | "Ten"
                        | "VAN"
                        | "DER"
                        | "DE"
                        | "VON"
                        | "LE"
                        | "LA"
                ))
    }

    /// Whether it is what follows names: `Jr.`, `III`.
    pub(super) fn is_suffix(&self) -> bool {
        matches!(self.bare(), "Jr" | "Sr" | "II" | "III" | "IV" | "Jnr" | "Snr" | "2nd" | "3rd")
    }
}

fn is_dotted_run(body: &str) -> bool {
    body.contains('.')
        && body.split(['.', '-', '‐', '–']).all(|part| part.chars().count() <= 1)
        && body.len() <= 16
}

/// The words of a text. A comma that is not followed by a space parts words as well, where letters follow it.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    let mut start = None;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        let parts = matches!(character, ',' | ';') && next.is_some_and(char::is_alphabetic);
        let end = at + character.len_utf8();
        match (character.is_whitespace(), start) {
            (true, Some(begin)) => {
                found.extend(word(text, begin, at));
                start = None;
            }
            (true, None) => {}
            (false, _) if parts => {
                found.extend(word(text, start.unwrap_or(at), end));
                start = None;
            }
            (false, None) => start = Some(at),
            (false, Some(_)) => {}
        }
    }
    if let Some(begin) = start {
        found.extend(word(text, begin, text.len()));
    }
    attached(found)
}

/// A comma that stands alone belongs to the word before it.
fn attached(words: Vec<Word<'_>>) -> Vec<Word<'_>> {
    let mut attached: Vec<Word<'_>> = Vec::with_capacity(words.len());
    for word in words {
        match attached.last_mut() {
            Some(last) if word.body.is_empty() && last.stop.is_none() => {
                (last.stop, last.end) = (word.stop, word.end)
            }
            _ => attached.push(word),
        }
    }
    attached
}

fn word(text: &str, start: usize, end: usize) -> Option<Word<'_>> {
    let whole = text.get(start..end)?;
    let body = whole.trim_end_matches([',', ';', ':']);
    let stop = whole.get(body.len()..)?.chars().next();
    Some(Word { body, stop, start, end })
}
