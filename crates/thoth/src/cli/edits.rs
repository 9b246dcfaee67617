//! `thoth settings set | unset | edit | diff | rollback`.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anstream::{eprintln, print, println};
use anyhow::{Context, bail, ensure};
use changeover::edit::Change;
use changeover::{Content, Decision, Files, Occasion, Problem, Verdict};
use serde::Deserialize;
use serde_json::{Value, json};

use super::output::{BAD, GOOD, QUIET};
use super::{Place, output};
use crate::http::client::Client;
use crate::instances::record::{self, Record, Seen};
use crate::settings::{Difference, KEYS, Kind, canonical, edited, named, render};

/// Who asks, in the history.
pub(super) const ACTOR: &str = "cli";

/// A key as the table names it, where it is another spelling of one.
pub(super) fn key(written: &str) -> &str {
    canonical(written).unwrap_or(written)
}

/// What a value on the command line means for a key: a string where the key takes strings, else JSON; what is no JSON is a
/// string, and the check says what is wrong with that.
pub(super) fn value(key: &str, written: String) -> Value {
    let kind = KEYS.iter().find(|known| known.path == key).map(|known| known.kind);
    match (kind, serde_json::from_str(&written)) {
        (Some(Kind::Text | Kind::TextOrNull), Ok(Value::String(text))) => Value::String(text),
        (Some(Kind::TextOrNull), Ok(Value::Null)) => Value::Null,
        (Some(Kind::Text | Kind::TextOrNull), _) | (_, Err(_)) => Value::String(written),
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
        Ok(place.ask(async |client| client.patch("/api/v1/settings", &body).await).await?)
    })?;
    let Some(verdict) = asked else {
        let written = write(&place, |before| edited(before, std::slice::from_ref(&change)));
        return without_server(&place, written, json);
    };
    // What is said of this key is said here; the rest of the file was not asked about.
    if !json {
        print_warnings(verdict.warnings.iter().filter(|warning| self::key(&warning.path) == key));
    }
    told(&verdict, json)
}

/// Why the file was not changed.
enum NotWritten {
    /// The check refuses what it would have become.
    Content(Vec<u8>, Vec<Problem>),
    Other(Problem),
}

/// Changes the file itself, as a whole or not at all: no server runs that would.
fn write(place: &Place, change: impl FnOnce(&[u8]) -> Result<Vec<u8>, Problem>) -> Result<(), NotWritten> {
    let mut refused = None;
    let saved = changeover::edit::save(&place.settings_file, |before| {
        let content = change(before)?;
        match place.layers().check(&Files::around(&content), Occasion::RunningAllowEmpty) {
            Ok(_) => Ok(content),
            Err(problems) => {
                refused = Some(NotWritten::Content(content, problems));
                Err(Problem::new("", "the changed file would be refused"))
            }
        }
    });
    saved.map_err(|problem| refused.unwrap_or(NotWritten::Other(problem)))
}

fn without_server(place: &Place, written: Result<(), NotWritten>, json: bool) -> anyhow::Result<ExitCode> {
    let file = place.settings_file.display();
    match written {
        Ok(()) if json => output::json(&json!({ "written": true, "problems": [] }))?,
        Ok(()) => println!("{GOOD}written{GOOD:#}: `{file}`; {}", whose(place)?),
        Err(NotWritten::Content(_, problems)) if json => {
            output::json(&json!({ "written": false, "problems": problems }))?;
            return Ok(ExitCode::FAILURE);
        }
        Err(NotWritten::Other(problem)) if json => {
            output::json(&json!({ "written": false, "problems": [problem] }))?;
            return Ok(ExitCode::FAILURE);
        }
        Err(NotWritten::Content(content, problems)) => {
            refused(place, &content, &problems)?;
            return Ok(ExitCode::FAILURE);
        }
        Err(NotWritten::Other(problem)) => bail!("`{file}` stays as it was: {problem}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Who takes the written file over. A process that serves no address has the vault too: it starts, or talks MCP to one client.
fn whose(place: &Place) -> anyhow::Result<String> {
    let living = record::look(&place.state_dir)?.into_iter().find(|seen| seen.alive);
    Ok(living.map_or_else(
        || "no server runs: the next one starts with it".to_owned(),
        |Seen { record: Record { pid, host, .. }, .. }| {
            format!("process {pid} on `{host}` has the vault, and takes this as any save: its log tells")
        },
    ))
}

/// The problems of a content that has not taken the file's place.
fn refused(place: &Place, content: &[u8], problems: &[Problem]) -> anyhow::Result<()> {
    println!("{BAD}refused{BAD:#}: the file stays as it was");
    let mut report = String::new();
    let name = format!("{}, as it would be", place.settings_file.display());
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

/// Has the user edit a copy, and proposes that; or writes it, where no server runs.
pub(super) fn edit(vault: Option<&Path>) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let editor = place.variable("VISUAL").or_else(|| place.variable("EDITOR"));
    let editor = editor.context("no editor is named; set `VISUAL` or `EDITOR`")?;
    // First the tag, then the bytes: a save between the two is a conflict then, and not lost.
    let server = tag(&place)?;
    let file = place.settings_file.display();
    let (stands, before) = match Content::of(&place.settings_file) {
        Content::Bytes(bytes) => (bytes.clone(), bytes),
        Content::Missing => (Vec::new(), b"{\n}\n".to_vec()),
        Content::Unreadable(why) => bail!("`{file}` cannot be read: {why}"),
    };
    let copy = copy(&place, &before)?;
    let done = in_editor(editor, &copy).and_then(|()| {
        let after = fs::read(&copy).with_context(|| format!("`{}` cannot be read", copy.display()))?;
        match server {
            _ if after == before => {
                println!("nothing was changed");
                Ok(ExitCode::SUCCESS)
            }
            Some((client, tag)) => propose(&place, &client, &tag, after),
            None => {
                let written = write(&place, |now| match now == stands {
                    true => Ok(after),
                    false => Err(Problem::new("", "it was changed by somebody else meanwhile")),
                });
                without_server(&place, written, false)
            }
        }
    });
    match &done {
        Ok(code) if *code == ExitCode::SUCCESS => {
            fs::remove_file(&copy).with_context(|| format!("`{}` cannot be removed", copy.display()))?;
        }
        _ => eprintln!(
            "{QUIET}what you wrote is kept in `{copy}`; mend it there, `thoth settings plan {copy}` says what it would do, \
             and copy it to `{file}`{QUIET:#}",
            copy = copy.display()
        ),
    }
    done
}

/// The server and what it calls the file now; `None` where none runs.
fn tag(place: &Place) -> anyhow::Result<Option<(Client, String)>> {
    super::serve::wait(async {
        let tag = async |client: Client| client.tag("/api/v1/settings").await.map(|tag| (client, tag));
        Ok(place.ask(tag).await?)
    })
}

fn propose(place: &Place, client: &Client, tag: &str, content: Vec<u8>) -> anyhow::Result<ExitCode> {
    let put = client.put("/api/v1/settings", tag, ACTOR, content.clone());
    let verdict = super::serve::wait(async { Ok(put.await?) })?;
    if verdict.verdict == Decision::Rejected {
        refused(place, &content, &verdict.problems)?;
        return Ok(ExitCode::FAILURE);
    }
    told(&verdict, false)
}

/// A copy to edit, its owner's alone, since API keys may stand in it; under a name that no earlier one has.
fn copy(place: &Place, content: &[u8]) -> anyhow::Result<PathBuf> {
    let mut folder = fs::DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    let made = folder.create(&place.state_dir);
    made.with_context(|| format!("`{}` cannot be made", place.state_dir.display()))?;
    let now = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
    let copy = place.state_dir.join(format!("settings-{now}-{}.json", std::process::id()));
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&copy).and_then(|mut file| file.write_all(content));
    written.with_context(|| format!("`{}` cannot be written", copy.display()))?;
    Ok(copy)
}

/// Runs the user's editor: its words, then the file. No shell.
fn in_editor(editor: &str, copy: &Path) -> anyhow::Result<()> {
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
    #[serde(default)]
    warnings: Vec<Problem>,
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
    let Sides { differences, problems, warnings } = Sides::deserialize(&told)?;
    let code = if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if json {
        output::json(&told)?;
        return Ok(code);
    }
    print_warnings(&warnings);
    if !problems.is_empty() {
        println!("{BAD}no settings could be made of one side{BAD:#}:");
        problems.iter().for_each(|problem| println!("  {problem}"));
        return Ok(code);
    }
    if differences.is_empty() {
        println!("nothing differs");
    }
    for Difference { path, from, to } in differences {
        match from == to {
            // Two secrets look alike.
            true => println!("{path}\n  another secret"),
            false => println!("{path}\n  {BAD}- {from}{BAD:#}\n  {GOOD}+ {to}{GOOD:#}"),
        }
    }
    Ok(code)
}

fn print_warnings<'a>(warnings: impl IntoIterator<Item = &'a Problem>) {
    warnings.into_iter().for_each(|warning| println!("{QUIET}warning{QUIET:#}: {warning}"));
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
    let verdict: Verdict = super::serve::wait(async {
        Ok::<_, anyhow::Error>(place.client()?.post_change("/api/v1/settings/rollback", &asked).await?)
    })?;
    if !json {
        // What is said of no key is said of the rollback.
        print_warnings(verdict.warnings.iter().filter(|warning| warning.path.is_empty()));
    }
    told(&verdict, json)
}
