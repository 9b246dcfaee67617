//! DOI and arXiv identifiers in text.

use super::Front;
use crate::paper::{Field, Source};

/// The paper's DOI: a property made for it, or one that the front pages print, or one beside «cite this article».
pub(super) fn doi(front: &Front<'_>) -> Option<Field<String>> {
    if let Some(value) = front.information.xmp_doi.as_deref().and_then(|value| dois(value).into_iter().next())
    {
        return Some(Field { value, source: Source::Xmp });
    }
    if let Some(value) = front.information.subject.as_deref().and_then(|value| dois(value).into_iter().next())
    {
        return Some(Field { value, source: Source::DocumentInformation });
    }
    let printed =
        front.lines.iter().take_while(|line| line.page == 1).map(crate::pdf::read::lines::Line::text);
    let on_front = printed.filter(|text| is_about_itself(text)).flat_map(|text| dois(&text)).next();
    if let Some(value) = on_front {
        return Some(Field { value, source: Source::Text { page: 1 } });
    }
    cited(front)
}

/// The DOI in or beside a block that says how to cite the article, as on the last page of some journals.
fn cited(front: &Front<'_>) -> Option<Field<String>> {
    let cites = |text: &str| {
        let lower = text.to_lowercase();
        ["cite this article", "cite this paper"].iter().any(|words| lower.contains(words))
    };
    let at = front.blocks.iter().position(|block| cites(&block.text()))?;
    let near = [Some(at), at.checked_sub(1), at.checked_add(1)];
    near.into_iter().flatten().filter_map(|index| front.blocks.get(index)).find_map(|block| {
        let value = dois(&block.text()).pop()?;
        Some(Field { value, source: Source::Text { page: block.page() } })
    })
}

/// Whether a line of the first page speaks of the paper itself: an entry of a reference list begins with its label.
fn is_about_itself(text: &str) -> bool {
    let lower = text.to_lowercase();
    crate::pdf::read::blocks::label(text).is_none() && (lower.contains("doi") || lower.starts_with("10."))
}

/// All DOIs in a text: `10.`, a registrant of four to nine digits, `/`, a suffix.
pub(crate) fn dois(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("10.") {
        let inside =
            text.get(..at).and_then(|before| before.chars().last()).is_some_and(|c| c.is_alphanumeric());
        let Some(rest) = text.get(at + 3..) else { continue };
        let registrant: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        let digits = registrant.chars().take_while(char::is_ascii_digit).count();
        let Some(suffix) = rest.get(registrant.len()..).and_then(|rest| rest.strip_prefix('/')) else {
            continue;
        };
        let suffix: String =
            suffix.chars().take_while(|c| c.is_ascii_graphic() && !"\"<>{}|\\^`".contains(*c)).collect();
        let suffix = trimmed(&suffix);
        if !inside && (4..=9).contains(&digits) && !suffix.is_empty() {
            found.push(format!("10.{registrant}/{suffix}"));
        }
    }
    found
}

/// Without the punctuation that follows a DOI in a sentence; a closing bracket stays if it was opened.
fn trimmed(suffix: &str) -> &str {
    let mut rest = suffix;
    loop {
        let shorter = rest.trim_end_matches(['.', ',', ';', ':', '\'', '"', '*']);
        let unopened = |open: char, close: char| {
            shorter.ends_with(close) && shorter.matches(close).count() > shorter.matches(open).count()
        };
        let next = if unopened('(', ')') || unopened('[', ']') {
            shorter.get(..shorter.len() - 1).unwrap_or_default()
        } else {
            shorter
        };
        if next == rest {
            return rest;
        }
        rest = next;
    }
}

/// The paper's arXiv identifier: from the stamp on the margin, or a line of the first page that begins with it.
pub(super) fn arxiv(front: &Front<'_>) -> Option<Field<String>> {
    let found = |value| Field { value, source: Source::Text { page: 1 } };
    if let Some(value) = arxiv_id(front.turned) {
        return Some(found(value));
    }
    let first = front.lines.iter().take_while(|line| line.page == 1);
    let lines = first.map(crate::pdf::read::lines::Line::text);
    lines.filter(|text| text.to_lowercase().starts_with("arxiv:")).find_map(|text| arxiv_id(&text)).map(found)
}

/// The first `arXiv:1503.07589v1` or `arXiv:hep-th/9901001` of a text, without its version.
pub(crate) fn arxiv_id(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    lower.split("arxiv:").skip(1).find_map(|rest| {
        let id: String = rest
            .trim_start()
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || "./-".contains(*c))
            .collect();
        let id = match id.rsplit_once('v') {
            Some((bare, version)) if !version.is_empty() && version.chars().all(|c| c.is_ascii_digit()) => {
                bare
            }
            _ => id.trim_end_matches(['.', '-']),
        };
        is_arxiv_id(id).then(|| id.to_owned())
    })
}

fn is_arxiv_id(id: &str) -> bool {
    let digits = |text: &str, counts: std::ops::RangeInclusive<usize>| {
        counts.contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit())
    };
    match (id.split_once('/'), id.split_once('.')) {
        (Some((archive, number)), _) => !archive.is_empty() && digits(number, 7..=7),
        (None, Some((month, number))) => digits(month, 4..=4) && digits(number, 4..=5),
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dois_end_where_the_sentence_goes_on() {
        let check = |text: &str, wanted: &[&str]| assert_eq!(dois(text), wanted, "{text}");
        check("doi:10.1155/2010/157939", &["10.1155/2010/157939"]);
        check("(https://doi.org/10.1016/S0140-6736(05)66549-6).", &["10.1016/S0140-6736(05)66549-6"]);
        check(
            "10.18429/JACoW-IPAC2018-WEPML008, and 10.1000/x.",
            &["10.18429/JACoW-IPAC2018-WEPML008", "10.1000/x"],
        );
        check("version 10.4/5 or 110.1234/x", &[]);
    }

    #[test]
    fn arxiv_identifiers_lose_their_version() {
        assert_eq!(arxiv_id("arXiv:1503.07589v1 [hep-ex] 26 Mar 2015").as_deref(), Some("1503.07589"));
        assert_eq!(arxiv_id("arXiv: hep-th/9901001v3").as_deref(), Some("hep-th/9901001"));
        assert_eq!(arxiv_id("arXiv:soon"), None);
    }
}
