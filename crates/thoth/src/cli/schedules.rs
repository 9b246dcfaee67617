//! `thoth settings set … --for | --at | --in`, `thoth settings schedule list | cancel`.

use std::path::Path;
use std::process::ExitCode;

use anstream::println;
use jiff::{SignedDuration, Timestamp, Zoned};
use serde::Deserialize;
use serde_json::{Value, json};

use super::edits::ACTOR;
use super::output::{BAD, GOOD, QUIET};
use super::{Place, output};
use changeover::{Problem, Verdict};

/// When a change is to be in effect, if not now.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(multiple = false)]
pub struct Times {
    /// Only for this long, as in `30m`: the change applies now, and stands in no settings file
    #[arg(long = "for", value_name = "PERIOD", value_parser = crate::when::period)]
    length: Option<SignedDuration>,
    /// At this time, as in `08:00` or `2026-12-01T08:00`, if the key still says then what it says now
    #[arg(long, value_name = "TIME", value_parser = at)]
    at: Option<Timestamp>,
    /// After this time, as in `2h`, if the key still says then what it says now
    #[arg(long = "in", value_name = "PERIOD", value_parser = crate::when::period)]
    after: Option<SignedDuration>,
}

fn at(text: &str) -> Result<Timestamp, String> {
    crate::when::moment(text, &Zoned::now())
}

impl Times {
    /// Whether nothing else is asked for.
    pub(super) fn is_now(&self) -> bool {
        self.length.is_none() && self.at.is_none() && self.after.is_none()
    }

    /// The field of the API's request, and its value; `None`: now.
    fn asked(&self) -> Option<(&'static str, Value)> {
        let length = |length: &SignedDuration| json!(format!("{length:#}"));
        let Self { length: lasts, at, after } = self;
        let lasts = lasts.as_ref().map(|lasts| ("for", length(lasts)));
        let after = || after.as_ref().map(|after| ("in", length(after)));
        lasts.or_else(after).or_else(|| at.map(|at| ("at", json!(at))))
    }
}

/// Asks the running server to set a change for another time; without `value`, to remove the key.
pub(super) fn set(
    vault: Option<&Path>,
    key: &str,
    value: Option<Value>,
    times: &Times,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let mut change = json!({ "path": key });
    if let Some(value) = value {
        change["value"] = value;
    }
    let mut asked = json!({ "changes": [change], "actor": ACTOR });
    if let Some((name, value)) = times.asked() {
        asked[name] = value;
    }
    let told: Value =
        super::serve::wait(async { Ok(place.client()?.post("/api/v1/settings/schedules", &asked).await?) })?;
    tell(&told, json)
}

/// Calls a change off.
pub(super) fn cancel(vault: Option<&Path>, id: u64, json: bool) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let path = format!("/api/v1/settings/schedules/{id}");
    let told: Value = super::serve::wait(async { Ok(place.client()?.delete(&path, ACTOR).await?) })?;
    tell(&told, json)
}

fn tell(told: &Value, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        output::json(told)?;
        return Ok(ExitCode::SUCCESS);
    }
    for warning in Option::<Vec<Problem>>::deserialize(&told["warnings"])?.into_iter().flatten() {
        println!("{QUIET}warning{QUIET:#}: {warning}");
    }
    println!("{}", Shown::deserialize(&told["schedule"])?.in_words());
    if !told["verdict"].is_null() {
        output::verdict(&Verdict::deserialize(&told["verdict"])?);
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists what waits, and what has ended.
pub(super) fn list(vault: Option<&Path>, json: bool) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let told: Value =
        super::serve::wait(async { Ok(place.client()?.get("/api/v1/settings/schedules").await?) })?;
    if json {
        output::json(&told)?;
        return Ok(ExitCode::SUCCESS);
    }
    let all = Vec::<Shown>::deserialize(&told["schedules"])?;
    if all.is_empty() {
        println!("nothing is scheduled; `thoth settings set KEY VALUE --at 08:00` or `--for 30m` does that");
    }
    all.iter().for_each(|entry| println!("{}", entry.in_words()));
    Ok(ExitCode::SUCCESS)
}

/// What is printed of an entry.
#[derive(Deserialize)]
pub(super) struct Shown {
    id: u64,
    kind: changeover::schedule::Kind,
    at: Timestamp,
    changes: Vec<Change>,
    actor: Option<String>,
    end: Option<changeover::schedule::End>,
    problem: Option<String>,
}

#[derive(Deserialize)]
struct Change {
    path: String,
    value: Option<Value>,
}

impl Shown {
    /// One line.
    pub(super) fn in_words(&self) -> String {
        use changeover::schedule::{Fate, Kind};
        let changes: Vec<String> = self.changes.iter().map(Change::in_words).collect();
        let preposition = match self.kind {
            Kind::Scheduled => "at",
            Kind::Temporary => "until",
        };
        let at = local(self.at);
        let ended = self.end.as_ref().map(|end| {
            let style = if matches!(end.fate, Fate::Failed | Fate::Void) { BAD } else { GOOD };
            let reason = end.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("  {style}{} {}{style:#}{reason}", end.fate.name(), local(end.at))
        });
        let problem = self.problem.as_ref().map(|problem| format!("  {BAD}{problem}{BAD:#}"));
        let by = self.actor.as_ref().map(|actor| format!("  {QUIET}by {actor}{QUIET:#}")).unwrap_or_default();
        let rest = ended.or(problem).unwrap_or_default();
        format!("#{} {preposition} {at}  {}{by}{rest}", self.id, changes.join(", "))
    }
}

impl Change {
    fn in_words(&self) -> String {
        match &self.value {
            Some(value) => format!("{} = {value}", self.path),
            None => format!("{} removed", self.path),
        }
    }
}

/// A time by the clock of this machine.
fn local(at: Timestamp) -> impl std::fmt::Display {
    at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
