//! What answers carry, whether they are good news or not.

use changeover::Decision;
use serde_json::{Value, json};

use super::fixture::{PATIENCE, REFUSED, TOKEN, World, free_port, on_port, raw, with};
use crate::http::client::{Client, ClientError};
use crate::http::token::Token;

#[tokio::test(flavor = "multi_thread")]
async fn what_every_answer_carries() {
    let world = World::start(&on_port(free_port(), 500)).await;
    let answer = world.client.get(world.url("/health")).send().await.unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("x-thoth-generation"), "1");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("cache-control"), "no-store");
    assert!(header("content-security-policy").starts_with("default-src 'none'"));
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
    let health: Value = answer.json().await.unwrap();
    assert_eq!(health["status"], "ok");
    let runs = format!("http://{}", world.address());
    assert_eq!(health["services"]["http"], json!({ "status": "ok", "since": 1, "runs": runs }));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_problem_details() {
    let world = World::start(&on_port(free_port(), 500)).await;
    let address = world.address();
    let check = |request: &str, headers: &str, status: u16, more: &str| {
        let answer = raw(address, &format!("{request} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n\r\n"));
        assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{request}: {answer}");
        assert!(answer.contains("content-type: application/problem+json"), "{request}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["status"], status, "{request}");
        assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
        assert!(answer.contains(more), "{request}: {answer}");
    };
    let home = "Host: localhost";
    let owner = format!("Host: localhost\r\nAuthorization: Bearer {TOKEN}");
    check("GET /nowhere", home, 404, "/nowhere");
    check("PUT /health", &owner, 405, "allow: get");
    check("GET /health", "Host: evil.example", 421, "allowedhosts");
    check("GET /health", "X: y", 400, "host");
    check("GET /health", "Host: localhost\r\nOrigin: http://evil.example", 403, "origin");
    check("POST /api/v1/reloads", home, 401, "www-authenticate: bearer");
    check("GET /api/v1/reloads?limit=many", home, 422, "limit");
    check("POST /api/v1/settings/validate", &format!("{owner}\r\nContent-Length: 20000000"), 413, "larger");
    let owner = world.client.post(world.url("/api/v1/settings/validate")).bearer_auth(TOKEN);
    let chunks = std::iter::repeat_n(1024 * 1024, 10).chain([1]);
    let chunks = chunks.map(|bytes| Ok::<_, std::io::Error>(vec![b' '; bytes]));
    let unannounced = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    assert_eq!(owner.body(unannounced).send().await.unwrap().status(), 413);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_shown_redacted_and_tagged() {
    let port = free_port();
    let world = World::start(&on_port(port, 500)).await;
    let get = async |tag: Option<&str>| {
        let mut request = world.client.get(format!("http://127.0.0.1:{port}/api/v1/settings"));
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        let answer = request.send().await.unwrap();
        let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), tag, answer.text().await.unwrap())
    };
    let (status, first, body) = get(None).await;
    assert_eq!(status, 200);
    assert!(!body.contains("never-to-be-seen") && body.contains("<redacted>"), "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["generation"], 1);
    assert_eq!(body["settings"]["servers"]["api"]["port"], port);
    assert_eq!(get(Some(&first)).await.0, 304);

    // A refused save: the file has another tag, which stands for no answer.
    assert_eq!(world.save(REFUSED).await.verdict, Decision::Rejected);
    let (status, refused, _) = get(Some(&first)).await;
    assert_eq!(status, 200);
    assert!(refused.starts_with("W/"), "{refused}");
    assert_eq!(get(Some(&refused)).await.0, 200);

    assert_eq!(world.save(&with(port, 500, "127.0.0.1", "two")).await.verdict, Decision::Applied);
    let (status, second, body) = get(Some(&first)).await;
    assert_eq!(status, 200);
    assert_ne!(first, second);
    assert!(body.contains("\"two\""));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn validate_and_reload_answer_with_what_was_found() {
    let world = World::start(&on_port(free_port(), 500)).await;
    let client = Client::new(world.address(), Some(Token::given(TOKEN).unwrap())).unwrap();
    let valid: Value =
        client.post_bytes("/api/v1/settings/validate", &[], b"{ /* fine */ }".to_vec()).await.unwrap();
    assert_eq!((&valid["valid"], &valid["problems"]), (&json!(true), &json!([])));
    assert_eq!(valid["warnings"][0]["message"], "the file sets nothing");
    let broken: Value =
        client.post_bytes("/api/v1/settings/validate", &[], b"{\n  broken".to_vec()).await.unwrap();
    assert_eq!(broken["valid"], false);
    assert_eq!(broken["problems"][0]["line"], 2);

    let unchanged: Value = client.post("/api/v1/reloads", &json!({})).await.unwrap();
    assert_eq!(unchanged["verdict"], "unchanged");
    assert_eq!(unchanged["outcome"], Value::Null);
    let reloads: Value = client.query("/api/v1/reloads", &[("limit", "1")]).await.unwrap();
    assert_eq!(reloads["reloads"], json!([unchanged]));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hot_reload_tells_file_and_process_apart() {
    let port = free_port();
    let world = World::start(&on_port(port, 500)).await;
    world.save(REFUSED).await;
    let state = world.get("/health/hot-reload").await;
    assert_eq!(state["enabled"], true);
    assert_eq!(state["running"], true);
    assert_eq!(state["settings_file"], json!(world.file));
    assert!(state["last_modified"].as_f64().unwrap() > 1.6e9);
    assert_eq!(state["generation"], 1);
    assert_eq!(state["drift"], true);
    assert_eq!(state["last_verdict"]["verdict"], "rejected");
    assert_eq!(state["last_verdict"]["problems"][0]["line"], 2);
    assert!(state["watch"]["mode"].is_string() && state["watch"]["polls_seen"].is_u64());
    assert_eq!(world.get("/health").await["status"], "ok", "a refused save is no illness");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_page_brings_nothing_from_elsewhere() {
    let world = World::start(&on_port(free_port(), 500)).await;
    let answer = world.client.get(world.url("/")).send().await.unwrap();
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let page = answer.text().await.unwrap();
    let nonce = page.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(policy.contains(&format!("style-src 'nonce-{nonce}'")), "{policy}");
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"), "{page}");
    assert!(page.contains("generation 1"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_says_what_is_wrong() {
    let world = World::start(&on_port(free_port(), 500)).await;
    let stranger = Client::new(world.address(), None).unwrap();
    let error = stranger.post::<Value>("/api/v1/reloads", &json!({})).await.unwrap_err();
    assert!(error.to_string().contains("401 Unauthorized"), "{error}");
    assert!(error.to_string().contains("`thoth token` shows it"), "{error}");
    let (status, health) = stranger.look::<Value>("/health").await.unwrap();
    assert_eq!((status, &health["status"]), (200, &json!("ok")));
    let address = world.address();
    world.stop().await;
    let error = stranger.get::<Value>("/health").await.unwrap_err();
    assert!(matches!(error, ClientError::Silent(silent) if silent == address), "{error}");
    assert!(error.to_string().contains("thoth serve"));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_follow_the_verdicts() {
    let port = free_port();
    let world = World::start(&on_port(port, 500)).await;
    let metric = async |name: &str| {
        let text = world.client.get(world.url("/metrics")).send().await.unwrap().text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        line.unwrap_or_else(|| panic!("no `{name}` in\n{text}"))
    };
    let counted = async |verdict: &str, count: f64| {
        let label = format!("thoth_config_reloads_total{{verdict=\"{verdict}\"}}");
        let wait = async { while metric(&label).await != count {} };
        tokio::time::timeout(PATIENCE, wait).await.unwrap();
    };
    counted("applied", 1.0).await;
    assert_eq!(metric("thoth_config_last_reload_successful").await, 1.0);
    world.save(REFUSED).await;
    counted("rejected", 1.0).await;
    assert_eq!(metric("thoth_config_last_reload_successful").await, 0.0);
    assert!(metric("thoth_config_last_reload_success_timestamp_seconds").await > 1.6e9);
    world.save(&on_port(port, 500)).await;
    counted("unchanged", 1.0).await;
    assert_eq!(metric("thoth_config_last_reload_successful").await, 1.0);
    world.save(&with(port, 500, "127.0.0.1", "two")).await;
    counted("applied", 2.0).await;
    assert_eq!(metric("thoth_config_generation").await, 2.0);
    assert!(metric("thoth_config_reload_stage_seconds_count{stage=\"total\"}").await >= 3.0);
    assert!(metric("process_resident_memory_bytes").await > 1e6);
    assert!(metric("process_open_fds").await > 5.0);
    assert!(metric("process_threads").await > 1.0);
    assert!(metric("thoth_tasks").await > 1.0);
    assert_eq!(metric("thoth_watch_running").await, 1.0);
    assert_eq!(metric("thoth_watch_with_events").await, 1.0);
    assert!(metric("thoth_watch_events_total").await >= 3.0);
    assert!(metric("thoth_watch_polls_total").await > 0.0);
    assert_eq!(metric("thoth_watch_events_lost_total").await, 0.0);
    assert_eq!(metric("thoth_watch_saves_total{by=\"event\"}").await, 3.0);
    assert_eq!(metric("thoth_watch_saves_total{by=\"poll\"}").await, 0.0);
    assert_eq!(metric("thoth_generations_overdue").await, 0.0);
    assert!(metric("process_cpu_seconds_total").await > 0.0);
    assert!(
        metric("thoth_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"200\"}").await > 0.0
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_could_not_be_taken_is_told_with_the_keys_that_name_it() {
    let world = World::start(&on_port(free_port(), 500)).await;
    let stands = async |key: &str| {
        let shown = world.get("/api/v1/settings/effective").await;
        let keys = shown["keys"].as_array().unwrap();
        keys.iter().find(|state| state["key"] == key).unwrap()["stands"].clone()
    };
    assert_eq!(stands("servers.api.port").await, Value::Null);
    let (runs, reason) = ("serves 127.0.0.1:1", "127.0.0.1:2 cannot be served");
    world.app.owners.say("ports", 1, runs.to_owned(), Some(reason.to_owned()));
    let told = json!({ "status": "degraded", "reason": reason, "runs": runs });
    for key in ["servers.api.host", "servers.api.port", "servers.mcp.port"] {
        assert_eq!(stands(key).await, told, "{key}");
    }
    assert_eq!(stands("citation.style").await, Value::Null);
    world.stop().await;
}
