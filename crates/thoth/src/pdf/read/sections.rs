//! From blocks to the sections of a paper.

use super::blocks::{Block, BodyLook};
use super::headings::{self, Heading, Style};
use super::lines::Line;
use crate::paper::{Paragraph, Section, SectionKind};
use std::collections::BTreeMap;

/// Words that an unmarked abstract or a first paragraph has at least.
const PROSE_WORDS_MIN: usize = 40;
/// Pages on which the abstract may begin: the first ones may be a publisher's cover.
const FRONT_PAGES: u32 = 3;

/// Builds the sections, from the abstract to the end; what stands before (title, authors, addresses) is metadata.
pub(crate) fn sections(blocks: &[Block], body: &BodyLook) -> Vec<Section> {
    let begin = beginning(blocks, body);
    let blocks = blocks.get(begin..).unwrap_or_default();
    let headings: Vec<Option<Heading>> = blocks
        .iter()
        .map(|block| headings::heading(block, body))
        .collect();
    let levels = levels(&headings);
    let mut sections = vec![Section {
        level: 1,
        ..Section::default()
    }];
    for (block, heading) in blocks.iter().zip(headings) {
        let text = block.text();
        match heading {
            Some(heading) => sections.push(opened(&heading, &levels)),
            None => match run_in_abstract(&text) {
                Some(rest)
                    if !sections
                        .iter()
                        .any(|section| section.kind == SectionKind::Abstract) =>
                {
                    sections.push(Section {
                        title: "Abstract".to_owned(),
                        level: 1,
                        kind: SectionKind::Abstract,
                        paragraphs: Vec::new(),
                    });
                    add(&mut sections, block, rest.to_owned());
                }
                _ => add(&mut sections, block, text),
            },
        }
    }
    sections.retain(|section| !(section.title.is_empty() && section.paragraphs.is_empty()));
    sections
}

fn opened(heading: &Heading, levels: &BTreeMap<Style, u8>) -> Section {
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
    let level = heading
        .depth
        .or_else(|| levels.get(&heading.style).copied())
        .unwrap_or(1);
    Section {
        title: heading.title.clone(),
        level,
        kind,
        paragraphs: Vec::new(),
    }
}

fn add(sections: &mut [Section], block: &Block, text: String) {
    let Some(section) = sections.last_mut() else {
        return;
    };
    if text.is_empty() {
        return;
    }
    if let Some(last) = section.paragraphs.last_mut() {
        last.continues = block.first && !last.text.ends_with(['.', '?', '!', ':']);
    }
    section.paragraphs.push(Paragraph {
        page: block.page(),
        text,
        continues: false,
    });
}

/// The level of each style of heading: that of its numbered ones, else its rank.
fn levels(headings: &[Option<Heading>]) -> BTreeMap<Style, u8> {
    let mut levels = BTreeMap::new();
    for heading in headings.iter().flatten() {
        if let Some(depth) = heading.depth {
            levels.entry(heading.style).or_insert(depth);
        }
    }
    let mut styles: Vec<Style> = headings.iter().flatten().map(|heading| heading.style).collect();
    styles.sort_by(|a, b| b.cmp(a));
    styles.dedup();
    let numbered = !levels.is_empty();
    for (rank, style) in (1..).zip(styles) {
        let unnumbered = if numbered { 1 } else { rank.min(6) };
        levels.entry(style).or_insert(unnumbered);
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
