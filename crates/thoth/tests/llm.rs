//! The service `llm` against `llmock`, a fake provider that we did not write and that grades its clients' retries.
//! `scripts/test-tools.sh` installs it; without it these tests say `skipped: …`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test these are the assertions"
)]

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use thoth::llm::settings::{LlmDefault, LlmSettings};
use thoth::llm::{ChatRequest, Condition, Llm, LlmInputs, Message, Network, Patience, ProviderKey, client};
use thoth::rag::answer::{QaOptions, write};
use thoth::rag::passages::Passage;
use thoth::settings::{ApiKeys, Secret};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

/// A running `llmock`. Dropping it kills the process that it started.
struct Server {
    base: String,
    client: reqwest::Client,
    _process: Child,
    _log: Lines<BufReader<ChildStderr>>,
}

impl Server {
    /// Starts one on a free port of loopback; `None`, said aloud, where there is none to start.
    async fn start(arguments: &[&str]) -> Option<Self> {
        let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools");
        let program = tools.join("venv/bin/llmock");
        if !program.exists() {
            eprintln!("skipped: there is no `{}`; `scripts/test-tools.sh` installs it", program.display());
            return None;
        }
        let mut process = Command::new(&program)
            .args(["serve", "--host", "127.0.0.1", "--port", "0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let base = loop {
            let line = log.next_line().await.unwrap().expect("the server says where it listens");
            if let Some((_, rest)) = line.split_once("running on ") {
                break rest.split(' ').next().unwrap().to_owned();
            }
        };
        let client = client(&Network::default()).unwrap();
        Some(Self { base, client, _process: process, _log: log })
    }

    /// Forgets everything, and queues these behaviours for the next requests.
    async fn script(&self, behaviors: &[Value]) {
        self.post("reset", &json!({})).await;
        if !behaviors.is_empty() {
            self.post("scenario", &json!({ "behaviors": behaviors })).await;
        }
    }

    async fn post(&self, what: &str, body: &Value) {
        let url = format!("{}/_llmock/{what}", self.base);
        let response = self.client.post(url).json(body).send().await.unwrap();
        assert!(response.status().is_success(), "{what}: {}", response.text().await.unwrap());
    }

    async fn get(&self, what: &str) -> Value {
        let url = format!("{}/_llmock/{what}", self.base);
        self.client.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// Every request that was served, oldest first.
    async fn requests(&self) -> Vec<Value> {
        self.get("requests").await["requests"].as_array().unwrap().clone()
    }

    /// What the server has to say against its client.
    async fn findings(&self) -> Vec<Value> {
        self.get("verdict").await["findings"].as_array().unwrap().clone()
    }

    /// The service under test. Its pauses are short and grow without chance, so that the server can see them grow.
    fn llm(&self, key: &str, change: impl FnOnce(&mut LlmDefault)) -> Arc<Llm> {
        let base_url = format!("{}/v1", self.base).parse().unwrap();
        let keys = ApiKeys { custom_key: Secret::new(key), ..ApiKeys::default() };
        let key = ProviderKey::choose(&base_url, &keys);
        let mut default = LlmDefault {
            model: "first/model".to_owned(),
            temperature: 0.7,
            top_p: 0.9,
            max_output_tokens: 300,
            base_url,
            timeout_ms: 10_000,
            retries_max: 3,
        };
        change(&mut default);
        let patience = Patience {
            backoff_base: Duration::from_millis(80),
            total: Duration::from_secs(60),
            jitter: || 1.0,
            ..Patience::default()
        };
        let inputs = LlmInputs { llm: LlmSettings { default }, key };
        Arc::new(Llm::with_patience(inputs, self.client.clone(), patience))
    }
}

fn ask(question: &str) -> ChatRequest {
    ChatRequest { messages: vec![Message::user(question)], ..ChatRequest::default() }
}

/// All of a stream: its pieces, and the message of the error at its end.
async fn collect(llm: &Arc<Llm>, question: &str) -> (Vec<String>, Option<String>) {
    let (mut pieces, mut error) = (Vec::new(), None);
    let mut stream = std::pin::pin!(llm.stream(ask(question)));
    while let Some(piece) = stream.next().await {
        assert!(error.is_none(), "nothing comes after an error");
        match piece {
            Ok(piece) => pieces.push(piece),
            Err(failure) => error = Some(failure.to_string()),
        }
    }
    (pieces, error)
}

#[tokio::test]
async fn the_server_sees_model_and_temperature_of_the_settings_and_of_the_request() {
    let Some(server) = Server::start(&[]).await else {
        return;
    };
    server.script(&[json!({"type": "reply", "text": "forty two"})]).await;
    let llm = server.llm("sk-test", |_| {});
    let answer = llm.chat(ask("why?")).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.model.as_str()), ("forty two", "first/model"));
    assert!(answer.usage.unwrap().completion_tokens > 0);
    let own =
        ChatRequest { temperature: Some(0.1), max_tokens: Some(7), model: Some("own".into()), ..ask("how?") };
    llm.chat(own).await.unwrap();
    let next = server.llm("sk-test", |default| default.model = "second/model".to_owned());
    next.chat(ask("when?")).await.unwrap();

    let requests = server.requests().await;
    let seen = requests.iter().map(|request| {
        let body = &request["body"];
        json!([request["path"], body["model"], body["temperature"], body["max_tokens"], body["top_p"]])
    });
    let path = "/v1/chat/completions";
    let expected = [
        json!([path, "first/model", 0.7, 300, 0.9]),
        json!([path, "own", 0.1, 7, 0.9]),
        json!([path, "second/model", 0.7, 300, 0.9]),
    ];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    assert!(server.findings().await.is_empty());
}

#[tokio::test]
async fn the_key_that_is_sent_is_the_one_that_is_counted() {
    // One request a minute for each key, so that a second one passes only with another key.
    let Some(server) = Server::start(&["--rpm", "1"]).await else {
        return;
    };
    let first = server.llm("sk-first", |_| {});
    first.chat(ask("one")).await.unwrap();
    let refused = first.chat(ask("two")).await.unwrap_err().to_string();
    assert!(refused.contains("fewer requests (429, tries: 1); it asks to wait"), "{refused}");
    server.llm("sk-second", |_| {}).chat(ask("three")).await.unwrap();
}

/// One question under these faults: a part of the text or of the error, and the pauses between tries, in
/// milliseconds, of which each real one is at least as long. The server must find no fault with the client.
async fn check_tries(server: &Server, faults: &[Value], expected: Result<&str, &str>, pauses_ms: &[u64]) {
    server.script(faults).await;
    let llm = server.llm("sk-very-secret", |_| {});
    let outcome = llm.chat(ask("why?")).await;
    match (&outcome, expected) {
        (Ok(answer), Ok(part)) => assert!(answer.text.contains(part), "{}", answer.text),
        (Err(error), Err(part)) => {
            let message = error.to_string();
            assert!(
                message.contains(part) && !message.contains("sk-very-secret"),
                "{message} should say {part}"
            );
        }
        _ => panic!("{outcome:?} instead of {expected:?}"),
    }
    let seconds = |request: &Value, field: &str| request[field].as_f64().unwrap();
    let requests = server.requests().await;
    let real_ms: Vec<f64> = requests
        .windows(2)
        .map(|pair| (seconds(&pair[1], "started_at") - seconds(&pair[0], "ended_at")) * 1e3)
        .collect();
    assert_eq!(real_ms.len(), pauses_ms.len(), "{faults:?}: {real_ms:?}");
    for (real, least) in real_ms.iter().zip(pauses_ms) {
        assert!(*real >= *least as f64 - 5.0, "{faults:?}: {real_ms:?} should be at least {pauses_ms:?}");
    }
    let mut findings = server.findings().await;
    // A pause that is longer than we wait for is told to the user instead of being waited out.
    findings.retain(|finding| !(finding["code"] == "gave_up" && pauses_ms.is_empty()));
    assert!(findings.is_empty(), "{faults:?}: {findings:?}");
}

#[tokio::test]
async fn tries_are_made_again_exactly_when_that_can_help_and_after_the_right_pause() {
    let Some(server) = Server::start(&[]).await else {
        return;
    };
    let fail = |status: u16, times: Value| json!({"type": "fail", "status": status, "times": times});
    let wait = |seconds: f64| json!({"type": "fail", "status": 429, "retry_after": seconds});
    let always = [json!({"type": "fail", "status": 429, "retry_after": 0.05, "times": null})];
    let good = || json!({"type": "reply", "text": "at last"});
    let check = async |faults: &[Value], expected, pauses_ms: &[u64]| {
        check_tries(&server, faults, expected, pauses_ms).await;
    };
    check(&[wait(0.3), wait(0.2), good()], Ok("at last"), &[300, 200]).await;
    check(&[fail(500, json!(3)), good()], Ok("at last"), &[80, 160, 320]).await;
    // With a 503 this server asks to wait a second.
    check(&[fail(503, json!(1)), good()], Ok("at last"), &[1_000]).await;
    check(&[fail(502, Value::Null)], Err("in trouble (502, tries: 4)"), &[80, 160, 320]).await;
    check(&always, Err("(429, tries: 4)"), &[130, 210, 370]).await;
    check(&[wait(90.0)], Err("it asks to wait 90 s"), &[]).await;
    for (status, part) in [
        (400, "refused the request (400)"),
        (401, "refused the key (401): set `apiKeys.customKey` to a key that is valid there"),
        (403, "refused the key (403)"),
        (404, "does not know the model `first/model` (404)"),
        (422, "refused the request (422)"),
    ] {
        check(&[fail(status, json!(1))], Err(part), &[]).await;
    }
}

#[tokio::test]
async fn a_stream_gives_its_pieces_and_never_passes_half_an_answer_off_as_a_whole() {
    let Some(server) = Server::start(&[]).await else {
        return;
    };
    let llm = server.llm("sk-test", |default| default.timeout_ms = 400);
    let reply = json!({"type": "reply", "text": "one two three four five"});

    server.script(&[json!({"type": "fail", "status": 503}), reply.clone()]).await;
    let (pieces, error) = collect(&llm, "good").await;
    assert_eq!((pieces.concat().as_str(), error), ("one two three four five", None));
    assert!(pieces.len() >= 5, "{pieces:?}");
    assert_eq!(server.requests().await.len(), 2, "before the first piece, a failure is tried again");
    assert!(server.findings().await.is_empty());

    for (kind, part) in [
        ("truncate", "broke off before its end: the stream ended without saying that the answer is complete"),
        ("disconnect", "broke off before its end"),
        ("malformed", "is not JSON of a completion"),
        ("stall", "sent nothing for 400 ms (in the middle of the answer); `llm.default.timeoutMs`"),
    ] {
        let fault = json!({"type": "stream_fault", "kind": kind, "after_chunks": 3, "stall_seconds": 20});
        server.script(&[fault, reply.clone()]).await;
        let (pieces, error) = collect(&llm, kind).await;
        let error = error.unwrap_or_else(|| panic!("{kind} should be told: {pieces:?}"));
        assert!(error.contains(part), "{kind}: {error}");
        assert_eq!(pieces.concat().trim_end(), "one two", "{kind}");
        assert_eq!(
            server.requests().await.len(),
            1,
            "{kind}: pieces that were given are not asked for again"
        );
        assert_eq!(llm.status().status, Condition::Degraded, "{kind}");
    }

    server.script(&[reply]).await;
    assert_eq!(collect(&llm, "again").await.1, None);
    assert_eq!(llm.status().status, Condition::Ok);
}

#[tokio::test]
async fn a_written_answer_keeps_what_its_passage_says() {
    let Some(server) = Server::start(&[]).await else {
        return;
    };
    let said = "The measured mass is 125.09 GeV in signi\u{fb01}cant channels.".to_owned();
    let passages = [Passage {
        paper: "p1".to_owned(),
        title: Some("On mass".to_owned()),
        page: 3,
        section: "Results".to_owned(),
        sentences: said.clone(),
        text: said,
        score: 1.0,
    }];
    let options = QaOptions {
        model: Some("qa/model".to_owned()),
        temperature: 0.2,
        max_tokens: 200,
        instructions: None,
    };
    let llm = server.llm("sk-test", |_| {});
    let text = "It is 125.09 GeV [1: \"mass is 125.09 GeV in significant channels\"]. It is green [1: \"green all \
                over the place\"].";
    server.script(&[json!({"type": "reply", "text": text})]).await;
    let answer = write(&llm, "What is the mass?", &passages, &options).await.unwrap();
    assert_eq!(answer.answer, "It is 125.09 GeV [1].");
    assert_eq!(answer.sources[0].passage, "mass is 125.09 GeV in signi\u{fb01}cant channels");
    assert_eq!((answer.sources.len(), answer.sources[0].page), (1, 3));
    assert_eq!(answer.written_by.as_deref(), Some("qa/model"));
    assert!(answer.note.unwrap().contains("1 of 2 citations removed"));
    let body = server.requests().await[0]["body"].clone();
    assert_eq!((&body["temperature"], &body["max_tokens"]), (&json!(0.2), &json!(200)));
    let prompt = body["messages"][1]["content"].as_str().unwrap();
    assert!(prompt.ends_with("Question: What is the mass?"), "{prompt}");

    server.script(&[json!({"type": "reply", "text": "It is green."})]).await;
    let answer = write(&llm, "What is the mass?", &passages, &options).await.unwrap();
    assert_eq!((answer.written_by, &answer.sources[0].passage), (None, &passages[0].text));
    assert!(answer.note.unwrap().contains("cited nothing"));
}
