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

/// Our part of a note, without the markers; ends with a line end.
pub fn body(paper: &Paper, pdf: &Target, manner: &Manner<'_>) -> String {
    let mut out = String::from(
        "%% Thoth writes what stands between these two markers anew when the paper changes. Your own text is safe above and below. %%\n\n",
    );
    out.push_str(&citation(&paper.metadata, pdf, manner));
    if let Some(summary) = &paper.metadata.summary {
        let paragraphs = summary.value.lines().map(one_line).filter(|line| !line.is_empty());
        let quoted: Vec<_> = paragraphs.map(|paragraph| format!("> {}\n", escaped(&paragraph))).collect();
        out.push_str("\n> [!abstract] Abstract\n");
        out.push_str(&quoted.join(">\n"));
    }
    out.push_str(&outline(&paper.sections, pdf));
    let lines: Vec<references::Line> = paper.references.iter().map(|entry| manner.line(entry)).collect();
    out.push_str(&references::section(&lines));
    out.push_str(&manner.own_citation(&paper.metadata));
    out.push_str(&citation_block(&paper.metadata));
    out.push_str(&sources(&paper.metadata));
    out
}

/// BibTeX, if there is a title to cite, and nothing in it that would end the block.
fn citation_block(metadata: &Metadata) -> String {
    let entry = bibtex(metadata);
    if metadata.title.is_none() || entry.contains("```") || entry.contains("%%") {
        return String::new();
    }
    format!("\n## BibTeX\n\n```bibtex\n{}\n```\n", entry.trim_end())
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
    if let Some(doi) = &metadata.doi {
        links.push(manner.address(&format!("https://doi.org/{}", doi.value), &format!("doi:{}", doi.value)));
    }
    if let Some(arxiv) = &metadata.arxiv {
        let id = &arxiv.value;
        links.push(manner.address(&format!("https://arxiv.org/abs/{id}"), &format!("arXiv:{id}")));
    }
    let mut out = String::new();
    if !facts.is_empty() {
        out.push_str(&facts.join(" · "));
        out.push_str("\n\n");
    }
    out.push_str(&links.join(" · "));
    out.push('\n');
    out
}

/// The headings with links to their pages.
fn outline(sections: &[Section], pdf: &Target) -> String {
    let headed: Vec<_> =
        sections.iter().filter(|s| s.kind != SectionKind::Abstract && !s.title.trim().is_empty()).collect();
    if headed.is_empty() {
        return String::new();
    }
    let top = headed.iter().map(|section| section.level).min().unwrap_or(1);
    let mut out = String::from("\n## Outline\n\n");
    let mut depth_before = 0;
    for (n, section) in headed.iter().take(OUTLINE_MAX).enumerate() {
        // A list item that is indented by more than one step under its parent would be a code block.
        let depth = usize::from(section.level - top).min(if n == 0 { 0 } else { depth_before + 1 });
        depth_before = depth;
        let title = one_line(&section.title);
        let item = match section.paragraphs.first() {
            Some(first) => {
                format!("{}, p. {}", pdf.link(Some(first.page), Some(&title)), first.page)
            }
            None => escaped(&title),
        };
        out.push_str(&format!("{}- {item}\n", "    ".repeat(depth)));
    }
    if headed.len() > OUTLINE_MAX {
        out.push_str(&format!("- … and {} more headings\n", headed.len() - OUTLINE_MAX));
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

pub(super) fn one_line(text: &str) -> String {
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
