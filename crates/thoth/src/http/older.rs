//! The contents that the history keeps, as a rollback and a comparison take them: with the other files, and mostly with the API
//! keys, of today.

use std::sync::Arc;

use changeover::{HistoryError, Occasion, OtherFile, Problem};

use super::blocking::blocking;
use super::error::ApiError;
use super::state::App;

/// The content that a verdict was about.
pub(super) async fn content(app: &Arc<App>, id: u64) -> Result<Vec<u8>, ApiError> {
    let app = Arc::clone(app);
    let read = blocking("reading the history ended early", move || app.engine.content_of(id)).await?;
    let read = read.map_err(|error| ApiError::internal("the history cannot be read", &error))?;
    read.ok_or_else(|| {
        ApiError::not_found(format!("no content is kept of verdict {id}"))
            .hint("`thoth settings history` lists the verdicts; only what went live is kept")
    })
}

/// That the content of a verdict meant something else then, since another file of the settings was different: the history keeps the
/// settings file alone, and with the files of today the same bytes are another content.
pub(super) async fn otherwise(app: &Arc<App>, id: u64, content: &[u8]) -> Result<Option<Problem>, ApiError> {
    let (engine, content) = (app.engine.clone(), content.to_vec());
    let differs = move || {
        let newest = engine.history_before(id.saturating_add(1), 1)?;
        let then =
            newest.into_iter().find(|verdict| verdict.id == id).and_then(|verdict| verdict.content.clone());
        Ok::<_, HistoryError>(then.is_some() && then != engine.content_hash(&content))
    };
    let differs = blocking("reading the history ended early", differs).await?;
    let differs = differs.map_err(|error| ApiError::internal("the history cannot be read", &error))?;
    let name = |other: &OtherFile| other.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let others: Vec<String> =
        app.engine.status().others.iter().map(|other| format!("`{}`", name(other))).collect();
    let message = || {
        format!(
            "at verdict {id} another file was different ({}): only the settings file is kept in the history",
            others.join(", ")
        )
    };
    Ok(differs
        .then(|| Problem::new("", message()).hint("what that file said then has to be put back by you")))
}

/// The content whose API keys are today's: the file, or, where nobody can say which keys stand in it or they were taken back, what
/// runs was read from. `None` where that is not known either.
pub(super) async fn todays(app: &Arc<App>, present: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, ApiError> {
    let app = Arc::clone(app);
    let found = move || {
        if let Some(present) = present.filter(|present| changeover::check::parse(present).is_ok())
            && !was_taken_back(&app, &present)?
        {
            return Ok(Some(present));
        }
        let accepted = app.engine.status().accepted;
        let mut verdicts = app.engine.history_before(u64::MAX, usize::MAX)?.into_iter();
        match verdicts.find(|verdict| accepted.is_some() && verdict.content == accepted) {
            Some(verdict) => app.engine.content_of(verdict.id),
            None => Ok(None),
        }
    };
    let found = blocking("reading the history ended early", found).await?;
    found.map_err(|error| ApiError::internal("the history cannot be read", &error))
}

/// Whether a content means what went live, failed, and was taken back, whatever else it says.
fn was_taken_back(app: &App, content: &[u8]) -> Result<bool, HistoryError> {
    let Ok(accepted) = app.engine.check(content, Occasion::RunningAllowEmpty) else { return Ok(false) };
    Ok(app.engine.taken_back(&accepted.settings)?.is_some())
}
