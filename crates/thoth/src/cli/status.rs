//! `thoth status` and `thoth instances`: what runs, and whether all of it agrees.

use std::path::Path;
use std::process::ExitCode;

use anstream::println;
use changeover::Verdict;
use serde_json::{Value, json};

use super::output::{BAD, GOOD, QUIET};
use super::{Place, output};
use crate::http::client::Client;
use crate::instances::agreement::{Agreement, agreement};
use crate::instances::host_name;
use crate::instances::record::{Record, Seen};

/// Prints what each service of each instance runs, and since when. Exit code 1 where no server runs.
pub(super) fn status(vault: Option<&Path>, json: bool) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let agreement = agreement(&place.state_dir)?;
    let living: Vec<&Record> =
        agreement.instances.iter().filter(|seen| seen.alive).map(|seen| &seen.record).collect();
    if living.is_empty() {
        return nobody(&place, &agreement, json);
    }
    let told = super::serve::wait(async {
        let mut told = Vec::new();
        for record in &living {
            told.push(ask(&place, record).await?);
        }
        Ok(told)
    })?;
    if json {
        let told: Vec<Value> =
            living.iter().zip(&told).map(|(record, told)| told_json(record, told)).collect();
        output::json(
            &json!({ "running": true, "instances": told, "agree": agreement.agree, "differ": agreement.differ }),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    println!("vault     {}", place.vault.root().display());
    println!("settings  {}", place.settings_file.display());
    println!("state     {}", place.state_dir.display());
    for (record, told) in living.iter().zip(&told) {
        println!();
        print_instance(&place, record, told)?;
    }
    println!();
    print_agreement(&agreement);
    Ok(ExitCode::SUCCESS)
}

fn nobody(place: &Place, agreement: &Agreement, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        output::json(&json!({ "running": false, "instances": [] }))?;
    } else {
        println!("no server runs for this vault; start one with `thoth serve`");
        println!("{QUIET}the state directory is `{}`{QUIET:#}", place.state_dir.display());
        if !agreement.instances.is_empty() {
            print_agreement(agreement);
        }
    }
    Ok(ExitCode::FAILURE)
}

/// What an instance says when it is asked: its health and its watch; or why it cannot be asked.
async fn ask(place: &Place, record: &Record) -> anyhow::Result<Result<(Value, Value), String>> {
    let Some(address) = record.address else {
        return Ok(Err("it is starting".to_owned()));
    };
    let client = Client::new(address, place.token()?)?;
    let answers = async {
        let (_, health) = client.look::<Value>("/health").await?;
        let (_, watch) = client.look::<Value>("/health/hot-reload").await?;
        Ok::<_, crate::http::client::ClientError>((health, watch))
    };
    // In another container its address is another machine's, where somebody else may answer.
    match record.host == host_name() {
        true => Ok(answers.await.map_err(|error| error.to_string())),
        false => Ok(Err(format!("it runs on `{}`: ask it there", record.host))),
    }
}

fn told_json(record: &Record, told: &Result<(Value, Value), String>) -> Value {
    let (health, watch, problem) = match told {
        Ok((health, watch)) => (health.clone(), watch.clone(), Value::Null),
        Err(problem) => (Value::Null, Value::Null, json!(problem)),
    };
    json!({ "instance": record, "health": health, "hot_reload": watch, "problem": problem })
}

fn print_instance(
    place: &Place,
    record: &Record,
    told: &Result<(Value, Value), String>,
) -> anyhow::Result<()> {
    let Record { role, pid, host, generation, version, .. } = record;
    let (health, watch) = match told {
        Ok(told) => told,
        Err(problem) => {
            println!("{role}: generation {generation}, process {pid} on `{host}`; {problem}");
            return Ok(());
        }
    };
    let overall = health["status"].as_str().unwrap_or("unknown");
    let style = if overall == "ok" { GOOD } else { BAD };
    println!(
        "{role}: {style}{overall}{style:#}, generation {generation}, process {pid} on `{host}`, version {version}"
    );
    for (name, service) in health["services"].as_object().into_iter().flatten() {
        print_service(name, service);
    }
    let status: Watched = serde_json::from_value(watch.clone())?;
    println!("  {:<10} {}", "watch", status.in_words());
    for note in status.watch.finding.iter().chain(&status.watch.without_events) {
        println!("  {:<10} {QUIET}{note}{QUIET:#}", "");
    }
    for other in status.other_files.iter().filter(|other| other.present) {
        println!("  {:<10} {}", "reads", place.vault.relative(&other.file));
    }
    for overdue in &status.overdue {
        let (generation, holders) = (overdue.generation, overdue.holders());
        println!("  {:<10} {BAD}generation {generation} is still held{BAD:#} by {holders}", "overdue");
    }
    if let Some(last) = &status.last_verdict {
        println!("  {:<10} {last}", "verdict");
    }
    if let Some(waiting) = &status.waiting {
        println!("  {:<10} {}", "waits", again_in_words(waiting));
    }
    if status.drift {
        println!("  {:<10} {BAD}the file is not what runs{BAD:#}", "drift");
    }
    if let Some(problem) = &status.history_problem {
        println!("  {:<10} {BAD}{problem}{BAD:#}", "history");
    }
    for entry in &status.schedules {
        println!("  {:<10} {}", "waits", entry.in_words());
    }
    Ok(())
}

fn print_service(name: &str, service: &Value) {
    let status = service["status"].as_str().unwrap_or_default();
    let style = match status {
        "ok" => GOOD,
        "degraded" | "down" => BAD,
        _ => QUIET,
    };
    let since = service["since"].as_u64().map(|since| format!("since {since}")).unwrap_or_default();
    let runs = service["runs"].as_str().filter(|runs| !runs.is_empty()).map(str::to_owned);
    let reason = service["reason"].as_str().map(|reason| format!("{QUIET}({reason}){QUIET:#}"));
    let told: Vec<String> = runs.into_iter().chain(reason).collect();
    println!("  {name:<10} {style}{status:<9}{style:#} {since:<10} {}", told.join(" "));
}

/// What `/health/hot-reload` says, as far as it is printed.
#[derive(serde::Deserialize)]
struct Watched {
    enabled: bool,
    running: bool,
    drift: bool,
    last_verdict: Option<Verdict>,
    #[serde(default)]
    waiting: Option<changeover::Waiting>,
    #[serde(default)]
    history_problem: Option<String>,
    watch: changeover::WatchStatus,
    #[serde(default)]
    overdue: Vec<changeover::Overdue>,
    #[serde(default)]
    other_files: Vec<changeover::OtherFile>,
    #[serde(default)]
    schedules: Vec<super::schedules::Shown>,
}

impl Watched {
    fn in_words(&self) -> String {
        match (self.enabled, self.running) {
            (false, _) => "off (`THOTH_HOT_RELOAD=0`); `thoth reload` reads the file".to_owned(),
            (true, true) => format!("runs ({})", self.watch.mode),
            (true, false) => format!("{BAD}should run and does not{BAD:#}"),
        }
    }
}

/// What the world refused: how often it was tried, when it is tried next, and what is in the way.
fn again_in_words(waiting: &changeover::Waiting) -> String {
    let changeover::Waiting { problems, attempts, next_at, .. } = waiting;
    let times = if *attempts == 1 { "once".to_owned() } else { format!("{attempts} times") };
    let again = next_at.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S");
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    format!("the file was tried {times}, again at {again}: {}", problems.join("; "))
}

/// Prints each instance, and whether they agree: exit code 1 where they do not.
pub(super) fn instances(vault: Option<&Path>, json: bool) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let agreement = agreement(&place.state_dir)?;
    if json {
        output::json(&agreement)?;
    } else {
        agreement.instances.iter().for_each(print_seen);
        print_agreement(&agreement);
    }
    Ok(if agreement.agree { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_seen(seen: &Seen) {
    let Seen { record: Record { role, pid, host, generation, content, address, .. }, alive } = seen;
    let (style, lives) = if *alive { (GOOD, "lives") } else { (BAD, "gone") };
    let content = content.as_deref().map_or("no file", |content| content.get(..8).unwrap_or(content));
    let address = address.map(|address| format!(", http://{address}")).unwrap_or_default();
    println!(
        "{role:<8} {style}{lives:<5}{style:#} generation {generation}, settings {content}, process {pid} on `{host}`{address}"
    );
}

/// Prints the one line that says whether they agree.
fn print_agreement(agreement: &Agreement) {
    let style = if agreement.agree { GOOD } else { BAD };
    println!("{style}{agreement}{style:#}");
}
