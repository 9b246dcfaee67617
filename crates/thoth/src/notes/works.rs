//! Works as notes show them: formatted in the style of the settings, and linked in their way.

use super::references::{Line, address, printed};
use super::render::escaped;
use super::shelf::Shelf;
use crate::citations::Citations;
use crate::citations::csl_json;
use crate::citations::format::bibliography;
use crate::citations::settings::LinkFormat;
use crate::paper::{Metadata, Reference};

/// How a note shows works: by the service of one generation, and the library as it is.
#[derive(Clone, Copy, Debug)]
pub struct Manner<'a> {
    /// Style and links.
    pub citations: &'a Citations,
    /// What is in the library.
    pub shelf: &'a Shelf,
}

impl Manner<'_> {
    /// The paper's own citation with its link, in Markdown, if there is a title to cite.
    pub(super) fn own_citation(&self, metadata: &Metadata) -> Option<String> {
        metadata.title.as_ref()?;
        let text = self.formatted(csl_json::of_paper("paper", metadata))?;
        let known = Reference {
            doi: metadata.doi.as_ref().map(|doi| doi.value.clone()),
            arxiv: metadata.arxiv.as_ref().map(|arxiv| arxiv.value.clone()),
            ..Reference::default()
        };
        let link = address(&known).map(|(words, url)| format!(" {}", self.address(&url, &words)));
        Some(format!("{text}{}", link.unwrap_or_default()))
    }

    /// A link to a DOI, an arXiv page or another address; `text` is what a link with words says.
    pub(super) fn address(&self, url: &str, text: &str) -> String {
        // In angle brackets: a DOI may hold parentheses, which end a bare link.
        let url: String = url
            .chars()
            .filter(|c| !matches!(c, '<' | '>' | '\\') && !c.is_whitespace() && !c.is_control())
            .collect();
        let url = url.replace("%%", "%25%25");
        match self.citations.settings.link_format {
            LinkFormat::Uri => format!("<{url}>"),
            LinkFormat::Wikilink | LinkFormat::Markdown => format!("[{}](<{url}>)", escaped(text)),
        }
    }

    /// An entry of a list of references: in the style where it was parsed well enough, else as it is printed.
    pub fn line(&self, reference: &Reference) -> Line {
        let formatted =
            is_whole(reference).then(|| self.formatted(csl_json::of_reference("reference", reference)));
        Line {
            label: reference.label.clone(),
            text: formatted.flatten().unwrap_or_else(|| printed(reference)),
            link: self.link(reference),
        }
    }

    /// To the note, where the library has the work and links are wikilinks; else to its address.
    fn link(&self, reference: &Reference) -> Option<String> {
        let in_library = self.citations.settings.link_format == LinkFormat::Wikilink;
        let note = if in_library { self.shelf.link(reference) } else { None };
        note.or_else(|| address(reference).map(|(words, url)| self.address(&url, &words)))
    }

    /// The work in the style, without addresses: a link of the note's own follows it.
    fn formatted(&self, work: serde_json::Value) -> Option<String> {
        let formatted = bibliography(&[csl_json::without_addresses(work)], self.citations.style());
        let entry = formatted
            .inspect_err(|error| tracing::warn!(%error, "CitationService: a work is shown unformatted"));
        entry.ok()?.first().map(|entry| entry.markdown()).filter(|text| !text.is_empty())
    }
}

/// Whether an entry was parsed well enough to be written anew: nobody is left out of it.
fn is_whole(reference: &Reference) -> bool {
    !reference.authors.is_empty()
        && !reference.et_al
        && reference.year.is_some()
        && reference.title.as_deref().is_some_and(|title| !has_initials(title))
        && !reference.venue.as_deref().is_some_and(has_numbers)
}

/// Whether there are initials of names in a text: then it is cut at the wrong place.
fn has_initials(text: &str) -> bool {
    let is_initial = |word: &str| {
        let mut characters = word.chars();
        characters.next().is_some_and(char::is_uppercase) && characters.as_str() == ".,"
    };
    text.split_whitespace().any(is_initial)
}

/// Whether there are volume and pages in what should be the name of a journal.
fn has_numbers(text: &str) -> bool {
    let is_volume = |word: &str| word.strip_suffix(',').is_some_and(|volume| volume.parse::<u32>().is_ok());
    let words = || text.split_whitespace();
    words()
        .zip(words().skip(1))
        .any(|(word, next)| is_volume(word) && next.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::citations::sample;
    use crate::paper::Person;

    fn reference() -> Reference {
        Reference {
            label: Some("7".to_owned()),
            text: "A. Lovelace: On *engines*. 1843".to_owned(),
            authors: vec![Person { family: "Lovelace".to_owned(), given: "Ada".to_owned() }],
            title: Some("On Engines [and] more".to_owned()),
            year: Some(1843),
            venue: Some("Scientific Memoirs".to_owned()),
            volume: Some("3".to_owned()),
            pages: Some("666–731".to_owned()),
            doi: Some("10.1000/(x)1".to_owned()),
            ..Reference::default()
        }
    }

    fn check(style: &str, links: &str, reference: &Reference, shown: &str) {
        let shelf = Shelf::with("notes/Engines.md", "On Engines [and] more", 1843, "10.1000/(X)1");
        let citations = sample(style, links);
        let line = Manner { citations: &citations, shelf: &shelf }.line(reference);
        assert_eq!([Some(line.text), line.link].into_iter().flatten().collect::<Vec<_>>().join(" "), shown);
    }

    #[test]
    fn an_entry_is_shown_in_the_style_and_linked_as_the_settings_say() {
        let formatted = "Lovelace, A. (1843). On Engines [and] more. *Scientific Memoirs*, *3*, 666–731.";
        check("APA", "uri", &reference(), &format!("{formatted} <https://doi.org/10.1000/(x)1>"));
        check(
            "APA",
            "markdown",
            &reference(),
            &format!("{formatted} [doi:10.1000/(x)1](<https://doi.org/10.1000/(x)1>)"),
        );
        check(
            "APA",
            "wikilink",
            &reference(),
            &format!("{formatted} [[notes/Engines|On Engines (and) more]]"),
        );
        let without_doi = Reference { doi: None, ..reference() };
        check(
            "APA",
            "wikilink",
            &without_doi,
            &format!("{formatted} [[notes/Engines|On Engines (and) more]]"),
        );
        let elsewhere = Reference { doi: Some("10.1/y".to_owned()), year: Some(1900), ..reference() };
        check(
            "IEEE",
            "wikilink",
            &elsewhere,
            "A. Lovelace, “On Engines [and] more,” *Scientific Memoirs*, vol. 3, pp. 666–731, 1900. [doi:10.1/y](<https://doi.org/10.1/y>)",
        );
    }

    #[test]
    fn what_was_not_parsed_well_enough_is_shown_as_it_is_printed() {
        let printed = "A. Lovelace: On \\*engines\\*. 1843 <https://doi.org/10.1000/(x)1>";
        for poor in [
            Reference { authors: Vec::new(), ..reference() },
            Reference { title: None, ..reference() },
            Reference { year: None, ..reference() },
            Reference { et_al: true, ..reference() },
            Reference { title: Some("W. B., Snoeyink".to_owned()), ..reference() },
            Reference { venue: Some("J. Chem. Inf. Model 49, 658".to_owned()), ..reference() },
        ] {
            check("APA", "uri", &poor, printed);
        }
    }
}
