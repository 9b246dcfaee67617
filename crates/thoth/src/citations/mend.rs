//! What the engine of styles gets wrong, put right before and after it.
//!
//! - It puts titles that are not English into English title case, because it takes a work without a language for one
//!   in English.
//! - In title case, and at the beginning of a field, it changes the capitals within a word (`LLMs` becomes `Llms`),
//!   which the rules forbid: <https://docs.citationstyles.org/en/stable/specification.html#title-case-conversion>.
//! - Where a date has a year and no month, the comma between them stays.

use serde_json::{Value, json};

/// Words by which a title shows that it is English, or that it is not.
const ENGLISH: [&str; 14] =
    ["the", "of", "and", "in", "for", "with", "on", "an", "to", "from", "by", "is", "are", "at"];
const OTHERS: [&str; 34] = [
    "der", "die", "das", "und", "für", "von", "den", "dem", "des", "ein", "eine", "einer", "zur", "zum",
    "über", "im", "le", "la", "les", "du", "et", "une", "dans", "sur", "el", "los", "las", "del", "y",
    "della", "di", "het", "een", "och",
];

/// The work as the engine is to take it.
pub(super) fn beforehand(work: &Value) -> Value {
    let mut work = work.clone();
    let title = work.get("title").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let words = || title.split(|c: char| !c.is_alphanumeric());
    let is_other = words().any(|word| OTHERS.contains(&word)) && !words().any(|word| ENGLISH.contains(&word));
    if is_other && let Some(fields) = work.as_object_mut() {
        // «Undetermined», and so not English.
        fields.entry("language").or_insert_with(|| json!("und"));
    }
    work
}

/// Commas, points and blanks where none belongs, and what there must be.
const COMMAS: [(&str, &str); 9] = [
    (".”,.", ".”"),
    (".”.", ".”"),
    (",)", ")"),
    (",.", "."),
    ("?.", "?"),
    ("!.", "!"),
    ("?”.", "?”"),
    ("?*.", "?*"),
    (" : ", ": "),
];

/// What is to be put right in the text of one work.
#[derive(Default)]
pub(super) struct Mends {
    commas: Vec<(&'static str, &'static str)>,
    /// Words with capitals of their own.
    words: Vec<String>,
}

impl Mends {
    /// Where a work has such a comma itself, commas are left alone.
    pub(super) fn new(work: &Value) -> Self {
        let fields = work.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
        let own: Vec<&str> = fields.collect();
        let commas = COMMAS.into_iter().filter(|(slip, _)| !own.iter().any(|text| text.contains(slip)));
        let mut words: Vec<String> = own
            .iter()
            .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()))
            .filter(|word| is_mixed(word))
            .map(str::to_owned)
            .collect();
        words.sort_unstable();
        words.dedup();
        Self { commas: commas.collect(), words }
    }

    /// The text, put right.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut right = text.to_owned();
        for (slip, mended) in &self.commas {
            right = right.replace(slip, mended);
        }
        if self.words.is_empty() {
            return right;
        }
        let mut out = String::with_capacity(right.len());
        let mut rest = right.as_str();
        while !rest.is_empty() {
            let word: &str = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            if word.is_empty() {
                let other = rest.chars().next().map_or(rest.len(), char::len_utf8);
                out.push_str(rest.get(..other).unwrap_or_default());
                rest = rest.get(other..).unwrap_or_default();
                continue;
            }
            // A word that stands in the work so, is right as it is.
            let is = |own: &&String| own.as_str() == word;
            let means = |own: &&String| own.to_lowercase() == word.to_lowercase();
            let own = self.words.iter().find(is).or_else(|| self.words.iter().find(means));
            out.push_str(own.map_or(word, String::as_str));
            rest = rest.get(word.len()..).unwrap_or_default();
        }
        out
    }
}

/// Whether a word has a capital behind its beginning, and a small letter too.
fn is_mixed(word: &str) -> bool {
    word.chars().skip(1).any(char::is_uppercase) && word.chars().any(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_within_words_come_back_and_nothing_else_changes() {
        let check = |title: &str, text: &str, right: &str| {
            assert_eq!(Mends::new(&json!({ "id": "x", "title": title })).apply(text), right);
        };
        check("LLMs for mRNA on iOS", "Llms for Mrna on Ios", "LLMs for mRNA on iOS");
        check("arXiv:1234", "ArXiv:1234", "arXiv:1234");
        check("NASA at work", "NASA at Work", "NASA at Work");
        check("A title", "(2024,). “A title.”,. x,.", "(2024). “A title.” x.");
        check("f(x,) ends", "f(x,) ends, (2024,).", "f(x,) ends, (2024,).");
        check("Über McÉ", "über mcÉ – ü", "über McÉ – ü");
    }

    #[test]
    fn a_title_that_is_not_english_is_told_to_the_engine() {
        let check = |title: &str, told: bool| {
            assert_eq!(beforehand(&json!({ "title": title })).get("language").is_some(), told, "{title}");
        };
        check("Die Entwicklung der Bienen", true);
        check("L'évolution du langage", true);
        check("The evolution of die casting", false);
        check("Deep learning", false);
    }
}
