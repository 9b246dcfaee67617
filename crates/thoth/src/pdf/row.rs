//! A row of the ledger, as the database has it and as scripts see it, and the statements that change one row.

use std::path::{Path, PathBuf};

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::Serialize;

use super::folder::Stamp;
use super::status::{Status, Step};
use crate::paper::Metadata;

/// A PDF as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PaperRow {
    /// Twelve hexadecimal digits: of the content for the first file that has it, of content and path for a copy, of
    /// the path as long as the content was not read.
    pub id: String,
    /// Where it stands.
    pub status: Status,
    /// Why it failed or was skipped, or what the user should know although it was read.
    pub reason: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// Full names.
    pub authors: Vec<String>,
    /// Year of publication.
    pub year: Option<i32>,
    /// DOI.
    pub doi: Option<String>,
    /// arXiv identifier.
    pub arxiv: Option<String>,
    /// Journal, proceedings or series.
    pub venue: Option<String>,
    /// The note: relative to the vault, absolute outside it.
    pub note: Option<String>,
    /// The PDF: relative to the vault, absolute outside it.
    pub file: String,
    /// The id of the row that has the same content and was there first.
    pub duplicate_of: Option<String>,
    /// Pages of the PDF.
    pub page_count: Option<u32>,
    /// Bytes of the PDF.
    pub bytes: u64,
    /// Hash of the PDF's bytes (BLAKE3), in hexadecimal.
    pub content: Option<String>,
    /// Since when the file is gone; its note and what was read from it stay.
    pub missing_since: Option<String>,
    /// When the file was first seen.
    pub added_at: String,
    /// When the row last changed its status.
    pub updated_at: String,
    /// By what a change of the file is seen.
    #[serde(skip)]
    pub stamp: Stamp,
    /// All that was found, with its sources.
    #[serde(skip)]
    pub metadata: Option<Metadata>,
    /// The id that the note carries.
    #[serde(skip)]
    pub note_id: Option<String>,
    /// Differs for every time that the file was queued: a worker that was overtaken cannot write.
    #[serde(skip)]
    pub ticket: i64,
}

/// The columns that [`from_sql`] reads, in its order.
pub(super) const COLUMNS: &str = "file, id, content, status, reason, duplicate_of, note, metadata, page_count, bytes, \
     modified_ns, changed_ns, missing_since, note_id, ticket, added_at, updated_at";

/// A row out of the database.
pub(super) fn from_sql(row: &Row<'_>) -> rusqlite::Result<PaperRow> {
    let metadata: Option<String> = row.get(7)?;
    let metadata: Option<Metadata> = metadata
        .map(|json| serde_json::from_str(&json))
        .transpose()
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(7, Type::Text, Box::new(error)))?;
    let bytes = u64::try_from(row.get::<_, i64>(9)?).unwrap_or_default();
    let found = metadata.clone().unwrap_or_default();
    Ok(PaperRow {
        file: row.get(0)?,
        id: row.get(1)?,
        content: row.get(2)?,
        status: status(row, 3)?,
        reason: row.get(4)?,
        duplicate_of: row.get(5)?,
        note: row.get(6)?,
        title: found.title.map(|field| field.value),
        authors: found.authors.map(|field| field.value).unwrap_or_default(),
        year: found.year.map(|field| field.value),
        doi: found.doi.map(|field| field.value),
        arxiv: found.arxiv.map(|field| field.value),
        venue: found.venue.map(|field| field.value),
        page_count: row.get(8)?,
        bytes,
        stamp: Stamp { bytes, modified_ns: row.get(10)?, changed_ns: row.get(11)? },
        missing_since: row.get(12)?,
        note_id: row.get(13)?,
        ticket: row.get(14)?,
        added_at: row.get(15)?,
        updated_at: row.get(16)?,
        metadata,
    })
}

/// The status in a column.
pub(super) fn status(row: &Row<'_>, column: usize) -> rusqlite::Result<Status> {
    let word: String = row.get(column)?;
    Status::from_word(&word).ok_or_else(|| {
        let error = format!("`{word}` is no status of a PDF");
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}

/// The first row that `rest` selects.
pub(super) fn first(
    connection: &Connection,
    rest: &str,
    values: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<Option<PaperRow>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM papers {rest}"))?;
    statement.query_row(values, from_sql).optional()
}

/// The row of a file.
pub(super) fn of_file(connection: &Connection, file: &str) -> rusqlite::Result<Option<PaperRow>> {
    first(connection, "WHERE file = ?1", params![file])
}

/// The row, other than that of `except`, that holds a content.
pub(super) fn holder(
    connection: &Connection,
    content: &str,
    except: &str,
) -> rusqlite::Result<Option<PaperRow>> {
    let rest = "WHERE content = ?1 AND duplicate_of IS NULL AND file <> ?2";
    first(connection, rest, params![content, except])
}

/// Takes a step, and says why.
pub(super) fn step(
    transaction: &Transaction<'_>,
    row: &PaperRow,
    step: Step,
    reason: Option<&str>,
) -> rusqlite::Result<()> {
    let next =
        row.status.after(step).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    transaction.execute(
        "UPDATE papers SET status = ?2, reason = ?3, updated_at = ?4 WHERE file = ?1",
        params![row.file, next.as_str(), reason, now()],
    )?;
    if step == Step::Queue {
        let last = "UPDATE papers SET ticket = (SELECT max(ticket) + 1 FROM papers) WHERE file = ?1";
        transaction.execute(last, params![row.file])?;
    }
    if next.is_at_rest() {
        transaction.execute("UPDATE papers SET retry_at = NULL WHERE file = ?1", params![row.file])?;
    }
    if matches!(step, Step::Index | Step::Skip) {
        transaction.execute("UPDATE papers SET attempts = 0 WHERE file = ?1", params![row.file])?;
    }
    Ok(())
}

/// Longest time between two tries (minutes).
const RETRY_MAX_MINUTES: i64 = 60;

/// A row that failed is tried again: after a minute, then after twice as long each time.
pub(super) fn retry_later(transaction: &Transaction<'_>, row: &PaperRow) -> rusqlite::Result<()> {
    let attempts: u32 = transaction.query_row(
        "UPDATE papers SET attempts = min(attempts + 1, 16) WHERE file = ?1 RETURNING attempts",
        params![row.file],
        |row| row.get(0),
    )?;
    let minutes = (1_i64 << attempts.saturating_sub(1).min(16)).min(RETRY_MAX_MINUTES);
    let at = jiff::Timestamp::now().saturating_add(jiff::SignedDuration::from_mins(minutes));
    let at = at.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    transaction
        .execute("UPDATE papers SET retry_at = ?2 WHERE file = ?1", params![row.file, format!("{at:.6}")])?;
    Ok(())
}

/// A new row, queued.
pub(super) fn insert(transaction: &Transaction<'_>, file: &str) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO papers (file, id, status, bytes, modified_ns, changed_ns, ticket, added_at, updated_at)
         VALUES (?1, ?2, 'queued', 0, 0, 0, (SELECT coalesce(max(ticket), 0) + 1 FROM papers), ?3, ?3)",
        params![file, id_of_file(file), now()],
    )?;
    Ok(())
}

/// The file is there, and looks like this.
pub(super) fn restamp(transaction: &Transaction<'_>, file: &str, stamp: Stamp) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE papers SET bytes = ?2, modified_ns = ?3, changed_ns = ?4, missing_since = NULL WHERE file = ?1",
        params![file, i64::try_from(stamp.bytes).unwrap_or(i64::MAX), stamp.modified_ns, stamp.changed_ns],
    )?;
    Ok(())
}

/// Makes the file the holder of a content.
pub(super) fn hold(transaction: &Transaction<'_>, file: &str, content: &str) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE papers SET id = ?2, content = ?3, duplicate_of = NULL WHERE file = ?1",
        params![file, id_of_content(content), content],
    )?;
    Ok(())
}

/// Makes a row that of a further file with a content.
pub(super) fn skip(
    transaction: &Transaction<'_>,
    row: &PaperRow,
    content: &str,
    first: &PaperRow,
) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE papers SET id = ?2, content = ?3, duplicate_of = ?4, note = NULL, note_id = NULL, metadata = NULL
         WHERE file = ?1",
        params![row.file, id_of_copy(content, &row.file), content, id_of_content(content)],
    )?;
    step(transaction, row, Step::Skip, Some(&format!("it has the same content as `{}`", first.file)))
}

/// Gives what is known of `from` (note, metadata, age) to the row of `to`.
pub(super) fn hand_over(transaction: &Transaction<'_>, from: &PaperRow, to: &str) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE papers SET (note, note_id, metadata, page_count, added_at) =
             (SELECT note, note_id, metadata, page_count, added_at FROM papers WHERE file = ?2)
         WHERE file = ?1",
        params![to, from.file],
    )?;
    Ok(())
}

/// Makes a copy the holder of the content that `from` has no more, and queues it, so that its note links to it.
pub(super) fn inherit(
    transaction: &Transaction<'_>,
    from: &PaperRow,
    heir: &PaperRow,
) -> rusqlite::Result<()> {
    hand_over(transaction, from, &heir.file)?;
    if let Some(content) = &heir.content {
        hold(transaction, &heir.file, content)?;
    }
    step(transaction, heir, Step::Queue, None)
}

/// The key of a file: relative to the vault with `/`, else absolute.
pub(super) fn key(vault: &Path, file: &Path) -> String {
    let key = file.strip_prefix(vault).unwrap_or(file).to_string_lossy();
    if std::path::MAIN_SEPARATOR == '/' { key.into_owned() } else { key.replace('\\', "/") }
}

/// The file of a key.
pub(super) fn path(vault: &Path, key: &str) -> PathBuf {
    vault.join(key)
}

/// The id of the first file with a content.
pub fn id_of_content(content: &str) -> String {
    content.chars().take(ID_DIGITS).collect()
}

/// The id of a further file with that content.
pub(super) fn id_of_copy(content: &str, file: &str) -> String {
    id_of_content(blake3::hash(format!("copy\0{content}\0{file}").as_bytes()).to_hex().as_str())
}

/// The id of a file whose content was not read.
fn id_of_file(file: &str) -> String {
    id_of_content(blake3::hash(format!("file\0{file}").as_bytes()).to_hex().as_str())
}

const ID_DIGITS: usize = 12;

/// The time now, RFC 3339 with microseconds, in UTC: sorts as text.
pub(super) fn now() -> String {
    format!("{:.6}", jiff::Timestamp::now())
}
