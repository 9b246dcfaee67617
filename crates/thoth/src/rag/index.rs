//! The index: documents, chunks by recipe, full text search. Shared by all generations.
//!
//! Invariants of what is stored:
//! 1. A document is a whole [`Paper`], keyed by the hash of its PDF's bytes. Everything else in the index can be made
//!    from the documents.
//!    Its row in `readings` says which version of the reader gave it; without one that was the first.
//! 2. Each document stands once in `titles` (title, authors and so on), under the document's number.
//! 3. `chunked` names a document under a recipe exactly when the recipe's own table holds all of the document's
//!    chunks, under the row numbers `document · 2²⁰ + chunk`; so no statistics of one recipe mix with another's.
//! 4. A recipe that is ready names every document in `chunked`: [`Index::put`] writes a document's chunks for every
//!    recipe, ready or being built, in the transaction that stores the document, and [`Index::take_over`] makes a
//!    recipe ready only after it has seen, in the same transaction, that no document lacks it.
//! 5. A recipe's tables stand exactly as long as its row in `recipes`; it is dropped only when nobody reads it.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::database::Database;
use crate::paper::{Paper, READER_VERSION};

use super::chunk::chunks;
use super::leases::Leases;
use super::recipe::Recipe;
use super::recipes;
use super::words::words;

/// The store of documents and chunks, shared by all generations.
#[derive(Debug)]
pub struct Index {
    pub(super) database: Arc<Database>,
    pub(super) leases: Leases,
}

/// The tables of the index.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    content TEXT NOT NULL UNIQUE,
    title TEXT,
    people TEXT NOT NULL,
    paper TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS readings (
    document INTEGER PRIMARY KEY REFERENCES documents(id) ON DELETE CASCADE,
    reader INTEGER NOT NULL
);
CREATE VIRTUAL TABLE IF NOT EXISTS titles
    USING fts5(title, people, tokenize = 'porter unicode61 remove_diacritics 2');
CREATE TABLE IF NOT EXISTS recipes (
    id TEXT PRIMARY KEY,
    chunk_size INTEGER NOT NULL,
    chunk_overlap INTEGER NOT NULL,
    ready INTEGER NOT NULL DEFAULT 0 -- 0: being built; else grows with every take-over
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chunked (
    recipe TEXT NOT NULL REFERENCES recipes(id) ON DELETE CASCADE,
    document INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    chunks INTEGER NOT NULL,
    words INTEGER NOT NULL,
    PRIMARY KEY (recipe, document)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS chunked_document ON chunked (document);
";

/// Chunks of one document, at most; what is beyond is stored, not searched. A book of 1,000 pages has about 1,500
/// at the default size.
const CHUNKS_MAX: usize = 1 << ROW_BITS;

/// Bits of a row number that count the chunks of a document.
const ROW_BITS: u32 = 20;

/// The tokenizer of every full text table; [`super::words`] does the same.
const TOKENIZER: &str = "porter unicode61 remove_diacritics 2";

impl Index {
    /// The index in this database.
    pub fn new(database: Arc<Database>) -> Self {
        let leases = Leases::new(database.folder());
        Self { database, leases }
    }

    /// Stores a document and its chunks for every recipe that is live or being built. `content` is the hash of
    /// the PDF's bytes, in hexadecimal. Putting the same content again replaces it.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn put(&self, content: &str, paper: &Paper) -> rusqlite::Result<()> {
        let stored = serde_json::to_string(paper).map_err(conversion)?;
        let title = paper.metadata.title.as_ref().map(|title| title.value.as_str());
        let people = people(paper);
        self.database.write(|transaction| {
            forget(transaction, content)?;
            transaction.execute(
                "INSERT INTO documents (content, title, people, paper) VALUES (?1, ?2, ?3, ?4)",
                params![content, title, people, stored],
            )?;
            let document = transaction.last_insert_rowid();
            transaction.execute(
                "INSERT INTO readings (document, reader) VALUES (?1, ?2)",
                params![document, READER_VERSION],
            )?;
            transaction.execute(
                "INSERT INTO titles (rowid, title, people) VALUES (?1, ?2, ?3)",
                params![document, title.unwrap_or_default(), people],
            )?;
            recipes::all(transaction)?
                .iter()
                .try_for_each(|recipe| write_chunks(transaction, recipe, document, paper))
        })
    }

    /// The document of a content, as it was put.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn paper(&self, content: &str) -> rusqlite::Result<Option<Paper>> {
        self.database.read(|connection| {
            connection
                .prepare_cached("SELECT paper FROM documents WHERE content = ?1")?
                .query_row([content], |row| parse(&row.get::<_, String>(0)?))
                .optional()
        })
    }

    /// Stores what else is known of a paper that was put: its metadata. Its text, and so its chunks, stay. `false` if
    /// there is no such document.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn describe(&self, content: &str, paper: &Paper) -> rusqlite::Result<bool> {
        let stored = serde_json::to_string(paper).map_err(conversion)?;
        let title = paper.metadata.title.as_ref().map(|title| title.value.as_str());
        let people = people(paper);
        self.database.write(|transaction| {
            let document: Option<i64> = transaction
                .query_row("SELECT id FROM documents WHERE content = ?1", [content], |row| row.get(0))
                .optional()?;
            let Some(document) = document else { return Ok(false) };
            transaction.execute(
                "UPDATE documents SET title = ?2, people = ?3, paper = ?4 WHERE id = ?1",
                params![document, title, people, stored],
            )?;
            transaction.execute(
                "UPDATE titles SET title = ?2, people = ?3 WHERE rowid = ?1",
                params![document, title.unwrap_or_default(), people],
            )?;
            Ok(true)
        })
    }

    /// The contents of documents that another version of the reader gave.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn outdated(&self) -> rusqlite::Result<HashSet<String>> {
        self.database.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT content FROM documents LEFT JOIN readings ON document = id
                     WHERE reader IS NOT ?1",
                )?
                .query_map([READER_VERSION], |row| row.get(0))?
                .collect()
        })
    }

    /// Whether this version of the reader gave the document of a content.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn is_current(&self, content: &str) -> rusqlite::Result<bool> {
        self.database.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM readings JOIN documents ON document = id
                     WHERE content = ?1 AND reader = ?2)",
                )?
                .query_row(params![content, READER_VERSION], |row| row.get(0))
        })
    }

    /// Forgets a document and its chunks.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn remove(&self, content: &str) -> rusqlite::Result<()> {
        self.database.write(|transaction| forget(transaction, content))
    }
}

/// The first of a document's row numbers in a chunk table.
pub(super) fn first_row(document: i64) -> i64 {
    document << ROW_BITS
}

/// The document that a row of a chunk table belongs to.
pub(super) fn document_of(row: i64) -> i64 {
    row >> ROW_BITS
}

/// The document under this number.
pub(super) fn document(connection: &Connection, number: i64) -> rusqlite::Result<Paper> {
    connection
        .prepare_cached("SELECT paper FROM documents WHERE id = ?1")?
        .query_row([number], |row| parse(&row.get::<_, String>(0)?))
}

/// Cuts a document into chunks of a recipe and stores them.
pub(super) fn write_chunks(
    transaction: &Transaction<'_>,
    recipe: &Recipe,
    document: i64,
    paper: &Paper,
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(&format!(
        "INSERT INTO {} (rowid, section, text, pieces) VALUES (?1, ?2, ?3, ?4)",
        recipe.chunks_table()
    ))?;
    let (mut row, mut word_count) = (first_row(document), 0_i64);
    for chunk in chunks(paper, recipe).iter().take(CHUNKS_MAX) {
        let section = paper.sections.get(chunk.section).map_or("", |section| section.title.as_str());
        let pieces = serde_json::to_string(&(chunk.section, &chunk.pieces)).map_err(conversion)?;
        insert.execute(params![row, section, chunk.text, pieces])?;
        row += 1;
        word_count = word_count.saturating_add_unsigned(words(&chunk.text).count() as u64);
    }
    transaction
        .prepare_cached("INSERT INTO chunked (recipe, document, chunks, words) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![recipe.id(), document, row - first_row(document), word_count])?;
    Ok(())
}

/// Makes a recipe's tables.
pub(super) fn create_tables(transaction: &Transaction<'_>, recipe: &Recipe) -> rusqlite::Result<()> {
    let (chunks, terms) = (recipe.chunks_table(), recipe.terms_table());
    transaction.execute_batch(&format!(
        "CREATE VIRTUAL TABLE {chunks} USING fts5(section, text, pieces UNINDEXED, tokenize = '{TOKENIZER}');
         CREATE VIRTUAL TABLE {terms} USING fts5vocab('{chunks}', 'row');"
    ))
}

/// Drops a recipe's tables.
pub(super) fn drop_tables(transaction: &Transaction<'_>, recipe: &Recipe) -> rusqlite::Result<()> {
    transaction.execute_batch(&format!(
        "DROP TABLE {}; DROP TABLE {};",
        recipe.terms_table(),
        recipe.chunks_table()
    ))
}

fn forget(transaction: &Transaction<'_>, content: &str) -> rusqlite::Result<()> {
    let document: Option<i64> = transaction
        .query_row("SELECT id FROM documents WHERE content = ?1", [content], |row| row.get(0))
        .optional()?;
    let Some(document) = document else { return Ok(()) };
    let rows = [first_row(document), first_row(document + 1)];
    for recipe in recipes::all(transaction)? {
        let chunks = recipe.chunks_table();
        transaction.execute(&format!("DELETE FROM {chunks} WHERE rowid >= ?1 AND rowid < ?2"), rows)?;
    }
    transaction.execute("DELETE FROM titles WHERE rowid = ?1", [document])?;
    transaction.execute("DELETE FROM documents WHERE id = ?1", [document])?;
    Ok(())
}

/// What else a paper is searched by: authors, year, venue, DOI, arXiv id.
fn people(paper: &Paper) -> String {
    let metadata = &paper.metadata;
    let authors = metadata.authors.as_ref().map(|authors| authors.value.join(", "));
    let year = metadata.year.as_ref().map(|year| year.value.to_string());
    let words = [&metadata.venue, &metadata.doi, &metadata.arxiv]
        .map(|field| field.as_ref().map(|f| f.value.clone()));
    let parts: Vec<String> = [authors, year].into_iter().chain(words).flatten().collect();
    parts.join("; ")
}

fn parse(stored: &str) -> rusqlite::Result<Paper> {
    serde_json::from_str(stored).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn conversion(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

#[cfg(test)]
mod tests;
