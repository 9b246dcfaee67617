//! Where sentences end.

use std::ops::Range;

/// Words, in lower case and without their last full stop, after which a full stop ends no sentence.
const ABBREVIATIONS: &[&str] = &[
    "al", "app", "approx", "ca", "cf", "ch", "chap", "dr", "e.g", "eg", "eq", "eqn", "eqns", "eqs", "et",
    "etc", "ex", "fig", "figs", "i.e", "ie", "inc", "jr", "ltd", "mr", "mrs", "ms", "no", "nos", "pp",
    "prof", "ref", "refs", "resp", "sec", "sect", "st", "suppl", "tab", "viz", "vol", "vs",
];

/// The sentences of a paragraph, in order, as byte ranges without the white space around them. Together they hold
/// everything but white space. In doubt two sentences stay one.
pub(super) fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let mut end = at + character.len_utf8();
        if matches!(character, '。' | '！' | '？') {
            push(text, start..end, &mut found);
            start = end;
            continue;
        }
        if !matches!(character, '.' | '!' | '?') {
            continue;
        }
        while let Some((_, closing)) = characters.next_if(|(_, next)| closes(*next)) {
            end += closing.len_utf8();
        }
        let rest = text.get(end..).unwrap_or_default();
        let abbreviated = character == '.' && is_abbreviation(text.get(start..at).unwrap_or_default());
        if rest.starts_with(char::is_whitespace) && begins_sentence(rest) && !abbreviated {
            push(text, start..end, &mut found);
            start = end;
        }
    }
    push(text, start..text.len(), &mut found);
    found
}

/// Whether the text ends as a sentence does.
pub(super) fn is_ended(text: &str) -> bool {
    let ends = |character: char| matches!(character, '.' | '!' | '?' | '。' | '！' | '？' | ':');
    text.trim_end().chars().rev().take_while(|character| closes(*character) || ends(*character)).any(ends)
}

/// Whether the text begins as a sentence does: not in the middle of one that began on another page.
pub(super) fn is_begun(text: &str) -> bool {
    begins_sentence(text)
}

fn closes(character: char) -> bool {
    matches!(character, ')' | ']' | '}' | '"' | '\'' | '”' | '’' | '»' | '.' | '!' | '?')
}

fn begins_sentence(text: &str) -> bool {
    let first =
        text.trim_start().chars().find(|character| !matches!(character, '"' | '“' | '‘' | '«' | '(' | '['));
    first.is_some_and(|character| character.is_alphanumeric() && !character.is_lowercase())
}

/// Whether the full stop after `before` belongs to an abbreviation or to an initial.
fn is_abbreviation(before: &str) -> bool {
    let word = before.rsplit(|character: char| character.is_whitespace() || "([{".contains(character)).next();
    let word = word.unwrap_or_default();
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    initial || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

fn push(text: &str, range: Range<usize>, found: &mut Vec<Range<usize>>) {
    let raw = text.get(range.clone()).unwrap_or_default();
    let trimmed = raw.trim();
    if !trimmed.is_empty() {
        let start = range.start + (raw.len() - raw.trim_start().len());
        found.push(start..start + trimmed.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_of_papers() {
        for (text, expected) in [
            ("One. Two! Three? four", vec!["One.", "Two!", "Three? four"]),
            (
                "As in Fig. 2 of Smith et al. (2010). It is 3.5 m.",
                vec!["As in Fig. 2 of Smith et al. (2010).", "It is 3.5 m."],
            ),
            (
                "By J. K. Rowling, e.g. Harry. “Then” he left.",
                vec!["By J. K. Rowling, e.g. Harry.", "“Then” he left."],
            ),
            (
                "It holds (see above.) Next one [3]. 12 of them.",
                vec!["It holds (see above.)", "Next one [3].", "12 of them."],
            ),
            ("这是一。这是二。", vec!["这是一。", "这是二。"]),
            ("   ", vec![]),
            ("", vec![]),
        ] {
            let found: Vec<&str> = sentences(text).into_iter().map(|range| &text[range]).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn ends_and_beginnings() {
        assert!(is_ended("It is so. ") && is_ended("(He said “no.”)") && !is_ended("and then the"));
        assert!(is_begun("The") && is_begun("(A") && is_begun("12 of") && !is_begun("which was"));
    }

    proptest::proptest! {
        #[test]
        fn nothing_but_white_space_is_lost(text in "[a-zA-Zé0-9.!? )\"\n。]{0,120}") {
            let kept: String = sentences(&text).into_iter().map(|range| text[range].to_owned()).collect();
            let squeeze = |text: &str| text.split_whitespace().collect::<String>();
            proptest::prop_assert_eq!(squeeze(&kept), squeeze(&text));
        }
    }
}
