//! Retrieval: sections, chunks, search, answers.
pub mod answer;
pub mod ask;
mod evidence;
pub mod index;
pub mod passages;
mod reply;
pub mod settings;
