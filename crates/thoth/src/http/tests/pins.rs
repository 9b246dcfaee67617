//! Work that goes on with settings which were replaced long ago.

use std::net::Ipv4Addr;

use changeover::Decision;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::fixture::{IMPATIENT, PATIENCE, TOKEN, World, free_port};
use crate::http::generation::OVERDUE;

impl World {
    /// Posts JSON; gives the status, the session of MCP if the answer names one, and the answer.
    async fn post(&self, path: &str, session: Option<&str>, body: &Value) -> (u16, Option<String>, Value) {
        let request = self.client.post(self.url(path)).bearer_auth(TOKEN).json(body);
        let request = request.header("accept", "application/json, text/event-stream");
        let request = session.into_iter().fold(request, |request, id| request.header("mcp-session-id", id));
        let response = request.send().await.unwrap();
        let session = response.headers().get("mcp-session-id").map(|id| id.to_str().unwrap().to_owned());
        let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
        // Plain, or as the last event of a stream.
        let messages = text.lines().filter_map(|line| line.strip_prefix("data:")).chain([text.as_str()]);
        let message = messages.filter_map(|text| serde_json::from_str(text.trim()).ok()).next_back();
        (status, session, message.unwrap_or_default())
    }

    async fn begin_session(&self) -> String {
        let client = json!({ "name": "a test", "version": "1" });
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
        let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let (_, session, _) = self.post("/mcp", None, &hello).await;
        let session = session.expect("a session");
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(self.post("/mcp", Some(&session), &ready).await.0, 202);
        session
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_11_questions_that_do_not_end_are_ended_when_their_settings_are_long_gone() {
    // It takes every question, and answers none.
    let model = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (url, port) = (format!("http://{}/v1", model.local_addr().unwrap()), free_port());
    let settings = |name: &str| {
        json!({
            "paths": { "pdf": "pdf", "notes": "notes" },
            "apiKeys": { "customKey": "sk-never-to-be-seen" },
            "llm": { "default": { "model": name, "baseUrl": url } },
            "servers": { "api": { "port": port } },
        })
        .to_string()
    };
    let world = World::start(&settings("patient")).await;
    let text = "The pyramids of Giza were surveyed by muon tomography. The survey found a large void.";
    world.drop_pdf("giza.pdf", "A Void in the Great Pyramid", text).await;
    let session = world.begin_session().await;
    let question = json!({ "question": "What did the muon tomography survey find?" });
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "ask", "arguments": question },
    });
    let mut asked = Vec::new();
    let saved = async {
        for _ in 0..2 {
            asked.push(model.accept().await.unwrap());
        }
        let generation = world.app.engine.live().pin(format_args!("the test"));
        let verdict = world.save(&settings(IMPATIENT)).await;
        assert_eq!(verdict.verdict, Decision::Applied, "{verdict}");
        generation
    };
    let all = async {
        tokio::join!(
            world.post("/api/v1/ask", None, &question),
            world.post("/mcp", Some(&session), &call),
            saved
        )
    };
    let ((status, _, answer), (_, _, called), ours) = tokio::time::timeout(PATIENCE, all).await.unwrap();
    assert_eq!((status, &answer["detail"]), (503, &json!(OVERDUE)), "{answer}");
    assert_eq!(called["result"]["isError"], true, "{called}");
    assert!(called["result"]["content"][0]["text"].as_str().unwrap().starts_with(OVERDUE), "{called}");

    // Whoever does not listen is named until it lets go.
    world.wait_for(|world| world.app.engine.status().overdue.len() == 1).await;
    let state = world.get("/health/hot-reload").await;
    let held_by = state["overdue"][0]["held_by"].as_array().unwrap();
    assert!(held_by.iter().any(|unit| unit["name"] == "the test"), "{state}");
    let metrics = world.client.get(world.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("\nthoth_generations_overdue 1\n"), "{metrics}");
    drop((ours, asked));
    world.wait_for(|world| world.app.engine.status().retiring == 0).await;
    assert_eq!(world.get("/health").await["generation"], 2);
    world.stop().await;
}
