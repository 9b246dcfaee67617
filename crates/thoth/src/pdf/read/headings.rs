//! Which blocks are headings, and how deep.

use super::blocks::{Block, BodyLook};
use super::lines::{Line, TAB};

/// Words of a heading at most.
const HEADING_WORDS_MAX: usize = 20;
/// Lines of a heading at most.
const HEADING_LINES_MAX: usize = 3;

/// A block that looks like a heading.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Heading {
    /// The words without the number.
    pub title: String,
    /// Depth by its number: `2.1` is 2; [`None`] without a number.
    pub depth: Option<u8>,
    /// How it is set.
    pub style: Style,
}

/// How a heading is set: what is set alike is of one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Style {
    /// Size in halves of a point.
    pub half_points: i32,
    /// Capitals only.
    pub capitals: bool,
    /// Bold.
    pub bold: bool,
    /// Upright, not italic.
    pub upright: bool,
}

impl Style {
    /// Whether it differs from ordinary text by more than italics.
    pub(crate) fn stands_out(&self, body_size: f32) -> bool {
        self.bold || self.capitals || self.half_points as f32 > 2.16 * body_size
    }
}

/// Reads a block as a heading, if it can be one.
pub(crate) fn heading(block: &Block, body: &BodyLook) -> Option<Heading> {
    let line = block.line()?;
    let text = block.text();
    let words = text.split(' ').count();
    if block.lines.len() > HEADING_LINES_MAX || words > HEADING_WORDS_MAX || text.chars().count() > 160 {
        return None;
    }
    if letter_size(line) < 0.84 * body.size || block.lines.iter().any(has_tab_after_label) {
        return None;
    }
    let (depth, title) = numbered(&text);
    let letters = title.chars().filter(|c| c.is_alphabetic()).count();
    let known = is_known(title);
    let opens = title.starts_with(|c: char| c.is_uppercase() || c.is_numeric() && depth.is_some()) || known;
    if letters < 3 || letters * 2 < title.chars().count() || !opens || is_caption(title) {
        return None;
    }
    let style = style(block, line);
    let distinct = style.stands_out(body.size);
    let ends = title.ends_with(['.', ',', ';', ':']) && !(known && words <= 4);
    if ends && !(title.ends_with('.') && distinct && depth.is_some() && words <= 8) {
        return None;
    }
    let set_apart = distinct || !style.upright && (depth.is_some() || words <= 10) || known && words <= 3;
    set_apart.then(|| Heading { title: title.trim_end_matches(['.', ':']).to_owned(), depth, style })
}

fn style(block: &Block, line: &Line) -> Style {
    let letters =
        || block.lines.iter().flat_map(|line| &line.marks).filter(|mark| mark.character.is_alphabetic());
    Style {
        half_points: (letter_size(line) * 2.0).round() as i32,
        capitals: letters().count() >= 4 && letters().all(|mark| !mark.character.is_lowercase()),
        bold: block.lines.iter().all(Line::is_bold),
        upright: !block.lines.iter().all(Line::is_italic),
    }
}

/// Size of the largest letters: small capitals stand beside full ones.
fn letter_size(line: &Line) -> f32 {
    let letters = line.marks.iter().filter(|mark| mark.character.is_alphabetic());
    letters.map(|mark| mark.size).fold(line.size, f32::max)
}

/// A wide gap anywhere but after the number means a table.
fn has_tab_after_label(line: &Line) -> bool {
    line.marks.iter().position(|mark| mark.character == TAB).is_some_and(|at| at > 8)
}

/// Whether a text begins as captions of tables and figures do.
pub(crate) fn is_caption(text: &str) -> bool {
    let mut words =
        text.split(|c: char| c.is_whitespace() || c == '.' || c == ':').filter(|word| !word.is_empty());
    let (Some(first), Some(second)) = (words.next(), words.next()) else {
        return false;
    };
    let first = first.to_lowercase();
    let named = matches!(
        first.as_str(),
        "figure" | "fig" | "table" | "tab" | "algorithm" | "listing" | "scheme" | "box" | "video" | "plate"
    );
    let roman = second.chars().all(|c| "IVXL".contains(c));
    named && (roman || second.trim_start_matches(['S', 'A', 'B']).starts_with(|c: char| c.is_ascii_digit()))
}

/// The headings that papers have whatever their style.
pub(crate) fn is_known(title: &str) -> bool {
    let name: String = title.to_lowercase().chars().filter(|c| c.is_alphabetic()).collect();
    matches!(
        name.as_str(),
        "abstract"
            | "summary"
            | "introduction"
            | "background"
            | "relatedwork"
            | "methods"
            | "method"
            | "methodology"
            | "materialsandmethods"
            | "results"
            | "resultsanddiscussion"
            | "evaluation"
            | "experiments"
            | "discussion"
            | "conclusion"
            | "conclusions"
            | "conclusionandfuturework"
            | "limitations"
            | "threatstovalidity"
            | "acknowledgement"
            | "acknowledgements"
            | "acknowledgment"
            | "acknowledgments"
            | "references"
            | "bibliography"
            | "literaturecited"
            | "appendix"
            | "funding"
            | "competinginterests"
            | "conflictofinterest"
            | "dataavailability"
            | "supportinginformation"
            | "authorcontributions"
    )
}

/// Takes the number off a heading: `3.2 Setup`, `IV. RESULTS`, `A. Data`, `Appendix B`.
fn numbered(text: &str) -> (Option<u8>, &str) {
    let Some((number, rest)) = text.split_once(' ') else {
        return (None, text);
    };
    let bare = number.trim_end_matches(['.', ')']);
    let closed = bare.len() < number.len();
    let parts: Vec<&str> = bare.split('.').collect();
    let arabic = parts
        .iter()
        .all(|part| !part.is_empty() && part.len() <= 2 && part.chars().all(|c| c.is_ascii_digit()));
    let depth = u8::try_from(parts.len()).unwrap_or(u8::MAX);
    if arabic && depth <= 5 {
        return (Some(depth), rest.trim_start());
    }
    let roman = bare.chars().all(|c| "IVX".contains(c)) && bare.len() <= 5;
    if roman && closed {
        return (Some(1), rest.trim_start());
    }
    let letter = bare.len() == 1 && bare.chars().all(|c| c.is_ascii_uppercase());
    if letter && closed {
        return (Some(2), rest.trim_start());
    }
    let appendix = parts.split_first().is_some_and(|(first, rest)| {
        first.len() == 1
            && first.chars().all(|c| c.is_ascii_uppercase())
            && !rest.is_empty()
            && rest.iter().all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
    });
    if appendix { (Some(depth), rest.trim_start()) } else { (None, text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_off_headings() {
        let check =
            |text: &str, depth: Option<u8>, title: &str| assert_eq!(numbered(text), (depth, title), "{text}");
        check("1 Introduction", Some(1), "Introduction");
        check("3.2. Setup of the study", Some(2), "Setup of the study");
        check("IV. RESULTS", Some(1), "RESULTS");
        check("B. Data", Some(2), "Data");
        check("A.1 Proofs", Some(2), "Proofs");
        check("A Tale of Two Rivers", None, "A Tale of Two Rivers");
        check("2014 was a good year", None, "2014 was a good year");
    }

    #[test]
    fn captions_are_known_by_their_words() {
        for caption in
            ["Figure 3: Herons", "Fig. 2 Herons", "TABLE IV", "Table S1. Herons", "Algorithm 1 Fishing"]
        {
            assert!(is_caption(caption), "{caption}");
        }
        for text in ["Figures of speech", "Table manners of herons", "Box office"] {
            assert!(!is_caption(text), "{text}");
        }
    }
}
