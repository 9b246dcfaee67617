//! Language models by the OpenAI-compatible chat protocol.
pub mod settings;
