//! What Thoth exports, read by programs that we did not write, and a style applied by another processor.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{PAPERS, Place, text};

const EXPORTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/exports");

#[test]
fn other_programs_read_what_is_exported_and_format_it_alike() {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools").join("venv/bin/python3");
    let has_them = Command::new(&python).args(["-c", "import bibtexparser, citeproc"]).output();
    if !has_them.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "skipped: `{}` has no bibtexparser and citeproc-py; `scripts/test-tools.sh` installs them",
            python.display()
        );
        return;
    }
    let place = Place::new();
    for paper in ["okonkwo2024.pdf", "ferreira2022.pdf", "lindqvist2025.pdf"] {
        assert!(place.run(&["ingest", &format!("{PAPERS}/{paper}")]).status.success());
    }
    let style = place.vault().join("mini.csl");
    std::fs::copy(format!("{EXPORTS}/mini.csl"), &style).unwrap();
    let export = |format: &str| {
        let file = place.folder.path().join(format);
        std::fs::write(&file, text(&place.run(&["cite", "--format", format]))).unwrap();
        file
    };
    let (bibtex, items) = (export("bibtex"), export("csl-json"));
    let judged = Command::new(&python)
        .arg(format!("{EXPORTS}/judge.py"))
        .args([&bibtex, &items, &style])
        .output()
        .unwrap();
    assert!(judged.status.success(), "{}", text(&judged));
    let judged: Value = serde_json::from_slice(&judged.stdout).unwrap();

    let truth: Vec<Value> =
        serde_json::from_str(&std::fs::read_to_string(format!("{PAPERS}/truth.json")).unwrap()).unwrap();
    let entries = judged["bibtex"].as_object().unwrap();
    assert_eq!(entries.len(), truth.len(), "{judged}");
    for paper in &truth {
        let title = format!("{{{}}}", paper["title"].as_str().unwrap());
        let entry = entries
            .values()
            .find(|entry| entry["title"] == title.as_str())
            .unwrap_or_else(|| panic!("{title}: {judged}"));
        let authors: Vec<&str> =
            paper["authors"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(entry["author"], authors.join(" and ").as_str());
        assert_eq!(entry["year"], paper["year"].to_string().as_str());
    }
    let theirs: Vec<&str> =
        judged["formatted"].as_array().unwrap().iter().map(|entry| entry.as_str().unwrap()).collect();
    let ours = text(&place.run(&["cite", "--style", "mini.csl"]));
    assert_eq!(ours.lines().collect::<Vec<_>>(), theirs, "the same style gives the same text");
}
