//! PDFs: reading them, and taking each new one of the folder exactly once.

pub mod read;
