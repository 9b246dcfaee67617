//! Changes of `settings.json` by the API: keys, the whole file, an older content. Each goes the way of a save, and is written
//! only as it goes live.

use std::sync::Arc;
use std::time::Duration;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use changeover::edit::Change;
use changeover::{ABSENT, Cause, Content, Decision, NotProposed, Occasion, Problem, Proposal, Verdict};
use serde::Deserialize;
use serde_json::{Value, json};

use super::blocking::blocking;
use super::error::ApiError;
use super::extract::{Json, Query, Raw};
use super::generation::Current;
use super::older;
use super::state::App;
use crate::settings::{self, Settings, difference, edited, with_secrets_of};

/// Who asks, where the caller does not say.
const ACTOR: &str = "api";
/// Characters of a name, at most.
const ACTOR_CHARS_MAX: usize = 64;
/// Tries to change keys of a file that others change at the same time.
const TRIES: usize = 3;
/// Keys that are changed at once, at most.
pub(super) const CHANGES_MAX: usize = 64;
/// How long the settings file may take to be read.
const READ_TIMEOUT: Duration = Duration::from_secs(3);

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
        let seen = match &matching {
            Some(Match::Seen(tag)) => Some(tag.clone()),
            // Whatever stands there, the change is made of what was just read.
            Some(Match::Any) | None => hash(&app, present.clone()).await?,
        };
        let before = present.unwrap_or_default();
        let content = with_changes(before.clone(), asked.changes.clone()).await?;
        let proposed = propose(&app, content.clone(), seen, Cause::Edit, actor.clone()).await;
        tries -= 1;
        match (proposed, &matching) {
            (Err(NotProposed::Conflict { .. }), Some(Match::Any) | None) if tries > 0 => {}
            (Ok(verdict), _) => {
                let without_effect = without_effect(&app, &verdict, asked.changes, before, content).await?;
                return answer(Ok(with_warnings(verdict, without_effect)));
            }
            (refused, _) => return answer(refused),
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
    answer(propose(&app, content.to_vec(), seen, Cause::Edit, self::actor(actor)?).await)
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
    let older = older::content(&app, asked.id).await?;
    let otherwise = older::otherwise(&app, asked.id, &older).await?;
    let present = file(&app).await?;
    let seen = hash(&app, present.clone()).await?;
    let content = match older::todays(&app, present).await?.filter(|_| !asked.keys) {
        None => older,
        Some(today) => with_secrets_of(&older, &today).map_err(unprocessable)?,
    };
    let proposed = propose(&app, content, seen, Cause::Rollback, actor).await;
    answer(proposed.map(|verdict| with_warnings(verdict, otherwise.into_iter().collect())))
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
    Current(generation): Current,
    Query(between): Query<Between>,
) -> Result<Answer<Value>, ApiError> {
    let mut warnings = Vec::new();
    let from = match between.from {
        Some(id) => {
            let older = older::content(&app, id).await?;
            warnings.extend(older::otherwise(&app, id, &older).await?);
            meant(&app, older).await?
        }
        None => Ok(generation.settings.as_ref().clone()),
    };
    let to = match between.to {
        Some(id) => {
            let older = older::content(&app, id).await?;
            warnings.extend(older::otherwise(&app, id, &older).await?);
            older
        }
        None => {
            let missing =
                || ApiError::not_found(format!("there is no file `{}`", app.engine.status().file.display()));
            file(&app).await?.ok_or_else(missing)?
        }
    };
    let to = meant(&app, to).await?;
    Ok(Answer(match (from, to) {
        (Ok(from), Ok(to)) => {
            json!({ "differences": difference(&from, &to), "problems": [], "warnings": warnings })
        }
        (Err(problems), _) | (_, Err(problems)) => {
            json!({ "differences": [], "problems": problems, "warnings": warnings })
        }
    }))
}

/// What a content would mean today.
async fn meant(app: &Arc<App>, content: Vec<u8>) -> Result<Result<Settings, Vec<Problem>>, ApiError> {
    let app = Arc::clone(app);
    let check = move || app.engine.check(&content, Occasion::RunningAllowEmpty);
    let checked = blocking("a check of settings ended early", check).await?;
    Ok(checked.map(|accepted| accepted.settings))
}

/// Of changes that were made: those that stand in the file and have no effect, because something above it says otherwise, as far
/// as the verdict does not say so.
async fn without_effect(
    app: &Arc<App>,
    verdict: &Verdict,
    changes: Vec<Change>,
    before: Vec<u8>,
    content: Vec<u8>,
) -> Result<Vec<Problem>, ApiError> {
    if !matches!(verdict.verdict, Decision::Applied | Decision::Unchanged) {
        return Ok(Vec::new());
    }
    let told =
        |path: &str| verdict.warnings.iter().any(|warning| settings::canonical(&warning.path) == Some(path));
    let found = hidden(app, changes, before, content).await?;
    Ok(found.into_iter().filter(|problem| !told(&problem.path)).collect())
}

/// Of changes of a content: those that have no effect in what runs, because something above the file says otherwise.
pub(super) async fn hidden(
    app: &Arc<App>,
    changes: Vec<Change>,
    before: Vec<u8>,
    content: Vec<u8>,
) -> Result<Vec<Problem>, ApiError> {
    let (file, live) = (app.engine.status().file, app.engine.live().load());
    let look = move || settings::hidden(&file, &live.settings, (&before, &content), &changes);
    blocking("a look at what has no effect ended early", look).await
}

/// The same verdict, with more to say to whoever asked.
fn with_warnings(verdict: Arc<Verdict>, warnings: Vec<Problem>) -> Arc<Verdict> {
    if warnings.is_empty() {
        return verdict;
    }
    let mut verdict = verdict.as_ref().clone();
    verdict.warnings.extend(warnings);
    Arc::new(verdict)
}

/// The settings file as it stands.
pub(super) async fn read(app: &App) -> Result<Content, ApiError> {
    let file = app.engine.status().file;
    let reading = blocking("reading the settings file ended early", move || Content::of(&file));
    tokio::time::timeout(READ_TIMEOUT, reading)
        .await
        .unwrap_or_else(|_| Ok(Content::Unreadable("its file system does not answer".to_owned())))
}

/// The bytes of a content of the settings file; `None` where there is no file.
pub(super) fn standing(app: &App, content: Content) -> Result<Option<Vec<u8>>, ApiError> {
    match content {
        Content::Bytes(bytes) => Ok(Some(bytes)),
        Content::Missing => Ok(None),
        Content::Unreadable(why) => {
            let file = app.engine.status().file;
            let detail = format!("the settings file `{}` cannot be read: {why}", file.display());
            Err(ApiError::new(StatusCode::CONFLICT, detail).hint("mend that, and try again"))
        }
    }
}

/// The bytes of the settings file; `None` where there is none.
pub(super) async fn file(app: &App) -> Result<Option<Vec<u8>>, ApiError> {
    standing(app, read(app).await?)
}

/// A content with changes.
pub(super) async fn with_changes(content: Vec<u8>, changes: Vec<Change>) -> Result<Vec<u8>, ApiError> {
    if changes.is_empty() || changes.len() > CHANGES_MAX {
        return Err(ApiError::invalid(format!("`changes` has 1 to {CHANGES_MAX} keys")));
    }
    let edit = move || edited(&content, &changes);
    blocking("an edit of settings ended early", edit).await?.map_err(unprocessable)
}

/// What the engine calls what stands in the file's place.
async fn hash(app: &Arc<App>, content: Option<Vec<u8>>) -> Result<Option<String>, ApiError> {
    let Some(content) = content else { return Ok(Some(ABSENT.to_owned())) };
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

/// The verdict, as a status too: 422 for a refusal, 409 for one that a newer save has overtaken. What stands in the file now has a
/// tag only where it is what the caller sent: of anything else it has to be read first.
fn answer(proposed: Result<Arc<Verdict>, NotProposed>) -> Result<Response, ApiError> {
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
    if status == StatusCode::OK
        && let Some(tag) = &verdict.content
        && let Ok(tag) = HeaderValue::try_from(format!("\"{tag}\""))
    {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

fn unprocessable(problem: Problem) -> ApiError {
    let said = match (&problem.line, problem.path.as_str()) {
        // The place is one in the file, and the change is made of all of it.
        (Some(_), _) => {
            let said = Problem { hint: None, ..problem.clone() };
            format!("the settings file cannot be changed as it stands: {said}")
        }
        (None, "") => problem.message.clone(),
        (None, path) => format!("`{path}` {}", problem.message),
    };
    let refused = ApiError::invalid(said);
    match problem.hint {
        Some(hint) => refused.hint(hint),
        None => refused,
    }
}

/// The name of whoever asks, for the history.
pub(super) fn actor(named: Option<String>) -> Result<String, ApiError> {
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
