//! Reading whole PDFs: the project's own papers, small ones made here, and damaged ones.

use super::{Unreadable, read};
use crate::paper::{Paper, SectionKind};
use crate::quote::fold;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The smallest PDF whose pages have these content streams. It has no table of its objects: readers find them.
fn pdf(pages: &[String]) -> Vec<u8> {
    let kids: String = (0..pages.len()).map(|page| format!("{} 0 R ", 10 + 2 * page)).collect();
    let mut text = format!(
        "%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[{kids}]/Count {}>>\n\
         endobj\n3 0 obj\n<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>\nendobj\n4 0 obj\n<</Type/Font/Subtype/\
         Type1/BaseFont/Times-Bold>>\nendobj\n",
        pages.len()
    );
    for (page, content) in pages.iter().enumerate() {
        let (object, stream) = (10 + 2 * page, 11 + 2 * page);
        text.push_str(&format!(
            "{object} 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents {stream} 0 R/Resources<</Font<</F 3 0 \
             R/B 4 0 R>>>>>>\nendobj\n{stream} 0 obj\n<</Length {}>>stream\n{content}\nendstream\nendobj\n",
            content.len()
        ));
    }
    text.push_str("trailer\n<</Root 1 0 R>>\n%%EOF\n");
    text.into_bytes()
}

/// A line of text at a place, in a font (`F` or `B`) of a size.
fn set(font: char, size: u32, x: u32, y: u32, text: &str) -> String {
    format!("BT /{font} {size} Tf {x} {y} Td ({text}) Tj ET\n")
}

#[test]
fn what_cannot_be_read_is_named() {
    assert!(matches!(read(Vec::new()), Err(Unreadable::Empty)));
    assert!(matches!(read(b"no PDF at all".to_vec()), Err(Unreadable::Broken(_))));
    assert!(matches!(read(b"%PDF-1.7\n%%EOF".to_vec()), Err(Unreadable::Broken(_))));
    assert!(matches!(read(include_bytes!("samples/locked.pdf").to_vec()), Err(Unreadable::Encrypted)));
    assert!(matches!(read(pdf(&["0 0 m 10 10 l S".to_owned()])), Err(Unreadable::NoText)));
    let many = vec![String::new(); 2_001];
    assert!(matches!(read(pdf(&many)), Err(Unreadable::TooManyPages { pages: 2_001, max: 2_000 })));
}

#[test]
fn an_encrypted_pdf_that_opens_without_a_password_is_read() {
    let paper = read(include_bytes!("samples/unlocked.pdf").to_vec()).expect("readable");
    assert_eq!(paper.page_count, 1);
    assert!(text(&paper).contains("A locked paper about herons"), "{paper:?}");
}

#[test]
fn two_columns_are_read_one_after_the_other() {
    let mut page = set('B', 20, 100, 780, "Herons and Their Rivers in Spring");
    page += &set('F', 12, 200, 750, "Ada Heron and Bo Egret");
    page += &set('B', 11, 60, 700, "Abstract");
    for line in 0..12_u32 {
        let y = 685 - 12 * line;
        page += &set('F', 10, 60, y, &format!("left {line} words of a line that fills the left column"));
        page += &set('F', 10, 320, y, &format!("right {line} words of a line that fills the other one"));
    }
    let paper = read(pdf(&[page])).expect("readable");
    let text = text(&paper);
    let last_left = text.find("left 11").expect("the left column is read");
    let first_right = text.find("right 0").expect("the right column is read");
    assert!(last_left < first_right, "{text}");
    assert_eq!(
        paper.metadata.title.map(|title| title.value).as_deref(),
        Some("Herons and Their Rivers in Spring")
    );
    assert_eq!(
        paper.metadata.authors.map(|names| names.value),
        Some(vec!["Ada Heron".to_owned(), "Bo Egret".to_owned()])
    );
    assert!(!text.contains("Ada"), "names are metadata, not text: {text}");
}

#[test]
fn where_another_reader_may_go_on_differently_is_marked() {
    let check = |line: &str, loose: &[&str]| {
        let mut page = set('B', 11, 60, 700, "Abstract");
        page +=
            &set('F', 10, 60, 685, "A line of words that stands before the one that is looked at, and ends.");
        page += &format!("BT /F 10 Tf 60 673 Td {line} ET\n");
        page += &set(
            'F',
            10,
            60,
            661,
            "And here is a line that stands behind it and has an end of its own, too.",
        );
        let paper = read(pdf(&[page])).expect("readable");
        let paragraphs = paper.sections.iter().flat_map(|section| &section.paragraphs);
        let words = |paragraph: &crate::paper::Paragraph| {
            let word = |range: &std::ops::Range<usize>| paragraph.text[range.clone()].to_owned();
            paragraph.loose.iter().map(word).collect::<Vec<_>>()
        };
        assert_eq!(paragraphs.flat_map(words).collect::<Vec<_>>(), loose, "{line}");
    };
    let raised =
        |text: &str, rise: f32, size: u32| format!("/F {size} Tf {rise} Ts ({text}) Tj 0 Ts /F 10 Tf");
    check("(Plain words of a line without anything above or below.) Tj", &[]);
    check(&format!("(A plain script, as in so many F) Tj {} ( scores.) Tj", raised("1", -1.0, 7)), &[]);
    check(&format!("(A word is raised) Tj {} ( in the line.) Tj", raised(" high", 4.0, 7)), &["high"]);
    check(&format!("(The sign is too high: m) Tj {} ( here.) Tj", raised("2", 5.3, 7)), &["m2"]);
    let stacked = "/F 7 Tf 4 Ts (22) Tj -2 Ts [1000 (33)] TJ";
    check(&format!("(One stands over another: m) Tj {stacked}"), &["", "m2233", ""]);
    check("(C1) Tj 24 0 Td (A label that stands well before the text of its item.) Tj", &["", "", ""]);
}

#[test]
fn running_heads_and_page_numbers_are_left_out() {
    let pages: Vec<String> = (1..=6_u32)
        .map(|page| {
            let mut content = set('F', 9, 60, 810, "Journal of Herons 12");
            content += &set('F', 9, 290, 30, &page.to_string());
            content += &set(
                'F',
                10,
                60,
                500,
                &format!("this is what page {page} says about herons in its only line."),
            );
            content
        })
        .collect();
    let paper = read(pdf(&pages)).expect("readable");
    let text = text(&paper);
    assert!(text.contains("page 6 says") && !text.contains("Journal of Herons"), "{text}");
    let paragraphs = paper.sections.iter().flat_map(|section| &section.paragraphs);
    assert!(paragraphs.into_iter().all(|paragraph| paragraph.text.parse::<u32>().is_err()));
}

fn text(paper: &Paper) -> String {
    let paragraphs = paper.sections.iter().flat_map(|section| &section.paragraphs);
    paragraphs.map(|paragraph| paragraph.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// The project's own papers, with what `truth.json` beside them says.
fn papers() -> Vec<(Vec<u8>, serde_json::Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/papers");
    let truth = std::fs::read(folder.join("truth.json")).expect("the project's papers come with their truth");
    let truth: Vec<serde_json::Value> = serde_json::from_slice(&truth).expect("truth.json is JSON");
    let bytes =
        |truth: &serde_json::Value| std::fs::read(folder.join(truth["file"].as_str().expect("a file name")));
    truth.into_iter().map(|truth| (bytes(&truth).expect("each paper is there"), truth)).collect()
}

#[test]
fn the_projects_own_papers_are_read_as_their_truth_says() {
    for (bytes, truth) in papers() {
        let paper = read(bytes).expect("readable");
        let found = &paper.metadata;
        let title = found.title.as_ref().map(|title| fold(&title.value));
        assert_eq!(title, truth["title"].as_str().map(fold));
        let names: Vec<&str> =
            found.authors.iter().flat_map(|names| &names.value).map(String::as_str).collect();
        assert_eq!(serde_json::json!(names), truth["authors"]);
        assert_eq!(found.year.as_ref().map(|year| i64::from(year.value)), truth["year"].as_i64());
        assert_eq!(found.doi.as_ref().map(|doi| doi.value.as_str()), truth["doi"].as_str());
        let kind = |kind| paper.sections.iter().filter(|section| section.kind == kind).count();
        assert_eq!((kind(SectionKind::Abstract), kind(SectionKind::References)), (1, 1), "{}", truth["file"]);
        assert_eq!(list(&paper), truth["reference_list"], "{}", truth["file"]);
        let numbered =
            |section: &&crate::paper::Section| section.title.starts_with(|c: char| c.is_ascii_digit());
        assert_eq!(paper.sections.iter().find(numbered), None);
        assert!(paper.sections.len() >= 5);
    }
}

/// The references of a paper as `truth.json` has them: what was not found has no key.
fn list(paper: &Paper) -> serde_json::Value {
    let entry = |reference: &crate::paper::Reference| {
        let names = reference.authors.iter().map(|person| format!("{}, {}", person.family, person.given));
        let mut entry = serde_json::json!({
            "authors": names.collect::<Vec<_>>(),
            "title": reference.title,
            "year": reference.year,
            "venue": reference.venue,
        });
        let found = [
            ("volume", &reference.volume),
            ("issue", &reference.issue),
            ("pages", &reference.pages),
            ("doi", &reference.doi),
        ];
        for (name, value) in found {
            if let Some(value) = value {
                entry[name] = serde_json::json!(value);
            }
        }
        entry
    };
    paper.references.iter().map(entry).collect()
}

#[test]
fn damaged_papers_never_defeat_the_reader() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below.max(1) as u64).unwrap_or_default()
    };
    for (bytes, truth) in papers() {
        for attempt in 0..8 {
            let mut damaged = bytes.clone();
            if attempt % 2 == 0 {
                damaged.truncate(random(bytes.len()));
            } else {
                for _ in 0..50 * attempt {
                    let at = random(damaged.len());
                    damaged[at] ^= 1 << random(8);
                }
            }
            let began = Instant::now();
            let outcome = read(damaged);
            assert!(began.elapsed() < Duration::from_secs(30), "{} {attempt}", truth["file"]);
            let defeated = matches!(&outcome, Err(Unreadable::Broken(why)) if why.contains("defeats"));
            assert!(!defeated, "{} {attempt}", truth["file"]);
        }
    }
}
