//! The HTTP API.
pub mod settings;
