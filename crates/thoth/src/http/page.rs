//! `GET /`: a small page that says where to look. No script, nothing from elsewhere.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::generation::Current;
use super::health;
use super::state::App;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;\
color:#222;background:#fff}table{border-collapse:collapse}td{padding:.15rem 1.5rem .15rem 0;vertical-align:top}\
code{font-size:.95em}a{color:#0645ad}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}a{color:#8ab4f8}}";

/// What a reader can open from here, and what it is.
const LINKS: &[(&str, &str)] = &[
    ("/api/v1/papers", "the papers and how far each has come"),
    ("/api/v1/bibliography", "all of them, formatted"),
    ("/api/v1/search?q=", "search, with the words behind <code>q=</code>"),
    ("/api/v1/agent", "the agent at the Letta server"),
    ("/api/v1/settings", "the settings that run, without secrets"),
    ("/api/v1/settings/schedules", "changes at a time, and for a time"),
    ("/api/v1/settings/effective", "each key: its value, where it comes from, and since when it runs"),
    ("/api/v1/reloads", "what became of every save"),
    ("/api/v1/events", "the same as it happens"),
    ("/api/v1/instances", "the processes on this vault, and whether they agree"),
    ("/health", "how each service stands"),
    ("/health/hot-reload", "the settings file and its watch"),
    ("/metrics", "figures for Prometheus"),
];

/// `GET /`.
pub(super) async fn front(
    State(app): State<Arc<App>>,
    Current(generation): Current,
) -> Result<Response, ApiError> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random)
        .map_err(|error| ApiError::internal("no random bytes for a nonce", &error))?;
    let nonce = blake3::hash(&random).to_hex();
    let services = health::services(&app, &generation).await;
    let overall = health::overall(&generation, &services);

    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Thoth</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style nonce=\"{nonce}\">{STYLE}</style></head><body>\
         <h1>Thoth</h1><p>Version {}, generation {}: <strong>{overall}</strong>.</p>\
         <h2>What runs</h2><table>",
        env!("CARGO_PKG_VERSION"),
        generation.number,
    );
    let written = services.iter().try_for_each(|(name, service)| {
        let reason = escaped(service.reason.as_deref().unwrap_or_default());
        write!(page, "<tr><td>{name}</td><td>{}</td><td>{reason}</td></tr>", service.status)
    });
    let written = written.and_then(|()| {
        page.push_str("</table><h2>Where to look</h2><table>");
        let mut links = LINKS.iter();
        links.try_for_each(|(link, what)| {
            write!(page, "<tr><td><a href=\"{link}\"><code>{link}</code></a></td><td>{what}</td></tr>")
        })
    });
    written.map_err(|error| ApiError::internal("the front page cannot be written", &error))?;
    page.push_str("</table><p>Changes and questions need the token that <code>thoth token</code> shows.</p></body></html>");

    let policy =
        format!("default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'");
    let policy = HeaderValue::try_from(policy);
    let policy = policy.map_err(|error| ApiError::internal("the page's policy is no header", &error))?;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, policy)], page).into_response())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
