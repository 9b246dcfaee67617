//! Notes that exist, written anew: by the settings that are live now, or because more is known of their papers.

use std::sync::Arc;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::intake::{Noted, shelf, write_note};
use super::monitor::Terms;
use super::row::PaperRow;
use super::shared::{Shared, blocking};
use super::status::Status;
use crate::notes::shelf::Shelf;
use crate::notes::write::Written;
use crate::paper::{Metadata, Paper};

/// What became of one note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refreshed {
    /// The paper's id.
    pub id: String,
    /// Its title.
    pub title: Option<String>,
    /// The note: relative to the vault, absolute outside it.
    pub note: Option<String>,
    /// What was done.
    pub outcome: Outcome,
    /// Why it was not brought up to date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What was done with a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Our part is another one now.
    Updated,
    /// It said all that already.
    Unchanged,
    /// It was not touched.
    Skipped,
    /// It could not be written.
    Failed,
}

/// Why no note was looked at.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// No paper has this id.
    #[error("there is no paper `{0}`")]
    Unknown(String),
    /// The database refused, or Thoth is stopping.
    #[error("{0}")]
    State(String),
}

/// Writes our part of these papers' notes anew, or of every note where none is named. One generation's terms hold for
/// all of them.
pub(super) async fn refresh(
    shared: &Arc<Shared>,
    stop: &CancellationToken,
    ids: Vec<String>,
) -> Result<Vec<Refreshed>, RefreshError> {
    let terms = (shared.load)();
    let of_shelf = terms.clone();
    let read =
        blocking(shared, move |shared| Ok((shared.ledger.papers(None)?, shelf(shared, &of_shelf)?))).await;
    let read: rusqlite::Result<(Vec<PaperRow>, Shelf)> = read.map_err(RefreshError::State)?;
    let (rows, shelf) = read.map_err(|error| RefreshError::State(format!("the ledger: {error}")))?;
    if let Some(unknown) = ids.iter().find(|id| !rows.iter().any(|row| row.id == **id)) {
        return Err(RefreshError::Unknown(unknown.clone()));
    }
    let shelf = Arc::new(shelf);
    let mut done = Vec::new();
    for row in rows.into_iter().filter(|row| ids.is_empty() || ids.contains(&row.id)) {
        // A copy has no note of its own; of what was never read there is none yet.
        if ids.is_empty() && (row.duplicate_of.is_some() || row.metadata.is_none()) {
            continue;
        }
        if stop.is_cancelled() {
            return Err(RefreshError::State("Thoth is stopping".to_owned()));
        }
        let (terms, shelf) = (terms.clone(), Arc::clone(&shelf));
        let one = blocking(shared, move |shared| one(shared, &row, (&terms, &shelf))).await;
        done.push(one.map_err(RefreshError::State)?);
    }
    Ok(done)
}

fn one(shared: &Shared, row: &PaperRow, with: (&Terms, &Shelf)) -> Refreshed {
    let said = |outcome, reason: Option<String>| Refreshed {
        id: row.id.clone(),
        title: row.title.clone(),
        note: row.note.clone(),
        outcome,
        reason,
    };
    let paper = match paper_of(shared, row) {
        Ok(paper) => paper,
        Err(reason) => return said(Outcome::Skipped, Some(reason)),
    };
    match renew(shared, row, &paper, with) {
        Ok((Written::Updated(_) | Written::Created(_), _)) => said(Outcome::Updated, None),
        Ok((Written::Unchanged(_), _)) => said(Outcome::Unchanged, None),
        Ok((Written::LeftAlone(..) | Written::Absent, noted)) => said(Outcome::Skipped, noted.remark),
        Err(error) => said(Outcome::Failed, Some(error)),
    }
}

/// The paper of a row that rests, with a note; or why there is nothing to write.
fn paper_of(shared: &Shared, row: &PaperRow) -> Result<Paper, String> {
    if let Some(first) = &row.duplicate_of {
        return Err(format!("it is a copy of `{first}`, which has the note"));
    }
    if row.status != Status::Indexed {
        return Err(format!("its PDF is {}", row.status));
    }
    if row.note.is_none() {
        return Err("it has no note".to_owned());
    }
    let stored = row.content.as_deref().map(|content| shared.index.paper(content)).transpose();
    let stored = stored.map_err(|error| format!("the index: {error}"))?.flatten();
    stored.ok_or_else(|| "what was read of it is gone; touch its PDF to have it read anew".to_owned())
}

/// The row and the paper of this id, if it was read and rests.
pub(super) fn at_rest(shared: &Shared, id: &str) -> rusqlite::Result<Option<(PaperRow, Paper)>> {
    let rows = shared.ledger.papers(None)?;
    let is_it = |row: &PaperRow| row.id == id && row.status == Status::Indexed && row.duplicate_of.is_none();
    let Some(row) = rows.into_iter().find(is_it) else { return Ok(None) };
    let Some(content) = row.content.as_deref() else { return Ok(None) };
    Ok(shared.index.paper(content)?.map(|paper| (row, paper)))
}

/// Completes what is known of a paper. Done twice, it does nothing more; broken off in the middle, it is finished the
/// next time.
pub(super) fn complete(
    shared: &Shared,
    id: &str,
    terms: &Terms,
    fill: impl FnOnce(&mut Metadata) -> bool,
) -> Result<bool, String> {
    let refused = |error: rusqlite::Error| format!("the state: {error}");
    let Some((row, mut paper)) = at_rest(shared, id).map_err(refused)? else { return Ok(false) };
    let filled = fill(&mut paper.metadata);
    if !filled && row.metadata.as_ref() == Some(&paper.metadata) {
        return Ok(false);
    }
    let Some(content) = row.content.as_deref() else { return Ok(false) };
    if filled && !shared.index.describe(content, &paper).map_err(refused)? {
        return Ok(false);
    }
    if row.note.is_some() {
        let shelf = shelf(shared, terms).map_err(refused)?;
        renew(shared, &row, &paper, (terms, &shelf))?;
    } else {
        let remark = row.reason.clone();
        let noted = Noted { path: None, remark };
        shared.ledger.amend(&row, &noted.finding(&row, &paper)).map_err(refused)?;
    }
    let amended = shared.ledger.row(&shared.ledger.path(&row)).map_err(refused)?;
    amended.iter().for_each(|row| shared.tell(row));
    Ok(filled)
}

/// Writes a note that exists, and what is known of it.
fn renew(
    shared: &Shared,
    row: &PaperRow,
    paper: &Paper,
    with: (&Terms, &Shelf),
) -> Result<(Written, Noted), String> {
    let (written, noted) = write_note(shared, row, paper, false, with).map_err(|error| error.to_string())?;
    let finding = noted.finding(row, paper);
    shared.ledger.amend(row, &finding).map_err(|error| format!("the ledger: {error}"))?;
    Ok((written, noted))
}
