//! Titles, authors, years and identifiers out of a paper; BibTeX.
//!
//! Several voters look for each field: the layout of the first pages, patterns in their text, the document information
//! and the XMP packet of the PDF. What they agree on wins; what none of them says stays absent.

mod title;

use crate::paper::{Field, Metadata, Section, SectionKind, Source};
use crate::pdf::read::blocks::{Block, BodyLook};

/// What the voters look at.
pub(crate) struct Front<'d> {
    /// All blocks in reading order.
    pub blocks: &'d [Block],
    /// How ordinary text looks.
    pub body: BodyLook,
}

/// Identifies a paper.
pub(crate) fn metadata(front: &Front<'_>, sections: &[Section]) -> Metadata {
    Metadata {
        title: title::title(front),
        summary: summary(sections),
        ..Metadata::default()
    }
}

fn summary(sections: &[Section]) -> Option<Field<String>> {
    let section = sections
        .iter()
        .find(|section| section.kind == SectionKind::Abstract)?;
    let page = section.paragraphs.first()?.page;
    let text: Vec<&str> = section
        .paragraphs
        .iter()
        .map(|paragraph| paragraph.text.as_str())
        .collect();
    Some(Field {
        value: text.join("\n\n"),
        source: Source::Layout { page },
    })
}
