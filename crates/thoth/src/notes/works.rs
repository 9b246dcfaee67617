//! Works as notes show them: formatted in the style of the settings, and linked in their way.

use super::render::{escaped, one_line};
use super::shelf::Shelf;
use crate::citations::Citations;
use crate::citations::csl_json;
use crate::citations::format::bibliography;
use crate::citations::settings::LinkFormat;
use crate::paper::{Metadata, Reference};

/// Entries of a list of references that a note shows, at most.
const REFERENCES_MAX: usize = 1_000;

/// How a note shows works: by the service of one generation, and the library as it is.
#[derive(Clone, Copy, Debug)]
pub struct Manner<'a> {
    /// Style and links.
    pub citations: &'a Citations,
    /// What is in the library.
    pub shelf: &'a Shelf,
}

impl Manner<'_> {
    /// The paper's own citation, if there is a title to cite; ends with a line end.
    pub(super) fn own_citation(&self, metadata: &Metadata) -> String {
        if metadata.title.is_none() {
            return String::new();
        }
        let Some(text) = self.formatted(csl_json::of_paper("paper", metadata)) else {
            return String::new();
        };
        let doi = metadata.doi.as_ref().map(|doi| doi.value.clone());
        let arxiv = metadata.arxiv.as_ref().map(|arxiv| arxiv.value.clone());
        let link = self.link_to(doi.as_deref(), arxiv.as_deref(), None).map(|link| format!(" {link}"));
        format!("\n## Citation\n\n{text}{}\n", link.unwrap_or_default())
    }

    /// A link to a DOI, an arXiv page or another address; `text` is what a link with words says.
    pub(super) fn address(&self, url: &str, text: &str) -> String {
        // In angle brackets: a DOI may hold parentheses, which end a bare link.
        let url: String =
            url.chars().filter(|c| !matches!(c, '<' | '>' | '\\') && !c.is_whitespace() && !c.is_control()).collect();
        let url = url.replace("%%", "%25%25");
        match self.citations.settings.link_format {
            LinkFormat::Uri => format!("<{url}>"),
            LinkFormat::Wikilink | LinkFormat::Markdown => format!("[{}](<{url}>)", escaped(text)),
        }
    }

    /// The list of references: what was parsed well enough in the style, all else as it is printed.
    pub(super) fn references(&self, references: &[Reference]) -> String {
        if references.is_empty() {
            return String::new();
        }
        let mut out = String::from("\n## References\n\n");
        for reference in references.iter().take(REFERENCES_MAX) {
            out.push_str(&format!("- {}\n", self.reference(reference)));
        }
        if references.len() > REFERENCES_MAX {
            out.push_str(&format!("- … and {} more\n", references.len() - REFERENCES_MAX));
        }
        out
    }

    /// One entry on one line, with its label and a link.
    pub fn reference(&self, reference: &Reference) -> String {
        let label = reference.label.as_deref().map(one_line).filter(|label| !label.is_empty());
        let shown = is_whole(reference).then(|| self.formatted(csl_json::of_reference("reference", reference)));
        let text = shown.flatten().unwrap_or_else(|| escaped(&one_line(&reference.text)));
        let label = label.map(|label| escaped(&format!("[{label}]")));
        [label, Some(text), self.link(reference)].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn link(&self, reference: &Reference) -> Option<String> {
        if self.citations.settings.link_format == LinkFormat::Wikilink
            && let Some(note) = self.shelf.link(reference)
        {
            return Some(note);
        }
        self.link_to(reference.doi.as_deref(), reference.arxiv.as_deref(), reference.url.as_deref())
    }

    fn link_to(&self, doi: Option<&str>, arxiv: Option<&str>, url: Option<&str>) -> Option<String> {
        match (doi, arxiv, url) {
            (Some(doi), _, _) => Some(self.address(&format!("https://doi.org/{doi}"), &format!("doi:{doi}"))),
            (None, Some(arxiv), _) => {
                Some(self.address(&format!("https://arxiv.org/abs/{arxiv}"), &format!("arXiv:{arxiv}")))
            }
            (None, None, Some(url)) => Some(self.address(url, url)),
            (None, None, None) => None,
        }
    }

    /// The work in the style, without addresses: a link of the note's own follows it.
    fn formatted(&self, work: serde_json::Value) -> Option<String> {
        let formatted = bibliography(&[csl_json::without_addresses(work)], self.citations.style());
        let entry = formatted.inspect_err(|error| tracing::warn!(%error, "CitationService: a work is shown unformatted"));
        entry.ok()?.first().map(|entry| entry.markdown()).filter(|text| !text.is_empty())
    }
}

/// Whether an entry was parsed well enough to be written anew: nobody is left out of it.
fn is_whole(reference: &Reference) -> bool {
    !reference.authors.is_empty() && !reference.et_al && reference.title.is_some() && reference.year.is_some()
}
