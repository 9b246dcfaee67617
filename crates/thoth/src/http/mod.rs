//! The HTTP API: sockets at the bottom, routes at the top.
//!
//! ```text
//!  prepare ──► listeners  (bound, not yet accepting)         one process has them once
//!  commit  ──► server     (follows: serve new, hand over old, close)
//!                └─ connection ─► router ─► generation ─► guard ─► a handler
//!                                   │          one load of the live generation per request
//!                                   └─ every route on one page
//! ```
//!
//! Outside generations, because a change of settings must not reset them: `listeners`, `rate`, `token`, `metrics`.

mod agent;
mod blocking;
mod cite;
pub mod client;
mod connection;
mod edits;
mod effective;
pub mod error;
pub mod events;
mod extract;
pub mod generation;
pub mod guard;
mod health;
mod instances;
pub mod listeners;
mod mcp;
pub mod metrics;
mod notes;
mod older;
mod page;
mod papers;
mod plan;
mod rate;
pub mod router;
mod schedules;
mod search;
pub mod server;
pub mod service;
pub mod settings;
mod settings_api;
pub mod state;
pub mod token;

#[cfg(test)]
mod tests;
