//! From the lines of an entry to one line of text.

use crate::pdf::read::words;
use std::collections::HashSet;

/// Words with a hyphen that a document has within its lines: there it belongs to the word.
#[derive(Debug, Default)]
pub(super) struct Hyphens {
    kept: HashSet<String>,
}

impl Hyphens {
    /// What the lines of a document say.
    pub(super) fn of<'l>(lines: impl Iterator<Item = &'l str>) -> Self {
        let words = lines.flat_map(|line| line.split_whitespace()).map(bare);
        let inside = |word: &&str| word.len() < 60 && word.trim_end_matches(is_hyphen).contains(is_hyphen);
        Self { kept: words.filter(inside).map(folded).collect() }
    }

    /// Whether the hyphen at the end of a text belongs to the word that the next line ends.
    fn keep(&self, text: &str, line: &str) -> bool {
        let first = text.rsplit(' ').next().unwrap_or_default();
        let second = line.split(' ').next().unwrap_or_default();
        let whole = first.len() + second.len() < 80 && first.ends_with(is_hyphen);
        whole && self.kept.contains(&folded(bare(&format!("{first}{second}"))))
    }
}

fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}')
}

fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

fn folded(word: &str) -> String {
    word.to_lowercase().replace('\u{2010}', "-")
}

/// Joins the next line to an entry. An address or a DOI that was broken at the line's end is whole again, and keeps
/// its hyphens; other words are joined as all text is.
pub(super) fn append(text: &mut String, line: &str, hyphens: &Hyphens) {
    let line = line.trim();
    let (Some(start), Some(end)) = (line.chars().next(), text.chars().last()) else {
        text.push_str(line);
        return;
    };
    let broken_range = matches!(end, '–' | '—' | '-') && start.is_ascii_digit() && before_last_is_digit(text);
    if broken_range
        || hyphens.keep(text, line)
        || goes_on(text.rsplit(' ').next().unwrap_or_default(), end, line)
    {
        text.push_str(line);
    } else {
        words::append(text, line);
    }
}

fn before_last_is_digit(text: &str) -> bool {
    text.chars().rev().nth(1).is_some_and(|c| c.is_ascii_digit())
}

/// Whether a word that ends a line is an address or a DOI that the next line continues.
fn goes_on(word: &str, end: char, line: &str) -> bool {
    let lower = word.to_lowercase();
    let next = line.split(' ').next().unwrap_or_default();
    if ["http:", "https:"].iter().any(|scheme| lower.ends_with(scheme)) {
        return next.starts_with("//");
    }
    let address = lower.contains("://") || lower.contains("www.");
    let doi = lower.contains("10.") && (lower.contains('/') || lower.starts_with("doi"))
        || lower.ends_with("doi.org/");
    if !address && !doi {
        return false;
    }
    let start = next.chars().next().unwrap_or(' ');
    let plain = next.trim_end_matches(['.', ',', ';', ')', ']']).chars().all(|c| c.is_ascii_digit());
    let telling = next.contains(|c: char| c.is_ascii_digit() || "/_=&%".contains(c)) || next.contains(".h");
    match end {
        '/' | '_' | '=' | '&' | '?' | '%' | '#' | '~' | '-' | '\u{2010}' => !start.is_whitespace(),
        '.' => (start.is_lowercase() || start.is_ascii_digit()) && (telling || next.contains('.')),
        ',' | ';' | ')' | ']' | '>' | '”' | '"' => false,
        _ if "/_=&?%#-".contains(start) => true,
        _ if start == '.' && next.len() > 1 => true,
        _ => (start.is_lowercase() || start.is_ascii_digit()) && telling && !plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_ranges_that_a_line_end_broke_are_whole_again() {
        let hyphens = Hyphens::of(["a log-structured file", "is well-\n"].into_iter());
        let check = |lines: &[&str], wanted: &str| {
            let mut text = String::new();
            lines.iter().for_each(|line| append(&mut text, line, &hyphens));
            assert_eq!(text, wanted);
        };
        check(&["doi:10.1016/j.jss.", "2020.110798"], "doi:10.1016/j.jss.2020.110798");
        check(
            &["https://doi.org/10.1007/s10664-", "023-10367-y"],
            "https://doi.org/10.1007/s10664-023-10367-y",
        );
        check(&["Automotive SPICE. https:", "//vda-qmc.de/en/"], "Automotive SPICE. https://vda-qmc.de/en/");
        check(
            &["Available from: http://www.", "who.int/topics/en/."],
            "Available from: http://www.who.int/topics/en/.",
        );
        check(
            &["see https://example.org/paper.", "Accessed 3 May"],
            "see https://example.org/paper. Accessed 3 May",
        );
        check(&["Model 49, 658–", "669"], "Model 49, 658–669");
        check(&["a depen-", "dency"], "a dependency");
        check(&["the log-", "structured merge"], "the log-structured merge");
        check(&["https://example.org/paper", "2014."], "https://example.org/paper 2014.");
    }
}
