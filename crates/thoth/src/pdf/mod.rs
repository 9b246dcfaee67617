//! PDFs: reading them, and taking each new one of the folder exactly once.
//!
//! ```text
//!  the folder ─ events, a look every 2 s ─► lookout ─ whole? ─► ledger: queue ─► intake ─► index, note
//!                                           (settle)            (exactly once)   (a bounded number of workers)
//! ```
//!
//! - [`mod@read`]: from the bytes of a PDF to a paper
//! - [`folder`], [`watch`]: what is in the folder, and who tells that it changed
//! - [`settle`]: when a file is whole
//! - [`status`], [`row`], [`outcome`], [`ledger`]: what is known of each file, and the queue, which outlives the process
//! - [`lookout`]: compares the folder with the ledger
//! - [`intake`]: one PDF, from its bytes to its note
//! - [`adopt`]: PDFs from elsewhere
//! - [`refresh`]: notes that exist, written anew
//! - [`settings`]: what of the settings is read
//! - [`monitor`]: the handle to all this

pub mod adopt;
pub mod folder;
mod intake;
pub mod ledger;
mod lookout;
pub mod monitor;
pub mod outcome;
pub mod read;
pub mod refresh;
pub mod row;
pub mod settings;
pub mod settle;
mod shared;
pub mod status;
mod watch;

#[cfg(test)]
mod tests;
