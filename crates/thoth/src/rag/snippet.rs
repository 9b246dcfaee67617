//! A piece of text around the words that were found, for people to see.

use std::ops::Range;

use super::rank::{Found, Place, Weights};
use super::sentences::sentences;

/// Bytes of text in a snippet, about two lines.
const SNIPPET_BYTES_MAX: usize = 280;

/// The part of `within` (bytes of `text`) that shows the most of what was asked, with what it is worth.
pub(super) fn best_part(
    text: &str,
    within: Range<usize>,
    found: &Found,
    weights: &Weights<'_>,
) -> (Range<usize>, f64) {
    let places: Vec<&Place> = found
        .places
        .iter()
        .filter(|place| within.start <= place.range.start && place.range.end <= within.end)
        .collect();
    let mut best = (within.start, 0.0);
    for (number, first) in places.iter().enumerate() {
        let end = first.range.start + SNIPPET_BYTES_MAX * 3 / 4;
        let mut seen: Vec<usize> = Vec::new();
        let mut worth = 0.0;
        for place in places.iter().skip(number).take_while(|place| place.range.end <= end) {
            let rarity = weights.rarity.get(place.term).copied().unwrap_or(0.0);
            worth += if seen.contains(&place.term) { rarity * 0.1 } else { rarity };
            seen.push(place.term);
        }
        if worth > best.1 {
            best = (first.range.start, worth);
        }
    }
    (around(text, within, best.0), best.1)
}

/// Whole words around `from`: from the beginning of its sentence, if that is near.
fn around(text: &str, within: Range<usize>, from: usize) -> Range<usize> {
    let body = text.get(within.clone()).unwrap_or_default();
    let sentence = sentences(body)
        .into_iter()
        .map(|range| range.start + within.start)
        .take_while(|start| *start <= from)
        .last()
        .unwrap_or(within.start);
    let start = if from - sentence <= SNIPPET_BYTES_MAX / 4 {
        sentence
    } else {
        let near = text.floor_char_boundary(from.saturating_sub(SNIPPET_BYTES_MAX / 8));
        text.get(near..from).and_then(|gap| gap.find(char::is_whitespace)).map_or(from, |gap| near + gap + 1)
    };
    let end = text.floor_char_boundary(within.end.min(start + SNIPPET_BYTES_MAX));
    if end == within.end {
        return start..end;
    }
    let cut =
        text.get(start..end).and_then(|part| part.rfind(char::is_whitespace)).map_or(end, |at| start + at);
    start..cut
}

/// A part of a text as HTML: the found words in `<mark>`, everything else escaped, `…` where text was left out.
pub(super) fn marked(text: &str, part: Range<usize>, within: Range<usize>, found: &Found) -> String {
    let mut html = String::new();
    if part.start > within.start {
        html.push('…');
    }
    let mut at = part.start;
    for place in
        found.places.iter().filter(|place| part.start <= place.range.start && place.range.end <= part.end)
    {
        escape(text.get(at..place.range.start).unwrap_or_default(), &mut html);
        html.push_str("<mark>");
        escape(text.get(place.range.clone()).unwrap_or_default(), &mut html);
        html.push_str("</mark>");
        at = place.range.end;
    }
    escape(text.get(at..part.end).unwrap_or_default(), &mut html);
    if part.end < within.end {
        html.push('…');
    }
    html
}

fn escape(text: &str, html: &mut String) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(character),
        }
    }
}
