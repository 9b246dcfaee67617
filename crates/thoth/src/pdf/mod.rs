//! PDFs: reading them, and taking each new one of the folder exactly once.

pub mod folder;
pub mod ledger;
pub mod read;
pub mod row;
pub mod settle;
pub mod status;
