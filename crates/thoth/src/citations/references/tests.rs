//! What holds for every entry and every list, whatever they contain.

use super::cut;
use super::join::Hyphens;
use super::parse;
use super::rows::Row;
use crate::paper::Reference;
use crate::quote::fold;
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// The parts that a reference has.
fn parts(reference: &Reference) -> Vec<String> {
    let year = reference.year.map(|year| year.to_string());
    let found = [
        &reference.title,
        &year,
        &reference.venue,
        &reference.volume,
        &reference.issue,
        &reference.pages,
        &reference.doi,
        &reference.arxiv,
        &reference.url,
    ];
    let people = reference.authors.iter().flat_map(|person| [person.family.clone(), person.given.clone()]);
    found.into_iter().flatten().cloned().chain(people).collect()
}

/// Every part stands in the entry, but for the commas between the words of a name.
fn nothing_is_made_up(text: &str) {
    let found = parse(text);
    let plain = |text: &str| fold(text).replace([',', '.'], "");
    let whole = plain(text);
    for part in parts(&found) {
        assert!(whole.contains(&plain(&part)), "`{part}` is not in `{text}`");
    }
}

#[test]
fn entries_of_many_styles_are_taken_apart() {
    let check = |text: &str, authors: &str, year: i32, title: &str, venue: &str| {
        nothing_is_made_up(text);
        let found = parse(text);
        let families: Vec<&str> = found.authors.iter().map(|person| person.family.as_str()).collect();
        assert_eq!(families.join(" "), authors, "{text}");
        assert_eq!(found.year, Some(year), "{text}");
        assert_eq!(found.title.as_deref().unwrap_or_default(), title, "{text}");
        assert_eq!(found.venue.as_deref().unwrap_or_default(), venue, "{text}");
    };
    check(
        "P. W. Higgs, “Broken symmetries and the masses of gauge bosons”, Phys. Rev. Lett. 13 (1964) 508, doi:10.1103/PhysRevLett.13.508.",
        "Higgs",
        1964,
        "Broken symmetries and the masses of gauge bosons",
        "Phys. Rev. Lett.",
    );
    check(
        "Langley, P., & Simon, H. A. (1995). Applications of machine learning and rule induction. Communications of the ACM, 38 (11), 55-64.",
        "Langley Simon",
        1995,
        "Applications of machine learning and rule induction",
        "Communications of the ACM",
    );
    check(
        "Broy M, Schmidt A. Challenges in engineering cyber-physical systems. IEEE Comput. 2014;47(2):70-72. doi:10.1109/MC.2014.30",
        "Broy Schmidt",
        2014,
        "Challenges in engineering cyber-physical systems",
        "IEEE Comput.",
    );
    check(
        "Jan Bosch. 1999. Product-line architectures in industry: a case study. In Proc. of the 21st international conference on Software engineering. 544–554.",
        "Bosch",
        1999,
        "Product-line architectures in industry: a case study",
        "Proc. of the 21st international conference on Software engineering",
    );
    check(
        "Ali M, Elish MO. 2013. A comparative literature survey of design patterns impact on software quality. In: 2013 International Conference on Information Science and Applications. 1–7.",
        "Ali Elish",
        2013,
        "A comparative literature survey of design patterns impact on software quality",
        "2013 International Conference on Information Science and Applications",
    );
    check(
        "Chambers, J. K. 1992. Dialect acquisition. Language 68, 673–705.",
        "Chambers",
        1992,
        "Dialect acquisition",
        "Language",
    );
    check(
        "Palmer D: Tackling Malawi’s human resources crisis. Reprod Health Matters 2006, 14(27):27–39.",
        "Palmer",
        2006,
        "Tackling Malawi’s human resources crisis",
        "Reprod Health Matters",
    );
    check(
        "Smith, Andrew. Gothic Literature. Edinburgh: Edinburgh Univ. Press, 2007.",
        "Smith",
        2007,
        "Gothic Literature",
        "Edinburgh Univ. Press",
    );
}

#[test]
fn hostile_entries_take_no_time() {
    let began = Instant::now();
    for piece in [
        "a",
        "A. B, ",
        "A, ",
        "1",
        "(",
        "“",
        "10.1000/",
        "http://x.",
        "12(3), ",
        "and ",
        ". ",
        "in ",
        "vol. ",
        "Ab Cd, ",
        "von ",
        "——",
        "[",
        "1990 ",
    ] {
        let text = piece.repeat(1_000_000 / piece.len());
        let found = parse(&text);
        assert!(found.text.chars().count() <= super::ENTRY_CHARS_MAX);
        nothing_is_made_up(&text.chars().take(super::ENTRY_CHARS_MAX).collect::<String>());
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

/// Rows of a list as a page has them.
fn rows(lines: &[(&str, f32)]) -> Vec<Row> {
    let row = |(at, (text, x0)): (usize, &(&str, f32))| Row {
        text: (*text).to_owned(),
        page: 1,
        x0: *x0,
        y: 12.0 * at as f32,
        size: 10.0,
        ..Row::default()
    };
    lines.iter().enumerate().map(row).collect()
}

#[test]
fn lists_are_cut_by_labels_and_by_indents() {
    let check = |lines: &[(&str, f32)], wanted: &[(Option<&str>, &str)]| {
        let found = cut::entries(&rows(lines), &Hyphens::default());
        let found: Vec<(Option<&str>, &str)> =
            found.iter().map(|entry| (entry.label.as_deref(), entry.text.as_str())).collect();
        assert_eq!(found, wanted);
    };
    check(
        &[
            ("[1] Doe, J. 1999. Herons of the", 50.0),
            ("river. Birds 12, 3–", 60.0),
            ("[2] Roe, R. 2001. Egrets.", 50.0),
            ("13", 50.0),
            ("[3] Poe, E. 1840. Ravens.", 50.0),
        ],
        &[
            (Some("1"), "Doe, J. 1999. Herons of the river. Birds 12, 3–"),
            (Some("2"), "Roe, R. 2001. Egrets."),
            (Some("3"), "Poe, E. 1840. Ravens."),
        ],
    );
    check(
        &[
            ("Doe, J. 1999. Herons of the", 50.0),
            ("river. New York: Penguin.", 60.0),
            ("Roe, R. 2001. Egrets.", 50.0),
            ("Poe, E. 1840. Ravens and", 50.0),
            ("other birds.", 60.0),
        ],
        &[
            (None, "Doe, J. 1999. Herons of the river. New York: Penguin."),
            (None, "Roe, R. 2001. Egrets."),
            (None, "Poe, E. 1840. Ravens and other birds."),
        ],
    );
    check(
        &[("[Doe99] J. Doe. Herons.", 50.0), ("1999.", 60.0), ("[Roe01] R. Roe. Egrets. 2001.", 50.0)],
        &[(Some("Doe99"), "J. Doe. Herons. 1999."), (Some("Roe01"), "R. Roe. Egrets. 2001.")],
    );
}

#[test]
fn thousands_of_entries_are_cut_in_no_time() {
    let texts: Vec<String> = (1..=20_000)
        .map(|number| format!("[{}] Doe, J. {number}. Herons. 1999.", number % 9_999 + 1))
        .collect();
    let lines: Vec<(&str, f32)> = texts.iter().map(|text| (text.as_str(), 50.0)).collect();
    let began = Instant::now();
    assert!(cut::entries(&rows(&lines), &Hyphens::default()).len() <= super::ENTRIES_MAX);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

proptest! {
    #[test]
    fn nothing_is_made_up_of_any_text(text in "\\PC{0,200}") {
        nothing_is_made_up(&text);
    }

    #[test]
    fn nothing_is_made_up_of_pieces_of_entries(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "Doe", "J.", ", ", "and ", " ", ". ", "(1999)", "2003a", "“", "”", "In ", "vol. ", "12", "(3)", ":", "45–67", "doi:10.1000/x.y",
            "arXiv:1503.07589v2", "http://a.org/b", "et al.", "Proc. ", "Journal of Herons", "herons and their rivers", "———", "van der ", "[", ")", "é", "\u{301}", "Press", "eds.", "pp. ",
        ]), 0..40),
    ) {
        nothing_is_made_up(&pieces.concat());
    }

    #[test]
    fn no_rows_defeat_the_cutter(lines in prop::collection::vec(("\\PC{0,30}", 0.0f32..300.0), 0..40)) {
        let lines: Vec<(&str, f32)> = lines.iter().map(|(text, x0)| (text.as_str(), *x0)).collect();
        cut::entries(&rows(&lines), &Hyphens::default());
    }
}
