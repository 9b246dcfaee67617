//! Do real papers come back? For every PDF of a folder: whether phrases of its abstract find it among the first three
//! hits, and whether the passages that answer questions stand, word for word, on the page that they name, as
//! `pdftotext` prints that page (white space, hyphens and ligatures folded).
//!
//! `cargo run -p thoth --example quotes -- FOLDER`. Needs `pdftotext` (Debian: `apt-get install poppler-utils`).

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use thoth::database::Database;
use thoth::llm::settings::{LlmDefault, LlmSettings};
use thoth::llm::{Llm, LlmInputs, Network, ProviderKey, client};
use thoth::paper::Paper;
use thoth::rag::index::{Index, SCHEMA};
use thoth::rag::recipe::Recipe;
use thoth::rag::settings::{Qa, RagSettings};
use thoth::rag::{Rag, RagInputs};
use thoth::settings::ApiKeys;
use unicode_normalization::UnicodeNormalization;
use url::Url;

/// Words of a phrase that is searched.
const PHRASE_WORDS: usize = 9;

struct Read {
    file: PathBuf,
    content: String,
    paper: Paper,
}

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).context("usage: quotes FOLDER")?;
    let state = std::env::temp_dir().join(format!("quotes-{}", std::process::id()));
    std::fs::create_dir_all(&state)?;
    let index = Arc::new(Index::new(Arc::new(Database::open(&state.join("index.db"), &[SCHEMA])?)));
    let entries = read_all(Path::new(&folder))?;
    for entry in &entries {
        index.put(&entry.content, &entry.paper)?;
    }
    let rag = built(index)?;
    for entry in &entries {
        report(&rag, entry)?;
    }
    Ok(std::fs::remove_dir_all(&state)?)
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
        Ok(Read { file, content, paper })
    };
    files.into_iter().map(read).collect()
}

/// The service over an index whose recipe is built.
fn built(index: Arc<Index>) -> Result<Rag> {
    let qa = Qa { retrieval_k: 4, model: None, temperature: 0.2, max_tokens: 2_000 };
    let settings = RagSettings { chunk_size: 1_000, chunk_overlap: 200, qa };
    index.build(&Recipe::new(&settings))?;
    Ok(Rag::new(RagInputs::new(&settings, &index)?, index, no_llm()?)?)
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

fn report(rag: &Rag, paper: &Read) -> Result<()> {
    let id: String = paper.content.chars().take(12).collect();
    let metadata = &paper.paper.metadata;
    let title = metadata.title.as_ref().map_or("", |title| title.value.as_str());
    let summary = metadata.summary.as_ref().map_or("", |summary| summary.value.as_str());
    let words: Vec<&str> = summary.split_whitespace().collect();
    let phrases: Vec<String> = words
        .chunks(PHRASE_WORDS)
        .filter(|words| words.len() == PHRASE_WORDS)
        .map(|words| words.join(" "))
        .collect();
    let (mut first, mut among_three, mut quoted) = (0, 0, 0);
    for phrase in &phrases {
        let hits = rag.search(phrase, 3)?;
        first += usize::from(hits.first().is_some_and(|hit| hit.paper == id));
        among_three += usize::from(hits.iter().any(|hit| hit.paper == id));
        quoted += usize::from(rag.passages(phrase, 4)?.iter().any(|passage| passage.paper == id));
    }
    let mut pages: HashMap<u32, String> = HashMap::new();
    let mut seen: HashSet<String> = HashSet::new();
    let mut on_page = 0;
    for question in phrases.iter().map(String::as_str).chain([title]) {
        for passage in rag.passages(question, 4)?.into_iter().filter(|passage| passage.paper == id) {
            if !seen.insert(passage.text.clone()) {
                continue;
            }
            let text = match pages.entry(passage.page) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(folded(&page(&paper.file, passage.page)?)),
            };
            let found = text.contains(&folded(&passage.text));
            on_page += usize::from(found);
            if !found {
                println!("    not on page {}: {}", passage.page, passage.text);
            }
        }
    }
    println!(
        "{:28} {:2} phrases: first {first}, among three {among_three}, quoted {quoted}; {on_page} of {} different \
         passages on their page",
        paper.file.file_name().unwrap_or_default().to_string_lossy(),
        phrases.len(),
        seen.len()
    );
    Ok(())
}

fn page(file: &Path, number: u32) -> Result<String> {
    let number = number.to_string();
    let output =
        Command::new("pdftotext").args(["-f", &number, "-l", &number]).arg(file).arg("-").output()?;
    ensure!(output.status.success(), "pdftotext: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn folded(text: &str) -> String {
    text.nfkc()
        .filter(|character| !character.is_whitespace() && !"-\u{ad}\u{2010}\u{2011}".contains(*character))
        .collect()
}
