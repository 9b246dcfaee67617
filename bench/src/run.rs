//! One run: everything is measured beside what it is compared with, one after the other.

use std::path::Path;
use std::time::Duration;

use crate::latency::{self, Save};
use crate::peers::{self, Tools, faults, race, strain};
use crate::record::{Machine, Record};
use crate::server::Server;
use crate::{growth, idle, load, reads, settings, throughput};

/// How much is measured.
struct Extent {
    /// Saves of ours and of the floor, by their own clocks.
    saves: usize,
    /// Rounds of the race.
    rounds: usize,
    changeovers: usize,
    /// The largest settings file.
    bytes_max: usize,
    /// For how long the servers are watched at rest.
    rest: Duration,
}

const WHOLE: Extent = Extent {
    saves: 500,
    rounds: 100,
    changeovers: 1_000,
    bytes_max: 10_000_000,
    rest: Duration::from_secs(60),
};

/// To see whether all is there.
const QUICK: Extent =
    Extent { saves: 50, rounds: 10, changeovers: 100, bytes_max: 100_000, rest: Duration::from_secs(5) };

/// Where everything stands that is measured, in the folder that scripts/bench.sh fills.
pub fn tools(thoth: &Path, folder: &Path) -> anyhow::Result<Tools> {
    Ok(Tools {
        bench: std::env::current_exe()?,
        thoth: std::path::absolute(thoth)?,
        wheels: std::path::absolute(folder.join("venv/bin"))?,
        debian: std::path::absolute(folder.join("debian"))?,
        crates: std::path::absolute(folder.join("peers/release/bench-peers"))?,
    })
}

/// Measures everything. `tools` is the folder that scripts/bench.sh fills.
pub fn run(thoth: &Path, tools: &Path, quick: bool) -> anyhow::Result<Record> {
    let extent = if quick { QUICK } else { WHOLE };
    let machine = Machine::here(quick)?;
    let tools = self::tools(thoth, tools)?;
    say("a save, by the clocks of ours and of the floor");
    let on = Server::start(thoth, &settings::content(0))?;
    let rename = latency::measure(&on, Save::Rename, extent.saves, settings::content)?;
    let in_place = latency::measure(&on, Save::InPlace, extent.saves, settings::content)?;
    say("changeovers under load");
    let load = load::measure(&on, extent.changeovers)?;
    drop(on);
    say("taking the live generation");
    let runtime = tokio::runtime::Runtime::new()?;
    let reads = runtime.block_on(reads::measure())?;
    say("the engine alone");
    let engine = growth::engine(&runtime, extent.saves)?;
    say("settings that grow, services that grow");
    let sizes = growth::sizes(thoth, extent.bytes_max)?;
    let services = runtime.block_on(growth::services())?;
    drop(runtime);
    say("at rest");
    let on = Server::start(thoth, &settings::content(0))?;
    let off = Server::start_with(thoth, &settings::content(0), &[("THOTH_HOT_RELOAD", "0")])?;
    let idle = idle::measure(&on, &off, extent.rest)?;
    drop((on, off));
    let Others { race, strain, faults, throughput, skipped } = beside(&tools, extent.rounds)?;
    Ok(Record {
        machine,
        rename,
        in_place,
        engine,
        race,
        strain,
        faults,
        load,
        reads,
        throughput,
        sizes,
        services,
        idle,
        skipped,
        runs: Vec::new(),
    })
}

/// What a save takes: ours and the floor, by rename and in place, and the engine alone.
pub fn saves(thoth: &Path) -> anyhow::Result<[latency::Row; 3]> {
    let on = Server::start(thoth, &settings::content(0))?;
    let rename = latency::measure(&on, Save::Rename, WHOLE.saves, settings::content)?;
    let in_place = latency::measure(&on, Save::InPlace, WHOLE.saves, settings::content)?;
    drop(on);
    let runtime = tokio::runtime::Runtime::new()?;
    Ok([rename, in_place, growth::engine(&runtime, WHOLE.saves)?])
}

/// What was measured beside others.
struct Others {
    race: Vec<race::Entry>,
    strain: Vec<strain::Strain>,
    faults: Vec<faults::Seen>,
    throughput: Vec<throughput::Throughput>,
    skipped: Vec<String>,
}

fn beside(tools: &Tools, rounds: usize) -> anyhow::Result<Others> {
    say("throughput");
    let throughput = throughput::measure(tools)?;
    say("a save, by the answers of everybody");
    let mut skipped = Vec::new();
    let contenders = peers::start_all(tools, &mut skipped);
    let race = race::run(&contenders, rounds);
    say("everybody under load");
    let strain = strain::run(&contenders);
    drop(contenders);
    say("saves that cannot be taken");
    // The floor ends at the first content that is no JSON: that is what it leaves out.
    let faults = faults::run(peers::ALL.get(1..).unwrap_or_default(), tools)?;
    Ok(Others { race, strain, faults, throughput, skipped })
}

/// What is being done, for whoever waits.
fn say(what: &str) {
    eprintln!("bench: {what}");
}
