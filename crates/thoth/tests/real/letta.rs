//! Agent memory while the settings change, while its server is away, and while it says nothing.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::letta_server::LettaServer;
use crate::support::{Save, Thoth, service, settings, text, until};

/// Settings with this server; `round` tells one content from another.
fn with(url: &str, round: u32) -> String {
    settings(
        &json!({ "memory": { "letta": { "serverUrl": url } }, "reload": { "historyMax": 1000 + round } }),
    )
}

/// The answer to a message: status and body.
async fn say(thoth: &Thoth, message: &str) -> (u16, Value) {
    let request = thoth.client.post(thoth.url("/api/v1/agent/messages")).bearer_auth(thoth.token());
    let response = request.json(&json!({ "message": message })).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// An answer in pieces that has begun.
async fn open(thoth: &Thoth, message: &str) -> reqwest::Response {
    let request = thoth.client.post(thoth.url("/api/v1/agent/messages")).bearer_auth(thoth.token());
    let mut response = request.json(&json!({ "message": message, "stream": true })).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let first = response.chunk().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).starts_with("event: reasoning"), "{first:?}");
    response
}

async fn letta(thoth: &Thoth) -> (String, String) {
    let state = thoth.get("/health").await["services"]["letta"].clone();
    let text = |field: &str| state[field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_answer_ends_on_the_old_server_and_the_next_message_goes_to_the_new_one() {
    let (old, new) = (LettaServer::start(), LettaServer::start());
    let thoth = Thoth::start(&with(&old.url(), 1)).await;
    for (save, (from, to)) in Save::BOTH.into_iter().zip([(&old, &new), (&new, &old)]) {
        let answer = open(&thoth, "wait").await;
        let verdict = thoth.save(save, &with(&to.url(), 1)).await;
        assert_eq!(service(&verdict, "letta"), Some(("rebuilt", "`memory.letta.serverUrl` changed")));
        assert_eq!(service(&verdict, "llm").unwrap().0, "kept");
        let (status, body) = say(&thoth, "hello").await;
        assert_eq!(
            (status, &body["answer"], &body["stop_reason"]),
            (200, &json!("you said hello"), &json!("end_turn"))
        );
        assert_eq!(to.agents().len(), 1, "made at the first message");
        from.release();
        let rest = answer.text().await.unwrap();
        assert!(
            rest.contains("event: text\ndata: {\"text\":\"wait\"}") && rest.contains("event: done"),
            "{rest}"
        );
    }
    until(async || thoth.log().contains("LettaService: configuration reloaded: `memory.letta.serverUrl`"))
        .await;
    until(async || letta(&thoth).await.0 == "ok").await;
    let agent = thoth.get("/api/v1/agent").await;
    assert_eq!((&agent["status"], &agent["version"]), (&json!("ok"), &json!("0.16.8")), "{agent}");
    assert_eq!(agent["agent"]["id"], old.agents()[0]["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_client_of_the_same_agent_waits_for_its_turn() {
    let server = LettaServer::start();
    let thoth = Thoth::start(&with(&server.url(), 1)).await;
    let answer = open(&thoth, "wait").await;
    let model = json!({ "memory": { "letta": { "serverUrl": server.url(), "agentModel": "second/model" } } });
    let verdict = thoth.save(Save::Rename, &settings(&model)).await;
    assert_eq!(verdict["verdict"], "applied", "the running answer holds nothing up: {verdict}");
    let (next, rest) = tokio::join!(say(&thoth, "hello"), async {
        server.release();
        answer.text().await.unwrap()
    });
    assert_eq!(next.0, 200, "{}", next.1);
    assert!(rest.contains("event: done"), "{rest}");
    assert_eq!((server.busiest(), &server.agents()[0]["model"]), (1, &json!("second/model")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_degrades_letta_alone_and_is_found_when_it_is_back() {
    let mut server = LettaServer::start();
    let thoth = Thoth::start(&with(&server.url(), 1)).await;
    until(async || letta(&thoth).await.0 == "ok").await;
    assert_eq!(server.agents().len(), 0, "a look makes nothing");
    server.go();
    let (status, problem) = say(&thoth, "anyone?").await;
    assert_eq!(status, 503, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("memory.letta.serverUrl"), "{problem}");
    let (state, reason) = letta(&thoth).await;
    assert!(state == "degraded" && reason.contains("cannot reach"), "{state}: {reason}");
    let health = thoth.place.run(&["health"]);
    assert!(health.status.success(), "Thoth itself is well: {}", text(&health));
    // The changes of others go on, and so do those of letta itself.
    let verdict = thoth.save(Save::InPlace, &with(&server.url(), 2)).await;
    assert_eq!(service(&verdict, "letta").unwrap().0, "kept");
    let (status, _) = say(&thoth, "still nobody?").await;
    assert_eq!(status, 503);
    server.come_back();
    until(async || letta(&thoth).await.0 == "ok").await;
    assert_eq!(say(&thoth, "hello").await.1["answer"], "you said hello");
    assert_eq!(
        thoth.log().matches("LettaService: cannot reach").count(),
        1,
        "said once, not with every look"
    );
    assert!(thoth.log().contains("LettaService: the server answers again"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_holds_up_no_changeover() {
    let (mute, well) = (LettaServer::start(), LettaServer::start());
    mute.memory().mute = true;
    let thoth = Thoth::start(&with(&mute.url(), 1)).await;
    let asked = mute.url();
    until(async || !mute.memory().seen.is_empty()).await;
    assert_eq!(letta(&thoth).await.0, "pending");
    let message = json!({ "message": "hello" });
    let hangs =
        thoth.client.post(thoth.url("/api/v1/agent/messages")).bearer_auth(thoth.token()).json(&message);
    let hanging = tokio::spawn(hangs.send());
    let name =
        |name: &str| settings(&json!({ "memory": { "letta": { "serverUrl": asked, "agentName": name } } }));
    for (round, save) in Save::BOTH.into_iter().cycle().take(10).enumerate() {
        let verdict = thoth.save(save, &name(&format!("agent-{round}"))).await;
        assert_eq!(service(&verdict, "letta"), Some(("rebuilt", "`memory.letta.agentName` changed")));
        let total = verdict["stages_ms"]["total"].as_f64().unwrap();
        assert!(total < 500.0, "a save took {total} ms: {verdict}");
    }
    let verdict = thoth.save(Save::Rename, &with(&well.url(), 1)).await;
    assert_eq!(verdict["verdict"], "applied");
    until(async || letta(&thoth).await.0 == "ok").await;
    hanging.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_change_live_and_are_seen_nowhere() {
    let server = LettaServer::start();
    server.memory().password = Some("hush-2".to_owned());
    let keyed = |key: &str| {
        settings(&json!({
            "memory": { "letta": { "serverUrl": server.url() } }, "apiKeys": { "lettaApiKey": key },
        }))
    };
    let thoth = Thoth::start(&keyed("hush-1")).await;
    until(async || letta(&thoth).await.0 == "degraded").await;
    assert!(letta(&thoth).await.1.contains("(401): set `apiKeys.lettaApiKey`"));
    assert_eq!(say(&thoth, "hello").await.0, 502);
    let verdict = thoth.save(Save::InPlace, &keyed("hush-2")).await;
    assert_eq!(service(&verdict, "letta"), Some(("rebuilt", "a secret changed")));
    assert_eq!(say(&thoth, "hello").await.0, 200);
    until(async || letta(&thoth).await.0 == "ok").await;
    for shown in ["/health", "/api/v1/agent", "/api/v1/settings", "/api/v1/reloads"] {
        assert!(!thoth.get(shown).await.to_string().contains("hush"), "{shown}");
    }
    assert!(!thoth.log().contains("hush"), "{}", thoth.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_and_the_command_line_talk_and_remember() {
    let server = LettaServer::start();
    let thoth = Thoth::start(&with(&server.url(), 1)).await;
    let memory = thoth.url("/api/v1/agent/memory");
    let early = thoth.client.get(&memory).send().await.unwrap();
    assert_eq!(early.status(), 404, "there is no agent before the first message");
    let open = thoth.client.post(thoth.url("/api/v1/agent/messages")).json(&json!({ "message": "x" }));
    assert_eq!(open.send().await.unwrap().status(), 401, "the token is asked for");
    assert_eq!(say(&thoth, " ").await.0, 422);
    assert_eq!(server.agents().len(), 0);

    let said = thoth.place.run(&["chat", "how", "are", "you"]);
    assert_eq!(String::from_utf8_lossy(&said.stdout), "you said how are you\n", "{}", text(&said));
    let mut lines = thoth.place.command(&["chat"]);
    let mut lines =
        lines.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    lines.stdin.take().unwrap().write_all(b"one\n\nfail\nodd").unwrap();
    let lines = lines.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&lines.stdout), "you said one\nyou said odd\n");
    assert!(text(&lines).contains("no connection") && !lines.status.success(), "{}", text(&lines));

    let write = |label: &str| {
        let request = thoth.client.put(format!("{memory}/{label}")).bearer_auth(thoth.token());
        request.json(&json!({ "value": "likes bees" })).send()
    };
    assert_eq!(write("human").await.unwrap().json::<Value>().await.unwrap()["value"], "likes bees");
    assert_eq!(write("nobody").await.unwrap().status(), 404);
    assert_eq!(thoth.get("/api/v1/agent/memory").await["blocks"][1]["value"], "likes bees");
    assert_eq!(thoth.get("/api/v1/agent/memory/human").await["value"], "likes bees");
    let shown = thoth.place.run(&["chat", "--memory"]);
    assert!(text(&shown).contains("human 10 of 100000 characters\n  likes bees"), "{}", text(&shown));

    // The same agent after a restart, and none at all when the settings name no server.
    let (place, _) = thoth.terminate();
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    assert_eq!(say(&thoth, "again").await.0, 200);
    assert_eq!((server.agents().len(), server.count("POST /v1/agents/")), (1, 1));
    let verdict = thoth.save(Save::Rename, &settings(&json!({ "reload": { "settleMs": 100 } }))).await;
    assert_eq!(service(&verdict, "letta").unwrap().0, "rebuilt", "{verdict}");
    let (state, reason) = letta(&thoth).await;
    assert!(state == "off" && reason.contains("memory.letta.serverUrl"), "{state}: {reason}");
    assert_eq!(say(&thoth, "hello").await.0, 409);
    let refused = thoth.place.run(&["chat", "hello"]);
    assert!(text(&refused).contains("no Letta server is set up"), "{}", text(&refused));
}
