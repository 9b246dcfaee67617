//! Change every service of a process at once, or none.

pub mod check;
mod engine;
mod generation;
mod report;

pub use engine::*;
pub use generation::*;
pub use report::*;
