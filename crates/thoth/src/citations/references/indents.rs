//! Lists without labels: a hanging indent, an indented first line, a gap, or nothing but names parts the entries.

use super::cut::{List, closes, entry, is_of_list, usual_size, votes};
use super::join::Hyphens;
use super::rows::Row;
use super::{ENTRIES_MAX, Entry, dates, find, people};

/// Lines of a list at most.
const LIST_ROWS_MAX: usize = 40_000;

/// The entries of the list that begins with these rows.
pub(super) fn entries(rows: &[Row], hyphens: &Hyphens) -> Vec<Entry> {
    let rows = list(rows);
    let size = usual_size(rows.iter().take(60));
    let rows: Vec<Row> =
        rows.iter().filter(|row| is_of_list(row, size) && !find::is_title(&row.text)).cloned().collect();
    let common = List { size, labelled: false, hyphens };
    let begins = begins(&rows);
    let starts: Vec<usize> = begins.iter().zip(0..).filter(|(begin, _)| **begin).map(|(_, at)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([rows.len()]);
    let pieces = starts.iter().copied().zip(ends).take(ENTRIES_MAX);
    let last = starts.last().copied();
    let found: Vec<Entry> = pieces
        .filter_map(|(begin, end)| entry(rows.get(begin..end)?, &common, Some(begin) == last))
        .collect();
    // A list in which nothing is dated is another list.
    let dated = found.iter().filter(|entry| dates::has_year(&entry.text)).count();
    if dated * 2 >= found.len() { found } else { Vec::new() }
}

/// The rows up to what follows the list.
fn list(rows: &[Row]) -> &[Row] {
    let end = rows.iter().skip(1).take(LIST_ROWS_MAX).position(closes).map_or(rows.len(), |at| at + 1);
    rows.get(..end.min(LIST_ROWS_MAX)).unwrap_or_default()
}

/// Which rows begin an entry.
fn begins(rows: &[Row]) -> Vec<bool> {
    let steps = indents(rows);
    let deep = steps.iter().filter(|step| **step == Step::In).count();
    let out = steps.iter().filter(|step| **step == Step::Out).count();
    let opening = |wanted: Step| {
        let of: Vec<bool> = rows
            .iter()
            .zip(&steps)
            .filter(|(_, step)| **step == wanted)
            .map(|(row, _)| people::opens(&row.text))
            .collect();
        (of.iter().filter(|opens| **opens).count() as f32) / (of.len().max(1) as f32)
    };
    if deep * 8 >= rows.len() && out * 12 >= rows.len() && rows.len() > 2 {
        let wanted = if opening(Step::Out) >= opening(Step::In) { Step::Out } else { Step::In };
        return steps.iter().zip(0..).map(|(step, at)| at == 0 || *step == wanted).collect();
    }
    by_gaps(rows).unwrap_or_else(|| by_words(rows))
}

/// Where a row begins, against the left edge of its column.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Out,
    In,
}

fn indents(rows: &[Row]) -> Vec<Step> {
    let mut steps = Vec::with_capacity(rows.len());
    for column in rows.chunk_by(|row, next| row.column == next.column) {
        let edge = left_edge(column);
        steps.extend(
            column.iter().map(|row| if row.x0 > edge + 0.4 * row.size { Step::In } else { Step::Out }),
        );
    }
    steps
}

/// The leftmost position at which more than a stray row of a column begins.
fn left_edge(column: &[Row]) -> f32 {
    let lefts = votes(column.iter().map(|row| row.x0.round() as i32));
    let least = if column.len() >= 12 { 2 } else { 1 };
    let edge = lefts.iter().find(|(left, count)| {
        let near = lefts.get(&(**left + 1)).copied().unwrap_or_default();
        **count + near >= least
    });
    edge.map_or(0.0, |(left, _)| *left as f32)
}

/// Rows behind a larger gap than usual begin entries, where such gaps are common and all of about one height.
fn by_gaps(rows: &[Row]) -> Option<Vec<bool>> {
    let gap = |pair: &[Row]| match pair {
        [row, next] if row.column == next.column => Some((next.y - row.y) / next.size.max(1.0)),
        _ => None,
    };
    let gaps: Vec<Option<f32>> = rows.windows(2).map(gap).collect();
    let mut sorted: Vec<f32> = gaps.iter().copied().flatten().filter(|gap| *gap > 0.0).collect();
    sorted.sort_by(f32::total_cmp);
    let usual = sorted.get(sorted.len() / 4).copied()?;
    let wide = |gap: &f32| *gap > 1.2 * usual && *gap < 4.0 * usual;
    let count = sorted.iter().filter(|gap| wide(gap)).count();
    if count < 2 || count * 10 < sorted.len() {
        return None;
    }
    let begins = rows.iter().skip(1).zip(&gaps).zip(rows).map(|((row, gap), before)| match gap {
        Some(gap) => wide(gap) || *gap < 0.0,
        None => finished(before) && people::opens(&row.text),
    });
    Some([true].into_iter().chain(begins).collect())
}

/// Rows that begin like an entry, behind one that ends like one.
fn by_words(rows: &[Row]) -> Vec<bool> {
    let begins =
        rows.iter().skip(1).zip(rows).map(|(row, before)| finished(before) && people::opens(&row.text));
    [true].into_iter().chain(begins).take(rows.len()).collect()
}

fn finished(row: &Row) -> bool {
    row.text.ends_with(['.', ')', ']', '/', '”', '"']) || row.text.ends_with(|c: char| c.is_ascii_digit())
}
