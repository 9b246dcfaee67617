//! The journal, where the paper names it beyond doubt.

use super::Front;
use super::year::journal_line;
use crate::paper::{Field, Source};
use crate::pdf::read::lines::Line;

/// The publication that the XMP packet names, or the journal of the line with its volume and pages.
pub(super) fn venue(front: &Front<'_>) -> Option<Field<String>> {
    if let Some(name) = front.information.xmp_venue.as_deref() {
        return Some(Field { value: name.to_owned(), source: Source::Xmp });
    }
    let lines = front.lines.iter().filter(|line| line.page == 1).map(Line::text);
    let (name, _) = lines.into_iter().find_map(|line| journal_line(&line))?;
    Some(Field { value: name, source: Source::Text { page: 1 } })
}
