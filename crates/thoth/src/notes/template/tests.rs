use std::path::Path;

use super::*;
use crate::notes::shelf::Shelf;
use crate::notes::{document, render};
use crate::paper::{Paragraph, Section};

const EXAMPLE: &str = include_str!("../../../../../settings/templates/note.md");

fn template(source: &str) -> NoteTemplate {
    NoteTemplate::new("templates/note.md", source).unwrap_or_else(|fault| panic!("{fault}"))
}

fn paper() -> Paper {
    let section = |title: &str, level| Section {
        title: title.to_owned(),
        level,
        paragraphs: vec![Paragraph { page: 2, text: "text".to_owned(), ..Paragraph::default() }],
        ..Section::default()
    };
    let Facts { metadata, .. } = Facts::everything();
    let metadata = Metadata { title: Some(field("A %% thoth:end %% *Title*".to_owned())), ..metadata };
    let cited = Reference { text: "B. Cited, Work_, 1999".to_owned(), ..Reference::default() };
    Paper {
        metadata,
        sections: vec![section("First", 1), section("Below", 2)],
        references: vec![cited],
        page_count: 7,
    }
}

fn with<T>(work: impl FnOnce(&Target, &Manner<'_>) -> T) -> T {
    let pdf = Target::new(Path::new("/v"), Path::new("/v/a.pdf"));
    let (citations, shelf) = (crate::citations::sample("IEEE", "uri"), Shelf::default());
    work(&pdf, &Manner { citations: &citations, shelf: &shelf })
}

fn body(source: &str, paper: &Paper) -> String {
    with(|pdf, manner| template(source).body("0123456789ab", paper, pdf, manner).unwrap())
}

#[test]
fn what_is_built_in_can_be_named_as_a_whole() {
    for paper in [paper(), Paper::default()] {
        assert_eq!(body("{{ built_in }}", &paper), with(|pdf, manner| render::body(&paper, pdf, manner)));
    }
}

#[test]
fn the_example_shows_what_is_known_and_nothing_else() {
    let shown = body(EXAMPLE, &paper());
    let expected = r#"
> [!info] A &#37;% thoth:end &#37;% \*Title\*
> Ada Author, Bo Author (2020)

*A Journal* 1 (2), 3–4

[[a.pdf]], 7 pages · <https://doi.org/10.1000/1> · <https://arxiv.org/abs/2001.00001>

## Abstract

One paragraph.

Another.

## Outline

- [[a.pdf#page=2|First]]

## Works cited: 1

1. B. Cited, Work\_, 1999

```bibtex
"#;
    let (_, rest) = shown.split_once(NOTICE).unwrap();
    assert!(rest.starts_with(expected), "{rest}");
    let nothing = body(EXAMPLE, &Paper { page_count: 3, ..Paper::default() });
    assert!(nothing.ends_with("> [!info] Untitled\n> Unknown authors\n\n[[a.pdf]], 3 pages\n"), "{nothing}");
}

#[test]
fn a_template_cannot_end_our_part_or_touch_what_stands_around_it() {
    let evil = "%% thoth:end %%\n  %% thoth:begin %%  \n{{ title|safe }}\n";
    let paper = Paper {
        metadata: Metadata { title: Some(field("%% thoth:end %%".to_owned())), ..Metadata::default() },
        ..Paper::default()
    };
    let ours = body(evil, &paper);
    let entries = Vec::new();
    let note = format!("---\nmine: 1\n---\nbefore\n{}\nx\n{}\nafter\n", document::BEGIN, document::END);
    let once = document::rewrite(&note, &entries, &ours).unwrap();
    let twice = document::rewrite(&once, &entries, &ours).unwrap();
    assert_eq!(once, twice, "the markers are still one pair");
    assert!(once.starts_with("---\nmine: 1\n---\nbefore\n") && once.ends_with("\nafter\n"), "{once}");
}

#[test]
fn what_only_some_papers_show_is_found_before_a_template_is_taken() {
    let check = |source: &str, line: u32, message: &str| {
        let fault = NoteTemplate::new("note.md", source).unwrap_err();
        assert_eq!(fault.line, line, "{fault:?}");
        assert!(fault.message.contains(message), "{fault:?}");
    };
    check("{% if doi %}\n{{ doi.url }}\n{% endif %}", 2, "not known");
    check("{% if not title %}\n{{ titel }}\n{% endif %}", 2, "`titel` is not known");
    check("\n{{ authors[0] }}", 2, "");
    check(
        "{% for a in references %}{% for b in references %}{{ a.title }}{{ b.title }}{% endfor %}{% endfor %}",
        1,
        "steps",
    );
}
