//! What a note says about a paper: frontmatter entries, and the Markdown between the markers.

use crate::citations::bibtex;
use crate::paper::{Field, Metadata, Paper, Section, SectionKind, Source};

use super::document::ID_KEY;
use super::frontmatter::{Entry, Value};
use super::link::Target;
use super::references;
use super::works::Manner;
use super::yaml::quoted;

/// Headings that an outline shows at most; a PDF whose layout misleads the reader can have thousands.
const OUTLINE_MAX: usize = 200;

/// The frontmatter of a paper. What was not found has no key.
pub fn entries(id: &str, metadata: &Metadata, pdf: &Target) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut add = |key, value| entries.push(Entry { key, value, only_new: false });
    let mut text = |key, field: &Option<Field<String>>| {
        if let Some(field) = field {
            add(key, Value::Scalar(quoted(&one_line(&field.value))));
        }
    };
    text("title", &metadata.title);
    text("doi", &metadata.doi);
    text("arxiv", &metadata.arxiv);
    text("venue", &metadata.venue);
    if let Some(authors) = &metadata.authors {
        let names = authors.value.iter().map(|name| quoted(&one_line(name))).collect();
        add("authors", Value::List(names));
    }
    if let Some(year) = &metadata.year {
        add("year", Value::Scalar(year.value.to_string()));
    }
    add("pdf", Value::Scalar(quoted(&pdf.property())));
    add(ID_KEY, Value::Scalar(quoted(id)));
    entries.push(Entry { key: "tags", value: Value::List(vec![quoted("paper")]), only_new: true });
    entries.sort_by_key(|entry| ORDER.iter().position(|key| *key == entry.key));
    entries
}

/// The order of our keys in a new note.
const ORDER: [&str; 9] = ["title", "authors", "year", "venue", "doi", "arxiv", "tags", "pdf", ID_KEY];

/// The first line of our part.
pub(super) const NOTICE: &str = "%% Thoth writes what stands between these two markers anew when the paper changes. Your own text is safe above and below. %%\n";

/// Our part of a note, without the markers; ends with a line end.
pub fn body(paper: &Paper, pdf: &Target, manner: &Manner<'_>) -> String {
    let lines: Vec<references::Line> = paper.references.iter().map(|entry| manner.line(entry)).collect();
    format!("{NOTICE}\n{}", built_in(paper, pdf, manner, &lines))
}

/// The same without the notice, with the list of references already made.
pub(super) fn built_in(
    paper: &Paper,
    pdf: &Target,
    manner: &Manner<'_>,
    lines: &[references::Line],
) -> String {
    let mut out = citation(&paper.metadata, pdf, manner);
    let paragraphs = summary(&paper.metadata);
    if paper.metadata.summary.is_some() {
        let quoted: Vec<_> =
            paragraphs.iter().map(|paragraph| format!("> {}\n", escaped(paragraph))).collect();
        out.push_str("\n> [!abstract] Abstract\n");
        out.push_str(&quoted.join(">\n"));
    }
    out.push_str(&outline(&paper.sections, pdf));
    out.push_str(&references::section(lines));
    if let Some(text) = manner.own_citation(&paper.metadata) {
        out.push_str(&format!("\n## Citation\n\n{text}\n"));
    }
    if let Some(entry) = citable(&paper.metadata) {
        out.push_str(&format!("\n## BibTeX\n\n```bibtex\n{entry}\n```\n"));
    }
    out.push_str(&sources(&paper.metadata));
    out
}

/// The paragraphs of the abstract.
pub(super) fn summary(metadata: &Metadata) -> Vec<String> {
    let paragraphs = metadata.summary.iter().flat_map(|summary| summary.value.lines());
    paragraphs.map(one_line).filter(|line| !line.is_empty()).collect()
}

/// BibTeX, if there is a title to cite, and nothing in it that would end its block.
pub(super) fn citable(metadata: &Metadata) -> Option<String> {
    let entry = bibtex(metadata);
    let is_harmless = !entry.contains("```") && !entry.contains("%%");
    (metadata.title.is_some() && is_harmless).then(|| entry.trim_end().to_owned())
}

/// Who, when, where, and the links.
fn citation(metadata: &Metadata, pdf: &Target, manner: &Manner<'_>) -> String {
    let mut facts = Vec::new();
    if let Some(authors) = &metadata.authors {
        facts.push(escaped(&one_line(&authors.value.join(", "))));
    }
    facts.extend(metadata.year.as_ref().map(|year| year.value.to_string()));
    facts.extend(metadata.venue.as_ref().map(|venue| format!("*{}*", escaped(&one_line(&venue.value)))));
    let mut links = vec![format!("PDF: {}", pdf.link(None, None))];
    links.extend(addresses(metadata, manner).into_iter().flatten());
    let mut out = String::new();
    if !facts.is_empty() {
        out.push_str(&facts.join(" · "));
        out.push_str("\n\n");
    }
    out.push_str(&links.join(" · "));
    out.push('\n');
    out
}

/// The links to a paper's DOI and to its page at arXiv.
pub(super) fn addresses(metadata: &Metadata, manner: &Manner<'_>) -> [Option<String>; 2] {
    let doi = metadata
        .doi
        .as_ref()
        .map(|doi| manner.address(&format!("https://doi.org/{}", doi.value), &format!("doi:{}", doi.value)));
    let arxiv = metadata.arxiv.as_ref().map(|arxiv| {
        let id = &arxiv.value;
        manner.address(&format!("https://arxiv.org/abs/{id}"), &format!("arXiv:{id}"))
    });
    [doi, arxiv]
}

/// A heading of the outline.
pub(super) struct Heading {
    pub(super) title: String,
    /// How deep it stands, from 0: never by more than one below the heading before, since Markdown would take an item that
    /// is indented further for a code block.
    pub(super) depth: usize,
    /// The page that it begins on, and a link there, where that is known.
    pub(super) page: Option<(u32, String)>,
}

/// The headings that an outline shows, and how many more there are.
pub(super) fn headings(sections: &[Section], pdf: &Target) -> (Vec<Heading>, usize) {
    let headed: Vec<_> =
        sections.iter().filter(|s| s.kind != SectionKind::Abstract && !s.title.trim().is_empty()).collect();
    let top = headed.iter().map(|section| section.level).min().unwrap_or(1);
    let mut headings: Vec<Heading> = Vec::new();
    for section in headed.iter().take(OUTLINE_MAX) {
        let deepest = headings.last().map_or(0, |before| before.depth + 1);
        let depth = usize::from(section.level - top).min(deepest);
        let title = one_line(&section.title);
        let page =
            section.paragraphs.first().map(|first| (first.page, pdf.link(Some(first.page), Some(&title))));
        headings.push(Heading { title, depth, page });
    }
    (headings, headed.len().saturating_sub(OUTLINE_MAX))
}

/// The headings with links to their pages.
fn outline(sections: &[Section], pdf: &Target) -> String {
    let (headings, more) = headings(sections, pdf);
    if headings.is_empty() {
        return String::new();
    }
    let mut out = String::from("\n## Outline\n\n");
    for Heading { title, depth, page } in &headings {
        let item = match page {
            Some((page, link)) => format!("{link}, p. {page}"),
            None => escaped(title),
        };
        out.push_str(&format!("{}- {item}\n", "    ".repeat(*depth)));
    }
    if more > 0 {
        out.push_str(&format!("- … and {more} more headings\n"));
    }
    out
}

/// Where each value came from, as a comment that only the source of the note shows.
fn sources(metadata: &Metadata) -> String {
    let found = [
        ("title", metadata.title.as_ref().map(|field| field.source)),
        ("authors", metadata.authors.as_ref().map(|field| field.source)),
        ("year", metadata.year.as_ref().map(|field| field.source)),
        ("abstract", metadata.summary.as_ref().map(|field| field.source)),
        ("doi", metadata.doi.as_ref().map(|field| field.source)),
        ("arxiv", metadata.arxiv.as_ref().map(|field| field.source)),
        ("venue", metadata.venue.as_ref().map(|field| field.source)),
        ("volume", metadata.volume.as_ref().map(|field| field.source)),
        ("issue", metadata.issue.as_ref().map(|field| field.source)),
        ("pages", metadata.pages.as_ref().map(|field| field.source)),
    ];
    let said: Vec<_> =
        found.iter().filter_map(|(key, from)| Some(format!("{key} from {}", place((*from)?)))).collect();
    if said.is_empty() {
        return "\n%% Thoth found neither title nor authors in this PDF. %%\n".to_owned();
    }
    format!("\n%% Where this was found: {}. %%\n", said.join("; "))
}

fn place(source: Source) -> String {
    match source {
        Source::Layout { page } => format!("the layout of page {page}"),
        Source::Text { page } => format!("the text of page {page}"),
        Source::DocumentInformation => "the document's own information".to_owned(),
        Source::Xmp => "the document's XMP data".to_owned(),
        Source::Crossref => "a look-up at Crossref".to_owned(),
        Source::OpenAlex => "a look-up at OpenAlex".to_owned(),
    }
}

pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Plain text as Markdown that shows it unchanged: nothing in a paper may turn into a tag, a link, a formula or
/// one of our markers. Only what would have a meaning is escaped, so that the note's source stays readable.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let after = rest.peek().copied();
        let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let meant = match c {
            '\\' | '`' | '*' | '$' => true,
            '_' => !(word(before) && word(after)),
            '<' => after.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')),
            '[' => matches!(after, Some('[' | '^' | '!')),
            ']' => matches!(after, Some('(' | '[' | ':')),
            '#' => {
                before.is_none()
                    || (before.is_some_and(char::is_whitespace) && !after.is_some_and(char::is_whitespace))
            }
            '~' | '=' => after == Some(c),
            '&' => word(after) || after == Some('#'),
            '>' | '+' | '-' => before.is_none(),
            '^' => before.is_some_and(char::is_whitespace),
            '.' | ')' => {
                text.split(c).next().is_some_and(|head| head.len() < 10 && all_digits(head))
                    && !out.contains(c)
            }
            _ => false,
        };
        match c {
            '%' if after == Some('%') => out.push_str("&#37;"),
            c => {
                if meant {
                    out.push('\\');
                }
                out.push(c);
            }
        }
        before = Some(c);
    }
    out
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notes::shelf::Shelf;
    use crate::paper::Paragraph;
    use std::path::Path;

    fn found<T>(value: T) -> Option<Field<T>> {
        Some(Field { value, source: Source::Layout { page: 1 } })
    }

    fn paper() -> Paper {
        let section = |title: &str, level, page| Section {
            title: title.to_owned(),
            level,
            kind: SectionKind::Body,
            paragraphs: vec![Paragraph {
                page,
                text: "text".to_owned(),
                continues: false,
                ..Paragraph::default()
            }],
        };
        Paper {
            metadata: Metadata {
                title: found("On \"Colons\": #1\n".to_owned()),
                authors: found(vec!["Ada Lovelace".to_owned(), "Émilie du Châtelet".to_owned()]),
                year: found(2015),
                summary: found("First.\n\nSecond %% thoth:end %% $x$.".to_owned()),
                doi: found("10.1000/(x)1".to_owned()),
                ..Metadata::default()
            },
            sections: vec![section("Introduction", 1, 1), section("Data", 3, 2), section("End", 1, 3)],
            references: Vec::new(),
            page_count: 3,
        }
    }

    const SHOWN: &str = r##"---
title: "On \"Colons\": #1"
authors:
  - "Ada Lovelace"
  - "Émilie du Châtelet"
year: 2015
doi: "10.1000/(x)1"
tags:
  - "paper"
pdf: "[[p/a.pdf]]"
thoth-id: "0123456789ab"
---
%% thoth:begin %%
%% Thoth writes what stands between these two markers anew when the paper changes. Your own text is safe above and below. %%

Ada Lovelace, Émilie du Châtelet · 2015

PDF: [[p/a.pdf]] · [doi:10.1000/(x)1](<https://doi.org/10.1000/(x)1>)

> [!abstract] Abstract
> First.
>
> Second &#37;% thoth:end &#37;% \$x\$.

## Outline

- [[p/a.pdf#page=1|Introduction]], p. 1
    - [[p/a.pdf#page=2|Data]], p. 2
- [[p/a.pdf#page=3|End]], p. 3

## Citation

Lovelace, A., & du Châtelet, É. (2015). *On "Colons": \#1*. [doi:10.1000/(x)1](<https://doi.org/10.1000/(x)1>)

## BibTeX

```bibtex
BIBTEX```

%% Where this was found: title from the layout of page 1; authors from the layout of page 1; year from the layout of page 1; abstract from the layout of page 1; doi from the layout of page 1. %%
%% thoth:end %%

## Notes

"##;

    #[test]
    fn a_note_shows_what_was_found_and_where() {
        let pdf = Target::new(Path::new("/v"), Path::new("/v/p/a.pdf"));
        let paper = paper();
        let (citations, shelf) = (crate::citations::sample("APA", "markdown"), Shelf::default());
        let manner = Manner { citations: &citations, shelf: &shelf };
        let note = super::super::document::fresh(
            &entries("0123456789ab", &paper.metadata, &pdf),
            &body(&paper, &pdf, &manner),
        );
        assert_eq!(note, SHOWN.replace("BIBTEX", &bibtex(&paper.metadata)));
    }

    #[test]
    fn nothing_in_a_paper_has_a_meaning_in_markdown() {
        for (text, markdown) in [
            (
                "see [12] and snake_case, 3 < 4, 5% & more - x",
                "see [12] and snake_case, 3 < 4, 5% & more - x",
            ),
            ("[[x]] [^1] [a](b)", "\\[[x]] \\[^1] [a\\](b)"),
            ("#tag and #tag # x", "\\#tag and \\#tag # x"),
            ("$a$ *b* `c` \\d _e_", "\\$a\\$ \\*b\\* \\`c\\` \\\\d \\_e\\_"),
            ("a %% thoth:end %% b", "a &#37;% thoth:end &#37;% b"),
            ("<b>x</b> &amp; ~~y~~ ==z==", "\\<b>x\\</b> \\&amp; \\~~y\\~~ \\==z\\=="),
            ("1. one. two", "1\\. one. two"),
            ("- x", "\\- x"),
        ] {
            assert_eq!(escaped(text), markdown);
        }
    }

    #[test]
    fn what_was_not_found_has_no_key() {
        let pdf = Target::new(Path::new("/v"), Path::new("/v/p/a.pdf"));
        let keys: Vec<_> = entries("x", &Metadata::default(), &pdf).iter().map(|entry| entry.key).collect();
        assert_eq!(keys, ["tags", "pdf", ID_KEY]);
        let (citations, shelf) = (crate::citations::sample("APA", "markdown"), Shelf::default());
        let manner = Manner { citations: &citations, shelf: &shelf };
        assert!(body(&Paper::default(), &pdf, &manner).contains("found neither title nor authors"));
    }
}
