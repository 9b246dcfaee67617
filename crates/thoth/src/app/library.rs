//! The library without a server: for commands on a vault that nobody serves.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{client, open_database, settings_now};
use crate::citations::export::{Format, export};
use crate::citations::{CitationInputs, Citations};
use crate::cli::Place;
use crate::instances::Roles;
use crate::instances::hold::{Hold, Turn};
use crate::llm::{Llm, LlmInputs};
use crate::paper::Reference;
use crate::pdf;
use crate::pdf::monitor::{Limits, Monitor, MonitorInputs, PaperEvent, Parts, Terms};
use crate::pdf::refresh::Refreshed;
use crate::pdf::row::PaperRow;
use crate::rag::ask::Answer;
use crate::rag::index::Index;
use crate::rag::search::Hit;
use crate::rag::{Rag, RagInputs};
use crate::settings::Settings;

/// The library of a vault; it holds every role of its state directory.
pub struct Library {
    rag: Arc<Rag>,
    monitor: Monitor,
    settings: Settings,
    tasks: TaskTracker,
    stop: CancellationToken,
    _hold: Hold,
}

impl Library {
    /// Opens the library with the settings that the vault's file gives now.
    ///
    /// # Errors
    /// That a server has it, that the settings are refused, or what the state directory refuses.
    pub async fn open(place: &Place) -> anyhow::Result<Self> {
        let turn = Turn::take(&place.state_dir)?;
        let hold = turn.hold(&place.state_dir, Roles::ALL)?;
        let settings = settings_now(place)?;
        let database = open_database(&place.state_dir)?;
        drop(turn);
        let index = Arc::new(Index::new(Arc::clone(&database)));
        let llm = Arc::new(Llm::new(LlmInputs::of(&settings), client(place)?));
        let inputs = RagInputs::new(&settings.rag, &index, None)?;
        // Another recipe than the wanted one serves, or none does: then the wanted one is built first.
        if inputs.reads() == inputs.wanted() {
            index.build(inputs.wanted())?;
        }
        let rag = Arc::new(Rag::new(inputs, Arc::clone(&index), llm));
        let citations =
            Citations::new(&CitationInputs::new(&settings.citation)).map_err(anyhow::Error::msg)?;
        let terms = Terms { inputs: MonitorInputs::of(&settings), citations: Arc::new(citations) };
        let parts = Parts {
            vault: place.vault.root().to_owned(),
            database,
            index,
            read: Arc::new(pdf::read::read),
            load: Arc::new(move || terms.clone()),
            limits: Limits::default(),
        };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let monitor = Monitor::start(parts, &tasks, stop.clone()).await.map_err(anyhow::Error::msg)?;
        Ok(Self { rag, monitor, settings, tasks, stop, _hold: hold })
    }

    /// Reads a PDF, from wherever it is.
    ///
    /// # Errors
    /// Why the file cannot be taken.
    pub async fn ingest(&self, file: &Path, progress: impl FnMut(&PaperEvent)) -> anyhow::Result<PaperRow> {
        self.monitor.ingest(file, progress).await.map_err(anyhow::Error::msg)
    }

    /// Finds passages.
    ///
    /// # Errors
    /// What the index refuses.
    pub fn search(&self, query: &str, limit: usize) -> anyhow::Result<Vec<Hit>> {
        Ok(self.rag.search(query, limit)?)
    }

    /// Answers a question.
    ///
    /// # Errors
    /// What the index refuses.
    pub async fn ask(&self, question: &str) -> anyhow::Result<Answer> {
        Ok(self.rag.ask(question).await?)
    }

    /// What became of each PDF.
    ///
    /// # Errors
    /// What the ledger refuses.
    pub fn papers(&self) -> anyhow::Result<Vec<PaperRow>> {
        Ok(self.monitor.ledger().papers(None)?)
    }

    /// Writes our part of these papers' notes anew, or of every note where none is named.
    ///
    /// # Errors
    /// An id that no paper has, and what the ledger refuses.
    pub async fn refresh_notes(&self, ids: Vec<String>) -> anyhow::Result<Vec<Refreshed>> {
        Ok(self.monitor.refresh(ids).await?)
    }

    /// Papers as others take them, in the style of the settings or another one.
    ///
    /// # Errors
    /// What the ledger refuses, and what cannot be exported.
    pub fn cite(&self, ids: &[String], format: Format, style: Option<&str>) -> anyhow::Result<String> {
        let rows = self.monitor.ledger().papers(None)?;
        Ok(export(&rows, ids, format, style, (&self.settings.citation, &self.settings.vault))?)
    }

    /// What a paper cites, in its order.
    ///
    /// # Errors
    /// That there is no such paper, that it was not read, or what the database refuses.
    pub fn references(&self, id: &str) -> anyhow::Result<Vec<Reference>> {
        let row = self.papers()?.into_iter().find(|row| row.id == id);
        let row =
            row.ok_or_else(|| anyhow::anyhow!("there is no paper `{id}`; `thoth papers` lists them"))?;
        let paper = row.content.map(|content| self.rag.paper(&content)).transpose()?.flatten();
        let paper = paper
            .ok_or_else(|| anyhow::anyhow!("the paper `{id}` has not been read: it is {}", row.status))?;
        Ok(paper.references)
    }

    /// Ends the work in hand.
    pub async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
