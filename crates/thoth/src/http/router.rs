//! Every route on one page.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, delete, get, post};

use super::error::ApiError;
use super::extract::body_limit;
use super::state::App;
use super::{
    agent, cite, edits, effective, events, generation, guard, health, instances, mcp, metrics, notes, page,
    papers, plan, schedules, search, settings_api,
};

/// Most bytes of a body.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Most bytes of a PDF that is handed in.
const PDF_BYTES_MAX: usize = 200 * 1024 * 1024;
/// Most bytes of a settings file that is handed in.
const SETTINGS_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Most bytes of a settings file that stands in a JSON string, where each may be escaped.
const PLAN_BYTES_MAX: usize = 2 * SETTINGS_BYTES_MAX;
/// Most bytes of a message of MCP.
const MCP_BYTES_MAX: usize = crate::mcp::MESSAGE_BYTES_MAX;

/// What is served at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// The whole API, `/mcp` among it.
    Api,
    /// `/mcp`, health and metrics.
    Mcp,
}

impl Entrance {
    /// What a line of the log says before the address.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Api => "",
            Self::Mcp => "MCP at ",
        }
    }
}

/// The routes of each entrance. Cheap to clone.
#[derive(Clone)]
pub struct Routers {
    api: Router,
    mcp: Router,
}

impl Routers {
    /// The routes over this state.
    pub fn new(app: &Arc<App>) -> Self {
        Self { api: api(Arc::clone(app)), mcp: mcp_alone(Arc::clone(app)) }
    }

    pub(super) fn of(&self, entrance: Entrance) -> &Router {
        match entrance {
            Entrance::Api => &self.api,
            Entrance::Mcp => &self.mcp,
        }
    }
}

/// The whole API; without the role `api`, what tells of this process.
fn api(app: Arc<App>) -> Router {
    // These answer in safe mode too.
    let always = at_every_entrance(&app)
        .route(
            "/api/v1/settings",
            get(settings_api::show)
                .patch(edits::change)
                .put(edits::replace)
                .layer(body_limit(SETTINGS_BYTES_MAX)),
        )
        .route("/api/v1/settings/diff", get(edits::diff))
        .route("/api/v1/settings/plan", post(plan::plan).layer(body_limit(PLAN_BYTES_MAX)))
        .route("/api/v1/settings/rollback", post(edits::rollback))
        .route("/api/v1/settings/effective", get(effective::show))
        .route("/api/v1/settings/schedules", get(schedules::list).post(schedules::set))
        .route("/api/v1/settings/schedules/{id}", delete(schedules::cancel))
        .route(
            "/api/v1/settings/validate",
            post(settings_api::validate).layer(body_limit(SETTINGS_BYTES_MAX)),
        )
        .route("/api/v1/reloads", get(settings_api::reloads).post(settings_api::reload))
        .route("/api/v1/instances", get(instances::show))
        .route("/api/v1/events", get(events::stream));

    // These need usable settings.
    let normally = Router::new()
        .route("/api/v1/papers", get(papers::list).post(papers::take).layer(body_limit(PDF_BYTES_MAX)))
        .route("/api/v1/papers/{id}", get(papers::show))
        .route("/api/v1/papers/{id}/bibtex", get(papers::bibtex))
        .route("/api/v1/papers/{id}/cite", get(cite::cite))
        .route("/api/v1/notes/refresh", post(notes::refresh))
        .route("/api/v1/bibliography", get(cite::bibliography))
        .route("/api/v1/papers/{id}/references", get(papers::references))
        .route("/api/v1/search", get(search::search))
        .route("/api/v1/ask", post(search::ask))
        .route("/api/v1/agent", get(agent::show))
        .route("/api/v1/agent/messages", post(agent::say))
        .route("/api/v1/agent/memory", get(agent::memory))
        .route("/api/v1/agent/memory/{label}", get(agent::block).put(agent::write_memory))
        .route_layer(from_fn(generation::not_in_safe_mode));

    let routes = match app.roles.api {
        true => always.route("/", get(page::front)).merge(normally),
        false => always,
    };
    guarded(app, routes)
}

/// MCP's own listener.
fn mcp_alone(app: Arc<App>) -> Router {
    let routes = at_every_entrance(&app);
    guarded(app, routes)
}

fn at_every_entrance(app: &App) -> Router<Arc<App>> {
    let routes = Router::new()
        .route("/health", get(health::health))
        .route("/health/ready", get(health::ready))
        .route("/health/hot-reload", get(health::hot_reload))
        .route("/metrics", get(metrics::show));
    match app.roles.api || app.roles.mcp {
        true => routes.route(mcp::PATH, any(mcp::serve).layer(body_limit(MCP_BYTES_MAX))),
        false => routes,
    }
}

fn guarded(app: Arc<App>, routes: Router<Arc<App>>) -> Router {
    routes
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(body_limit(BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&app), guard::check))
        .layer(from_fn_with_state(Arc::clone(&app), generation::enter))
        .with_state(app)
}

async fn nowhere(State(app): State<Arc<App>>, uri: Uri) -> ApiError {
    let error = ApiError::not_found(format!("there is no `{}` here", uri.path()));
    match app.roles.api {
        true => error.hint("`/` names what there is"),
        false => {
            error.hint(format!("this process runs as `{}`; ask the one that has the role `api`", app.roles))
        }
    }
}

async fn not_so(method: Method, uri: Uri) -> ApiError {
    let detail = format!("`{}` does not take `{method}`", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
