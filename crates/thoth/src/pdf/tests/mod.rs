//! The intake as a whole, on real folders with real files: named after what happens in the folder.

mod arrivals;
mod changes;
mod folders;
mod refusals;
mod restarts;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::monitor::{Limits, Monitor, MonitorInputs, PaperEvent, Parts, Reader, Terms};
use super::read::Unreadable;
use super::row::PaperRow;
use super::settle::Patience;
use super::status::Status;
use crate::database::Database;
use crate::paper::{Field, Metadata, Paper, Source};
use crate::rag::index::{self, Index};

/// After this long, what is waited for does not come any more.
const PATIENCE: Duration = Duration::from_secs(20);

/// A valid PDF of one page with this title, and anything else that makes its bytes differ.
pub(super) fn pdf(title: &str, rest: &str) -> Vec<u8> {
    let text = format!("BT /F1 18 Tf 72 720 Td ({title}) Tj 0 -40 Td /F1 10 Tf ({rest}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut bytes = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    for (n, object) in objects.iter().enumerate() {
        offsets.push(bytes.len());
        bytes.extend(format!("{} 0 obj\n{object}\nendobj\n", n + 1).into_bytes());
    }
    let start = bytes.len();
    bytes.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).into_bytes());
    for offset in offsets {
        bytes.extend(format!("{offset:010} 00000 n \n").into_bytes());
    }
    bytes.extend(format!("trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").into_bytes());
    bytes
}

/// Reads what [`pdf`] writes, and misbehaves where the title says so. The real reader has tests of its own.
fn read_title(bytes: &[u8]) -> Result<Paper, Unreadable> {
    let text = String::from_utf8_lossy(bytes);
    if !text.contains("%%EOF") {
        return Err(Unreadable::Broken("no end".to_owned()));
    }
    let title = text.split_once("Td (").and_then(|(_, rest)| rest.split_once(") Tj")).map(|(title, _)| title);
    match title {
        None => Err(Unreadable::NoText),
        Some("locked") => Err(Unreadable::Encrypted),
        Some("panics") => panic!("a reader that panics"),
        Some(title) => Ok(Paper {
            metadata: Metadata {
                title: Some(Field { value: title.to_owned(), source: Source::Layout { page: 1 } }),
                ..Metadata::default()
            },
            references: Vec::new(),
            page_count: 1,
            ..Paper::default()
        }),
    }
}

/// A vault, its state, and what was read from it.
struct World {
    vault: TempDir,
    _state: TempDir,
    database: Arc<Database>,
    index: Arc<Index>,
    inputs: Arc<Mutex<MonitorInputs>>,
    reads: Arc<Mutex<HashMap<String, usize>>>,
    limits: Limits,
}

impl World {
    fn new() -> Self {
        let (vault, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let schema = [super::ledger::SCHEMA, index::SCHEMA];
        let database = Arc::new(Database::open(&state.path().join("thoth.db"), &schema).unwrap());
        let inputs = MonitorInputs {
            pdf: vault.path().join("pdfs"),
            notes: vault.path().join("notes"),
            recursive: true,
            document_max_bytes: 50 << 20,
            template: None,
        };
        let patience = Patience {
            quiet: Duration::from_millis(150),
            strange: Duration::from_millis(300),
            unfinished: Duration::from_millis(900),
        };
        Self {
            index: Arc::new(Index::new(Arc::clone(&database))),
            database,
            inputs: Arc::new(Mutex::new(inputs)),
            reads: Arc::default(),
            limits: Limits {
                patience,
                rescan: Duration::from_millis(200),
                absent: Duration::from_millis(300),
                read_deadline: Duration::from_secs(5),
                workers: 2,
            },
            vault,
            _state: state,
        }
    }

    /// A path in the vault.
    fn at(&self, path: &str) -> PathBuf {
        self.vault.path().join(path)
    }

    /// Puts a file into the vault, whole from its first moment.
    fn drop(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let path = self.at(path);
        let aside = self.vault.path().join(format!(".aside-{}", blake3::hash(bytes).to_hex()));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&aside, bytes).unwrap();
        fs::rename(aside, &path).unwrap();
        path
    }

    fn inputs(&self) -> MonitorInputs {
        self.inputs.lock().unwrap().clone()
    }

    /// How often a content was read.
    fn reads_of(&self, bytes: &[u8]) -> usize {
        let content = blake3::hash(bytes).to_hex().to_string();
        self.reads.lock().unwrap().get(&content).copied().unwrap_or_default()
    }

    /// The names of the notes in a folder.
    fn notes(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.at(folder)) else {
            return Vec::new();
        };
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    async fn start(&self) -> Run {
        let reads = Arc::clone(&self.reads);
        let counted = move |bytes: Vec<u8>| {
            let content = blake3::hash(&bytes).to_hex().to_string();
            *reads.lock().unwrap().entry(content).or_default() += 1;
            read_title(&bytes)
        };
        self.start_with(Arc::new(counted)).await
    }

    fn parts(&self, read: Arc<Reader>) -> Parts {
        let inputs = Arc::clone(&self.inputs);
        let citations = crate::citations::sample("IEEE", "uri");
        Parts {
            vault: self.vault.path().to_owned(),
            database: Arc::clone(&self.database),
            index: Arc::clone(&self.index),
            read,
            load: Arc::new(move || Terms {
                inputs: inputs.lock().unwrap().clone(),
                citations: Arc::clone(&citations),
            }),
            limits: self.limits,
        }
    }

    async fn start_with(&self, read: Arc<Reader>) -> Run {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let monitor = Monitor::start(self.parts(read), &tasks, stop.clone()).await.unwrap();
        let events = monitor.events();
        Run { monitor, events, tasks, stop }
    }

    /// Starts, and follows the folder of the inputs.
    async fn follow(&self) -> Run {
        let run = self.start().await;
        run.monitor.follow(&self.inputs()).await.unwrap();
        run
    }
}

/// A monitor that runs.
struct Run {
    monitor: Monitor,
    events: broadcast::Receiver<PaperEvent>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Run {
    fn rows(&self) -> Vec<PaperRow> {
        self.monitor.ledger().papers(None).unwrap()
    }

    fn row(&self, file: &Path) -> Option<PaperRow> {
        self.monitor.ledger().row(file).unwrap()
    }

    /// Waits until the rows are as wanted, looking at every event.
    async fn until(&mut self, what: &str, mut wanted: impl FnMut(&[PaperRow]) -> bool) -> Vec<PaperRow> {
        let waiting = async {
            loop {
                let rows = self.monitor.ledger().papers(None).unwrap();
                if wanted(&rows) {
                    return rows;
                }
                // Not every change has an event (a file that is gone), so the wait for one is bounded.
                let event = tokio::time::timeout(Duration::from_millis(100), self.events.recv()).await;
                assert!(!matches!(event, Ok(Err(broadcast::error::RecvError::Closed))));
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(rows) => rows,
            Err(_) => panic!("waited in vain until {what}; the rows are {:#?}", self.rows()),
        }
    }

    /// Waits until the file is at rest as `status`.
    async fn until_file(&mut self, file: &Path, status: Status) -> PaperRow {
        let what = format!("{} is {status}", file.display());
        let ledger = self.monitor.clone();
        self.until(&what, |_| ledger.ledger().row(file).unwrap().is_some_and(|row| row.status == status))
            .await;
        self.row(file).unwrap()
    }

    /// Waits until so many rows are at rest, and none is not.
    async fn until_at_rest(&mut self, count: usize) -> Vec<PaperRow> {
        let what = format!("{count} files are at rest");
        self.until(&what, |rows| rows.len() == count && rows.iter().all(|row| row.status.is_at_rest())).await
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        tokio::time::timeout(PATIENCE, self.tasks.wait()).await.unwrap();
    }
}
