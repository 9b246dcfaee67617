//! The handle to the intake of PDFs: follow a folder, take a PDF from elsewhere, say where everything stands.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::adopt::{self, Adopted};
use super::folder::{self, Scope};
use super::intake;
use super::ledger::Ledger;
use super::lookout::{Follow, keep_looking};
use super::read::Unreadable;
use super::refresh::{self, RefreshError, Refreshed};
use super::row::PaperRow;
use super::settle::Patience;
use super::shared::{Shared, blocking, lock};
use super::status::Status;
use crate::citations::Citations;
use crate::database::Database;
use crate::notes::template::NoteTemplate;
use crate::paper::{Metadata, Paper};
use crate::rag::index::Index;
use crate::settings::Settings;

/// What the monitor takes out of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MonitorInputs {
    /// Where the user drops PDFs.
    pub pdf: PathBuf,
    /// Where notes are written.
    pub notes: PathBuf,
    /// Whether folders in the PDF folder are watched too.
    pub recursive: bool,
    /// Bytes of a PDF that is read.
    pub document_max_bytes: u64,
    /// The user's template of notes.
    #[serde(skip)]
    pub template: Option<Arc<NoteTemplate>>,
}

impl MonitorInputs {
    /// The inputs of these settings.
    pub fn of(settings: &Settings) -> Self {
        Self {
            pdf: settings.paths.pdf.clone(),
            notes: settings.paths.notes.clone(),
            recursive: settings.servers.monitor.recursive,
            document_max_bytes: settings.performance.memory.max_document_size_mb.saturating_mul(1 << 20),
            template: settings.note_template.clone(),
        }
    }

    /// What becomes different by them, as a verdict says it; `None` where nothing does. `before` is what is followed now.
    pub fn change_in_words(&self, before: Option<&Self>) -> Option<String> {
        let folder = (!self.has_folder_of(before)).then(|| folder::watches(&self.pdf));
        let size = before.filter(|before| before.document_max_bytes != self.document_max_bytes);
        let size = size.map(|_| self.size_in_words());
        let notes = before.filter(|before| before.notes != self.notes);
        let notes = notes.map(|_| format!("writes notes to `{}`", self.notes.display()));
        let template = before.filter(|before| before.template != self.template);
        let template = template.map(|_| match &self.template {
            Some(template) => format!("writes notes by {}", template.in_words()),
            None => "writes notes as it is built in".to_owned(),
        });
        let changes: Vec<String> = [folder, size, notes, template].into_iter().flatten().collect();
        (!changes.is_empty()).then(|| changes.join(", "))
    }

    /// Whether the folder is the one that is followed now, in the same depth.
    fn has_folder_of(&self, before: Option<&Self>) -> bool {
        before.is_some_and(|before| before.pdf == self.pdf && before.recursive == self.recursive)
    }

    /// Whether the intake has to be told: of another folder, or another size.
    pub fn concern_the_intake(&self, before: Option<&Self>) -> bool {
        let same_size = before.is_some_and(|before| before.document_max_bytes == self.document_max_bytes);
        !(self.has_folder_of(before) && same_size)
    }

    fn size_in_words(&self) -> String {
        format!("reads PDFs of up to {} MB", self.document_max_bytes >> 20)
    }

    /// What they mean, for people: all of it, since the words tell since when it is so.
    pub fn in_words(&self) -> String {
        let by = self.template.as_ref().map(|template| format!(" by {}", template.in_words()));
        let (pdf, notes) = (self.pdf.display(), self.notes.display());
        let depth = if self.recursive { " and the folders in it" } else { "" };
        let (size, by) = (self.size_in_words(), by.unwrap_or_default());
        format!("watches `{pdf}`{depth}, {size}, writes notes to `{notes}`{by}")
    }
}

/// What one piece of work is done by: taken from one generation, once.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Folders.
    pub inputs: MonitorInputs,
    /// How notes show works.
    pub citations: Arc<Citations>,
}

/// Bounds of the intake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long reading one PDF may take.
    pub read_deadline: Duration,
    /// PDFs that are read at the same time.
    pub workers: usize,
    /// How long until the folder is looked at although nothing told of a change.
    pub rescan: Duration,
    /// How long a file is waited for that is still being written.
    pub patience: Patience,
    /// For how long a file must be absent before it counts as gone: programs replace files by deleting them first.
    pub absent: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            read_deadline: Duration::from_secs(120),
            workers: std::thread::available_parallelism().map_or(1, NonZero::get).div_ceil(2).min(4),
            rescan: Duration::from_secs(2),
            patience: Patience::default(),
            absent: Duration::from_secs(2),
        }
    }
}

/// From the bytes of a PDF to a paper.
pub type Reader = dyn Fn(Vec<u8>) -> Result<Paper, Unreadable> + Send + Sync;

/// What a monitor is made of.
pub struct Parts {
    /// The vault, absolute.
    pub vault: PathBuf,
    /// The state, with the tables of [`super::ledger::SCHEMA`] and of the index.
    pub database: Arc<Database>,
    /// Where papers are stored to be found.
    pub index: Arc<Index>,
    /// How a PDF is read ([`super::read::read`]).
    pub read: Arc<Reader>,
    /// The terms of the live generation: called once for each piece of work, when it begins.
    pub load: Arc<dyn Fn() -> Terms + Send + Sync>,
    /// Bounds.
    pub limits: Limits,
}

/// A PDF came one step further.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PaperEvent {
    /// The paper's id, as far as it is known.
    pub id: String,
    /// The PDF: relative to the vault, absolute outside it.
    pub file: String,
    /// Where it stands now.
    pub status: Status,
    /// Its title.
    pub title: Option<String>,
    /// Why it failed or was skipped, or what the user should know.
    pub reason: Option<String>,
}

impl From<&PaperRow> for PaperEvent {
    fn from(row: &PaperRow) -> Self {
        Self {
            id: row.id.clone(),
            file: row.file.clone(),
            status: row.status,
            title: row.title.clone(),
            reason: row.reason.clone(),
        }
    }
}

/// Where the intake stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MonitorStatus {
    /// The folder that is followed.
    pub folder: Option<PathBuf>,
    /// Whether it is watched, and could be read at the last look.
    pub watching: bool,
    /// `events+poll`, `poll` or `off`.
    pub mode: &'static str,
    /// Files that wait.
    pub queued: u64,
    /// Files that are being read.
    pub reading: u64,
    /// Files that were read.
    pub indexed: u64,
    /// Copies.
    pub skipped: u64,
    /// Files that could not be read.
    pub failed: u64,
    /// What last went wrong with the folder or the ledger, until it goes well again.
    pub last_error: Option<String>,
}

/// The handle to the intake of PDFs. Cheap to clone.
#[derive(Clone)]
pub struct Monitor {
    shared: Arc<Shared>,
    taker: Taker,
    stop: CancellationToken,
}

/// Who takes the PDFs.
#[derive(Clone)]
enum Taker {
    /// This process: its lookout is told which folder to follow.
    Here(mpsc::Sender<Follow>),
    /// Another process on the same state; whether one does now.
    Elsewhere(Arc<dyn Fn() -> bool + Send + Sync>),
}

impl Monitor {
    /// Starts the workers, which go on with what an earlier process left, and the lookout, which follows nothing
    /// until [`Monitor::follow`]. They end when `stop` is cancelled; what they have in hand is then taken up again
    /// at the next start.
    ///
    /// # Errors
    /// What the ledger refuses.
    pub async fn start(parts: Parts, tasks: &TaskTracker, stop: CancellationToken) -> Result<Self, String> {
        let shared = Arc::new(Shared::new(parts));
        let resumed = blocking(&shared, |shared| shared.ledger.resume())
            .await?
            .map_err(|error| format!("the ledger: {error}"))?;
        if resumed > 0 {
            tracing::info!(resumed, "PDFMonitor: goes on with papers that an earlier process left");
        }
        let again = blocking(&shared, |shared| shared.ledger.queue_again(&shared.index.outdated()?));
        let again = again.await?.map_err(|error| format!("the ledger: {error}"))?;
        if again > 0 {
            tracing::info!(again, "PDFMonitor: reads papers once more that an earlier version of Thoth read");
        }
        let (follow, wishes) = mpsc::channel(16);
        for _ in 0..shared.limits.workers.max(1) {
            tasks.spawn(intake::work(Arc::clone(&shared), stop.clone()));
        }
        tasks.spawn(keep_looking(Arc::clone(&shared), wishes, stop.clone()));
        Ok(Self { shared, taker: Taker::Here(follow), stop })
    }

    /// The handle in a process beside the one that takes the PDFs: a PDF that is handed in is put into the folder and
    /// the queue. Events come by [`Monitor::tell_news`]. `is_taken` says whether somebody takes PDFs now.
    pub fn beside(
        parts: Parts,
        is_taken: Arc<dyn Fn() -> bool + Send + Sync>,
        stop: CancellationToken,
    ) -> Self {
        let shared = Arc::new(Shared::new(parts));
        Self { shared, taker: Taker::Elsewhere(is_taken), stop }
    }

    /// Tells every step that another process has written down since this was last called.
    ///
    /// # Errors
    /// What the ledger refuses.
    pub async fn tell_news(&self) -> Result<(), String> {
        let told = blocking(&self.shared, |shared| {
            let mut news_since = lock(&shared.news_since);
            let news = shared.ledger.news(&news_since)?;
            if let Some(newest) = news.last() {
                news_since.clone_from(&newest.updated_at);
            }
            news.iter().for_each(|row| shared.pass_on(row));
            Ok(())
        });
        told.await?.map_err(|error: rusqlite::Error| format!("the ledger: {error}"))
    }

    /// Has the queue looked at: another process may have put something into it.
    pub fn wake(&self) {
        self.shared.wake.notify_one();
    }

    /// Follows the PDF folder of these inputs. Returns when the folder exists, its watch stands, what is whole in
    /// it is queued, and only then the folder before is left. What was too large before and is not any more is queued.
    ///
    /// # Errors
    /// Why the folder cannot be followed. The one before is then followed until it can; it is tried again at
    /// every look.
    pub async fn follow(&self, inputs: &MonitorInputs) -> Result<String, String> {
        let scope = Scope {
            folder: inputs.pdf.clone(),
            recursive: inputs.recursive,
            vault: self.shared.vault.clone(),
        };
        let Taker::Here(follow) = &self.taker else {
            return Err("another process takes the PDFs".to_owned());
        };
        let (reply, answer) = oneshot::channel();
        let stopped = || "the monitor has stopped".to_owned();
        follow.send(Follow { scope, reply }).await.map_err(|_| stopped())?;
        let followed = answer.await.map_err(|_| stopped())?;
        let max_bytes = inputs.document_max_bytes;
        let allowed = blocking(&self.shared, move |shared| shared.ledger.queue_allowed(max_bytes)).await?;
        let allowed = allowed.map_err(|error| format!("the ledger: {error}"))?;
        allowed.iter().for_each(|row| self.shared.queued(Some(row)));
        followed
    }

    /// Takes a PDF from anywhere: one outside the vault is copied into the PDF folder, under a name that is free.
    /// Returns when it is at rest; `progress` is told every step.
    ///
    /// # Errors
    /// Why the file cannot be taken; that it cannot be *read* is a row with a reason.
    pub async fn ingest(&self, file: &Path, progress: impl FnMut(&PaperEvent)) -> Result<PaperRow, String> {
        let source = file.to_owned();
        self.taken(move |shared| adopt::adopt(shared, &source), progress).await
    }

    /// Takes a PDF that is handed over as bytes: it is written into the PDF folder, under this name or, where that
    /// is taken, one like it. Returns when it is at rest.
    ///
    /// # Errors
    /// Why it cannot be taken; that it cannot be *read* is a row with a reason.
    pub async fn ingest_bytes(&self, name: String, bytes: axum::body::Bytes) -> Result<PaperRow, String> {
        self.taken(move |shared| adopt::adopt_bytes(shared, &name, &bytes), |_| {}).await
    }

    async fn taken(
        &self,
        adopt: impl FnOnce(&Arc<Shared>) -> Result<Adopted, String> + Send + 'static,
        mut progress: impl FnMut(&PaperEvent),
    ) -> Result<PaperRow, String> {
        let mut events = self.events();
        let adopted = blocking(&self.shared, adopt).await??;
        let file = match adopted {
            Adopted::Known(row) => {
                progress(&PaperEvent::from(&*row));
                return Ok(*row);
            }
            Adopted::Queued(file) => file,
        };
        let mut told = None;
        loop {
            let path = file.clone();
            let row = blocking(&self.shared, move |shared| shared.ledger.row(&path)).await?;
            let row = row.map_err(|error| format!("the ledger: {error}"))?;
            let row = row.ok_or_else(|| format!("`{}` vanished before it could be read", file.display()))?;
            if told.replace(row.status) != Some(row.status) {
                progress(&PaperEvent::from(&row));
            }
            if row.status.is_at_rest() || !self.is_taken().await? {
                return Ok(row);
            }
            tokio::select! {
                () = self.stop.cancelled() => return Err("Thoth is stopping; the PDF is read at the next start".to_owned()),
                () = next_of(&mut events, &row.file) => {}
                () = tokio::time::sleep(self.shared.limits.rescan) => {}
            }
        }
    }

    /// Writes our part of these papers' notes anew, or of every note where none is named, by the terms of the live
    /// generation.
    ///
    /// # Errors
    /// [`RefreshError`]; what is wrong with one note stands in its report.
    pub async fn refresh(&self, ids: Vec<String>) -> Result<Vec<Refreshed>, RefreshError> {
        refresh::refresh(&self.shared, &self.stop, ids).await
    }

    /// What identifies a paper that was read and rests, as the index has it.
    ///
    /// # Errors
    /// What the ledger or the index refuses.
    pub async fn metadata(&self, id: &str) -> Result<Option<Metadata>, String> {
        let id = id.to_owned();
        let found = blocking(&self.shared, move |shared| refresh::at_rest(shared, &id)).await?;
        Ok(found.map_err(|error| format!("the ledger: {error}"))?.map(|(_, paper)| paper.metadata))
    }

    /// Has `fill` complete what is known of a paper that rests, and brings index, ledger and note up to date by these
    /// terms. `false` if nothing was filled in.
    ///
    /// # Errors
    /// What the ledger, the index or the note refuses.
    pub async fn complete(
        &self,
        id: &str,
        terms: Terms,
        fill: impl FnOnce(&mut Metadata) -> bool + Send + 'static,
    ) -> Result<bool, String> {
        let id = id.to_owned();
        blocking(&self.shared, move |shared| refresh::complete(shared, &id, &terms, fill)).await?
    }

    async fn is_taken(&self) -> Result<bool, String> {
        match &self.taker {
            Taker::Here(_) => Ok(true),
            Taker::Elsewhere(is_taken) => {
                let is_taken = Arc::clone(is_taken);
                blocking(&self.shared, move |_| is_taken()).await
            }
        }
    }

    /// Every step of every PDF from now on.
    pub fn events(&self) -> broadcast::Receiver<PaperEvent> {
        self.shared.events.subscribe()
    }

    /// The ledger, for lists of papers. Blocking, as the database is.
    pub fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }

    /// Where the intake stands.
    ///
    /// # Errors
    /// What the ledger refuses.
    pub async fn status(&self) -> Result<MonitorStatus, String> {
        let counts = blocking(&self.shared, |shared| shared.ledger.counts()).await?;
        let counts = counts.map_err(|error| format!("the ledger: {error}"))?;
        let count = |status| counts.get(&status).copied().unwrap_or_default();
        let view = lock(&self.shared.view);
        Ok(MonitorStatus {
            folder: view.folder.clone(),
            watching: view.mode.is_some() && !self.stop.is_cancelled(),
            mode: view.mode.unwrap_or("off"),
            queued: count(Status::Queued),
            reading: count(Status::Reading),
            indexed: count(Status::Indexed),
            skipped: count(Status::Skipped),
            failed: count(Status::Failed),
            last_error: view.folder_problem.clone().or_else(|| view.worker_problem.clone()),
        })
    }
}

/// Waits for an event of a file, or for one that says that events were lost.
async fn next_of(events: &mut broadcast::Receiver<PaperEvent>, file: &str) {
    loop {
        match events.recv().await {
            Ok(event) if event.file != file => {}
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
            // The sender lives as long as the monitor.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
