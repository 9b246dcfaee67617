//! MCP: the library as tools for language models and their programs.
//!
//! ```text
//!  http/mcp  ─► http     (sessions, bounded) ─┐
//!  thoth mcp ─► stdio    (one session) ───────┴─► session ─► tools: search, ask, read, list, cite, settings
//!                 └─ where a server runs: forward ─► its `/mcp`
//! ```
//!
//! Invariant: a call loads the live generation once, at its beginning, and works with that to its end; a session holds
//! none. Sessions therefore stay over every changeover, and the next call of the same session is the new generation's.

mod forward;
pub mod http;
mod listeners;
pub mod service;
mod session;
pub mod settings;
pub mod stdio;
mod tools;

use changeover::Engine;

use crate::http::generation::Pinned;
use crate::pdf::monitor::Monitor;
use crate::services::Services;
use crate::settings::Settings;

pub use forward::Forward;
pub use listeners::ToolListeners;
pub use session::Session;

/// Most bytes of one message.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the tools of every session work with: the process's parts, no settings.
#[derive(Clone)]
pub struct Desk {
    /// Where the live generation is.
    pub engine: Engine<Settings, Services>,
    /// The intake of PDFs: its ledger.
    pub monitor: Monitor,
}

/// One call of a tool: the generation that it works with to its end.
struct Call {
    generation: Pinned,
    desk: Desk,
}
