//! Retrieval: papers in, hits, passages and answers out.
//!
//! ```text
//! Paper ─► chunk (by recipe) ─► index (SQLite FTS5) ─► rank ─┬─► search ─► hits
//!                                 ▲                          └─► passages ─► ask ─► an answer with its sources
//!                               builder: the next recipe, in the background
//! ```
//!
//! A generation holds a [`Rag`]; the [`index::Index`] and the [`builder::Builder`] are the process's. A changed
//! `rag.chunkSize` or `rag.chunkOverlap` makes another [`recipe::Recipe`] wanted: the next generation still reads the
//! one that serves, the builder builds the wanted one beside it, and when that is ready another changeover reads it.

pub mod answer;
pub mod ask;
pub mod builder;
pub mod chunk;
pub mod index;
pub mod passages;
pub mod prompt;
pub mod recipe;
pub mod recipes;
pub mod search;
pub mod settings;

mod evidence;
mod leases;
mod query;
mod rank;
mod reply;
#[cfg(test)]
mod samples;
mod sentences;
mod snippet;
mod stem;
mod tokens;
mod words;

use std::sync::Arc;

use changeover::Identity;
use serde::{Serialize, Serializer};

use index::Index;
use leases::Lease;
use recipe::Recipe;
use settings::{Qa, RagSettings};

use crate::llm::Llm;
use crate::paper::Paper;
use crate::settings::Rebuild;

/// What the service `rag` is made from. Serialised under the keys that it comes from, so that a verdict names those.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RagInputs {
    /// The recipe that is searched. It stays as long as these inputs live.
    #[serde(rename = "index", serialize_with = "by_id")]
    reads: Arc<Lease>,
    /// The recipe that the settings ask for; another one than `reads` until it is built.
    #[serde(rename = "rag", serialize_with = "by_settings")]
    wanted: Recipe,
    /// How questions are answered.
    #[serde(rename = "rag.qa")]
    pub qa: Qa,
    /// The instructions for written answers that the user's file gives.
    #[serde(rename = "the file answer.md of paths.prompts")]
    instructions: Option<String>,
}

fn by_id<S: Serializer>(lease: &Arc<Lease>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(lease.recipe().id())
}

fn by_settings<S: Serializer>(recipe: &Recipe, serializer: S) -> Result<S::Ok, S::Error> {
    let sizes = [("chunkSize", recipe.chunk_size()), ("chunkOverlap", recipe.chunk_overlap())];
    serializer.collect_map(sizes)
}

impl RagInputs {
    /// The inputs of these settings if `live` reads the recipe that they ask for: then nothing has to be looked up.
    pub fn like(live: &Rag, settings: &RagSettings) -> Option<Self> {
        let wanted = Recipe::new(settings);
        let reads = &live.inputs.reads;
        (wanted == *reads.recipe()).then(|| Self::made(Arc::clone(reads), wanted, settings))
    }

    /// What the settings ask for, on what the index has ready for it. Blocking; for as long as one document is written, unless
    /// that is what `live` reads.
    ///
    /// # Errors
    /// [`RagError`].
    pub fn new(settings: &RagSettings, index: &Index, live: Option<&Rag>) -> Result<Self, RagError> {
        let wanted = Recipe::new(settings);
        let reads = index.lease_readable(&wanted, live.map(|live| &live.inputs.reads))?;
        Ok(Self::made(reads, wanted, settings))
    }

    fn made(reads: Arc<Lease>, wanted: Recipe, settings: &RagSettings) -> Self {
        let qa = settings.qa.clone();
        Self { reads, wanted, instructions: qa.instructions.clone(), qa }
    }

    /// The recipe that is searched.
    pub fn reads(&self) -> &Recipe {
        self.reads.recipe()
    }

    /// The recipe that the settings ask for.
    pub fn wanted(&self) -> &Recipe {
        &self.wanted
    }
}

/// Why the index cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RagError {
    /// Whatever was to be read was being dropped.
    #[error("the index that is to be read is being replaced all the time; read the settings again")]
    Replaced,
    /// Who reads the index cannot be written down.
    #[error("the index cannot be held: {0}")]
    Readers(#[from] std::io::Error),
    /// The database refused.
    #[error("the index cannot be read: {0}")]
    Database(#[from] rusqlite::Error),
}

/// The service `rag` of a generation.
#[derive(Debug)]
pub struct Rag {
    inputs: RagInputs,
    index: Arc<Index>,
    llm: Arc<Llm>,
    asks: Identity,
}

impl Rag {
    /// The service over the process's index. As long as it lives, the recipe that it reads stays.
    pub fn new(inputs: RagInputs, index: Arc<Index>, llm: Arc<Llm>) -> Self {
        Self { inputs, index, llm, asks: Identity::fresh() }
    }

    /// The same. If it asks its model as this one does, what that has shown of the model holds for both.
    #[must_use]
    pub fn after(self, live: Option<&Self>) -> Self {
        let options = |rag: &Self| answer::QaOptions::from(&rag.inputs.qa);
        let alike = |live: &&Self| Arc::ptr_eq(&live.llm, &self.llm) && options(live) == options(&self);
        match live.filter(alike) {
            Some(live) => Self { asks: live.asks, ..self },
            None => self,
        }
    }

    /// Another one whenever a model would be asked otherwise: by another key, model, or instructions.
    pub fn asks(&self) -> Identity {
        self.asks
    }

    /// Whether the index has another recipe ready for these settings by now than the one that is searched. Only reads. Blocking.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn is_behind(&self, settings: &RagSettings) -> rusqlite::Result<bool> {
        let wanted = Recipe::new(settings);
        Ok(*self.reads() != wanted && *self.reads() != self.index.readable_recipe(&wanted)?)
    }

    /// The recipe that is searched.
    pub fn reads(&self) -> &Recipe {
        self.inputs.reads()
    }

    /// What it runs, for people.
    pub fn in_words(&self) -> String {
        let recipe = self.reads();
        format!("chunks of {} tokens, {} of them shared", recipe.chunk_size(), recipe.chunk_overlap())
    }

    /// The recipe that the settings ask for.
    pub fn wanted(&self) -> &Recipe {
        self.inputs.wanted()
    }

    /// What would have to be built for another recipe. Only reads. Blocking.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn rebuild(&self, wanted: &Recipe) -> rusqlite::Result<Rebuild> {
        self.index.rebuild(self.reads(), wanted)
    }

    /// The document of a content (the hash of the PDF's bytes, in hexadecimal). Blocking.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn paper(&self, content: &str) -> rusqlite::Result<Option<Paper>> {
        self.index.paper(content)
    }

    /// Answers a question: written by the language model where one is configured, else by the passages themselves.
    /// A model that gives no answer is told in the note, and the passages stand in for it.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub async fn ask(self: &Arc<Self>, question: &str) -> rusqlite::Result<ask::Answer> {
        let (rag, asked) = (Arc::clone(self), question.to_owned());
        let found =
            tokio::task::spawn_blocking(move || rag.passages(&asked, rag.inputs.qa.retrieval_k as usize));
        let passages =
            found.await.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))??;
        if passages.is_empty() || !self.llm.configured() {
            return Ok(ask::from_passages(&passages, None));
        }
        match answer::write(&self.llm, question, &passages, &(&self.inputs.qa).into()).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                let note = format!("no model wrote this answer, these are the passages: {error}");
                // What is wrong with this one question says nothing of the settings.
                let model = match error.may_be_the_settings() {
                    true => ask::Model::Failed(error.to_string()),
                    false => ask::Model::NotAsked,
                };
                Ok(ask::Answer { model, ..ask::from_passages(&passages, Some(note)) })
            }
        }
    }
}
