//! Do real papers come back? For every PDF of a folder: whether phrases of its abstract find it among the first three
//! hits, and are quoted. Then sentences of all pages, chosen by chance, are asked: whether every passage of every answer
//! is printed so on the page that it names, as `pdftotext` prints that page (only white space, hyphens and ligatures
//! folded, see [`thoth::quote::is_printed`]).
//!
//! `cargo run -p thoth --example quotes -- FOLDER [QUESTIONS [SEED]]`. Needs `pdftotext` (Debian: `apt-get install
//! poppler-utils`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use thoth::database::Database;
use thoth::llm::settings::{LlmDefault, LlmSettings};
use thoth::llm::{Llm, LlmInputs, Network, ProviderKey, client};
use thoth::paper::Paper;
use thoth::quote::is_printed;
use thoth::rag::index::{Index, SCHEMA};
use thoth::rag::recipe::Recipe;
use thoth::rag::settings::{Qa, RagSettings};
use thoth::rag::{Rag, RagInputs};
use thoth::settings::ApiKeys;
use url::Url;

/// Words of a phrase that is searched.
const PHRASE_WORDS: usize = 9;

/// Words of a sentence that is asked.
const SENTENCE_WORDS: std::ops::Range<usize> = 6..40;

struct Read {
    file: PathBuf,
    content: String,
    paper: Paper,
    /// What `pdftotext` prints for each page.
    pages: Vec<String>,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().context("usage: quotes FOLDER [QUESTIONS [SEED]]")?;
    let questions = arguments.next().map_or(Ok(96), |count| count.parse())?;
    let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;
    let state = std::env::temp_dir().join(format!("quotes-{}", std::process::id()));
    std::fs::create_dir_all(&state)?;
    let index = Arc::new(Index::new(Arc::new(Database::open(&state.join("index.db"), &[SCHEMA])?)));
    let papers = read_all(Path::new(&folder))?;
    for paper in &papers {
        index.put(&paper.content, &paper.paper)?;
    }
    let rag = built(index)?;
    for paper in &papers {
        report(&rag, paper)?;
    }
    let missed = ask(&rag, &papers, questions, seed)?;
    std::fs::remove_dir_all(&state)?;
    if missed > 0 {
        bail!("{missed} passages are not printed so on their page");
    }
    Ok(())
}

fn read_all(folder: &Path) -> Result<Vec<Read>> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "pdf"));
    files.sort();
    let read = |file: PathBuf| -> Result<Read> {
        let bytes = std::fs::read(&file)?;
        let content = blake3::hash(&bytes).to_hex().to_string();
        let paper = thoth::pdf::read::read(bytes).with_context(|| file.display().to_string())?;
        let pages = (1..=paper.page_count).map(|number| page(&file, number)).collect::<Result<_>>()?;
        Ok(Read { file, content, paper, pages })
    };
    files.into_iter().map(read).collect()
}

/// The service over an index whose recipe is built.
fn built(index: Arc<Index>) -> Result<Rag> {
    let qa = Qa { retrieval_k: 4, model: None, temperature: 0.2, max_tokens: 2_000, instructions: None };
    let settings = RagSettings { chunk_size: 1_000, chunk_overlap: 200, qa };
    index.build(&Recipe::new(&settings))?;
    Ok(Rag::new(RagInputs::new(&settings, &index, None)?, index, no_llm()?))
}

/// The passages themselves are looked at.
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

fn id(paper: &Read) -> String {
    paper.content.chars().take(12).collect()
}

fn report(rag: &Rag, paper: &Read) -> Result<()> {
    let id = id(paper);
    let summary = paper.paper.metadata.summary.as_ref().map_or("", |summary| summary.value.as_str());
    let words: Vec<&str> = summary.split_whitespace().collect();
    let phrases: Vec<String> = words
        .chunks(PHRASE_WORDS)
        .filter(|words| words.len() == PHRASE_WORDS)
        .map(|words| words.join(" "))
        .collect();
    let (mut first, mut among_three, mut quoted, mut verbatim) = (0, 0, 0, 0);
    for phrase in &phrases {
        let hits = rag.search(phrase, 3)?;
        first += usize::from(hits.first().is_some_and(|hit| hit.paper == id));
        among_three += usize::from(hits.iter().any(|hit| hit.paper == id));
        let passages = rag.passages(phrase, 4)?;
        quoted += usize::from(passages.iter().any(|passage| passage.paper == id));
        verbatim += usize::from(passages.iter().any(|passage| is_printed(phrase, &passage.text)));
    }
    println!(
        "{:28} {:2} phrases: first {first}, among three {among_three}, quoted {quoted}, word for word {verbatim}",
        paper.file.file_name().unwrap_or_default().to_string_lossy(),
        phrases.len(),
    );
    Ok(())
}

/// Asks sentences of the pages; how many passages of the answers are not printed so on their page.
fn ask(rag: &Rag, papers: &[Read], questions: usize, seed: u64) -> Result<usize> {
    let sentences: Vec<Vec<String>> = papers.iter().map(sentences).collect();
    let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let (mut passages, mut missed) = (0, 0);
    let papers_of: HashMap<String, &Read> = papers.iter().map(|paper| (id(paper), paper)).collect();
    for sentences in sentences.iter().filter(|sentences| !sentences.is_empty()).cycle().take(questions) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let question = usize::try_from(random % sentences.len() as u64)?;
        for passage in rag.passages(&sentences[question], 4)? {
            let page = passage.page.checked_sub(1).and_then(|index| usize::try_from(index).ok());
            let paper = papers_of.get(&passage.paper).context("a passage of a paper that is there")?;
            let printed = page.and_then(|page| paper.pages.get(page)).map_or("", String::as_str);
            passages += 1;
            if !is_printed(&passage.text, printed) {
                missed += 1;
                println!("    not on page {} of {}: {}", passage.page, paper.file.display(), passage.text);
            }
        }
    }
    println!(
        "{questions} sentences asked, seed {seed}: {} of {passages} passages on their page",
        passages - missed
    );
    Ok(missed)
}

/// What looks like a sentence in what is printed.
fn sentences(paper: &Read) -> Vec<String> {
    let page = |page: &String| page.split_whitespace().collect::<Vec<_>>().join(" ");
    let text: Vec<String> = paper.pages.iter().map(page).collect();
    let sentences = text.iter().flat_map(|page| page.split(". ")).map(str::to_owned);
    sentences.filter(|sentence| SENTENCE_WORDS.contains(&sentence.split(' ').count())).collect()
}

fn page(file: &Path, number: u32) -> Result<String> {
    let number = number.to_string();
    let output =
        Command::new("pdftotext").args(["-f", &number, "-l", &number]).arg(file).arg("-").output()?;
    ensure!(output.status.success(), "pdftotext: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
