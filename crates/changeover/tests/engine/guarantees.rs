//! What the front page promises is held by tests that are there, and the examples that it names are all there are.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, found),
            false => found.push(path),
        }
    }
}

/// The rows of the table under a heading that have something literal in them.
fn rows(heading: &str) -> Vec<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section = page.lines().skip_while(|line| *line != heading).skip(1);
    let section = section.take_while(|line| !line.starts_with("## "));
    section.filter(|line| line.starts_with("| ") && line.contains('`')).map(str::to_owned).collect()
}

#[test]
fn every_guarantee_names_a_test_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    sources(&root.join("tests"), &mut files);
    let code: String = files.iter().map(|file| fs::read_to_string(file).unwrap_or_default()).collect();
    let mut held = 0;
    let lines: Vec<&str> = code.lines().collect();
    for row in rows("## What it holds") {
        let (guarantee, tests) = row.trim_matches(['|', ' ']).rsplit_once(" | ").unwrap();
        for test in tests.split(", ").map(|test| test.trim_matches('`')) {
            let function = format!("fn {test}(");
            let at = lines.iter().position(|line| line.contains(&function));
            let at = at.unwrap_or_else(|| panic!("{guarantee}: there is no test `{test}`"));
            let above = lines[..at].iter().rev().take_while(|line| line.trim_start().starts_with(['#', '/']));
            let above: Vec<&str> = above.map(|line| line.trim_start()).collect();
            let has = |attribute| above.iter().any(|line| line.starts_with(attribute));
            assert!(has("#[test]") || has("#[tokio::test"), "{guarantee}: `{test}` is no test");
            assert!(!has("#[ignore"), "{guarantee}: `{test}` is not run");
            held += 1;
        }
    }
    assert!(held >= 20, "{held}");
}

#[test]
fn every_example_of_a_screen_is_named() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut there: Vec<String> = files
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .inspect(|file| {
            let lines = fs::read_to_string(file).unwrap().lines().count();
            assert!(lines < 100, "{}: {lines} lines", file.display());
        })
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let mut named: Vec<String> =
        rows("## To start").iter().map(|row| row.split('`').nth(1).unwrap().to_owned()).collect();
    there.sort();
    named.sort();
    assert_eq!(named, there);
}
