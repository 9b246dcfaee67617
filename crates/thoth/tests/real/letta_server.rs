//! A Letta server for tests: what Thoth uses of the protocol of 0.16.8, as recorded from the real one. What is said to
//! the agent decides how it answers:
//!
//! * `fail`: its model does not answer; `break`: the connection ends in the middle; `odd`: events in pieces of seven
//!   bytes, with types of tomorrow; `wait`: the rest comes after [`LettaServer::release`]; anything else is echoed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

/// What the server holds and has seen. It outlives the server, as a database would.
pub struct Memory {
    pub agents: Vec<Value>,
    /// Method and path of every request, with the key that it carried.
    pub seen: Vec<(String, String)>,
    /// The key that it wants, if any.
    pub password: Option<String>,
    /// Accepts everything, answers nothing.
    pub mute: bool,
    /// Messages that are being answered, and the most that ever were at once.
    busy: (usize, usize),
    made: usize,
    released: Arc<Semaphore>,
}

type Shared = Arc<Mutex<Memory>>;

/// A running server. Dropping it ends it, with everything that it was doing.
pub struct LettaServer {
    pub address: SocketAddr,
    memory: Shared,
    runtime: Option<Runtime>,
}

impl LettaServer {
    pub fn start() -> Self {
        let memory = Memory {
            agents: Vec::new(),
            seen: Vec::new(),
            password: None,
            mute: false,
            busy: (0, 0),
            made: 0,
            released: Arc::new(Semaphore::new(0)),
        };
        let memory = Arc::new(Mutex::new(memory));
        let (address, runtime) = serve("127.0.0.1:0".parse().unwrap(), &memory);
        Self { address, memory, runtime: Some(runtime) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }

    /// The agents as they are now.
    pub fn agents(&self) -> Vec<Value> {
        self.memory().agents.clone()
    }

    /// Ends the server as a kill does.
    pub fn go(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Comes back at the same address, remembering everything.
    pub fn come_back(&mut self) {
        self.go();
        let (_, runtime) = serve(self.address, &self.memory);
        self.runtime = Some(runtime);
    }

    /// Lets one answer go on that waits.
    pub fn release(&self) {
        self.memory().released.add_permits(1);
    }

    /// The most messages that were ever answered at once.
    pub fn busiest(&self) -> usize {
        self.memory().busy.1
    }

    /// How many requests were just this one (`POST /v1/agents/`).
    pub fn count(&self, what: &str) -> usize {
        self.memory().seen.iter().filter(|(request, _)| request == what).count()
    }
}

impl Drop for LettaServer {
    fn drop(&mut self) {
        self.go();
    }
}

fn serve(address: SocketAddr, memory: &Shared) -> (SocketAddr, Runtime) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let router = router(Arc::clone(memory));
    let (sender, receiver) = std::sync::mpsc::channel();
    runtime.spawn(async move {
        // The port of a server that was just killed may need a moment to be free.
        let listener = loop {
            match tokio::net::TcpListener::bind(address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        sender.send(listener.local_addr().unwrap()).unwrap();
        axum::serve(listener, router).await.unwrap();
    });
    (receiver.recv_timeout(Duration::from_secs(30)).expect("a listening server"), runtime)
}

fn router(memory: Shared) -> Router {
    Router::new()
        .route("/v1/health/", get(async || Json(json!({ "version": "0.16.8", "status": "ok" }))))
        .route("/v1/agents/", get(list).post(make))
        .route("/v1/agents/{id}", patch(change))
        .route("/v1/agents/{id}/messages", post(answer))
        .route("/v1/agents/{id}/core-memory/blocks", get(blocks))
        .route("/v1/agents/{id}/core-memory/blocks/{label}", get(block).patch(write))
        .fallback(redirected)
        .layer(from_fn_with_state(Arc::clone(&memory), enter))
        .with_state(memory)
}

async fn enter(State(memory): State<Shared>, request: Request, next: Next) -> Response {
    let key = |headers: &HeaderMap| {
        let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (mute, wanted) = {
        let mut memory = memory.lock().unwrap();
        let what = format!("{} {}", request.method(), request.uri().path());
        memory.seen.push((what, key(request.headers())));
        (memory.mute, memory.password.clone())
    };
    if mute {
        std::future::pending::<()>().await;
    }
    let is_health = request.uri().path() == "/v1/health/";
    match wanted {
        Some(wanted) if !is_health && key(request.headers()) != format!("Bearer {wanted}") => {
            detail(StatusCode::UNAUTHORIZED, "Unauthorized")
        }
        _ => next.run(request).await,
    }
}

fn detail(status: StatusCode, detail: &str) -> Response {
    (status, Json(json!({ "detail": detail }))).into_response()
}

/// As FastAPI does for a path whose slash at the end is missing.
async fn redirected(request: Request) -> Response {
    if request.uri().path().ends_with('/') {
        return detail(StatusCode::NOT_FOUND, "Not Found");
    }
    let host = request.headers()[header::HOST].to_str().unwrap();
    let location = format!("http://{host}{}/", request.uri().path());
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response()
}

async fn list(
    State(memory): State<Shared>,
    Query(query): Query<std::collections::HashMap<String, String>>,
) -> Json<Value> {
    let agents = memory.lock().unwrap().agents.clone();
    let named = |agent: &Value| query.get("name").is_none_or(|name| agent["name"] == name.as_str());
    Json(agents.into_iter().filter(named).collect())
}

async fn make(State(memory): State<Shared>, Json(body): Json<Value>) -> Response {
    // Time for another first message to come between, if the client lets it.
    tokio::time::sleep(Duration::from_millis(30)).await;
    if body["model"] == "no/such" {
        return detail(StatusCode::NOT_FOUND, "NOT_FOUND: Handle no/such not found, must be one of []");
    }
    let mut memory = memory.lock().unwrap();
    memory.made += 1;
    let block = |block: &Value| json!({ "label": block["label"], "value": block["value"], "limit": 100_000 });
    let blocks: Vec<Value> = body["memory_blocks"].as_array().unwrap().iter().map(block).collect();
    let agent = json!({
        "id": format!("agent-00000000-0000-4000-8000-{:012}", memory.made),
        "name": body["name"], "model": body["model"], "blocks": blocks,
    });
    memory.agents.push(agent.clone());
    Json(agent).into_response()
}

/// Works on one agent.
fn at(memory: &Shared, id: &str, work: impl FnOnce(&mut Value) -> Response) -> Response {
    let mut memory = memory.lock().unwrap();
    match memory.agents.iter_mut().find(|agent| agent["id"] == id) {
        Some(agent) => work(agent),
        None => detail(StatusCode::NOT_FOUND, &format!("Agent with ID {id} not found")),
    }
}

async fn change(State(memory): State<Shared>, Path(id): Path<String>, Json(body): Json<Value>) -> Response {
    at(&memory, &id, |agent| {
        agent["model"] = body["model"].clone();
        Json(agent.clone()).into_response()
    })
}

async fn blocks(State(memory): State<Shared>, Path(id): Path<String>) -> Response {
    at(&memory, &id, |agent| Json(agent["blocks"].clone()).into_response())
}

async fn block(State(memory): State<Shared>, Path((id, label)): Path<(String, String)>) -> Response {
    at(&memory, &id, |agent| {
        let blocks = agent["blocks"].as_array().unwrap();
        match blocks.iter().find(|block| block["label"] == label.as_str()) {
            Some(block) => Json(block).into_response(),
            None => detail(StatusCode::NOT_FOUND, &format!("No block with label '{label}' found")),
        }
    })
}

async fn write(
    State(memory): State<Shared>,
    Path((id, label)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Response {
    at(&memory, &id, |agent| {
        let blocks = agent["blocks"].as_array_mut().unwrap();
        match blocks.iter_mut().find(|block| block["label"] == label.as_str()) {
            Some(block) => {
                block["value"] = body["value"].clone();
                Json(block.clone()).into_response()
            }
            None => detail(StatusCode::NOT_FOUND, &format!("No block with label '{label}' found")),
        }
    })
}

/// Counts a message for as long as it is answered.
struct Busy(Shared);

impl Busy {
    fn new(memory: &Shared) -> Self {
        let mut held = memory.lock().unwrap();
        held.busy.0 += 1;
        held.busy.1 = held.busy.1.max(held.busy.0);
        drop(held);
        Self(Arc::clone(memory))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.lock().unwrap().busy.0 -= 1;
    }
}

async fn answer(
    State(memory): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let busy = Busy::new(&memory);
    let there = at(&memory, &id, |_| StatusCode::OK.into_response());
    if there.status() != StatusCode::OK {
        return there;
    }
    let said = body["messages"][0]["content"].as_str().unwrap().to_owned();
    if body["streaming"] == true {
        if !headers.contains_key("x-stainless-package-version") {
            let words = "streaming=true is only supported for SDK v1.0+ clients.";
            return detail(StatusCode::UNPROCESSABLE_ENTITY, words);
        }
        return stream(&memory, said, busy);
    }
    // Time for another message to come between, if the client lets it.
    tokio::time::sleep(Duration::from_millis(30)).await;
    if said == "fail" {
        let error =
            json!({ "type": "llm_error", "message": "An error occurred.", "detail": "no connection" });
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": error }))).into_response();
    }
    let messages = [
        json!({ "id": "message-1", "message_type": "reasoning_message", "reasoning": "let me see" }),
        json!({ "id": "message-1", "message_type": "assistant_message", "content": format!("you said {said}") }),
    ];
    Json(json!({
        "messages": messages,
        "stop_reason": { "message_type": "stop_reason", "stop_reason": "end_turn" },
        "usage": { "message_type": "usage_statistics", "completion_tokens": 3, "prompt_tokens": 665, "step_count": 1 },
    }))
    .into_response()
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn piece(kind: &str, name: &str, text: &str) -> String {
    event(&json!({ "id": "message-1", "message_type": kind, name: text, "is_err": null, "seq_id": null }))
}

fn stream(memory: &Shared, said: String, busy: Busy) -> Response {
    let ping = event(&json!({ "id": "ping-1", "message_type": "ping", "run_id": "run-1" }));
    let begin = ping.clone()
        + &piece("reasoning_message", "reasoning", "let me ")
        + &piece("reasoning_message", "reasoning", "see")
        + &piece("assistant_message", "content", "you said ");
    let stop = |reason: &str| event(&json!({ "message_type": "stop_reason", "stop_reason": reason }));
    let usage = json!({ "message_type": "usage_statistics", "completion_tokens": 3, "prompt_tokens": 665, "step_count": 1 });
    let end = stop("end_turn") + &event(&usage) + "data: [DONE]\n\n";
    let last = piece("assistant_message", "content", &said);
    let unknown =
        event(&json!({ "message_type": "message of tomorrow", "content": [1] })) + "data: \"text\"\n\n";
    let parts = match said.as_str() {
        "fail" => {
            let error = json!({ "message_type": "error_message", "message": "An error occurred.", "detail": "no connection" });
            let error =
                stop("llm_api_error") + &format!("event: error\ndata: {error}\n\n") + "data: [DONE]\n\n";
            vec![ping, error]
        }
        "cancel" => {
            vec![begin, "event: cancelled\ndata: {\"message\": \"Run was cancelled\"}\n\n".to_owned()]
        }
        "break" => vec![begin],
        "odd" => {
            let whole = format!("\u{feff}: hello\r\n\r\n{begin}{unknown}{last}{end}");
            whole.as_bytes().chunks(7).map(|chunk| String::from_utf8_lossy(chunk).into_owned()).collect()
        }
        _ => vec![begin, last + &end],
    };
    let waits = (said == "wait").then(|| Arc::clone(&memory.lock().unwrap().released));
    let stream = futures_util::stream::iter(parts.into_iter().enumerate()).then(move |(number, part)| {
        let (waits, _held) = (waits.clone(), &busy);
        async move {
            if let (Some(released), 1..) = (waits, number) {
                released.acquire().await.unwrap().forget();
            } else {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok::<_, std::convert::Infallible>(Bytes::from(part))
        }
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream)).into_response()
}
