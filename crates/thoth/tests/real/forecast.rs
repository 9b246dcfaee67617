//! `thoth settings plan`: what is foretold is what then happens, and nothing is left of having asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::edits::run;
use crate::support::{Place, Thoth, free_port, service, settings, until};

/// A server with two papers in its library, on a port that the file names.
async fn start(port: u16) -> Thoth {
    let place = Place::new();
    let sections = json!({
        "apiKeys": { "customKey": "sk-custom-0123456789abcdef" },
        "servers": { "api": { "port": port } },
        "llm": { "default": { "model": "first/model", "temperature": 0.1 } },
    });
    std::fs::write(place.settings(), settings(&sections)).unwrap();
    for paper in ["okonkwo2024.pdf", "ferreira2022.pdf"] {
        place.drop_paper(paper, "thoth/papers/pdfs");
    }
    let thoth = Thoth::start_in(place, &[]).await;
    thoth.papers(2).await;
    thoth
}

async fn plan(thoth: &Thoth, body: &Value) -> Value {
    thoth.post("/api/v1/settings/plan", body).await
}

async fn patch(thoth: &Thoth, changes: &Value) -> Value {
    let request = thoth.client.patch(thoth.url("/api/v1/settings")).bearer_auth(thoth.token());
    request.json(&json!({ "changes": changes })).send().await.unwrap().json().await.unwrap()
}

fn change(path: &str, value: Value) -> Value {
    json!({ "path": path, "value": value })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_that_follows_is_the_one_that_was_foretold() {
    let thoth = start(free_port()).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().port();
    let (another, of_mcp) = (free_port(), free_port());
    let table = [
        json!([change("version", json!("1.2.3"))]),
        json!([change("paths.notes", json!("elsewhere"))]),
        json!([
            change("paths.pdf", json!("inbox")),
            change("performance.memory.maxDocumentSizeMb", json!(7))
        ]),
        json!([change("apiKeys.openrouterKey", json!("sk-router-0123456789abcdef"))]),
        json!([change("llm.default.temperature", json!(0.7))]),
        json!([{ "path": "llm.default.temperature" }]),
        json!([change("llm.default.temperature", json!(9))]),
        json!([change("memory.letta.agentName", json!("another"))]),
        json!([change("rag.qa.retrievalK", json!(7)), change("citation.style", json!("APA"))]),
        json!([change("citation.style", json!("missing.csl"))]),
        json!([change("servers.monitor.recursive", json!(false))]),
        json!([change("servers.mcp.enabled", json!(true)), change("servers.mcp.port", json!(of_mcp))]),
        json!([change("servers.mcp.enabled", json!(false))]),
        json!([change("servers.api.port", json!(taken))]),
        json!([change("servers.api.port", json!(another)), change("reload.handoverMs", json!(60_000))]),
        json!([change("logging.level", json!("WARNING"))]),
        json!([change("reload.historyMax", json!(500))]),
        json!([change("rag.chunkSize", json!(200)), change("rag.chunkOverlap", json!(20))]),
    ];
    for changes in table {
        let mut foretold = plan(&thoth, &json!({ "changes": changes })).await;
        let verdict = patch(&thoth, &changes).await;
        assert_eq!(foretold["verdict"], verdict["verdict"], "{changes}: {foretold} {verdict}");
        // The builder of the index goes on by itself: a verdict does not tell of it.
        foretold["services"].as_array_mut().unwrap().retain(|service| service["name"] != "index");
        assert_eq!(foretold["services"], verdict["services"], "{changes}");
        assert_eq!(foretold["problems"], verdict["problems"], "{changes}");
        assert_eq!(foretold["warnings"], verdict["warnings"], "{changes}");
        assert!(!foretold.to_string().contains("sk-"), "{foretold}");
    }
}

/// Every file below with its size, but the database's, which others write meanwhile.
fn everything(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut all = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (path, metadata) = (entry.path(), entry.metadata().unwrap());
            let of_others = path.to_string_lossy().contains("thoth.db") || path.ends_with("all.log");
            if metadata.is_dir() {
                open.push(path.clone());
            }
            if !of_others {
                all.insert(path, if metadata.is_dir() { 0 } else { metadata.len() });
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_plan() {
    let thoth = start(free_port()).await;
    let before = everything(thoth.place.folder.path());
    let (file, shown) = (std::fs::read(thoth.place.settings()).unwrap(), thoth.get("/api/v1/settings").await);
    let reloads = thoth.get("/api/v1/reloads").await;
    let (port, of_mcp) = (free_port(), free_port());
    let changes = json!([
        change("servers.api.port", json!(port)),
        change("servers.mcp.enabled", json!(true)),
        change("servers.mcp.port", json!(of_mcp)),
        change("paths.pdf", json!("new/inbox")),
        change("paths.notes", json!("new/notes")),
        change("llm.default.baseUrl", json!("http://127.0.0.1:9/v1")),
        change("rag.chunkSize", json!(300)),
    ]);
    let foretold = plan(&thoth, &json!({ "changes": changes })).await;
    assert_eq!(foretold["verdict"], "applied", "{foretold}");
    let ports = service(&foretold, "ports").unwrap();
    assert!(ports.1.starts_with(&format!("serving 127.0.0.1:{port}, serving MCP at")), "{ports:?}");
    assert!(service(&foretold, "index").unwrap().1.contains("chunks of 300 tokens"), "{foretold}");
    for port in [port, of_mcp] {
        drop(std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port was let go of"));
    }
    assert_eq!(everything(thoth.place.folder.path()), before);
    assert_eq!(std::fs::read(thoth.place.settings()).unwrap(), file);
    assert_eq!(thoth.get("/api/v1/settings").await, shown);
    assert_eq!(thoth.get("/api/v1/reloads").await, reloads);
    assert_eq!(thoth.get("/health/hot-reload").await["drift"], false);
    let said: Vec<&str> =
        foretold["risks"].as_array().unwrap().iter().map(|risk| risk["kind"].as_str().unwrap()).collect();
    assert_eq!(said, ["provider", "port", "index", "notes", "pdf-folder"], "{foretold}");
    let index = foretold["risks"][2]["message"].as_str().unwrap();
    assert!(index.contains("for 2 papers; until it is complete the present one, of"), "{index}");
    // Whoever may not change anything is told nothing.
    let anonymous = thoth.client.post(thoth.url("/api/v1/settings/plan")).body("{}").send().await.unwrap();
    assert_eq!(anonymous.status().as_u16(), 401);
    for (body, part) in [
        (json!({ "changes": [] }), "1 to 64"),
        (json!({ "changes": [change("llm.colour", json!(1))] }), "`llm.colour` is no key"),
        (json!({ "changes": [change("version", json!("1"))], "content": "{}" }), "send one of the two"),
        (json!({ "verdict": 1 }), "not understood"),
    ] {
        let told = plan(&thoth, &body).await;
        assert_eq!(told["status"], 422, "{told}");
        assert!(told.to_string().contains(part), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_an_empty_library_the_next_index_is_ready_at_once_and_nothing_is_left_either() {
    let thoth = Thoth::start(&settings(&json!({ "citation": { "style": "APA" } }))).await;
    // It serves before everything that it makes at a start is there.
    until(async || thoth.place.vault().join("thoth/papers/pdfs").is_dir()).await;
    let before = everything(thoth.place.folder.path());
    let changes = json!([change("rag.chunkSize", json!(300))]);
    let foretold = plan(&thoth, &json!({ "changes": changes })).await;
    let reason = "`index`, `rag.chunkSize` changed";
    assert_eq!(service(&foretold, "rag"), Some(("rebuilt", reason)), "{foretold}");
    assert_eq!((service(&foretold, "index"), &foretold["risks"]), (None, &json!([])), "{foretold}");
    assert_eq!(everything(thoth.place.folder.path()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_as_it_stands_is_planned_against_what_runs() {
    let place = Place::new().with("THOTH_HOT_RELOAD", "0").with("THOTH_LOG_LEVEL", "INFO");
    let first = json!({ "rag": { "qa": { "retrievalK": 4 } } });
    std::fs::write(place.settings(), settings(&first)).unwrap();
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    let (done, told) = run(&thoth.place, &["settings", "plan"]).await;
    assert!(done && told.contains("would change nothing"), "{told}");
    let next = json!({
        "llm": { "default": { "model": "next/model" } },
        "logging": { "level": "DEBUG" },
        "apiKeys": { "openaiKey": "sk-plan-0123456789abcdef" },
    });
    std::fs::write(thoth.place.settings(), settings(&next)).unwrap();
    let (done, told) = run(&thoth.place, &["settings", "plan"]).await;
    assert!(done, "{told}");
    for part in [
        "would be applied, compared with generation 1",
        "llm.default.model  \"google/gemini-2.5-flash\" → \"next/model\"  settings.json:",
        "logging.level  stays \"INFO\": \"DEBUG\" has no effect, the variable `THOTH_LOG_LEVEL` pins it",
        "llm         rebuilt   `llm.default.model` changed",
        "rag         rebuilt   `llm` changed",
        "carried over: citations, letta, http, mcp",
        "apiKeys.openaiKey: a key is set that was not there",
        "the watch is off",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    assert!(!told.contains("sk-"), "{told}");
    assert_eq!(thoth.get("/api/v1/reloads").await["reloads"].as_array().unwrap().len(), 1);
    std::fs::write(thoth.place.settings(), "{ \"llm\": 7 }").unwrap();
    let (done, told) = run(&thoth.place, &["settings", "plan"]).await;
    assert!(!done && told.contains("would be refused") && told.contains("1:10: `llm`"), "{told}");
    std::fs::remove_file(thoth.place.settings()).unwrap();
    let (done, told) = run(&thoth.place, &["settings", "plan"]).await;
    assert!(!done && told.contains("is missing"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_container_a_port_that_nobody_publishes_is_a_risk() {
    let (published, first, next) = (free_port(), free_port(), free_port());
    let place = Place::new().with("THOTH_DOCKER", "1").with("THOTH_PUBLISHED_PORT", &published.to_string());
    std::fs::write(place.settings(), settings(&json!({ "servers": { "api": { "port": first } } }))).unwrap();
    let thoth = Thoth::start_in(place, &[]).await;
    let risks = async |path: &str, value: Value| {
        let told = plan(&thoth, &json!({ "changes": [change(path, value)] })).await;
        assert_eq!(told["verdict"], "applied", "{told}");
        let risks = told["risks"].as_array().unwrap();
        risks.iter().map(|risk| (risk["kind"].clone(), risk["message"].to_string())).collect::<Vec<_>>()
    };
    let of_port = risks("servers.api.port", json!(next)).await;
    assert!(of_port.len() == 1 && of_port[0].0 == "unpublished-port", "{of_port:?}");
    assert!(
        of_port[0].1.contains(&format!("reach {next} ")) && of_port[0].1.contains(&published.to_string())
    );
    assert_eq!(risks("servers.api.port", json!(published)).await, []);
    // What only the check asks is in effect too.
    let outside = risks("paths.allowOutside", json!(true)).await;
    assert!(outside.len() == 1 && outside[0].1.contains("any folder of this machine"), "{outside:?}");
    let (done, told) = run(&thoth.place, &["settings", "plan", "paths.allowOutside=true"]).await;
    assert!(done && told.contains("paths.allowOutside  false → true"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_takes_a_file_standard_input_and_changes() {
    let llm = json!({ "default": { "model": "first/model", "temperature": 0.9 } });
    let thoth = Thoth::start(&settings(&json!({ "llm": llm }))).await;
    let place = &thoth.place;
    let (done, told) =
        run(place, &["settings", "plan", "llm.default.top_p=0.5", "rag.qa.retrievalK=6"]).await;
    assert!(done && told.contains("llm.default.topP  1.0 → 0.5"), "{told}");
    let (done, told) = run(place, &["settings", "plan", "--unset", "llm.default.model"]).await;
    assert!(done && told.contains("llm.default.model: it leaves the file: the default"), "{told}");
    let file = place.folder.path().join("next.json");
    std::fs::write(&file, settings(&json!({ "citation": { "style": "APA" } }))).unwrap();
    let (done, told) = run(place, &["settings", "plan", file.to_str().unwrap(), "--json"]).await;
    let answer: Value = serde_json::from_str(&told).unwrap();
    assert!(done && answer["verdict"] == "applied" && answer["generation"] == 1, "{told}");
    assert_eq!(service(&answer, "citations").unwrap().1, "`citation.style` changed");
    std::fs::write(&file, [0xff, 0xfe]).unwrap();
    for (arguments, part) in [
        (vec!["llm.defualt.model=x"], "did you mean `llm.default.model`?"),
        (vec!["llm.default.model"], "`llm.default.model=VALUE` plans a value for it"),
        (vec!["nowhere.json"], "there is no file `nowhere.json`"),
        (vec!["a.json", "b.json"], "give one file, or changes"),
        (vec!["llm.default.temperature=warm"], "must be a number"),
        (vec![file.to_str().unwrap()], "UTF"),
    ] {
        let (done, told) = run(place, &[vec!["settings", "plan"], arguments].concat()).await;
        assert!(!done && told.contains(part), "{part}\n{told}");
    }
    let mut command = place.command(&["settings", "plan", "-"]);
    let stdin = std::fs::File::open(place.settings()).unwrap();
    let output = tokio::task::spawn_blocking(move || command.stdin(stdin).output()).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("would change nothing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_what_the_file_tells_is_told() {
    let place = Place::new();
    let port = free_port();
    let with = |model: &str| {
        let sections =
            json!({ "llm": { "default": { "model": model } }, "servers": { "api": { "port": port } } });
        settings(&sections)
    };
    std::fs::write(place.settings(), with("first/model")).unwrap();
    let (done, told) = run(&place, &["settings", "plan"]).await;
    assert!(done && told.contains("compared with the defaults") && told.contains("no server runs"), "{told}");
    assert!(!place.state().exists(), "nothing is made by it");
    let thoth = Thoth::start_in(place, &[]).await;
    let (place, _) = thoth.terminate();
    std::fs::write(place.settings(), with("second/model")).unwrap();
    let (done, told) = run(&place, &["settings", "plan"]).await;
    assert!(done && told.contains("compared with what ran last, by verdict #1"), "{told}");
    assert!(told.contains("\"first/model\" → \"second/model\""), "{told}");
    let (done, told) = run(&place, &["settings", "plan", "llm.default.model=third/model"]).await;
    assert!(done && told.contains("\"second/model\" → \"third/model\""), "{told}");
    let held = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let (done, told) = run(&place, &["settings", "plan"]).await;
    assert!(!done && told.contains(&format!("port {port} on 127.0.0.1 is taken")), "{told}");
    drop(held);
    let (done, told) = run(&place, &["settings", "plan", "llm.default.temperature=9"]).await;
    assert!(!done && told.contains("`9` is not within 0 to 2"), "{told}");
}
