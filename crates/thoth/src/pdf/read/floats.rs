//! What stands in tables, figures and formulas: words without sentences, which are left out of the running text.

use super::blocks::{Block, BodyLook, label};
use super::lines::{Line, TAB};
use super::sections::is_prose;
use std::collections::BTreeMap;

/// Share of a document's characters that a width of columns needs in order to count as one of its text columns.
const WIDTH_SHARE_MIN: f32 = 0.1;
/// Lines of a column that is counted.
const COLUMN_LINES_MIN: usize = 6;

/// The measures of a document's text columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Measure {
    /// Width of the narrowest text column.
    pub width: f32,
    /// Left edges at which many lines begin, in whole points.
    lefts: Vec<i32>,
}

impl Measure {
    /// Measures the columns in which most of the text stands.
    pub(crate) fn of(blocks: &[Block]) -> Self {
        let mut lines_of: BTreeMap<usize, usize> = BTreeMap::new();
        for block in blocks {
            *lines_of.entry(block.column).or_default() += block.lines.len();
        }
        let tall =
            |block: &&Block| lines_of.get(&block.column).is_some_and(|lines| *lines >= COLUMN_LINES_MIN);
        let mut widths: BTreeMap<i32, usize> = BTreeMap::new();
        for block in blocks.iter().filter(tall) {
            let characters: usize = block.lines.iter().map(|line| line.marks.len()).sum();
            *widths.entry((block.column_width / 10.0).round() as i32).or_default() += characters;
        }
        let total: usize = widths.values().sum();
        let often = |count: &usize| *count as f32 >= WIDTH_SHARE_MIN * total as f32;
        let width =
            widths.iter().find(|(_, count)| often(count)).map_or(0.0, |(tens, _)| *tens as f32 * 10.0);
        let mut lefts: BTreeMap<i32, usize> = BTreeMap::new();
        let full = |line: &&Line| line.x1 - line.x0 > 0.8 * width;
        for line in blocks.iter().flat_map(|block| &block.lines).filter(full) {
            *lefts.entry(line.x0.round() as i32).or_default() += 1;
        }
        let lines: usize = lefts.values().sum();
        lefts.retain(|_, count| *count * 30 >= lines);
        Self { width, lefts: lefts.into_keys().collect() }
    }

    /// Whether a line begins where lines of text begin, or a little further in.
    fn aligned(&self, line: &Line) -> bool {
        self.lefts.iter().any(|left| (-2.0..4.0 * line.size).contains(&(line.x0 - *left as f32)))
    }
}

/// Whether a block is of a table, a figure or a formula.
pub(crate) fn is_float(block: &Block, measure: &Measure, body: &BodyLook) -> bool {
    let text = block.text();
    let Some(line) = block.line() else { return true };
    let tabbed = block.lines.iter().filter(|line| has_cells(line)).count();
    if tabbed * 3 >= block.lines.len() {
        return true;
    }
    let plain = text.chars().filter(|c| c.is_alphabetic() || *c == ' ').count();
    if plain * 10 < text.chars().count() * 6 {
        return true;
    }
    if is_prose(&text) && has_sentences(&text) {
        return false;
    }
    if block.column_width < 0.8 * measure.width {
        return true;
    }
    let longest = block.lines.iter().map(|line| line.x1 - line.x0).fold(0.0, f32::max);
    if longest > 0.6 * measure.width && block.lines.len() > 1 {
        return false;
    }
    let sentence =
        text.ends_with(['.', '?', '!', ':', ';', ',']) || text.starts_with('•') || label(&text).is_some();
    let goes_on = longest > 0.8 * measure.width || text.starts_with(char::is_lowercase);
    !(measure.aligned(line) && line.size > 0.8 * body.size && (sentence || goes_on))
}

/// Whether a text has a sentence that ends before another one begins.
fn has_sentences(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(". ") {
        if after.starts_with(char::is_uppercase) {
            return true;
        }
        rest = after;
    }
    false
}

/// Whether a line has cells: a wide gap anywhere but after a label at its beginning.
pub(crate) fn has_cells(line: &Line) -> bool {
    line.marks.iter().skip(8).any(|mark| mark.character == TAB)
}
