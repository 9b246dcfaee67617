//! Cutting the lines of a list into entries: by labels, else by hanging indents, else by gaps and beginnings.

use super::join::Hyphens;
use super::labels::{KINDS, Kind, Label, label};
use super::rows::Row;
use super::{ENTRIES_MAX, ENTRY_CHARS_MAX, Entry, dates, find, join, people};
use std::collections::BTreeMap;

/// Lines after a label among which the next one is looked for; a table of a whole page may stand between.
const LABEL_REACH: usize = 160;
/// Lines of one entry at most.
const ENTRY_ROWS_MAX: usize = 80;
/// Lines before the first label of a list.
const LEAD_ROWS_MAX: usize = 4;
/// Difference in size, as a share, up to which a line is of the list.
const SIZE_REACH: f32 = 0.12;

/// What the entries of a list have in common.
pub(super) struct List<'d> {
    /// Size of its characters.
    pub size: f32,
    /// Whether its entries begin with labels.
    pub labelled: bool,
    /// What the document says about hyphens.
    pub hyphens: &'d Hyphens,
}

/// The entries of the list that begins with these rows.
pub(super) fn entries(rows: &[Row], hyphens: &Hyphens) -> Vec<Entry> {
    let labelled = labelled(rows, hyphens);
    if labelled.is_empty() { super::indents::entries(rows, hyphens) } else { labelled }
}

/// The entries of a list whose entries have labels.
pub(super) fn labelled(rows: &[Row], hyphens: &Hyphens) -> Vec<Entry> {
    let lead = rows.get(..LEAD_ROWS_MAX.min(rows.len())).unwrap_or_default();
    let kinds: Vec<Kind> = lead.iter().filter_map(|row| label(&row.text)).map(|label| label.kind).collect();
    let chains = KINDS.iter().filter(|kind| kinds.contains(kind)).map(|kind| chain(rows, *kind));
    let mut longest: Vec<usize> = Vec::new();
    for chain in chains {
        if chain.len() > longest.len() {
            longest = chain;
        }
    }
    if longest.len() < 2 {
        return Vec::new();
    }
    let size = usual_size(longest.iter().filter_map(|at| rows.get(*at)));
    let list = List { size, labelled: true, hyphens };
    let ends = longest.iter().skip(1).copied().chain([rows.len()]);
    let pieces = longest.iter().copied().zip(ends).take(ENTRIES_MAX);
    let last = longest.last().copied();
    pieces.filter_map(|(begin, end)| entry(rows.get(begin..end)?, &list, Some(begin) == last)).collect()
}

/// Where the labels of a kind stand whose numbers grow by one.
fn chain(rows: &[Row], kind: Kind) -> Vec<usize> {
    let label_at = |at: usize| {
        let label = label(&rows.get(at)?.text)?;
        (label.kind == kind).then_some(label)
    };
    let mut found: Vec<usize> = Vec::new();
    let mut next: Option<u32> = None;
    for at in 0..rows.len() {
        match found.last() {
            Some(last) if at - last > LABEL_REACH => break,
            None if at >= LEAD_ROWS_MAX => break,
            _ => {}
        }
        let Some(label) = label_at(at) else { continue };
        let Some(number) = label.number else {
            found.push(at);
            continue;
        };
        let ahead = |wanted: u32| {
            (at..at + LABEL_REACH).any(|at| label_at(at).is_some_and(|label| label.number == Some(wanted)))
        };
        let fits = match next {
            None => number < 1_000,
            Some(next) => {
                number == next || number > next && number <= next + 2 && !ahead(next) && ahead(number + 1)
            }
        };
        if fits {
            found.push(at);
            next = Some(number + 1);
        }
    }
    found
}

/// The size that most of these rows have.
pub(super) fn usual_size<'r>(rows: impl Iterator<Item = &'r Row>) -> f32 {
    let mut sizes: Vec<f32> = rows.map(|row| row.size).collect();
    sizes.sort_by(f32::total_cmp);
    sizes.get(sizes.len() / 2).copied().unwrap_or_default()
}

/// An entry out of its rows; what merely stands between them is left out. The last entry ends where the list does.
pub(super) fn entry(rows: &[Row], list: &List<'_>, last: bool) -> Option<Entry> {
    let size = list.size;
    let first = rows.first()?;
    let mut entry = Entry { page: first.page, ..Entry::default() };
    let mut before = first;
    for (at, row) in rows.iter().enumerate().take(ENTRY_ROWS_MAX) {
        if at > 0
            && (last && ends(before, row, size, &entry.text) || find::is_title(&row.text) && row.heading)
        {
            break;
        }
        if at > 0 && !is_of_list(row, size) && !continues(before, row, size) {
            continue;
        }
        if at > 0 && rows.get(at + 1).is_some_and(|next| is_running_head(before, row, next, size)) {
            continue;
        }
        let line = match label(&row.text).filter(|_| at == 0 && list.labelled) {
            Some(Label { name, rest, .. }) => {
                entry.label = Some(name.to_owned());
                rest
            }
            None => &row.text,
        };
        join::append(&mut entry.text, line, list.hyphens);
        before = row;
        if entry.text.len() > ENTRY_CHARS_MAX {
            break;
        }
    }
    entry.text = tidy(&entry.text);
    (!entry.text.is_empty()).then_some(entry)
}

fn tidy(text: &str) -> String {
    let text = text.chars().filter(|c| *c != '\u{AD}').take(ENTRY_CHARS_MAX).collect::<String>();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a row is of the list at all: neither a caption, nor a lone number, nor set in another size.
pub(super) fn is_of_list(row: &Row, size: f32) -> bool {
    let lone = row.text.chars().all(|c| c.is_ascii_digit()) && row.text.len() <= 4;
    let alike = (row.size - size).abs() <= SIZE_REACH * size || row.text.chars().count() <= 3;
    alike && !lone && !row.caption
}

/// Whether a row is a running head that no other page repeats: alone at the top of a column, and set differently.
fn is_running_head(before: &Row, row: &Row, next: &Row, size: f32) -> bool {
    let top = before.column != row.column && row.column == next.column;
    top && next.y - row.y > 2.2 * size && (row.size - size).abs() > 0.02 * size
}

/// Whether a row stands right below another one; an address may be set in a type of its own.
fn continues(before: &Row, row: &Row, size: f32) -> bool {
    let step = row.y - before.y;
    let near = before.column == row.column && step > 0.0 && step < 1.6 * size;
    near && !row.caption && (row.size - size).abs() <= 3.0 * SIZE_REACH * size && row.text.chars().count() > 3
}

/// Whether the list ends before a row: behind a gap, before a heading, or where the next column tells something else.
fn ends(before: &Row, row: &Row, size: f32, text: &str) -> bool {
    let finished = text.ends_with(['.', ')', ']', '/']) || text.ends_with(|c: char| c.is_ascii_digit());
    let apart = if before.column == row.column {
        row.y - before.y > 1.75 * size || row.y < before.y - 0.5 * size
    } else {
        finished || row.page > before.page + 1
    };
    apart || closes(row) || !is_of_list(row, size) && !continues(before, row, size)
}

/// Whether a row begins what follows a list of references.
pub(super) fn closes(row: &Row) -> bool {
    let lower = row.text.to_lowercase();
    let words = row.text.split(' ').count();
    let titled = row.heading && words <= 12 && !dates::has_year(&row.text) && !people::opens(&row.text);
    let said = [
        "publisher’s note",
        "publisher's note",
        "received ",
        "received:",
        "appendix",
        "appendices",
        "supplementary ",
        "supporting information",
        "acknowledg",
        "how to cite this",
        "cite this article",
        "open access",
        "submit your ",
        "about the author",
        "biograph",
        "copyright ©",
        "©",
    ];
    titled
        || said.iter().any(|opening| lower.starts_with(opening) && (row.heading || !opening.ends_with("dix")))
}

/// Counts how often each value comes.
pub(super) fn votes(values: impl Iterator<Item = i32>) -> BTreeMap<i32, usize> {
    let mut votes = BTreeMap::new();
    values.for_each(|value| *votes.entry(value).or_default() += 1);
    votes
}
