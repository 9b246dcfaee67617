//! Titles, authors, years and identifiers out of a paper; BibTeX.
//!
//! Several voters look for each field: the layout of the first page, patterns in its text, the document information and
//! the XMP packet of the PDF. What they agree on wins; what none of them says stays absent.

mod authors;
mod bibtex;
mod csl_file;
pub mod csl_json;
pub mod export;
pub mod format;
mod identifiers;
pub(crate) mod information;
mod junk;
mod lexicon;
pub mod lookup;
mod mend;
mod names;
mod person;
pub mod references;
mod service;
pub mod settings;
pub mod style;
mod title;
mod venue;
mod year;

pub use bibtex::{bibtex, citation_key};
#[cfg(test)]
pub(crate) use service::sample;
pub use service::{CitationInputs, Citations};

use crate::paper::{Field, Metadata, Section, SectionKind, Source};
use crate::pdf::read::blocks::{Block, BodyLook};
use crate::pdf::read::lines::Line;
use crate::pdf::read::sections::{is_prose, is_summary};
use information::Information;
use title::Place;

/// What the voters look at.
pub(crate) struct Front<'d> {
    /// What the PDF says about itself.
    pub information: &'d Information,
    /// The pieces of the first page's lines, running heads included, from top to bottom.
    pub lines: &'d [Line],
    /// The turned text of the first page.
    pub turned: &'d str,
    /// Width of the first page.
    pub width: f32,
    /// Height of the first page.
    pub height: f32,
    /// All blocks in reading order.
    pub blocks: &'d [Block],
    /// Where the abstract begins on the first page.
    summary_top: Option<f32>,
    /// Where the title stands.
    title: Option<Place>,
}

impl<'d> Front<'d> {
    /// Finds title and abstract on the first page.
    pub(crate) fn new(
        information: &'d Information,
        lines: &'d [Line],
        page: &'d crate::pdf::read::glyphs::PageGlyphs,
        blocks: &'d [Block],
        body: &BodyLook,
    ) -> Self {
        let first_page = || blocks.iter().filter(|block| block.page() == 1);
        let top = |block: &Block| block.line().map(Line::top);
        let summary_top = first_page()
            .find(|block| is_summary(block, body))
            .or_else(|| {
                first_page().find(|block| {
                    is_prose(&block.text())
                        && block.line().is_some_and(|line| line.x1 - line.x0 > 0.25 * page.width)
                })
            })
            .and_then(top);
        let stated: Vec<&str> = [&information.xmp_title, &information.title]
            .into_iter()
            .filter_map(|title| title.as_deref())
            .collect();
        let title = title::place(lines, summary_top, body.size, page.height, &stated);
        Self {
            information,
            lines,
            turned: &page.turned,
            width: page.width,
            height: page.height,
            blocks,
            summary_top,
            title,
        }
    }
}

/// Identifies a paper.
pub(crate) fn metadata(front: &Front<'_>, sections: &[Section]) -> Metadata {
    Metadata {
        title: title::title(front),
        authors: authors::authors(front),
        year: year::year(front),
        summary: summary(sections),
        doi: identifiers::doi(front),
        arxiv: identifiers::arxiv(front),
        venue: venue::venue(front),
        volume: None,
        issue: None,
        pages: None,
    }
}

fn summary(sections: &[Section]) -> Option<Field<String>> {
    let section = sections.iter().find(|section| section.kind == SectionKind::Abstract)?;
    let page = section.paragraphs.first()?.page;
    let text: Vec<&str> = section.paragraphs.iter().map(|paragraph| paragraph.text.as_str()).collect();
    Some(Field { value: text.join("\n\n"), source: Source::Layout { page } })
}

#[cfg(test)]
mod tests;
