//! The engine when the operating system says no: at every call that one changeover makes, and by disks, folders and limits
//! that really refuse.
//!
//! The engine runs in a process of its own ([`probe`]), and its threads are held to the fault from outside. After each fault
//! [`checks`] asks: all old or all new? No trace? The journal whole, and saying the same? No secret anywhere? And does
//! the next good save go live? The invariants, which ARCHITECTURE.md of the repository lists (it is not in the package), are
//! named there.
//!
//! `scripts/prove/faults.sh` runs the long sweep: every call, every error.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod checks;
#[path = "../engine/counted.rs"]
mod counted;
mod inject;
mod probe;
#[path = "../model/product.rs"]
mod product;
mod real;
mod sweep;
mod table;
