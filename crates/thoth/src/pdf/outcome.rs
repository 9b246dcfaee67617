//! What is written into the ledger when a worker, or the lookout, is done with a file.

use std::path::Path;

use super::row::PaperRow;
use crate::paper::Metadata;

/// To what a failure is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// To the file: trying again is of no use until it changes.
    File,
    /// To the world around it (permissions, a full disk): it is tried again by itself.
    World,
}

/// Whether a file is known to be gone.
#[derive(Clone, Debug, PartialEq)]
pub enum Gone {
    /// A worker has the file; ask again.
    NotYet,
    /// It is written down. A copy that became the holder and waits in the queue is given.
    Noted(Option<Box<PaperRow>>),
}

/// What is known of a file that was read.
#[derive(Clone, Copy, Debug)]
pub struct Finding<'a> {
    /// What identifies the paper.
    pub metadata: &'a Metadata,
    /// Pages of the PDF.
    pub page_count: u32,
    /// The note.
    pub note: Option<&'a Path>,
    /// The id that the note carries.
    pub note_id: Option<&'a str>,
    /// What the user should know although all went well.
    pub remark: Option<&'a str>,
}
