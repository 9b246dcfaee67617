//! Where the list of references begins: below a heading that says so, or at the first label of a list after the text.

use super::Entry;
use super::cut;
use super::join::Hyphens;
use super::labels::label;
use super::rows::Row;

/// Headings of lists that are tried; a supplement or a chapter may have a list of its own.
const TITLES_MAX: usize = 12;
/// Entries that a list without a heading has at least.
const UNHEADED_MIN: usize = 5;
/// Beginnings of lists without a heading that are tried, from the end.
const UNHEADED_TRIED_MAX: usize = 12;

/// The entries of the longest list.
pub(super) fn entries(rows: &[Row]) -> Vec<Entry> {
    let hyphens = Hyphens::of(rows.iter().map(|row| row.text.as_str()));
    let below = rows.iter().zip(1..).filter(|(row, _)| is_title(&row.text)).map(|(_, next)| next);
    let mut titles: Vec<usize> = below.collect();
    let skipped = titles.len().saturating_sub(TITLES_MAX);
    let lists = titles.drain(skipped..).flat_map(|at| {
        let below = cut::entries(rows.get(at..).unwrap_or_default(), &hyphens);
        let beside = beside(rows, at).map(|rows| cut::entries(&rows, &hyphens));
        [Some(below), beside]
    });
    let mut longest: Vec<Entry> = Vec::new();
    for list in lists.flatten() {
        if list.len() > longest.len() {
            longest = list;
        }
    }
    if longest.is_empty() { unheaded(rows, &hyphens) } else { longest }
}

/// The rows from `at` on, and behind those of its page what stands in a column to their right although it was read
/// before: where the last page ends early, its columns are of very different heights.
fn beside(rows: &[Row], at: usize) -> Option<Vec<Row>> {
    let first = rows.get(at)?;
    let edge = rows.iter().skip(at).take_while(|row| row.column == first.column).map(|row| row.x1);
    let edge = edge.fold(first.x1, f32::max);
    let page = rows.iter().position(|row| row.page == first.page)?;
    let moved: Vec<&Row> = rows.get(page..at)?.iter().filter(|row| row.x0 > edge).collect();
    if moved.is_empty() {
        return None;
    }
    let turn =
        rows.iter().skip(at).position(|row| row.page != first.page).map_or(rows.len(), |turn| at + turn);
    let (here, later) = (rows.get(at..turn)?, rows.get(turn..)?);
    Some(here.iter().chain(moved).chain(later).cloned().collect())
}

/// Whether a line is the heading of a list of references and nothing else.
pub(super) fn is_title(text: &str) -> bool {
    let text = text.trim_end_matches([':', '.']);
    if text.chars().count() > 50 || text.ends_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let name: String = without_number(text)
        .chars()
        .filter(|c| c.is_alphabetic() || *c == '&')
        .flat_map(char::to_lowercase)
        .collect();
    matches!(
        name.as_str(),
        "references"
            | "reference"
            | "bibliography"
            | "literaturecited"
            | "literature"
            | "workscited"
            | "citedreferences"
            | "referencescited"
            | "citedliterature"
            | "referencelist"
            | "listofreferences"
            | "referencesandnotes"
            | "references&notes"
            | "notesandreferences"
            | "selectedreferences"
            | "selectedbibliography"
            | "bibliographicreferences"
            | "bibliographyandreferences"
            | "literatur"
            | "literaturverzeichnis"
            | "quellen"
            | "bibliographie"
            | "références"
            | "référencesbibliographiques"
            | "referencias"
            | "bibliografía"
            | "referências"
            | "riferimentibibliografici"
            | "bibliografia"
    )
}

/// A heading without its number: `7 References`, `VII. References`.
fn without_number(text: &str) -> &str {
    let Some((first, rest)) = text.split_once(' ') else { return text };
    let bare = first.trim_end_matches(['.', ')']);
    let numbered =
        !bare.is_empty() && bare.chars().all(|c| c.is_ascii_digit() || c == '.' || "IVX".contains(c));
    if numbered { rest } else { text }
}

/// A numbered list after the text that no heading names: the last place at which labels begin with 1 and most of the
/// entries are dated.
fn unheaded(rows: &[Row], hyphens: &Hyphens) -> Vec<Entry> {
    let first = |row: &Row| label(&row.text).is_some_and(|label| label.number == Some(1));
    let begins = (0..rows.len()).rev().filter(|at| rows.get(*at).is_some_and(first));
    for at in begins.take(UNHEADED_TRIED_MAX) {
        let list = cut::labelled(rows.get(at..).unwrap_or_default(), hyphens);
        let dated = list.iter().filter(|entry| super::dates::has_year(&entry.text)).count();
        if list.len() >= UNHEADED_MIN && dated * 10 >= list.len() * 7 {
            return list;
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heading_of_a_list_stands_alone() {
        for title in [
            "References",
            "REFERENCES",
            "7. References",
            "VII. References:",
            "Literature cited",
            "References and Notes",
        ] {
            assert!(is_title(title), "{title}");
        }
        for text in ["References 45", "References to herons", "See the references", "Referenced works"] {
            assert!(!is_title(text), "{text}");
        }
    }
}
