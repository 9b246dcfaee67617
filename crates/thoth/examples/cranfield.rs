//! How well does the search find? Measured on the Cranfield collection: 1,400 abstracts, 225 questions, and which
//! abstract answers which question.
//!
//! `cargo run -p thoth --example cranfield -- FOLDER`, where FOLDER holds `cran.all.1400`, `cran.qry` and `cranqrel`.
//! Prints nDCG@10 and recall@10 over all questions; a judgement counts as relevant when its grade is positive.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use thoth::database::Database;
use thoth::llm::settings::{LlmDefault, LlmSettings};
use thoth::llm::{Llm, LlmInputs, Network, ProviderKey, client};
use thoth::paper::{Field, Metadata, Paper, Paragraph, Section, Source};
use thoth::rag::index::{Index, SCHEMA};
use thoth::rag::settings::{Qa, RagSettings};
use thoth::rag::{Rag, RagInputs};
use thoth::settings::ApiKeys;
use url::Url;

/// A record of the collection: its fields by letter.
type Record = HashMap<char, String>;

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).context("usage: cranfield FOLDER")?;
    let read = |name: &str| {
        let path = Path::new(&folder).join(name);
        std::fs::read(&path).with_context(|| path.display().to_string())
    };
    let (abstracts, questions) = (records(&read("cran.all.1400")?), records(&read("cran.qry")?));
    let relevant = judgements(&String::from_utf8_lossy(&read("cranqrel")?));

    let state = std::env::temp_dir().join(format!("cranfield-{}", std::process::id()));
    std::fs::create_dir_all(&state)?;
    let index = Arc::new(Index::new(Arc::new(Database::open(&state.join("index.db"), &[SCHEMA])?)));
    let settings = RagSettings {
        chunk_size: 1_000,
        chunk_overlap: 200,
        qa: Qa { retrieval_k: 4, model: None, temperature: 0.2, max_tokens: 2_000, instructions: None },
    };
    let inputs = RagInputs::new(&settings, &index, None)?;
    index.build(inputs.wanted())?;
    let started = Instant::now();
    for record in &abstracts {
        index.put(&format!("{:0>12}", field(record, 'I')), &paper(record))?;
    }
    println!("{} abstracts put in {:.1} s", abstracts.len(), started.elapsed().as_secs_f64());

    let rag = Rag::new(inputs, index, no_llm()?);
    let started = Instant::now();
    let (mut gain, mut recall) = (0.0, 0.0);
    for (number, question) in (1..).zip(&questions) {
        let wanted = relevant.get(&number).cloned().unwrap_or_default();
        let found: Vec<usize> = rag
            .search(field(question, 'W'), 10)?
            .iter()
            .map(|hit| hit.paper.parse())
            .collect::<Result<_, _>>()?;
        gain += normalized_gain(&found, &wanted);
        recall += found.iter().filter(|id| wanted.contains(id)).count() as f64 / wanted.len().max(1) as f64;
    }
    let count = questions.len() as f64;
    println!("{:.2} ms a question", started.elapsed().as_secs_f64() * 1_000.0 / count);
    println!("nDCG@10 {:.3}  recall@10 {:.3}", gain / count, recall / count);
    Ok(std::fs::remove_dir_all(&state)?)
}

/// A search asks no language model.
fn no_llm() -> Result<Arc<Llm>> {
    let base_url = Url::parse("https://openrouter.ai/api/v1")?;
    let key = ProviderKey::choose(&base_url, &ApiKeys::default());
    let default = LlmDefault {
        model: "none".to_owned(),
        temperature: 0.0,
        top_p: 1.0,
        max_output_tokens: 1,
        base_url,
        timeout_ms: 1,
        retries_max: 0,
    };
    let llm = LlmSettings { default };
    Ok(Arc::new(Llm::new(LlmInputs { llm, key }, client(&Network::default())?)))
}

fn normalized_gain(found: &[usize], wanted: &HashSet<usize>) -> f64 {
    let worth = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
    let gain: f64 = (0..).zip(found).filter(|(_, id)| wanted.contains(id)).map(|(rank, _)| worth(rank)).sum();
    let most: f64 = (0..wanted.len().min(10)).map(worth).sum();
    if most > 0.0 { gain / most } else { 0.0 }
}

fn records(bytes: &[u8]) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    let mut open = ' ';
    for line in String::from_utf8_lossy(bytes).lines() {
        let mark = line.strip_prefix('.').and_then(|rest| rest.chars().next());
        if let Some(letter @ ('I' | 'T' | 'A' | 'B' | 'W')) = mark.filter(|_| line.len() < 12) {
            open = letter;
            if letter == 'I' {
                records.push(Record::from([('I', line.get(2..).unwrap_or_default().trim().to_owned())]));
            }
        } else if let Some(record) = records.last_mut() {
            let text = record.entry(open).or_default();
            text.push_str(line);
            text.push(' ');
        }
    }
    records
}

fn field(record: &Record, letter: char) -> &str {
    record.get(&letter).map_or("", |text| text.trim())
}

fn paper(record: &Record) -> Paper {
    let title = Field { value: field(record, 'T').to_owned(), source: Source::DocumentInformation };
    let authors = Field { value: vec![field(record, 'A').to_owned()], source: Source::DocumentInformation };
    let paragraph =
        Paragraph { page: 1, text: field(record, 'W').to_owned(), continues: false, ..Paragraph::default() };
    Paper {
        metadata: Metadata { title: Some(title), authors: Some(authors), ..Metadata::default() },
        sections: vec![Section { level: 1, paragraphs: vec![paragraph], ..Section::default() }],
        references: Vec::new(),
        page_count: 1,
    }
}

/// For each question's number the abstracts that answer it.
fn judgements(text: &str) -> HashMap<usize, HashSet<usize>> {
    let mut relevant: HashMap<usize, HashSet<usize>> = HashMap::new();
    for line in text.lines() {
        let numbers: Vec<i64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        if let [question, id, grade] = numbers[..]
            && let (Ok(question), Ok(id)) = (usize::try_from(question), usize::try_from(id))
            && grade > 0
        {
            relevant.entry(question).or_default().insert(id);
        }
    }
    relevant
}
