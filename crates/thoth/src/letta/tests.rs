//! The service against a server that speaks the recorded protocol (`tests/real/letta_server.rs`).

use futures_util::StreamExt;

use super::letta_server::LettaServer;
use super::*;
use crate::llm::{Network, client};
use crate::settings::Secret;

/// Nothing here takes this long; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

fn inputs(server: &str, key: &str) -> LettaInputs {
    LettaInputs {
        mode: Mode::SelfHosted,
        server: Some(Url::parse(server).unwrap()),
        key: Secret::new(key),
        key_setting: "apiKeys.lettaApiKey",
        agent_model: String::new(),
        agent_name: "thoth".to_owned(),
    }
}

fn patience() -> Patience {
    Patience { pause: Duration::from_millis(5), ..Patience::default() }
}

fn service(inputs: LettaInputs, patience: Patience) -> Arc<Letta> {
    let client = client(&Network::default()).unwrap();
    Arc::new(Letta::with_patience(inputs, client, &Turns::default(), patience))
}

/// A server, and the service that asks it.
fn pair() -> (LettaServer, Arc<Letta>) {
    let server = LettaServer::start();
    let letta = service(inputs(&server.url(), ""), patience());
    (server, letta)
}

/// An answer in pieces, put together: what was thought, what was said, how it ended.
async fn whole(letta: &Arc<Letta>, message: &str) -> (String, String, Result<Ending, LettaError>) {
    let (mut thought, mut said) = (String::new(), String::new());
    let pieces = match Arc::clone(letta).stream_message(message).await {
        Ok(pieces) => pieces,
        Err(error) => return (thought, said, Err(error)),
    };
    let mut pieces = std::pin::pin!(pieces);
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(Piece::Reasoning(text)) => thought.push_str(&text),
            Ok(Piece::Text(text)) => said.push_str(&text),
            Ok(Piece::Done(ending)) => return (thought, said, Ok(ending)),
            Err(error) => return (thought, said, Err(error)),
        }
    }
    panic!("an answer ends in words: {said}");
}

#[tokio::test]
async fn nothing_is_asked_before_the_first_message_which_makes_one_agent() {
    let (server, letta) = pair();
    assert_eq!(letta.condition(), Condition::Unknown);
    assert!(server.memory().seen.is_empty(), "making the service asks nobody");
    let error = letta.memory().await.unwrap_err();
    assert!(matches!(error, LettaError::NoAgent { .. }), "{error}");
    assert_eq!(server.agents().len(), 0, "looking at the memory makes no agent");
    let (one, two, three) =
        tokio::join!(letta.send_message("one"), letta.send_message("two"), whole(&letta, "three"));
    assert_eq!(
        (one.unwrap().answer.as_str(), two.unwrap().answer.as_str()),
        ("you said one", "you said two")
    );
    assert_eq!(three.1, "you said three");
    assert_eq!((server.count("POST /v1/agents/"), server.agents().len()), (1, 1));
    assert_eq!(server.busiest(), 1, "requests to one agent go one after the other");
    assert_eq!(letta.condition(), Condition::Ok);
    // As after a restart.
    let again = service(inputs(&server.url(), ""), patience());
    let answer = again.send_message("still there").await.unwrap();
    assert_eq!(answer.ending.agent_id, server.agents()[0]["id"].as_str().unwrap());
    assert_eq!(server.agents().len(), 1);
}

#[tokio::test]
async fn an_agent_that_was_deleted_is_made_anew_once() {
    let (server, letta) = pair();
    let first = letta.send_message("hello").await.unwrap().ending.agent_id;
    server.memory().agents.clear();
    let second = letta.send_message("hello").await.unwrap().ending.agent_id;
    assert_ne!(first, second);
    server.memory().agents.clear();
    let (_, said, ending) = whole(&letta, "again").await;
    assert_eq!((said.as_str(), ending.unwrap().stop_reason.as_deref()), ("you said again", Some("end_turn")));
    server.memory().agents.clear();
    let error = letta.write_memory("human", "x").await.unwrap_err();
    assert!(matches!(error, LettaError::NoAgent { .. }), "{error}");
    assert_eq!(server.agents().len(), 0, "only a message makes an agent");
}

#[tokio::test]
async fn streams_come_whole_whatever_their_pieces() {
    let (_server, letta) = pair();
    for message in ["plain", "odd"] {
        let (thought, said, ending) = whole(&letta, message).await;
        assert_eq!((thought.as_str(), said), ("let me see", format!("you said {message}")));
        let ending = ending.unwrap();
        assert_eq!(ending.stop_reason.as_deref(), Some("end_turn"));
        assert_eq!(ending.usage, Some(Usage { prompt_tokens: 665, completion_tokens: 3, step_count: 1 }));
    }
    for (message, part) in [
        ("fail", "gave no answer: no connection"),
        ("cancel", "Run was cancelled"),
        ("break", "the stream ended before the agent stopped"),
    ] {
        let (_, _, ending) = whole(&letta, message).await;
        let error = ending.unwrap_err().to_string();
        assert!(error.contains(part), "{message}: {error}");
    }
    let plain = letta.send_message("fail").await.unwrap_err().to_string();
    assert!(plain.contains("refused the message (500): no connection"), "{plain}");
    assert_eq!(letta.condition(), Condition::Ok, "the model behind the server is not the server");
    assert_eq!(whole(&letta, "after all that").await.1, "you said after all that", "the turn is free again");
}

#[tokio::test]
async fn memory_is_read_and_written() {
    let (_server, letta) = pair();
    letta.send_message("hello").await.unwrap();
    let written = letta.write_memory("human", "likes bees").await.unwrap();
    assert_eq!((written.label.as_deref(), written.value.as_str()), (Some("human"), "likes bees"));
    let blocks = letta.memory().await.unwrap();
    let labels: Vec<_> = blocks.iter().map(|block| block.label.as_deref().unwrap()).collect();
    assert_eq!(labels, ["persona", "human"]);
    assert_eq!(blocks[1].value, "likes bees");
    assert_eq!(letta.read_memory("human").await.unwrap(), written);
    for label in ["nobody", "..", "", "a/b", "a b?"] {
        let error = letta.write_memory(label, "x").await.unwrap_err();
        assert!(matches!(error, LettaError::NoBlock { .. }), "{label}: {error}");
        assert_eq!(letta.read_memory(label).await.unwrap_err(), error);
    }
}

#[tokio::test]
async fn the_key_goes_to_its_server_and_a_refusal_names_its_setting() {
    let (server, without) = pair();
    server.memory().password = Some("hush".to_owned());
    let error = without.send_message("hello").await.unwrap_err();
    assert!(error.to_string().contains("(401): set `apiKeys.lettaApiKey`"), "{error}");
    assert!(matches!(without.condition(), Condition::Degraded(_)));
    assert_eq!(without.look().await, Err(error), "a look finds out too, though health needs no key");
    let with = service(inputs(&server.url(), "hush"), patience());
    with.send_message("hello").await.unwrap();
    let wrong = service(inputs(&server.url(), "hush\n"), patience());
    let error = wrong.send_message("hello").await.unwrap_err();
    assert!(matches!(error, LettaError::UnusableKey { .. }), "{error}");
    // A server that sends on to another one is not followed there.
    let elsewhere = LettaServer::start();
    let sender = wiremock::MockServer::start().await;
    let answer = wiremock::ResponseTemplate::new(307).insert_header("location", elsewhere.url().as_str());
    wiremock::Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&sender).await;
    let sent_on = service(inputs(&sender.uri(), "hush"), patience());
    let error = sent_on.send_message("hello").await.unwrap_err().to_string();
    assert!(error.contains("redirects elsewhere") && !error.contains("hush"), "{error}");
    assert!(elsewhere.memory().seen.is_empty());
}

#[tokio::test]
async fn a_missing_slash_is_sent_on_within_the_server() {
    let (server, letta) = pair();
    let call = Call::new(letta.server().unwrap(), Method::GET, &["v1", "agents"], "the list", PATIENCE);
    let agents: Vec<Agent> = letta.ask(call).await.unwrap();
    assert_eq!(agents, []);
    let seen: Vec<String> = server.memory().seen.iter().map(|(request, _)| request.clone()).collect();
    assert_eq!(seen, ["GET /v1/agents", "GET /v1/agents/"]);
}

#[tokio::test]
async fn the_model_of_the_settings_is_the_agent_s() {
    let server = LettaServer::start();
    let with = |model: &str| {
        let inputs = LettaInputs { agent_model: model.to_owned(), ..inputs(&server.url(), "") };
        service(inputs, patience())
    };
    with("first/model").send_message("hello").await.unwrap();
    assert_eq!(server.agents()[0]["model"], "first/model");
    with("").send_message("hello").await.unwrap();
    assert_eq!(server.agents()[0]["model"], "first/model", "the server's own stays");
    let second = with("second/model");
    second.send_message("hello").await.unwrap();
    assert_eq!(server.agents()[0]["model"], "second/model");
    assert_eq!(second.view()["agent"]["model"], "second/model");
    server.memory().agents.clear();
    let error = with("no/such").send_message("hello").await.unwrap_err().to_string();
    assert!(error.contains("`no/such` in `memory.letta.agentModel`"), "{error}");
}

#[tokio::test]
async fn a_server_that_says_nothing_costs_the_limits_and_no_more() {
    let (server, _) = pair();
    server.memory().mute = true;
    let short = Duration::from_millis(80);
    let patience = Patience { health: short, call: short, message: short, ..patience() };
    let letta = service(inputs(&server.url(), ""), patience);
    let limited = tokio::time::timeout(PATIENCE, async {
        assert!(matches!(letta.look().await, Err(LettaError::Timeout { .. })));
        assert!(matches!(letta.condition(), Condition::Degraded(_)));
        let (one, two) = tokio::join!(letta.send_message("one"), letta.send_message("two"));
        for outcome in [one, two] {
            let error = outcome.unwrap_err();
            assert!(matches!(error, LettaError::Timeout { .. } | LettaError::Busy { .. }), "{error}");
        }
    });
    limited.await.expect("limits hold");
    assert_eq!(
        server.count("POST /v1/agents/"),
        0,
        "no agent was found or known to be missing, so none is made"
    );
}

#[tokio::test]
async fn a_server_that_comes_back_is_well_again() {
    let (mut server, letta) = pair();
    letta.send_message("hello").await.unwrap();
    let mut pieces = Box::pin(Arc::clone(&letta).stream_message("wait").await.unwrap());
    assert!(pieces.next().await.unwrap().is_ok());
    server.go();
    let error = loop {
        if let Err(error) = pieces.next().await.expect("an answer ends in words") {
            break error;
        }
    };
    assert!(matches!(error, LettaError::Truncated { .. }), "{error}");
    drop(pieces);
    let error = letta.send_message("anyone?").await.unwrap_err();
    assert!(matches!(error, LettaError::Unreachable { .. }), "{error}");
    let Condition::Degraded(reason) = letta.condition() else { panic!("{:?}", letta.condition()) };
    assert!(reason.contains("`memory.letta.serverUrl`"), "{reason}");
    server.come_back();
    letta.look().await.unwrap();
    assert_eq!(letta.condition(), Condition::Ok);
    assert_eq!(letta.send_message("hello").await.unwrap().answer, "you said hello");
    assert_eq!(server.agents().len(), 1);
}

#[tokio::test]
async fn without_a_server_it_is_off_and_says_what_would_switch_it_on() {
    for (mode, part) in
        [(Mode::SelfHosted, "memory.letta.serverUrl"), (Mode::Cloud, "memory.letta.cloudApiKey")]
    {
        let letta = service(LettaInputs { mode, server: None, ..inputs("http://x", "") }, patience());
        let Condition::Off(reason) = letta.condition() else { panic!("{:?}", letta.condition()) };
        assert!(reason.contains(part), "{reason}");
        assert_eq!(letta.send_message("hello").await.unwrap_err().to_string(), reason);
        assert!(letta.memory().await.is_err() && letta.view()["server"].is_null());
    }
}

#[tokio::test]
async fn a_stream_that_is_dropped_frees_the_agent() {
    let (_server, letta) = pair();
    let mut pieces = Box::pin(Arc::clone(&letta).stream_message("wait").await.unwrap());
    assert!(pieces.next().await.unwrap().is_ok());
    let next = tokio::spawn({
        let letta = Arc::clone(&letta);
        async move { letta.send_message("next").await }
    });
    drop(pieces);
    let answer = tokio::time::timeout(PATIENCE, next).await.expect("the turn is free").unwrap().unwrap();
    assert_eq!(answer.answer, "you said next");
}
