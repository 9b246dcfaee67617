//! Writing sections: paragraphs in their order, what interrupts them after them, the end of the abstract.

use super::blocks::{Block, without_bare_label};
use super::headings::{self, Heading, Style};
use super::sections::{FRONT_PAGES, run_in_abstract};
use super::words::Running;
use crate::paper::{Paragraph, Section, SectionKind};
use std::collections::BTreeMap;

/// Sections as they are written.
#[derive(Default)]
pub(super) struct Writer {
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
    pub(super) fn in_references(&self) -> bool {
        self.sections.last().is_some_and(|section| section.kind == SectionKind::References)
    }

    pub(super) fn open(&mut self, heading: &Heading, levels: &BTreeMap<Style, u8>) {
        self.release();
        let styled = levels.get(&heading.style).copied();
        // What closes a paper has no number although its headings have, and stands beside its chapters.
        let closing = levels.values().any(|depth| *depth == 1) && is_closing(&heading.title);
        let depth = heading.depth.or(if closing { Some(1) } else { styled }).unwrap_or(1);
        self.open.retain(|above| *above < depth);
        self.open.push(depth);
        let name: String = heading.title.to_lowercase().chars().filter(|c| c.is_alphabetic()).collect();
        let kind = match name.as_str() {
            "abstract" | "summary" => SectionKind::Abstract,
            "references" | "bibliography" | "literaturecited" => SectionKind::References,
            _ => SectionKind::Body,
        };
        let level = u8::try_from(self.open.len()).unwrap_or(u8::MAX);
        self.sections.push(Section { title: heading.title.clone(), level, kind, paragraphs: Vec::new() });
    }

    pub(super) fn text(&mut self, block: &Block) {
        let running = block.running();
        let text = running.text.clone();
        let begun = self.sections.iter().any(|section| section.kind == SectionKind::Abstract);
        if let Some(rest) = run_in_abstract(&text).filter(|_| !begun) {
            let title = "Abstract".to_owned();
            self.sections.push(Section {
                title,
                level: 1,
                kind: SectionKind::Abstract,
                paragraphs: Vec::new(),
            });
            self.summary = block.lines.get(1).or(block.line()).map(|line| (line.x0, line.size));
            self.write(block, running.after(text.len() - rest.len()));
        } else {
            if self.ends_abstract(block, &text) {
                self.release();
                self.sections.push(Section { level: 1, ..Section::default() });
            }
            // Bare numbers of references stand in a column of their own; the order of the entries says the same.
            let entry = if self.in_references() { without_bare_label(&text) } else { &text };
            self.write(block, running.after(text.len() - entry.len()));
        }
    }

    /// Whether a block no longer belongs to the abstract although no heading stands between: it is set differently,
    /// stands on another page, or lists key words.
    fn ends_abstract(&mut self, block: &Block, text: &str) -> bool {
        let Some(section) = self.sections.last().filter(|section| section.kind == SectionKind::Abstract)
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

    fn write(&mut self, block: &Block, running: Running) {
        if self.sections.is_empty() {
            self.sections.push(Section { level: 1, ..Section::default() });
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
            section.paragraphs.push(paragraph(block, running));
        }
    }

    pub(super) fn side(&mut self, block: &Block) {
        // An abstract and references may be set as small as captions are.
        let flows = self.sections.last().is_none_or(|section| section.kind != SectionKind::Body);
        if flows && !headings::is_caption(&block.text()) {
            return self.text(block);
        }
        self.held.push(paragraph(block, block.running()));
    }

    /// Writes what was held behind the paragraph that it interrupted.
    fn release(&mut self) {
        if let Some(section) = self.sections.last_mut() {
            section.paragraphs.append(&mut self.held);
        }
    }

    pub(super) fn finish(mut self) -> Vec<Section> {
        if self.sections.is_empty() {
            self.sections.push(Section { level: 1, ..Section::default() });
        }
        self.release();
        self.sections
            .iter_mut()
            .for_each(|section| section.paragraphs.retain(|paragraph| !paragraph.text.is_empty()));
        self.sections.retain(|section| !(section.title.is_empty() && section.paragraphs.is_empty()));
        name_summary(&mut self.sections);
        self.sections
    }
}

fn paragraph(block: &Block, Running { text, loose }: Running) -> Paragraph {
    Paragraph { page: block.page(), text, loose, continues: false }
}

/// Whether a heading is of the parts that follow the last chapter.
fn is_closing(title: &str) -> bool {
    let lower = title.to_lowercase();
    [
        "acknowledg",
        "references",
        "bibliography",
        "data availability",
        "funding",
        "appendix",
        "competing interest",
    ]
    .iter()
    .any(|name| lower.starts_with(name))
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
    if sections.iter().any(|section| section.kind == SectionKind::Abstract) || sections.len() < 3 {
        return;
    }
    if let Some(first) = sections.first_mut()
        && first.title.is_empty()
        && first.paragraphs.iter().all(|paragraph| paragraph.page <= FRONT_PAGES)
    {
        first.kind = SectionKind::Abstract;
    }
}
