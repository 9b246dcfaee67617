//! `thoth settings set | unset | edit | diff | rollback`.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};

use anstream::{eprintln, print, println};
use anyhow::{Context, ensure};
use changeover::edit::Change;
use changeover::{Decision, Files, Occasion, Problem, Verdict};
use serde::Deserialize;
use serde_json::{Value, json};

use super::output::{BAD, GOOD, QUIET};
use super::{Place, output};
use crate::http::client::{Client, ClientError};
use crate::settings::{Difference, KEYS, Kind, edited, named, render};

/// Who asks, in the history.
const ACTOR: &str = "cli";

/// What a value on the command line means for a key: a string where the key takes strings, else JSON; what is no JSON is a
/// string, and the check says what is wrong with that.
pub(super) fn value(key: &str, written: String) -> Value {
    let kind = KEYS.iter().find(|known| known.path == key).map(|known| known.kind);
    match (kind, serde_json::from_str(&written)) {
        (Some(Kind::Text), Ok(Value::String(text))) => Value::String(text),
        (Some(Kind::Text), _) | (_, Err(_)) => Value::String(written),
        (_, Ok(value)) => value,
    }
}

/// Sets or removes one key, by the running server, or in the file where none runs.
pub(super) fn change(
    vault: Option<&Path>,
    key: &str,
    value: Option<Value>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let change = Change { path: key.to_owned(), value };
    let body = json!({ "changes": [change], "actor": ACTOR });
    let asked = super::serve::wait(async {
        Ok(match place.server() {
            Ok(client) => client.patch("/api/v1/settings", &body).await,
            Err(error) => Err(error),
        })
    })?;
    match asked {
        Err(ClientError::NoServer | ClientError::Silent(_)) => write(&place, &change, json),
        asked => told(&asked?, json),
    }
}

/// Changes the file itself: no server runs that would.
fn write(place: &Place, change: &Change, json: bool) -> anyhow::Result<ExitCode> {
    let mut problems = Vec::new();
    let mut content = Vec::new();
    let saved = changeover::edit::save(&place.settings_file, |before| {
        content = edited(before, std::slice::from_ref(change))?;
        match place.layers().check(&Files::around(&content), Occasion::RunningAllowEmpty) {
            Ok(_) => Ok(content.clone()),
            Err(found) => {
                problems = found;
                Err(Problem::new("", "the changed file would be refused"))
            }
        }
    });
    if json {
        output::json(&json!({ "written": saved.is_ok(), "problems": problems }))?;
    } else if !problems.is_empty() {
        refused(place, &content, &problems)?;
    } else {
        saved.map_err(|problem| anyhow::anyhow!("{problem}"))?;
        let file = place.settings_file.display();
        println!("{GOOD}written{GOOD:#}: `{file}`; no server runs: the next one starts with it");
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The problems of a content that has not taken the file's place.
fn refused(place: &Place, content: &[u8], problems: &[Problem]) -> anyhow::Result<()> {
    let mut report = String::new();
    let name = place.settings_file.display().to_string();
    let open = |name: &str| named(&place.vault, name);
    render::write_report(&mut report, (&name, content), &open, problems, &[], output::style())?;
    print!("{report}");
    Ok(())
}

fn told(verdict: &Verdict, json: bool) -> anyhow::Result<ExitCode> {
    match json {
        true => output::json(verdict)?,
        false => output::verdict(verdict),
    }
    let done = matches!(verdict.verdict, Decision::Applied | Decision::Unchanged);
    Ok(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Has the user edit a copy, and proposes that.
pub(super) fn edit(vault: Option<&Path>) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let client = place.client()?;
    // First the tag, then the bytes: a save between the two is a conflict then, and not lost.
    let tag = super::serve::wait(async { Ok(client.tag("/api/v1/settings").await?) })?;
    let before = match fs::read(&place.settings_file) {
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => b"{\n}\n".to_vec(),
        read => read.with_context(|| format!("`{}` cannot be read", place.settings_file.display()))?,
    };
    let copy = place.state_dir.join(format!("settings-{}.json", std::process::id()));
    private(&copy, &before).with_context(|| format!("`{}` cannot be written", copy.display()))?;
    let after = in_editor(&place, &copy).and_then(|()| Ok(fs::read(&copy)?));
    let done = match after {
        Ok(after) if after == before => {
            println!("nothing was changed");
            Ok(ExitCode::SUCCESS)
        }
        Ok(after) => propose(&place, &client, &tag, after),
        Err(error) => Err(error),
    };
    match &done {
        Ok(code) if *code == ExitCode::SUCCESS => fs::remove_file(&copy)?,
        _ => eprintln!("{QUIET}what you wrote is kept in `{}`{QUIET:#}", copy.display()),
    }
    done
}

fn propose(place: &Place, client: &Client, tag: &str, content: Vec<u8>) -> anyhow::Result<ExitCode> {
    let put = client.put("/api/v1/settings", tag, ACTOR, content.clone());
    let verdict = super::serve::wait(async { Ok(put.await?) })?;
    if verdict.verdict == Decision::Rejected {
        println!("{BAD}refused{BAD:#}: the file stays as it was");
        refused(place, &content, &verdict.problems)?;
        return Ok(ExitCode::FAILURE);
    }
    told(&verdict, false)
}

/// A file with API keys in it is its owner's alone.
fn private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(content)
}

/// Runs the user's editor: its words, then the file. No shell.
fn in_editor(place: &Place, copy: &Path) -> anyhow::Result<()> {
    let editor = place.variable("VISUAL").or_else(|| place.variable("EDITOR"));
    let editor = editor.context("no editor is named; set `VISUAL` or `EDITOR`")?;
    let mut words = editor.split_whitespace();
    let program = words.next().context("`EDITOR` is blank")?;
    let status = Command::new(program).args(words).arg(copy).status();
    let status = status.with_context(|| format!("`{program}` cannot be started"))?;
    ensure!(status.success(), "`{editor}` ended with {status}; nothing was changed");
    Ok(())
}

/// What the API says of two sides.
#[derive(Deserialize)]
struct Sides {
    differences: Vec<Difference>,
    problems: Vec<Problem>,
}

/// Shows what differs.
pub(super) fn diff(
    vault: Option<&Path>,
    from: Option<u64>,
    to: Option<u64>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let sides = [("from", from), ("to", to)];
    let sides: Vec<(&str, String)> =
        sides.into_iter().filter_map(|(name, id)| Some((name, id?.to_string()))).collect();
    let query: Vec<(&str, &str)> = sides.iter().map(|(name, id)| (*name, id.as_str())).collect();
    let told: Value = super::serve::wait(async {
        Ok::<_, anyhow::Error>(place.client()?.query("/api/v1/settings/diff", &query).await?)
    })?;
    if json {
        output::json(&told)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Sides { differences, problems } = Sides::deserialize(&told)?;
    if !problems.is_empty() {
        println!("{BAD}no settings could be made of one side{BAD:#}:");
        problems.iter().for_each(|problem| println!("  {problem}"));
        return Ok(ExitCode::FAILURE);
    }
    if differences.is_empty() {
        println!("nothing differs");
    }
    for Difference { path, from, to } in differences {
        println!("{path}\n  {BAD}- {from}{BAD:#}\n  {GOOD}+ {to}{GOOD:#}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Puts an older content back.
pub(super) fn rollback(
    vault: Option<&Path>,
    id: u64,
    with_keys: bool,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let asked = json!({ "id": id, "keys": with_keys, "actor": ACTOR });
    let verdict = super::serve::wait(async {
        Ok::<_, anyhow::Error>(place.client()?.post_change("/api/v1/settings/rollback", &asked).await?)
    })?;
    told(&verdict, json)
}
