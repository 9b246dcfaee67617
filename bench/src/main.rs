//! The figures, in one run: `cargo run --profile dist -p thoth-bench -- path/to/thoth`. Prints Markdown. With `--plan` behind
//! it: those that the plan for changing settings set itself.

#[path = "../../crates/thoth/tests/corpus/generated.rs"]
mod corpus;
mod floor;
mod idle;
mod latency;
mod load;
mod plan;
#[path = "../../crates/thoth/tests/corpus/samples.rs"]
mod samples;
mod server;
mod settings;
mod verdicts;

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use anyhow::Context;

use latency::{Row, Save};
use load::Outcome;
use server::Server;

/// Saves a row of the first table is made from.
const ROUNDS: usize = 300;

/// Changeovers under load.
const CHANGEOVERS: usize = 1_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider().install_default().ok().context("a TLS provider")?;
    let mut arguments = std::env::args_os().skip(1);
    let binary: PathBuf = arguments.next().context("usage: thoth-bench path/to/thoth [--plan]")?.into();
    if arguments.next().is_some_and(|argument| argument == "--plan") {
        return plan::print(&binary).await;
    }
    let server = Server::start(&binary, &settings::content(0)).await?;
    println!("## From the save to every service live\n");
    println!(
        "{ROUNDS} saves a row of a {} byte file, ours and the floor in turn.\n",
        settings::content(0).len()
    );
    println!("| save | ours, median | floor, median | ratio | ours, p99 | floor, p99 | ratio |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for save in [Save::Rename, Save::InPlace] {
        print_row(save, &latency::measure(&server, save, ROUNDS).await?);
    }
    let outcome = load::measure(&server, CHANGEOVERS).await?;
    println!("\n## {} changeovers under load\n", outcome.applied);
    print_outcome(&outcome);
    Ok(())
}

fn print_row(save: Save, row: &Row) {
    let name = match save {
        Save::Rename => "by rename",
        Save::InPlace => "in place",
    };
    let [ours, floor] = [&row.ours, &row.floor].map(|sample| (sample.percentile(50), sample.percentile(99)));
    println!(
        "| {name} | {:.0} µs | {:.0} µs | {:.2} | {:.0} µs | {:.0} µs | {:.2} |",
        ours.0,
        floor.0,
        ours.0 / floor.0,
        ours.1,
        floor.1,
        ours.1 / floor.1
    );
}

fn print_outcome(outcome: &Outcome) {
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let answers = &outcome.answers;
    println!("| answers right | wrong | lost | mixed |");
    println!("| --- | --- | --- | --- |");
    println!(
        "| {} | {} | {} | {} |",
        count(&answers.right),
        count(&answers.wrong),
        count(&answers.lost),
        count(&answers.mixed)
    );
    println!("\n| | before | after |");
    println!("| --- | --- | --- |");
    println!("| resident memory, KiB | {} | {} |", outcome.before.resident_kib, outcome.after.resident_kib);
    println!("| tasks | {} | {} |", outcome.before.tasks, outcome.after.tasks);
    println!("| threads | {} | {} |", outcome.before.threads, outcome.after.threads);
    println!("| descriptors | {} | {} |", outcome.before.descriptors, outcome.after.descriptors);
}
