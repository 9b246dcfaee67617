//! What handlers reach that stands outside generations.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use changeover::Engine;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::guard::Guard;
use super::metrics::Metrics;
use super::token::Token;
use crate::instances::Roles;
use crate::instances::record::Instance;
use crate::mcp::http::Sessions;
use crate::pdf::monitor::Monitor;
use crate::rag::builder::Builder;
use crate::services::Services;
use crate::settings::Settings;

/// Event streams at one time, at most.
const STREAMS_MAX: usize = 256;

/// The process-level parts that handlers reach.
pub struct App {
    /// The engine: the live generation, the history, `reload`.
    pub engine: Engine<Settings, Services>,
    /// What this process does.
    pub roles: Roles,
    /// The intake of PDFs, and the index.
    pub papers: Papers,
    /// What this process says of itself to others.
    pub instance: Arc<Instance>,
    /// Who may come in.
    pub guard: Guard,
    /// Counters and gauges.
    pub metrics: Metrics,
    /// When the process started.
    pub started: Timestamp,
    /// What is wrong with the parts of the process that belong to no generation.
    pub troubles: Troubles,
    /// The sessions of MCP.
    pub mcp: Sessions,
    /// One permit for each event stream.
    pub streams: Arc<Semaphore>,
}

/// Where papers come from.
pub struct Papers {
    /// The intake of PDFs: its ledger, its events.
    pub monitor: Monitor,
    /// The builder of the index; `None` where another process builds it.
    pub builder: Option<Arc<Builder>>,
}

impl App {
    /// The state of a server whose engine and intake have started.
    pub fn new(
        roles: Roles,
        engine: Engine<Settings, Services>,
        papers: Papers,
        instance: Arc<Instance>,
        token: Token,
        (metrics, troubles): (Metrics, Troubles),
        mcp: Sessions,
    ) -> Self {
        Self {
            engine,
            roles,
            papers,
            instance,
            guard: Guard::new(token),
            metrics,
            started: Timestamp::now(),
            troubles,
            mcp,
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        }
    }
}

/// What is wrong now with the owners of what a process has only once (its ports, its folder watch), by name. Cheap to
/// clone; every clone is the same list.
#[derive(Clone, Debug, Default)]
pub struct Troubles {
    by_name: Arc<Mutex<BTreeMap<&'static str, Option<String>>>>,
}

impl Troubles {
    /// Says how `name` stands: `None` is well.
    pub fn say(&self, name: &'static str, trouble: Option<String>) {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner).insert(name, trouble);
    }

    /// Everybody who ever said how it stands.
    pub fn all(&self) -> BTreeMap<&'static str, Option<String>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
