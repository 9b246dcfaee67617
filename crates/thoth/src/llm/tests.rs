//! Edge cases of the protocol, against a server of our own (`tests/llm.rs` has one that we did not write).

mod streams;

use streams::{collect, events};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::settings::{ApiKeys, Secret};

/// Inputs for this address, with this key for its host.
pub(super) fn inputs(base_url: &str, key: &str) -> LlmInputs {
    let base_url = url::Url::parse(base_url).unwrap();
    let secret = Secret::new(key);
    let keys = ApiKeys {
        openrouter_key: secret.clone(),
        openai_key: secret.clone(),
        anthropic_key: secret.clone(),
        mistral_key: secret.clone(),
        custom_key: secret,
        ..ApiKeys::default()
    };
    let key = ProviderKey::choose(&base_url, &keys);
    let default = settings::LlmDefault {
        model: "test/model".to_owned(),
        temperature: 0.7,
        top_p: 1.0,
        max_output_tokens: 500,
        base_url,
        timeout_ms: 5_000,
        retries_max: 2,
    };
    LlmInputs { llm: settings::LlmSettings { default }, key }
}

fn patience() -> Patience {
    Patience {
        backoff_base: Duration::from_millis(5),
        backoff_max: Duration::from_millis(20),
        total: Duration::from_secs(20),
        ..Patience::default()
    }
}

/// The service, asking a server that gives every request this answer.
async fn service(answer: ResponseTemplate) -> (MockServer, Arc<Llm>) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let inputs = inputs(&format!("{}/v1", server.uri()), KEY);
    let client = client(&Network::default()).unwrap();
    (server, Arc::new(Llm::with_patience(inputs, client, patience())))
}

const KEY: &str = "sk-very-secret";

/// Handlers run on any thread, so what they wait for must be able to move.
fn movable<T: Send>(future: T) -> T {
    future
}

fn ask() -> ChatRequest {
    ChatRequest { messages: vec![Message::user("why?")], ..ChatRequest::default() }
}

fn json(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.to_owned(), "application/json")
}

#[tokio::test]
async fn a_request_carries_model_temperature_limit_and_key() {
    let (server, llm) = service(json(r#"{"choices":[{"message":{"content":"so"}}]}"#)).await;
    llm.chat(ask()).await.unwrap();
    let own = ChatRequest {
        max_tokens: Some(50),
        temperature: Some(0.1),
        model: Some("other/model".to_owned()),
        ..ask()
    };
    let answer = llm.chat(own).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.model.as_str(), answer.cut), ("so", "other/model", false));
    let requests = server.received_requests().await.unwrap();
    let seen: Vec<serde_json::Value> =
        requests.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
    let expected = |model: &str, temperature: f64, max_tokens: u32| {
        serde_json::json!({
            "model": model, "temperature": temperature, "max_tokens": max_tokens, "stream": false,
            "messages": [{"role": "user", "content": "why?"}],
        })
    };
    assert_eq!(seen, [expected("test/model", 0.7, 500), expected("other/model", 0.1, 50)]);
    for request in &requests {
        assert_eq!(request.url.path(), "/v1/chat/completions");
        assert_eq!(request.headers.get("authorization").unwrap(), &format!("Bearer {KEY}"));
    }
}

/// What an answer at once becomes: a part of the text, or of the error's message, and the number of requests.
async fn check_chat(answer: ResponseTemplate, expected: Result<&str, &str>, requests: usize) {
    let (server, llm) = service(answer).await;
    let outcome = movable(llm.chat(ask())).await;
    match (&outcome, expected) {
        (Ok(answer), Ok(text)) => assert_eq!(answer.text, text),
        (Err(error), Err(part)) => {
            let message = error.to_string();
            assert!(message.contains(part) && !message.contains(KEY), "{message} should say {part}");
        }
        _ => panic!("{outcome:?} instead of {expected:?}"),
    }
    assert_eq!(server.received_requests().await.unwrap().len(), requests, "{outcome:?}");
}

#[tokio::test]
async fn every_answer_at_once_is_a_text_or_a_clear_error() {
    let huge = format!(r#"{{"choices":[{{"message":{{"content":"{}"}}}}]}}"#, "x".repeat(17 << 20));
    let page = ResponseTemplate::new(200).set_body_raw("<html>hello", "text/html");
    let table = [
        (json(r#"{"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],"id":7}"#), Ok("yes"), 1),
        (json("  \n \n{\"choices\":[{\"message\":{\"content\":\"kept alive\"}}]}"), Ok("kept alive"), 1),
        (
            json(
                r#"{"choices":[{"message":{"content":[{"type":"thinking","thinking":[]},{"type":"text","text":"part"}]}}]}"#,
            ),
            Ok("part"),
            1,
        ),
        (
            json(r#"{"choices":[{"delta":null,"message":{"content":"odd"}}],"usage":{"prompt_tokens":1.5}}"#),
            Ok("odd"),
            1,
        ),
        (
            json(r#"{"choices":[{"message":{"content":null},"finish_reason":"length"}]}"#),
            Err("tokens were used up"),
            1,
        ),
        (
            json(r#"{"choices":[{"message":{"content":" "},"finish_reason":"content_filter"}]}"#),
            Err("filter"),
            1,
        ),
        (json(r#"{"choices":[]}"#), Err("no `choices`"), 1),
        (json(r#"{"choices":[{"message":"#), Err("does not speak the chat protocol"), 1),
        (page, Err("`text/html`, not JSON; is `llm.default.baseUrl` right?"), 1),
        (json(&huge), Err("is larger than 16777216 bytes"), 1),
        (
            json(r#"{"error":{"message":"no luck with sk-very-secret"}}"#),
            Err("reported an error: no luck with <redacted>"),
            1,
        ),
        (json(r#"{"error":{"message":"slow down","code":429}}"#), Err("fewer requests (429, tries: 3)"), 3),
        (json(r#"{"error":{"message":"bad key","code":401}}"#), Err("`apiKeys.customKey`"), 1),
        (
            json(r#"{"choices":[{"error":{"message":"upstream","code":502}}]}"#),
            Err("in trouble (502, tries: 3)"),
            3,
        ),
        (
            ResponseTemplate::new(400).set_body_string(r#"{"error":{"message":"no sk-very-secret"}}"#),
            Err("(400): no <redacted>"),
            1,
        ),
        (
            ResponseTemplate::new(401).set_body_string("key sk-very-secret is bad"),
            Err("refused the key (401): set `apiKeys.customKey`"),
            1,
        ),
        (ResponseTemplate::new(403), Err("refused the key (403)"), 1),
        (ResponseTemplate::new(404), Err("does not know the model `test/model`"), 1),
        (ResponseTemplate::new(402).set_body_string(r#"{"detail":"no credit"}"#), Err("(402): no credit"), 1),
        (
            ResponseTemplate::new(307).insert_header("location", "http://127.0.0.1:9/"),
            Err("redirects elsewhere"),
            1,
        ),
        (
            ResponseTemplate::new(500).set_body_string("<html>"),
            Err("in trouble (500, tries: 3): it sent a web page"),
            3,
        ),
        (ResponseTemplate::new(501), Err("(501)"), 1),
        (
            ResponseTemplate::new(429).insert_header("retry-after", "3600"),
            Err("(429, tries: 1); it asks to wait 3600 s"),
            1,
        ),
    ];
    for (answer, expected, requests) in table {
        check_chat(answer, expected, requests).await;
    }
}

#[tokio::test]
async fn silence_ends_in_the_name_of_its_setting() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(json("{}").set_delay(Duration::from_secs(30))).mount(&server).await;
    let mut inputs = inputs(&server.uri(), KEY);
    inputs.llm.default.timeout_ms = 50;
    let client = client(&Network::default()).unwrap();
    let llm = Arc::new(Llm::with_patience(inputs.clone(), client.clone(), patience()));
    let message = llm.chat(ask()).await.unwrap_err().to_string();
    assert!(
        message.contains("nothing for 50 ms") && message.contains("`llm.default.timeoutMs`"),
        "{message}"
    );
    assert_eq!(server.received_requests().await.unwrap().len(), 1, "a slow model is not asked twice");

    let overtime = llm.silent(tokio::time::Instant::now(), "in the middle of the answer").to_string();
    assert!(overtime.contains("not complete after 20 s"), "{overtime}");
    inputs.llm.default.timeout_ms = 1_200_000;
    let patient = Llm::with_patience(inputs, client, patience());
    assert_eq!(patient.total(), Duration::from_secs(2_400), "a long silence is allowed to pass");
}

#[tokio::test]
async fn without_a_key_a_provider_is_not_asked_and_a_local_server_is() {
    let client = client(&Network::default()).unwrap();
    let llm = Arc::new(Llm::new(inputs("https://openrouter.ai/api/v1", ""), client.clone()));
    assert!(!llm.configured());
    let error = LlmError::NotConfigured {
        host: "openrouter.ai".to_owned(),
        setting: "apiKeys.openrouterKey".to_owned(),
    };
    assert_eq!(llm.chat(ask()).await, Err(error.clone()));
    assert_eq!(collect(&llm).await, (String::new(), Some(error)));
    assert_eq!(llm.status().status, Condition::Off);

    let plain = Llm::new(inputs("http://openrouter.ai/api/v1", KEY), client.clone());
    assert_eq!(
        plain.chat(ask()).await.unwrap_err().to_string(),
        "`openrouter.ai` would get its key unencrypted: let `llm.default.baseUrl` begin with `https://`"
    );
    let broken = Llm::new(inputs("http://127.0.0.1:9/v1", "sk-\n"), client.clone());
    let message = broken.chat(ask()).await.unwrap_err().to_string();
    assert!(message.contains("`apiKeys.customKey` has a character"), "{message}");

    let server = MockServer::start().await;
    let answer = json(r#"{"choices":[{"message":{"content":"local"}}]}"#);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let llm = Llm::new(inputs(&server.uri(), ""), client);
    assert!(llm.configured());
    assert_eq!(llm.chat(ask()).await.unwrap().text, "local");
    assert!(!server.received_requests().await.unwrap()[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn the_status_follows_the_last_request() {
    let server = MockServer::start().await;
    let once = |status: u16| Mock::given(any()).respond_with(ResponseTemplate::new(status)).up_to_n_times(1);
    let client = client(&Network::default()).unwrap();
    let llm = Arc::new(Llm::with_patience(inputs(&server.uri(), KEY), client, patience()));
    assert_eq!(llm.status().status, Condition::Ok);

    once(401).mount(&server).await;
    llm.chat(ask()).await.unwrap_err();
    let status = llm.status();
    assert_eq!(status.status, Condition::Degraded);
    assert!(status.since.is_some() && status.reason.unwrap().contains("`apiKeys.customKey`"));

    once(400).mount(&server).await;
    llm.chat(ask()).await.unwrap_err();
    assert!(llm.status().reason.unwrap().contains("401"), "one bad request says nothing of the service");

    let good = events("data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n");
    Mock::given(any()).respond_with(good).mount(&server).await;
    assert_eq!(collect(&llm).await, ("a".to_owned(), None));
    assert_eq!(llm.status(), LlmStatus { status: Condition::Ok, reason: None, since: None });
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = client(&Network::default()).unwrap();
    let llm = Llm::with_patience(inputs(&format!("http://me:hush@{address}/v1"), KEY), client, patience());
    let message = llm.chat(ask()).await.unwrap_err().to_string();
    let expected = format!("cannot reach `{address}` (tries: 3): ");
    assert!(message.starts_with(&expected) && message.contains("refused"), "{message}");
    assert!(!message.contains("hush") && !message.contains(KEY), "{message}");
}
