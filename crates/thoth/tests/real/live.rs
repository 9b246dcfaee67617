//! Every setting takes effect while Thoth works, saved by rename and in place, and under load no answer is lost.

use std::sync::Arc;

use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::load::{Movers, Wrk, pair};
use crate::support::{Place, Save, Thoth, free_port, service, settings, until};

/// A provider that answers everything with these words, and keeps what it was asked.
pub(crate) async fn provider(words: &str) -> MockServer {
    let server = MockServer::start().await;
    let answer = json!({
        "id": "1", "object": "chat.completion", "model": "m",
        "choices": [{ "index": 0, "finish_reason": "stop",
                      "message": { "role": "assistant", "content": words } }],
    });
    Mock::given(method("POST"))
        .and(path("/v1/chat/completions"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    server
}

/// What the provider was asked last: model, temperature, and the key.
async fn last_asked(provider: &MockServer) -> (Value, Value, String) {
    let requests = provider.received_requests().await.unwrap();
    let last = requests.last().unwrap();
    let body: Value = last.body_json().unwrap();
    let key = last.headers["authorization"].to_str().unwrap().to_owned();
    (body["model"].clone(), body["temperature"].clone(), key)
}

#[tokio::test(flavor = "multi_thread")]
async fn model_temperature_and_key_reach_the_provider_at_once() {
    let provider = provider("NOT FOUND").await;
    let with = |round: u32, key: &str| {
        let mut llm = pair(round);
        llm["baseUrl"] = json!(format!("{}/v1", provider.uri()));
        let qa = json!({ "temperature": f64::from(round) / 1000.0 });
        settings(&json!({ "llm": { "default": llm }, "apiKeys": { "customKey": key }, "rag": { "qa": qa } }))
    };
    let place = Place::new();
    std::fs::write(place.settings(), with(1, "sk-first")).unwrap();
    place.drop_paper("okonkwo2024.pdf", "thoth/papers/pdfs");
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    thoth.papers(1).await;
    let question = json!({ "question": "how long does a waggle dance stay precise?" });
    let load = Wrk::start(&thoth);
    for (round, save) in (2..).zip([Save::Rename, Save::InPlace, Save::Rename, Save::InPlace]) {
        let key = format!("sk-number-{round}");
        let verdict = thoth.save(save, &with(round, &key)).await;
        assert_eq!(verdict["verdict"], "applied", "{verdict}");
        assert_eq!(service(&verdict, "rag").unwrap().0, "rebuilt", "`llm` changed, `rag` follows");
        assert_eq!(service(&verdict, "http").unwrap().0, "kept");
        thoth.post("/api/v1/ask", &question).await;
        let (model, temperature, seen) = last_asked(&provider).await;
        assert_eq!(model, format!("m-{round}"));
        assert!((temperature.as_f64().unwrap() - f64::from(round) / 1000.0).abs() < 1e-6, "{temperature}");
        assert_eq!(seen, format!("Bearer {key}"));
        assert!(!verdict.to_string().contains("sk-"), "{verdict}");
    }
    // The key alone: nothing else of the file changes.
    let verdict = thoth.save(Save::InPlace, &with(5, "sk-alone")).await;
    assert_eq!(service(&verdict, "llm"), Some(("rebuilt", "a secret changed")));
    thoth.post("/api/v1/ask", &question).await;
    assert_eq!(last_asked(&provider).await.2, "Bearer sk-alone");
    if let Some(load) = load {
        load.finish();
    }
    assert!(!thoth.log().contains("sk-"), "no key in the log");
}

/// What the service of a key says of itself, where it does not run as it should.
async fn stands(thoth: &Thoth, key: &str) -> Value {
    let shown = thoth.get("/api/v1/settings/effective").await;
    let keys = shown["keys"].as_array().unwrap();
    keys.iter().find(|state| state["key"] == key).unwrap()["stands"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_followed_is_told_with_every_save_until_it_is() {
    // Each name is short enough, and so is the path in the vault. All of it is not, which only whoever makes the folder learns.
    let folder = tempfile::Builder::new().prefix(&"x".repeat(200)).tempdir().unwrap();
    let place = Place { folder: Arc::new(folder), ..Place::new() };
    std::fs::create_dir_all(place.vault().join(".thoth")).unwrap();
    let too_long = vec!["x".repeat(249); 16].join("/");
    let with = |round: u32, pdf: &str| {
        settings(&json!({ "llm": { "default": pair(round) }, "paths": { "pdf": pdf } }))
    };
    std::fs::write(place.settings(), with(1, "pdf")).unwrap();
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    let health = async || thoth.get("/health").await["services"]["pdf"].clone();
    for round in 2..4 {
        let verdict = thoth.save(Save::Rename, &with(round, &too_long)).await;
        let (action, reason) = service(&verdict, "pdf").unwrap_or_else(|| panic!("{verdict}"));
        assert!(action == "degraded" && reason.contains("cannot be made"), "{verdict}");
    }
    let told = health().await;
    assert!(told["status"] == "degraded" && told["runs"].as_str().unwrap().contains("/vault/pdf`"), "{told}");
    let stands = stands(&thoth, "paths.pdf").await;
    assert_eq!((&stands["status"], &stands["runs"]), (&told["status"], &told["runs"]), "{stands}");
    let shown = crate::support::text(&thoth.place.run(&["settings", "show", "--origin"]));
    let told = shown.lines().find(|line| line.contains("pdf is degraded: ")).unwrap_or(&shown);
    assert!(told.contains("cannot be made") && told.contains("it runs ") && told.contains("/vault/pdf`"));
    // Back again, the monitor must not go on trying for the other one.
    let verdict = thoth.save(Save::Rename, &with(4, "pdf")).await;
    assert_ne!(service(&verdict, "pdf").map(|(action, _)| action), Some("degraded"), "{verdict}");
    until(async || health().await["status"] == "ok").await;
    assert_eq!(self::stands(&thoth, "paths.pdf").await, Value::Null);
    thoth.place.drop_paper("okonkwo2024.pdf", "pdf");
    thoth.papers(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_move_without_a_gap() {
    let with = |round: u32, pdf: &str, notes: &str| {
        settings(&json!({ "llm": { "default": pair(round) }, "paths": { "pdf": pdf, "notes": notes } }))
    };
    let thoth = Thoth::start(&with(1, "one", "notes")).await;
    thoth.place.drop_paper("okonkwo2024.pdf", "one");
    let first = thoth.papers(1).await;
    assert_eq!(first[0]["status"], "indexed");
    let load = Wrk::start(&thoth);

    // One lies there already; the folder of the other does not exist before the save.
    thoth.place.drop_paper("ferreira2022.pdf", "two");
    let verdict = thoth.save(Save::Rename, &with(2, "two", "notes")).await;
    assert_eq!(verdict["verdict"], "applied", "{verdict}");
    assert_eq!(service(&verdict, "pdf").unwrap().0, "followed");
    thoth.papers(2).await;
    let verdict = thoth.save(Save::InPlace, &with(3, "three", "notes")).await;
    assert!(service(&verdict, "pdf").unwrap().1.contains("three"), "{verdict}");
    assert!(thoth.place.vault().join("three").is_dir(), "made after the commit");
    let verdict = thoth.save(Save::Rename, &with(4, "three", "elsewhere")).await;
    assert!(service(&verdict, "pdf").unwrap().1.contains("elsewhere"), "{verdict}");
    // Dropped after `applied`: the watch stands, and the note goes to the new folder.
    thoth.place.drop_paper("lindqvist2025.pdf", "three");
    let rows = thoth.papers(3).await;
    for row in &rows {
        assert_eq!(row["status"], "indexed", "{row}");
        assert!(thoth.place.vault().join(row["note"].as_str().unwrap()).is_file(), "{row}");
    }
    let note_of = |file: &str| {
        let row = rows.iter().find(|row| row["file"].as_str().unwrap().ends_with(file)).unwrap();
        row["note"].as_str().unwrap().to_owned()
    };
    assert!(note_of("lindqvist2025.pdf").starts_with("elsewhere/"));
    assert!(note_of("ferreira2022.pdf").starts_with("notes/"), "what was written stays where it is");
    let verdict = thoth.save(Save::InPlace, &with(5, "three", "notes")).await;
    assert!(service(&verdict, "pdf").unwrap().1.contains("notes"), "{verdict}");
    if let Some(load) = load {
        load.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_moves_while_clients_ask() {
    let ports = [free_port(), free_port(), free_port()];
    let with = |round: u32, port: u16| {
        settings(&json!({
            "llm": { "default": pair(round) }, "servers": { "api": { "port": port } }, "reload": { "handoverMs": 3000 },
        }))
    };
    let place = Place::new();
    std::fs::write(place.settings(), with(1, ports[0])).unwrap();
    let thoth = Thoth::start_in(place, &[]).await;
    assert!(thoth.address().ends_with(&ports[0].to_string()));
    let clients = Movers::start(ports[0]);
    clients.answers(50).await;
    for (round, (save, port)) in (2..).zip([(Save::Rename, ports[1]), (Save::InPlace, ports[2])]) {
        let verdict = thoth.save(save, &with(round, port)).await;
        assert_eq!(verdict["verdict"], "applied", "{verdict}");
        assert_eq!(service(&verdict, "ports").unwrap().0, "followed");
        // The old port still answers while the clients learn the new one.
        clients.answers(50).await;
        clients.move_to(port);
        clients.answers(50).await;
        assert!(thoth.address().ends_with(&port.to_string()), "the command line is told");
    }
    clients.finish();
    let old = |port: u16| move || std::net::TcpStream::connect(("127.0.0.1", port)).is_err();
    for port in &ports[..2] {
        let closed = old(*port);
        until(async || closed()).await;
    }
    // A port that is taken is refused, and nothing moves.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let verdict = thoth.save(Save::Rename, &with(9, taken.local_addr().unwrap().port())).await;
    assert_eq!(verdict["verdict"], "rejected");
    assert_eq!(verdict["problems"][0]["path"], "servers.api.port", "{verdict}");
    assert!(verdict["problems"][0]["line"].as_u64().unwrap() > 1, "{verdict}");
    assert!(thoth.address().ends_with(&ports[2].to_string()));
    assert_eq!(thoth.get("/api/v1/settings").await["settings"]["llm"]["default"]["model"], "m-3");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_chunk_size_builds_a_new_index_while_the_old_one_serves() {
    let with = |round: u32, size: u32| {
        settings(&json!({
            "llm": { "default": pair(round) }, "rag": { "chunkSize": size, "chunkOverlap": 20 }, "paths": { "pdf": "pdf" },
        }))
    };
    let thoth = Thoth::start(&with(1, 800)).await;
    for paper in ["okonkwo2024.pdf", "ferreira2022.pdf", "lindqvist2025.pdf"] {
        thoth.place.drop_paper(paper, "pdf");
    }
    thoth.papers(3).await;
    let load = Wrk::start(&thoth);
    for (round, (save, size)) in (2..).zip([(Save::Rename, 200), (Save::InPlace, 400)]) {
        let mut verdicts = thoth.verdicts().await;
        save.save(&thoth.place.settings(), &with(round, size));
        let wanted = verdicts.next().await;
        assert_eq!(wanted["verdict"], "applied", "{wanted}");
        assert!(service(&wanted, "rag").unwrap().1.contains("`rag.chunkSize`"), "{wanted}");
        let shown = thoth.get("/api/v1/settings/effective").await;
        if shown["generation"] == wanted["generation"] {
            let keys = shown["keys"].as_array().unwrap();
            let state = keys.iter().find(|state| state["key"] == "rag.chunkSize").unwrap();
            assert_eq!(
                (&state["value"], &state["stands"]["status"]),
                (&json!(size), &json!("pending")),
                "{state}"
            );
            assert!(state["stands"]["reason"].as_str().unwrap().contains("the old one serves"), "{state}");
        }
        let taken_over = verdicts.next().await;
        assert_eq!(stands(&thoth, "rag.chunkSize").await, Value::Null);
        assert_eq!((&taken_over["verdict"], &taken_over["cause"]), (&json!("applied"), &json!("refresh")));
        assert_eq!(service(&taken_over, "rag").unwrap().0, "rebuilt", "{taken_over}");
        assert_eq!(service(&taken_over, "llm").unwrap().0, "kept");
        let hits = thoth.get("/api/v1/search?q=waggle%20dance&limit=3").await;
        assert!(hits["hits"][0]["title"].as_str().unwrap().contains("Waggle"), "{hits}");
    }
    if let Some(load) = load {
        load.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_size_comes_back_at_any_moment_though_its_index_is_just_being_dropped() {
    let place = Place::new().with("THOTH_HOT_RELOAD", "0");
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    for round in 0..400 {
        let size = [500, 777][round % 2];
        let content = json!({ "rag": { "chunkSize": size } }).to_string();
        std::fs::write(thoth.place.settings(), content).unwrap();
        let verdict = thoth.post("/api/v1/reloads", &json!({})).await;
        assert_eq!(verdict["verdict"], "applied", "{round}: {verdict}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_s_level_changes_live() {
    let with = |round: u32, level: &str| {
        settings(&json!({ "llm": { "default": pair(round) }, "logging": { "level": level } }))
    };
    let thoth = Thoth::start(&with(1, "INFO")).await;
    let sentences = || thoth.log().matches("Settings reloaded successfully").count();
    // The start says it too, when the server already answers.
    until(async || sentences() == 1).await;
    for save in Save::BOTH {
        let before = sentences();
        let verdict = thoth.save(save, &with(1, "ERROR")).await;
        assert_eq!(service(&verdict, "log").unwrap().0, "followed", "{verdict}");
        assert_eq!(thoth.save(save, &with(2, "ERROR")).await["verdict"], "applied");
        let refused = thoth.save(save, "{ nothing").await;
        assert_eq!(refused["verdict"], "rejected");
        until(async || thoth.log().contains("Settings validation failed - skipping reload")).await;
        assert_eq!(sentences(), before, "at ERROR only what failed is said");
        thoth.save(save, &with(1, "INFO")).await;
        until(async || sentences() == before + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_says_each_verdict_in_one_line_with_milliseconds() {
    let with = |round: u32| settings(&json!({ "llm": { "default": pair(round) } }));
    let thoth = Thoth::start(&with(1)).await;
    let mut watch = thoth.place.command(&["watch"]);
    let mut child =
        watch.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let lines = crate::support::lines_of(child.stdout.take().unwrap());
    let begun = crate::support::lines_of(child.stderr.take().unwrap());
    assert!(begun.recv_timeout(crate::support::PATIENCE).unwrap().contains("watching"));
    // The stream is open when its first line has come; until then each save says another one.
    let mut round = 2;
    let first = loop {
        thoth.save(Save::Rename, &with(round)).await;
        round += 1;
        if let Ok(line) = lines.recv_timeout(std::time::Duration::from_millis(500)) {
            break line;
        }
    };
    assert!(
        first.contains(" applied generation ") && first.contains(" ms: llm (`llm.default.model`"),
        "{first}"
    );
    thoth.save(Save::InPlace, "{\n  \"llm\": 7\n}").await;
    let refused = lines.recv_timeout(crate::support::PATIENCE).unwrap();
    assert!(refused.contains(" rejected generation ") && refused.contains("2:10: `llm`"), "{refused}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_intake_takes_follows_a_save() {
    let settings_of = |megabytes: u64, recursive: bool| {
        settings(&json!({
            "paths": { "pdf": "pdf" },
            "servers": { "monitor": { "recursive": recursive } },
            "performance": { "memory": { "maxDocumentSizeMb": megabytes } },
        }))
    };
    let thoth = Thoth::start(&settings_of(1, false)).await;
    let large = thoth.place.drop_paper("okonkwo2024.pdf", "pdf");
    let mut bytes = std::fs::read(&large).unwrap();
    bytes.resize(bytes.len() + (1 << 20), b'\n');
    std::fs::write(&large, bytes).unwrap();
    thoth.place.drop_paper("lindqvist2025.pdf", "pdf/deeper");
    let row = thoth.papers(1).await.remove(0);
    let reason = row["reason"].as_str().unwrap_or_default();
    assert_eq!(row["status"], "failed", "{row}");
    assert!(
        reason.contains("at most 1048576 are read, as `performance.memory.maxDocumentSizeMb` says"),
        "{row}"
    );
    let verdict = thoth.save(Save::Rename, &settings_of(2, false)).await;
    assert_eq!(service(&verdict, "pdf"), Some(("followed", "reads PDFs of up to 2 MB")), "{verdict}");
    assert_eq!(thoth.papers(1).await[0]["status"], "indexed");
    let verdict = thoth.save(Save::InPlace, &settings_of(2, true)).await;
    assert!(service(&verdict, "pdf").is_some_and(|(_, did)| did.starts_with("watches `")), "{verdict}");
    assert!(thoth.papers(2).await.iter().all(|row| row["status"] == "indexed"));
}
