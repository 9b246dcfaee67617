//! From blocks to the sections of a paper.

use super::blocks::{Block, BodyLook};
use super::floats::{self, Measure};
use super::headings::{self, Heading, Style};
use super::lines::Line;
use super::writer::Writer;
use crate::paper::Section;
use std::collections::BTreeMap;

/// Words that an unmarked abstract or a first paragraph has at least.
const PROSE_WORDS_MIN: usize = 40;
/// Size of captions and footnotes at most, against ordinary text.
const SIDE_SIZE: f32 = 0.93;
/// Pages on which the abstract may begin: the first ones may be a publisher's cover.
pub(super) const FRONT_PAGES: u32 = 3;

/// Builds the sections, from the abstract to the end; what stands before (title, authors, addresses) is metadata.
pub(crate) fn sections(blocks: &[Block], body: &BodyLook) -> Vec<Section> {
    let measure = Measure::of(blocks);
    let begin = beginning(blocks, body);
    let blocks = blocks.get(begin..).unwrap_or_default();
    let parts = parts(blocks, body, &measure);
    let levels = levels(&parts);
    let mut writer = Writer::default();
    for (block, part) in blocks.iter().zip(parts) {
        match part {
            // Titles in reference lists are italic, as small headings are.
            Part::Heading(heading) if writer.in_references() && !heading.style.stands_out(body.size) => {
                writer.text(block);
            }
            Part::Heading(heading) => writer.open(&heading, &levels),
            Part::Text => writer.text(block),
            Part::Side => writer.side(block),
            Part::Float if writer.in_references() => writer.text(block),
            Part::Float => {}
        }
    }
    writer.finish()
}

/// What a block is.
enum Part {
    Heading(Heading),
    /// Running text.
    Text,
    /// Captions and footnotes, which interrupt it.
    Side,
    /// The inside of tables, figures and formulas.
    Float,
}

fn parts(blocks: &[Block], body: &BodyLook, measure: &Measure) -> Vec<Part> {
    let mut parts: Vec<Part> = blocks.iter().map(|block| part(block, body, measure)).collect();
    // What looks like a heading but stands on a table or in a figure is a part of it.
    let mut below = Part::Text;
    let mut column = usize::MAX;
    for (part, block) in parts.iter_mut().zip(blocks).rev() {
        let over_float = block.column == column && matches!(below, Part::Float);
        if let Part::Heading(heading) = part
            && over_float
            && heading.depth.is_none()
            && !headings::is_known(&heading.title)
        {
            *part = Part::Float;
        }
        column = block.column;
        below = match part {
            Part::Float => Part::Float,
            _ => Part::Text,
        };
    }
    parts
}

fn part(block: &Block, body: &BodyLook, measure: &Measure) -> Part {
    let text = block.text();
    let narrow = block.column_width < 0.8 * measure.width;
    match headings::heading(block, body) {
        Some(heading) if !narrow || heading.depth.is_some() || headings::is_known(&heading.title) => {
            Part::Heading(heading)
        }
        _ if headings::is_caption(&text) => Part::Side,
        _ if floats::is_float(block, measure, body) => Part::Float,
        _ if block.line().is_some_and(|line| line.size < SIDE_SIZE * body.size) => Part::Side,
        _ => Part::Text,
    }
}

/// The depth of each style of heading: that of its numbered ones, else its rank.
fn levels(parts: &[Part]) -> BTreeMap<Style, u8> {
    let headings = || {
        parts.iter().filter_map(|part| match part {
            Part::Heading(heading) => Some(heading),
            _ => None,
        })
    };
    let mut levels = BTreeMap::new();
    for heading in headings() {
        if let Some(depth) = heading.depth {
            levels.entry(heading.style).or_insert(depth);
        }
    }
    let mut styles: Vec<Style> = headings().map(|heading| heading.style).collect();
    styles.sort_by(|a, b| b.cmp(a));
    styles.dedup();
    let numbered = levels.clone();
    for (rank, style) in (1..).zip(styles) {
        // Among numbered headings, one without a number is as deep as the numbered ones that are set no larger.
        let beside = numbered.iter().filter(|(other, _)| **other <= style).map(|(_, depth)| *depth).min();
        let depth = if numbered.is_empty() { rank } else { beside.unwrap_or(6) };
        levels.entry(style).or_insert(depth);
    }
    levels
}

/// The index of the block with which the body begins.
fn beginning(blocks: &[Block], body: &BodyLook) -> usize {
    let front = || blocks.iter().enumerate().take_while(|(_, block)| block.page() <= FRONT_PAGES);
    let found = front().find(|(_, block)| is_summary(block, body));
    found.or_else(|| front().find(|(_, block)| is_prose(&block.text()))).map_or(0, |(index, _)| index)
}

/// Whether a block is the heading of the abstract, or an abstract that begins with it.
pub(crate) fn is_summary(block: &Block, body: &BodyLook) -> bool {
    let named = headings::heading(block, body)
        .is_some_and(|heading| matches!(heading.title.to_lowercase().as_str(), "abstract" | "summary"));
    named || run_in_abstract(&block.text()).is_some()
}

/// Whether a line is the heading of an abstract or begins one, by its words alone.
pub(crate) fn opens_summary(line: &Line) -> bool {
    let text = line.text();
    let name: String = text.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    name == "abstract"
        || text.starts_with("Abstract") && run_in_abstract(&format!("{text}{}", " w".repeat(12))).is_some()
}

/// Whether a text is running text rather than a title, names or addresses.
pub(crate) fn is_prose(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    let lower = words.iter().filter(|word| word.starts_with(char::is_lowercase)).count();
    words.len() >= PROSE_WORDS_MIN && lower * 2 > words.len() && text.contains(". ")
}

/// The abstract behind a word that opens its paragraph: `Abstract—We …`, `ABSTRACT. We …`, `Summary: we …`.
pub(super) fn run_in_abstract(text: &str) -> Option<&str> {
    let mut rest = None;
    for word in ["Abstract", "ABSTRACT", "Summary", "SUMMARY"] {
        rest = rest.or_else(|| text.strip_prefix(word));
    }
    let rest = rest?;
    let after = rest.trim_start_matches(|c: char| c.is_whitespace() || ".:-–—".contains(c));
    (after.len() < rest.len() && after.starts_with(char::is_alphanumeric) && after.split(' ').count() > 12)
        .then_some(after)
}
