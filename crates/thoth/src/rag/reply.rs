//! A model's written reply, taken apart: sentences, and in them citations with the quotes they carry.
//!
//! The form asked for is `… 125 GeV [1: "verbatim words"].`, several numbers or forms of marks are understood too:
//! `[1] "words"`, `"words" [1]`, `[passage 1: words]`, and a list of lines `[1] "words"` at the end.

use std::collections::BTreeMap;

use super::sentences::{self, is_begun, is_ended};

/// A line of a reply, as sentences.
pub(super) type Line = Vec<Sentence>;

/// A sentence, in its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sentence {
    pub(super) parts: Vec<Part>,
}

/// A part of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Words as written.
    Text(String),
    /// A citation: passages by number from 1, and what was said to stand in them.
    Citation { numbers: Vec<usize>, quotes: Vec<String> },
}

/// Characters of a reply that are looked at; what is beyond is dropped. Far more than `rag.qa.maxTokens` gives.
const REPLY_CHARS_MAX: usize = 200_000;
/// Digits of a passage's number, at most.
const DIGITS_MAX: usize = 3;

/// Takes a reply apart.
pub(super) fn parse(reply: &str) -> Vec<Line> {
    let reply: String = without_thoughts(reply).chars().take(REPLY_CHARS_MAX).collect();
    let mut listed: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut body: Vec<Vec<Part>> = Vec::new();
    for line in reply.lines().map(str::trim_end).filter(|line| !line.trim_start().starts_with("```")) {
        let parts = parts_of(line);
        match list_entry(&parts) {
            Some((number, quote)) => listed.entry(number).or_default().push(quote),
            None => body.push(parts),
        }
    }
    if !listed.is_empty() {
        drop_heading_of_list(&mut body);
    }
    body.into_iter().map(|parts| sentences_of(parts, &listed)).collect()
}

/// The reply without the block in which some reasoning models think aloud.
fn without_thoughts(reply: &str) -> &str {
    let trimmed = reply.trim();
    match trimmed.rsplit_once("</think>") {
        Some((_, answer)) => answer.trim(),
        None => trimmed,
    }
}

/// A line of the list of quotes: a single citation with a quote, and no words of its own.
fn list_entry(parts: &[Part]) -> Option<(usize, String)> {
    let mut entry = None;
    for part in parts {
        match part {
            Part::Text(text) if text.chars().all(|c| c.is_whitespace() || "-*•.:>".contains(c)) => {}
            Part::Citation { numbers, quotes } if entry.is_none() => match (&numbers[..], &quotes[..]) {
                ([number], [quote]) => entry = Some((*number, quote.clone())),
                _ => return None,
            },
            _ => return None,
        }
    }
    entry
}

/// The last line of the body is a heading of the list that stood below it: `Quotes:`, `**Sources**`.
fn drop_heading_of_list(body: &mut Vec<Vec<Part>>) {
    while body.last().is_some_and(|parts| parts.is_empty()) {
        body.pop();
    }
    if let Some([Part::Text(text)]) = body.last().map(Vec::as_slice) {
        let word = text.trim_matches(|c: char| !c.is_alphabetic()).to_lowercase();
        if ["quotes", "sources", "references", "citations", "passages"].contains(&word.as_str()) {
            body.pop();
        }
    }
}

/// A line, as text and citations.
fn parts_of(line: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        match (first == '[').then(|| citation(rest)).flatten() {
            Some((citation, after)) => {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(citation);
                rest = after;
            }
            None => {
                text.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    parts
}

/// A citation at the head of `text`, and what follows it.
fn citation(text: &str) -> Option<(Part, &str)> {
    let inside = text.strip_prefix('[')?.trim_start();
    let word = inside.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(inside.len());
    let (word, mut rest) = inside.split_at_checked(word)?;
    if !["", "p", "passage", "passages", "source", "sources"].contains(&word.to_ascii_lowercase().as_str()) {
        return None;
    }
    let mut numbers = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', ',', ';', '#']);
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at_checked(digits)?;
        if number.is_empty() {
            break;
        }
        numbers.push(number.parse().ok().filter(|_| number.len() <= DIGITS_MAX)?);
        rest = after;
    }
    if numbers.is_empty() {
        return None;
    }
    let (content, mut after) = closing(rest)?;
    let mut quotes = Vec::new();
    let content = content.trim_start_matches([' ', ':', '-', '–', '—', '|']).trim();
    if !content.is_empty() {
        quotes.push(content.to_owned());
    } else if let Some((quote, beyond)) = quote_after(after) {
        quotes.push(quote.to_owned());
        after = beyond;
    }
    Some((Part::Citation { numbers, quotes }, after))
}

/// What stands before the bracket that closes a citation, and what stands behind it. In a quoted content only a
/// bracket right after a quotation mark counts, else the one that matches.
fn closing(text: &str) -> Option<(&str, &str)> {
    let content = text.trim_start_matches([' ', ':', '-', '–', '—', '|']);
    if content.starts_with(is_mark) {
        for (place, _) in text.match_indices(']') {
            let before = text.get(..place)?.trim_end();
            if before.ends_with(is_mark) && before.len() > text.len() - content.len() + 1 {
                return Some((text.get(..place)?, text.get(place + 1..)?));
            }
        }
    }
    let mut depth = 0_usize;
    for (place, character) in text.char_indices() {
        match character {
            '[' => depth += 1,
            ']' if depth == 0 => return Some((text.get(..place)?, text.get(place + 1..)?)),
            ']' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// A quote that follows a bare citation: `[1] "words"`, `[1]: "words"`, `[1] ("words")`.
fn quote_after(text: &str) -> Option<(&str, &str)> {
    let opened = text.trim_start_matches([' ', ':', '(']);
    let bracketed = text.get(..text.len() - opened.len())?.contains('(');
    let inside = opened.strip_prefix(['"', '“', '„', '«'])?;
    let end = inside.find(['"', '”', '»'])?;
    let (quote, after) = inside.split_at_checked(end)?;
    let mut characters = after.chars();
    characters.next();
    let after = characters.as_str();
    Some((quote, if bracketed { after.strip_prefix(')').unwrap_or(after) } else { after }))
}

fn is_mark(character: char) -> bool {
    matches!(character, '"' | '“' | '”' | '„' | '«' | '»' | '\'' | '‘' | '’')
}

/// The sentences of a line. A citation behind a full stop belongs to the sentence before it. One without a quote
/// gets those of the list, or what its sentence quotes.
fn sentences_of(parts: Vec<Part>, listed: &BTreeMap<usize, Vec<String>>) -> Line {
    let mut line = vec![Sentence::default()];
    let mut ended = false;
    for part in parts {
        match part {
            Part::Text(text) => {
                for piece in pieces(&text) {
                    // White space, or the stop behind a citation, still belongs to the sentence before.
                    let words = piece.chars().any(char::is_alphanumeric);
                    if ended && words && is_begun(piece) {
                        line.push(Sentence::default());
                    }
                    ended = is_ended(piece) || (ended && !words);
                    if let Some(sentence) = line.last_mut() {
                        sentence.parts.push(Part::Text(piece.to_owned()));
                    }
                }
            }
            citation @ Part::Citation { .. } => {
                if let Some(sentence) = line.last_mut() {
                    sentence.parts.push(citation);
                }
            }
        }
    }
    for sentence in &mut line {
        complete(sentence, listed);
    }
    line
}

fn complete(sentence: &mut Sentence, listed: &BTreeMap<usize, Vec<String>>) {
    let quoted: Vec<String> = sentence
        .parts
        .iter()
        .filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None })
        .collect::<String>()
        .split(['"', '“', '”', '«', '»'])
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    for part in &mut sentence.parts {
        if let Part::Citation { numbers, quotes } = part
            && quotes.is_empty()
        {
            quotes.extend(numbers.iter().filter_map(|number| listed.get(number)).flatten().cloned());
            quotes.extend(quoted.iter().cloned());
        }
    }
}

/// A text, cut behind each end of a sentence.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let ranges = sentences::sentences(text);
    for range in ranges.split_last().map_or(&[][..], |(_, before)| before) {
        pieces.extend(text.get(start..range.end));
        start = range.end;
    }
    pieces.extend(text.get(start..).filter(|rest| !rest.is_empty()));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply in a short form: sentences between `|`, citations as `<numbers=quotes>`, lines apart.
    fn shown(reply: &str) -> Vec<String> {
        let sentence = |sentence: &Sentence| -> String {
            let part = |part: &Part| match part {
                Part::Text(text) => text.clone(),
                Part::Citation { numbers, quotes } => format!("<{numbers:?}={}>", quotes.join("/")),
            };
            sentence.parts.iter().map(part).collect()
        };
        parse(reply).iter().map(|line| line.iter().map(sentence).collect::<Vec<_>>().join("|")).collect()
    }

    #[test]
    fn citations_are_understood_in_every_form_that_models_use() {
        let table: [(&str, &[&str]); 17] = [
            ("It is big [1: \"very big\"].", &["It is big <[1]=\"very big\">."]),
            ("It is big. [1: “very big”] So it falls.", &["It is big. <[1]=“very big”>| So it falls."]),
            ("It is [1, 2: \"very big\"] big", &["It is <[1, 2]=\"very big\"> big"]),
            (
                "It is big [1][2].\n[1] \"very big\"\n[2]: \"huge thing\"",
                &["It is big <[1]=very big><[2]=huge thing>."],
            ),
            ("Big [1].\n**Quotes:**\n- [1] \"very big\"", &["Big <[1]=very big>."]),
            ("It is big [1] (\"very big\").", &["It is big <[1]=very big>."]),
            ("They say \"very big\" [2].", &["They say \"very big\" <[2]=very big>."]),
            ("Big [passage 3: very big].", &["Big <[3]=very big>."]),
            ("Big [1: \"as in [12] and \"so\" on\"].", &["Big <[1]=\"as in [12] and \"so\" on\">."]),
            ("Big [1: as in [12] shown].", &["Big <[1]=as in [12] shown>."]),
            ("A [link](x) and [x] stay.", &["A [link](x) and [x] stay."]),
            ("Open [1: \"never closed", &["Open [1: \"never closed"]),
            ("[1234567: \"too long\"] no", &["[1234567: \"too long\"] no"]),
            ("<think>[1: \"no\"]</think>\nYes.", &["Yes."]),
            (
                "A et al. Found it. B. Smith saw 1.5 GeV. Then e.g. This.",
                &["A et al. Found it.| B. Smith saw 1.5 GeV.| Then e.g. This."],
            ),
            ("```\nOne [1].\n```", &["One <[1]=>."]),
            ("", &[]),
        ];
        for (reply, expected) in table {
            assert_eq!(shown(reply), expected, "{reply}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_a_model_writes_breaks_the_parser(reply in "[\\[\\]\"“”1-3 .:a-c\\n()]{0,80}") {
            let kept: String = shown(&reply).concat();
            proptest::prop_assert!(kept.len() <= reply.len() * 8 + 16);
        }
    }
}
