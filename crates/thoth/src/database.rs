//! One SQLite file in the state directory: a single writer, any number of readers beside it (WAL).
//!
//! Invariants of the file:
//! 1. `PRAGMA user_version` is the version of the state; a file of a newer one is refused untouched.
//! 2. Everything that belongs together is written in one transaction of [`Database::write`], so that a crash at any
//!    moment leaves the state before it or the state after it.
//! 3. One read sees one state: [`Database::read`] runs in one snapshot from its first statement to its last.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

/// The version of the state that this binary reads and writes.
pub const STATE_VERSION: i64 = 1;

/// Readers that are kept open between reads.
const IDLE_READERS_MAX: usize = 4;

/// Up to this size in bytes the whole file is checked when it is opened (about 0.1 s); damage in a larger one is
/// reported when a read meets it.
const CHECKED_AT_OPEN_BYTES_MAX: u64 = 32 << 20;

/// Bytes that the write-ahead log keeps on disk after it was taken over.
const LOG_KEPT_BYTES_MAX: i64 = 32 << 20;

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Written by a newer Thoth.
    #[error(
        "the state in `{}` has version {found}, this Thoth knows versions up to {STATE_VERSION}: run the newer \
         Thoth that wrote it, or name another state directory in `THOTH_STATE_DIR`", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// Not a database, or a damaged one.
    #[error(
        "the index `{}` is damaged ({detail}): move the file away and start again; it is made anew from the PDFs",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite found.
        detail: String,
    },
    /// Anything else: no such folder, no permission, disk full, locked for too long.
    #[error("the index `{}` cannot be opened: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// The shared database. Blocking: call it from `spawn_blocking` or a thread of its own.
#[derive(Debug)]
pub struct Database {
    writer: Mutex<Connection>,
    idle_readers: Mutex<Vec<Connection>>,
    path: PathBuf,
}

impl Database {
    /// Opens the database, makes it if it is absent, and brings its tables up (`schema` must be idempotent:
    /// `CREATE TABLE IF NOT EXISTS …`).
    ///
    /// # Errors
    /// A newer version, damage, or what else SQLite refuses; see [`DatabaseError`].
    pub fn open(path: &Path, schema: &[&str]) -> Result<Self, DatabaseError> {
        let refused = |source| refusal(path, source);
        private(path);
        let mut writer = connect(path).map_err(refused)?;
        let found: i64 =
            writer.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(refused)?;
        if found > STATE_VERSION {
            return Err(DatabaseError::Newer { path: path.to_owned(), found });
        }
        if let Some(detail) = damage(&writer, path).map_err(refused)? {
            return Err(DatabaseError::Damaged { path: path.to_owned(), detail });
        }
        bring_up(&mut writer, schema).map_err(refused)?;
        Ok(Self { writer: Mutex::new(writer), idle_readers: Mutex::new(Vec::new()), path: path.to_owned() })
    }

    /// The folder that it stands in.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// Begins to watch for writes, by whichever process.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn changes(&self) -> rusqlite::Result<Changes> {
        Ok(Changes { connection: connect_reader(&self.path)? })
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
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }

    /// Reads beside the writer; `work` sees one consistent snapshot, however many statements it runs.
    ///
    /// # Errors
    /// What `work` or SQLite refuses.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let idle = lock(&self.idle_readers).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect_reader(&self.path)?,
        };
        let snapshot = connection.unchecked_transaction()?;
        let value = work(&snapshot);
        snapshot.finish()?;
        let mut idle = lock(&self.idle_readers);
        if idle.len() < IDLE_READERS_MAX {
            idle.push(connection);
        }
        value
    }
}

/// Tells whether the database was written, without reading it.
#[derive(Debug)]
pub struct Changes {
    connection: Connection,
}

impl Changes {
    /// A number that differs from the one before if anything was written since, by this process or by another one.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn version(&self) -> rusqlite::Result<i64> {
        self.connection.pragma_query_value(None, "data_version", |row| row.get(0))
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
    connection.pragma_update(None, "journal_size_limit", LOG_KEPT_BYTES_MAX)?;
    Ok(connection)
}

fn connect_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// What is wrong with the file, as far as it is small enough to be read whole.
fn damage(connection: &Connection, path: &Path) -> rusqlite::Result<Option<String>> {
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if bytes > CHECKED_AT_OPEN_BYTES_MAX {
        return Ok(None);
    }
    let report: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((report != "ok").then_some(report))
}

fn bring_up(writer: &mut Connection, schema: &[&str]) -> rusqlite::Result<()> {
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for part in schema {
        transaction.execute_batch(part)?;
    }
    transaction.pragma_update(None, "user_version", STATE_VERSION)?;
    transaction.commit()
}

/// Makes the file for its owner alone: it has the text of every paper. SQLite gives its companions the same mode.
fn private(path: &Path) {
    let mut options = std::fs::File::options();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // What is refused here, SQLite refuses next, and says so.
    drop(options.append(true).create(true).open(path));
}

fn refusal(path: &Path, source: rusqlite::Error) -> DatabaseError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            DatabaseError::Damaged { path, detail: source.to_string() }
        }
        _ => DatabaseError::Sqlite { path, source },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    const PAIRS: &str = "CREATE TABLE IF NOT EXISTS pair (id INTEGER PRIMARY KEY, value INTEGER NOT NULL);";

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    #[test]
    fn it_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("thoth.db"), &["CREATE TABLE t (x)"]).unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
        }
        drop(database);
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let folder = folder();
        let database = Database::open(&folder.path().join("index.db"), &[PAIRS]).expect("opens");
        let failed: rusqlite::Result<()> = database.write(|transaction| {
            transaction.execute("INSERT INTO pair VALUES (1, 1)", [])?;
            Err(rusqlite::Error::InvalidQuery)
        });
        assert!(failed.is_err());
        let rows: i64 = database
            .read(|connection| connection.query_row("SELECT count(*) FROM pair", [], |row| row.get(0)))
            .expect("reads");
        assert_eq!(rows, 0);
    }

    #[test]
    fn readers_see_whole_transactions_while_a_writer_works() {
        let folder = folder();
        let database = Database::open(&folder.path().join("index.db"), &[PAIRS]).expect("opens");
        let set = |value: i64| {
            database.write(|transaction| {
                transaction.execute("INSERT OR REPLACE INTO pair VALUES (1, ?1)", [value])?;
                transaction.execute("INSERT OR REPLACE INTO pair VALUES (2, ?1)", [value])
            })
        };
        set(0).expect("writes");
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let one = |connection: &Connection, id: i64| {
                        connection.query_row("SELECT value FROM pair WHERE id = ?1", [id], |row| {
                            row.get::<_, i64>(0)
                        })
                    };
                    let mut newest = 0;
                    while !done.load(Ordering::Relaxed) {
                        let (first, second) = database
                            .read(|connection| Ok((one(connection, 1)?, one(connection, 2)?)))
                            .expect("a reader is never locked out");
                        assert_eq!(first, second, "a reader saw half of a transaction");
                        assert!(first >= newest, "a reader went back in time");
                        newest = first;
                    }
                });
            }
            for value in 1..=300 {
                set(value).expect("writes");
            }
            done.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn a_read_sees_one_state_though_it_changes_meanwhile() {
        let folder = folder();
        let database = Database::open(&folder.path().join("index.db"), &[PAIRS]).expect("opens");
        let insert = |id: i64| {
            let written =
                database.write(|transaction| transaction.execute("INSERT INTO pair VALUES (?1, 0)", [id]));
            written.expect("writes beside a reader");
        };
        let count = |connection: &Connection| -> rusqlite::Result<i64> {
            connection.query_row("SELECT count(*) FROM pair", [], |row| row.get(0))
        };
        insert(1);
        let (before, after) = database
            .read(|connection| {
                let before = count(connection)?;
                insert(2);
                Ok((before, count(connection)?))
            })
            .expect("reads");
        assert_eq!((before, after), (1, 1));
        assert_eq!(database.read(count), Ok(2), "the next read sees the new state");
    }

    /// A second connection to the file is as good as a second process: SQLite locks the file, not the process. Each
    /// thread opens the database anew, at the same time as the others, and writes what needs what the others wrote.
    #[test]
    fn several_processes_open_and_write_at_the_same_time() {
        const EACH: i64 = 100;
        let folder = folder();
        let path = folder.path().join("index.db");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let database = Database::open(&path, &[PAIRS]).expect("opens while others open");
                    for _ in 0..EACH {
                        let next = "INSERT INTO pair SELECT coalesce(max(id), 0) + 1, 0 FROM pair";
                        database.write(|transaction| transaction.execute(next, [])).expect("waits its turn");
                    }
                });
            }
        });
        let database = Database::open(&path, &[PAIRS]).expect("opens");
        let newest = |connection: &Connection| {
            connection.query_row("SELECT max(id) FROM pair", [], |row| row.get::<_, i64>(0))
        };
        assert_eq!(database.read(newest), Ok(4 * EACH), "nothing is lost and nothing written twice");
    }

    #[test]
    fn writes_of_others_are_noticed_without_reading() {
        let folder = folder();
        let path = folder.path().join("index.db");
        let ours = Database::open(&path, &[PAIRS]).expect("opens");
        let theirs = Database::open(&path, &[]).expect("opens");
        let changes = ours.changes().expect("opens");
        let before = changes.version().expect("reads");
        assert_eq!(changes.version(), Ok(before), "nothing was written");
        theirs
            .write(|transaction| transaction.execute("INSERT INTO pair VALUES (1, 1)", []))
            .expect("writes");
        let after = changes.version().expect("reads");
        assert_ne!(after, before);
        assert_eq!(changes.version(), Ok(after));
    }

    #[test]
    fn a_newer_state_is_refused_in_words_and_untouched() {
        let folder = folder();
        let path = folder.path().join("index.db");
        drop(Database::open(&path, &[PAIRS]).expect("opens"));
        Connection::open(&path)
            .and_then(|connection| connection.pragma_update(None, "user_version", STATE_VERSION + 1))
            .expect("a version from the future");
        let before = std::fs::read(&path).expect("readable");
        let error = Database::open(&path, &[PAIRS, "CREATE TABLE more (x)"]).expect_err("is refused");
        assert!(matches!(error, DatabaseError::Newer { found, .. } if found == STATE_VERSION + 1), "{error}");
        assert!(error.to_string().contains("THOTH_STATE_DIR"), "{error}");
        assert_eq!(before, std::fs::read(&path).expect("readable"));
    }

    #[test]
    fn a_file_that_is_no_database_and_a_damaged_one_are_called_damaged() {
        let folder = folder();
        let path = folder.path().join("index.db");
        std::fs::write(&path, "this is not a database, but it is longer than a header ".repeat(40))
            .expect("writes");
        let error = Database::open(&path, &[PAIRS]).expect_err("is refused");
        assert!(matches!(error, DatabaseError::Damaged { .. }), "{error}");

        std::fs::remove_file(&path).expect("removes");
        let database = Database::open(&path, &[PAIRS]).expect("opens");
        database
            .write(|transaction| {
                (0..2_000).try_for_each(|id| {
                    transaction.execute("INSERT INTO pair VALUES (?1, ?1)", [id]).map(|_rows| ())
                })
            })
            .expect("writes");
        drop(database);
        let mut bytes = std::fs::read(&path).expect("readable");
        let half = bytes.len() / 2;
        bytes.iter_mut().skip(half).for_each(|byte| *byte = 0xff);
        std::fs::write(&path, bytes).expect("writes");
        let error = Database::open(&path, &[PAIRS]).expect_err("is refused");
        assert!(matches!(error, DatabaseError::Damaged { .. }), "{error}");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = Database::open(Path::new("/nonexistent/thoth/index.db"), &[]).expect_err("is refused");
        assert!(error.to_string().contains("/nonexistent/thoth/index.db"), "{error}");
    }
}
