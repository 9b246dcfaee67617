//! What a process holds, as the kernel and the process itself count it.

use crate::support::{Thoth, until};

#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub resident_kib: i64,
    /// Of it, what belongs to no file: the heap and the stacks, with what the allocator keeps for later.
    anonymous_kib: i64,
    tasks: i64,
    threads: i64,
    descriptors: i64,
    retiring: i64,
}

impl Held {
    pub const HEAD: &str =
        "  applied  resident KiB  anonymous KiB  tasks  threads  descriptors  old generations";

    /// Waits until nothing retires and, where there is an earlier look, until no more tasks, threads and descriptors
    /// are there than then: a leak never gets there.
    pub async fn at_rest(thoth: &Thoth, before: Option<&Self>) -> Self {
        until(async || {
            let now = Self::now(thoth).await;
            let within = |before: &Self| {
                now.tasks <= before.tasks
                    && now.threads <= before.threads
                    && now.descriptors <= before.descriptors
            };
            now.retiring == 0 && before.is_none_or(within)
        })
        .await;
        Self::now(thoth).await
    }

    async fn now(thoth: &Thoth) -> Self {
        let metrics = thoth.client.get(thoth.url("/metrics")).send().await.unwrap().text().await.unwrap();
        let tasks = metrics.lines().find_map(|line| line.strip_prefix("thoth_tasks ")).unwrap();
        let proc = format!("/proc/{}", thoth.process());
        let status = std::fs::read_to_string(format!("{proc}/status")).unwrap();
        let number = |name: &str| -> i64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        Self {
            resident_kib: number("VmRSS:"),
            anonymous_kib: number("RssAnon:"),
            tasks: tasks.trim().parse().unwrap(),
            threads: number("Threads:"),
            descriptors: i64::try_from(std::fs::read_dir(format!("{proc}/fd")).unwrap().count()).unwrap(),
            retiring: thoth.get("/health/hot-reload").await["retiring"].as_i64().unwrap(),
        }
    }

    pub fn row(&self, applied: usize) -> String {
        let Self { resident_kib, anonymous_kib, tasks, threads, descriptors, retiring } = self;
        format!(
            "{applied:>9}  {resident_kib:>12}  {anonymous_kib:>13}  {tasks:>5}  {threads:>7}  {descriptors:>11}  {retiring:>15}"
        )
    }
}
