//! `/metrics`: what `docs/metrics.md` lists and nothing else, and numbers that are those of the kernel.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::{Thoth, settings, until};

/// The text that is scraped.
pub async fn scraped(thoth: &Thoth) -> String {
    thoth.client.get(thoth.url("/metrics")).send().await.unwrap().text().await.unwrap()
}

/// The value of a metric without labels.
pub fn value(scraped: &str, name: &str) -> f64 {
    let line = scraped.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}: {scraped}")).parse().unwrap()
}

/// One row of the table for each metric: its name as a query has it, its kind, its labels, and what is said of it.
fn rows(scraped: &str) -> BTreeSet<String> {
    let row = |block: &str| {
        let mut lines = block.lines();
        let (name, said) = lines.next().unwrap().split_once(' ').unwrap();
        let kind = lines.next().unwrap().rsplit(' ').next().unwrap();
        let sample = lines.next().unwrap_or_else(|| panic!("{name} is never counted"));
        let (sample, labels) = sample.split_once(['{', ' ']).unwrap();
        let sample = if kind == "histogram" { name } else { sample };
        let labels = labels.split_once('}').map_or("", |(labels, _)| labels).split("\",");
        let labels: Vec<_> =
            labels.filter_map(|label| label.split_once('=')).map(|(label, _)| label).collect();
        format!("| `{sample}` | {kind} | {} | {} |", labels.join(", "), said.trim_end_matches('.'))
    };
    scraped.split("# HELP ").skip(1).map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_metrics_lists_what_is_scraped_and_nothing_else() {
    let thoth = Thoth::start(&settings(&json!({}))).await;
    // Answers are counted once there are some.
    scraped(&thoth).await;
    let scraped = rows(&scraped(&thoth).await);
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    let page = std::fs::read_to_string(page).unwrap();
    let listed: BTreeSet<String> =
        page.lines().filter(|line| line.starts_with("| `")).map(str::to_owned).collect();
    let (new, gone) = (scraped.difference(&listed), listed.difference(&scraped));
    let (new, gone): (Vec<_>, Vec<_>) = (new.collect(), gone.collect());
    assert!(new.is_empty() && gone.is_empty(), "not in docs/metrics.md: {new:#?}; not scraped: {gone:#?}");
}

/// User and system time of a process in seconds, as proc(5) has it.
fn cpu_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_the_process_is_what_the_kernel_says() {
    let seconds = || jiff::Timestamp::now().as_millisecond() as f64 / 1000.0;
    let before = seconds();
    let thoth = Thoth::start(&settings(&json!({}))).await;
    let after = seconds();
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", thoth.process())).unwrap().count() as f64;
    // The numbers move: there is a moment in which they do not.
    for (name, of_kernel) in [
        ("process_threads", &(|| thoth.of_status("Threads:") as f64) as &dyn Fn() -> f64),
        ("process_open_fds", &descriptors),
        ("process_resident_memory_bytes", &|| thoth.of_status("VmRSS:") as f64 * 1024.0),
    ] {
        until(async || {
            let (before, said, after) = (of_kernel(), value(&scraped(&thoth).await, name), of_kernel());
            before == said && said == after
        })
        .await;
    }
    let earliest = cpu_seconds(thoth.process());
    let text = scraped(&thoth).await;
    let spent = value(&text, "process_cpu_seconds_total");
    assert!((earliest..=cpu_seconds(thoth.process())).contains(&spent), "{spent}");
    let started = value(&text, "process_start_time_seconds");
    assert!((before..=after).contains(&started), "{before} {started} {after}");

    // Each stream that is open has a task at least; others come and go meanwhile.
    let tasks = value(&text, "thoth_tasks");
    let streams: [_; 8] = std::array::from_fn(|_| thoth.verdicts());
    let _open = futures_util::future::join_all(streams).await;
    until(async || value(&scraped(&thoth).await, "thoth_tasks") >= tasks + 4.0).await;
}
