//! One PDF, from its bytes to its note: the unit of work of the monitor.
//!
//! Every step can be done twice: what is broken off in the middle is done again at the next start.

use std::fs::File;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::monitor::{MonitorInputs, Terms};
use super::outcome::{Blame, Finding};
use super::row::{self, PaperRow};
use super::shared::{Shared, blocking, lock};
use crate::citations::settings::LinkFormat;
use crate::notes::shelf::Shelf;
use crate::notes::works::Manner;
use crate::notes::write::{self as note, Order, Written};
use crate::paper::{Metadata, Paper};

/// How long a worker waits after the ledger or the index refused.
const PAUSE: Duration = Duration::from_secs(1);

/// Stack of a reading thread (bytes): PDFs nest their objects deeply.
const STACK_BYTES: usize = 16 << 20;

/// The setting that bounds the size of a PDF.
pub(super) const SIZE_KEY: &str = "performance.memory.maxDocumentSizeMb";

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the file is empty; if it is still being downloaded, it is taken when it is whole")]
    Empty,
    #[error("the file has {bytes} bytes; at most {max} are read, as `{SIZE_KEY}` says")]
    TooLarge { bytes: u64, max: u64 },
    #[error("it is a link that leads out of the vault, to `{}`; put the PDF itself there", .0.display())]
    LeadsOut(PathBuf),
    #[error("`{}` vanished before it could be read", .0.display())]
    Vanished(PathBuf),
    #[error("`{}` may not be read by Thoth; give it permission to (`chmod a+r`)", .0.display())]
    Forbidden(PathBuf),
    #[error("`{}` cannot be read: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl Refusal {
    fn blame(&self) -> Blame {
        match self {
            Self::Empty | Self::TooLarge { .. } | Self::LeadsOut(_) | Self::Vanished(_) => Blame::File,
            Self::Forbidden(_) | Self::Io { .. } => Blame::World,
        }
    }
}

fn refusal(path: &Path) -> impl Fn(io::Error) -> Refusal + '_ {
    |source| match source.kind() {
        io::ErrorKind::NotFound => Refusal::Vanished(path.to_owned()),
        io::ErrorKind::PermissionDenied => Refusal::Forbidden(path.to_owned()),
        _ => Refusal::Io { path: path.to_owned(), source },
    }
}

/// A worker: takes what waits in the queue until the end.
pub(super) async fn work(shared: Arc<Shared>, stop: CancellationToken) {
    let mut pause = None;
    loop {
        let woken = shared.wake.notified();
        if let Some(pause) = pause.take() {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
        if stop.is_cancelled() {
            return;
        }
        match take_one(&shared, &stop).await {
            Ok(true) => continue,
            Ok(false) => shared.worked(None),
            Err(problem) => {
                shared.worked(Some(problem));
                pause = Some(PAUSE);
                continue;
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = woken => {}
            // Another process may have queued something.
            () = tokio::time::sleep(shared.limits.rescan * 5) => {}
        }
    }
}

/// Takes one file out of the queue and sees it through. `false` if there is none.
async fn take_one(shared: &Arc<Shared>, stop: &CancellationToken) -> Result<bool, String> {
    let Some(taken) = blocking(shared, |shared| shared.ledger.take()).await?.map_err(ledger)? else {
        return Ok(false);
    };
    // There may be more for the others.
    shared.wake.notify_one();
    shared.tell(&taken);
    // The one load of the live generation for this piece of work.
    let terms = (shared.load)();
    if let Err(problem) = see_through(shared, stop, &taken, terms).await {
        let reason = format!("{problem}; it is tried again");
        let settled =
            blocking(shared, move |shared| shared.ledger.failed(&taken, &reason, Blame::World)).await?;
        if let Some(row) = settled.map_err(ledger)? {
            shared.tell(&row);
        }
        return Err(problem);
    }
    Ok(true)
}

fn ledger(error: rusqlite::Error) -> String {
    format!("the state refused: {error}")
}

/// What the first look into a file gave.
enum Opened {
    /// Nothing more to do.
    Done,
    /// The row, and what was read of this content before.
    Known(Box<PaperRow>, Box<Paper>),
    /// The row, the bytes to read, and what an earlier version of the reader gave.
    Unread(Box<PaperRow>, Vec<u8>, Option<Box<Paper>>),
}

/// Since when a paper's content is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// It was read before, by this version of the reader or because no better can be had.
    Before,
    /// It was read once more, as this version of the reader does.
    Anew,
    /// It was read for the first time.
    First,
}

/// One file from its bytes to its note. What the file is to blame for goes into its row; an error is ours.
async fn see_through(
    shared: &Arc<Shared>,
    stop: &CancellationToken,
    taken: &PaperRow,
    terms: Terms,
) -> Result<(), String> {
    let (row, bounds) = (taken.clone(), terms.inputs.clone());
    let opened = blocking(shared, move |shared| open(shared, &row, &bounds)).await?.map_err(ledger)?;
    let (row, paper, known) = match opened {
        Opened::Done => return Ok(()),
        Opened::Known(row, paper) => (row, paper, Known::Before),
        Opened::Unread(row, bytes, earlier) => match read_within_limits(shared, stop, bytes).await? {
            Some(Ok(paper)) => {
                let known = if earlier.is_some() { Known::Anew } else { Known::First };
                (row, Box::new(paper), known)
            }
            Some(Err(reason)) => match earlier {
                Some(earlier) => {
                    let file = &row.file;
                    tracing::warn!(%file, %reason, "PDFMonitor: what an earlier version read of it is kept");
                    (row, earlier, Known::Before)
                }
                None => return fail(shared, *row, reason).await,
            },
            None => {
                return blocking(shared, move |shared| shared.ledger.give_back(&row)).await?.map_err(ledger);
            }
        },
    };
    blocking(shared, move |shared| keep(shared, &row, &paper, known, &terms)).await?.map_err(ledger)
}

/// Says in the ledger why a file cannot be read.
async fn fail(shared: &Arc<Shared>, row: PaperRow, reason: String) -> Result<(), String> {
    let failed = blocking(shared, move |shared| shared.ledger.failed(&row, &reason, Blame::File)).await?;
    failed.map_err(ledger)?.iter().for_each(|row| shared.tell(row));
    Ok(())
}

/// Reads the bytes and decides whose they are.
fn open(shared: &Shared, taken: &PaperRow, inputs: &MonitorInputs) -> rusqlite::Result<Opened> {
    let path = shared.ledger.path(taken);
    let bytes = match stays_inside(&path, &inputs.pdf, &shared.vault)
        .and_then(|()| bytes_of(&path, inputs.document_max_bytes))
    {
        Ok(bytes) => bytes,
        Err(refusal) => {
            shared
                .ledger
                .failed(taken, &refusal.to_string(), refusal.blame())?
                .iter()
                .for_each(|row| shared.tell(row));
            return Ok(Opened::Done);
        }
    };
    let content = hash(&bytes);
    let Some(row) = shared.ledger.claim(taken, &content, |former| shared.index.remove(former))? else {
        return Ok(Opened::Done);
    };
    if row.duplicate_of.is_some() {
        shared.tell(&row);
        return Ok(Opened::Done);
    }
    let (row, paper) = (Box::new(row), shared.index.paper(&content)?.map(Box::new));
    Ok(match paper {
        Some(paper) if shared.index.is_current(&content)? => Opened::Known(row, paper),
        earlier => Opened::Unread(row, bytes, earlier),
    })
}

/// The hash of a file's content, as the ledger keeps it.
pub(super) fn content_of(path: &Path, max_bytes: u64) -> Result<String, Refusal> {
    bytes_of(path, max_bytes).map(|bytes| hash(&bytes))
}

/// Refuses a link that leads out of the vault and of the PDF folder.
fn stays_inside(path: &Path, folder: &Path, vault: &Path) -> Result<(), Refusal> {
    if !std::fs::symlink_metadata(path).map_err(refusal(path))?.is_symlink() {
        return Ok(());
    }
    let target = std::fs::canonicalize(path).map_err(refusal(path))?;
    let holds = |root: &Path| std::fs::canonicalize(root).is_ok_and(|root| target.starts_with(root));
    if holds(folder) || holds(vault) { Ok(()) } else { Err(Refusal::LeadsOut(target)) }
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

fn bytes_of(path: &Path, max: u64) -> Result<Vec<u8>, Refusal> {
    let file = File::open(path).map_err(refusal(path))?;
    let length = file.metadata().map_err(refusal(path))?.len();
    if length > max {
        return Err(Refusal::TooLarge { bytes: length, max });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(refusal(path))?;
    match bytes.len() as u64 {
        0 => Err(Refusal::Empty),
        bytes if bytes > max => Err(Refusal::TooLarge { bytes, max }),
        _ => Ok(bytes),
    }
}

/// Reads on a thread of its own, so that neither a panic nor an endless loop in a PDF's depths stops the monitor.
/// `None` if Thoth stops meanwhile.
async fn read_within_limits(
    shared: &Arc<Shared>,
    stop: &CancellationToken,
    bytes: Vec<u8>,
) -> Result<Option<Result<Paper, String>>, String> {
    let permit = tokio::select! {
        () = stop.cancelled() => return Ok(None),
        permit = Arc::clone(&shared.readers).acquire_owned() => permit.map_err(|error| error.to_string())?,
    };
    let (sender, receiver) = oneshot::channel();
    let read = Arc::clone(&shared.read);
    let thread = std::thread::Builder::new().name("thoth-read-pdf".to_owned()).stack_size(STACK_BYTES);
    let spawned = thread.spawn(move || {
        let _permit = permit;
        let outcome = catch_unwind(AssertUnwindSafe(|| read(bytes)));
        if sender.send(outcome).is_err() {
            tracing::debug!("a PDF was read after its deadline");
        }
    });
    spawned.map_err(|error| format!("no thread to read a PDF: {error}"))?;
    let deadline = shared.limits.read_deadline;
    tokio::select! {
        () = stop.cancelled() => Ok(None),
        () = tokio::time::sleep(deadline) => {
            Ok(Some(Err(format!("reading the PDF took longer than {} s; it was given up", deadline.as_secs_f32()))))
        }
        outcome = receiver => Ok(Some(match outcome {
            Ok(Ok(Ok(paper))) => Ok(paper),
            Ok(Ok(Err(unreadable))) => Err(unreadable.to_string()),
            Ok(Err(_)) | Err(_) => Err("the PDF is built in a way that made the reader fail; please report it".to_owned()),
        })),
    }
}

/// Stores what was read, writes the note, and says so in the ledger.
fn keep(shared: &Shared, row: &PaperRow, paper: &Paper, known: Known, terms: &Terms) -> rusqlite::Result<()> {
    let Some(content) = row.content.as_deref() else {
        return Ok(());
    };
    if known != Known::Before {
        shared.index.put(content, paper)?;
    }
    let shelf = shelf(shared, terms)?;
    let settled = match write_note(shared, row, paper, known == Known::First, (terms, &shelf)) {
        Ok((_, note)) => shared.ledger.indexed(row, &note.finding(row, paper))?,
        Err(error) => shared.ledger.failed(row, &error.to_string(), Blame::World)?,
    };
    match settled {
        Some(row) => shared.tell(&row),
        // Overtaken: the file has another content by now, and nobody else may have this one.
        None if shared.ledger.holder(content)?.is_none() => shared.index.remove(content)?,
        None => {}
    }
    Ok(())
}

/// The notes that a note may link to.
pub(super) fn shelf(shared: &Shared, terms: &Terms) -> rusqlite::Result<Shelf> {
    if terms.citations.settings.link_format != LinkFormat::Wikilink {
        return Ok(Shelf::default());
    }
    Ok(Shelf::new(&shared.vault, &shared.ledger.papers(None)?))
}

/// What is known of the note after it was written.
pub(super) struct Noted {
    pub(super) path: Option<PathBuf>,
    pub(super) remark: Option<String>,
}

impl Noted {
    pub(super) fn finding<'a>(&'a self, row: &'a PaperRow, paper: &'a Paper) -> Finding<'a> {
        // A note that was left alone carries the id that it had.
        let id = if self.remark.is_some() {
            row.note_id.as_deref().or(Some(&row.id))
        } else {
            Some(row.id.as_str())
        };
        Finding {
            metadata: &paper.metadata,
            page_count: paper.page_count,
            note: self.path.as_deref(),
            note_id: self.path.as_ref().and(id),
            remark: self.remark.as_deref(),
        }
    }
}

/// Writes the note of a paper. Where none was written before, or the PDF is new, one is made.
pub(super) fn write_note(
    shared: &Shared,
    row: &PaperRow,
    paper: &Paper,
    is_new: bool,
    (terms, shelf): (&Terms, &Shelf),
) -> Result<(Written, Noted), note::NoteError> {
    let _one_at_a_time = lock(&shared.notes);
    // A file that became another work gets a note of its own; the note of the work before stays as it is.
    let goes_on = row.metadata.as_ref().is_none_or(|before| is_same_work(before, &paper.metadata));
    let last = shared.ledger.note(row).filter(|_| goes_on);
    let order = Order {
        vault: &shared.vault,
        folder: &terms.inputs.notes,
        last: last.as_deref(),
        id: &row.id,
        former_id: row.note_id.as_deref().filter(|_| goes_on),
        pdf: &shared.ledger.path(row),
        paper,
        manner: Manner { citations: &terms.citations, shelf },
        template: terms.inputs.template.as_deref(),
        create: is_new || last.is_none(),
    };
    let written = note::write(&order)?;
    let noted = match &written {
        Written::Created(path) | Written::Updated(path) | Written::Unchanged(path) => {
            Noted { path: Some(path.clone()), remark: None }
        }
        Written::LeftAlone(path, why) => {
            let remark = format!("the note `{}` was not touched: {why}", row::key(&shared.vault, path));
            Noted { path: Some(path.clone()), remark: Some(remark) }
        }
        Written::Absent => {
            Noted { path: None, remark: Some("its note was deleted, and is not written again".to_owned()) }
        }
    };
    Ok((written, noted))
}

/// Whether two readings of one file are of the same work: an annotated or corrected copy keeps its note.
fn is_same_work(before: &Metadata, after: &Metadata) -> bool {
    let same = |a: &Option<crate::paper::Field<String>>, b: &Option<crate::paper::Field<String>>| match (a, b)
    {
        (Some(a), Some(b)) => Some(folded(&a.value) == folded(&b.value)),
        _ => None,
    };
    let marks =
        [same(&before.doi, &after.doi), same(&before.arxiv, &after.arxiv), same(&before.title, &after.title)];
    // Nothing to compare: the file's name is all that both have, and it is the same.
    marks.contains(&Some(true)) || marks.iter().all(Option::is_none)
}

fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
