//! The list of references as a note shows it.

use super::render::{escaped, one_line};
use crate::paper::Reference;

/// Entries that a note shows; the API gives all of them.
pub(super) const LINES_MAX: usize = 300;
/// Characters of an entry that a note shows.
const LINE_CHARS_MAX: usize = 1_000;

/// An entry of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// What the paper cites it by, without brackets.
    pub label: Option<String>,
    /// The entry, in Markdown.
    pub text: String,
    /// Its link, in Markdown.
    pub link: Option<String>,
}

/// The entry as the paper prints it, in Markdown.
pub fn printed(reference: &Reference) -> String {
    let text = one_line(&reference.text);
    let shown: String = text.chars().take(LINE_CHARS_MAX).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("{}{more}", escaped(&shown))
}

/// Where a work is found, and the words of a link to it: by its DOI, else its arXiv identifier, else the address that
/// the entry names.
pub fn address(reference: &Reference) -> Option<(String, String)> {
    if let Some(doi) = &reference.doi {
        return Some((format!("doi:{doi}"), format!("https://doi.org/{doi}")));
    }
    if let Some(arxiv) = &reference.arxiv {
        return Some((format!("arXiv:{arxiv}"), format!("https://arxiv.org/abs/{arxiv}")));
    }
    let url = reference.url.as_ref()?;
    let target = if url.to_lowercase().starts_with("www.") { format!("http://{url}") } else { url.clone() };
    Some(("link".to_owned(), target))
}

/// The part of a note that lists the references: a numbered list under a heading. Nothing where there are none.
pub fn section(lines: &[Line]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut out = String::from("\n## References\n\n");
    for (line, number) in lines.iter().zip(1..=LINES_MAX) {
        out.push_str(&format!("{number}. {}\n", item(line, number)));
    }
    if lines.len() > LINES_MAX {
        out.push_str(&format!("\n… and {} more\n", lines.len() - LINES_MAX));
    }
    out
}

fn item(line: &Line, number: usize) -> String {
    // Markdown counts the items by itself; a label that differs is told.
    let label = line.label.as_ref().filter(|label| label.parse() != Ok(number));
    let label = label.map(|label| format!("{}: ", escaped(&one_line(label)))).unwrap_or_default();
    let link = line.link.as_ref().map(|link| format!(" {link}")).unwrap_or_default();
    format!("{label}{}{link}", line.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notes::shelf::Shelf;
    use crate::notes::works::Manner;

    #[test]
    fn entries_are_listed_with_a_link_each() {
        let doi = Reference {
            label: Some("1".to_owned()),
            text: "Doe, J. *On* [[herons]]. doi:10.1000/(x)1".to_owned(),
            doi: Some("10.1000/(x)1".to_owned()),
            ..Reference::default()
        };
        let url = Reference {
            label: Some("Roe 03".to_owned()),
            text: "Roe, R. %% thoth:end %% <b>\nwww.example.org/a_b_".to_owned(),
            url: Some("www.example.org/a_b_>%%".to_owned()),
            ..Reference::default()
        };
        let arxiv = Reference {
            text: "1. x".to_owned(),
            arxiv: Some("1503.07589".to_owned()),
            ..Reference::default()
        };
        let (citations, shelf) = (crate::citations::sample("IEEE", "markdown"), Shelf::default());
        let manner = Manner { citations: &citations, shelf: &shelf };
        let lines: Vec<Line> = [doi, url, arxiv].iter().map(|entry| manner.line(entry)).collect();
        assert_eq!(
            section(&lines),
            "\n## References\n\n\
             1. Doe, J. \\*On\\* \\[[herons]]. doi:10.1000/(x)1 [doi:10.1000/(x)1](<https://doi.org/10.1000/(x)1>)\n\
             2. Roe 03: Roe, R. &#37;% thoth:end &#37;% \\<b> www.example.org/a_b\\_ [link](<http://www.example.org/a_b_%25%25>)\n\
             3. 1\\. x [arXiv:1503.07589](<https://arxiv.org/abs/1503.07589>)\n"
        );
        assert_eq!(section(&[]), "");
    }

    #[test]
    fn a_long_list_and_a_long_entry_are_cut() {
        let long = Reference { text: "x".repeat(2_000), ..Reference::default() };
        let line = Line { text: printed(&long), ..Line::default() };
        let shown = section(&vec![line; 301]);
        assert!(shown.ends_with("\n… and 1 more\n") && shown.len() < 310_000);
        assert!(shown.contains("x…\n"));
    }
}
