//! What the lookout, the workers and the handle of a monitor share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore, broadcast};

use super::ledger::Ledger;
use super::monitor::{Limits, PaperEvent, Parts, Reader, Terms};
use super::row::{self, PaperRow};
use crate::rag::index::Index;

/// Events that a slow listener may fall behind.
const EVENTS_MAX: usize = 1024;

/// Reading threads that may hang before reading stops.
const HANGING_MAX: usize = 8;

/// What the lookout, the workers and the handle share.
pub(super) struct Shared {
    pub vault: PathBuf,
    pub ledger: Ledger,
    pub index: Arc<Index>,
    pub read: Arc<Reader>,
    pub load: Arc<dyn Fn() -> Terms + Send + Sync>,
    pub limits: Limits,
    /// Permits of reading threads. One that never ends keeps its permit, so that they cannot pile up.
    pub readers: Arc<Semaphore>,
    /// Something is in the queue.
    pub wake: Notify,
    /// Notes are found and written one at a time: two papers may want one name.
    pub notes: Mutex<()>,
    /// When what was told last of another process was written down.
    pub news_since: Mutex<String>,
    pub events: broadcast::Sender<PaperEvent>,
    pub view: Mutex<View>,
}

/// Where the last look and the last work left it.
#[derive(Default)]
pub(super) struct View {
    pub folder: Option<PathBuf>,
    pub mode: Option<&'static str>,
    pub folder_problem: Option<String>,
    pub worker_problem: Option<String>,
}

impl Shared {
    /// Nothing is followed, and nobody listens.
    pub fn new(parts: Parts) -> Self {
        Self {
            ledger: Ledger::new(parts.database, parts.vault.clone()),
            vault: parts.vault,
            index: parts.index,
            read: parts.read,
            load: parts.load,
            limits: parts.limits,
            readers: Arc::new(Semaphore::new(parts.limits.workers.max(1) + HANGING_MAX)),
            wake: Notify::new(),
            notes: Mutex::new(()),
            news_since: Mutex::new(row::now()),
            events: broadcast::Sender::new(EVENTS_MAX),
            view: Mutex::default(),
        }
    }

    /// Tells where a file stands now.
    pub fn tell(&self, row: &PaperRow) {
        tracing::info!(file = %row.file, status = %row.status, id = %row.id, reason = row.reason, "PDFMonitor: paper");
        self.pass_on(row);
    }

    /// Tells it to those who listen to this process.
    pub fn pass_on(&self, row: &PaperRow) {
        if self.events.send(PaperEvent::from(row)).is_err() {
            tracing::trace!("nobody listens to the events of papers");
        }
    }

    /// Tells of a row that was queued, and wakes a worker.
    pub fn queued(&self, row: Option<&PaperRow>) {
        if let Some(row) = row {
            self.tell(row);
            self.wake.notify_one();
        }
    }

    /// What a look at the folder gave.
    pub fn saw(&self, folder: Option<PathBuf>, mode: Option<&'static str>, problem: Option<String>) {
        let mut view = lock(&self.view);
        if let Some(problem) =
            problem.as_ref().filter(|problem| view.folder_problem.as_ref() != Some(problem))
        {
            tracing::warn!(problem, "PDFMonitor: the folder");
        }
        (view.folder, view.mode, view.folder_problem) = (folder, mode, problem);
    }

    /// What went wrong with a worker, or that it goes well.
    pub fn worked(&self, problem: Option<String>) {
        if let Some(problem) = &problem {
            tracing::error!(problem, "PDFMonitor: a worker");
        }
        lock(&self.view).worker_problem = problem;
    }
}

/// A panic while one of these is held leaves nothing half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs blocking work on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Arc<Shared>) -> T + Send + 'static,
) -> Result<T, String> {
    let shared = Arc::clone(shared);
    let done = tokio::task::spawn_blocking(move || work(&shared)).await;
    done.map_err(|error| format!("the work was broken off: {error}"))
}
