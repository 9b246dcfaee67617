//! The list of references: found, cut into entries, each entry taken apart.
//!
//! ```text
//! blocks ─► rows ─► find ─► cut ─► join ─► parse
//!           lines    where it  labels, hanging   one line   names · year · numbers · title and venue ·
//!                    begins    indents, gaps     of text    identifiers
//! ```
//!
//! Invariant: every value of a [`Reference`] stands in its text (after [`crate::quote::fold`]); a part that was not
//! found is absent. Whatever the input, the work grows with its length, and there are limits to what is taken.

mod cut;
mod dates;
mod find;
mod identifiers;
mod indents;
mod join;
mod labels;
mod lexicon;
mod numbers;
mod parse;
mod people;
mod rows;
mod split;
mod venue;
mod words;

#[cfg(test)]
mod tests;

use crate::paper::Reference;
use crate::pdf::read::blocks::{Block, BodyLook};

pub use parse::parse;

/// Entries of one paper that are taken.
const ENTRIES_MAX: usize = 5_000;
/// Characters of one entry that are kept and parsed.
pub(crate) const ENTRY_CHARS_MAX: usize = 8_000;

/// An entry as it was cut out of the list.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Entry {
    /// Its label without brackets.
    pub label: Option<String>,
    /// Its text on one line, without the label.
    pub text: String,
    /// Page on which it begins.
    pub page: u32,
}

/// The references of a paper, in their order.
pub(crate) fn references(blocks: &[Block], body: &BodyLook) -> Vec<Reference> {
    let entries = find::entries(&rows::rows(blocks, body));
    let read = |entry: Entry| Reference { label: entry.label, page: entry.page, ..parse(&entry.text) };
    entries.into_iter().take(ENTRIES_MAX).map(read).collect()
}
