//! `thoth settings plan`: what a change would do; by the running server, or, where none runs, as far as the file tells.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::println;
use anyhow::{Context, bail, ensure};
use changeover::edit::Change;
use changeover::{Accepted, Action, Content, Decision, Problem};
use serde::Deserialize;
use serde_json::{Value, json};

use super::output::{BAD, GOOD, QUIET};
use super::{Place, edits, output};
use crate::instances::Roles;
use crate::settings::{Around, Forecast, KeyChange, Origin, Settings, canonical, edited, key_changes, risks};

/// What is planned.
enum Wanted {
    /// The vault's file as it stands, against what runs.
    Present,
    /// A whole content.
    Whole(Vec<u8>),
    /// Changes of the vault's file.
    Changes(Vec<Change>),
}

/// Says what a change would do.
pub(super) fn plan(
    vault: Option<&Path>,
    what: Vec<String>,
    unset: Vec<String>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let wanted = wanted(what, unset)?;
    let body = match &wanted {
        Wanted::Present => Some(json!({})),
        // What is no text is refused by any check: nobody has to be asked.
        Wanted::Whole(bytes) => std::str::from_utf8(bytes).ok().map(|content| json!({ "content": content })),
        Wanted::Changes(changes) => Some(json!({ "changes": changes })),
    };
    let told = super::serve::wait(async {
        let told = match &body {
            Some(body) => {
                place.ask(async |client| client.post::<Value>("/api/v1/settings/plan", body).await).await?
            }
            None => None,
        };
        told.map_or_else(|| Ok(serde_json::to_value(without_server(&place, &wanted)?)?), Ok)
    })?;
    let forecast = Forecast::deserialize(&told)?;
    match json {
        true => output::json(&told)?,
        false => print(&forecast),
    }
    let is_refused = forecast.verdict == Decision::Rejected;
    Ok(if is_refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What the words of the command line mean. A word with `=` is a change, unless a `/` stands before that: then it is a path.
fn wanted(what: Vec<String>, unset: Vec<String>) -> anyhow::Result<Wanted> {
    let change = |word: &str| {
        let (key, value) = word.split_once('=').filter(|(key, _)| !key.contains('/'))?;
        let key = edits::key(key.trim());
        Some(Change { path: key.to_owned(), value: Some(edits::value(key, value.to_owned())) })
    };
    let changes: Vec<Option<Change>> = what.iter().map(|word| change(word)).collect();
    let removed = unset.iter().map(|key| Change { path: edits::key(key).to_owned(), value: None });
    match (what.as_slice(), unset.is_empty()) {
        ([], true) => Ok(Wanted::Present),
        ([one], true) if one == "-" => Ok(Wanted::Whole(standard_input()?)),
        ([one], true) if changes == [None] => {
            ensure!(
                canonical(one).is_none(),
                "`{one}` is a key: `{one}=VALUE` plans a value for it, and `--unset {one}` its removal"
            );
            match Content::of(&std::path::absolute(one)?) {
                Content::Bytes(bytes) => Ok(Wanted::Whole(bytes)),
                Content::Missing => bail!("there is no file `{one}`; a change is written `KEY=VALUE`"),
                Content::Unreadable(why) => bail!("`{one}` cannot be read: {why}"),
            }
        }
        _ => {
            let all: Option<Vec<Change>> = changes.into_iter().collect();
            let all = all.context("give one file, or changes, each as `KEY=VALUE`")?;
            Ok(Wanted::Changes(all.into_iter().chain(removed).collect()))
        }
    }
}

fn standard_input() -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = changeover::check::SIZE_MAX;
    let read = std::io::stdin().take(limit as u64 + 1).read_to_end(&mut bytes);
    read.context("standard input cannot be read")?;
    ensure!(bytes.len() <= limit, "standard input has more than {limit} bytes");
    Ok(bytes)
}

/// What the file tells: the check, the ports, what differs and what is risky about it.
fn without_server(place: &Place, wanted: &Wanted) -> anyhow::Result<Forecast> {
    let file = &place.settings_file;
    let present = match Content::of(file) {
        Content::Bytes(bytes) => Some(bytes),
        Content::Missing => None,
        Content::Unreadable(why) => bail!("`{}` cannot be read: {why}", file.display()),
    };
    let before = present.unwrap_or_default();
    let content = match wanted {
        Wanted::Present => before.clone(),
        Wanted::Whole(bytes) => bytes.clone(),
        Wanted::Changes(changes) => {
            edited(&before, changes).map_err(|problem| anyhow::anyhow!("{problem}"))?
        }
    };
    // What a start finds where there is no file.
    let content =
        if content.is_empty() && matches!(wanted, Wanted::Present) { b"{}".to_vec() } else { content };
    let (against, from) = base(place, wanted, &before)?;
    let mut forecast = Forecast {
        verdict: Decision::Rejected,
        generation: None,
        against,
        problems: Vec::new(),
        by_the_world: false,
        warnings: Vec::new(),
        keys: Vec::new(),
        services: Vec::new(),
        risks: Vec::new(),
        taken_back: None,
        unknown: UNKNOWN.iter().map(|unknown| (*unknown).to_owned()).collect(),
    };
    match crate::app::check_at(place, &content) {
        // Nobody could say more.
        Err(problems) => (forecast.problems, forecast.unknown) = (problems, Vec::new()),
        Ok(Accepted { settings, warnings, .. }) => {
            forecast.warnings = warnings;
            forecast.problems = crate::app::ports_at(place, &settings)?;
            forecast.by_the_world = !forecast.problems.is_empty();
            forecast.verdict = match (forecast.by_the_world, settings == from) {
                (true, _) => Decision::Rejected,
                (false, true) => Decision::Unchanged,
                (false, false) => Decision::Applied,
            };
            let number = |name| place.variable(name).and_then(|port| port.parse().ok());
            let container = place.variable("THOTH_DOCKER") == Some("1");
            let around = Around { container, published: number("THOTH_PUBLISHED_PORT"), ..Around::default() };
            forecast.keys = key_changes(file, (&from, &settings), (&before, &content));
            forecast.risks = risks(&from, &settings, &around);
        }
    }
    Ok(forecast)
}

/// What only a server knows.
const UNKNOWN: &[&str] = &[
    "what each service would do, since no server runs: the next one builds them all",
    "how large the index is, and whether these settings were live and taken back",
];

/// What a content is compared with: the file; for the file itself what ran last, or the defaults.
fn base(place: &Place, wanted: &Wanted, before: &[u8]) -> anyhow::Result<(String, Settings)> {
    let defaults = || ("the defaults".to_owned(), Settings::default_for(&place.vault));
    let checked =
        |content: &[u8]| crate::app::check_at(place, content).ok().map(|accepted| accepted.settings);
    let found = match wanted {
        Wanted::Present => last(place)?
            .and_then(|(id, content)| Some((format!("what ran last, by verdict #{id}"), checked(&content)?))),
        Wanted::Whole(_) | Wanted::Changes(_) => checked(before)
            .map(|settings| (format!("`{}` as it stands", place.settings_file.display()), settings)),
    };
    Ok(found.unwrap_or_else(defaults))
}

/// The content that ran last, and the verdict that says so.
fn last(place: &Place) -> anyhow::Result<Option<(u64, Vec<u8>)>> {
    let folder: PathBuf = crate::app::history_dir(&place.state_dir, Roles::ALL);
    let verdicts = changeover::read_history(&folder)?;
    let ran = verdicts.iter().rev().find(|verdict| verdict.verdict == Decision::Applied);
    let Some(id) = ran.map(|verdict| verdict.id) else { return Ok(None) };
    Ok(changeover::read_content(&folder, id)?.map(|content| (id, content)))
}

fn print(forecast: &Forecast) {
    let Forecast { verdict, against, problems, by_the_world, warnings, keys, services, .. } = forecast;
    match verdict {
        Decision::Applied => println!("{GOOD}would be applied{GOOD:#}, compared with {against}"),
        Decision::Unchanged => println!("{QUIET}would change nothing{QUIET:#}, compared with {against}"),
        _ if *by_the_world => {
            println!("{BAD}would be refused{BAD:#} by the world as it is now; a save would be tried again:");
        }
        _ => println!("{BAD}would be refused{BAD:#}:"),
    }
    problems.iter().for_each(|problem| println!("  {BAD}×{BAD:#} {problem}"));
    if let Some(problem) = forecast.taken_back.as_ref().filter(|told| !problems.contains(told)) {
        println!("  {BAD}!{BAD:#} {problem}");
    }
    section("keys", keys, print_key);
    let (kept, done): (Vec<_>, Vec<_>) = services.iter().partition(|service| service.action == Action::Kept);
    section("services", &done, |service| {
        let action = json!(service.action);
        let action = action.as_str().unwrap_or_default();
        println!("  {:<11} {action:<9} {}", service.name, service.reason);
    });
    if !kept.is_empty() {
        let names: Vec<&str> = kept.iter().map(|service| service.name.as_str()).collect();
        println!("  {QUIET}carried over: {}{QUIET:#}", names.join(", "));
    }
    section("risks", &forecast.risks, |risk| {
        let path = if risk.path.is_empty() { String::new() } else { format!("{}: ", risk.path) };
        println!("  {BAD}!{BAD:#} {path}{}", risk.message);
    });
    section("doubtful", warnings, |warning: &Problem| println!("  {warning}"));
    section("not known", &forecast.unknown, |unknown| println!("  {unknown}"));
}

fn section<T>(title: &str, items: &[T], print: impl Fn(&T)) {
    if !items.is_empty() {
        println!("{title}");
        items.iter().for_each(print);
    }
}

fn print_key(change: &KeyChange) {
    let KeyChange { difference, origin, file_says, no_effect } = change;
    let (path, from, to) = (&difference.path, &difference.from, &difference.to);
    let origin = match origin {
        Origin::Default => "the default".to_owned(),
        Origin::File { file, line } => format!("{file}:{line}"),
        Origin::Temporary { id, until } => format!("temporary change {id}, until {until}"),
        Origin::Variable { variable } => format!("the variable `{variable}`"),
    };
    match (no_effect, file_says) {
        (Some(why), Some(said)) => println!("  {path}  stays {to}: {BAD}{said} has no effect, {why}{BAD:#}"),
        _ if from == to => println!("  {path}  another secret  {QUIET}{origin}{QUIET:#}"),
        _ => println!("  {path}  {from} → {to}  {QUIET}{origin}{QUIET:#}"),
    }
}
