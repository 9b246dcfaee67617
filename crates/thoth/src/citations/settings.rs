//! The section `citation`.

use serde::{Serialize, Serializer};
use url::Url;

use super::style::Choice;

/// The section `citation`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CitationSettings {
    /// The style of formatted references (IEEE).
    #[serde(serialize_with = "as_written")]
    pub style: Choice,
    /// How notes link to works (an address).
    pub link_format: LinkFormat,
    /// Who is asked for what a PDF does not say of itself.
    pub apis: Apis,
}

/// How notes link to works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkFormat {
    /// The plain address.
    #[default]
    Uri,
    /// `[[note|title]]` for a work whose paper is in the library, `[text](address)` for any other.
    Wikilink,
    /// `[text](address)`.
    Markdown,
}

impl LinkFormat {
    /// The format of a name, as files spell it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "uri" => Some(Self::Uri),
            "wikilink" => Some(Self::Wikilink),
            "markdown" => Some(Self::Markdown),
            _ => None,
        }
    }
}

/// `citation.apis`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Apis {
    /// Whether Crossref is asked (no).
    pub use_crossref: bool,
    /// Where Crossref is (`https://api.crossref.org`).
    pub crossref_url: Url,
    /// Whether OpenAlex is asked (no).
    pub use_openalex: bool,
    /// Where OpenAlex is (`https://api.openalex.org`).
    pub openalex_url: Url,
    /// The e-mail address that both are told, as they ask for; empty by default.
    pub contact: String,
}

impl Apis {
    /// Who is asked, for people.
    pub fn in_words(&self) -> String {
        match (self.use_crossref, self.use_openalex) {
            (true, true) => "asks Crossref and OpenAlex",
            (true, false) => "asks Crossref",
            (false, true) => "asks OpenAlex",
            (false, false) => "asks nobody",
        }
        .to_owned()
    }
}

fn as_written<S: Serializer>(style: &Choice, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(style.written())
}
