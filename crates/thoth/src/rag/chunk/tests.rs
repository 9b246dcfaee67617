use proptest::prelude::*;

use super::*;
use crate::paper::{Metadata, Section};
use crate::rag::samples::{paper, recipe};

fn texts(chunks: &[Chunk]) -> Vec<&str> {
    chunks.iter().map(|chunk| chunk.text.as_str()).collect()
}

#[test]
fn sentences_stay_whole_and_the_last_ones_are_repeated() {
    let paper = paper(
        "T",
        "A",
        &[("Body", &[(1, "One two three. Four five six. Seven eight nine. Ten eleven twelve.")])],
    );
    let found = chunks(&paper, &recipe(8, 4));
    assert_eq!(
        texts(&found),
        [
            "One two three. Four five six.",
            "Four five six. Seven eight nine.",
            "Seven eight nine. Ten eleven twelve."
        ]
    );
}

#[test]
fn chunks_end_with_their_section_and_references_have_none() {
    let paper = paper(
        "T",
        "A",
        &[
            ("Abstract", &[(1, "Short.")]),
            ("Body", &[(1, "First page."), (2, "Second page.")]),
            ("References", &[(3, "Somebody 1999.")]),
        ],
    );
    let found = chunks(&paper, &recipe(100, 20));
    assert_eq!(texts(&found), ["Short.", "First page.\nSecond page."]);
    let places: Vec<(u32, usize, &str)> = found[1]
        .pieces
        .iter()
        .map(|piece| (piece.page, piece.paragraph, &found[1].text[piece.range.clone()]))
        .collect();
    assert_eq!(places, [(1, 0, "First page."), (2, 1, "Second page.")]);
}

#[test]
fn a_sentence_over_two_columns_is_joined_by_a_space() {
    let paragraphs = [("left and", true), ("right.", false)];
    let paragraphs = paragraphs
        .map(|(text, continues)| Paragraph {
            page: 1,
            text: text.to_owned(),
            continues,
            ..Paragraph::default()
        })
        .to_vec();
    let paper = Paper { sections: vec![Section { paragraphs, ..Section::default() }], ..Paper::default() };
    assert_eq!(texts(&chunks(&paper, &recipe(100, 20))), ["left and right."]);
}

#[test]
fn a_sentence_larger_than_a_chunk_is_cut_between_words_and_a_word_is_not() {
    let giant = "x".repeat(200);
    let text = format!("a b c d e f g {giant} h.");
    let paper = paper("T", "A", &[("Body", &[(1, &text)])]);
    let found = chunks(&paper, &recipe(5, 1));
    assert_eq!(texts(&found), ["a b c d e", "e f g", giant.as_str(), "h."]);
}

fn any_paper() -> impl Strategy<Value = Paper> {
    let sentence = "([A-Za-z]{1,11} ){0,14}[a-z0-9]{1,9}[.?!,]";
    let text = proptest::collection::vec(sentence, 0..6).prop_map(|sentences| sentences.join(" "));
    let paragraph = (1_u32..5, text, any::<bool>());
    let section = proptest::collection::vec(paragraph, 0..6);
    proptest::collection::vec(section, 0..4).prop_map(|sections| Paper {
        metadata: Metadata::default(),
        references: Vec::new(),
        page_count: 5,
        sections: sections
            .into_iter()
            .map(|paragraphs| Section {
                paragraphs: paragraphs
                    .into_iter()
                    .map(|(page, text, continues)| Paragraph {
                        page,
                        text,
                        continues,
                        ..Paragraph::default()
                    })
                    .collect(),
                ..Section::default()
            })
            .collect(),
    })
}

fn squeeze(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// How many of the first words of `next` are the last words of `before`, at most `most`.
fn shared(before: &[String], next: &[String]) -> usize {
    (0..=before.len().min(next.len())).rev().find(|count| before.ends_with(&next[..*count])).unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_sentence_is_in_some_chunk_with_its_page(paper in any_paper(), size in 20_u32..80, overlap in 0_u32..20) {
        let found = chunks(&paper, &recipe(size, overlap));
        for (number, section) in paper.sections.iter().enumerate() {
            for (place, paragraph) in section.paragraphs.iter().enumerate() {
                for range in sentences(&paragraph.text) {
                    let sentence = &paragraph.text[range];
                    if tokens::count(sentence) > size {
                        continue;
                    }
                    let holds = |chunk: &&Chunk| chunk.section == number && chunk.pieces.iter().any(|piece| {
                        piece.paragraph == place
                            && piece.page == paragraph.page
                            && chunk.text[piece.range.clone()].contains(sentence)
                    });
                    prop_assert!(found.iter().find(holds).is_some(), "{sentence:?} is in no chunk");
                }
            }
        }
    }

    #[test]
    fn no_chunk_is_too_large(paper in any_paper(), size in 1_u32..60, overlap in 0_u32..60) {
        for chunk in chunks(&paper, &recipe(size, overlap.min(size - 1))) {
            let one_word = chunk.text.split_whitespace().count() == 1;
            prop_assert!(one_word || tokens::count(&chunk.text) <= size, "{chunk:?}");
        }
    }

    #[test]
    fn pieces_are_the_text_and_each_is_on_its_page(paper in any_paper(), size in 1_u32..60, overlap in 0_u32..20) {
        for chunk in chunks(&paper, &recipe(size, overlap.min(size - 1))) {
            let pieces: Vec<&str> = chunk.pieces.iter().map(|piece| &chunk.text[piece.range.clone()]).collect();
            prop_assert_eq!(squeeze(&pieces.join(" ")), squeeze(&chunk.text));
            for (piece, text) in chunk.pieces.iter().zip(pieces) {
                let paragraph = &paper.sections[chunk.section].paragraphs[piece.paragraph];
                prop_assert_eq!(piece.page, paragraph.page);
                let (part, whole) = (squeeze(text).join(" "), squeeze(&paragraph.text).join(" "));
                prop_assert!(whole.contains(&part), "{part:?} is not in {whole:?}");
            }
        }
    }

    #[test]
    fn without_the_overlap_the_chunks_are_the_section_word_for_word(
        paper in any_paper(),
        size in 1_u32..60,
        overlap in 0_u32..20,
    ) {
        let overlap = overlap.min(size - 1);
        let plain = chunks(&paper, &recipe(size, 0));
        for (number, section) in paper.sections.iter().enumerate() {
            let words: Vec<String> = plain.iter().filter(|chunk| chunk.section == number)
                .flat_map(|chunk| squeeze(&chunk.text)).collect();
            let all: Vec<String> = section.paragraphs.iter().flat_map(|paragraph| squeeze(&paragraph.text)).collect();
            prop_assert_eq!(words, all);
        }
        let lapping = chunks(&paper, &recipe(size, overlap));
        for (before, next) in lapping.iter().zip(lapping.iter().skip(1)) {
            // Of a text that says a word again it cannot be told whether that is the overlap.
            let paragraphs = || paper.sections[next.section].paragraphs.iter();
            let all: Vec<String> = paragraphs().flat_map(|paragraph| squeeze(&paragraph.text)).collect();
            let is_again = |word: &String| all.iter().filter(|other| *other == word).count() > 1;
            let repeats = || squeeze(&next.text).iter().any(is_again);
            if before.section == next.section && !repeats() {
                let (before, next) = (squeeze(&before.text), squeeze(&next.text));
                prop_assert!(next.len() > shared(&before, &next), "a chunk that brings nothing new");
            }
        }
    }
}

#[test]
fn the_overlap_is_as_large_as_asked_and_no_larger() {
    let text: String = (100..500).map(|number| format!("Word{number} goes on. ")).collect();
    let sentence_tokens = tokens::count("Word100 goes on.");
    let paper = paper("T", "A", &[("Body", &[(1, &text)])]);
    for overlap in [0, 1, sentence_tokens, 20, 52] {
        let found = chunks(&paper, &recipe(120, overlap));
        assert!(found.len() > 5);
        for (before, next) in found.iter().zip(found.iter().skip(1)) {
            let (before, next) = (squeeze(&before.text), squeeze(&next.text));
            let shared = tokens::count(&next[..shared(&before, &next)].join(" "));
            let whole_sentences = overlap / sentence_tokens * sentence_tokens;
            assert_eq!(shared, whole_sentences, "of {overlap} tokens");
        }
    }
}

#[test]
fn where_no_sentence_fits_the_overlap_its_last_words_are_repeated() {
    let text = "One two three four five six. Seven eight nine ten eleven twelve.";
    let paper = paper("T", "A", &[("Body", &[(1, text)])]);
    assert_eq!(
        texts(&chunks(&paper, &recipe(10, 3))),
        ["One two three four five six.", "five six. Seven eight nine ten eleven twelve."]
    );
}
