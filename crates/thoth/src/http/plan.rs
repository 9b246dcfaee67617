//! `POST /api/v1/settings/plan`: what a content would do, by the engine's dry run. Nothing is changed.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use changeover::edit::Change;
use changeover::{Action, Cause, Content, Plan, ServiceReport, Status};
use serde::Deserialize;

use super::blocking::blocking;
use super::edits::{self, CHANGES_MAX};
use super::error::ApiError;
use super::extract::Raw;
use super::generation::Generation;
use super::server;
use super::state::App;
use crate::pdf::monitor::MonitorInputs;
use crate::rag::Rag;
use crate::rag::recipe::Recipe;
use crate::settings::{Around, Forecast, Rebuild, Settings, key_changes, risks};

/// The body of [`plan`], which may be left out: the file as it stands; else one of the two.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The text of a whole file.
    content: Option<String>,
    /// Changes of the file as it stands.
    changes: Option<Vec<Change>>,
}

/// `POST /api/v1/settings/plan`.
pub(super) async fn plan(State(app): State<Arc<App>>, Raw(body): Raw) -> Result<Answer<Forecast>, ApiError> {
    let asked: Asked = match body.trim_ascii() {
        [] => Asked::default(),
        body => serde_json::from_slice(body).map_err(|error| {
            ApiError::invalid(format!("the body is not understood: {error}")).hint(
                "send `{}` for the file as it stands, `{\"content\": \"…\"}`, or `{\"changes\": [{\"path\": …, \"value\": …}]}`",
            )
        })?,
    };
    let present = edits::read(&app).await?;
    let before = present.bytes().unwrap_or_default().to_vec();
    // What is read again is bound by the quarantine, what is asked for anew once more is not.
    let (content, cause) = match asked {
        Asked { content: None, changes: None } => (present, Cause::Reload),
        Asked { content: Some(content), changes: None } => {
            (Content::Bytes(content.into_bytes()), Cause::Edit)
        }
        Asked { content: None, changes: Some(changes) } => {
            let standing = edits::standing(&app, present)?.unwrap_or_default();
            (Content::Bytes(edits::with_changes(standing, changes).await?), Cause::Edit)
        }
        Asked { content: Some(_), changes: Some(_) } => {
            let two =
                format!("`content` is a whole file, and `changes` are at most {CHANGES_MAX} of its keys");
            return Err(ApiError::invalid(two).hint("send one of the two"));
        }
    };
    let planned = app.engine.plan(content.clone(), cause, look).await;
    let planned = planned.map_err(|stopped| ApiError::unavailable(stopped.to_string()))?;
    let rebuild = rebuild(planned.seen.as_ref()).await?;
    let status = app.engine.status();
    let told = move || forecast(planned, rebuild, &status, &before, content.bytes().unwrap_or_default());
    Ok(Answer(blocking("a comparison of settings ended early", told).await?))
}

/// What is taken out of the two generations while there are two.
struct Seen {
    /// What the owners of what a process has only once would say, each under its name.
    owners: Vec<(&'static str, Option<String>)>,
    /// What reads the index now, and what would be wanted.
    index: (Arc<Rag>, Recipe),
    /// The port that is served in a container whatever the settings say.
    published: Option<u16>,
}

fn look(live: &Generation, next: &Generation) -> Seen {
    let (from, to) = (&live.settings, &next.settings);
    let rag = &next.services.rag;
    let wanted = rag.wanted();
    let builds = (rag.reads() != wanted).then(|| {
        let (size, overlap) = (wanted.chunk_size(), wanted.chunk_overlap());
        format!("builds chunks of {size} tokens, {overlap} of them shared, beside those that answer")
    });
    let (was, is) = (MonitorInputs::of(from), MonitorInputs::of(to));
    let folder = is.change_in_words((!live.safe_mode).then_some(&was));
    let level = (from.logging.level != to.logging.level).then(|| to.logging.in_words());
    let owners = vec![
        ("log", level),
        (server::NAME, server::foretold(live, next)),
        ("pdf", folder),
        ("index", builds),
    ];
    let published = next.services.http.inputs().served_beside();
    Seen { owners, index: (live.services.rag.handle(), wanted.clone()), published }
}

/// What would have to be built for the index.
async fn rebuild(seen: Option<&Seen>) -> Result<Option<Rebuild>, ApiError> {
    let Some((rag, wanted)) = seen.map(|seen| seen.index.clone()) else { return Ok(None) };
    let size = blocking("the size of the index could not be read", move || rag.rebuild(&wanted)).await?;
    size.map(Some).map_err(|error| ApiError::internal("the size of the index cannot be read", &error))
}

fn forecast(
    plan: Plan<Settings, Seen>,
    index: Option<Rebuild>,
    status: &Status,
    before: &[u8],
    content: &[u8],
) -> Forecast {
    let Plan { verdict, generation, against, problems, by_the_world, warnings, services, .. } = plan;
    let mut forecast = Forecast {
        verdict,
        generation: Some(generation),
        against: format!("generation {generation}, which runs"),
        problems,
        by_the_world,
        warnings,
        keys: Vec::new(),
        services,
        risks: Vec::new(),
        taken_back: plan.taken_back,
        unknown: Vec::new(),
    };
    if let Some(settings) = &plan.settings {
        let container = against.in_container();
        let published = plan.seen.as_ref().and_then(|seen| seen.published);
        let around = Around { container, published, watch: Some(status.watch_enabled), index };
        forecast.keys = key_changes(&status.file, (&against, settings), (before, content));
        forecast.risks = risks(&against, settings, &around);
    }
    for (name, said) in plan.seen.into_iter().flat_map(|seen| seen.owners) {
        if let Some(reason) = said.filter(|_| plan.followers.contains(&name)) {
            forecast.services.push(ServiceReport { name: name.to_owned(), action: Action::Followed, reason });
        }
    }
    forecast
}
