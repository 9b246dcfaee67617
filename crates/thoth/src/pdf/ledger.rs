//! The ledger: one row for each PDF that was ever seen, and the queue of those that wait.
//!
//! What holds at any time, also after `kill -9`:
//!
//! 1. A row's key is its file: relative to the vault with `/`, absolute outside it. `id` and `content` follow the
//!    file's content.
//! 2. Of the rows with one content at most one is its *holder* (`duplicate_of` is null and a content is set); the
//!    others are `skipped` and name the holder's id.
//! 3. `reading` is held by a worker of this process only: [`Ledger::resume`] at the start puts what an earlier
//!    process left back into the queue.
//! 4. Every change of `status` is a legal [`Step`], and only the worker that took a row last can finish it.
//!
//! The note of a file, its metadata and its document stay when the file vanishes; `missing_since` says so.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Transaction, params};

use super::folder::Stamp;
use super::intake;
use super::outcome::{Blame, Finding, Gone};
use super::row::{self, PaperRow};
use super::status::{Status, Step};
use crate::database::Database;

/// The table of the ledger.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS papers (
    file          TEXT PRIMARY KEY,
    id            TEXT NOT NULL,
    content       TEXT,
    status        TEXT NOT NULL,
    reason        TEXT,
    duplicate_of  TEXT,
    note          TEXT,
    note_id       TEXT,
    metadata      TEXT,
    page_count    INTEGER,
    bytes         INTEGER NOT NULL,
    modified_ns   INTEGER NOT NULL,
    changed_ns    INTEGER NOT NULL,
    missing_since TEXT,
    ticket        INTEGER NOT NULL,
    attempts      INTEGER NOT NULL DEFAULT 0,
    retry_at      TEXT,
    added_at      TEXT NOT NULL,
    updated_at    TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS papers_id ON papers(id);
CREATE INDEX IF NOT EXISTS papers_content ON papers(content);
CREATE INDEX IF NOT EXISTS papers_status ON papers(status, ticket);
";

/// The ledger. Blocking, as the database is.
pub struct Ledger {
    database: Arc<Database>,
    vault: PathBuf,
    /// Whose a content is, is decided by one thread at a time: the decision reads the ledger and the file system.
    deciding: Mutex<()>,
}

impl Ledger {
    /// The ledger of a vault in this database, which has its [`SCHEMA`].
    pub fn new(database: Arc<Database>, vault: PathBuf) -> Self {
        Self { database, vault, deciding: Mutex::new(()) }
    }

    /// The rows, newest first: `limit` of them, or all.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn papers(&self, limit: Option<usize>) -> rusqlite::Result<Vec<PaperRow>> {
        let limit = limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(-1);
        self.select("ORDER BY added_at DESC, file LIMIT ?1", params![limit])
    }

    /// The rows that changed their status after this time, in that order.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn news(&self, since: &str) -> rusqlite::Result<Vec<PaperRow>> {
        self.select("WHERE updated_at > ?1 ORDER BY updated_at", params![since])
    }

    /// The row of a file.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn row(&self, file: &Path) -> rusqlite::Result<Option<PaperRow>> {
        let key = self.key(file);
        self.database.read(|connection| row::of_file(connection, &key))
    }

    /// The row with this id; of two that have it, the one whose file is there.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn of_id(&self, id: &str) -> rusqlite::Result<Option<PaperRow>> {
        let rest = "WHERE id = ?1 ORDER BY missing_since IS NOT NULL, added_at LIMIT 1";
        self.database.read(|connection| row::first(connection, rest, params![id]))
    }

    /// The row that holds a content.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn holder(&self, content: &str) -> rusqlite::Result<Option<PaperRow>> {
        self.database.read(|connection| row::holder(connection, content, ""))
    }

    /// The files in a folder that have a row and were there, with the stamps by which they are known.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn known(&self, folder: &Path) -> rusqlite::Result<HashMap<PathBuf, Stamp>> {
        let rows = self.select("WHERE missing_since IS NULL", params![])?;
        let known = rows.into_iter().map(|row| (self.path(&row), row.stamp));
        Ok(known.filter(|(path, _)| path.starts_with(folder)).collect())
    }

    /// Number of rows by status; statuses without a row are left out.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn counts(&self) -> rusqlite::Result<BTreeMap<Status, u64>> {
        self.database.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT status, count(*) FROM papers GROUP BY status")?;
            statement
                .query_map([], |row| Ok((row::status(row, 0)?, row.get::<_, i64>(1)?.unsigned_abs())))?
                .collect()
        })
    }

    /// The path of a row's file.
    pub fn path(&self, row: &PaperRow) -> PathBuf {
        row::path(&self.vault, &row.file)
    }

    /// The path of a row's note.
    pub fn note(&self, row: &PaperRow) -> Option<PathBuf> {
        row.note.as_deref().map(|note| row::path(&self.vault, note))
    }

    /// Puts a file into the queue. `None` if the queue already has it with this stamp.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn queue(&self, file: &Path, stamp: Stamp) -> rusqlite::Result<Option<PaperRow>> {
        let key = self.key(file);
        self.database.write(|transaction| {
            match row::of_file(transaction, &key)? {
                Some(known) if !known.status.is_at_rest() && known.stamp == stamp => return Ok(None),
                Some(known) => row::step(transaction, &known, Step::Queue, None)?,
                None => row::insert(transaction, &key)?,
            }
            row::restamp(transaction, &key, stamp)?;
            row::of_file(transaction, &key)
        })
    }

    /// Notes that a file is there with this stamp, its content being the same as before.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn restamp(&self, file: &Path, stamp: Stamp) -> rusqlite::Result<()> {
        let key = self.key(file);
        self.database.write(|transaction| row::restamp(transaction, &key, stamp))
    }

    /// Puts what an earlier process left in the middle back into the queue. Gives its number of files.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn resume(&self) -> rusqlite::Result<usize> {
        let left = self.select("WHERE status = 'reading'", params![])?;
        for row in &left {
            self.give_back(row)?;
        }
        Ok(left.len())
    }

    /// Queues the files that hold one of these contents, are read, and were there. Gives how many.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn queue_again(&self, contents: &HashSet<String>) -> rusqlite::Result<usize> {
        let read = "WHERE status = 'indexed' AND duplicate_of IS NULL AND missing_since IS NULL";
        let rows = if contents.is_empty() { Vec::new() } else { self.select(read, params![])? };
        let rows = rows.iter().filter(|row| row.content.as_ref().is_some_and(|held| contents.contains(held)));
        let queued = rows.map(|row| self.queue(&self.path(row), row.stamp));
        Ok(queued.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().count())
    }

    /// Queues the files that were too large for the setting and have at most so many bytes. Gives what was queued.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn queue_allowed(&self, max_bytes: u64) -> rusqlite::Result<Vec<PaperRow>> {
        let too_large =
            "WHERE status = 'failed' AND missing_since IS NULL AND bytes <= ?1 AND instr(reason, ?2)";
        let max_bytes = i64::try_from(max_bytes).unwrap_or(i64::MAX);
        let rows = self.select(too_large, params![max_bytes, intake::SIZE_KEY])?;
        let queued = rows.iter().map(|row| self.queue(&self.path(row), row.stamp));
        Ok(queued.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// The row with this id.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn paper(&self, id: &str) -> rusqlite::Result<Option<PaperRow>> {
        self.database.read(|connection| row::first(connection, "WHERE id = ?1", params![id]))
    }

    /// Takes the file that waits longest out of the queue.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn take(&self) -> rusqlite::Result<Option<PaperRow>> {
        let longest = "WHERE status = 'queued' ORDER BY ticket LIMIT 1";
        // An empty queue, which is the rule, locks nobody out.
        if self.database.read(|connection| row::first(connection, longest, params![]))?.is_none() {
            return Ok(None);
        }
        self.database.write(|transaction| {
            let Some(row) = row::first(transaction, longest, params![])? else {
                return Ok(None);
            };
            row::step(transaction, &row, Step::Take, None)?;
            row::of_file(transaction, &row.file)
        })
    }

    /// Puts a file back that was taken.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn give_back(&self, taken: &PaperRow) -> rusqlite::Result<()> {
        self.finish(taken, |transaction, row| row::step(transaction, row, Step::GiveBack, None)).map(drop)
    }

    /// Decides whose the content is that was read from a file that was taken. The row that comes back is `reading`
    /// where it is this file's (after a move it knows what the old row knew), `skipped` where it is another's, and
    /// `None` where the file was queued again meanwhile.
    ///
    /// `forget` is called with the content that the file had before, if no file has it any more.
    ///
    /// # Errors
    /// What SQLite or `forget` refuses.
    pub fn claim(
        &self,
        taken: &PaperRow,
        content: &str,
        forget: impl FnOnce(&str) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<Option<PaperRow>> {
        let _deciding = self.decide();
        let former = taken.content.as_deref().filter(|old| *old != content && taken.duplicate_of.is_none());
        let heir = former.map(|former| self.heir(former)).transpose()?.flatten();
        if let (Some(former), None) = (former, &heir) {
            forget(former)?;
        }
        self.finish(taken, |transaction, row| {
            if let Some(heir) = &heir {
                row::inherit(transaction, row, heir)?;
                let nothing =
                    "UPDATE papers SET note = NULL, note_id = NULL, metadata = NULL WHERE file = ?1";
                transaction.execute(nothing, params![row.file])?;
            }
            match row::holder(transaction, content, &row.file)? {
                Some(first) if !first.status.is_at_rest() || is_there(&self.path(&first)) => {
                    row::skip(transaction, row, content, &first)?;
                }
                Some(moved) => {
                    row::hand_over(transaction, &moved, &row.file)?;
                    transaction.execute("DELETE FROM papers WHERE file = ?1", params![moved.file])?;
                    row::hold(transaction, &row.file, content)?;
                }
                None => row::hold(transaction, &row.file, content)?,
            }
            row::of_file(transaction, &row.file)
        })
        .map(Option::flatten)
    }

    /// Writes down that a file that was taken is read. `None` if it was queued again meanwhile.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn indexed(&self, taken: &PaperRow, finding: &Finding<'_>) -> rusqlite::Result<Option<PaperRow>> {
        let metadata = serde_json::to_string(finding.metadata)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let note = finding.note.map(|note| self.key(note));
        self.finish(taken, |transaction, row| {
            transaction.execute(
                "UPDATE papers SET metadata = ?2, page_count = ?3, note = ?4, note_id = ?5 WHERE file = ?1",
                params![row.file, metadata, finding.page_count, note, finding.note_id],
            )?;
            row::step(transaction, row, Step::Index, finding.remark)?;
            row::of_file(transaction, &row.file)
        })
        .map(Option::flatten)
    }

    /// Writes down what else is known of a file that was read and rests since; its status stays. `None` if it was
    /// queued again meanwhile.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn amend(&self, row: &PaperRow, finding: &Finding<'_>) -> rusqlite::Result<Option<PaperRow>> {
        let metadata = serde_json::to_string(finding.metadata)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let note = finding.note.map(|note| self.key(note));
        self.database.write(|transaction| {
            let amended = transaction.execute(
                "UPDATE papers SET metadata = ?3, note = ?4, note_id = ?5, reason = ?6
                 WHERE file = ?1 AND ticket = ?2 AND status = 'indexed'",
                params![row.file, row.ticket, metadata, note, finding.note_id, finding.remark],
            )?;
            if amended == 0 { Ok(None) } else { row::of_file(transaction, &row.file) }
        })
    }

    /// Writes down why a file that was taken could not be read. `None` if it was queued again meanwhile.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn failed(&self, taken: &PaperRow, reason: &str, blame: Blame) -> rusqlite::Result<Option<PaperRow>> {
        self.finish(taken, |transaction, row| {
            row::step(transaction, row, Step::Fail, Some(reason))?;
            if blame == Blame::World {
                row::retry_later(transaction, row)?;
            }
            row::of_file(transaction, &row.file)
        })
        .map(Option::flatten)
    }

    /// Queues what failed by no fault of its file, once its time has come. Gives what was queued.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn retry(&self) -> rusqlite::Result<Vec<PaperRow>> {
        let due = self.select("WHERE status = 'failed' AND retry_at <= ?1", params![row::now()])?;
        let queued = due.iter().map(|due| self.queue(&self.path(due), due.stamp));
        Ok(queued.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// Writes down that a file is gone. A row that knows nothing but the file goes with it; what was read stays. If
    /// a copy with the same content is there, it becomes the holder and is queued.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn gone(&self, file: &Path) -> rusqlite::Result<Gone> {
        let _deciding = self.decide();
        let row = match self.row(file)? {
            Some(row) if row.status == Status::Reading => return Ok(Gone::NotYet),
            Some(row) => row,
            None => return Ok(Gone::Noted(None)),
        };
        let held = row.content.as_deref().filter(|_| row.duplicate_of.is_none());
        let heir = held.map(|content| self.heir(content)).transpose()?.flatten();
        self.database.write(|transaction| {
            if let Some(heir) = &heir {
                row::inherit(transaction, &row, heir)?;
            }
            if heir.is_some() || row.metadata.is_none() {
                transaction.execute("DELETE FROM papers WHERE file = ?1", params![row.file])?;
            } else {
                let since = "UPDATE papers SET missing_since = coalesce(missing_since, ?2) WHERE file = ?1";
                transaction.execute(since, params![row.file, row::now()])?;
            }
            let heir = heir.as_ref().map(|heir| row::of_file(transaction, &heir.file)).transpose()?.flatten();
            Ok(Gone::Noted(heir.map(Box::new)))
        })
    }

    /// A copy of a content whose file is there.
    fn heir(&self, content: &str) -> rusqlite::Result<Option<PaperRow>> {
        let copies = "WHERE content = ?1 AND status = 'skipped' ORDER BY added_at, file";
        Ok(self.select(copies, params![content])?.into_iter().find(|copy| is_there(&self.path(copy))))
    }

    fn key(&self, file: &Path) -> String {
        row::key(&self.vault, file)
    }

    fn select(&self, rest: &str, values: &[&dyn rusqlite::ToSql]) -> rusqlite::Result<Vec<PaperRow>> {
        self.database.read(|connection| {
            let mut statement =
                connection.prepare_cached(&format!("SELECT {} FROM papers {rest}", row::COLUMNS))?;
            statement.query_map(values, row::from_sql)?.collect()
        })
    }

    fn decide(&self) -> MutexGuard<'_, ()> {
        self.deciding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` on a row that was taken, unless it was queued again since.
    fn finish<T>(
        &self,
        taken: &PaperRow,
        work: impl FnOnce(&Transaction<'_>, &PaperRow) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        let same = "WHERE file = ?1 AND status = 'reading' AND ticket = ?2";
        self.database.write(|transaction| {
            match row::first(transaction, same, params![taken.file, taken.ticket])? {
                Some(row) => work(transaction, &row).map(Some),
                None => Ok(None),
            }
        })
    }
}

/// Whether a file is there. What cannot be told (a folder that may not be entered) counts as there: nothing is
/// taken from a file that may come back.
pub(super) fn is_there(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}
