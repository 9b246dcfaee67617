//! DOI, arXiv identifier and address of an entry, and where they stand.

use super::super::identifiers::{arxiv_id, dois};
use std::ops::Range;

/// Words before an address that belong to it.
const LEADS: [&str; 16] = [
    "available",
    "at",
    "from",
    "online",
    "url",
    "retrieved",
    "doi",
    "see",
    "http",
    "accessible",
    "via",
    "www",
    "on",
    "link",
    "disponible",
    "in",
];

/// What identifies a work, and what of the text says so.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Identifiers {
    /// DOI without a resolver in front.
    pub doi: Option<String>,
    /// arXiv identifier without version.
    pub arxiv: Option<String>,
    /// An address that is neither.
    pub url: Option<String>,
    /// Where they stand, with the words that lead to them, in bytes.
    pub spans: Vec<Range<usize>>,
}

/// Looks for identifiers in an entry.
pub(super) fn identifiers(text: &str) -> Identifiers {
    let mut found = Identifiers::default();
    let mut word_start = 0;
    for word in text.split_inclusive(' ') {
        let span = word_start..word_start + word.trim_end().len();
        word_start += word.len();
        take(word.trim_end(), span, text, &mut found);
    }
    found
}

fn take(word: &str, span: Range<usize>, text: &str, found: &mut Identifiers) {
    let lower = word.to_lowercase();
    let lead = |at: usize| lead_start(text, at);
    if let Some(doi) = dois(word).into_iter().next() {
        found.doi.get_or_insert(doi);
        found.spans.push(lead(span.start)..span.end);
    } else if lower.contains("arxiv") {
        // `arXiv: 1503.07589` has a space.
        let here = text.get(span.start..).unwrap_or_default();
        let near: String = here.chars().take(60).collect();
        if let Some(id) = arxiv_id(&near).or_else(|| linked_arxiv(&lower)) {
            let length = near.find(id.as_str()).map_or(word.len(), |at| at + id.len());
            found.arxiv.get_or_insert(id);
            found.spans.push(span.start..span.start + length.max(word.len()));
        }
    } else if let Some(at) =
        ["http://", "https://", "ftp://", "www."].iter().filter_map(|start| lower.find(start)).min()
    {
        let Some(address) = word.get(at..) else { return };
        let address = trimmed(address);
        if address.len() > 10 {
            found.url.get_or_insert(address.to_owned());
            found.spans.push(lead(span.start)..span.end);
        }
    }
}

/// `https://arxiv.org/abs/1503.07589v2`.
fn linked_arxiv(lower: &str) -> Option<String> {
    let (_, rest) = lower.split_once("arxiv.org/")?;
    let (_, id) = rest.split_once('/')?;
    arxiv_id(&format!("arxiv:{}", id.trim_end_matches(".pdf")))
}

/// An address without the punctuation of the sentence around it.
fn trimmed(address: &str) -> &str {
    let end = address.find(['<', '>', '"', '”', '“', '{', '}', '|', '\\', '^', '`']).unwrap_or(address.len());
    let address = address.get(..end).unwrap_or_default();
    let bare = address.trim_end_matches(['.', ',', ';', ':', '\'', '’', '*']);
    let unopened = bare.ends_with(')') && !bare.contains('(') || bare.ends_with(']') && !bare.contains('[');
    if unopened { bare.get(..bare.len() - 1).unwrap_or(bare).trim_end_matches(['.', ',']) } else { bare }
}

/// Where the words begin that lead to an address: `Available at:`, `doi:`, `[Online]. Available:`.
fn lead_start(text: &str, at: usize) -> usize {
    let mut start = at;
    while let Some(before) = text.get(..start) {
        let trimmed = before.trim_end();
        let word = trimmed.rsplit(' ').next().unwrap_or_default();
        let bare: String = word.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
        // `from` alone may end a title; with a colon or behind `available` it leads.
        if word.is_empty() || !LEADS.contains(&bare.as_str()) {
            break;
        }
        start = trimmed.len() - word.len();
    }
    start
}
