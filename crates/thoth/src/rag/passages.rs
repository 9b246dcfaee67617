//! Passages: what an answer is made from.

/// A piece of a paper's text, in one place on one page.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// Identifier of the paper.
    pub paper: String,
    /// Title of the paper.
    pub title: String,
    /// Page, counted from 1.
    pub page: u32,
    /// Heading that it stands under.
    pub section: String,
    /// The text.
    pub text: String,
}
