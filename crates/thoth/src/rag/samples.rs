//! Papers and a database for tests.

use std::sync::Arc;

use crate::database::Database;
use crate::llm::settings::{LlmDefault, LlmSettings};
use crate::llm::{Llm, LlmInputs, Network, ProviderKey};
use crate::paper::{Field, Metadata, Paper, Paragraph, Section, SectionKind, Source};
use crate::settings::ApiKeys;

use super::builder::Builder;
use super::index::{Index, SCHEMA};
use super::recipe::Recipe;
use super::settings::{Qa, RagSettings};
use super::{Rag, RagInputs};

/// An index in a folder of its own that lives as long as it.
pub(super) struct Sample {
    pub(super) index: Arc<Index>,
    pub(super) folder: tempfile::TempDir,
}

pub(super) fn sample() -> Sample {
    let folder = tempfile::tempdir().expect("a folder");
    let index = open(&folder);
    Sample { index, folder }
}

pub(super) fn open(folder: &tempfile::TempDir) -> Arc<Index> {
    let database = Database::open(&folder.path().join("index.db"), &[SCHEMA]).expect("opens");
    Arc::new(Index::new(Arc::new(database)))
}

pub(super) fn settings(chunk_size: u32, chunk_overlap: u32) -> RagSettings {
    let qa = Qa { retrieval_k: 4, model: None, temperature: 0.2, max_tokens: 2_000, instructions: None };
    RagSettings { chunk_size, chunk_overlap, qa }
}

/// A service over an index that holds these papers.
pub(super) fn rag_over(sample: &Sample, papers: &[Paper]) -> Rag {
    let inputs = RagInputs::new(&settings(1_000, 200), &sample.index, None).expect("reads");
    sample.index.build(inputs.wanted()).expect("builds");
    for (number, paper) in papers.iter().enumerate() {
        sample.index.put(&content(number), paper).expect("puts");
    }
    Rag::new(inputs, Arc::clone(&sample.index), no_llm())
}

/// A language model that nobody has set up.
pub(super) fn no_llm() -> Arc<Llm> {
    let base_url = url::Url::parse("https://openrouter.ai/api/v1").expect("an address");
    let key = ProviderKey::choose(&base_url, &ApiKeys::default());
    let default = LlmDefault {
        model: "nobody/asks".to_owned(),
        temperature: 0.0,
        top_p: 1.0,
        max_output_tokens: 1,
        base_url,
        timeout_ms: 1,
        retries_max: 0,
    };
    let llm = LlmSettings { default };
    let client = crate::llm::client(&Network::default()).expect("a client");
    Arc::new(Llm::new(LlmInputs { llm, key }, client))
}

/// A content hash.
pub(super) fn content(number: usize) -> String {
    blake3::hash(&number.to_le_bytes()).to_hex().to_string()
}

/// A paper with a title, an author and sections of paragraphs; `text` is a list of pages.
pub(super) fn paper(title: &str, author: &str, sections: &[(&str, &[(u32, &str)])]) -> Paper {
    let source = Source::Layout { page: 1 };
    Paper {
        metadata: Metadata {
            title: Some(Field { value: title.to_owned(), source }),
            authors: Some(Field { value: vec![author.to_owned()], source }),
            ..Metadata::default()
        },
        sections: sections.iter().map(|(title, paragraphs)| section(title, paragraphs)).collect(),
        references: Vec::new(),
        page_count: 9,
    }
}

fn section(title: &str, paragraphs: &[(u32, &str)]) -> Section {
    let kind = match title {
        "Abstract" => SectionKind::Abstract,
        "References" => SectionKind::References,
        _ => SectionKind::Body,
    };
    let paragraphs = paragraphs
        .iter()
        .map(|(page, text)| Paragraph {
            page: *page,
            text: (*text).to_owned(),
            continues: false,
            ..Paragraph::default()
        })
        .collect();
    Section { title: title.to_owned(), level: 1, kind, paragraphs }
}

/// Three short papers.
pub(super) fn three() -> Vec<Paper> {
    vec![
        paper(
            "Laminar flow over heated plates",
            "Ada Grünwald",
            &[
                (
                    "Abstract",
                    &[(
                        1,
                        "We measure the boundary layer over a heated flat plate. Transition begins earlier when the plate is hot.",
                    )],
                ),
                (
                    "Results",
                    &[
                        (
                            2,
                            "The skin friction falls by a third. It rises again where the boundary layer separates from the wall.",
                        ),
                        (3, "No hysteresis was observed in any run. The tunnel was cooled between runs."),
                    ],
                ),
                ("References", &[(4, "Schlichting, H. Boundary layer theory. Karlsruhe zeppelin archive.")]),
            ],
        ),
        paper(
            "A survey of software architects",
            "Bo Okafor",
            &[
                (
                    "Abstract",
                    &[(1, "Architects document fewer decisions than they take. We asked forty of them why.")],
                ),
                (
                    "Method",
                    &[(
                        2,
                        "Interviews lasted <one> hour & were transcribed. Each layer of the organisation was covered.",
                    )],
                ),
            ],
        ),
        paper(
            "Enzymes at low temperature",
            "Chen Wei",
            &[
                (
                    "Abstract",
                    &[(
                        1,
                        "Cold adapted enzymes trade stability for activity. Their active sites move more freely.",
                    )],
                ),
                (
                    "Discussion",
                    &[(
                        5,
                        "A heated debate concerns whether flexibility is cause or consequence. Plates were read twice.",
                    )],
                ),
            ],
        ),
    ]
}

/// A recipe of small chunks.
pub(super) fn recipe(chunk_size: u32, chunk_overlap: u32) -> Recipe {
    Recipe::new(&settings(chunk_size, chunk_overlap))
}

/// Waits until a recipe was taken over.
pub(super) async fn taken_over(builder: &Builder, recipe: &Recipe) {
    builder.ready().wait_for(|ready| ready.as_ref() == Some(recipe)).await.expect("the builder lives");
}
