//! From the lines of a column to paragraphs, captions and headings.

use super::columns::Column;
use super::lines::Line;

/// Lines that belong together: a paragraph, a heading, a caption. Never of two columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Block {
    /// Its lines, at least one.
    pub lines: Vec<Line>,
    /// Width of the column that it stands in.
    pub column_width: f32,
    /// Whether it is the last of its column, or the first.
    pub last: bool,
    /// Whether it is the first of its column.
    pub first: bool,
}

/// How ordinary text of a document looks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct BodyLook {
    /// Size in points.
    pub size: f32,
    /// Mean stroke width.
    pub weight: f32,
    /// Lean of the strokes.
    pub slant: f32,
}

impl BodyLook {
    /// The look that most characters have.
    pub(crate) fn of<'l>(lines: impl Iterator<Item = &'l Line> + Clone) -> Self {
        let mut votes: std::collections::BTreeMap<i32, usize> = std::collections::BTreeMap::new();
        for line in lines.clone() {
            *votes.entry((line.size * 4.0).round() as i32).or_default() += line.marks.len();
        }
        let quarter = votes
            .iter()
            .max_by_key(|(_, count)| **count)
            .map_or(40, |(quarter, _)| *quarter);
        let size = quarter as f32 / 4.0;
        let like = |line: &&Line| (line.size - size).abs() < 0.3 && line.marks.len() > 20;
        let median = |pick: fn(&Line) -> f32| {
            let mut values: Vec<f32> = lines.clone().filter(like).map(pick).collect();
            values.sort_by(f32::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        Self {
            size,
            weight: median(|line| line.weight),
            slant: median(|line| line.slant),
        }
    }

    /// Whether a line is set in bold type.
    pub(crate) fn is_bold(&self, line: &Line) -> bool {
        self.weight > 0.0 && line.weight > 1.22 * self.weight
    }

    /// Whether a line is set in italics.
    pub(crate) fn is_italic(&self, line: &Line) -> bool {
        line.slant > self.slant + 0.1
    }
}

impl Block {
    /// The text of all lines, hyphenation undone.
    pub(crate) fn text(&self) -> String {
        super::words::joined(self.lines.iter().map(Line::text))
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
pub(crate) fn blocks(column: Column, body: &BodyLook) -> Vec<Block> {
    let edges = Edges::of(&column);
    let width = column.x1 - column.x0;
    let lines = column.lines;
    let mut cuts = vec![false; lines.len()];
    let mut start = 0;
    for at in 1..lines.len() {
        let paragraph = lines.get(start..at).unwrap_or_default();
        let next = lines.get(at + 1);
        if let Some(line) = lines.get(at)
            && starts_block(paragraph, line, next, &edges, body)
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
            _ => blocks.push(Block {
                lines: vec![line],
                column_width: width,
                ..Block::default()
            }),
        }
    }
    if let Some(first) = blocks.first_mut() {
        first.first = true;
    }
    if let Some(last) = blocks.last_mut() {
        last.last = true;
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

fn starts_block(
    paragraph: &[Line],
    line: &Line,
    next: Option<&Line>,
    edges: &Edges,
    body: &BodyLook,
) -> bool {
    let (Some(first), Some(last)) = (paragraph.first(), paragraph.last()) else {
        return true;
    };
    let size = last.size.max(line.size);
    let step = line.y - last.y;
    if step < 0.0 || step > (edges.leading * 1.3).max(1.25) * size || differ(last, line, body) {
        return true;
    }
    let short = last.x1 < edges.right - (2.0 * size).max(0.12 * (edges.right - first.x0));
    let text = line.text();
    let ended = last.text().ends_with(['.', '?', '!', ':', ')', '”', '"', ']']);
    if short && ended && text.starts_with(|c: char| !c.is_lowercase()) {
        return true;
    }
    let indent = line.x0 - last.x0;
    let returns = next.is_none_or(|next| next.x0 < line.x0 - 0.5 * size);
    if indent > 0.7 * size && indent < 5.0 * size && returns && (paragraph.len() > 1 || ended) {
        return true;
    }
    let hangs = paragraph.len() > 1
        && paragraph
            .iter()
            .skip(1)
            .all(|each| each.x0 > first.x0 + 0.6 * size);
    if hangs && line.x0 < last.x0 - 0.6 * size {
        return true;
    }
    is_item(&text, &first.text())
}

/// Whether two lines differ so much in look that they cannot be of one paragraph.
fn differ(line: &Line, next: &Line, body: &BodyLook) -> bool {
    let sizes = (line.size - next.size).abs() > 0.1 * line.size.min(next.size);
    let enough = line.marks.len() > 3 && next.marks.len() > 3;
    sizes || enough && body.is_bold(line) != body.is_bold(next)
}

/// Whether a line begins a new item of the list that `first` is an item of.
fn is_item(text: &str, first: &str) -> bool {
    let bullet = |text: &str| text.starts_with(['•', '▪', '◦', '■', '–', '∙', '●']);
    if bullet(text) && (text.starts_with('•') || bullet(first)) {
        return true;
    }
    match (label(text), label(first)) {
        (Some((kind, number)), Some((first_kind, first_number))) => {
            kind == first_kind && number == first_number + 1
        }
        _ => false,
    }
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
