//! Changes of `settings.json` by the API: keys, the whole file, an older content. Each goes the way of a save, and is written
//! only as it goes live.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use changeover::edit::Change;
use changeover::{Cause, Decision, NotProposed, Occasion, Problem, Proposal, Verdict};
use serde::Deserialize;
use serde_json::{Value, json};

use super::blocking::blocking;
use super::error::ApiError;
use super::extract::{Json, Query, Raw};
use super::state::App;
use crate::settings::{Settings, difference, edited, with_secrets_of};

/// Who asks, where the caller does not say.
const ACTOR: &str = "api";
/// Characters of a name, at most.
const ACTOR_CHARS_MAX: usize = 64;
/// Tries to change keys of a file that others change at the same time.
const TRIES: usize = 3;

/// The body of [`change`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Changes {
    changes: Vec<Change>,
    /// Who asks, for the history.
    actor: Option<String>,
}

/// `PATCH /api/v1/settings`: sets and removes keys. With `If-Match`, only in the file that the caller has seen.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Json(asked): Json<Changes>,
) -> Result<Response, ApiError> {
    let (matching, actor) = (matching(&headers)?, actor(asked.actor)?);
    let mut tries = TRIES;
    loop {
        let present = file(&app).await?;
        let content = edited(&present, &asked.changes).map_err(unprocessable)?;
        let seen = match &matching {
            Some(Match::Seen(tag)) => Some(tag.clone()),
            // Whatever stands there, the change is made of what was just read.
            Some(Match::Any) | None => hash(&app, present).await?,
        };
        let proposed = propose(&app, content, seen, Cause::Edit, actor.clone()).await;
        tries -= 1;
        match (proposed, &matching) {
            (Err(NotProposed::Conflict { .. }), Some(Match::Any) | None) if tries > 0 => {}
            (proposed, _) => return answer(&app, proposed),
        }
    }
}

/// `PUT /api/v1/settings`: the bytes of the whole file. `If-Match` says which it replaces.
pub(super) async fn replace(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Raw(content): Raw,
) -> Result<Response, ApiError> {
    let seen = match matching(&headers)? {
        Some(Match::Seen(tag)) => Some(tag),
        Some(Match::Any) => None,
        None => {
            let missing = "say in `If-Match` which content this one replaces";
            return Err(ApiError::new(StatusCode::PRECONDITION_REQUIRED, missing)
                .hint("`ETag` of `GET /api/v1/settings` names it; `*` stands for any"));
        }
    };
    let actor = headers.get("x-actor").and_then(|actor| actor.to_str().ok()).map(str::to_owned);
    let proposed = propose(&app, content.to_vec(), seen, Cause::Edit, self::actor(actor)?).await;
    answer(&app, proposed)
}

/// The body of [`rollback`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Back {
    /// The verdict whose content shall be live again.
    id: u64,
    /// With the API keys of that time; without, today's stay.
    #[serde(default)]
    keys: bool,
    actor: Option<String>,
}

/// `POST /api/v1/settings/rollback`: an older content, live and in the file.
pub(super) async fn rollback(
    State(app): State<Arc<App>>,
    Json(asked): Json<Back>,
) -> Result<Response, ApiError> {
    let actor = actor(asked.actor)?;
    let older = older(&app, asked.id).await?;
    let present = file(&app).await?;
    let seen = hash(&app, present.clone()).await?;
    let content = match asked.keys {
        true => older,
        false => with_secrets_of(&older, &present).map_err(unprocessable)?,
    };
    let proposed = propose(&app, content, seen, Cause::Rollback, actor).await;
    answer(&app, proposed)
}

/// The query of [`diff`].
#[derive(Debug, Deserialize)]
pub(super) struct Between {
    /// A verdict; without one, what runs.
    from: Option<u64>,
    /// A verdict; without one, the file.
    to: Option<u64>,
}

/// `GET /api/v1/settings/diff?from=&to=`: what differs, key by key, as it would be in effect, without secrets.
pub(super) async fn diff(
    State(app): State<Arc<App>>,
    Query(between): Query<Between>,
) -> Result<Answer<Value>, ApiError> {
    let from = match between.from {
        Some(id) => meant(&app, older(&app, id).await?).await?,
        None => Ok(app.engine.live().load().settings.as_ref().clone()),
    };
    let to = match between.to {
        Some(id) => older(&app, id).await?,
        None => file(&app).await?,
    };
    let to = meant(&app, to).await?;
    Ok(Answer(match (from, to) {
        (Ok(from), Ok(to)) => json!({ "differences": difference(&from, &to), "problems": [] }),
        (Err(problems), _) | (_, Err(problems)) => json!({ "differences": [], "problems": problems }),
    }))
}

/// What a content would mean today.
async fn meant(app: &Arc<App>, content: Vec<u8>) -> Result<Result<Settings, Vec<Problem>>, ApiError> {
    let app = Arc::clone(app);
    let check = move || app.engine.check(&content, Occasion::RunningAllowEmpty);
    let checked = blocking("a check of settings ended early", check).await?;
    Ok(checked.map(|accepted| accepted.settings))
}

/// The content that a verdict was about.
async fn older(app: &Arc<App>, id: u64) -> Result<Vec<u8>, ApiError> {
    let app = Arc::clone(app);
    let read = blocking("reading the history ended early", move || app.engine.content_of(id)).await?;
    let read = read.map_err(|error| ApiError::internal("the history cannot be read", &error))?;
    read.ok_or_else(|| {
        ApiError::not_found(format!("no content is kept of verdict {id}"))
            .hint("`thoth settings history` lists the verdicts; only what went live is kept")
    })
}

/// The bytes of the settings file; none where there is no file.
async fn file(app: &Arc<App>) -> Result<Vec<u8>, ApiError> {
    let file = app.engine.status().file;
    let read = blocking("reading the settings file ended early", move || match std::fs::read(&file) {
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    });
    read.await?.map_err(|error| ApiError::internal("the settings file cannot be read", &error))
}

async fn hash(app: &Arc<App>, content: Vec<u8>) -> Result<Option<String>, ApiError> {
    if content.is_empty() {
        return Ok(None);
    }
    let app = Arc::clone(app);
    blocking("a check of settings ended early", move || app.engine.content_hash(&content)).await
}

async fn propose(
    app: &App,
    content: Vec<u8>,
    if_match: Option<String>,
    cause: Cause,
    actor: String,
) -> Result<Arc<Verdict>, NotProposed> {
    let actor = Some(actor);
    app.engine.propose(Proposal { file: None, content, cause, actor, if_match, allow_empty: false }).await
}

/// The verdict, as a status too: 422 for a refusal, 409 for one that a newer save has overtaken.
fn answer(app: &App, proposed: Result<Arc<Verdict>, NotProposed>) -> Result<Response, ApiError> {
    let verdict = match proposed {
        Ok(verdict) => verdict,
        Err(conflict @ NotProposed::Conflict { .. }) => {
            return Err(ApiError::new(StatusCode::PRECONDITION_FAILED, conflict.to_string())
                .hint("read the settings again, and make the change of those"));
        }
        Err(NotProposed::Stopped(stopped)) => return Err(ApiError::unavailable(stopped.to_string())),
    };
    let status = match verdict.verdict {
        Decision::Applied | Decision::Unchanged => StatusCode::OK,
        Decision::Rejected => StatusCode::UNPROCESSABLE_ENTITY,
        Decision::Superseded => StatusCode::CONFLICT,
    };
    let mut response = (status, Answer(verdict.as_ref())).into_response();
    if let Some(tag) = app.engine.status().content
        && let Ok(tag) = HeaderValue::try_from(format!("\"{tag}\""))
    {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

fn unprocessable(problem: Problem) -> ApiError {
    let said = match problem.path.as_str() {
        "" => problem.message.clone(),
        path => format!("`{path}` {}", problem.message),
    };
    let refused = ApiError::invalid(said);
    match problem.hint {
        Some(hint) => refused.hint(hint),
        None => refused,
    }
}

fn actor(named: Option<String>) -> Result<String, ApiError> {
    let actor = named.unwrap_or_else(|| ACTOR.to_owned());
    if actor.chars().count() > ACTOR_CHARS_MAX || actor.chars().any(char::is_control) {
        return Err(ApiError::invalid(format!("`actor` is a name of at most {ACTOR_CHARS_MAX} characters")));
    }
    Ok(actor)
}

/// What `If-Match` asks for.
enum Match {
    Any,
    Seen(String),
}

fn matching(headers: &HeaderMap) -> Result<Option<Match>, ApiError> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(Some(Match::Any));
    }
    // The file is named by a weak tag too, while what runs is not what stands in it.
    let tag = text.strip_prefix("W/").unwrap_or(text);
    match tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) {
        Some(tag) if !tag.contains('"') => Ok(Some(Match::Seen(tag.to_owned()))),
        _ => Err(ApiError::new(StatusCode::BAD_REQUEST, "`If-Match` is not one entity tag")
            .hint("send the `ETag` of `GET /api/v1/settings` as it is, or `*`")),
    }
}
