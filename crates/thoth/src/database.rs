//! One SQLite file in the state directory: a single writer, any number of readers (WAL).

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

/// The shared database. Blocking: call it from `spawn_blocking` or a thread of its own.
pub struct Database {
    writer: Mutex<Connection>,
    idle_readers: Mutex<Vec<Connection>>,
    path: std::path::PathBuf,
}

/// Readers that are kept open between reads.
const IDLE_READERS_MAX: usize = 4;

impl Database {
    /// Opens the database, makes it if it is absent, and brings its tables up (`schema` must be idempotent:
    /// `CREATE TABLE IF NOT EXISTS …`).
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn open(path: &Path, schema: &[&str]) -> rusqlite::Result<Self> {
        let writer = connect(path)?;
        for part in schema {
            writer.execute_batch(part)?;
        }
        Ok(Self {
            writer: Mutex::new(writer),
            idle_readers: Mutex::new(Vec::new()),
            path: path.to_owned(),
        })
    }

    /// Runs one transaction; it is rolled back when `work` fails.
    ///
    /// # Errors
    /// What `work` or SQLite refuses.
    pub fn write<T>(
        &self,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let mut connection = lock(&self.writer);
        let transaction = connection.transaction()?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }

    /// Reads beside the writer, from one consistent snapshot per statement.
    ///
    /// # Errors
    /// What `work` or SQLite refuses.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let idle = lock(&self.idle_readers).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path)?,
        };
        let value = work(&connection);
        let mut idle = lock(&self.idle_readers);
        if idle.len() < IDLE_READERS_MAX {
            idle.push(connection);
        }
        value
    }
}

/// A panic in one piece of work leaves SQLite's own state consistent: the transaction was dropped, so rolled back.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}
