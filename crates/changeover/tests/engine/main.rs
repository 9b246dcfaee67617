//! The engine through real files, real saves and real time. Tests are named after the invariants of ARCHITECTURE.md.

mod invariants;
mod saves;
mod support;
