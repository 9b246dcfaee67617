//! A save that goes live and then fails, where the one before it works, is taken back; an outage takes nothing back.

use serde_json::{Value, json};
use wiremock::matchers::{body_partial_json, header, method};
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
    let told = crate::support::text(&thoth.place.run(&["settings", "history", "--limit", "2"]));
    let (revert, reverted) = told.split_once('\n').unwrap();
    assert!(revert.contains("as in generation 1: ") && revert.contains("401"), "{told}");
    assert!(
        revert.ends_with("(revert, kept)") && reverted.trim_end().ends_with("(save, reverted)"),
        "{told}"
    );
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
async fn an_outage_that_ends_between_two_questions_takes_nobodys_save_back() {
    let provider = provider("sk-right").await;
    let thoth = thoth(&provider, 60_000).await;
    ask(&thoth).await;
    let warmer =
        with(&provider, "sk-right", 60_000).replace("\"retriesMax\"", "\"temperature\":1.5,\"retriesMax\"");
    let applied = thoth.save(Save::Rename, &warmer).await;
    assert_eq!(applied["services"][0]["name"], "llm", "{applied}");
    let busy = Mock::given(method("POST")).respond_with(ResponseTemplate::new(503));
    busy.up_to_n_times(1).with_priority(1).mount(&provider).await;
    let before = provider.received_requests().await.unwrap().len();
    let answered = ask(&thoth).await;
    let asked = provider.received_requests().await.unwrap().len() - before;
    assert_eq!(asked, 3, "the new one, the one before it, and the new one again");
    assert!(!answered["note"].as_str().unwrap_or_default().contains("503"), "{answered}");
    let newest = thoth.get("/api/v1/reloads?limit=1").await;
    assert_eq!(
        (&newest["reloads"][0]["id"], &newest["reloads"][0]["cause"]),
        (&applied["id"], &json!("save"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_only_questions_use_is_taken_back_too() {
    let provider = provider("sk-right").await;
    let unknown = Mock::given(method("POST")).and(body_partial_json(json!({ "model": "typo" })));
    unknown.respond_with(ResponseTemplate::new(404)).with_priority(1).mount(&provider).await;
    let thoth = thoth(&provider, 60_000).await;
    ask(&thoth).await;
    let right = with(&provider, "sk-right", 60_000);
    let asking = |model: &str, passages: u32| {
        let mut settings: Value = serde_json::from_str(&right).unwrap();
        settings["rag"] = json!({ "qa": { "model": model, "retrievalK": passages } });
        settings.to_string()
    };
    // What has shown that it works holds while only the passages are others.
    thoth.save(Save::Rename, &asking("m", 4)).await;
    ask(&thoth).await;
    assert_eq!(thoth.save(Save::Rename, &asking("m", 5)).await["outcome"], "kept");
    let applied = thoth.save(Save::Rename, &asking("typo", 5)).await;
    assert_eq!((&applied["verdict"], &applied["outcome"]), (&json!("applied"), &Value::Null), "{applied}");
    let mut verdicts = thoth.verdicts().await;
    ask(&thoth).await;
    let reverted = verdicts.next().await;
    assert_eq!((&reverted["cause"], &reverted["services"][0]["name"]), (&json!("revert"), &json!("llm")));
    assert_eq!(thoth.get("/api/v1/settings").await["settings"]["rag"]["qa"]["model"], "m");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_taken_back_stays_out_whatever_stands_beside_it() {
    let provider = provider("sk-right").await;
    let thoth = thoth(&provider, 60_000).await;
    ask(&thoth).await;
    let wrong = |level: &str| {
        let mut settings: Value = serde_json::from_str(&with(&provider, "sk-wrong", 60_000)).unwrap();
        settings["logging"] = json!({ "level": level });
        settings.to_string()
    };
    let mut verdicts = thoth.verdicts().await;
    // Saved anew it is one more try, and that was the last.
    for level in ["INFO", "WARNING"] {
        assert_eq!(thoth.save(Save::Rename, &wrong(level)).await["verdict"], "applied", "{level}");
        verdicts.next().await;
        ask(&thoth).await;
        assert_eq!(verdicts.next().await["cause"], "revert", "{level}");
        // Nobody who could judge it is there when a temporary change begins, or ends.
        let told = thoth.place.run(&["settings", "set", "rag.qa.retrievalK", "7", "--for", "30m"]);
        let told = crate::support::text(&told);
        assert!(told.contains("taken back"), "{told}");
        assert_eq!(verdicts.next().await["verdict"], "rejected");
    }
    let third = thoth.save(Save::Rename, &wrong("ERROR")).await;
    assert_eq!(third["verdict"], "rejected", "{third}");
    assert!(third["problems"][0]["message"].as_str().unwrap().contains("taken back"), "{third}");
    assert!(!third.to_string().contains("sk-"), "{third}");
}

async fn again(thoth: Thoth) -> Thoth {
    let (place, _) = thoth.terminate();
    Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_that_was_taken_back_is_not_what_runs_after_a_restart_and_that_is_said() {
    let provider = provider("sk-right").await;
    let thoth = thoth(&provider, 60_000).await;
    ask(&thoth).await;
    thoth.save(Save::Rename, &with(&provider, "sk-wrong", 60_000)).await;
    let mut verdicts = thoth.verdicts().await;
    ask(&thoth).await;
    assert_eq!(verdicts.next().await["cause"], "revert");
    let thoth = again(thoth).await;
    let health = thoth.get("/health/hot-reload").await;
    assert_eq!((&health["safe_mode"], &health["drift"]), (&json!(false), &json!(true)), "{health}");
    let start = thoth.get("/api/v1/reloads?limit=2").await;
    let refused = &start["reloads"][1];
    assert_eq!((&refused["verdict"], &refused["cause"]), (&json!("rejected"), &json!("start")), "{start}");
    assert!(refused["problems"][0]["message"].as_str().unwrap().contains("taken back"), "{start}");
    assert!(thoth.log().contains("is refused; the newest settings that were applied are in effect"));
    let answered = ask(&thoth).await;
    assert!(!answered["note"].as_str().unwrap_or_default().contains("401"), "{answered}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_in_a_secret_file_is_no_safe_mode_after_a_restart() {
    let provider = provider("sk-right").await;
    let mut all: Value = serde_json::from_str(&with(&provider, "", 60_000)).unwrap();
    all["apiKeys"] = json!({});
    let place = Place::new();
    let secret = place.folder.path().join("key");
    std::fs::write(&secret, "sk-right").unwrap();
    std::fs::write(place.settings(), all.to_string()).unwrap();
    place.drop_paper("okonkwo2024.pdf", "thoth/papers/pdfs");
    let place = place.with("THOTH_CUSTOM_API_KEY_FILE", secret.to_str().unwrap());
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    thoth.papers(1).await;
    let answered = ask(&thoth).await;
    assert!(!answered["note"].as_str().unwrap_or_default().contains("401"), "{answered}");
    let mut verdicts = thoth.verdicts().await;
    Save::Rename.save(&secret, "sk-wrong");
    assert_eq!(verdicts.next().await["verdict"], "applied");
    ask(&thoth).await;
    assert_eq!(verdicts.next().await["cause"], "revert");
    // The key that was taken back stands in every content that there is.
    let thoth = again(thoth).await;
    let health = thoth.get("/health/hot-reload").await;
    assert_eq!(health["safe_mode"], false, "{health}");
    let found = thoth.client.get(thoth.url("/api/v1/search?q=waggle")).send().await.unwrap();
    assert_eq!(found.status(), 200);
    let said = &thoth.get("/api/v1/reloads?limit=1").await["reloads"][0];
    let warning = said["warnings"].as_array().unwrap().last().unwrap()["message"].as_str().unwrap();
    assert!(warning.contains("taken back") && warning.contains("they run all the same"), "{said}");
    assert!(thoth.log().contains("they run all the same"), "{}", thoth.log());
    // What keeps nothing out does not keep out what is changed beside it.
    let edited = thoth.place.run(&["settings", "set", "rag.qa.retrievalK", "7"]);
    assert!(edited.status.success(), "{}", crate::support::text(&edited));
    let mut verdicts = thoth.verdicts().await;
    Save::Rename.save(&secret, "sk-right");
    assert_eq!(verdicts.next().await["verdict"], "applied");
    let answered = ask(&thoth).await;
    assert!(!answered["note"].as_str().unwrap_or_default().contains("401"), "{answered}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_after_a_revert_brings_back_the_key_that_works() {
    let provider = provider("sk-right").await;
    let thoth = thoth(&provider, 60_000).await;
    ask(&thoth).await;
    let right = std::fs::read_to_string(thoth.place.settings()).unwrap();
    let mut verdicts = thoth.verdicts().await;
    let wrong = with(&provider, "sk-wrong", 60_000);
    for saved in [wrong.clone(), format!("{wrong} // again")] {
        thoth.save(Save::Rename, &saved).await;
        verdicts.next().await;
        ask(&thoth).await;
        assert_eq!(verdicts.next().await["cause"], "revert");
    }
    // What stands there now was never live: it is recognised by its key.
    assert_eq!(thoth.save(Save::Rename, &format!("{wrong} // and again")).await["verdict"], "rejected");
    let back = thoth.place.run(&["settings", "rollback", "1"]);
    assert!(back.status.success(), "{}", crate::support::text(&back));
    assert_eq!(std::fs::read_to_string(thoth.place.settings()).unwrap(), right);
    assert_eq!(thoth.get("/health/hot-reload").await["drift"], false);
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
