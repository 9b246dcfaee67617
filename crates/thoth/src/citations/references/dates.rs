//! The year of an entry.

use super::lexicon::is_month;
use std::ops::Range;

/// Years that a work can be of.
const YEARS: std::ops::RangeInclusive<i32> = 1400..=2100;

/// A year, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Year {
    /// The year.
    pub value: i32,
    /// The number and the letter behind it, in bytes of the text.
    pub span: Range<usize>,
}

/// Whether a text has a number that can be a year.
pub(super) fn has_year(text: &str) -> bool {
    !years(text).is_empty()
}

/// All numbers of a text that can be years.
pub(super) fn years(text: &str) -> Vec<Year> {
    let mut found = Vec::new();
    let mut digits = 0;
    for (at, character) in text.char_indices().chain([(text.len(), ' ')]) {
        if character.is_ascii_digit() {
            digits += 1;
            continue;
        }
        if digits == 4
            && let Some(year) = year_at(text, at - 4)
        {
            found.push(year);
        }
        digits = 0;
    }
    found
}

fn year_at(text: &str, start: usize) -> Option<Year> {
    let value: i32 = text.get(start..start + 4)?.parse().ok()?;
    let before = text.get(..start)?.chars().last().unwrap_or(' ');
    let after = text.get(start + 4..)?;
    let letter = after.starts_with(|c: char| c.is_ascii_lowercase())
        && !after.chars().nth(1).is_some_and(char::is_alphanumeric);
    let inside = before.is_alphanumeric()
        || "/_=".contains(before)
        || before == '.' && text.get(..start)?.chars().rev().nth(1).is_some_and(|c| c.is_ascii_digit());
    let glued = !letter && after.starts_with(|c: char| c.is_alphanumeric() || "/_=".contains(c));
    let usable = YEARS.contains(&value) && !inside && !glued;
    usable.then(|| Year { value, span: start..start + 4 + usize::from(letter) })
}

/// The year of publication. `names_end` is where the names end; `barred` are addresses, identifiers and the quoted
/// title.
pub(super) fn year(text: &str, names_end: usize, barred: &[Range<usize>]) -> Option<Year> {
    let free =
        years(text).into_iter().filter(|year| !barred.iter().any(|range| range.contains(&year.span.start)));
    let judged = free.map(|year| (plausibility(text, &year, names_end), year));
    // Of equals the last one: conferences have the year in their names.
    let best = judged.max_by_key(|(points, year)| (*points, year.span.start))?;
    (best.0 > -4).then_some(best.1)
}

fn plausibility(text: &str, year: &Year, names_end: usize) -> i32 {
    let before = text.get(..year.span.start).unwrap_or_default();
    let after = text.get(year.span.end..).unwrap_or_default();
    let near = before.trim_end();
    let mut points = 0;
    if in_parentheses(before, after) {
        points += 4;
    }
    let between = text.get(names_end..year.span.start).unwrap_or("…");
    if names_end > 0 && between.chars().all(|c| !c.is_alphanumeric()) {
        points += 6;
    }
    let word = near.rsplit(' ').next().unwrap_or_default();
    if is_month(word) {
        points += 2;
    }
    let next = after.trim_start().chars().next();
    points += match next {
        None => 2,
        Some('.') => 2,
        Some(',' | ';' | ':' | ')') => 1,
        Some(c) if c.is_lowercase() => -2,
        Some('-' | '–' | '—') => -3,
        Some(_) => 0,
    };
    if near.ends_with([',', '.', ';', '(', ':']) {
        points += 1;
    }
    if near.ends_with(['-', '–', '—', '#', '°'])
        || word.ends_with(|c: char| c.is_lowercase()) && !is_month(word)
    {
        points -= 3;
    }
    let label = word.trim_start_matches('(').trim_end_matches('.').to_lowercase();
    if matches!(label.as_str(), "pp" | "p" | "pages" | "page" | "vol" | "no" | "volume" | "number" | "art") {
        points -= 6;
    }
    if is_visit(near) {
        points -= 6;
    }
    if year.value > 2035 {
        points -= 3;
    }
    points
}

/// Whether a year stands in parentheses with nothing but parts of a date.
fn in_parentheses(before: &str, after: &str) -> bool {
    let Some(open) = before.rfind(['(', '[']) else { return false };
    let inside = before.get(open + 1..).unwrap_or_default();
    let Some(close) = after.find([')', ']']) else { return false };
    let behind = after.get(..close).unwrap_or_default();
    let date = |text: &str| {
        text.len() < 30
            && text.split([' ', ',', '.', '/', '-', '–']).all(|word| {
                word.is_empty() || is_month(word) || word.bytes().all(|byte| byte.is_ascii_digit())
            })
    };
    !inside.contains([')', ']']) && date(inside) && date(behind)
}

/// Whether what stands before a date says that the page was looked at then.
fn is_visit(before: &str) -> bool {
    let tail: Vec<&str> = before.rsplit(' ').take(5).collect();
    let visit = [
        "accessed",
        "retrieved",
        "visited",
        "cited",
        "checked",
        "viewed",
        "consulté",
        "abgerufen",
        "consulted",
    ];
    tail.iter().any(|word| {
        let bare: String = word.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
        visit.contains(&bare.as_str())
    })
}
