//! The official Python SDK as the client, in both transports, with a session and without one.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Place, Save, Talker, Thoth, settings, until};

/// The Python that has the SDK; says loudly that the test is skipped where there is none.
fn python() -> Option<PathBuf> {
    let programs = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools").join("venv/bin");
    if !programs.join("mcp").exists() {
        eprintln!(
            "skipped: there is no Python SDK of MCP in `{}`; `scripts/test-tools.sh` installs it",
            programs.display()
        );
        return None;
    }
    Some(programs.join("python"))
}

/// How the SDK reaches Thoth.
#[derive(Clone, Copy, Debug)]
enum Way {
    Http,
    /// `thoth mcp` beside a server.
    Forwarded,
    /// `thoth mcp` alone.
    Alone,
}

fn client(python: &Path, place: &Place, mode: &str, how: &Value) -> Talker {
    let mut how = how.clone();
    how["mode"] = json!(mode);
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/mcp_client.py")).arg(how.to_string());
    Talker::start(command, &place.folder.path().join("log of the client"))
}

fn by_pipes(place: &Place) -> Value {
    let environment = json!({ "THOTH_STATE_DIR": place.state(), "HOME": place.folder.path() });
    let arguments = json!(["--vault", place.vault(), "mcp"]);
    json!({ "command": env!("CARGO_BIN_EXE_thoth"), "arguments": arguments, "environment": environment })
}

fn with(passages: u32, model: bool) -> String {
    let mut sections = json!({
        "rag": { "qa": { "retrievalK": passages } },
        "paths": { "pdf": "pdf" },
        "llm": { "default": { "baseUrl": "http://127.0.0.1:9/v1", "retriesMax": 0 } },
        "reload": { "probationMs": 0 },
    });
    if model {
        sections["apiKeys"] = json!({ "customKey": "sk-x" });
        sections["llm"]["default"]["baseUrl"] = json!("http://127.0.0.1:9/v2");
    } else {
        sections["llm"] = json!({});
    }
    settings(&sections)
}

/// What a call gives, for programs.
fn called(client: &mut Talker, tool: &str, arguments: &Value) -> Value {
    let result = client.ask(&json!(["call", tool, arguments]));
    assert_ne!(result["isError"], true, "{result}");
    assert!(result["structuredContent"].is_object() && result["content"][0]["text"].is_string(), "{result}");
    result["structuredContent"].clone()
}

const QUESTION: &str = "how long does a waggle dance stay precise?";

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_over_http() {
    check(Way::Http).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_by_pipes_beside_a_server() {
    check(Way::Forwarded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_by_pipes_alone() {
    check(Way::Alone).await;
}

async fn check(way: Way) {
    let Some(python) = python() else { return };
    let mut place = Place::new();
    std::fs::write(place.settings(), with(1, false)).unwrap();
    place.drop_paper("okonkwo2024.pdf", "pdf");
    let mut served = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    served.papers(1).await;
    for (mode, version) in [("legacy", "2025-11-25"), ("auto", "2026-07-28")] {
        Save::Rename.save(&served.place.settings(), &with(1, false));
        match way {
            Way::Alone => {
                (place, _) = served.terminate();
                let mut client = client(&python, &place, mode, &by_pipes(&place));
                tour(&mut client, &place, version).await;
                assert!(client.close().0, "the client ends well");
                served = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
            }
            Way::Http | Way::Forwarded => {
                let how = match way {
                    Way::Http => json!({ "url": served.url("/mcp"), "token": served.token() }),
                    _ => by_pipes(&served.place),
                };
                let mut client = client(&python, &served.place, mode, &how);
                tour(&mut client, &served.place, version).await;
                until(async || served.get("/health/hot-reload").await["retiring"] == 0).await;
                assert!(client.close().0, "the client ends well");
            }
        }
    }
}

/// Each tool, and a changeover in the middle of the session.
async fn tour(client: &mut Talker, place: &Place, version: &str) {
    assert_eq!(client.ask(&json!(["server"])), json!({ "name": "thoth", "version": version }));
    let tools = client.ask(&json!(["tools"]));
    let names: Vec<&str> =
        tools["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let all = ["search", "ask", "read_paper", "list_papers", "cite", "settings_view", "settings_validate"];
    assert_eq!(names, all);
    assert!(tools.to_string().contains("No language model is set up"), "{tools}");
    sees(client, 1).await;

    let papers = called(client, "list_papers", &json!({}));
    let paper = papers["papers"][0]["id"].as_str().unwrap();
    let title = papers["papers"][0]["title"].as_str().unwrap();
    let hits = called(client, "search", &json!({ "query": "\"dance fading\"", "limit": 3 }));
    assert_eq!(hits["hits"][0]["paper"], paper);
    let answer = called(client, "ask", &json!({ "question": QUESTION }));
    assert_eq!(
        (answer["sources"].as_array().unwrap().len(), &answer["sources"][0]["paper"]),
        (1, &json!(paper))
    );
    let page = &answer["sources"][0]["page"];
    let read =
        called(client, "read_paper", &json!({ "paper": paper, "first_page": page, "last_page": page }));
    let words = answer["sources"][0]["passage"].as_str().unwrap().split(". ").next().unwrap();
    assert!(read["text"].as_str().unwrap().contains(words), "{words}: {read}");
    let cited = called(client, "cite", &json!({ "papers": [paper], "style": "Chicago" }));
    assert!(cited["entries"][0]["citation"].as_str().unwrap().contains(title), "{cited}");
    let judged = called(client, "settings_validate", &json!({ "content": "{\"llm\": {\"defualt\": {}}}" }));
    assert_eq!(judged["valid"], false);
    assert!(judged["problems"][0]["hint"].as_str().unwrap().contains("default"), "{judged}");

    let resources = client.ask(&json!(["resources"]));
    let uri = resources["resources"][0]["uri"].as_str().unwrap();
    let whole = client.ask(&json!(["read", uri]));
    assert!(whole["contents"][0]["text"].as_str().unwrap().contains(words), "{whole}");
    let refused = client.ask(&json!(["call", "search", { "query": "" }]));
    assert_eq!(
        (&refused["isError"], refused["content"][0]["text"].as_str().unwrap().contains("`query` is empty")),
        (&json!(true), true)
    );
    let unknown = client.ask(&json!(["call", "burn", {}]));
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");

    let before = called(client, "settings_view", &json!({}))["generation"].as_u64().unwrap();
    Save::Rename.save(&place.settings(), &with(3, false));
    sees(client, 3).await;
    let after = called(client, "settings_view", &json!({}))["generation"].as_u64().unwrap();
    assert!(after > before, "{before} {after}");
    let answer = called(client, "ask", &json!({ "question": QUESTION }));
    assert_eq!(answer["sources"].as_array().unwrap().len(), 3, "the same session, the new settings");

    Save::InPlace.save(&place.settings(), &with(3, true));
    let told = client.ask(&json!(["told"]));
    assert!(["ToolListChangedNotification", "ToolsListChanged"].contains(&told.as_str().unwrap()), "{told}");
    let tools = client.ask(&json!(["tools"]));
    assert!(tools.to_string().contains("written by a language model"), "{tools}");
}

/// Waits until the client sees a save.
async fn sees(client: &mut Talker, passages: u32) {
    let client = std::sync::Mutex::new(client);
    until(async || {
        let view = called(&mut client.lock().unwrap(), "settings_view", &json!({ "section": "rag" }));
        view["settings"]["rag"]["qa"]["retrievalK"] == passages
    })
    .await;
}
