//! What a run measured: written down once, as JSON; the document and the plots are made from that and from nothing else.

use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::bars::Run;
use crate::growth::{Crowd, Sizes};
use crate::idle::Idle;
use crate::latency::Row;
use crate::load::Outcome;
use crate::peers::faults::Seen;
use crate::peers::race::Entry;
use crate::peers::strain::Strain;
use crate::reads::Reads;
use crate::throughput::Throughput;

/// Everything that one run measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    pub machine: Machine,
    /// Ours beside the floor, by the clock of each: by rename, in place.
    pub rename: Row,
    pub in_place: Row,
    /// The engine alone, with one service that does nothing, by rename.
    pub engine: Row,
    /// Everybody, by the answers.
    pub race: Vec<Entry>,
    pub strain: Vec<Strain>,
    pub faults: Vec<Seen>,
    pub load: Outcome,
    pub reads: Reads,
    pub throughput: Vec<Throughput>,
    pub sizes: Sizes,
    pub services: Vec<Crowd>,
    /// With the watch, and without.
    pub idle: [Idle; 2],
    /// What was left out, and why.
    pub skipped: Vec<String>,
    /// What the last runs reached, this one the last of them.
    #[serde(default)]
    pub runs: Vec<Run>,
}

/// Where a run took place.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    pub at: Timestamp,
    pub processor: String,
    pub cores: usize,
    pub kernel: String,
    /// The kernel's load average when the run began: what others were doing.
    pub load: String,
    /// Whether this is only to see that everything runs: a quick run, or a build without optimisation.
    #[serde(default)]
    pub trial: bool,
}

impl Machine {
    /// This one, now.
    pub fn here(quick: bool) -> anyhow::Result<Self> {
        let processors = std::fs::read_to_string("/proc/cpuinfo")?;
        let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let load = std::fs::read_to_string("/proc/loadavg")?;
        Ok(Self {
            at: Timestamp::now(),
            processor: model.map_or("unknown", |(_, name)| name).to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            kernel: kernel.trim().split('-').next().unwrap_or_default().to_owned(),
            trial: quick || cfg!(debug_assertions),
            load: load.split(' ').next().unwrap_or_default().to_owned(),
        })
    }
}

impl Record {
    /// Reads what a run has written down.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(file).with_context(|| format!("reading `{}`", file.display()))?;
        serde_json::from_slice(&bytes).with_context(|| format!("`{}` is no record", file.display()))
    }

    /// The runs that an older record holds, whatever else it says; none where there is none.
    pub fn runs_of(file: &Path) -> Vec<Run> {
        #[derive(Deserialize)]
        struct Runs {
            runs: Vec<Run>,
        }
        let bytes = std::fs::read(file).unwrap_or_default();
        serde_json::from_slice(&bytes).map_or(Vec::new(), |Runs { runs }| runs)
    }

    /// Writes a run down.
    pub fn write(&self, file: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string(self)? + "\n";
        std::fs::write(file, text).with_context(|| format!("writing `{}`", file.display()))
    }
}
