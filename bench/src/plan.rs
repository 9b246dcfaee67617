//! The figures that the plan set itself, in one table: `thoth-bench path/to/thoth --plan`.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;

use crate::client::{self, Answer, Client};
use crate::corpus::{Corpus, Sample, corpus};
use crate::idle::{self, Idle};
use crate::latency::{Row, Save};
use crate::load::{self, Outcome};
use crate::server::Server;
use crate::{latency, samples, settings};

const SCHEMA: &str = include_str!("../../settings/settings.schema.json");
/// The corpus of the tests, which is judged here too.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/thoth/tests/corpus");
/// Saves of each kind whose time is taken.
const SAVES: usize = 500;
/// Saves under load.
const CHANGEOVERS: usize = 1_000;
/// For how long the servers are watched at rest.
const REST: Duration = Duration::from_secs(60);

/// Measures and prints.
pub fn print(binary: &Path) -> anyhow::Result<()> {
    let on = Server::start(binary, &settings::content(0))?;
    let off = Server::start_with(
        binary,
        &settings::content(0),
        &[("THOTH_HOT_RELOAD", "0"), ("THOTH_API_HOST", "127.0.0.1")],
    )?;
    let rest = idle::measure(&on, &off, REST)?;
    let checked = check_all(&off, &whole_corpus(&off)?)?;
    let rows = [
        ("by rename", latency::measure(&on, Save::Rename, SAVES, settings::content)?),
        ("in place", latency::measure(&on, Save::InPlace, SAVES, settings::content)?),
    ];
    let outcome = load::measure(&on, CHANGEOVERS)?;
    println!("| what | the plan | measured |\n| --- | --- | --- |");
    for (how, row) in &rows {
        print_time(how, row);
    }
    print_load(&outcome);
    print_rest(&rest);
    print_checked(&checked);
    for sample in &checked.wrong {
        println!("\nwrongly judged: {sample}");
    }
    ensure!(checked.wrong.is_empty(), "{} files were wrongly judged", checked.wrong.len());
    Ok(())
}

fn print_time(how: &str, row: &Row) {
    let [median, p99, longest] = [50, 99, 100].map(|percent| row.ours.percentile(percent) / 1e3);
    println!(
        "| from a save {how} to every service live, {SAVES} saves: median, 99th percentile, longest | < 2 s | {median:.2} ms, {p99:.2} ms, {longest:.2} ms |"
    );
}

fn print_load(outcome: &Outcome) {
    println!(
        "| saves applied, of {CHANGEOVERS} under load | > 99.5 % | {} % |",
        outcome.applied as f64 * 100.0 / CHANGEOVERS as f64
    );
    println!(
        "| requests meanwhile: answered rightly, lost, wrong, mixed | none lost | {}, {}, {}, {} |",
        outcome.answers.right, outcome.answers.lost, outcome.answers.wrong, outcome.answers.mixed
    );
    println!(
        "| memory before and after them | | {:.1} MiB, {:.1} MiB |",
        outcome.before.resident_kib as f64 / 1024.0,
        outcome.after.resident_kib as f64 / 1024.0
    );
}

fn print_rest([on, off]: &[Idle; 2]) {
    println!(
        "| processor at rest, {} s: with the watch, without it | < 1 % more | {:.3} %, {:.3} % of one core |",
        REST.as_secs(),
        on.cpu_percent,
        off.cpu_percent
    );
    let mib = |kib: u64| kib as f64 / 1024.0;
    println!(
        "| memory of its own at rest: with the watch, without it | < 10 MB more | {:.2} MiB, {:.2} MiB (of {:.1} MiB resident) |",
        mib(on.anonymous_kib),
        mib(off.anonymous_kib),
        mib(on.resident_kib)
    );
}

fn print_checked(checked: &Checked) {
    println!(
        "| bad files refused before anything happened | 100 % | {} of {} |",
        checked.refused, checked.bad
    );
    println!("| of those, refused and everything left as it was | 100 % | {} |", checked.left_alone);
    println!("| good files refused | 0 % | {} of {} |", checked.good - checked.accepted, checked.good);
}

/// What became of the corpus.
struct Checked {
    bad: usize,
    refused: usize,
    left_alone: usize,
    good: usize,
    accepted: usize,
    wrong: Vec<String>,
}

/// What is made from the schema, and what is written down; the vault gets what those files name.
fn whole_corpus(server: &Server) -> anyhow::Result<Corpus> {
    let mut whole = corpus(SCHEMA)?;
    let folder = Path::new(CORPUS);
    samples::furnish(&server.vault(), folder)?;
    for sample in samples::all(folder)? {
        let what = format!("{} ({})", sample.what, sample.expected.join("; "));
        let to = if sample.refused { &mut whole.bad } else { &mut whole.good };
        to.push(Sample { what, content: sample.content });
    }
    Ok(whole)
}

/// Every file for real: saved, read by a reload (this server has no watch, so that nothing else reads it), and what runs is
/// looked at afterwards.
fn check_all(server: &Server, corpus: &Corpus) -> anyhow::Result<Checked> {
    let Corpus { good, bad } = corpus;
    let mut checked = Checked {
        bad: bad.len(),
        refused: 0,
        left_alone: 0,
        good: good.len(),
        accepted: 0,
        wrong: Vec::new(),
    };
    let before = running(server)?;
    for sample in bad {
        let verdict = reload(server, sample)?;
        if verdict["verdict"] == "rejected" {
            checked.refused += 1;
            checked.left_alone += usize::from(running(server)? == before);
        } else {
            checked.wrong.push(format!("{} was {}", sample.what, verdict["verdict"]));
        }
    }
    for sample in good {
        let verdict = reload(server, sample)?;
        if verdict["verdict"] == "applied" || verdict["verdict"] == "unchanged" {
            checked.accepted += 1;
        } else {
            checked.wrong.push(format!("{} was refused: {}", sample.what, verdict["problems"]));
        }
    }
    Ok(checked)
}

fn reload(server: &Server, sample: &Sample) -> anyhow::Result<Value> {
    std::fs::write(server.settings(), &sample.content)?;
    let token = format!("authorization: Bearer {}\r\n", server.token);
    body(&client::send(server.address, "POST", "/api/v1/reloads", &token, "{}")?)
}

/// The generation and the settings that run.
fn running(server: &Server) -> anyhow::Result<Value> {
    body(&Client::new(server.address, "/api/v1/settings", false).ask()?)
}

fn body(answer: &Answer) -> anyhow::Result<Value> {
    ensure!(answer.status == 200, "{}", answer.text);
    Ok(serde_json::from_str(answer.body())?)
}
