//! The index: documents, chunks by recipe, full text search.
use crate::{database::Database, paper::Paper};
use std::sync::Arc;

/// The store of documents and chunks, shared by all generations.
pub struct Index {
    database: Arc<Database>,
}

/// The tables of the index.
pub const SCHEMA: &str = "";

impl Index {
    /// The index in this database.
    pub fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// Stores a document and its chunks for every recipe that is live or being built. `content` is the hash of
    /// the PDF's bytes, in hexadecimal. Putting the same content again replaces it.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn put(&self, content: &str, paper: &Paper) -> rusqlite::Result<()> {
        let _ = (content, paper, &self.database);
        todo!()
    }

    /// The document of a content, as it was put.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn paper(&self, content: &str) -> rusqlite::Result<Option<Paper>> {
        let _ = content;
        todo!()
    }

    /// Forgets a document and its chunks.
    ///
    /// # Errors
    /// What SQLite refuses.
    pub fn remove(&self, content: &str) -> rusqlite::Result<()> {
        let _ = content;
        todo!()
    }
}
