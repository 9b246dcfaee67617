//! Measures how well references are read: `references_report LABELLED.xml PAPERS`, where the first is a list of entries
//! whose parts are marked up (the format of AnyStyle) and the second a folder of PDFs with a `truth.json`.
//!
//! The labelled entries are split in two by a hash that never changes: the rules were tuned on one half, the other half
//! is what counts. `MISSES=title` prints the tuned half's entries whose title is wrong.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use thoth::citations::references::parse;
use thoth::paper::Reference;
use thoth::quote::fold;

/// What is compared, in the order of the table.
const FIELDS: [&str; 9] = ["authors", "year", "title", "venue", "volume", "issue", "pages", "doi", "url"];

/// Right, found, wanted.
type Counts = [[usize; 3]; FIELDS.len()];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let usage = "usage: references_report LABELLED.xml PAPERS";
    let labelled = std::env::args().nth(1).ok_or(usage)?;
    let papers = std::env::args().nth(2).ok_or(usage)?;
    strings(&std::fs::read_to_string(labelled)?);
    lists(Path::new(&papers))
}

/// The table of the labelled strings.
fn strings(xml: &str) {
    let misses = std::env::var("MISSES").unwrap_or_default();
    let mut halves: [(usize, Counts); 2] = Default::default();
    for sequence in xml.split("<sequence>").skip(1) {
        let parts = parts(sequence);
        let text = text(&parts);
        let held_out = fnv(&text) % 2;
        let found = parse(&text);
        let (wanted, got) = (wanted(&parts), got(&found));
        let half = &mut halves[usize::from(held_out == 1)];
        half.0 += 1;
        for (((counts, field), wanted), got) in half.1.iter_mut().zip(FIELDS).zip(&wanted).zip(&got) {
            let right = wanted.is_some() && wanted == got;
            counts[0] += usize::from(right);
            counts[1] += usize::from(got.is_some());
            counts[2] += usize::from(wanted.is_some());
            if held_out == 0 && field == misses && !right && (wanted.is_some() || got.is_some()) {
                println!("{text}\n    found  {}\n    wanted {}", said(got), said(wanted));
            }
        }
    }
    for (name, (count, counts)) in ["tuned on", "held out"].iter().zip(&halves) {
        println!("{name}: {count} labelled entries\n  field    precision  recall      F1  wanted");
        for (field, [right, found, wanted]) in FIELDS.iter().zip(counts) {
            let share = |of: &usize| *right as f64 / (*of).max(1) as f64;
            let (precision, recall) = (share(found), share(wanted));
            let f1 = 2.0 * precision * recall / (precision + recall).max(f64::MIN_POSITIVE);
            println!("  {field:<8} {precision:>9.3} {recall:>7.3} {f1:>7.3} {wanted:>7}");
        }
    }
}

fn said(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("-")
}

/// Name and content of each part of an entry.
fn parts(sequence: &str) -> Vec<(&str, String)> {
    let mut parts = Vec::new();
    for piece in sequence.split('<').skip(1) {
        if let Some((name, content)) = piece.split_once('>')
            && !name.starts_with('/')
        {
            let text = content.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            parts.push((name, text.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
    }
    parts
}

/// The entry as it was printed, without its label.
fn text(parts: &[(&str, String)]) -> String {
    let texts = parts.iter().filter(|(name, _)| *name != "citation-number").map(|(_, text)| text.as_str());
    texts.collect::<Vec<_>>().join(" ")
}

fn wanted(parts: &[(&str, String)]) -> [Option<String>; FIELDS.len()] {
    let part = |wanted: &str| {
        let all: Vec<&str> =
            parts.iter().filter(|(name, _)| *name == wanted).map(|(_, text)| text.as_str()).collect();
        (!all.is_empty()).then(|| all.join(" "))
    };
    let names = part("author")
        .or_else(|| part("editor").filter(|_| parts.first().is_some_and(|(name, _)| *name == "editor")));
    let year = part("date").and_then(|date| digits(&date).into_iter().find(|run| run.len() == 4));
    let venue = part("journal").or_else(|| part("container-title")).or_else(|| part("publisher"));
    let venue = venue.map(|venue| {
        let bare = venue.trim_start_matches(['“', '"']).trim_start();
        let cut = ["In: ", "in: ", "In ", "in "].iter().find_map(|word| bare.strip_prefix(word));
        letters(cut.unwrap_or(bare))
    });
    let volume = part("volume").map(|volume| digits(&volume)).unwrap_or_default();
    let pages = part("pages").map(|pages| digits(&pages).join("-"));
    [
        names.map(|names| words(&names)),
        year,
        part("title").map(|title| letters(&title)),
        venue,
        volume.first().cloned(),
        volume.get(1).cloned(),
        pages.filter(|pages| !pages.is_empty()),
        part("doi").map(|doi| letters(doi.find("10.").and_then(|at| doi.get(at..)).unwrap_or(&doi))),
        part("url").map(|url| letters(url.find("http").and_then(|at| url.get(at..)).unwrap_or(&url))),
    ]
    .map(|value| value.filter(|value| !value.is_empty()))
}

fn got(found: &Reference) -> [Option<String>; FIELDS.len()] {
    let names: Vec<String> =
        found.authors.iter().map(|person| format!("{} {}", person.family, person.given)).collect();
    let first = |text: &String| digits(text).into_iter().next();
    [
        (!names.is_empty()).then(|| words(&names.join(" "))),
        found.year.map(|year| year.to_string()),
        found.title.as_deref().map(letters),
        found.venue.as_deref().map(letters),
        found.volume.as_ref().and_then(first),
        found.issue.as_ref().and_then(first),
        found.pages.as_ref().map(|pages| digits(pages).join("-")),
        found.doi.as_deref().map(letters),
        found.url.as_deref().map(letters),
    ]
    .map(|value| value.filter(|value| !value.is_empty()))
}

fn letters(text: &str) -> String {
    fold(text).chars().filter(|c| c.is_alphanumeric()).collect()
}

fn digits(text: &str) -> Vec<String> {
    let runs = text.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty());
    runs.map(str::to_owned).collect()
}

/// The words of names in alphabetical order, without what joins them and says what they did.
fn words(names: &str) -> String {
    let names = names.replace("- ", "");
    let parted = names.split(|c: char| !c.is_alphanumeric() && !"'’-‐–´¨ˇ".contains(c));
    let folded = parted.map(letters).filter(|word| {
        !matches!(
            word.as_str(),
            "" | "and"
                | "und"
                | "et"
                | "al"
                | "others"
                | "y"
                | "e"
                | "ed"
                | "eds"
                | "with"
                | "dir"
                | "editors"
        )
    });
    let mut words: Vec<String> = folded.collect();
    words.sort();
    words.join(" ")
}

/// FNV-1a: the split must be the same in every run and every build.
fn fnv(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step) >> 7
}

/// The table of the papers.
fn lists(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let truth: Vec<Value> = serde_json::from_slice(&std::fs::read(folder.join("truth.json"))?)?;
    println!("paper                 wanted  found  missing labels  with authors  year  title  venue");
    for paper in &truth {
        let file = paper["file"].as_str().ok_or("a paper of truth.json has no `file`")?;
        let found = thoth::pdf::read::read(std::fs::read(folder.join(file))?)?.references;
        if std::env::var_os("LISTS").is_some() {
            found
                .iter()
                .for_each(|entry| println!("    {}", serde_json::to_string(entry).unwrap_or_default()));
        }
        row(file, paper["references"].as_u64(), &found);
    }
    Ok(())
}

fn row(file: &str, wanted: Option<u64>, found: &[Reference]) {
    let labels: BTreeMap<u64, ()> =
        found.iter().filter_map(|entry| Some((entry.label.as_ref()?.parse().ok()?, ()))).collect();
    let last = labels.keys().last().copied().unwrap_or_default();
    let missing: Vec<String> =
        (1..=last).filter(|label| !labels.contains_key(label)).map(|label| label.to_string()).collect();
    let count = |has: fn(&Reference) -> bool| found.iter().filter(|entry| has(entry)).count();
    let wanted = wanted.map_or("?".to_owned(), |wanted| wanted.to_string());
    print!("{file:<21} {wanted:>6} {:>6} {:>15}", found.len(), missing.join(" "));
    print!(" {:>13} {:>5}", count(|entry| !entry.authors.is_empty()), count(|entry| entry.year.is_some()));
    println!(" {:>6} {:>6}", count(|entry| entry.title.is_some()), count(|entry| entry.venue.is_some()));
}
