//! Honest state: what the file says, what was accepted and what runs, compared key by key.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::probation;
use crate::support::{Place, Save, Thoth, settings, text, until};

const TEMPERATURE: &str = "llm.default.temperature";

fn with(temperature: f64) -> String {
    settings(&json!({ "llm": { "default": { "temperature": temperature } } }))
}

/// What is said of a key.
async fn key(thoth: &Thoth, path: &str) -> Value {
    let shown = thoth.get("/api/v1/settings/effective").await;
    let keys = shown["keys"].as_array().unwrap_or_else(|| panic!("no keys: {shown}"));
    keys.iter().find(|state| state["key"] == path).unwrap_or_else(|| panic!("no {path}: {shown}")).clone()
}

/// File, accepted and in effect: all three say the same.
async fn agrees(thoth: &Thoth) {
    let shown = thoth.get("/api/v1/settings/effective").await;
    assert_eq!((&shown["drift"], &shown["content"]), (&json!(false), &shown["accepted"]), "{shown}");
    let keys = shown["keys"].as_array().unwrap();
    assert!(keys.iter().all(|state| state["differs"].is_null()), "{shown}");
}

/// The line in which the file has this text.
fn line(content: &str, part: &str) -> usize {
    content.lines().position(|line| line.contains(part)).unwrap() + 1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_save_is_in_effect_and_a_refused_one_is_told_beside_it() {
    let thoth = Thoth::start(&with(0.1)).await;
    agrees(&thoth).await;
    assert_eq!(key(&thoth, "rag.chunkSize").await["from"], "default");
    thoth.save(Save::Rename, &with(0.2)).await;
    agrees(&thoth).await;
    let expected = json!({
        "key": TEMPERATURE, "value": 0.2, "from": "file", "file": "settings.json",
        "line": line(&with(0.2), "temperature"), "service": "llm", "since": 2,
    });
    assert_eq!(key(&thoth, TEMPERATURE).await, expected);
    let moved = format!("// two\n// lines\n{}", with(0.2));
    assert_eq!(thoth.save(Save::InPlace, &moved).await["verdict"], "unchanged");
    agrees(&thoth).await;
    let state = key(&thoth, TEMPERATURE).await;
    assert_eq!((&state["line"], &state["since"]), (&json!(line(&moved, "temperature")), &json!(2)));

    let refused = format!("// a third line\n{}", with(7.0));
    assert_eq!(thoth.save(Save::Rename, &refused).await["verdict"], "rejected");
    let state = key(&thoth, TEMPERATURE).await;
    assert_eq!((&state["value"], &state["since"]), (&json!(0.2), &json!(2)), "{state}");
    assert_eq!(state["differs"], "the newest save was refused", "{state}");
    let shown = thoth.place.run(&["settings", "show", "--origin"]);
    assert!(text(&shown).contains(TEMPERATURE) && text(&shown).contains("the file is not what runs"));
    thoth.save(Save::Rename, &with(0.3)).await;
    agrees(&thoth).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_back_is_told_beside_what_runs() {
    let provider = probation::provider("sk-right").await;
    let thoth = probation::thoth(&provider, 60_000).await;
    probation::ask(&thoth).await;
    let before = key(&thoth, "llm.default.model").await;
    let wrong = probation::with(&provider, "sk-wrong", 60_000).replace("\"m\"", "\"n\"");
    thoth.save(Save::Rename, &wrong).await;
    let mut verdicts = thoth.verdicts().await;
    probation::ask(&thoth).await;
    assert_eq!(verdicts.next().await["cause"], "revert");
    let state = key(&thoth, "llm.default.model").await;
    assert_eq!((&state["value"], &state["since"]), (&before["value"], &before["since"]), "{state}");
    assert_eq!(state["file_says"]["value"], "n", "{state}");
    assert_eq!(state["differs"], "the newest save failed and was taken back");
    assert!(!thoth.get("/api/v1/settings/effective").await.to_string().contains("sk-"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_key_names_its_variable() {
    let place =
        Place::new().with("THOTH_LOG_LEVEL", "DEBUG").with("OPENROUTER_API_KEY", "sk-of-the-variable");
    std::fs::write(place.settings(), settings(&json!({ "logging": { "level": "ERROR" } }))).unwrap();
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    let state = key(&thoth, "logging.level").await;
    let expected = json!({ "key": "logging.level", "value": "DEBUG", "from": "variable",
        "variable": "THOTH_LOG_LEVEL", "file_says": state["file_says"], "service": "log", "since": 1,
        "differs": "the variable `THOTH_LOG_LEVEL` pins it" });
    assert_eq!((&state, &state["file_says"]["value"]), (&expected, &json!("ERROR")));
    let filled = key(&thoth, "apiKeys.openrouterKey").await;
    assert_eq!((&filled["value"], &filled["variable"]), (&json!("<redacted>"), &json!("OPENROUTER_API_KEY")));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_watch_a_changed_file_is_told_and_not_taken() {
    let place = Place::new().with("THOTH_HOT_RELOAD", "0");
    std::fs::write(place.settings(), with(0.1)).unwrap();
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    agrees(&thoth).await;
    Save::Rename.save(&thoth.place.settings(), &with(0.2));
    until(async || thoth.get("/health/hot-reload").await["drift"] == true).await;
    let state = key(&thoth, TEMPERATURE).await;
    assert_eq!((&state["value"], &state["file_says"]["value"]), (&json!(0.1), &json!(0.2)), "{state}");
    assert!(state["differs"].as_str().unwrap().contains("the watch is off"), "{state}");
    assert_eq!(
        thoth.get("/api/v1/reloads").await["reloads"].as_array().unwrap().len(),
        1,
        "nothing was read"
    );
    assert!(thoth.place.run(&["reload"]).status.success());
    agrees(&thoth).await;
    assert_eq!(key(&thoth, TEMPERATURE).await["value"], 0.2);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_lines_and_generation_are_of_one_moment_while_saves_rain() {
    // Each file has its temperature in a line that no other has it in.
    let with = |round: usize| format!("{}{}", "\n".repeat(round), with(round as f64 / 1000.0));
    let first = line(&with(0), "temperature");
    let thoth = Thoth::start(&with(0)).await;
    let (file, stop) = (thoth.place.settings(), Arc::new(AtomicBool::new(false)));
    let stopped = Arc::clone(&stop);
    let saver = std::thread::spawn(move || {
        for round in (1..2000).cycle().take_while(|_| !stopped.load(Ordering::SeqCst)) {
            Save::Rename.save(&file, &with(round));
        }
    });
    let (mut values, mut whole) = (HashMap::new(), 0);
    for _ in 0..400 {
        let response = thoth.client.get(thoth.url("/api/v1/settings/effective")).send().await.unwrap();
        let header = response.headers()["x-thoth-generation"].to_str().unwrap().to_owned();
        let shown: Value = response.json().await.unwrap();
        let generation = shown["generation"].as_u64().unwrap();
        assert_eq!(header, generation.to_string());
        let keys = shown["keys"].as_array().unwrap();
        let state = keys.iter().find(|state| state["key"] == TEMPERATURE).unwrap();
        let fits = |value: &Value, at: &Value| {
            let round = (value.as_f64().unwrap() * 1000.0).round();
            assert_eq!(at.as_f64(), Some(round + first as f64), "{state}");
        };
        fits(&state["value"], &state["line"]);
        assert_eq!(*values.entry(generation).or_insert(state["value"].clone()), state["value"], "{shown}");
        if shown["taking_effect"] == false {
            whole += 1;
            assert_eq!(shown["drift"], shown["content"] != shown["accepted"], "{shown}");
            assert_eq!(state["differs"].is_null(), shown["drift"] == false, "{shown}");
        }
        if let Some(said) = state.get("file_says") {
            fits(&said["value"], &said["line"]);
        }
    }
    stop.store(true, Ordering::SeqCst);
    saver.join().unwrap();
    assert!(values.len() > 10 && whole > 10, "{} generations, {whole} whole", values.len());
    until(async || thoth.get("/health/hot-reload").await["drift"] == false).await;
    let shown = thoth.get("/api/v1/settings/effective").await;
    assert_eq!((&shown["taking_effect"], &shown["drift"]), (&json!(false), &json!(false)));
}
