//! What stands on pages but is not the paper's text: running heads, page numbers, line numbers of manuscripts.

use super::lines::Line;
use std::collections::HashMap;

/// Share of the page's height, at its top and its bottom, in which running heads and feet stand.
const MARGIN: f32 = 0.12;
/// Line numbers on one page, at least.
const LINE_NUMBERS_MIN: usize = 12;

/// Takes the furniture out of the pieces of all pages. `heights` are those of the pages; `body_size` is the size of
/// ordinary text: what is clearly larger is a title, which a running head merely repeats.
pub(crate) fn clear(pages: &mut [Vec<Line>], heights: &[f32], body_size: f32) {
    let repeated = repeated(pages, heights, body_size);
    for (pieces, height) in pages.iter_mut().zip(heights) {
        let numbers = line_numbers(pieces);
        let labels = labels(pieces, *height, &repeated);
        let mut at = 0;
        pieces.retain(|piece| {
            at += 1;
            let Some(zone) = zone(piece, *height) else {
                return !is_line_number(piece, numbers);
            };
            let small = piece.size <= 1.15 * body_size;
            let page_number = is_page_number(&piece.text()) && !labels.contains(&(at - 1));
            let furniture = page_number || repeated.contains_key(&(zone, key(piece)));
            !(small && furniture || is_line_number(piece, numbers))
        });
    }
}

/// The numbers in the margins that stand close before a line of text: a label of an item or an entry, not of the page.
fn labels(pieces: &[Line], height: f32, repeated: &HashMap<(Zone, String), usize>) -> Vec<usize> {
    let texts: Vec<&Line> = pieces
        .iter()
        .filter(|piece| {
            let Some(zone) = zone(piece, height) else { return false };
            piece.marks.len() > 20 && !repeated.contains_key(&(zone, key(piece)))
        })
        .collect();
    let before_text = |piece: &Line| {
        texts.iter().any(|text| {
            let gap = text.x0 - piece.x1;
            (text.y - piece.y).abs() < 0.3 * text.size && gap > 0.0 && gap < 2.5 * text.size
        })
    };
    let short = |piece: &Line| piece.marks.len() <= 5 && zone(piece, height).is_some();
    let found = pieces.iter().enumerate().filter(|(_, piece)| short(piece) && before_text(piece));
    found.map(|(at, _)| at).collect()
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Zone {
    Top,
    Bottom,
}

fn zone(piece: &Line, height: f32) -> Option<Zone> {
    if piece.bottom() < MARGIN * height {
        Some(Zone::Top)
    } else if piece.top() > (1.0 - MARGIN) * height {
        Some(Zone::Bottom)
    } else {
        None
    }
}

/// What two running heads have in common although their page numbers differ.
fn key(piece: &Line) -> String {
    piece.text().chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect()
}

fn repeated(pages: &[Vec<Line>], heights: &[f32], body_size: f32) -> HashMap<(Zone, String), usize> {
    let mut count: HashMap<(Zone, String), usize> = HashMap::new();
    for (pieces, height) in pages.iter().zip(heights) {
        let mut on_page: Vec<(Zone, String)> = pieces
            .iter()
            .filter(|piece| piece.size <= 1.15 * body_size)
            .filter_map(|piece| Some((zone(piece, *height)?, key(piece))))
            .filter(|(_, key)| key.chars().count() >= 2)
            .collect();
        on_page.sort_by(|a, b| a.1.cmp(&b.1));
        on_page.dedup();
        for key in on_page {
            *count.entry(key).or_default() += 1;
        }
    }
    let least = if pages.len() < 6 { 2 } else { 3 };
    count.retain(|_, pages| *pages >= least);
    count
}

/// Whether a text in the margin is nothing but a page's number: `12`, `xii`, `- 3 -`, `Page 3 of 12`, `3/21`.
fn is_page_number(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut numbers = 0;
    for word in words {
        let roman = word.chars().all(|c| "ivxl".contains(c));
        if word.len() <= 5 && (word.chars().all(|c| c.is_ascii_digit()) || roman) {
            numbers += 1;
        } else if !matches!(word, "page" | "of" | "p" | "pp" | "seite") {
            return false;
        }
    }
    (1..=2).contains(&numbers)
}

/// The right edge at which a manuscript's line numbers stand, if the page has them.
fn line_numbers(pieces: &[Line]) -> Option<f32> {
    let mut edges: HashMap<i32, usize> = HashMap::new();
    for piece in pieces.iter().filter(|piece| is_number(piece)) {
        *edges.entry(piece.x1.round() as i32).or_default() += 1;
    }
    let (edge, count) = edges.into_iter().max_by_key(|(edge, count)| (*count, -edge))?;
    let left =
        pieces.iter().filter(|piece| !is_number(piece)).map(|piece| piece.x0).min_by(f32::total_cmp)?;
    (count >= LINE_NUMBERS_MIN && (edge as f32) < left + 1.0).then_some(edge as f32)
}

fn is_number(piece: &Line) -> bool {
    let mut marks = piece.marks.iter();
    piece.marks.len() <= 4 && marks.all(|mark| mark.character.is_ascii_digit())
}

fn is_line_number(piece: &Line, edge: Option<f32>) -> bool {
    edge.is_some_and(|edge| is_number(piece) && (piece.x1 - edge).abs() < 1.5)
}
