//! `thoth mcp`: one client, by pipes; with a server and without.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Place, Save, Talker, Thoth, free_port, settings, text, until};

/// Longer than this nobody waits for a program to end.
const PROMPT: Duration = Duration::from_secs(2);

fn request(id: u32, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn call(id: u32, tool: &str, arguments: Value) -> Value {
    request(id, "tools/call", json!({ "name": tool, "arguments": arguments }))
}

fn with(passages: u32) -> String {
    settings(&json!({ "rag": { "qa": { "retrievalK": passages } }, "paths": { "pdf": "pdf" } }))
}

/// Starts `thoth mcp`, and a session with it.
fn begin(place: &Place) -> Talker {
    let mut talker = Talker::start(place.command(&["mcp"]), &place.folder.path().join("log of mcp"));
    let client = json!({ "name": "a test", "version": "1" });
    let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
    let answer = talker.ask(&request(0, "initialize", hello));
    assert_eq!(answer["result"]["serverInfo"]["name"], "thoth", "{answer}");
    talker.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    talker
}

/// What a tool says for programs. Messages that are no answer are passed over.
fn called(talker: &mut Talker, tool: &str, arguments: Value) -> Value {
    talker.say(&call(9, tool, arguments));
    loop {
        let message = talker.hear();
        if message["id"] == 9 {
            assert_ne!(message["result"]["isError"], true, "{message}");
            return message["result"]["structuredContent"].clone();
        }
    }
}

/// Waits until a verdict is live for the client.
async fn sees(talker: &mut Talker, passages: u32) {
    let talker = std::sync::Mutex::new(talker);
    until(async || {
        let view = called(&mut talker.lock().unwrap(), "settings_view", json!({ "section": "rag" }));
        view["settings"]["rag"]["qa"]["retrievalK"] == passages
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_it_is_a_whole_thoth_for_one_client() {
    let place = Place::new();
    std::fs::write(place.settings(), with(1)).unwrap();
    place.drop_paper("okonkwo2024.pdf", "pdf");
    let mut talker = begin(&place);
    let talking = std::sync::Mutex::new(&mut talker);
    until(async || {
        let papers = called(&mut talking.lock().unwrap(), "list_papers", json!({}));
        papers["papers"][0]["status"] == "indexed"
    })
    .await;
    let question = json!({ "question": "how long does a waggle dance stay precise?" });
    let answer = called(&mut talker, "ask", question.clone());
    assert_eq!(answer["sources"].as_array().unwrap().len(), 1, "{answer}");
    Save::Rename.save(&place.settings(), &with(3));
    sees(&mut talker, 3).await;
    let answer = called(&mut talker, "ask", question);
    assert_eq!(answer["sources"].as_array().unwrap().len(), 3, "live in the middle of the session");

    // The vault has one writer.
    let second = place.run(&["mcp"]);
    assert!(
        !second.status.success() && text(&second).contains(&talker.child.id().to_string()),
        "{}",
        text(&second)
    );
    assert!(second.stdout.is_empty());

    let (well, took, rest) = talker.close();
    assert!(well && took < PROMPT && rest.is_empty(), "{well} {took:?} {rest:?}");
    let (well, took) = begin(&place).terminate();
    assert!(well && took < PROMPT, "{well} {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_does_not_end_the_session() {
    let place = Place::new();
    std::fs::write(place.settings(), with(1)).unwrap();
    let mut talker = begin(&place);
    talker.say_raw(b"{ this is no JSON");
    talker.say_raw(b"");
    talker.say_raw(b"\xff\xfe\x00");
    talker.say_raw(&vec![b'x'; 10 * 1024 * 1024]);
    let unknown = talker.ask(&call(1, "nothing of ours", json!({})));
    assert_eq!((&unknown["id"], &unknown["error"]["code"]), (&json!(1), &json!(-32602)), "{unknown}");
    let shapeless = talker.ask(&json!({ "jsonrpc": "2.0", "id": 2 }));
    assert_eq!(shapeless["error"]["code"], -32600, "{shapeless}");
    // A call that is over can be cancelled too.
    talker
        .say(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } }));
    called(&mut talker, "settings_view", json!({}));
    let (well, took, rest) = talker.close();
    assert!(well && took < PROMPT && rest.is_empty(), "{well} {took:?} {rest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_nothing_or_something_else_is_left_in_peace() {
    let place = Place::new();
    std::fs::write(place.settings(), with(1)).unwrap();
    let log = place.folder.path().join("log of mcp");
    let silent = Talker::start(place.command(&["mcp"]), &log);
    let (well, took, said) = silent.close();
    assert!(well && took < PROMPT && said.is_empty(), "{well} {took:?} {said:?}");
    let broken = place.command(&["mcp"]).stdin(std::process::Stdio::null()).output().unwrap();
    assert!(broken.status.success() && broken.stdout.is_empty(), "{}", text(&broken));
    std::fs::write(place.settings(), "{\"rag\": 5}").unwrap();
    let mut safe = begin(&place);
    let view = called(&mut safe, "settings_view", json!({}));
    assert_eq!(view["safe_mode"], false, "the newest settings that were applied are in effect: {view}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_safe_mode_only_the_settings_can_be_asked_for_until_a_save_ends_it() {
    let place = Place::new();
    std::fs::write(place.settings(), "{\"rag\": 5}").unwrap();
    let mut talker = begin(&place);
    let names = |answer: &Value| -> Vec<String> {
        let tools = answer["result"]["tools"].as_array().unwrap().iter();
        tools.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    };
    let listed = talker.ask(&request(1, "tools/list", json!({})));
    assert_eq!(names(&listed), ["settings_view", "settings_validate"]);
    let refused = talker.ask(&call(2, "search", json!({ "query": "bees" })));
    assert_eq!(refused["result"]["isError"], true, "{refused}");
    assert!(refused.to_string().contains("safe mode"), "{refused}");
    Save::Rename.save(&place.settings(), &with(1));
    let told = talker.hear();
    assert_eq!(told["method"], "notifications/tools/list_changed", "{told}");
    assert_eq!(names(&talker.ask(&request(3, "tools/list", json!({})))).len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_server_it_asks_that_server_wherever_it_goes() {
    let thoth = Thoth::start(&with(1)).await;
    thoth.place.drop_paper("okonkwo2024.pdf", "pdf");
    thoth.papers(1).await;
    let mut talker = begin(&thoth.place);
    let question = json!({ "question": "how long does a waggle dance stay precise?" });
    let sources = |answer: &Value| answer["sources"].as_array().unwrap().len();
    assert_eq!(sources(&called(&mut talker, "ask", question.clone())), 1);
    assert_eq!(thoth.save(Save::Rename, &with(2)).await["verdict"], "applied");
    assert_eq!(sources(&called(&mut talker, "ask", question.clone())), 2);
    let (old, port) = (thoth.address(), free_port());
    let moved = json!({ "paths": { "pdf": "pdf" }, "servers": { "api": { "port": port } },
                        "reload": { "handoverMs": 300 } });
    assert_eq!(thoth.save(Save::Rename, &settings(&moved)).await["verdict"], "applied");
    until(async || std::net::TcpStream::connect(&old).is_err()).await;
    assert_eq!(sources(&called(&mut talker, "ask", question)), 4, "at the new port");
    let paper = &called(&mut talker, "list_papers", json!({}))["papers"][0]["id"].clone();
    let uri = format!("thoth://paper/{}", paper.as_str().unwrap());
    let read = talker.ask(&request(4, "resources/read", json!({ "uri": uri })));
    assert!(read["result"]["contents"][0]["text"].as_str().unwrap().contains("Fading Directions"), "{read}");
    let unknown = talker.ask(&call(5, "nothing of ours", json!({})));
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    let refused = talker.ask(&call(6, "read_paper", json!({ "paper": "nothing" })));
    assert!(
        refused["result"]["content"][0]["text"].as_str().unwrap().contains("there is no paper"),
        "{refused}"
    );

    let (place, _) = thoth.terminate();
    let gone = talker.ask(&call(7, "settings_view", json!({})));
    assert!(gone["result"]["content"][0]["text"].as_str().unwrap().contains("no server runs"), "{gone}");
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    called(&mut talker, "settings_view", json!({}));
    let (well, took, rest) = talker.close();
    assert!(well && took < PROMPT && rest.is_empty(), "{well} {took:?} {rest:?}");
    drop(thoth);
}
