//! The port moves while it is used, and nobody notices.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use changeover::Decision;
use serde_json::Value;

use super::fixture::{PATIENCE, TOKEN, World, client_keeping, connects, free_port, on_port, raw, with};
use crate::http::client::{Client, ClientError};

/// Clients that ask without a pause, on kept and on fresh connections, and accept no failure.
struct Hammer {
    port: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
    clients: tokio::task::JoinSet<u64>,
}

impl Hammer {
    /// `check` sees every body, and the generation that its header names.
    fn start(port: u16, check: impl Fn(u64, &Value) + Clone + Send + Sync + 'static) -> Self {
        let (port, done) = (Arc::new(AtomicU64::new(port.into())), Arc::new(AtomicBool::new(false)));
        let mut clients = tokio::task::JoinSet::new();
        for kept in [usize::MAX, usize::MAX, 0, 0] {
            let client = client_keeping(kept);
            clients.spawn(hammer(client, Arc::clone(&port), Arc::clone(&done), check.clone()));
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
        let answer = client.get(format!("http://127.0.0.1:{port}/api/v1/settings")).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("port {port}, answer {answers}: {error:?}"));
        assert_eq!(answer.status(), 200);
        let generation: u64 = answer.headers()["x-thoth-generation"].to_str().unwrap().parse().unwrap();
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
    let said = verdict.services.iter().find(|service| service.name == "ports").unwrap();
    assert!(said.reason.contains(&format!("serving 127.0.0.1:{new}")), "{said:?}");
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
        world.wait_for(|_| connects(everywhere) == (host == "0.0.0.0")).await;
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
    let answer = raw(old_address, "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
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
    assert_eq!(verdict.problems[0].message, format!("port {taken} on 127.0.0.1 is taken"));
    assert_eq!(world.address().port(), port);
    assert_eq!(world.get("/health").await["generation"], 1);
    drop(other);
    assert!(!connects(([127, 0, 0, 1], taken).into()), "the refused reservation is gone");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_finishes_on_a_port_that_closes() {
    let (old, new) = (free_port(), free_port());
    let world = World::start(&on_port(old, 1)).await;
    let old_address = SocketAddr::from(([127, 0, 0, 1], old));
    let mut slow = TcpStream::connect(old_address).unwrap();
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
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
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_process_leaves_no_record_and_does_not_wait_for_streams() {
    let world = World::start(&on_port(free_port(), 500)).await;
    let address = world.address();
    let stream = world.client.get(world.url("/api/v1/events")).send().await.unwrap();
    let state = world.stop().await;
    assert!(!connects(address));
    drop(stream);
    let client = Client::from_state(state.path(), None, None);
    assert!(matches!(client, Err(ClientError::NoServer)), "{client:?}");
}
