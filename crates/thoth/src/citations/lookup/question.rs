//! What is asked about a paper, and how each source wants it put.
//!
//! Crossref: <https://github.com/CrossRef/rest-api-doc>. OpenAlex: <https://docs.openalex.org>.

use reqwest::Url;

use super::Registry;
use crate::citations::person::Name;
use crate::citations::settings::Apis;
use crate::paper::Metadata;

/// Works that a search gives, at most.
const ROWS: &str = "5";
/// Characters of a title that are searched for.
const TITLE_CHARS_MAX: usize = 300;

/// What is asked about a paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// The work of this DOI.
    Doi(String),
    /// Works like this one: title, family name of the first author, year.
    Search(String),
}

impl Question {
    /// What there is to ask; `None` if nothing is absent that a source could know, or nothing is known to ask by.
    pub(super) fn about(metadata: &Metadata) -> Option<Self> {
        let absent = metadata.title.is_none()
            || metadata.year.is_none()
            || metadata.venue.is_none()
            || metadata.doi.is_none()
            || metadata.volume.is_none()
            || metadata.pages.is_none();
        if !absent {
            return None;
        }
        if let Some(doi) = &metadata.doi {
            return Some(Self::Doi(doi.value.clone()));
        }
        let title: String = metadata.title.as_ref()?.value.chars().take(TITLE_CHARS_MAX).collect();
        let author = first_author(metadata).unwrap_or_default();
        let year = metadata.year.as_ref().map(|year| year.value.to_string()).unwrap_or_default();
        Some(Self::Search([title.as_str(), &author, &year].join(" ").trim().to_owned()))
    }

    /// The address of the answer. The contact is told as both sources ask for it.
    pub(super) fn url(&self, registry: Registry, apis: &Apis) -> Option<Url> {
        let base = match registry {
            Registry::Crossref => &apis.crossref_url,
            Registry::OpenAlex => &apis.openalex_url,
        };
        let mut url = base.clone();
        {
            let mut path = url.path_segments_mut().ok()?;
            path.pop_if_empty().push("works");
            match (self, registry) {
                (Self::Doi(doi), Registry::Crossref) => drop(path.push(doi)),
                (Self::Doi(doi), Registry::OpenAlex) => drop(path.push(&format!("doi:{doi}"))),
                (Self::Search(_), _) => {}
            }
        }
        {
            let mut query = url.query_pairs_mut();
            match (self, registry) {
                (Self::Search(words), Registry::Crossref) => {
                    query.append_pair("query.bibliographic", words).append_pair("rows", ROWS);
                }
                (Self::Search(words), Registry::OpenAlex) => {
                    query.append_pair("search", &plain(words)).append_pair("per-page", ROWS);
                }
                (Self::Doi(_), _) => {}
            }
            if !apis.contact.is_empty() {
                query.append_pair("mailto", &apis.contact);
            }
        }
        if url.query() == Some("") {
            url.set_query(None);
        }
        Some(url)
    }

    /// The name under which the answer is kept.
    pub(super) fn key(&self) -> String {
        match self {
            Self::Doi(doi) => format!("doi {}", doi.to_lowercase()),
            Self::Search(words) => format!("search {words}"),
        }
    }
}

/// The family name of the first author.
pub(super) fn first_author(metadata: &Metadata) -> Option<String> {
    let name = metadata.authors.as_ref()?.value.first()?;
    Some(Name::of_full(name).family).filter(|family| !family.is_empty())
}

/// Without what OpenAlex's search takes for an operator.
fn plain(words: &str) -> String {
    let letters =
        words.chars().map(|c| if c.is_alphanumeric() || matches!(c, '-' | '\'' | '’') { c } else { ' ' });
    letters.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}
