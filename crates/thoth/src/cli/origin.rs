//! `thoth settings show --origin`: each key in effect, and where it comes from.

use std::path::Path;
use std::process::ExitCode;

use anstream::println;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::output::{BAD, QUIET};
use super::{Place, output};
use crate::settings::effective::{Now, effective, says};
use crate::settings::local_file;

/// What is printed of a key.
#[derive(Deserialize)]
struct Row {
    key: String,
    value: Value,
    from: String,
    file: Option<String>,
    line: Option<u32>,
    variable: Option<String>,
    until: Option<Timestamp>,
    file_says: Option<Said>,
    differs: Option<String>,
    service: Option<String>,
    since: Option<u64>,
    stands: Option<Stands>,
}

/// A service that does not run as it should.
#[derive(Deserialize)]
struct Stands {
    status: String,
    reason: Option<String>,
    runs: String,
}

#[derive(Deserialize)]
struct Said {
    value: Option<Value>,
    line: Option<u32>,
    file: Option<String>,
}

/// Asks the server; where none runs, says what the file would give.
pub(super) fn show(vault: Option<&Path>, json: bool) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let shown: Value = super::serve::wait(async {
        match place.ask(async |client| client.get("/api/v1/settings/effective").await).await? {
            Some(told) => Ok(told),
            None => from_file(&place),
        }
    })?;
    if json {
        output::json(&shown)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Row> = serde_json::from_value(shown["keys"].clone())?;
    let width = rows.iter().map(|row| row.key.len()).max().unwrap_or_default();
    rows.iter().for_each(|row| print(row, width));
    if shown["drift"] == true {
        println!("{BAD}the file is not what runs{BAD:#}");
    }
    if shown["taking_effect"] == true {
        println!("{BAD}a newer save is taking effect, and is not looked at here: ask again{BAD:#}");
    }
    Ok(ExitCode::SUCCESS)
}

fn from_file(place: &Place) -> anyhow::Result<Value> {
    let settings = crate::app::settings_now(place)?;
    let local = local_file(&place.settings_file);
    let (content, above) = (std::fs::read(&place.settings_file).ok(), std::fs::read(&local).ok());
    let says = content.and_then(|content| says(&content, above.as_deref(), &local));
    let (since, stands) = Default::default();
    let now = Now { origins: &settings.origins, says, above: None, drift: None, since, stands };
    Ok(
        json!({ "generation": null, "file": place.settings_file, "drift": false, "keys": effective(&settings, &now) }),
    )
}

fn print(row: &Row, width: usize) {
    let Row { key, value, from, file, line, variable, until, file_says, differs, service, since, stands } =
        row;
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    let place = file.as_ref().map(|file| format!("{file}{line}"));
    let until = until.map(|until| format!("temporary until {until}"));
    let from = place.or(until).or_else(|| variable.clone()).unwrap_or_else(|| from.clone());
    let service = service.as_deref().unwrap_or("not used");
    let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
    println!("{key:<width$}  {value}  {QUIET}{from}; {service}{since}{QUIET:#}");
    if let Some(Stands { status, reason, runs }) = stands {
        let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        println!("{:<width$}  {BAD}{service} is {status}{reason}; it runs {runs}{BAD:#}", "");
    }
    if let (Some(said), Some(differs)) = (file_says, differs) {
        let line = said.line.map(|line| format!("line {line}")).unwrap_or_else(|| "the file".to_owned());
        let line = said.file.as_ref().map_or(line.clone(), |file| format!("`{file}`, {line}"));
        let value = said.value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
        println!("{:<width$}  {BAD}{line} says {value}: {differs}{BAD:#}", "");
    }
}
