//! The folder as a whole, on real sockets: the port moves, and what every answer carries.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use changeover::Decision;
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::client::{Client, ClientError};
use super::fixture::{PATIENCE, TOKEN, World, client_keeping, free_port, on_port, with};
use super::token::Token;

/// One request on a connection of its own; what the wire said.
fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.to_lowercase()
}

fn connects(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}

/// Settings that are refused, with a place.
const REFUSED: &str = "{\n  \"llm\": { \"default\": { \"temperature\": 7 } }\n}";

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
    assert_eq!(health["services"]["http"], json!({ "status": "ok", "since": 1 }));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_problem_details() {
    let world = World::start(&on_port(free_port(), 500)).await;
    let address = world.address();
    let check = |request: &str, headers: &str, status: u16, more: &str| {
        let answer = raw(
            address,
            &format!("{request} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n\r\n"),
        );
        assert!(
            answer.starts_with(&format!("http/1.1 {status} ")),
            "{request}: {answer}"
        );
        assert!(
            answer.contains("content-type: application/problem+json"),
            "{request}: {answer}"
        );
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
    check(
        "GET /health",
        "Host: localhost\r\nOrigin: http://evil.example",
        403,
        "origin",
    );
    check("POST /api/v1/reloads", home, 401, "www-authenticate: bearer");
    check("GET /api/v1/reloads?limit=many", home, 422, "limit");
    check(
        "POST /api/v1/settings/validate",
        &format!("{owner}\r\nContent-Length: 20000000"),
        413,
        "larger",
    );
    let owner = world
        .client
        .post(world.url("/api/v1/settings/validate"))
        .bearer_auth(TOKEN);
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
        let mut request = world
            .client
            .get(format!("http://127.0.0.1:{port}/api/v1/settings"));
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        let answer = request.send().await.unwrap();
        let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), tag, answer.text().await.unwrap())
    };
    let (status, first, body) = get(None).await;
    assert_eq!(status, 200);
    assert!(
        !body.contains("never-to-be-seen") && body.contains("<redacted>"),
        "{body}"
    );
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

    assert_eq!(
        world.save(&with(port, 500, "127.0.0.1", "two")).await.verdict,
        Decision::Applied
    );
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
    let valid: Value = client
        .post_bytes("/api/v1/settings/validate", &[], b"{ /* fine */ }".to_vec())
        .await
        .unwrap();
    assert_eq!(valid, json!({ "valid": true, "problems": [], "warnings": [] }));
    let broken: Value = client
        .post_bytes("/api/v1/settings/validate", &[], b"{\n  broken".to_vec())
        .await
        .unwrap();
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
    assert_eq!(
        world.get("/health").await["status"],
        "ok",
        "a refused save is no illness"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_follow_the_verdicts() {
    let port = free_port();
    let world = World::start(&on_port(port, 500)).await;
    let metric = async |name: &str| {
        let text = world
            .client
            .get(world.url("/metrics"))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
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
    assert!(metric("process_cpu_seconds_total").await > 0.0);
    assert!(
        metric("thoth_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"200\"}").await > 0.0
    );
    world.stop().await;
}

/// Clients that ask without a pause, on kept and on fresh connections, and accept no failure.
struct Hammer {
    port: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
    clients: tokio::task::JoinSet<u64>,
}

impl Hammer {
    /// `check` sees every body, and the generation that its header names.
    fn start(port: u16, check: impl Fn(u64, &Value) + Clone + Send + Sync + 'static) -> Self {
        let (port, done) = (
            Arc::new(AtomicU64::new(port.into())),
            Arc::new(AtomicBool::new(false)),
        );
        let mut clients = tokio::task::JoinSet::new();
        for kept in [usize::MAX, usize::MAX, 0, 0] {
            let client = client_keeping(kept);
            clients.spawn(hammer(
                client,
                Arc::clone(&port),
                Arc::clone(&done),
                check.clone(),
            ));
        }
        Self { port, done, clients }
    }

    fn move_to(&self, port: u16) {
        self.port.store(port.into(), Ordering::Relaxed);
    }

    async fn stop(self) {
        self.done.store(true, Ordering::Relaxed);
        let answers: Vec<u64> = self.clients.join_all().await;
        assert!(answers.iter().all(|answers| *answers > 10), "{answers:?}");
    }
}

async fn hammer(
    client: reqwest::Client,
    port: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
    check: impl Fn(u64, &Value),
) -> u64 {
    let mut answers = 0;
    while !done.load(Ordering::Relaxed) {
        let port = port.load(Ordering::Relaxed);
        let answer = client
            .get(format!("http://127.0.0.1:{port}/api/v1/settings"))
            .send()
            .await;
        let answer = answer.unwrap_or_else(|error| panic!("port {port}, answer {answers}: {error:?}"));
        assert_eq!(answer.status(), 200);
        let generation: u64 = answer.headers()["x-thoth-generation"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["generation"], generation);
        check(generation, &body);
        answers += 1;
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_moves_and_not_one_request_fails() {
    let (old, new) = (free_port(), free_port());
    let world = World::start(&on_port(old, 1500)).await;
    let hammer = Hammer::start(old, move |generation, body| {
        let expected = if generation == 1 { old } else { new };
        assert_eq!(body["settings"]["servers"]["api"]["port"], expected, "a mixture");
    });
    let verdict = world.save(&on_port(new, 1500)).await;
    assert_eq!(verdict.verdict, Decision::Applied, "{verdict}");
    let said = verdict
        .services
        .iter()
        .find(|service| service.name == "ports")
        .unwrap();
    assert!(
        said.reason.contains(&format!("serving 127.0.0.1:{new}")),
        "{said:?}"
    );
    let old_address = SocketAddr::from(([127, 0, 0, 1], old));
    let goodbye = raw(old_address, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(goodbye.contains("connection: close"), "{goodbye}");
    assert!(
        goodbye.contains("x-thoth-generation: 2"),
        "the old port is served by the live generation: {goodbye}"
    );
    hammer.move_to(new);
    assert_eq!(world.address().port(), new);
    world.wait_for(|_| !connects(old_address)).await;
    hammer.stop().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_port_on_every_address_and_back_loses_no_request() {
    let port = free_port();
    let world = World::start(&on_port(port, 100)).await;
    let hammer = Hammer::start(port, |_, _| {});
    for host in ["0.0.0.0", "127.0.0.1", "0.0.0.0", "127.0.0.1"] {
        let verdict = world.save(&with(port, 100, host, "one")).await;
        assert_eq!(verdict.verdict, Decision::Applied, "{verdict}");
        let everywhere = SocketAddr::from(([127, 0, 0, 2], port));
        world
            .wait_for(|_| connects(everywhere) == (host == "0.0.0.0"))
            .await;
    }
    hammer.stop().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn back_again_before_the_end_adopts_the_held_port() {
    let (old, new) = (free_port(), free_port());
    let world = World::start(&on_port(old, 60000)).await;
    let old_address = SocketAddr::from(([127, 0, 0, 1], old));
    let new_address = SocketAddr::from(([127, 0, 0, 1], new));
    world.save(&on_port(new, 60000)).await;
    let verdict = world.save(&on_port(old, 1)).await;
    assert_eq!(verdict.verdict, Decision::Applied, "{verdict}");
    world.wait_for(|_| !connects(new_address)).await;
    let answer = raw(
        old_address,
        "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    // The first hand-over would have closed the old port after a minute; nothing waits for that any more.
    let keep_alive = world.client.get(world.url("/health")).send().await.unwrap();
    assert!(!keep_alive.headers().contains_key("connection"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_2_a_taken_port_refuses_the_save_and_nothing_moves() {
    let port = free_port();
    let world = World::start(&on_port(port, 500)).await;
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().port();
    let verdict = world.save(&on_port(taken, 500)).await;
    assert_eq!(verdict.verdict, Decision::Rejected);
    assert_eq!(
        verdict.problems[0].message,
        format!("port {taken} on 127.0.0.1 is taken")
    );
    assert_eq!(world.address().port(), port);
    assert_eq!(world.get("/health").await["generation"], 1);
    drop(other);
    assert!(
        !connects(([127, 0, 0, 1], taken).into()),
        "the refused reservation is gone"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_verdicts_pin_nothing_and_end_with_their_port() {
    let (old, new) = (free_port(), free_port());
    let world = World::start(&on_port(old, 500)).await;
    let client = Client::from_state(world.state.path(), Some(TOKEN)).unwrap();
    let mut events = Box::pin(client.events(None).await.unwrap());
    let next = async |events: &mut std::pin::Pin<Box<_>>| {
        let next = tokio::time::timeout(PATIENCE, StreamExt::next(events)).await;
        next.expect("no event")
    };
    world.save(&with(old, 500, "127.0.0.1", "two")).await;
    let (name, verdict) = next(&mut events).await.unwrap().unwrap();
    assert_eq!((name.as_str(), &verdict["generation"]), ("verdict", &json!(2)));
    world
        .wait_for(|world| world.app.engine.status().retiring == 0)
        .await;

    world.save(&on_port(new, 500)).await;
    let (_, verdict) = next(&mut events).await.unwrap().unwrap();
    assert_eq!(verdict["generation"], 3);
    assert!(
        next(&mut events).await.is_none(),
        "the stream ends with the old port"
    );
    assert_eq!(world.app.streams.available_permits(), 256);

    let again = world
        .client
        .get(world.url("/api/v1/events"))
        .header("last-event-id", "1")
        .send()
        .await
        .unwrap();
    assert_eq!(again.headers()["content-type"], "text/event-stream");
    let mut caught_up = String::new();
    let mut chunks = again.bytes_stream();
    while caught_up.matches("event: verdict").count() < 2 {
        let chunk = tokio::time::timeout(PATIENCE, chunks.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        caught_up.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(
        caught_up.contains("id: 2") && caught_up.contains("id: 3"),
        "{caught_up}"
    );
    drop(chunks);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_process_leaves_no_record_and_does_not_wait_for_streams() {
    let world = World::start(&on_port(free_port(), 500)).await;
    let address = world.address();
    let stream = world
        .client
        .get(world.url("/api/v1/events"))
        .send()
        .await
        .unwrap();
    let state = world.stop().await;
    assert!(!connects(address));
    drop(stream);
    let client = Client::from_state(state.path(), None);
    assert!(matches!(client, Err(ClientError::NoServer)), "{client:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_says_what_is_wrong() {
    let world = World::start(&on_port(free_port(), 500)).await;
    let stranger = Client::new(world.address(), None).unwrap();
    let error = stranger
        .post::<Value>("/api/v1/reloads", &json!({}))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("401 Unauthorized"), "{error}");
    assert!(error.to_string().contains("`thoth token` shows it"), "{error}");
    let (status, health) = stranger.look::<Value>("/health").await.unwrap();
    assert_eq!((status, &health["status"]), (200, &json!("ok")));
    let address = world.address();
    world.stop().await;
    let error = stranger.get::<Value>("/health").await.unwrap_err();
    assert!(
        matches!(error, ClientError::Silent(silent) if silent == address),
        "{error}"
    );
    assert!(error.to_string().contains("thoth serve"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_page_brings_nothing_from_elsewhere() {
    let world = World::start(&on_port(free_port(), 500)).await;
    let answer = world.client.get(world.url("/")).send().await.unwrap();
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    let page = answer.text().await.unwrap();
    let nonce = page.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(policy.contains(&format!("style-src 'nonce-{nonce}'")), "{policy}");
    assert!(
        !page.contains("<script") && !page.contains("http://") && !page.contains("https://"),
        "{page}"
    );
    assert!(page.contains("generation 1"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_finishes_on_a_port_that_closes() {
    let (old, new) = (free_port(), free_port());
    let world = World::start(&on_port(old, 1)).await;
    let old_address = SocketAddr::from(([127, 0, 0, 1], old));
    let mut slow = TcpStream::connect(old_address).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!(
        "POST /api/v1/settings/validate HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 2\r\n\r\n{{"
    );
    slow.write_all(head.as_bytes()).unwrap();
    world.wait_for(|world| world.app.metrics.text().is_ok()).await;
    world.save(&on_port(new, 1)).await;
    world.wait_for(|_| !connects(old_address)).await;
    slow.write_all(b"}").unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\"valid\":true"), "{answer}");
    world.stop().await;
}
