//! Which recipes the index holds, and the take-over from one to the next.
//!
//! A recipe is registered, built document by document, taken over when no document lacks it, and swept when it is no
//! longer wanted and nobody holds a [`Lease`] on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::RagError;
use super::index::{Index, create_tables, document, drop_tables, write_chunks};
use super::leases::Lease;
use super::recipe::Recipe;
use crate::settings::Rebuild;

/// How long a recipe that is being dropped is waited for, and from one look to the next.
const SWEPT_WITHIN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(2);

/// How far a recipe is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Built {
    pub(super) done: i64,
    pub(super) total: i64,
}

impl Index {
    /// The recipe that a new generation reads: the wanted one if it is ready, or if there is no document at all that
    /// could lack it; else the one that serves now. Only reads.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub(super) fn readable_recipe(&self, wanted: &Recipe) -> rusqlite::Result<Recipe> {
        self.database.read(|connection| {
            let ready = ready(connection)?;
            if ready.contains(wanted) || !has_documents(connection)? {
                return Ok(wanted.clone());
            }
            let serves = ready.into_iter().max_by_key(|recipe| self.leases.newest_reader(recipe));
            Ok(serves.unwrap_or_else(|| wanted.clone()))
        })
    }

    /// Holds the recipe that a new generation reads, by the lease that is held already if it is that one's. Waits while it is
    /// being dropped: a sweep takes one transaction, and then another one is readable, or this one can be made anew.
    ///
    /// # Errors
    /// What SQLite or the file system refuses; [`RagError::Replaced`] where that does not end.
    pub(super) fn lease_readable(
        &self,
        wanted: &Recipe,
        held: Option<&Arc<Lease>>,
    ) -> Result<Arc<Lease>, RagError> {
        let begun = Instant::now();
        while begun.elapsed() < SWEPT_WITHIN {
            let reads = self.readable_recipe(wanted)?;
            if let Some(held) = held.filter(|held| *held.recipe() == reads) {
                return Ok(Arc::clone(held));
            }
            if let Some(lease) = self.lease(&reads)? {
                return Ok(Arc::new(lease));
            }
            // Another process may hold it, and nobody tells when a lock of a file is free for others.
            std::thread::sleep(PAUSE);
        }
        Err(RagError::Replaced)
    }

    /// Holds a recipe for a reader. `None` where it was swept since [`Index::readable_recipe`] named it, or is just now.
    ///
    /// # Errors
    /// What SQLite or the file system refuses.
    pub(super) fn lease(&self, recipe: &Recipe) -> Result<Option<Lease>, RagError> {
        let Some(lease) = self.leases.take(recipe)? else {
            return Ok(None);
        };
        // As a writer, so that no sweep is under way that looked for readers before this one came.
        let stands = self.database.write(|transaction| {
            let nothing_to_lose = ready(transaction)?.is_empty() || !has_documents(transaction)?;
            Ok(nothing_to_lose || is_registered(transaction, recipe)?)
        })?;
        Ok(stands.then_some(lease))
    }

    /// Makes room for a recipe, if it has none yet. A recipe that no document lacks is ready at once.
    pub(super) fn register(&self, recipe: &Recipe) -> rusqlite::Result<()> {
        self.database.write(|transaction| {
            if is_registered(transaction, recipe)? {
                return Ok(());
            }
            transaction.execute(
                "INSERT INTO recipes (id, chunk_size, chunk_overlap) VALUES (?1, ?2, ?3)",
                params![recipe.id(), recipe.chunk_size(), recipe.chunk_overlap()],
            )?;
            create_tables(transaction, recipe)?;
            make_ready(transaction, recipe).map(|_is_ready| ())
        })
    }

    /// Builds the next document that lacks the recipe: one transaction. `None` when none lacks it.
    pub(super) fn build_next(&self, recipe: &Recipe) -> rusqlite::Result<Option<Built>> {
        self.database.write(|transaction| {
            let Some(number) = next_lacking(transaction, recipe)? else {
                return Ok(None);
            };
            let paper = document(transaction, number)?;
            write_chunks(transaction, recipe, number, &paper)?;
            built(transaction, recipe).map(Some)
        })
    }

    /// Builds a recipe to its end and takes it over: for a process that has no [`super::builder::Builder`]. Blocking.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn build(&self, recipe: &Recipe) -> rusqlite::Result<()> {
        self.register(recipe)?;
        while !self.take_over(recipe)? {
            self.build_next(recipe)?;
        }
        Ok(())
    }

    /// How far a recipe is built.
    pub(super) fn built(&self, recipe: &Recipe) -> rusqlite::Result<Built> {
        self.database.read(|connection| built(connection, recipe))
    }

    /// What would have to be built for `wanted`, beside what is read now.
    pub(super) fn rebuild(&self, reads: &Recipe, wanted: &Recipe) -> rusqlite::Result<Rebuild> {
        self.database.read(|connection| {
            let Built { done, total } = built(connection, wanted)?;
            let chunks = connection
                .prepare_cached("SELECT coalesce(sum(chunks), 0) FROM chunked WHERE recipe = ?1")?
                .query_row([reads.id()], |row| row.get(0))?;
            Ok(Rebuild { papers: total, done, chunks })
        })
    }

    /// Whether a recipe is ready.
    pub(super) fn is_ready(&self, recipe: &Recipe) -> rusqlite::Result<bool> {
        self.database.read(|connection| Ok(ready(connection)?.contains(recipe)))
    }

    /// Makes a recipe ready, in one transaction that first sees that no document lacks it. Says whether it is ready;
    /// `false`: a document still lacks it.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn take_over(&self, recipe: &Recipe) -> rusqlite::Result<bool> {
        self.database.write(|transaction| make_ready(transaction, recipe))
    }

    /// Drops every recipe but the wanted one that no process reads, once the wanted one is ready.
    pub(super) fn sweep(&self, wanted: &Recipe) -> rusqlite::Result<Swept> {
        let (swept, _claims) = self.database.write(|transaction| {
            let mut swept = Swept::default();
            let mut claims = Vec::new();
            if !ready(transaction)?.contains(wanted) {
                return Ok((swept, claims));
            }
            for recipe in all(transaction)?.into_iter().filter(|recipe| recipe != wanted) {
                let Some(claim) = self.leases.claim(&recipe) else {
                    swept.read += 1;
                    continue;
                };
                claims.push(claim);
                drop_tables(transaction, &recipe)?;
                transaction.execute("DELETE FROM recipes WHERE id = ?1", [recipe.id()])?;
                swept.dropped.push(recipe);
            }
            // The claims last until this is committed.
            Ok((swept, claims))
        })?;
        Ok(swept)
    }
}

/// What became of the recipes that are not wanted.
#[derive(Debug, Default)]
pub(super) struct Swept {
    /// Those that are gone.
    pub(super) dropped: Vec<Recipe>,
    /// How many are still read.
    pub(super) read: usize,
}

/// Every recipe that has tables, ready or being built.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Recipe>> {
    select(connection, "SELECT id, chunk_size, chunk_overlap FROM recipes ORDER BY id")
}

/// Every recipe that is ready, the last taken over at the end.
fn ready(connection: &Connection) -> rusqlite::Result<Vec<Recipe>> {
    select(connection, "SELECT id, chunk_size, chunk_overlap FROM recipes WHERE ready > 0 ORDER BY ready")
}

fn select(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<Recipe>> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| Ok(Recipe::stored(row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.filter_map(Result::transpose).collect()
}

/// Whether a recipe has tables.
pub(super) fn is_registered(connection: &Connection, recipe: &Recipe) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM recipes WHERE id = ?1")?.exists([recipe.id()])
}

fn has_documents(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM documents")?.exists([])
}

fn next_lacking(connection: &Connection, recipe: &Recipe) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT id FROM documents WHERE id NOT IN (SELECT document FROM chunked WHERE recipe = ?1)
             ORDER BY id LIMIT 1",
        )?
        .query_row([recipe.id()], |row| row.get(0))
        .optional()
}

fn built(connection: &Connection, recipe: &Recipe) -> rusqlite::Result<Built> {
    connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM chunked WHERE recipe = ?1), (SELECT count(*) FROM documents)",
        )?
        .query_row([recipe.id()], |row| Ok(Built { done: row.get(0)?, total: row.get(1)? }))
}

fn make_ready(transaction: &Transaction<'_>, recipe: &Recipe) -> rusqlite::Result<bool> {
    if !is_registered(transaction, recipe)? || next_lacking(transaction, recipe)?.is_some() {
        return Ok(false);
    }
    transaction.execute(
        "UPDATE recipes SET ready = 1 + (SELECT max(ready) FROM recipes) WHERE id = ?1 AND ready = 0",
        [recipe.id()],
    )?;
    Ok(true)
}
