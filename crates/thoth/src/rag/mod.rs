//! Retrieval: sections, chunks, search, answers.
pub mod index;
pub mod settings;
