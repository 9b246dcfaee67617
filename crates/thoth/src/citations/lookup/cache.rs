//! Answers that are known, kept in the state database; also that a source knows nothing.
//!
//! A row is one question to one source at one address, with what was understood of the answer, until it expires.

use std::sync::Arc;

use rusqlite::{OptionalExtension, params};

use super::answer::Known;
use crate::database::Database;

/// The table of answers.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS lookups (
    source     TEXT NOT NULL,
    question   TEXT NOT NULL,
    answer     TEXT NOT NULL,
    expires_at INTEGER NOT NULL, -- seconds since 1970
    PRIMARY KEY (source, question)
) WITHOUT ROWID;
";

/// Seconds for which an answer is good: works change seldom.
const KNOWN_SECONDS: i64 = 90 * 86_400;
/// Seconds for which it is good that there is none: new works come late into the sources.
const UNKNOWN_SECONDS: i64 = 7 * 86_400;

/// The cache. Blocking, as the database is.
#[derive(Clone)]
pub(super) struct Cache(pub(super) Arc<Database>);

impl Cache {
    /// An answer that is good at this time (seconds since 1970); empty where the source knew nothing.
    pub(super) fn find(
        &self,
        source: &str,
        question: &str,
        now: i64,
    ) -> rusqlite::Result<Option<Vec<Known>>> {
        let found: Option<String> = self.0.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT answer FROM lookups WHERE source = ?1 AND question = ?2 AND expires_at > ?3",
                )?
                .query_row(params![source, question, now], |row| row.get(0))
                .optional()
        })?;
        // What an older version wrote in another form is asked anew.
        Ok(found.and_then(|answer| serde_json::from_str(&answer).ok()))
    }

    /// Keeps an answer, and forgets what has expired.
    pub(super) fn keep(
        &self,
        source: &str,
        question: &str,
        works: &[Known],
        now: i64,
    ) -> rusqlite::Result<()> {
        let answer = serde_json::to_string(works)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let seconds = if works.is_empty() { UNKNOWN_SECONDS } else { KNOWN_SECONDS };
        self.0.write(|transaction| {
            transaction.execute("DELETE FROM lookups WHERE expires_at <= ?1", params![now])?;
            transaction.execute(
                "INSERT OR REPLACE INTO lookups (source, question, answer, expires_at) VALUES (?1, ?2, ?3, ?4)",
                params![source, question, answer, now.saturating_add(seconds)],
            )?;
            Ok(())
        })
    }
}
