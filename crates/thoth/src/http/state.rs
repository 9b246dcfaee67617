//! What handlers reach that stands outside generations.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use changeover::Engine;
use changeover::schedule::Schedules;
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};

use super::guard::Guard;
use super::metrics::Metrics;
use super::token::Token;
use crate::instances::Roles;
use crate::instances::agreement::Agreement;
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
    /// Changes that wait for their time; `None` where another process keeps them.
    pub schedules: Option<Schedules<Settings, Services>>,
    /// What this process does.
    pub roles: Roles,
    /// The intake of PDFs, and the index.
    pub papers: Papers,
    /// What this process says of itself to others.
    pub instance: Arc<Instance>,
    /// How this process and others on the state directory stand to each other, as far as it changes.
    pub neighbours: watch::Sender<Option<Arc<Agreement>>>,
    /// Who may come in.
    pub guard: Guard,
    /// Counters and gauges.
    pub metrics: Metrics,
    /// When the process started.
    pub started: Timestamp,
    /// How the parts of the process stand that belong to no generation.
    pub owners: Owners,
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
        (engine, schedules): (Engine<Settings, Services>, Option<Schedules<Settings, Services>>),
        papers: Papers,
        instance: Arc<Instance>,
        token: Token,
        (metrics, owners): (Metrics, Owners),
        mcp: Sessions,
    ) -> Self {
        Self {
            engine,
            schedules,
            roles,
            papers,
            instance,
            neighbours: watch::Sender::new(None),
            guard: Guard::new(token),
            metrics,
            started: Timestamp::now(),
            owners,
            mcp,
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        }
    }
}

/// How the owners of what a process has only once stand (its ports, its folder watch, its log), by name. Cheap to
/// clone; every clone is the same list.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    by_name: Arc<Mutex<BTreeMap<&'static str, Owner>>>,
}

/// How one of them stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// What it does now, in a few words.
    pub runs: String,
    /// The generation since which it does that.
    pub since: u64,
    /// What is wrong with it.
    pub trouble: Option<String>,
}

impl Owners {
    /// Says what `name` does now that it has followed this generation, and what is wrong.
    pub fn say(&self, name: &'static str, generation: u64, runs: String, trouble: Option<String>) {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let since =
            by_name.get(name).filter(|owner| owner.runs == runs).map_or(generation, |owner| owner.since);
        by_name.insert(name, Owner { runs, since, trouble });
    }

    /// Everybody who ever said how it stands.
    pub fn all(&self) -> BTreeMap<&'static str, Owner> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_as_it_was_keeps_its_generation() {
        let owners = Owners::default();
        let check = |generation: u64, runs: &str, trouble: Option<&str>, since: u64| {
            owners.say("log", generation, runs.to_owned(), trouble.map(str::to_owned));
            let expected = Owner { runs: runs.to_owned(), since, trouble: trouble.map(str::to_owned) };
            assert_eq!(owners.all()["log"], expected);
        };
        check(1, "level INFO", None, 1);
        check(4, "level INFO", Some("no room"), 1);
        check(5, "level DEBUG", None, 5);
    }
}
