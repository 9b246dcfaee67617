//! Retrieval: sections, chunks, search, answers.
pub mod answer;
pub mod ask;
pub mod index;
pub mod passages;
mod quote;
mod reply;
pub mod settings;
