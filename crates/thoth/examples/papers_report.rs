//! Measures how well papers are read: `papers_report FOLDER`, where the folder holds PDFs and a `truth.json` (a list of
//! `{file, title, authors, year, doi, arxiv}`). Paragraphs are looked for in what `pdftotext` prints for their page.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::{process::Command, time::Instant};
use thoth::paper::{Paper, SectionKind};
use thoth::quote::fold;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: papers_report FOLDER")?);
    let truth: Vec<Value> = serde_json::from_slice(&std::fs::read(folder.join("truth.json"))?)?;
    println!(
        "                     right: title authors year doi arxiv abstract      F1  found %: abstract prose all  pages/s"
    );
    let (mut right, mut sum_f1, mut shares, mut pages, mut seconds) =
        ([0; 6], 0.0, [const { Vec::new() }; 3], 0, 0.0);
    for truth in &truth {
        let file = folder.join(truth["file"].as_str().ok_or("a paper of truth.json has no `file`")?);
        let bytes = std::fs::read(&file)?;
        let began = Instant::now();
        let paper = thoth::pdf::read::read(bytes)?;
        let took = began.elapsed().as_secs_f64();
        let (fields, f1) = fields(truth, &paper);
        let own = found(&file, &paper);
        row(
            &file.file_stem().unwrap_or_default().to_string_lossy(),
            fields,
            f1,
            &own,
            f64::from(paper.page_count) / took,
        );
        right.iter_mut().zip(fields).for_each(|(sum, field)| *sum += field);
        shares.iter_mut().zip(own).for_each(|(sum, own)| sum.extend(own));
        (pages, seconds, sum_f1) = (pages + paper.page_count, seconds + took, sum_f1 + f1);
    }
    let name = format!("all {}", truth.len());
    row(&name, right, sum_f1 / truth.len() as f64, &shares, f64::from(pages) / seconds);
    Ok(())
}

fn row(name: &str, right: [usize; 6], f1: f64, shares: &[Vec<bool>; 3], speed: f64) {
    let [title, authors, year, doi, arxiv, summary] = right;
    let percent =
        |all: &Vec<bool>| 100.0 * all.iter().filter(|one| **one).count() as f64 / all.len().max(1) as f64;
    let [sentences, prose, all] = shares.each_ref().map(percent);
    print!("{name:<20} {title:>12} {authors:>7} {year:>4} {doi:>3} {arxiv:>5} {summary:>8} {f1:>7.2}");
    println!(" {sentences:>17.1} {prose:>5.1} {all:>5.1} {speed:>6.0}");
}

/// Which of title, authors, year, DOI, arXiv id and abstract are right (of the abstract: found), and F1 of the surnames.
fn fields(truth: &Value, paper: &Paper) -> ([usize; 6], f64) {
    let found = &paper.metadata;
    let title =
        found.title.as_ref().map(|title| letters(&title.value)) == truth["title"].as_str().map(letters);
    let wanted: Vec<&str> =
        truth["authors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let names: Vec<&str> = found.authors.iter().flat_map(|names| &names.value).map(String::as_str).collect();
    let authors = names.iter().copied().map(letters).eq(wanted.iter().copied().map(letters));
    let surname = |name: &&str| letters(name.rsplit(' ').next().unwrap_or_default());
    let common =
        names.iter().filter(|name| wanted.iter().any(|other| surname(name) == surname(other))).count();
    let year = found.year.as_ref().map(|year| i64::from(year.value)) == truth["year"].as_i64();
    let lower = |key: &str| truth[key].as_str().map(str::to_lowercase);
    let same = |found: Option<&String>, key: &str| found.map(|id| id.to_lowercase()) == lower(key);
    let doi = same(found.doi.as_ref().map(|doi| &doi.value), "doi");
    let arxiv = same(found.arxiv.as_ref().map(|id| &id.value), "arxiv");
    let f1 = 2.0 * common as f64 / (names.len() + wanted.len()).max(1) as f64;
    let right = [title, authors, year, doi, arxiv, found.summary.is_some()];
    (right.map(usize::from), f1)
}

/// Which abstract sentences, prose paragraphs and paragraphs their page has; `MISSES` in the environment prints prose.
fn found(file: &Path, paper: &Paper) -> [Vec<bool>; 3] {
    let pages = (1..=paper.page_count).map(|page| fold(&printed(file, page)));
    let pages: Vec<String> = pages.collect();
    let [mut sentences, mut prose, mut all] = [const { Vec::new() }; 3];
    for section in &paper.sections {
        for paragraph in &section.paragraphs {
            let page = pages.get(paragraph.page as usize - 1).map_or("", String::as_str);
            let found = page.contains(&fold(&paragraph.text));
            all.push(found);
            if is_prose(&paragraph.text) {
                prose.push(found);
                if !found && std::env::var_os("MISSES").is_some() {
                    println!("  page {} [{}] {}", paragraph.page, section.title, paragraph.text);
                }
            }
            if section.kind == SectionKind::Abstract {
                for sentence in paragraph.text.split_inclusive(". ") {
                    sentences.push(page.contains(&fold(sentence)));
                }
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
    let mut command = Command::new("pdftotext");
    let output = command.args(["-f", &page, "-l", &page]).arg(file).arg("-").output();
    output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
}
