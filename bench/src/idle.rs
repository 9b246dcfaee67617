//! What the watch costs: two servers at rest beside each other, one with it and one without.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use crate::server::Server;

/// What a process used while it was at rest.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    /// Processor time of all threads, in percent of one core.
    pub cpu_percent: f64,
    /// Memory that is its own and in RAM, at the end.
    pub anonymous_kib: u64,
    /// All memory in RAM, shared files included, at the end.
    pub resident_kib: u64,
}

/// Watches both for this long; gives the one with the watch first.
pub async fn measure(on: &Server, off: &Server, time: Duration) -> anyhow::Result<[Idle; 2]> {
    let before = [on_cpu_ns(on)?, on_cpu_ns(off)?];
    tokio::time::sleep(time).await;
    let after = [on_cpu_ns(on)?, on_cpu_ns(off)?];
    let idle = |server: &Server, used_ns: u64| -> anyhow::Result<Idle> {
        let status = std::fs::read_to_string(process(server).join("status"))?;
        let kib = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
            number.with_context(|| format!("`{name}` in the process's status"))
        };
        let cpu_percent = used_ns as f64 / time.as_nanos() as f64 * 100.0;
        Ok(Idle { cpu_percent, anonymous_kib: kib("RssAnon:")?, resident_kib: kib("VmRSS:")? })
    };
    Ok([idle(on, after[0] - before[0])?, idle(off, after[1] - before[1])?])
}

fn process(server: &Server) -> PathBuf {
    PathBuf::from(format!("/proc/{}", server.process()))
}

/// Nanoseconds on a processor since the start, of all threads that live. The kernel's ticks would be too coarse.
fn on_cpu_ns(server: &Server) -> anyhow::Result<u64> {
    let mut sum = 0;
    for thread in std::fs::read_dir(process(server).join("task"))? {
        let schedstat = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        let first = schedstat.split_whitespace().next().context("a first field")?;
        sum += first.parse::<u64>()?;
    }
    Ok(sum)
}
