//! What the watch costs: two servers at rest beside each other, one with it and one without.

use std::collections::BTreeMap;
use std::ffi::OsString;
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
    let idle = |server: &Server, before: &Threads, after: &Threads| -> anyhow::Result<Idle> {
        let status = std::fs::read_to_string(process(server).join("status"))?;
        let kib = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
            number.with_context(|| format!("`{name}` in the process's status"))
        };
        let Used { ns, switches } = between(before, after);
        let cpu_percent = ns as f64 / time.as_nanos() as f64 * 100.0;
        let wakeups = switches as f64 / time.as_secs_f64();
        Ok(Idle { cpu_percent, wakeups, anonymous_kib: kib("RssAnon:")?, resident_kib: kib("VmRSS:")? })
    };
    Ok([idle(on, &before[0], &after[0])?, idle(off, &before[1], &after[1])?])
}

fn process(server: &Server) -> PathBuf {
    PathBuf::from(format!("/proc/{}", server.process()))
}

/// What a thread has used since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Used {
    /// On a processor. The kernel's ticks would be too coarse.
    ns: u64,
    /// Times that it went to sleep by itself.
    switches: u64,
}

/// The threads of a process, by their numbers.
type Threads = BTreeMap<OsString, Used>;

/// What was used meanwhile by all threads that are there at the end: one that has ended, because it had nothing to do, is left out.
fn between(before: &Threads, after: &Threads) -> Used {
    after.iter().fold(Used::default(), |sum, (thread, now)| {
        let then = before.get(thread).copied().unwrap_or_default();
        Used {
            ns: sum.ns + now.ns.saturating_sub(then.ns),
            switches: sum.switches + now.switches.saturating_sub(then.switches),
        }
    })
}

fn used(server: &Server) -> anyhow::Result<Threads> {
    let mut threads = Threads::new();
    for thread in std::fs::read_dir(process(server).join("task"))? {
        let thread = thread?;
        let read = |name: &str| std::fs::read_to_string(thread.path().join(name));
        // One that ends just now is one that has ended.
        let (Ok(schedstat), Ok(status)) = (read("schedstat"), read("status")) else { continue };
        let ns = schedstat.split_whitespace().next().context("a first field")?.parse()?;
        let switches = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        let switches = switches.context("switches of a thread")?.trim().parse()?;
        threads.insert(thread.file_name(), Used { ns, switches });
    }
    Ok(threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_ended_or_began_meanwhile_spoils_nothing() {
        let threads = |all: &[(&str, u64)]| -> Threads {
            all.iter().map(|(thread, ns)| ((*thread).into(), Used { ns: *ns, switches: ns / 10 })).collect()
        };
        let before = threads(&[("1", 100), ("2", 9_000)]);
        let after = threads(&[("1", 150), ("3", 20)]);
        assert_eq!(between(&before, &after), Used { ns: 70, switches: 7 });
    }
}
