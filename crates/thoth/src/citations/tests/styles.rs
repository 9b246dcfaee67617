//! What each style makes of works of every kind, held as snapshots that were read against the styles' own rules.

use serde_json::Value;

use super::super::format::bibliography;
use super::super::style::{Choice, NAMES};
use super::super::{csl_file, csl_json};
use crate::paper::{Field, Metadata, Person, Reference, Source};

fn field<T>(value: T) -> Option<Field<T>> {
    Some(Field { value, source: Source::Layout { page: 1 } })
}

fn text(value: &str) -> Option<Field<String>> {
    field(value.to_owned())
}

/// So many authors, each unlike the other.
fn authors(count: usize) -> Option<Field<Vec<String>>> {
    let given = ["Ada", "Bela J.", "Carl", "Dora", "Emil", "Frieda", "Georg", "Hanna"];
    let family = ["Adler", "van der Berg", "Curie", "Diaz", "Euler", "Fano", "Gauss", "Hopper"];
    let name = |n: usize| format!("{} {}{}", given[n % 8], family[n % 8], "x".repeat(n / 8));
    field((0..count).map(name).collect())
}

fn article(count: usize) -> Metadata {
    Metadata {
        title: text("On the Nature of Things: A Second Look"),
        authors: authors(count),
        year: field(2019),
        venue: text("Journal of Applied Ecology"),
        volume: text("56"),
        issue: text("3"),
        pages: text("501–517"),
        doi: text("10.1111/1365-2664.13321"),
        ..Metadata::default()
    }
}

fn works() -> Vec<(&'static str, Value)> {
    let preprint = Metadata {
        title: text("Attention Is Not All You Need"),
        authors: authors(3),
        year: field(2021),
        arxiv: text("2103.03404"),
        ..Metadata::default()
    };
    let conference = Metadata {
        venue: text("Proceedings of the 12th Conference on Examples"),
        volume: None,
        issue: None,
        ..article(2)
    };
    let book = Reference {
        title: Some("Rust for Scholars".to_owned()),
        authors: vec![Person { family: "de la Cruz".to_owned(), given: "Maria".to_owned() }],
        year: Some(2020),
        venue: Some("Cambridge University Press".to_owned()),
        ..Reference::default()
    };
    let group = Metadata { authors: field(vec!["The ATLAS Collaboration".to_owned()]), ..article(0) };
    let no_authors = Metadata { authors: None, ..article(0) };
    let title_only = Metadata { title: text("A title and nothing else"), ..Metadata::default() };
    let mut works: Vec<(&'static str, Value)> =
        [("article 1", 1), ("article 2", 2), ("article 3", 3), ("article 8", 8), ("article 25", 25)]
            .map(|(name, count)| (name, csl_json::of_paper(name, &article(count))))
            .into();
    works.push(("preprint", csl_json::of_paper("preprint", &preprint)));
    works.push(("conference", csl_json::of_paper("conference", &conference)));
    works.push(("book", csl_json::of_reference("book", &book)));
    let document = Metadata { venue: None, volume: None, issue: None, pages: None, ..article(2) };
    works.push(("document", csl_json::of_paper("document", &document)));
    let odd = Metadata { title: text("On LLMs and mRNA, <b>names</b> & *stars* [[links]]"), ..article(1) };
    works.push(("odd title", csl_json::of_paper("odd title", &odd)));
    works.push(("group", csl_json::of_paper("group", &group)));
    works.push(("no authors", csl_json::of_paper("no authors", &no_authors)));
    works.push(("no year", csl_json::of_paper("no year", &Metadata { year: None, ..article(1) })));
    works.push(("title only", csl_json::of_paper("title only", &title_only)));
    works.push(("nothing", csl_json::of_paper("nothing", &Metadata::default())));
    works
}

#[test]
fn every_style_formats_every_kind_of_work() {
    for name in NAMES {
        let style = Choice::named(name).unwrap().style().unwrap();
        let mut shown = String::new();
        for (kind, work) in works() {
            let formatted = bibliography(std::slice::from_ref(&work), &style).unwrap();
            let [entry] = formatted.as_slice() else { panic!("{kind}: {formatted:?}") };
            let number = entry.number.as_deref().map(|number| format!("{number} ")).unwrap_or_default();
            shown.push_str(&format!("{kind}\n  {number}{}\n  {}\n", entry.text(), entry.markdown()));
        }
        insta::assert_snapshot!(*name, shown);
    }
}

#[test]
fn every_style_of_the_archive_passes_as_a_file() {
    for archived in hayagriva::archive::ArchivedStyle::all() {
        let xml = archived.get().to_xml().unwrap();
        match csl_file::style(&xml) {
            Ok(style) => assert!(!style.title().is_empty()),
            Err((why, _)) => assert!(why.contains("no bibliography"), "{}: {why}", archived.csl_id()),
        }
    }
}

#[test]
fn a_style_that_would_not_end_is_refused_before_it_is_applied() {
    let whole = |macros: &str| {
        format!(
            "<?xml version=\"1.0\"?><style class=\"in-text\" version=\"1.0\"><info><title>T</title><id>t</id><updated>2020-01-01T00:00:00+00:00</updated></info>{macros}\
             <citation><layout><text macro=\"m0\"/></layout></citation><bibliography><layout><text macro=\"m0\"/></layout></bibliography></style>"
        )
    };
    let check = |macros: &str, part: &str| match csl_file::style(&whole(macros)) {
        Ok(_) => assert_eq!(part, "", "{macros:.200}"),
        Err((why, _)) => assert!(!part.is_empty() && why.contains(part), "{why}"),
    };
    check("<macro name=\"m0\"><text variable=\"title\"/></macro>", "");
    check("<macro name=\"m0\"><text macro=\"m0\"/></macro>", "calls itself");
    check(
        "<macro name='m0'><text macro='m1'/></macro><macro name='m1'><text macro = 'm0'/></macro>",
        "calls itself",
    );
    let doubling: String = (0..60)
        .map(|n| format!("<macro name=\"m{n}\"><text macro=\"m{0}\"/><text macro=\"m{0}\"/></macro>", n + 1))
        .collect();
    check(&doubling, "more than 100000 elements");
    check(&format!("<macro name=\"m0\">{}", "<group>".repeat(100_000)), "nested more than 100 deep");
    check("<!-- a comment without an end", "middle of an element");
    check("<macro name=\"m0\"><text variable=\"nothing-of-the-kind\"/></macro>", "is no style");
}
