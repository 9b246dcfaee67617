//! Thoth: a research assistant beside an Obsidian vault that never needs a restart.

pub mod app;
pub mod aside;
pub mod citations;
pub mod cli;
pub mod database;
pub mod http;
pub mod instances;
pub mod letta;
pub mod llm;
pub mod mcp;
pub mod notes;
pub mod paper;
pub mod pdf;
pub mod quote;
pub mod rag;
pub mod report;
pub mod services;
pub mod settings;
pub mod template;
pub mod trial;
pub mod when;
