//! The title: the largest text above the abstract, with what the PDF says about itself as second voter.

use super::Front;
use super::junk::{is_junk_title, is_kind};
use crate::paper::{Field, Source};
use crate::pdf::read::lines::Line;
use crate::pdf::read::words::{Running, joined};
use crate::quote::fold;

/// Where the title stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    /// Its words.
    pub text: String,
    /// Page, counted from 1.
    pub page: u32,
    /// Left edge.
    pub x0: f32,
    /// Right edge.
    pub x1: f32,
    /// Upper edge.
    pub top: f32,
    /// Lower edge.
    pub bottom: f32,
    /// Size of its type.
    pub size: f32,
}

/// The title, and where it came from.
pub(super) fn title(front: &Front<'_>) -> Option<Field<String>> {
    let stated = [
        (&front.information.xmp_title, Source::Xmp),
        (&front.information.title, Source::DocumentInformation),
    ];
    let stated = stated.into_iter().find_map(|(title, source)| {
        let title = title.as_deref().filter(|title| !is_junk_title(title))?;
        Some(Field { value: title.to_owned(), source })
    });
    let printed = front.title.as_ref();
    match (printed, stated) {
        (Some(place), Some(stated))
            if !alike(&place.text, &stated.value) && is_printed(&stated.value, front) =>
        {
            Some(stated)
        }
        // Set in capitals, a title has lost its case; the stated one may have kept it.
        (Some(place), Some(stated))
            if letters(&place.text) == letters(&stated.value) && !has_lower(&place.text) =>
        {
            Some(stated)
        }
        (Some(place), _) => {
            Some(Field { value: place.text.clone(), source: Source::Layout { page: place.page } })
        }
        (None, Some(stated)) => Some(stated),
        (None, None) => None,
    }
}

/// Whether two titles share most of their words.
fn alike(title: &str, other: &str) -> bool {
    let (short, long) = (letters(title), letters(other));
    if short.contains(&long) || long.contains(&short) {
        return true;
    }
    let words =
        |text: &str| -> Vec<String> { text.split(' ').map(letters).filter(|word| word.len() > 2).collect() };
    let (words, others) = (words(title), words(other));
    let common = words.iter().filter(|word| others.contains(word)).count();
    common * 10 >= words.len().max(others.len()) * 6
}

fn has_lower(title: &str) -> bool {
    let lower = title.chars().filter(|c| c.is_lowercase()).count();
    lower * 2 > title.chars().filter(|c| c.is_alphabetic()).count()
}

fn letters(text: &str) -> String {
    fold(text).chars().filter(|c| c.is_alphanumeric()).collect()
}

fn is_printed(title: &str, front: &Front<'_>) -> bool {
    let text: String =
        front.blocks.iter().filter(|block| block.page() == 1).map(|block| letters(&block.text())).collect();
    text.contains(&letters(title))
}

/// The largest text of the first page that can be a title and stands above the abstract. Between equals the stated
/// title decides, then the order.
pub(crate) fn place(
    lines: &[Line],
    summary_top: Option<f32>,
    body_size: f32,
    height: f32,
    stated: &[&str],
) -> Option<Place> {
    let end = summary_top.unwrap_or(0.75 * height);
    let mut places = places(lines.iter().filter(|line| line.page == 1 && line.bottom() < end + 2.0));
    places.retain(|place| place.size > 1.05 * body_size && can_be_title(&place.text));
    let score = |place: &Place| {
        let words = place.text.split(' ').count();
        let length = match words {
            1 => 0.5,
            2 => 0.8,
            3 => 0.95,
            _ => 1.0,
        };
        let voted = stated.iter().any(|title| alike(&place.text, title));
        place.size * length * if voted { 2.0 } else { 1.0 }
    };
    places.into_iter().reduce(|best, place| if score(&place) > score(&best) { place } else { best })
}

fn can_be_title(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let lower = text.to_lowercase();
    let banner = lower.starts_with("http") || lower.starts_with("www.") || lower.starts_with("arxiv:");
    letters >= 6 && letters * 2 > text.chars().count() && !is_junk_title(text) && !banner
}

/// Pieces of one size under one another.
fn places<'l>(lines: impl Iterator<Item = &'l Line>) -> Vec<Place> {
    let mut lines: Vec<&Line> = lines.filter(|line| !is_kind(&line.text())).collect();
    lines.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.x0.total_cmp(&b.x0)));
    let mut groups: Vec<(Place, Vec<&Line>)> = Vec::new();
    for line in lines {
        let near = groups.iter_mut().rev().find(|(place, group)| {
            let last_y = group.last().map_or(0.0, |last| last.y);
            let alike = (place.size - line.size).abs() < 0.06 * place.size;
            let below = line.y - last_y < 1.9 * line.size;
            let beside = line.x0 < place.x1 + 3.0 * line.size && line.x1 > place.x0 - 3.0 * line.size;
            alike && below && beside
        });
        if let Some((place, group)) = near {
            place.x0 = place.x0.min(line.x0);
            place.x1 = place.x1.max(line.x1);
            place.bottom = place.bottom.max(line.bottom());
            group.push(line);
        } else {
            let place = Place {
                text: String::new(),
                page: line.page,
                x0: line.x0,
                x1: line.x1,
                top: line.top(),
                bottom: line.bottom(),
                size: line.size,
            };
            groups.push((place, vec![line]));
        }
    }
    let texts = groups.into_iter().map(|(place, group)| {
        let text = joined(group.iter().map(|line| Running::from(without_notes(line)))).text;
        Place { text, ..place }
    });
    texts.collect()
}

/// A title line without the raised marks at its end that refer to notes.
fn without_notes(line: &Line) -> String {
    let raised = |mark: &crate::pdf::read::lines::Mark| {
        mark.character.is_whitespace()
            || "*∗†‡§".contains(mark.character)
            || mark.size < 0.8 * line.size && mark.rise > 0.25 * line.size && !mark.character.is_alphabetic()
    };
    let kept = line.marks.iter().rposition(|mark| !raised(mark)).map_or(0, |last| last + 1);
    crate::pdf::read::characters::compose(line.marks.iter().take(kept).map(|mark| mark.character))
}
