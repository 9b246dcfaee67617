//! Streams, well and badly ended.

use futures_util::StreamExt;
use wiremock::ResponseTemplate;

use super::*;

/// All of a stream: the text, and the error at its end.
pub(super) async fn collect(llm: &Arc<Llm>) -> (String, Option<LlmError>) {
    let pieces: Vec<_> = llm.stream(ask()).collect().await;
    let mut text = String::new();
    let mut errors = Vec::new();
    for piece in pieces {
        match piece {
            Ok(piece) => text.push_str(&piece),
            Err(error) => errors.push(error),
        }
    }
    assert!(errors.len() <= 1, "a stream ends with its first error: {errors:?}");
    (text, errors.pop())
}

pub(super) fn events(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.to_owned(), "text/event-stream")
}

/// What a stream becomes: its text, and a part of the error's message at its end.
async fn check_stream(answer: ResponseTemplate, text: &str, error: Option<&str>) {
    let (server, llm) = service(answer).await;
    let (seen, outcome) = collect(&llm).await;
    let message = outcome.map(|error| error.to_string());
    assert_eq!(seen, text, "{message:?}");
    match (&message, error) {
        (None, None) => {}
        (Some(message), Some(part)) => {
            assert!(message.contains(part) && !message.contains(KEY), "{message} should say {part}");
        }
        _ => panic!("{message:?} instead of {error:?}"),
    }
    assert_eq!(
        server.received_requests().await.unwrap().len(),
        1,
        "an answer that began is not asked for again"
    );
}

#[tokio::test]
async fn every_stream_ends_as_it_was_said_to_end() {
    const A: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    const DONE: &str = "data: [DONE]\n\n";
    const ERROR: &str = "data: {\"error\":{\"code\":503,\"message\":\"gone\"},\"choices\":[]}\n\n";
    let endless = format!("data: {}", "x".repeat(2 << 20));
    let table = [
        (events(&format!("{A}{A}{STOP}{DONE}")), "aa", None),
        (events(&format!("{A}{STOP}")), "a", None),
        (events(&format!("{A}{DONE}{A}")), "a", None),
        (events(&format!(": OPENROUTER PROCESSING\n\n{A}: still here\n\n{A}{STOP}")), "aa", None),
        (events(&format!("\u{feff}{A}{STOP}").replace('\n', "\r\n")), "a", None),
        (
            events(&format!(
                "data: {{\"choices\":[]}}\n\ndata: {{}}\n\ndata:\n\n{A}{STOP}data: {{\"usage\":{{}}}}\n\n"
            )),
            "a",
            None,
        ),
        (events(&format!("event: ping\n{A}{STOP}")), "a", None),
        (events(A), "a", Some("broke off before its end")),
        (events(""), "", Some("broke off before its end")),
        (
            events(&format!("{A}data: {{\"choices\":[{{\"delta\":{{\"con")),
            "a",
            Some("broke off before its end"),
        ),
        (events(&format!("{A}data: {{\"choi\n\n{STOP}")), "a", Some("is not JSON")),
        (events(&format!("{A}{ERROR}{A}")), "a", Some("in trouble (503, tries: 1)")),
        (events(&format!("{STOP}{DONE}")), "", Some("gave no text: it ended with `stop`")),
        (events(&endless), "", Some("is larger than 1048576 bytes")),
        (json(r#"{"choices":[{"message":{"content":"all at once"}}]}"#), "all at once", None),
        (json(r#"{"error":"no such thing"}"#), "", Some("no such thing")),
        (ResponseTemplate::new(200).set_body_raw("<html>", "text/html"), "", Some("web page")),
        (ResponseTemplate::new(401), "", Some("`apiKeys.customKey`")),
    ];
    for (answer, text, error) in table {
        check_stream(answer, text, error).await;
    }
}
