//! What the watch costs: two servers at rest beside each other, one with it and one without.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::server::Server;

/// What a process used while it was at rest.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Idle {
    /// Processor time of all threads, in percent of one core.
    pub cpu_percent: f64,
    /// Times a second that one of its threads was woken.
    pub wakeups: f64,
    /// Memory that is its own and in RAM, at the end.
    pub anonymous_kib: u64,
    /// All memory in RAM, shared files included, at the end.
    pub resident_kib: u64,
}

/// Watches both for this long; gives the one with the watch first.
pub fn measure(on: &Server, off: &Server, time: Duration) -> anyhow::Result<[Idle; 2]> {
    let before = [used(on)?, used(off)?];
    std::thread::sleep(time);
    let after = [used(on)?, used(off)?];
    let idle = |server: &Server, before: Used, after: Used| -> anyhow::Result<Idle> {
        let status = std::fs::read_to_string(process(server).join("status"))?;
        let kib = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
            number.with_context(|| format!("`{name}` in the process's status"))
        };
        let cpu_percent = (after.ns - before.ns) as f64 / time.as_nanos() as f64 * 100.0;
        let wakeups = (after.switches - before.switches) as f64 / time.as_secs_f64();
        Ok(Idle { cpu_percent, wakeups, anonymous_kib: kib("RssAnon:")?, resident_kib: kib("VmRSS:")? })
    };
    Ok([idle(on, before[0], after[0])?, idle(off, before[1], after[1])?])
}

fn process(server: &Server) -> PathBuf {
    PathBuf::from(format!("/proc/{}", server.process()))
}

/// What all threads of a process that live have used since the start.
#[derive(Clone, Copy)]
struct Used {
    /// On a processor. The kernel's ticks would be too coarse.
    ns: u64,
    /// Times that one of them went to sleep by itself.
    switches: u64,
}

fn used(server: &Server) -> anyhow::Result<Used> {
    let mut sum = Used { ns: 0, switches: 0 };
    for thread in std::fs::read_dir(process(server).join("task"))? {
        let thread = thread?.path();
        let schedstat = std::fs::read_to_string(thread.join("schedstat"))?;
        sum.ns += schedstat.split_whitespace().next().context("a first field")?.parse::<u64>()?;
        let status = std::fs::read_to_string(thread.join("status"))?;
        let switches = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        sum.switches += switches.context("switches of a thread")?.trim().parse::<u64>()?;
    }
    Ok(sum)
}
