//! The lines of a document as the list of references is looked for in them.

use crate::pdf::read::blocks::{Block, BodyLook};
use crate::pdf::read::headings;

/// Lines of a document that are looked at.
const ROWS_MAX: usize = 200_000;

/// A line and what stands around it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    /// Its text.
    pub text: String,
    /// Page, counted from 1.
    pub page: u32,
    /// Which of the document's columns it stands in.
    pub column: usize,
    /// Left edge.
    pub x0: f32,
    /// Right edge.
    pub x1: f32,
    /// Baseline.
    pub y: f32,
    /// Size of its characters.
    pub size: f32,
    /// Whether it is of a heading that stands out by more than italics, or whose words headings have.
    pub heading: bool,
    /// Whether it is of a caption.
    pub caption: bool,
    /// Whether all of it is bold.
    pub bold: bool,
}

/// All lines in reading order.
pub(super) fn rows(blocks: &[Block], body: &BodyLook) -> Vec<Row> {
    let mut rows = Vec::new();
    for block in blocks {
        let heading = headings::heading(block, body)
            .is_some_and(|heading| heading.style.stands_out(body.size) || headings::is_known(&heading.title));
        let caption = headings::is_caption(&block.text());
        rows.extend(block.lines.iter().map(|line| Row {
            text: line.text(),
            page: line.page,
            column: block.column,
            x0: line.x0,
            x1: line.x1,
            y: line.y,
            size: line.size,
            heading,
            caption,
            bold: line.is_bold(),
        }));
        if rows.len() > ROWS_MAX {
            break;
        }
    }
    rows
}
