//! `thoth report`: what became of the saves of the last days.

use std::path::Path;
use std::process::ExitCode;

use anstream::println;
use anyhow::{Context, bail};
use changeover::Verdict;
use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::output::{BAD, GOOD, QUIET};
use super::{Place, output};
use crate::http::client::{Client, ClientError};
use crate::instances::{Role, Roles};
use crate::report::{Report, report as figures};

/// Verdicts that are asked for at once.
const PAGE: usize = 1_000;
/// Pages at most: a million verdicts, as many as `reload.historyMax` allows.
const PAGES_MAX: usize = 1_000;

/// Prints the figures of the last `since`.
pub(super) fn report(vault: Option<&Path>, since: SignedDuration, json: bool) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let verdicts = super::serve::wait(verdicts(&place))?;
    if verdicts.is_empty() {
        bail!(
            "there is no history in `{}` yet; the first `thoth serve` begins it",
            place.state_dir.display()
        );
    }
    let until = Timestamp::now();
    let since = until.checked_sub(since).context("`--since` lies before the calendar begins")?;
    let report = figures(verdicts, since, until);
    if json {
        output::json(&report)?;
    } else {
        print(&report);
    }
    Ok(ExitCode::SUCCESS)
}

/// Every verdict that there is: by the server where one can be asked, else out of the journal.
async fn verdicts(place: &Place) -> anyhow::Result<Vec<Verdict>> {
    let client = match place.server() {
        Ok(client) => client,
        Err(ClientError::NoServer | ClientError::OutOfReach { .. }) => return from_journal(place),
        Err(error) => return Err(error.into()),
    };
    match pages(&client).await {
        Err(ClientError::Silent(_)) => from_journal(place),
        verdicts => Ok(verdicts?),
    }
}

/// The journal of the instance that `THOTH_ROLE` names, else that of the process which has all roles.
fn from_journal(place: &Place) -> anyhow::Result<Vec<Verdict>> {
    let names = place.variable("THOTH_ROLE").unwrap_or_default().split(',');
    let asked: Vec<Role> = names.filter_map(|name| Role::from_str(name.trim(), true).ok()).collect();
    Ok(changeover::read_history(&crate::app::history_dir(&place.state_dir, Roles::of(&asked)))?)
}

/// The list that the API gives.
#[derive(Deserialize)]
struct Page {
    reloads: Vec<Verdict>,
}

async fn pages(client: &Client) -> Result<Vec<Verdict>, ClientError> {
    let mut verdicts: Vec<Verdict> = Vec::new();
    for _ in 0..PAGES_MAX {
        let before = verdicts.last().map(|verdict| format!("&before={}", verdict.id)).unwrap_or_default();
        let Page { reloads } = client.get(&format!("/api/v1/reloads?limit={PAGE}{before}")).await?;
        let is_last = reloads.len() < PAGE;
        verdicts.extend(reloads);
        if is_last {
            break;
        }
    }
    Ok(verdicts)
}

fn print(report: &Report) {
    let zone = jiff::tz::TimeZone::system();
    let local = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    println!("{} to {}", local(report.since), local(report.until));
    if let Some(begins) = report.history_begins.filter(|begins| *begins > report.since) {
        println!("{QUIET}the history begins at {}{QUIET:#}", local(begins));
    }
    let kinds = &report.verdicts;
    println!(
        "\nverdicts    {}: {} applied, {} unchanged, {} rejected, {} superseded",
        report.total, kinds.applied, kinds.unchanged, kinds.rejected, kinds.superseded
    );
    let outcomes = &report.outcomes;
    println!(
        "outcomes    {} kept, {} kept unproven, {} reverted, {} open",
        outcomes.kept, outcomes.kept_unproven, outcomes.reverted, outcomes.open
    );
    println!("causes      {}", listed(report.causes.iter().map(|(cause, count)| format!("{count} {cause}"))));
    println!("accepted    {} of what was saved", rate(report.accepted_percent));
    println!("succeeded   {} of what the check let through", rate(report.success_percent));
    println!(
        "starts      {}: {} into the last known good, {} into safe mode",
        report.starts, report.starts_last_known_good, report.starts_safe_mode
    );
    if report.incomplete > 0 {
        println!(
            "incomplete  {BAD}{}{BAD:#} changes that an owner could not follow wholly",
            report.incomplete
        );
    }
    if !report.stages.is_empty() {
        println!("\n{:<12}{:>12}{:>12}{:>12}", "stage", "median", "p99", "longest");
        for stage in &report.stages {
            println!(
                "{:<12}{:>9.2} ms{:>9.2} ms{:>9.2} ms",
                stage.name, stage.p50_ms, stage.p99_ms, stage.max_ms
            );
        }
    }
    if !report.refused_keys.is_empty() {
        println!("\nrefused most");
        for key in &report.refused_keys {
            let path = if key.path.is_empty() { "(the file)" } else { &key.path };
            println!("{:>6}  {path}: {QUIET}{}{QUIET:#}", key.count, key.last);
        }
    }
}

fn listed(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn rate(percent: Option<f64>) -> String {
    match percent {
        Some(percent) if percent < 100.0 => format!("{BAD}{percent} %{BAD:#}"),
        Some(percent) => format!("{GOOD}{percent} %{GOOD:#}"),
        None => "nothing".to_owned(),
    }
}
