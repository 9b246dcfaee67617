//! BibTeX entries.

use crate::paper::Metadata;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Words of titles that say little: they do not name a paper.
const SMALL_WORDS: [&str; 30] = [
    "a", "an", "the", "on", "of", "in", "for", "and", "to", "with", "from", "by", "at", "is", "are", "do",
    "does", "how", "what", "why", "towards", "toward", "der", "die", "das", "ein", "eine", "le", "la", "les",
];

/// A BibTeX entry with what is known. Whatever the values contain, the entry is valid: the special characters of LaTeX
/// are escaped and its braces are balanced.
pub fn bibtex(metadata: &Metadata) -> String {
    bibtex_as(&citation_key(metadata), metadata)
}

/// The same under another key, which is letters, digits and hyphens.
pub(super) fn bibtex_as(key: &str, metadata: &Metadata) -> String {
    let mut fields: Vec<(&str, String)> = Vec::new();
    if let Some(authors) = &metadata.authors {
        let names: Vec<String> = authors.value.iter().map(|name| author(name)).collect();
        fields.push(("author", names.join(" and ")));
    }
    if let Some(title) = &metadata.title {
        fields.push(("title", format!("{{{}}}", escaped(&title.value))));
    }
    if let Some(year) = &metadata.year {
        fields.push(("year", year.value.to_string()));
    }
    if let Some(venue) = &metadata.venue {
        fields.push(("journal", escaped(&venue.value)));
    }
    let numbers = [("volume", &metadata.volume), ("number", &metadata.issue), ("pages", &metadata.pages)];
    for (name, field) in numbers {
        if let Some(field) = field {
            fields.push((name, escaped(&field.value)));
        }
    }
    if let Some(doi) = &metadata.doi {
        fields.push(("doi", verbatim(&doi.value)));
    }
    if let Some(arxiv) = &metadata.arxiv {
        fields.push(("eprint", verbatim(&arxiv.value)));
        fields.push(("archiveprefix", "arXiv".to_owned()));
    }
    let kind = if metadata.venue.is_some() { "article" } else { "misc" };
    let mut entry = format!("@{kind}{{{key}");
    for (name, value) in fields {
        entry.push_str(&format!(",\n  {name} = {{{value}}}"));
    }
    entry.push_str("\n}\n");
    entry
}

/// A stable key out of the first author's surname, the year and the first telling word of the title, such as
/// `bogner2019impact`: lower-case ASCII letters and digits only.
pub fn citation_key(metadata: &Metadata) -> String {
    let surname =
        metadata.authors.as_ref().and_then(|authors| authors.value.first()).map(|name| surname(name));
    let year = metadata.year.as_ref().map(|year| year.value.to_string());
    let title = metadata.title.as_ref().map_or("", |title| title.value.as_str());
    let words = title.split(|c: char| c.is_whitespace() || "-‐–—/:,".contains(c)).map(ascii);
    let word = words.into_iter().find(|word| word.len() > 1 && !SMALL_WORDS.contains(&word.as_str()));
    let key: String = [surname.map(|name| ascii(&name)), year, word].into_iter().flatten().collect();
    if key.is_empty() { "untitled".to_owned() } else { key }
}

/// The last word of a name that is not a generation's suffix.
fn surname(name: &str) -> String {
    let mut words = name
        .split(' ')
        .rev()
        .filter(|word| !matches!(word.trim_end_matches('.'), "Jr" | "Sr" | "II" | "III" | "IV"));
    words.next().unwrap_or_default().to_owned()
}

/// Letters and digits in ASCII, lower case, accents dropped.
fn ascii(text: &str) -> String {
    let mut plain = String::new();
    for character in text.nfkd().filter(|c| !is_combining_mark(*c)) {
        match character {
            'ß' => plain.push_str("ss"),
            'ø' | 'Ø' => plain.push('o'),
            'æ' | 'Æ' => plain.push_str("ae"),
            'ł' | 'Ł' => plain.push('l'),
            'đ' | 'Đ' => plain.push('d'),
            c if c.is_ascii_alphanumeric() => plain.push(c.to_ascii_lowercase()),
            _ => {}
        }
    }
    plain
}

/// A name of which BibTeX takes nothing apart wrongly: a group keeps together in braces.
fn author(name: &str) -> String {
    let text = escaped(name);
    let group = name.contains(" and ") || name.contains(',') || name.to_lowercase().contains("collaboration");
    if group { format!("{{{text}}}") } else { text }
}

/// Escapes what LaTeX gives a meaning. Braces become printed ones, so that they cannot unbalance the entry.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("{\\textbackslash}"),
            '{' => escaped.push_str("{\\textbraceleft}"),
            '}' => escaped.push_str("{\\textbraceright}"),
            '&' | '%' | '$' | '#' | '_' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '~' => escaped.push_str("{\\textasciitilde}"),
            '^' => escaped.push_str("{\\textasciicircum}"),
            '"' => escaped.push_str("{\\textquotedbl}"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// An identifier, which BibTeX styles print as it stands: only what could break the entry is dropped.
fn verbatim(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !matches!(c, '{' | '}' | '\\' | '%' | '"')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper::{Field, Source};
    use proptest::prelude::*;

    fn field<T>(value: T) -> Option<Field<T>> {
        Some(Field { value, source: Source::Layout { page: 1 } })
    }

    #[test]
    fn an_entry_has_a_stable_key_and_what_is_known() {
        let metadata = Metadata {
            title: field("On the impact of R&D: 100% service-oriented".to_owned()),
            authors: field(vec!["Justus Bogner".to_owned(), "Łukasz Müller Jr.".to_owned()]),
            year: field(2019),
            doi: field("10.7717/peerj-cs.213".to_owned()),
            ..Metadata::default()
        };
        assert_eq!(
            bibtex(&metadata),
            "@misc{bogner2019impact,\n  author = {Justus Bogner and Łukasz Müller Jr.},\n  title = {{On the impact of \
             R\\&D: 100\\% service-oriented}},\n  year = {2019},\n  doi = {10.7717/peerj-cs.213}\n}\n"
        );
    }

    #[test]
    fn a_paper_of_which_nothing_is_known_has_an_entry() {
        assert_eq!(bibtex(&Metadata::default()), "@misc{untitled\n}\n");
    }

    #[test]
    fn a_reader_that_is_not_ours_reads_it_back() {
        let metadata = Metadata {
            title: field("R&D: 100% of {braces}, \\slashes ~ and $x_1$".to_owned()),
            authors: field(vec!["Ludwig van der Berg".to_owned(), "The ATLAS Collaboration".to_owned()]),
            year: field(2019),
            venue: field("Journal of A & B".to_owned()),
            volume: field("12".to_owned()),
            pages: field("3–9".to_owned()),
            doi: field("10.1002/(SICI)1097-0258(19980815)17:15".to_owned()),
            ..Metadata::default()
        };
        let read = hayagriva::io::from_biblatex_str(&bibtex(&metadata)).unwrap();
        let entry = read.iter().next().unwrap();
        assert_eq!(entry.title().unwrap().value.to_string(), "R&D: 100% of {braces}, \\slashes ~ and $x_1$");
        let names: Vec<_> = entry.authors().unwrap().iter().map(|name| name.name.clone()).collect();
        assert_eq!(names, ["Berg", "The ATLAS Collaboration"]);
        assert_eq!(entry.doi(), Some("10.1002/(SICI)1097-0258(19980815)17:15"));
        assert_eq!(entry.date().map(|date| date.year), Some(2019));
    }

    proptest! {
        #[test]
        fn a_reader_that_is_not_ours_reads_any_entry(title in ".*", name in "[^,]*", doi in ".*") {
            let metadata = Metadata {
                title: field(title), authors: field(vec![name]), doi: field(doi), ..Metadata::default()
            };
            let read = hayagriva::io::from_biblatex_str(&bibtex(&metadata));
            prop_assert!(read.is_ok(), "{:?}\n{}", read, bibtex(&metadata));
        }

        #[test]
        fn braces_are_balanced_whatever_the_input(title in ".*", name in ".*", doi in ".*") {
            let metadata = Metadata {
                title: field(title), authors: field(vec![name]), doi: field(doi), ..Metadata::default()
            };
            let mut depth = 0i64;
            let entry = bibtex(&metadata);
            for (at, character) in entry.chars().enumerate() {
                match character {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                prop_assert!(depth >= 0);
                prop_assert!(depth > 0 || at < 5 || at + 2 >= entry.chars().count());
            }
            prop_assert_eq!(depth, 0);
        }
    }
}
