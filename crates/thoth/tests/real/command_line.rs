//! The command line, as people and scripts use it.

use serde_json::{Value, json};

use crate::support::{PAPERS, Place, Thoth, text};

fn json_of(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(output)))
}

#[test]
fn init_makes_what_is_missing_and_keeps_what_is_there() {
    let place = Place::new();
    let first = place.run(&["init"]);
    assert!(first.status.success(), "{}", text(&first));
    assert!(place.vault().join("thoth/papers/pdfs").is_dir());
    std::fs::write(place.settings(), "{ \"mine\": 1 } // kept").unwrap();
    let second = place.run(&["init", "--example"]);
    assert!(text(&second).contains("kept"), "{}", text(&second));
    assert_eq!(std::fs::read_to_string(place.settings()).unwrap(), "{ \"mine\": 1 } // kept");
}

#[test]
fn settings_check_prints_what_a_good_compiler_would() {
    let place = Place::new();
    let file = place.folder.path().join("other.json");
    let check = |content: &str, arguments: &[&str]| {
        std::fs::write(&file, content).unwrap();
        place.run(&[&["settings", "check", file.to_str().unwrap()], arguments].concat())
    };
    let refused = check("{\n  \"llm\": {\"default\": {\"temprature\": 0.5, \"maxTokens\": \"x\"}}\n}", &[]);
    let said = text(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    for part in ["other.json:2:23", "temprature", "did you mean `temperature`?", "2 problems", "maxTokens"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains('\u{1b}'), "colours on a terminal only");
    let json = json_of(&check("{\"rag\": {\"chunkSize\": 1}}", &["--json"]));
    assert_eq!(json["valid"], false);
    assert_eq!(json["problems"][0]["path"], "rag.chunkSize");
    let empty = check("{}", &["--json"]);
    assert!(empty.status.success());
    assert_eq!(
        (&json_of(&empty)["valid"], json_of(&empty)["warnings"].as_array().unwrap().is_empty()),
        (&json!(true), false)
    );
    let mut elsewhere = std::process::Command::new(env!("CARGO_BIN_EXE_thoth"));
    elsewhere.env_clear().env("HOME", "/nonexistent").env("THOTH_STATE_DIR", place.state()).current_dir("/");
    let outside = elsewhere.args(["settings", "check", "--json"]).arg(&file).output().unwrap();
    assert!(outside.status.success(), "a file can be checked where there is no vault: {}", text(&outside));
    let missing = place.run(&["settings", "check", "/nowhere.json"]);
    assert!(text(&missing).contains("`/nowhere.json` cannot be read"), "{}", text(&missing));
}

#[test]
fn without_a_server_the_library_answers_directly() {
    let place = Place::new();
    let pdf = format!("{PAPERS}/okonkwo2024.pdf");
    let ingested = place.run(&["ingest", &pdf, "/nowhere.pdf"]);
    let said = text(&ingested);
    assert_eq!(ingested.status.code(), Some(1), "{said}");
    assert!(
        said.contains("indexed") && said.contains("Waggle Dances") && said.contains("/nowhere.pdf"),
        "{said}"
    );
    let papers = json_of(&place.run(&["papers", "--json"]));
    assert_eq!(papers["papers"].as_array().unwrap().len(), 1);
    assert!(place.vault().join(papers["papers"][0]["note"].as_str().unwrap()).is_file());
    let found = json_of(&place.run(&["search", "waggle dance", "--json"]));
    assert!(found["hits"][0]["title"].as_str().unwrap().contains("Waggle"), "{found}");
    let answer = place.run(&["ask", "how", "fast", "does a waggle dance lose precision?"]);
    assert!(text(&answer).starts_with("[1] "), "{}", text(&answer));
    for command in [&["reload"][..], &["watch"], &["health"], &["settings", "history"]] {
        let refused = place.run(command);
        assert!(
            text(&refused).contains("no server runs for this vault; start one with `thoth serve`"),
            "{}",
            text(&refused)
        );
        assert!(!refused.status.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_server_the_same_commands_ask_it() {
    let thoth =
        Thoth::start("{\"paths\": {}, \"apiKeys\": {}, \"servers\": {}, \"rag\": {\"chunkSize\": 500}}")
            .await;
    let pdf = format!("{PAPERS}/ferreira2022.pdf");
    let ingested = thoth.place.run(&["ingest", &pdf]);
    assert!(ingested.status.success() && text(&ingested).contains("indexed"), "{}", text(&ingested));
    let again = thoth.place.run(&["ingest", &pdf]);
    assert!(again.status.success(), "{}", text(&again));
    assert_eq!(thoth.papers(1).await[0]["status"], "indexed", "once, however often it is handed in");
    assert!(text(&thoth.place.run(&["papers"])).contains("Salt and Slow Stone"));
    assert!(text(&thoth.place.run(&["search", "lime mortar"])).contains("Salt and Slow Stone"));
    let answer = json_of(&thoth.place.run(&["ask", "what does carbonation do to lime mortar?", "--json"]));
    assert!(!answer["sources"].as_array().unwrap().is_empty(), "{answer}");
    let shown = json_of(&thoth.place.run(&["settings", "show"]));
    assert_eq!(shown["settings"]["rag"]["chunkSize"], 500);
    let health = json_of(&thoth.place.run(&["health", "--json"]));
    assert_eq!(health["healthy"], true);
    let history = json_of(&thoth.place.run(&["settings", "history", "--json"]));
    assert_eq!(history[0]["verdict"].as_str().map(|verdict| verdict.len() > 5), Some(true), "{history}");
    let reloaded = json_of(&thoth.place.run(&["reload", "--json"]));
    assert_eq!(reloaded["verdict"], "unchanged");
}
