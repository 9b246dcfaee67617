//! Measures how well papers are read: `papers_report FOLDER`, where the folder holds PDFs and a `truth.json` (a list of
//! `{file, title, authors, year, doi, arxiv}`). Paragraphs are looked for in what `pdftotext` prints for their page.

use serde_json::Value;
use std::{path::Path, process::Command, time::Instant};
use thoth::paper::{Paper, SectionKind};
use thoth::quote::fold;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: papers_report FOLDER")?;
    let folder = Path::new(&folder);
    let truth: Vec<Value> = serde_json::from_slice(&std::fs::read(folder.join("truth.json"))?)?;
    println!(
        "{:<20} title authors  F1 year  doi   arxiv  abstract     prose       all pages/s",
        "paper"
    );
    let (mut right, mut shares, mut pages, mut seconds) = ([0; 6], [[0; 2]; 3], 0, 0.0);
    for truth in &truth {
        let file = folder.join(
            truth["file"]
                .as_str()
                .ok_or("a paper of truth.json has no `file`")?,
        );
        let bytes = std::fs::read(&file)?;
        let began = Instant::now();
        let paper = thoth::pdf::read::read(bytes)?;
        let took = began.elapsed().as_secs_f64();
        let (fields, f1) = fields(truth, &paper);
        let [title, authors, year, doi, arxiv, _] = fields;
        let own = found(&file, &paper);
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        print!(
            "{name:<20} {title:<5} {authors:<5} {f1:>6.2} {year:<5} {doi:<5} {arxiv:<5} {:>9?}",
            own[0]
        );
        println!(
            " {:>11?} {:>11?} {:>7.0}",
            own[1],
            own[2],
            f64::from(paper.page_count) / took
        );
        right
            .iter_mut()
            .zip(fields)
            .for_each(|(sum, field)| *sum += usize::from(field));
        shares
            .iter_mut()
            .zip(own)
            .for_each(|(sum, own)| *sum = [sum[0] + own[0], sum[1] + own[1]]);
        pages += paper.page_count;
        seconds += took;
    }
    let [titles, authors, years, dois, arxivs, abstracts] = right;
    let [sentences, prose, all] = shares.map(|share| 100.0 * share[0] as f64 / share[1].max(1) as f64);
    println!(
        "of {}: titles {titles}, authors {authors}, years {years}, DOIs {dois}, arXiv ids {arxivs}, abstracts {abstracts}; \
         found: abstract sentences {sentences:.1} %, prose paragraphs {prose:.1} %, all {all:.1} %; {:.0} pages/s",
        truth.len(),
        f64::from(pages) / seconds
    );
    Ok(())
}

/// How many were found, of how many.
type Share = [usize; 2];

fn text(share: Share) -> String {
    format!("{}/{}", share[0], share[1])
}

fn add(share: &mut Share, found: bool) {
    *share = [share[0] + usize::from(found), share[1] + 1];
}

/// Which of title, authors, year, DOI, arXiv id and abstract are right (of the abstract: found), and F1 of the surnames.
fn fields(truth: &Value, paper: &Paper) -> ([bool; 6], f64) {
    let found = &paper.metadata;
    let title =
        found.title.as_ref().map(|title| letters(&title.value)) == truth["title"].as_str().map(letters);
    let wanted: Vec<&str> = truth["authors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let names: Vec<&str> = found
        .authors
        .iter()
        .flat_map(|names| &names.value)
        .map(String::as_str)
        .collect();
    let authors = names
        .iter()
        .copied()
        .map(letters)
        .eq(wanted.iter().copied().map(letters));
    let surname = |name: &&str| letters(name.rsplit(' ').next().unwrap_or_default());
    let common = names
        .iter()
        .filter(|name| wanted.iter().any(|other| surname(name) == surname(other)))
        .count();
    let year = found.year.as_ref().map(|year| i64::from(year.value)) == truth["year"].as_i64();
    let same = |found: Option<&String>, key: &str| {
        found.map(|id| id.to_lowercase()) == truth[key].as_str().map(str::to_lowercase)
    };
    let doi = same(found.doi.as_ref().map(|doi| &doi.value), "doi");
    let arxiv = same(found.arxiv.as_ref().map(|id| &id.value), "arxiv");
    let f1 = 2.0 * common as f64 / (names.len() + wanted.len()).max(1) as f64;
    ([title, authors, year, doi, arxiv, found.summary.is_some()], f1)
}

/// How many sentences of the abstract, paragraphs of prose and paragraphs stand in the text of their page. With
/// `MISSES` in the environment, prose that does not is printed.
fn found(file: &Path, paper: &Paper) -> [Share; 3] {
    let pages: Vec<String> = (1..=paper.page_count)
        .map(|page| fold(&printed(file, page)))
        .collect();
    let [mut sentences, mut prose, mut all] = [[0; 2]; 3];
    for section in &paper.sections {
        for paragraph in &section.paragraphs {
            let page = pages.get(paragraph.page as usize - 1).map_or("", String::as_str);
            let found = page.contains(&fold(&paragraph.text));
            add(&mut all, found);
            if is_prose(&paragraph.text) {
                add(&mut prose, found);
                if !found && std::env::var_os("MISSES").is_some() {
                    println!("  page {} [{}] {}", paragraph.page, section.title, paragraph.text);
                }
            }
            if section.kind == SectionKind::Abstract {
                paragraph
                    .text
                    .split_inclusive(". ")
                    .for_each(|one| add(&mut sentences, page.contains(&fold(one))));
            }
        }
    }
    [sentences, prose, all]
}

/// Running text: twelve words or more, three quarters of its characters letters or spaces.
fn is_prose(text: &str) -> bool {
    let plain = text.chars().filter(|c| c.is_alphabetic() || *c == ' ').count();
    text.split(' ').count() >= 12 && plain * 4 >= text.chars().count() * 3
}

fn letters(text: &str) -> String {
    fold(text).chars().filter(|c| c.is_alphanumeric()).collect()
}

fn printed(file: &Path, page: u32) -> String {
    let page = page.to_string();
    let output = Command::new("pdftotext")
        .args(["-f", &page, "-l", &page])
        .arg(file)
        .arg("-")
        .output();
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default()
}
