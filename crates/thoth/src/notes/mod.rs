//! Markdown notes in the vault: one for each paper, shared with the user.
//!
//! What is ours stands between two lines, [`document::BEGIN`] and [`document::END`]; in the frontmatter our keys are
//! ours. Everything else belongs to the user and stays byte for byte, whatever we write.
//!
//! - [`yaml`]: strings that every YAML reader takes for the same text
//! - [`frontmatter`]: our keys among the user's
//! - [`document`]: a note taken apart and put together again
//! - [`name`]: from a title to a file name
//! - [`link`]: from a path to a link that Obsidian follows
//! - [`render`]: what a note says about a paper
//! - [`works`], [`shelf`]: works in the style of the settings, linked to their notes
//! - [`references`]: the list of references in a note
//! - [`template`]: a note as the user's template says
//! - [`mod@write`]: the note on disk, found again and never written over

pub mod document;
pub mod frontmatter;
pub mod link;
pub mod name;
pub mod references;
pub mod render;
pub mod shelf;
pub mod template;
pub mod works;
pub mod write;
pub mod yaml;

#[cfg(test)]
mod tests;
