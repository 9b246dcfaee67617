//! From the lines of a column to paragraphs, captions and headings.

use super::columns::Column;
use super::lines::Line;
use super::words::{Running, joined};
use std::collections::{BTreeMap, HashMap};

/// Lines of one item of a list, at most, when labels are compared.
const ITEM_LINES_MAX: usize = 12;
/// Strokes of bold type against those of ordinary type.
const BOLD: f32 = 1.25;
/// Lean of italic type beyond that of ordinary type.
const ITALIC: f32 = 0.1;

/// Lines that belong together: a paragraph, a heading, a caption. Never of two columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Block {
    /// Its lines, at least one.
    pub lines: Vec<Line>,
    /// Which of the document's columns it stands in.
    pub column: usize,
    /// Width of that column.
    pub column_width: f32,
}

/// How ordinary text of a document looks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct BodyLook {
    /// Size in points.
    pub size: f32,
    /// Usual stroke width of all letters, and of each.
    weight: f32,
    weights: HashMap<char, f32>,
    /// Usual lean of each letter.
    slants: HashMap<char, f32>,
}

impl BodyLook {
    /// The look that most characters have.
    pub(crate) fn of<'l>(lines: impl Iterator<Item = &'l Line> + Clone) -> Self {
        let mut votes: BTreeMap<i32, usize> = BTreeMap::new();
        for line in lines.clone() {
            *votes.entry((line.size * 4.0).round() as i32).or_default() += line.marks.len();
        }
        let quarter = votes.iter().max_by_key(|(_, count)| **count).map_or(40, |(quarter, _)| *quarter);
        let size = quarter as f32 / 4.0;
        let mut weights: HashMap<char, Vec<f32>> = HashMap::new();
        let mut slants: HashMap<char, Vec<f32>> = HashMap::new();
        let like = |line: &&Line| (line.size - size).abs() < 0.3 && line.marks.len() > 20;
        for mark in lines.filter(like).flat_map(|line| &line.marks) {
            if mark.character.is_alphabetic() && mark.weight > 0.0 {
                weights.entry(mark.character).or_default().push(mark.weight);
                slants.entry(mark.character).or_default().push(mark.slant);
            }
        }
        let weight = median(&mut weights.values().flatten().copied().collect::<Vec<f32>>());
        let medians = |all: HashMap<char, Vec<f32>>| {
            all.into_iter().map(|(c, mut each)| (c, median(&mut each))).collect()
        };
        Self { size, weight, weights: medians(weights), slants: medians(slants) }
    }

    /// Tells bold and italic characters of a line from ordinary ones.
    pub(crate) fn judge(&self, line: &mut Line) {
        for mark in &mut line.marks {
            let weight = self.weights.get(&mark.character).copied().unwrap_or(self.weight);
            let slant = self.slants.get(&mark.character).copied().unwrap_or_default();
            mark.bold = weight > 0.0 && mark.weight > BOLD * weight;
            mark.italic = mark.weight > 0.0 && mark.slant > slant + ITALIC;
        }
        line.settle();
    }
}

fn median(values: &mut [f32]) -> f32 {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

impl Block {
    /// The text of all lines, hyphenation undone.
    pub(crate) fn text(&self) -> String {
        self.running().text
    }

    /// The same, with where another reader may go on differently.
    pub(crate) fn running(&self) -> Running {
        joined(self.lines.iter().map(Line::running))
    }

    /// The first line.
    pub(crate) fn line(&self) -> Option<&Line> {
        self.lines.first()
    }

    /// The page, counted from 1.
    pub(crate) fn page(&self) -> u32 {
        self.line().map_or(0, |line| line.page)
    }
}

/// Cuts a column into blocks.
pub(crate) fn blocks(column: Column, index: usize) -> Vec<Block> {
    let edges = Edges::of(&column);
    let width = column.x1 - column.x0;
    let lines = column.lines;
    let mut cuts = vec![false; lines.len()];
    let mut start = 0;
    for at in 1..lines.len() {
        let paragraph = lines.get(start..at).unwrap_or_default();
        let next = lines.get(at + 1);
        if let Some(line) = lines.get(at)
            && (starts_block(paragraph, line, next, &edges) || begins_item(&lines, at))
        {
            start = at;
            if let Some(cut) = cuts.get_mut(at) {
                *cut = true;
            }
        }
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (line, cut) in lines.into_iter().zip(cuts) {
        match blocks.last_mut() {
            Some(block) if !cut => block.lines.push(line),
            _ => blocks.push(Block { lines: vec![line], column: index, column_width: width }),
        }
    }
    blocks
}

/// Where the lines of a column begin and end, and how far apart they stand.
struct Edges {
    right: f32,
    leading: f32,
}

impl Edges {
    fn of(column: &Column) -> Self {
        let mut rights: Vec<f32> = column.lines.iter().map(|line| line.x1).collect();
        rights.sort_by(f32::total_cmp);
        let right = rights.get(rights.len() * 3 / 4).copied().unwrap_or(column.x1);
        let mut steps: Vec<f32> = column
            .lines
            .iter()
            .zip(column.lines.iter().skip(1))
            .map(|(line, next)| (next.y - line.y) / line.size.max(1.0))
            .filter(|step| (0.8..2.6).contains(step))
            .collect();
        steps.sort_by(f32::total_cmp);
        let leading = steps.get(steps.len() / 2).copied().unwrap_or(1.2);
        Self { right, leading }
    }
}

fn starts_block(paragraph: &[Line], line: &Line, next: Option<&Line>, edges: &Edges) -> bool {
    let (Some(first), Some(last)) = (paragraph.first(), paragraph.last()) else {
        return true;
    };
    let size = last.size.max(line.size);
    let step = line.y - last.y;
    let short = last.x1 < edges.right - (2.0 * size).max(0.12 * (edges.right - first.x0));
    let text = line.text();
    let last_text = last.text();
    let ended = last_text.ends_with(['.', '?', '!', ':', ')', '”', '"', ']']);
    let reach = if ended { 1.23 } else { 1.3 };
    let headings = last.is_bold() && line.is_bold() && step > 1.45 * size;
    if step < 0.0 || step > (edges.leading * reach).max(1.25) * size || headings || differ(last, line) {
        return true;
    }
    if short && ended && text.starts_with(|c: char| !c.is_lowercase()) {
        return true;
    }
    let indent = line.x0 - last.x0;
    let returns = next.is_none_or(|next| next.x0 < line.x0 - 0.5 * size);
    let inward = indent > 0.7 * size && indent < 5.0 * size;
    if inward && (last_text.ends_with(':') || returns && (paragraph.len() > 1 || ended)) {
        return true;
    }
    let hangs = paragraph.len() > 1 && paragraph.iter().skip(1).all(|each| each.x0 > first.x0 + 0.6 * size);
    if hangs && line.x0 < last.x0 - 0.6 * size {
        return true;
    }
    ended && opens_bold(line) && last.bold < 0.5
}

/// Whether a line begins with a bold word and goes on in ordinary type, as a paragraph with a heading of its own does.
fn opens_bold(line: &Line) -> bool {
    let mut letters = line.marks.iter().filter(|mark| mark.character.is_alphabetic());
    line.bold < 0.85 && letters.by_ref().take(3).filter(|mark| mark.bold).count() == 3
}

/// Whether two lines differ so much in look that they cannot be of one paragraph.
fn differ(line: &Line, next: &Line) -> bool {
    let enough = line.marks.len() > 3 && next.marks.len() > 3;
    let step = (line.size - next.size).abs() / line.size.min(next.size).max(1.0);
    let bold = line.is_bold() && next.bold < 0.5 || next.is_bold() && line.bold < 0.5;
    step > 0.1 || enough && (bold || step > 0.05 && line.is_bold() && next.is_bold())
}

/// Whether a line begins a new item of a list: with a bullet, or with a label that has its neighbour near.
fn begins_item(lines: &[Line], at: usize) -> bool {
    let label_of = |index: usize| {
        let text = lines.get(index)?.text();
        label(&text).or_else(|| bare_label(&text))
    };
    let Some(text) = lines.get(at).map(Line::text) else {
        return false;
    };
    if text.starts_with(['•', '▪', '◦', '■', '●']) {
        return true;
    }
    let Some((kind, number)) = label_of(at) else {
        return false;
    };
    (at.saturating_sub(ITEM_LINES_MAX)..at + ITEM_LINES_MAX)
        .filter_map(label_of)
        .any(|(other, neighbour)| other == kind && (neighbour == number + 1 || neighbour + 1 == number))
}

/// A reference without a label that is nothing but a number.
pub(crate) fn without_bare_label(text: &str) -> &str {
    match (bare_label(text), text.split_once(' ')) {
        (Some(_), Some((_, entry))) => entry,
        _ => text,
    }
}

/// The label `12` of a reference such as `12 Doe, J.`
fn bare_label(text: &str) -> Option<(char, u32)> {
    let (number, rest) = text.split_once(' ')?;
    let name = rest.starts_with(char::is_uppercase);
    let short = number.len() <= 3 && number.chars().all(|c| c.is_ascii_digit());
    if name && short { Some((' ', number.parse().ok()?)) } else { None }
}

/// The label at the beginning of a list item or reference: `[12]`, `12.`, `(12)`, `12)`.
pub(crate) fn label(text: &str) -> Option<(char, u32)> {
    let (open, rest) = match text.strip_prefix('[') {
        Some(rest) => ('[', rest),
        None => match text.strip_prefix('(') {
            Some(rest) => ('(', rest),
            None => (' ', text),
        },
    };
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let after = rest.get(digits.len()..)?.chars().next()?;
    let number = if digits.len() <= 4 {
        digits.parse().ok()?
    } else {
        return None;
    };
    match (open, after) {
        ('[', ']') => Some(('[', number)),
        ('(', ')') => Some(('(', number)),
        (' ', '.' | ')') => Some((after, number)),
        _ => None,
    }
}
