//! `thoth notes …`: by the server where one runs, else directly on the vault's state.

use std::path::Path;
use std::process::ExitCode;

use anstream::{eprintln, println};
use serde_json::{Value, json};

use super::answers::Source;
use super::output::{BAD, GOOD, QUIET};
use super::{Place, output, serve};

/// Writes our part of notes anew, and prints what became of each. Exit code 1 when one could not be written.
pub(super) fn refresh(vault: Option<&Path>, papers: Vec<String>, json: bool) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let done = serve::wait(async {
        let source = Source::find(&place).await?;
        let done = match &source {
            Source::Server(client) => client
                .post::<Value>("/api/v1/notes/refresh", &json!({ "papers": papers }))
                .await
                .map_err(Into::into),
            Source::Direct(library) => {
                library.refresh_notes(papers).await.map(|notes| json!({ "notes": notes }))
            }
        };
        source.close().await;
        done
    })?;
    let notes = done["notes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let failed = notes.iter().any(|note| note["outcome"] == "failed");
    if json {
        output::json(&done)?;
    } else {
        notes.iter().for_each(say);
        if notes.is_empty() {
            eprintln!("there are no notes yet");
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn say(note: &Value) {
    let text = |field: &str| note[field].as_str().unwrap_or_default();
    let style = match text("outcome") {
        "updated" => GOOD,
        "failed" => BAD,
        _ => QUIET,
    };
    let what = note["note"].as_str().unwrap_or_else(|| text("title"));
    let reason = note["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
    println!("{style}{:<9}{style:#} {QUIET}{}{QUIET:#} {what}{reason}", text("outcome"), text("id"));
}
