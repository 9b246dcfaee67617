//! Works as CSL-JSON: what styles are applied to, and what reference managers and pandoc read.
//!
//! The format: <https://github.com/citation-style-language/schema#csl-json-schema>. What is not known has no key.

use serde_json::{Map, Value, json};

use super::person::Name;
use crate::paper::{Metadata, Reference};

/// What a work is, as far as what is known of it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Journal,
    Conference,
    Book,
    Preprint,
    Webpage,
    Other,
}

/// What a work is known by, wherever that comes from.
#[derive(Default)]
struct Work<'a> {
    title: Option<&'a str>,
    authors: Vec<Name>,
    year: Option<i32>,
    venue: Option<&'a str>,
    volume: Option<&'a str>,
    issue: Option<&'a str>,
    pages: Option<&'a str>,
    doi: Option<&'a str>,
    arxiv: Option<&'a str>,
    url: Option<&'a str>,
    summary: Option<&'a str>,
}

/// A paper of the library.
pub fn of_paper(id: &str, metadata: &Metadata) -> Value {
    fn text(field: &Option<crate::paper::Field<String>>) -> Option<&str> {
        field.as_ref().map(|field| field.value.as_str())
    }
    let authors = metadata.authors.iter().flat_map(|authors| &authors.value);
    Work {
        title: text(&metadata.title),
        authors: authors.map(|name| Name::of_full(name)).collect(),
        year: metadata.year.as_ref().map(|year| year.value),
        venue: text(&metadata.venue),
        volume: text(&metadata.volume),
        issue: text(&metadata.issue),
        pages: text(&metadata.pages),
        doi: text(&metadata.doi),
        arxiv: text(&metadata.arxiv),
        url: None,
        summary: text(&metadata.summary),
    }
    .item(id)
}

/// An entry of a list of references.
pub fn of_reference(id: &str, reference: &Reference) -> Value {
    Work {
        title: reference.title.as_deref(),
        authors: reference.authors.iter().map(Name::of_person).collect(),
        year: reference.year,
        venue: reference.venue.as_deref(),
        volume: reference.volume.as_deref(),
        issue: reference.issue.as_deref(),
        pages: reference.pages.as_deref(),
        doi: reference.doi.as_deref(),
        arxiv: reference.arxiv.as_deref(),
        url: reference.url.as_deref(),
        summary: None,
    }
    .item(id)
}

/// The same work without its addresses: for where a link of our own follows it.
pub fn without_addresses(mut item: Value) -> Value {
    if let Some(fields) = item.as_object_mut() {
        fields.remove("DOI");
        fields.remove("URL");
    }
    item
}

impl Work<'_> {
    fn item(&self, id: &str) -> Value {
        let kind = self.kind();
        let mut item = Map::new();
        item.insert("id".to_owned(), json!(id));
        item.insert("type".to_owned(), json!(kind.name()));
        let mut text = |key: &str, value: Option<&str>| {
            if let Some(value) = value.map(one_line).filter(|value| !value.is_empty()) {
                item.insert(key.to_owned(), json!(value));
            }
        };
        text("title", self.title);
        text("abstract", self.summary);
        match kind {
            Kind::Journal | Kind::Conference => text("container-title", self.venue),
            Kind::Book => text("publisher", self.venue),
            Kind::Preprint => {
                text("publisher", Some("arXiv"));
                text("number", self.arxiv.map(|arxiv| format!("arXiv:{arxiv}")).as_deref());
            }
            Kind::Webpage | Kind::Other => text("publisher", self.venue),
        }
        text("volume", self.volume);
        text("issue", self.issue);
        text("page", self.pages.map(pages).as_deref());
        let (doi, url) = self.addresses();
        text("DOI", doi.as_deref());
        text("URL", url.as_deref());
        let authors: Vec<Value> = self.authors.iter().map(Name::csl_json).collect();
        if !authors.is_empty() {
            item.insert("author".to_owned(), json!(authors));
        }
        if let Some(year) = self.year.filter(|year| (1..=9999).contains(year)) {
            item.insert("issued".to_owned(), json!({ "date-parts": [[year]] }));
        }
        Value::Object(item)
    }

    /// DOI and URL. A preprint at arXiv has both by its number.
    fn addresses(&self) -> (Option<String>, Option<String>) {
        let doi = self.doi.map(str::to_owned);
        match (self.arxiv, self.url) {
            (Some(arxiv), _) if doi.is_none() => {
                (Some(format!("10.48550/arXiv.{arxiv}")), Some(format!("https://arxiv.org/abs/{arxiv}")))
            }
            (_, url) => (doi, url.map(str::to_owned)),
        }
    }

    fn kind(&self) -> Kind {
        let at_arxiv =
            self.arxiv.is_some() || self.doi.is_some_and(|doi| doi.to_lowercase().starts_with("10.48550/"));
        match self.venue {
            Some(venue) if is_arxiv(venue) => Kind::Preprint,
            Some(venue) if is_conference(venue) => Kind::Conference,
            Some(venue) if self.volume.is_none() && self.issue.is_none() && is_publisher(venue) => Kind::Book,
            Some(_) => Kind::Journal,
            None if at_arxiv => Kind::Preprint,
            None if self.volume.is_some() && self.pages.is_some() => Kind::Journal,
            None if self.url.is_some() && self.doi.is_none() => Kind::Webpage,
            None => Kind::Other,
        }
    }
}

impl Kind {
    /// The name in CSL's list of types.
    fn name(self) -> &'static str {
        match self {
            Self::Journal => "article-journal",
            Self::Conference => "paper-conference",
            Self::Book => "book",
            Self::Preprint => "article",
            Self::Webpage => "webpage",
            Self::Other => "document",
        }
    }
}

fn is_arxiv(venue: &str) -> bool {
    let venue = venue.to_lowercase();
    venue.starts_with("arxiv") || venue == "corr" || venue.contains("abs/") && venue.starts_with("corr")
}

/// Words that name a meeting or its proceedings.
fn is_conference(venue: &str) -> bool {
    let words = [
        "conference",
        "proceedings",
        "proc.",
        "workshop",
        "symposium",
        "congress",
        "meeting",
        "neural information processing systems",
    ];
    let venue = venue.to_lowercase();
    // Journals that carry such a word in their name.
    let journal = [
        "proceedings of the national academy",
        "proceedings of the royal society",
        "proceedings of the ieee",
    ];
    let is_journal = journal.iter().any(|name| venue.starts_with(name)) && !venue.contains("conference");
    !is_journal && words.iter().any(|word| venue.contains(word))
}

/// Words that name a publisher of books.
fn is_publisher(venue: &str) -> bool {
    let words = [
        "press",
        "springer",
        "wiley",
        "elsevier",
        "verlag",
        "publisher",
        "publishing",
        "publications",
        "o'reilly",
        "o’reilly",
        "mcgraw",
        "addison",
        "prentice",
        "wesley",
        "birkhäuser",
        "routledge",
        "kaufmann",
        "crc",
        "pearson",
        "books",
    ];
    let venue = venue.to_lowercase();
    words.iter().any(|word| venue.contains(word))
}

/// Pages with one hyphen between them, as CSL-JSON has them: styles choose the dash.
fn pages(printed: &str) -> String {
    let parts: Vec<&str> = printed.split(['-', '–', '—', '−', '‐', '‑']).map(str::trim).collect();
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
