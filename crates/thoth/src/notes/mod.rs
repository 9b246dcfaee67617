//! Markdown notes in the vault.
