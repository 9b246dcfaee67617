//! What the kernel and the runtime say of this process.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::FloatGauge;

/// What the kernel and the runtime say of this process.
#[derive(Clone, Debug, Default)]
pub(super) struct Process {
    resident_bytes: Gauge,
    open_descriptors: Gauge,
    threads: Gauge,
    tasks: Gauge,
    pub(super) start_seconds: FloatGauge,
    cpu_seconds: Counter<f64, AtomicU64>,
}

impl Process {
    pub(super) fn register(&self, registry: &mut Registry) {
        let process = registry.sub_registry_with_prefix("process");
        process.register("resident_memory_bytes", "Resident memory", self.resident_bytes.clone());
        process.register("open_fds", "Open file descriptors", self.open_descriptors.clone());
        process.register("threads", "Threads", self.threads.clone());
        process.register(
            "start_time_seconds",
            "When the process started, since 1970",
            self.start_seconds.clone(),
        );
        process.register("cpu_seconds", "User and system time", self.cpu_seconds.clone());
        registry.register("thoth_tasks", "Tasks alive in the runtime", self.tasks.clone());
    }

    /// Reads `/proc/self`; what it does not say keeps its value.
    pub(super) fn look(&self) {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| -> Option<i64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse().ok()
        };
        if let Some(kilobytes) = field("VmRSS") {
            self.resident_bytes.set(kilobytes * 1024);
        }
        if let Some(threads) = field("Threads") {
            self.threads.set(threads);
        }
        if let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") {
            // One of them is the directory itself.
            self.open_descriptors.set(i64::try_from(descriptors.count()).unwrap_or(i64::MAX) - 1);
        }
        if let Some(seconds) = cpu_seconds() {
            self.cpu_seconds.inner().store(seconds.to_bits(), Ordering::Relaxed);
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let tasks = runtime.metrics().num_alive_tasks();
            self.tasks.set(i64::try_from(tasks).unwrap_or(i64::MAX));
        }
    }
}

/// Fields 14 and 15 of `/proc/self/stat`, in the hundredths of a second that Linux shows to every program.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses, which may hold anything.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / 100.0)
}
