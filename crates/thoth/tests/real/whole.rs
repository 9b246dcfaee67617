//! Invariant 1: a unit of work goes on to its end with the generation that it began with, and what is counted over units of
//! work is counted over generations.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::metrics;
use crate::probation::ask;
use crate::support::{PATIENCE, Place, Save, Thoth, settings, until};

#[tokio::test(flavor = "multi_thread")]
async fn invariant_1_a_save_gives_nobody_more_guesses_at_the_token() {
    let with = |host: &str| settings(&json!({ "servers": { "api": { "allowedHosts": [host] } } }));
    let thoth = Thoth::start(&with("one.example")).await;
    let guess = async || {
        let request = thoth.client.post(thoth.url("/api/v1/reloads")).bearer_auth("a wrong one");
        request.send().await.unwrap().status().as_u16()
    };
    while guess().await != 429 {}
    let verdict = thoth.save(Save::Rename, &with("two.example")).await;
    assert_eq!(crate::support::service(&verdict, "http").unwrap().0, "rebuilt", "{verdict}");
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(guess().await);
    }
    // One comes back every two seconds.
    assert!(statuses.contains(&429), "{statuses:?}");
}

/// What a provider is asked next, and the connection on which it answers.
async fn asked(provider: &TcpListener) -> (TcpStream, Value) {
    let waited = tokio::time::timeout(PATIENCE, async {
        let (mut stream, _) = provider.accept().await.unwrap();
        let mut request = Vec::new();
        loop {
            stream.read_buf(&mut request).await.unwrap();
            let text = String::from_utf8_lossy(&request);
            if let Some((_, body)) = text.split_once("\r\n\r\n")
                && let Ok(body) = serde_json::from_str(body)
            {
                return (stream, body);
            }
        }
    });
    waited.await.expect("a question")
}

/// Answers, and closes the connection.
async fn answer(mut stream: TcpStream, status: &str) {
    let message = json!({ "role": "assistant", "content": "NOT FOUND" });
    let choices = json!([{ "index": 0, "finish_reason": "stop", "message": message }]);
    let body =
        json!({ "id": "1", "object": "chat.completion", "model": "m", "choices": choices }).to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_1_a_question_in_flight_ends_with_the_model_it_began_with() {
    let provider = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", provider.local_addr().unwrap());
    let with = |model: &str| {
        let llm = json!({ "model": model, "baseUrl": base, "retriesMax": 1 });
        let (keys, reload) = (json!({ "customKey": "sk-custom" }), json!({ "probationMs": 0 }));
        settings(&json!({ "llm": { "default": llm }, "apiKeys": keys, "reload": reload }))
    };
    let place = Place::new();
    std::fs::write(place.settings(), with("old")).unwrap();
    place.drop_paper("okonkwo2024.pdf", "thoth/papers/pdfs");
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    thoth.papers(1).await;

    let held = async || metrics::value(&metrics::scraped(&thoth).await, "thoth_generations_held");
    assert_eq!(held().await, 0.0);
    let provided = async {
        let (first, body) = asked(&provider).await;
        assert_eq!(body["model"], "old");
        assert_eq!(thoth.save(Save::Rename, &with("new")).await["verdict"], "applied");
        let next = async {
            let (stream, body) = asked(&provider).await;
            answer(stream, "200 OK").await;
            body["model"].clone()
        };
        assert_eq!(tokio::join!(next, ask(&thoth)).0, "new");
        until(async || held().await == 1.0).await;
        // The try that failed is made again, as it was.
        answer(first, "503 Service Unavailable").await;
        let (again, body) = asked(&provider).await;
        assert_eq!(body["model"], "old");
        answer(again, "200 OK").await;
    };
    let ((), answered) = tokio::join!(provided, ask(&thoth));
    assert!(!answered["note"].as_str().unwrap_or_default().contains("503"), "{answered}");
    until(async || held().await == 0.0).await;
}
