//! What a process holds, as the kernel and the process itself count it.

use std::cell::Cell;

use crate::support::{PATIENCE, Thoth, until};

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
        let last = Cell::new(None);
        let rests = async || {
            loop {
                // A question keeps a thread that would end otherwise: the kernel alone is asked until it has.
                until(async || before.is_none_or(|before| thoth.of_status("Threads:") <= before.threads))
                    .await;
                let now = Self::now(thoth).await;
                last.set(Some(now));
                if now.retiring == 0 && before.is_none_or(|before| now.within(before)) {
                    return now;
                }
            }
        };
        let rested = tokio::time::timeout(PATIENCE, rests()).await;
        rested.unwrap_or_else(|_| panic!("it did not come to rest: {:?} after {before:?}", last.get()))
    }

    fn within(&self, before: &Self) -> bool {
        self.tasks <= before.tasks && self.threads <= before.threads && self.descriptors <= before.descriptors
    }

    async fn now(thoth: &Thoth) -> Self {
        let metrics = thoth.client.get(thoth.url("/metrics")).send().await.unwrap().text().await.unwrap();
        let tasks = metrics.lines().find_map(|line| line.strip_prefix("thoth_tasks ")).unwrap();
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", thoth.process())).unwrap().count();
        Self {
            resident_kib: thoth.of_status("VmRSS:"),
            anonymous_kib: thoth.of_status("RssAnon:"),
            tasks: tasks.trim().parse().unwrap(),
            threads: thoth.of_status("Threads:"),
            descriptors: i64::try_from(descriptors).unwrap(),
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
