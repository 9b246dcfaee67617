//! `thoth settings …`, `thoth reload`, `thoth token`.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::{print, println};
use anyhow::Context;
use changeover::{Decision, Files, Occasion, Verdict};
use serde::Deserialize;
use serde_json::{Value, json};

use super::edits::ACTOR;
use super::place::around;
use super::{Place, output};
use crate::http::client::ClientError;
use crate::settings::{Layers, Review, local_file, named, render};

/// Says everything that is wrong with a file, and with what belongs to it: the file above it, templates, secrets.
pub(super) fn check(vault: Option<&Path>, file: Option<PathBuf>, json: bool) -> anyhow::Result<ExitCode> {
    let (file, vault, environment) = match (Place::find(vault), file) {
        (Ok(place), Some(file)) => (std::path::absolute(file)?, place.vault, place.environment),
        (Ok(place), None) => (place.settings_file, place.vault, place.environment),
        // A file can be checked anywhere: its own folder then stands for the vault.
        (Err(_), Some(file)) if vault.is_none() => {
            let (vault, environment) = around(&file)?;
            (file, vault, environment)
        }
        (Err(error), _) => return Err(error),
    };
    let content = beginning(&file).with_context(|| format!("`{}` cannot be read", file.display()))?;
    // An empty object is valid, with a warning: whether it may replace a live one is another question.
    let occasion = Occasion::RunningAllowEmpty;
    let layers = Layers { local: local_file(&file), temporary: None, environment, vault };
    let Review { problems, warnings, .. } = layers.review(&Files::around(&content), occasion);
    if json {
        output::json(&render::json(&problems, &warnings))?;
    } else {
        let mut report = String::new();
        let name = file.display().to_string();
        let open = |name: &str| named(&layers.vault, name);
        let main = (name.as_str(), content.as_slice());
        render::write_report(&mut report, main, &open, &problems, &warnings, output::style())?;
        print!("{report}");
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A file as far as the check reads it: one byte beyond the limit says that it is too large. What is read may be a pipe.
fn beginning(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let limit = changeover::check::SIZE_MAX as u64 + 1;
    std::fs::File::open(file)?.take(limit).read_to_end(&mut content)?;
    Ok(content)
}

/// Shows the settings in effect: the server's, or, where none runs, what the file would give.
pub(super) fn show(vault: Option<&Path>) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let shown = super::serve::wait(async {
        match place.client() {
            Ok(client) => Ok(client.get::<Value>("/api/v1/settings").await?),
            Err(_) => Ok::<_, anyhow::Error>(json!({ "generation": null, "settings": from_file(&place)? })),
        }
    })?;
    output::json(&shown)?;
    Ok(ExitCode::SUCCESS)
}

fn from_file(place: &Place) -> anyhow::Result<Value> {
    let settings = crate::app::settings_now(place)?;
    Ok(settings.view())
}

/// The list that the API gives.
#[derive(Deserialize)]
struct Reloads {
    reloads: Vec<Verdict>,
}

/// Shows the last verdicts.
pub(super) fn history(vault: Option<&Path>, limit: u32, json: bool) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let path = format!("/api/v1/reloads?limit={limit}");
    let Reloads { reloads } =
        super::serve::wait(async { place.client()?.get(&path).await.map_err(Into::into) })?;
    if json {
        output::json(&reloads)?;
    } else {
        reloads.iter().for_each(output::verdict);
    }
    Ok(ExitCode::SUCCESS)
}

/// Has the running server read its file now. A refused content gives exit code 1.
pub(super) fn reload(vault: Option<&Path>, retry: bool, json: bool) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let asked = super::serve::wait(async {
        let body = json!({ "retry": retry, "actor": ACTOR });
        let answer: Result<Verdict, ClientError> = place.client()?.post("/api/v1/reloads", &body).await;
        Ok(answer?)
    });
    let verdict = asked?;
    if json {
        output::json(&verdict)?;
    } else {
        output::verdict(&verdict);
    }
    Ok(if verdict.verdict == Decision::Rejected { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Prints the token.
pub(super) fn token(vault: Option<&Path>) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let token = place.token()?.with_context(|| {
        format!(
            "there is no token in `{}` yet; the first `thoth serve` makes it; a server \
             that was started with `THOTH_API_TOKEN` has that one",
            place.state_dir.display()
        )
    })?;
    println!("{}", token.expose());
    Ok(ExitCode::SUCCESS)
}
