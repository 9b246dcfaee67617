//! Measures how well papers are read: `papers_report FOLDER`, where the folder holds PDFs and a `truth.json` (a list of
//! `{file, title, authors, year, doi, arxiv}`). Paragraphs are looked for in what `pdftotext` prints for their page.

use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use thoth::paper::{Paper, SectionKind};
use thoth::quote::fold;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: papers_report FOLDER")?;
    let folder = Path::new(&folder);
    let truth: Vec<Value> = serde_json::from_slice(&std::fs::read(folder.join("truth.json"))?)?;
    println!(
        "{:<22} title authors    F1 year  doi arxiv  abstract  prose found   all found  pages/s",
        "paper"
    );
    let mut totals = Totals::default();
    for paper in &truth {
        let file = folder.join(
            paper["file"]
                .as_str()
                .ok_or("a paper of truth.json has no `file`")?,
        );
        let bytes = std::fs::read(&file)?;
        let began = Instant::now();
        let read = thoth::pdf::read::read(bytes)?;
        let seconds = began.elapsed().as_secs_f64();
        totals.add(&file, paper, &read, seconds);
    }
    println!(
        "titles {} authors {} years {} dois {} arxiv {} abstracts {} of {}; prose paragraphs {:.2} %, all {:.2} %, \
         abstract sentences {:.2} %, {:.0} pages/s",
        totals.titles,
        totals.authors,
        totals.years,
        totals.dois,
        totals.arxiv,
        totals.abstracts,
        truth.len(),
        totals.prose.percent(),
        totals.all.percent(),
        totals.sentences.percent(),
        f64::from(totals.pages) / totals.seconds
    );
    Ok(())
}

#[derive(Default)]
struct Share {
    found: usize,
    of: usize,
}

impl Share {
    fn add(&mut self, found: bool) {
        self.found += usize::from(found);
        self.of += 1;
    }

    fn percent(&self) -> f64 {
        100.0 * self.found as f64 / self.of.max(1) as f64
    }
}

#[derive(Default)]
struct Totals {
    titles: usize,
    authors: usize,
    years: usize,
    dois: usize,
    arxiv: usize,
    abstracts: usize,
    prose: Share,
    all: Share,
    sentences: Share,
    pages: u32,
    seconds: f64,
}

impl Totals {
    fn add(&mut self, file: &Path, truth: &Value, paper: &Paper, seconds: f64) {
        let found = &paper.metadata;
        let title = found.title.as_ref().map(|title| words(&title.value));
        let title = title == truth["title"].as_str().map(words);
        let wanted: Vec<String> = truth["authors"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(words)
            .collect();
        let names = found
            .authors
            .as_ref()
            .map(|names| names.value.clone())
            .unwrap_or_default();
        let names: Vec<String> = names.iter().map(|name| words(name)).collect();
        let year = found.year.as_ref().map(|year| i64::from(year.value)) == truth["year"].as_i64();
        let same = |found: Option<&str>, key: &str| {
            found.map(str::to_lowercase) == truth[key].as_str().map(str::to_lowercase)
        };
        let doi = same(found.doi.as_ref().map(|doi| doi.value.as_str()), "doi");
        let arxiv = same(found.arxiv.as_ref().map(|id| id.value.as_str()), "arxiv");
        let pages: Vec<String> = (1..=paper.page_count)
            .map(|page| fold(&printed(file, page)))
            .collect();
        let (mut prose, mut all, mut sentences) = (Share::default(), Share::default(), Share::default());
        for section in &paper.sections {
            for paragraph in &section.paragraphs {
                let page = pages.get(paragraph.page as usize - 1).map_or("", String::as_str);
                let is_found = page.contains(&fold(&paragraph.text));
                all.add(is_found);
                if is_prose(&paragraph.text) {
                    prose.add(is_found);
                    if !is_found && std::env::var_os("MISSES").is_some() {
                        println!("  p{} [{}] {}", paragraph.page, section.title, paragraph.text);
                    }
                }
                if section.kind == SectionKind::Abstract {
                    paragraph
                        .text
                        .split_inclusive(". ")
                        .for_each(|one| sentences.add(page.contains(&fold(one))));
                }
            }
        }
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        println!(
            "{name:<22} {title:<5} {:<5} {:>8.2} {year:<5} {doi:<5} {arxiv:<5} {:>3}/{:<3} {:>5}/{:<5} {:>5}/{:<5} {:>7.0}",
            names == wanted,
            f1(&surnames(&names), &surnames(&wanted)),
            sentences.found,
            sentences.of,
            prose.found,
            prose.of,
            all.found,
            all.of,
            f64::from(paper.page_count) / seconds
        );
        self.titles += usize::from(title);
        self.authors += usize::from(names == wanted);
        self.years += usize::from(year);
        self.dois += usize::from(doi);
        self.arxiv += usize::from(arxiv);
        self.abstracts += usize::from(found.summary.is_some());
        for (total, own) in [
            (&mut self.prose, prose),
            (&mut self.all, all),
            (&mut self.sentences, sentences),
        ] {
            total.found += own.found;
            total.of += own.of;
        }
        self.pages += paper.page_count;
        self.seconds += seconds;
    }
}

/// Running text: twelve words or more, three quarters of its characters letters or spaces.
fn is_prose(text: &str) -> bool {
    let plain = text.chars().filter(|c| c.is_alphabetic() || *c == ' ').count();
    text.split(' ').count() >= 12 && plain * 4 >= text.chars().count() * 3
}

fn words(text: &str) -> String {
    fold(text)
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect::<String>()
}

/// Folded names have no spaces left, so the last six letters stand for the surname.
fn surnames(names: &[String]) -> Vec<String> {
    names
        .iter()
        .map(|name| name.chars().rev().take(6).collect())
        .collect()
}

fn f1(found: &[String], wanted: &[String]) -> f64 {
    let common = found.iter().filter(|name| wanted.contains(name)).count();
    2.0 * common as f64 / (found.len() + wanted.len()).max(1) as f64
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
