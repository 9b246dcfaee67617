//! A save that goes live and then fails, where the one before it works, is taken back; an outage takes nothing back.

use serde_json::{Value, json};
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Place, Save, Thoth, free_port, settings, until};

const QUESTION: &str = "how long does a waggle dance stay precise?";

/// A provider that knows one key.
pub async fn provider(key: &str) -> MockServer {
    let server = MockServer::start().await;
    let answer = json!({
        "id": "1", "object": "chat.completion", "model": "m",
        "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "NOT FOUND" } }],
    });
    Mock::given(method("POST"))
        .and(header("authorization", format!("Bearer {key}")))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    let unauthorized = json!({ "error": { "message": "no such key" } });
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(401).set_body_json(unauthorized))
        .mount(&server)
        .await;
    server
}

pub fn with(provider: &MockServer, key: &str, probation_ms: u64) -> String {
    let llm = json!({ "model": "m", "baseUrl": format!("{}/v1", provider.uri()), "retriesMax": 0 });
    settings(&json!({
        "llm": { "default": llm }, "apiKeys": { "customKey": key }, "reload": { "probationMs": probation_ms },
    }))
}

pub async fn thoth(provider: &MockServer, probation_ms: u64) -> Thoth {
    let place = Place::new();
    std::fs::write(place.settings(), with(provider, "sk-right", probation_ms)).unwrap();
    place.drop_paper("okonkwo2024.pdf", "thoth/papers/pdfs");
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    thoth.papers(1).await;
    thoth
}

pub async fn ask(thoth: &Thoth) -> Value {
    thoth.post("/api/v1/ask", &json!({ "question": QUESTION })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_taken_back_and_said() {
    let provider = provider("sk-right").await;
    let thoth = thoth(&provider, 60_000).await;
    ask(&thoth).await;
    let wrong = with(&provider, "sk-wrong", 60_000);
    let applied = thoth.save(Save::Rename, &wrong).await;
    assert_eq!((&applied["verdict"], &applied["outcome"]), (&json!("applied"), &Value::Null));
    let mut verdicts = thoth.verdicts().await;
    let failed = ask(&thoth).await;
    assert!(failed["note"].as_str().unwrap().contains("401"), "{failed}");
    let reverted = verdicts.next().await;
    assert_eq!(
        (&reverted["verdict"], &reverted["cause"]),
        (&json!("applied"), &json!("revert")),
        "{reverted}"
    );
    assert_eq!(reverted["generation"], 3);
    assert!(!reverted.to_string().contains("sk-"), "{reverted}");
    let answered = ask(&thoth).await;
    assert!(
        !answered["note"].as_str().unwrap_or_default().contains("401"),
        "the right key answers again: {answered}"
    );
    assert_eq!(std::fs::read_to_string(thoth.place.settings()).unwrap(), wrong, "the file is the user's");
    let status = thoth.get("/health/hot-reload").await;
    assert_eq!(status["drift"], true);
    let history = thoth.get("/api/v1/reloads?limit=2").await;
    assert_eq!(history["reloads"][1]["outcome"], "reverted", "{history}");
    until(async || thoth.log().contains("Settings reverted")).await;
    let counted = "thoth_config_outcomes_total{outcome=\"reverted\"} 1";
    until(async || {
        let metrics = thoth.client.get(thoth.url("/metrics")).send().await.unwrap();
        metrics.text().await.unwrap().contains(counted)
    })
    .await;
    // It does not come again by itself; whoever asks for it gets one more try.
    let read_again = thoth.post("/api/v1/reloads", &json!({})).await;
    assert_eq!(read_again["verdict"], "rejected");
    assert!(read_again["problems"][0]["message"].as_str().unwrap().contains("taken back"), "{read_again}");
    let tried = thoth.place.run(&["reload", "--retry"]);
    assert!(tried.status.success(), "{}", crate::support::text(&tried));
    assert_eq!(thoth.get("/api/v1/reloads?limit=1").await["reloads"][0]["cause"], "try");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_finds_the_port_that_the_save_left() {
    let provider = provider("sk-right").await;
    let ports = [free_port(), free_port()];
    let with = |key: &str, port: u16| {
        settings(&json!({
            "llm": { "default": { "model": "m", "baseUrl": format!("{}/v1", provider.uri()), "retriesMax": 0 } },
            "apiKeys": { "customKey": key }, "servers": { "api": { "port": port } },
            "reload": { "probationMs": 60_000, "handoverMs": 0 },
        }))
    };
    let place = Place::new();
    std::fs::write(place.settings(), with("sk-right", ports[0])).unwrap();
    place.drop_paper("okonkwo2024.pdf", "thoth/papers/pdfs");
    let thoth = Thoth::start_in(place, &[]).await;
    thoth.papers(1).await;
    ask(&thoth).await;
    thoth.save(Save::Rename, &with("sk-wrong", ports[1])).await;
    let taken = std::net::TcpListener::bind(("127.0.0.1", ports[0]));
    assert!(taken.is_err(), "nobody else gets the port as long as a revert may want it");
    let mut verdicts = thoth.verdicts().await;
    ask(&thoth).await;
    let reverted = verdicts.next().await;
    assert_eq!(reverted["cause"], "revert", "{reverted}");
    until(async || thoth.address().ends_with(&ports[0].to_string())).await;
    let health = thoth.get("/health/hot-reload").await;
    assert_eq!((&health["generation"], &health["drift"]), (&json!(3), &json!(true)), "{health}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_at_the_provider_takes_nobodys_save_back() {
    let provider = provider("sk-right").await;
    let thoth = thoth(&provider, 60_000).await;
    ask(&thoth).await;
    thoth.save(Save::Rename, &with(&provider, "sk-other", 60_000)).await;
    provider.reset().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(503)).mount(&provider).await;
    let failed = ask(&thoth).await;
    assert!(failed["note"].as_str().unwrap().contains("503"), "{failed}");
    assert_eq!(provider.received_requests().await.unwrap().len(), 2, "the one before it was asked the same");
    let newest = thoth.get("/api/v1/reloads?limit=1").await;
    assert_eq!(
        (&newest["reloads"][0]["generation"], &newest["reloads"][0]["outcome"]),
        (&json!(2), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_traffic_a_save_is_kept_unproven_and_with_it_kept() {
    let provider = provider("sk-right").await;
    let thoth = thoth(&provider, 300).await;
    let unused = thoth.save(Save::Rename, &with(&provider, "sk-unused", 300)).await;
    assert_eq!(unused["outcome"], Value::Null);
    until(async || thoth.get("/api/v1/reloads?limit=1").await["reloads"][0]["outcome"] == "kept unproven")
        .await;
    let used = thoth.save(Save::InPlace, &with(&provider, "sk-right", 60_000)).await;
    ask(&thoth).await;
    let shorter = thoth.save(Save::Rename, &with(&provider, "sk-right", 300)).await;
    assert_eq!(shorter["outcome"], "kept", "the same model, and it has answered");
    assert_eq!(thoth.get("/api/v1/reloads?limit=2").await["reloads"][1]["id"], used["id"]);
}
