//! Who may come in: names of this server, pages of this server, and holders of the token.
//!
//! * `Host` must be a name of ours: a foreign page cannot reach us under its own name (DNS rebinding).
//! * `Origin`, where a browser sends it, must be a name of ours too.
//! * Every change needs the token; so does every read from elsewhere, health and metrics aside, and whatever is asked of
//!   `/mcp`.
//! * Wrong tokens are slowed down, and so is everybody from elsewhere who has no token. Holders of the token and reads from
//!   loopback are not limited.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Url;

use super::connection::Arrival;
use super::error::ApiError;
use super::generation::Current;
use super::mcp;
use super::rate::Rate;
use super::router::Entrance;
use super::service::bare_host;
use super::state::App;
use super::token::Token;

/// The part of the guard that no change of settings resets.
#[derive(Debug)]
pub struct Guard {
    token: Token,
    guesses: Rate,
    strangers: Rate,
}

impl Guard {
    /// A guard that knows this token.
    pub fn new(token: Token) -> Self {
        Self { token, guesses: Rate::new(20, 0.5), strangers: Rate::new(100, 20.0) }
    }

    /// Lets a request in, or says why not.
    fn judge(
        &self,
        request: &Request,
        arrival: &Arrival,
        allowed: [&[String]; 2],
        now: Instant,
    ) -> Result<(), ApiError> {
        let is_ours = |host: &str| is_ours(host, arrival.local.ip(), allowed);
        check_host(request.headers(), request.uri(), is_ours)?;
        check_origin(request.headers(), is_ours)?;

        let is_local = is_loopback(arrival.peer.ip()) && !is_forwarded(request.headers());
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
            && request.uri().path() != mcp::PATH;
        if is_local && is_read {
            return Ok(());
        }
        let guess = bearer(request.headers());
        if guess.is_some_and(|guess| self.token.matches(guess)) {
            return Ok(());
        }
        let limit = |rate: &Rate| rate.take(arrival.peer.ip(), now).map_err(ApiError::too_many);
        if !is_local {
            limit(&self.strangers)?;
        }
        if is_read && is_free(request.uri().path()) {
            return Ok(());
        }
        if guess.is_some() {
            limit(&self.guesses)?;
        }
        Err(ApiError::unauthorized())
    }
}

/// The layer behind [`super::generation::enter`].
pub(super) async fn check(
    State(app): State<Arc<App>>,
    Current(generation): Current,
    request: Request,
    next: Next,
) -> Response {
    let Some(arrival) = request.extensions().get::<Arrival>().cloned() else {
        return ApiError::internal("a request came in through no connection", request.uri()).into_response();
    };
    let services = &generation.services;
    let to_mcp = arrival.entrance() == Entrance::Mcp || request.uri().path() == mcp::PATH;
    let names_of_mcp = if to_mcp { services.mcp.allowed_hosts.as_slice() } else { &[] };
    let allowed = [services.http.allowed_hosts.as_slice(), names_of_mcp];
    let judged = app.guard.judge(&request, &arrival, allowed, Instant::now());
    // A session may outlive many generations: nothing of this one may stay with it.
    drop(generation);
    match judged {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn check_host(headers: &HeaderMap, uri: &Uri, is_ours: impl Fn(&str) -> bool) -> Result<(), ApiError> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "the request must carry one `Host` header"));
    };
    let named =
        [host.to_str().ok(), Some(uri.authority().map_or("localhost", |authority| authority.as_str()))];
    if named.iter().all(|name| name.is_some_and(&is_ours)) {
        return Ok(());
    }
    Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "the `Host` of the request is no name of this server")
        .hint("add the name to `servers.api.allowedHosts`"))
}

fn check_origin(headers: &HeaderMap, is_ours: impl Fn(&str) -> bool) -> Result<(), ApiError> {
    let is_ours = |origin: &axum::http::HeaderValue| {
        let url = origin.to_str().ok().and_then(|origin| Url::parse(origin).ok());
        url.is_some_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(&is_ours)
        })
    };
    if headers.get_all(header::ORIGIN).iter().all(is_ours) {
        return Ok(());
    }
    Err(ApiError::new(StatusCode::FORBIDDEN, "pages of another origin may not use this server")
        .hint("add the page's host to `servers.api.allowedHosts`"))
}

/// Whether a host, with or without port, names this server: loopback, the address that was reached (an address cannot
/// be rebound), or a name that the settings allow.
fn is_ours(host: &str, reached: IpAddr, allowed: [&[String]; 2]) -> bool {
    let name = bare_host(host);
    match name.parse::<IpAddr>() {
        Ok(ip) if is_loopback(ip) || ip == reached.to_canonical() => true,
        _ => name == "localhost" || (!name.is_empty() && allowed.iter().any(|names| names.contains(&name))),
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// A proxy on this machine speaks for somebody who may be anywhere.
fn is_forwarded(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-real-ip"].iter().any(|name| headers.contains_key(*name))
}

fn is_free(path: &str) -> bool {
    path == "/metrics" || path == "/health" || path.starts_with("/health/")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::body::Body;

    use super::*;

    const HOME: &str = "127.0.0.1:50000";
    const LAN: &str = "192.0.2.7:50000";

    fn arrival(peer: &str) -> Arrival {
        Arrival {
            peer: peer.parse().unwrap(),
            local: SocketAddr::from(([192, 0, 2, 1], 8000)),
            port: Arc::default(),
        }
    }

    fn guard() -> Guard {
        Guard::new(Token::given("right-and-long-enough").unwrap())
    }

    fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "localhost:8000");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    fn status(guard: &Guard, peer: &str, request: &Request) -> u16 {
        let allowed = ["papers.example".to_owned()];
        match guard.judge(request, &arrival(peer), [&allowed, &[]], Instant::now()) {
            Ok(()) => 200,
            Err(error) => error.status().as_u16(),
        }
    }

    #[test]
    fn only_names_of_ours() {
        let check = |host: &str, expected: u16| {
            assert_eq!(status(&guard(), HOME, &request("GET", "/", &[("host", host)])), expected, "{host}");
        };
        for ours in
            ["localhost", "LOCALHOST:1", "127.0.0.1:8000", "127.1.2.3", "[::1]:8000", "papers.example:443"]
        {
            check(ours, 200);
        }
        check("192.0.2.1:8000", 200);
        for foreign in [
            "evil.example",
            "localhost.evil.example",
            "192.0.2.2",
            "0.0.0.0",
            "",
            ":8000",
            "papers.example.evil",
        ] {
            check(foreign, 421);
        }
        let two = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(status(&guard(), HOME, &request("GET", "/", &two)), 400);
        assert_eq!(status(&guard(), HOME, &request("GET", "http://evil.example/", &[])), 421);
        assert_eq!(status(&guard(), HOME, &request("GET", "http://localhost/", &[])), 200);
    }

    #[test]
    fn only_pages_of_ours() {
        let check = |origin: &str, expected: u16| {
            let request = request("GET", "/", &[("origin", origin)]);
            assert_eq!(status(&guard(), HOME, &request), expected, "{origin}");
        };
        check("http://localhost:8000", 200);
        check("http://127.0.0.1:8000", 200);
        check("https://papers.example", 200);
        check("http://evil.example", 403);
        check("null", 403);
        check("file://localhost", 403);
        check("http://localhost@evil.example", 403);
        check("", 403);
    }

    #[test]
    fn who_needs_the_token() {
        let right: &[(&str, &str)] = &[("authorization", "Bearer right-and-long-enough")];
        let lower: &[(&str, &str)] = &[("authorization", "bearer right-and-long-enough")];
        let wrong: &[(&str, &str)] = &[("authorization", "Bearer wrong")];
        let basic: &[(&str, &str)] = &[("authorization", "Basic right-and-long-enough")];
        let proxied: &[(&str, &str)] = &[("x-forwarded-for", "192.0.2.9")];
        let none: &[(&str, &str)] = &[];
        let check = |peer: &str, method: &str, path: &str, headers: &[(&str, &str)], expected: u16| {
            let got = status(&guard(), peer, &request(method, path, headers));
            assert_eq!(got, expected, "{peer} {method} {path} {headers:?}");
        };
        check(HOME, "GET", "/api/v1/papers", none, 200);
        check(HOME, "GET", "/api/v1/papers", wrong, 200);
        check(HOME, "GET", "/api/v1/papers", proxied, 401);
        check("[::ffff:127.0.0.1]:1", "GET", "/api/v1/papers", none, 200);
        check("[::1]:1", "GET", "/api/v1/papers", none, 200);
        for (headers, expected) in [(none, 401), (wrong, 401), (basic, 401), (right, 200), (lower, 200)] {
            check(HOME, "POST", "/api/v1/reloads", headers, expected);
            check(HOME, "DELETE", "/health", headers, expected);
            check(LAN, "GET", "/api/v1/papers", headers, expected);
            check(LAN, "POST", "/api/v1/reloads", headers, expected);
        }
        for free in ["/health", "/health/ready", "/health/hot-reload", "/metrics"] {
            check(LAN, "GET", free, none, 200);
            check(LAN, "HEAD", free, none, 200);
            check(LAN, "POST", free, none, 401);
        }
        check(LAN, "GET", "/healthy", none, 401);
        for (method, headers, expected) in
            [("GET", none, 401), ("DELETE", none, 401), ("OPTIONS", none, 401), ("GET", right, 200)]
        {
            check(HOME, method, "/mcp", headers, expected);
        }
        check(LAN, "GET", "/", none, 401);
    }

    #[test]
    fn guesses_are_slowed_down_and_the_owner_never() {
        let guard = guard();
        let wrong = request("POST", "/api/v1/reloads", &[("authorization", "Bearer wrong")]);
        let right = request("POST", "/api/v1/reloads", &[("authorization", "Bearer right-and-long-enough")]);
        let read = request("GET", "/api/v1/papers", &[]);
        let statuses: Vec<u16> = (0..30).map(|_| status(&guard, HOME, &wrong)).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 20);
        assert_eq!(statuses.last(), Some(&429));
        for _ in 0..1_000 {
            assert_eq!(status(&guard, HOME, &right), 200);
            assert_eq!(status(&guard, HOME, &read), 200);
            assert_eq!(status(&guard, LAN, &right), 200);
        }
    }

    #[test]
    fn strangers_are_limited() {
        let guard = guard();
        let health = request("GET", "/health", &[]);
        let refused = (0..300).filter(|_| status(&guard, LAN, &health) == 429).count();
        assert!((150..=200).contains(&refused), "{refused}");
        assert_eq!(status(&guard, HOME, &health), 200);
    }
}
