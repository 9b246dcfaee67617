use super::*;
use crate::paper::Section;
use crate::rag::samples::{content, paper, rag_over, sample, three};

#[test]
fn a_passage_is_whole_sentences_of_one_paragraph_on_its_page() {
    let sample = sample();
    let rag = rag_over(&sample, &three());
    let passages = rag.passages("Where does the boundary layer separate from the wall?", 3).expect("asks");
    let first = passages.first().expect("a passage");
    assert_eq!(first.paper, content(0)[..12]);
    assert_eq!((first.page, first.section.as_str()), (2, "Results"));
    assert!(
        first.text.contains("It rises again where the boundary layer separates from the wall."),
        "{first:?}"
    );
    for passage in &passages {
        let holds = three().iter().any(|paper| {
            paper
                .sections
                .iter()
                .flat_map(|section| &section.paragraphs)
                .any(|paragraph| paragraph.page == passage.page && paragraph.text.contains(&passage.text))
        });
        assert!(holds, "{passage:?}");
    }
}

#[test]
fn what_began_on_another_page_is_left_out() {
    let sample = sample();
    let text = |page, text: &str, continues| Paragraph {
        page,
        text: text.to_owned(),
        continues,
        ..Paragraph::default()
    };
    let paragraphs = vec![
        text(
            1,
            "Axolotls are salamanders of the lakes around Xochimilco. They keep their larval gills and are known for the fact that",
            true,
        ),
        text(
            2,
            "Mexican axolotls regrow limbs. Axolotls regrow even parts of the heart within two months. And Mexican axolotls that regrow limbs",
            false,
        ),
    ];
    let paper = Paper { sections: vec![Section { paragraphs, ..Section::default() }], ..Paper::default() };
    let rag = rag_over(&sample, &[paper]);
    let texts: Vec<String> = rag
        .passages("axolotls regrow limbs", 9)
        .expect("asks")
        .into_iter()
        .map(|passage| passage.text)
        .collect();
    assert_eq!(
        texts,
        [
            "Axolotls regrow even parts of the heart within two months.",
            "Axolotls are salamanders of the lakes around Xochimilco."
        ]
    );
}

#[test]
fn no_passage_comes_twice_and_several_papers_answer() {
    let sample = sample();
    let text = "The boundary layer thickens along the plate in every run that we made.";
    let same = paper("Again", "X", &[("Body", &[(1, text)])]);
    let other = paper(
        "Other",
        "Y",
        &[("Body", &[(7, "A boundary layer also forms inside the pipe of a heat pump.")])],
    );
    let mut papers = three();
    papers.extend([same.clone(), same, other]);
    let rag = rag_over(&sample, &papers);
    let passages = rag.passages("boundary layer", 20).expect("asks");
    let different: HashSet<&str> = passages.iter().map(|passage| passage.text.as_str()).collect();
    assert_eq!(different.len(), passages.len());
    let papers: HashSet<&str> = passages.iter().take(3).map(|passage| passage.paper.as_str()).collect();
    assert_eq!(papers.len(), 3, "{passages:?}");
    assert_eq!(rag.passages("boundary layer", 2).expect("asks").len(), 2);
    assert_eq!(rag.passages("boundary layer", 0).expect("asks"), []);
}

#[tokio::test]
async fn the_passages_are_the_answer() {
    let sample = sample();
    let rag = std::sync::Arc::new(rag_over(&sample, &three()));
    let answer = rag.ask("Do cold adapted enzymes trade stability?").await.expect("asks");
    let first = answer.sources.first().expect("a source");
    assert_eq!((first.page, first.title.as_deref()), (1, Some("Enzymes at low temperature")));
    assert!(
        answer.answer.starts_with(&format!("[1] {} (Enzymes at low temperature, page 1)", first.passage))
    );
    assert_eq!(answer.written_by, None);
    let nothing = rag.ask("xylophone").await.expect("asks");
    assert_eq!(nothing.sources, []);
    assert!(nothing.answer.starts_with("No passage"));
}

#[test]
fn what_is_told_has_no_formula_and_what_a_model_reads_has() {
    let sample = sample();
    let text = "The mass of the boson in both channels H → γγ and H → ZZ is measured here. We measured the mass of the \
                boson in two decay channels with care.";
    let rag = rag_over(&sample, &[paper("T", "A", &[("Body", &[(1, text)])])]);
    let passages = rag.passages("mass of the boson in both channels", 1).expect("asks");
    let first = passages.first().expect("a passage");
    assert_eq!(first.text, "We measured the mass of the boson in two decay channels with care.");
    let only = "The dark axion beam H → γγ is sought in a long magnet.";
    let rag = rag_over(&sample, &[paper("T", "A", &[("Body", &[(1, only)])])]);
    let passages = rag.passages("axion", 1).expect("asks");
    let first = passages.first().expect("a few words are better than nothing");
    assert_eq!((first.text.as_str(), first.sentences.as_str()), ("The dark axion beam H", only));
}

#[test]
fn a_formula_is_cut_out() {
    let check = |text: &str, loose: &[&str], expected: &[&str]| {
        let loose =
            loose.iter().map(|word| text.find(word).map(|at| at..at + word.len()).expect("stands there"));
        let paragraph = Paragraph { text: text.to_owned(), loose: loose.collect(), ..Paragraph::default() };
        let parts: Vec<&str> = told(&paragraph, 0..text.len()).into_iter().map(|(part, _)| part).collect();
        assert_eq!(parts, expected);
    };
    check("No formula here.", &[], &["No formula here."]);
    check(
        "The mass in the H → ZZ → 4ℓ decay channels.",
        &[],
        &["The mass in the H", "ZZ", "decay channels."],
    );
    check("The mass mH-based fit gives R2 above .9", &["mH", "R2"], &["The mass", "fit gives", "above .9"]);
}

#[test]
fn a_place_where_another_reader_goes_on_elsewhere_is_cut() {
    let check = |text: &str, places: &[usize], expected: &[(&str, f64)]| {
        let loose = places.iter().map(|at| *at..*at).collect();
        let paragraph = Paragraph { text: text.to_owned(), loose, ..Paragraph::default() };
        assert_eq!(told(&paragraph, 0..text.len()), expected, "{places:?}");
    };
    check("C1 We link it.", &[2], &[("C1", CUT_WEIGHT), ("We link it.", CUT_WEIGHT)]);
    check("C1 We link it.", &[3], &[("C1", CUT_WEIGHT), ("We link it.", CUT_WEIGHT)]);
    check("C1 We link it.", &[0, 14], &[("C1 We link it.", 1.0)]);
    check("C1 We link it.", &[8], &[("C1 We", CUT_WEIGHT), ("it.", CUT_WEIGHT)]);
}
