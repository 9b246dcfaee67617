//! From blocks to the sections of a paper.

use super::blocks::{Block, BodyLook};
use super::floats::{self, Measure};
use super::headings::{self, Heading, Style};
use super::lines::Line;
use crate::paper::{Paragraph, Section, SectionKind};
use std::collections::BTreeMap;

/// Words that an unmarked abstract or a first paragraph has at least.
const PROSE_WORDS_MIN: usize = 40;
/// Size of captions and footnotes at most, against ordinary text.
const SIDE_SIZE: f32 = 0.93;
/// Pages on which the abstract may begin: the first ones may be a publisher's cover.
const FRONT_PAGES: u32 = 3;

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

/// Sections as they are written.
#[derive(Default)]
struct Writer {
    sections: Vec<Section>,
    /// Styles of the headings that are open, outermost first.
    open: Vec<u8>,
    /// Captions and footnotes that interrupt a paragraph: they follow it.
    held: Vec<Paragraph>,
    /// Column of the last paragraph.
    column: usize,
    /// Left edge and size of the abstract's first line.
    summary: Option<(f32, f32)>,
}

impl Writer {
    fn in_references(&self) -> bool {
        self.sections
            .last()
            .is_some_and(|section| section.kind == SectionKind::References)
    }

    fn open(&mut self, heading: &Heading, levels: &BTreeMap<Style, u8>) {
        self.release();
        let depth = heading
            .depth
            .or_else(|| levels.get(&heading.style).copied())
            .unwrap_or(1);
        self.open.retain(|above| *above < depth);
        self.open.push(depth);
        let name: String = heading
            .title
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphabetic())
            .collect();
        let kind = match name.as_str() {
            "abstract" | "summary" => SectionKind::Abstract,
            "references" | "bibliography" | "literaturecited" => SectionKind::References,
            _ => SectionKind::Body,
        };
        let level = u8::try_from(self.open.len()).unwrap_or(u8::MAX);
        self.sections.push(Section {
            title: heading.title.clone(),
            level,
            kind,
            paragraphs: Vec::new(),
        });
    }

    fn text(&mut self, block: &Block) {
        let text = block.text();
        let begun = self
            .sections
            .iter()
            .any(|section| section.kind == SectionKind::Abstract);
        if let Some(rest) = run_in_abstract(&text).filter(|_| !begun) {
            let title = "Abstract".to_owned();
            self.sections.push(Section {
                title,
                level: 1,
                kind: SectionKind::Abstract,
                paragraphs: Vec::new(),
            });
            self.summary = block
                .lines
                .get(1)
                .or(block.line())
                .map(|line| (line.x0, line.size));
            self.write(block, rest.to_owned());
        } else {
            if self.ends_abstract(block, &text) {
                self.release();
                self.sections.push(Section {
                    level: 1,
                    ..Section::default()
                });
            }
            self.write(block, text);
        }
    }

    /// Whether a block no longer belongs to the abstract although no heading stands between: it is set differently,
    /// stands on another page, or lists key words.
    fn ends_abstract(&mut self, block: &Block, text: &str) -> bool {
        let Some(section) = self
            .sections
            .last()
            .filter(|section| section.kind == SectionKind::Abstract)
        else {
            return false;
        };
        let (Some(last), Some(line)) = (section.paragraphs.last(), block.line()) else {
            self.summary = block.line().map(|line| (line.x0, line.size));
            return false;
        };
        let ended = last.text.ends_with(['.', '?', '!', ':']);
        let elsewhere = ended && last.page != block.page();
        let (x0, size) = *self.summary.get_or_insert((line.x0, line.size));
        let differs = (line.size - size).abs() > 0.05 * size || (line.x0 - x0).abs() > 1.6 * size;
        elsewhere || differs && (ended || block.column == self.column) || is_key_words(text)
    }

    fn write(&mut self, block: &Block, text: String) {
        if self.sections.is_empty() {
            self.sections.push(Section {
                level: 1,
                ..Section::default()
            });
        }
        let column = self.column;
        let Some(section) = self.sections.last_mut() else {
            return;
        };
        let continues = section.paragraphs.last_mut().is_some_and(|last| {
            last.continues = block.column != column && !last.text.ends_with(['.', '?', '!', ':']);
            last.continues
        });
        if !continues {
            self.release();
        }
        self.column = block.column;
        if let Some(section) = self.sections.last_mut() {
            section.paragraphs.push(Paragraph {
                page: block.page(),
                text,
                continues: false,
            });
        }
    }

    fn side(&mut self, block: &Block) {
        self.held.push(Paragraph {
            page: block.page(),
            text: block.text(),
            continues: false,
        });
    }

    /// Writes what was held behind the paragraph that it interrupted.
    fn release(&mut self) {
        if let Some(section) = self.sections.last_mut() {
            section.paragraphs.append(&mut self.held);
        }
    }

    fn finish(mut self) -> Vec<Section> {
        if self.sections.is_empty() {
            self.sections.push(Section {
                level: 1,
                ..Section::default()
            });
        }
        self.release();
        self.sections
            .iter_mut()
            .for_each(|section| section.paragraphs.retain(|paragraph| !paragraph.text.is_empty()));
        self.sections
            .retain(|section| !(section.title.is_empty() && section.paragraphs.is_empty()));
        name_summary(&mut self.sections);
        self.sections
    }
}

/// Whether a paragraph lists key words or subjects, as it does after an abstract.
fn is_key_words(text: &str) -> bool {
    let lower = text.to_lowercase();
    let names = [
        "keyword",
        "key word",
        "key-word",
        "index term",
        "subjects ",
        "subject classification",
        "ccs concepts",
    ];
    names.iter().any(|name| lower.starts_with(name))
}

/// Text before the first heading is the abstract of a paper that does not call it so.
fn name_summary(sections: &mut [Section]) {
    if sections
        .iter()
        .any(|section| section.kind == SectionKind::Abstract)
        || sections.len() < 3
    {
        return;
    }
    if let Some(first) = sections.first_mut()
        && first.title.is_empty()
        && first
            .paragraphs
            .iter()
            .all(|paragraph| paragraph.page <= FRONT_PAGES)
    {
        first.kind = SectionKind::Abstract;
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
        let beside = numbered
            .iter()
            .filter(|(other, _)| **other <= style)
            .map(|(_, depth)| *depth)
            .min();
        let depth = if numbered.is_empty() {
            rank
        } else {
            beside.unwrap_or(6)
        };
        levels.entry(style).or_insert(depth);
    }
    levels
}

/// The index of the block with which the body begins.
fn beginning(blocks: &[Block], body: &BodyLook) -> usize {
    let front = || {
        blocks
            .iter()
            .enumerate()
            .take_while(|(_, block)| block.page() <= FRONT_PAGES)
    };
    let found = front().find(|(_, block)| is_summary(block, body));
    found
        .or_else(|| front().find(|(_, block)| is_prose(&block.text())))
        .map_or(0, |(index, _)| index)
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
    let name: String = text
        .chars()
        .filter(|c| c.is_alphabetic())
        .flat_map(char::to_lowercase)
        .collect();
    name == "abstract"
        || text.starts_with("Abstract") && run_in_abstract(&format!("{text}{}", " w".repeat(12))).is_some()
}

/// Whether a text is running text rather than a title, names or addresses.
pub(crate) fn is_prose(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    let lower = words
        .iter()
        .filter(|word| word.starts_with(char::is_lowercase))
        .count();
    words.len() >= PROSE_WORDS_MIN && lower * 2 > words.len() && text.contains(". ")
}

/// The abstract behind a word that opens its paragraph: `Abstract—We …`, `ABSTRACT. We …`, `Summary: we …`.
fn run_in_abstract(text: &str) -> Option<&str> {
    let mut rest = None;
    for word in ["Abstract", "ABSTRACT", "Summary", "SUMMARY"] {
        rest = rest.or_else(|| text.strip_prefix(word));
    }
    let rest = rest?;
    let after = rest.trim_start_matches(|c: char| c.is_whitespace() || ".:-–—".contains(c));
    (after.len() < rest.len() && after.starts_with(char::is_alphanumeric) && after.split(' ').count() > 12)
        .then_some(after)
}
