use std::sync::Arc;

use super::*;
use crate::rag::RagInputs;
use crate::rag::samples::{content, no_llm, paper, rag_over, sample, settings, three};

#[test]
fn a_phrase_of_a_paper_finds_it_first_with_page_and_section() {
    let sample = sample();
    let rag = rag_over(&sample, &three());
    for (question, number, page, section) in [
        ("Transition begins earlier when the plate is hot", 0, 1, "Abstract"),
        ("no hysteresis was observed in any run", 0, 3, "Results"),
        ("why do architects document fewer decisions?", 1, 1, "Abstract"),
        ("is flexibility a cause or a consequence", 2, 5, "Discussion"),
        ("ENZYME", 2, 1, "Abstract"),
    ] {
        let hits = rag.search(question, 10).expect("searches");
        let first = hits.first().expect("a hit");
        assert_eq!(first.paper, content(number)[..12], "{question}");
        assert_eq!((first.page, first.section.as_str()), (page, section), "{question}");
        assert_eq!(first.title.as_ref(), three()[number].metadata.title.as_ref().map(|title| &title.value));
        assert!(first.snippet.contains("<mark>"), "{question}: {}", first.snippet);
        assert!(hits.is_sorted_by(|one, other| one.score >= other.score), "{question}");
    }
}

#[test]
fn titles_and_authors_find_their_paper() {
    let sample = sample();
    let rag = rag_over(&sample, &three());
    for (question, number, snippet) in [
        ("grunwald", 0, "Ada <mark>Grünwald</mark>"),
        ("Okafor survey", 1, "Bo <mark>Okafor</mark>"),
        ("survey", 1, "A <mark>survey</mark> of software architects"),
    ] {
        let hits = rag.search(question, 10).expect("searches");
        assert_eq!(hits.first().map(|hit| hit.paper.as_str()), Some(&content(number)[..12]), "{question}");
        assert_eq!(hits.first().map(|hit| hit.snippet.as_str()), Some(snippet), "{question}");
    }
}

#[test]
fn snippets_are_escaped_and_mark_what_was_found() {
    let sample = sample();
    let rag = rag_over(&sample, &three());
    let hits = rag.search("interview hours", 1).expect("searches");
    assert_eq!(
        hits.first().map(|hit| hit.snippet.as_str()),
        Some(
            "<mark>Interviews</mark> lasted &lt;one&gt; <mark>hour</mark> &amp; were transcribed. \
             Each layer of the organisation was covered."
        )
    );
}

#[test]
fn a_long_text_is_shown_around_what_was_found() {
    let sample = sample();
    let filler = "Nothing of interest stands in this sentence at all. ".repeat(30);
    let text = format!("{filler}The axolotl regenerates its limbs. {filler}");
    let rag = rag_over(&sample, &[paper("T", "A", &[("Body", &[(1, &text)])])]);
    let snippet = rag.search("axolotl limb", 1).expect("searches").remove(0).snippet;
    assert!(
        snippet.starts_with("…The <mark>axolotl</mark> regenerates its <mark>limbs</mark>. Nothing"),
        "{snippet}"
    );
    assert!(snippet.ends_with('…') && snippet.len() < 400, "{snippet}");
}

#[test]
fn quoted_words_must_occur_as_they_stand() {
    let sample = sample();
    let rag = rag_over(&sample, &three());
    let papers = |question: &str| rag.search(question, 10).expect("searches").len();
    assert!(papers("layer boundary") >= 2);
    assert_eq!(papers("\"layer boundary\""), 0);
    assert_eq!(papers("\"heated debate\" boundary"), 1);
}

#[test]
fn references_are_not_searched() {
    let sample = sample();
    let rag = rag_over(&sample, &three());
    assert_eq!(rag.search("zeppelin Schlichting", 10).expect("searches"), []);
}

#[test]
fn several_papers_come_before_many_places_of_one() {
    let sample = sample();
    let sections: Vec<(String, String)> = (0..8)
        .map(|number| {
            (format!("Part {number}"), format!("Quasars are bright. Quasars shine, says note {number}."))
        })
        .collect();
    let paragraphs: Vec<[(u32, &str); 1]> = sections.iter().map(|(_, text)| [(1, text.as_str())]).collect();
    let parts: Vec<(&str, &[(u32, &str)])> = sections
        .iter()
        .zip(&paragraphs)
        .map(|((title, _), paragraphs)| (title.as_str(), &paragraphs[..]))
        .collect();
    let many = paper("On quasars", "A", &parts);
    let one = paper(
        "On stars",
        "B",
        &[("Body", &[(1, "Some stars were once taken for quasars, others were not.")])],
    );
    let rag = rag_over(&sample, &[many, one]);
    let hits = rag.search("quasars", 10).expect("searches");
    assert_eq!(hits.iter().filter(|hit| hit.paper == content(0)[..12]).count(), HITS_OF_PAPER_MAX);
    assert!(hits.iter().any(|hit| hit.paper == content(1)[..12]));
    assert_eq!(rag.search("quasars", 2).expect("searches").len(), 2);
}

#[test]
fn without_papers_nothing_is_found() {
    let sample = sample();
    let rag = rag_over(&sample, &[]);
    assert_eq!(rag.search("anything", 10).expect("searches"), []);
    let inputs = RagInputs::new(&settings(300, 10), &sample.index, None).expect("reads");
    let unbuilt = Rag::new(inputs, Arc::clone(&sample.index), no_llm());
    assert_eq!(
        unbuilt.search("anything", 10).expect("searches"),
        [],
        "before the builder has made its tables"
    );
}

#[test]
fn no_text_is_a_syntax_error() {
    let sample = sample();
    let rag = rag_over(&sample, &three());
    let long = "layer plate wall ".repeat(2_000);
    let different: String = (0..500).map(|number| format!("word{number} ")).collect();
    for text in [
        "\"",
        "\"\"",
        "AND",
        "OR OR",
        "NOT",
        "NEAR(a b, 2)",
        "title:x",
        "a*",
        "^a",
        "-a",
        "(",
        ")",
        "a AND",
        "{x} : y",
        "'; DROP TABLE documents; --",
        "\0",
        "\u{feff}",
        "“",
        "a\"b\"c\"",
        "+",
        "ß İ",
        "\u{301}",
        "٣٤",
        "数学",
        &long,
        &different,
    ] {
        assert!(rag.search(text, 10).is_ok(), "{text:?}");
        assert!(rag.passages(text, 4).is_ok(), "{text:?}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 20, ..Default::default() })]
    #[test]
    fn no_text_whatever_is_a_syntax_error(texts in proptest::collection::vec(proptest::arbitrary::any::<String>(), 50)) {
        let sample = sample();
        let rag = rag_over(&sample, &three());
        for text in texts {
            proptest::prop_assert!(rag.search(&format!("layer {text}"), 10).is_ok(), "{text:?}");
        }
    }
}
