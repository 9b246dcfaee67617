//! A paper as it was read: what every service downstream works from.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// The version of the reader: it grows whenever reading gives more, or something else, than before. Papers that an
/// earlier version read are read once again.
pub const READER_VERSION: u32 = 3;

/// A paper as it was read out of one PDF.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Paper {
    /// What identifies the paper.
    pub metadata: Metadata,
    /// The body in reading order, from the abstract to the references. Paragraphs before the first heading stand
    /// in a section with an empty title.
    pub sections: Vec<Section>,
    /// The list of references, in the paper's order.
    #[serde(default)]
    pub references: Vec<Reference>,
    /// Number of pages of the PDF.
    pub page_count: u32,
}

/// An entry of a paper's list of references. A part that was not found is absent; nothing is made up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reference {
    /// What the text cites it by, without brackets: `12`, `Smi03`. Absent where the list has no labels.
    pub label: Option<String>,
    /// The entry as it is printed, without its label.
    pub text: String,
    /// Page on which it begins, counted from 1.
    pub page: u32,
    /// The authors (or editors, where it has no authors) in the entry's order.
    pub authors: Vec<Person>,
    /// Whether the list of authors is cut short (`et al.`).
    pub et_al: bool,
    /// The title of the work.
    pub title: Option<String>,
    /// Year of publication.
    pub year: Option<i32>,
    /// Journal, proceedings, series or publisher: what it appeared in.
    pub venue: Option<String>,
    /// Volume of the journal.
    pub volume: Option<String>,
    /// Issue of the volume.
    pub issue: Option<String>,
    /// Pages or article number, as printed.
    pub pages: Option<String>,
    /// DOI without a resolver in front.
    pub doi: Option<String>,
    /// arXiv identifier without version.
    pub arxiv: Option<String>,
    /// An address that is neither.
    pub url: Option<String>,
}

/// A person's name in two parts, as bibliographies need it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    /// Family name, with its particle (`van der Berg`); the whole name where it cannot be parted.
    pub family: String,
    /// Given names or initials; may be empty.
    pub given: String,
}

/// A part of a paper under one heading.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// The heading without its number; empty before the first heading.
    pub title: String,
    /// Depth, from 1.
    pub level: u8,
    /// What the section is for, as far as it matters downstream.
    pub kind: SectionKind,
    /// The text. A paragraph never crosses a column or a page, so that each is found in one place on its page.
    pub paragraphs: Vec<Paragraph>,
}

/// What a section is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SectionKind {
    /// The abstract.
    Abstract,
    /// Ordinary text.
    #[default]
    Body,
    /// The list of references: shown and stored, not searched.
    References,
}

/// Consecutive text of one column of one page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Paragraph {
    /// Page, counted from 1.
    pub page: u32,
    /// The text: NFC, ligatures resolved, line breaks folded to spaces, hyphenation at line ends undone.
    pub text: String,
    /// Where another reader of the page may go on differently, as bytes of `text` in order: words with characters off
    /// the line (but for plain scripts: `F1`, `m2`), with letters composed of parts, beside signs without a known
    /// meaning; and, as empty ranges, gaps wider than their neighbours and both ends of lines that have such gaps or
    /// formulas of several stories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loose: Vec<Range<usize>>,
    /// Whether the next paragraph of the section continues this one (a column or a page ended in between).
    pub continues: bool,
}

/// What identifies a paper. A field that was not found is absent; nothing is made up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// The title.
    pub title: Option<Field<String>>,
    /// Full names in the paper's order.
    pub authors: Option<Field<Vec<String>>>,
    /// Year of publication.
    pub year: Option<Field<i32>>,
    /// The abstract.
    #[serde(rename = "abstract")]
    pub summary: Option<Field<String>>,
    /// DOI without a resolver in front.
    pub doi: Option<Field<String>>,
    /// arXiv identifier without version (`1503.07589`, `hep-th/9901001`).
    pub arxiv: Option<Field<String>>,
    /// Journal, proceedings or series, where the paper names it.
    pub venue: Option<Field<String>>,
    /// Volume of the journal.
    pub volume: Option<Field<String>>,
    /// Issue of the volume.
    pub issue: Option<Field<String>>,
    /// Pages or article number.
    pub pages: Option<Field<String>>,
}

/// A value, and where it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field<T> {
    /// The value.
    pub value: T,
    /// Where it was found.
    pub source: Source,
}

/// Where a piece of metadata was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum Source {
    /// Size, weight and position of the text on a page (counted from 1).
    Layout {
        /// The page.
        page: u32,
    },
    /// A pattern in the text of a page (counted from 1).
    Text {
        /// The page.
        page: u32,
    },
    /// The PDF's document information dictionary.
    DocumentInformation,
    /// The PDF's XMP packet.
    Xmp,
    /// Not the PDF: a look-up at Crossref.
    Crossref,
    /// Not the PDF: a look-up at OpenAlex.
    #[serde(rename = "openalex")]
    OpenAlex,
}
