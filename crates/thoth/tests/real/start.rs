//! Starts, ends, and what persists between them.

use std::cell::Cell;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::load::pair;
use crate::support::{PATIENCE, Place, Save, Thoth, service, settings, text, until};

fn with(round: u32) -> String {
    settings(&json!({ "llm": { "default": pair(round) }, "apiKeys": { "openrouterKey": "sk-or-v1-secret" } }))
}

async fn again(place: Place) -> Thoth {
    Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_at_the_start_gives_way_to_what_was_applied_last() {
    let thoth = Thoth::start(&with(1)).await;
    assert_eq!(thoth.save(Save::Rename, &with(2)).await["verdict"], "applied");
    thoth.save(Save::InPlace, "{ \"llm\": ").await;
    let (place, took) = thoth.terminate();
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(!place.state().join("instances/all.json").exists());
    let thoth = again(place).await;
    let shown = thoth.get("/api/v1/settings").await;
    assert_eq!(shown["settings"]["llm"]["default"]["model"], "m-2");
    assert_eq!(thoth.get("/health/hot-reload").await["drift"], true);
    assert!(
        thoth.log().contains("is refused; the newest settings that were applied are in effect"),
        "{}",
        thoth.log()
    );
    assert_eq!(thoth.save(Save::Rename, &with(3)).await["verdict"], "applied");
}

#[tokio::test(flavor = "multi_thread")]
async fn safe_mode_answers_health_and_settings_and_nothing_else() {
    let thoth = Thoth::start("{ \"llm\": 7 }").await;
    let status = |path: &'static str| {
        let request = thoth.client.get(thoth.url(path)).send();
        async { request.await.unwrap().status().as_u16() }
    };
    assert_eq!(status("/health").await, 503);
    assert_eq!(status("/health/ready").await, 503);
    assert_eq!(status("/health/hot-reload").await, 200);
    assert_eq!(status("/api/v1/settings").await, 200);
    assert_eq!(status("/api/v1/papers").await, 503);
    let health = thoth.place.run(&["health"]);
    assert!(!health.status.success() && text(&health).contains("safe mode"), "{}", text(&health));
    // What does not answer is not said to be well.
    let told = text(&thoth.place.run(&["status"]));
    assert!(told.contains("all: safe mode"), "{told}");
    for silent in ["citations", "letta", "llm", "pdf", "rag"] {
        let line = told.lines().find(|line| line.trim_start().starts_with(silent)).unwrap();
        assert!(line.contains(" off ") && line.contains("(safe mode)"), "{line}");
    }
    let papers = thoth.place.run(&["papers"]);
    assert!(
        !papers.status.success() && text(&papers).contains("`thoth settings check` says what"),
        "{}",
        text(&papers)
    );
    let verdict = thoth.save(Save::Rename, &with(1)).await;
    assert_eq!(verdict["verdict"], "applied");
    assert_eq!((status("/health").await, status("/api/v1/papers").await), (200, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_saves_leaves_a_history_that_tells_the_truth() {
    let mut thoth = Thoth::start(&with(0)).await;
    for round in 1..6 {
        let (file, stop) =
            (thoth.place.settings(), std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
        let stopped = std::sync::Arc::clone(&stop);
        let saver = std::thread::spawn(move || {
            let mut saves = 0;
            while !stopped.load(std::sync::atomic::Ordering::SeqCst) {
                saves += 1;
                Save::Rename.save(&file, &with(round * 100 + saves % 100));
            }
        });
        let mut verdicts = thoth.verdicts().await;
        for _ in 0..(round * 7) {
            verdicts.next().await;
        }
        let place = thoth.kill();
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        saver.join().unwrap();
        let last = std::fs::read_to_string(place.settings()).unwrap();
        thoth = again(place).await;
        let shown = thoth.get("/api/v1/settings").await["settings"]["llm"]["default"]["model"].clone();
        assert!(last.contains(shown.as_str().unwrap()), "{shown} is not what the file says: {last}");
        let history = thoth.get("/api/v1/reloads?limit=1000").await;
        let ids: Vec<u64> =
            history["reloads"].as_array().unwrap().iter().map(|v| v["id"].as_u64().unwrap()).collect();
        assert!(ids.len() > 7 && ids.windows(2).all(|pair| pair[0] > pair[1]), "{ids:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_stay() {
    let with = |round: u32| {
        let mut settings: Value = serde_json::from_str(&with(round)).unwrap();
        settings["logging"] = json!({ "level": "DEBUG" });
        settings.to_string()
    };
    let thoth = Thoth::start(&with(1)).await;
    let mut events = thoth.client.get(thoth.url("/api/v1/events")).send().await.unwrap();
    thoth.save(Save::Rename, &with(2)).await;
    thoth
        .save(Save::Rename, "{\"apiKeys\": {\"openrouterKey\": \"sk-or-v1-secret\", \"openaiKey\": 7}}")
        .await;
    for misplaced in
        ["{\"logging\": {\"level\": \"KEY\"}}", "{\"paths\": {\"pdf\": \"/x/KEY\"}}", "{\"llm\": {}, KEY: 1}"]
    {
        let verdict = thoth.save(Save::Rename, &misplaced.replace("KEY", "sk-or-v1-0123456789abcdef")).await;
        assert_eq!(verdict["verdict"], "rejected", "{misplaced}");
    }
    let newest =
        thoth.get("/api/v1/reloads?limit=1").await["reloads"][0]["content"].as_str().unwrap().to_owned();
    let mut seen = String::new();
    while !seen.contains(&newest) {
        let chunk = tokio::time::timeout(PATIENCE, events.chunk()).await.unwrap().unwrap().unwrap();
        seen.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let log = thoth.log();
    assert!(log.contains(" DEBUG "), "nothing is said at this level: {log}");
    seen.push_str(&log);
    for path in [
        "/api/v1/settings",
        "/api/v1/settings/effective",
        "/api/v1/reloads",
        "/health",
        "/health/hot-reload",
        "/metrics",
        "/",
    ] {
        seen.push_str(&thoth.client.get(thoth.url(path)).send().await.unwrap().text().await.unwrap());
    }
    for command in [&["settings", "show"][..], &["settings", "history"], &["settings", "check"]] {
        seen.push_str(&text(&thoth.place.run(command)));
    }
    let history = thoth.place.state().join("history");
    seen.push_str(&std::fs::read_to_string(history.join("journal.jsonl")).unwrap());
    assert!(seen.contains("<redacted>"));
    assert!(!seen.contains("sk-or"), "a key was seen");
    let token = thoth.token();
    assert!(!seen.contains(&token), "the token was seen");
    assert_eq!(text(&thoth.place.run(&["token"])).trim(), token);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_watch_only_a_reload_reads() {
    let place = Place::new().with("THOTH_HOT_RELOAD", "0");
    std::fs::write(place.settings(), with(1)).unwrap();
    let thoth = again(place).await;
    let watch = thoth.get("/health/hot-reload").await;
    assert_eq!(
        (&watch["enabled"], &watch["running"], &watch["watch"]["mode"]),
        (&json!(false), &json!(false), &json!("off"))
    );
    Save::Rename.save(&thoth.place.settings(), &with(2));
    let reloaded = thoth.place.run(&["reload"]);
    assert!(
        reloaded.status.success() && text(&reloaded).contains("applied generation"),
        "{}",
        text(&reloaded)
    );
    assert_eq!(thoth.get("/api/v1/settings").await["settings"]["llm"]["default"]["model"], "m-2");
    assert!(thoth.place.run(&["health"]).status.success());
    Save::Rename.save(&thoth.place.settings(), "{");
    let refused = thoth.place.run(&["reload"]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_pins_and_says_so() {
    let place = Place::new().with("THOTH_LOG_LEVEL", "WARNING").with("THOTH_API_TOKEN", "given-from-outside");
    std::fs::write(place.settings(), with(1)).unwrap();
    let thoth = again(place).await;
    let pinned = settings(&json!({ "llm": { "default": pair(2) }, "logging": { "level": "DEBUG" } }));
    let verdict = thoth.save(Save::Rename, &pinned).await;
    assert_eq!(verdict["verdict"], "applied");
    assert!(verdict["warnings"].to_string().contains("THOTH_LOG_LEVEL"), "{verdict}");
    assert_eq!(service(&verdict, "log"), None);
    let request = |token: &str| thoth.client.post(thoth.url("/api/v1/reloads")).bearer_auth(token).send();
    assert_eq!(request("given-from-outside").await.unwrap().status(), 200);
    assert_eq!(request("wrong").await.unwrap().status(), 401);
    assert_eq!(text(&thoth.place.run(&["token"])).trim(), "given-from-outside");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_one_state_is_refused_with_the_process_of_the_first() {
    let thoth = Thoth::start(&with(1)).await;
    let second = thoth.place.run(&["serve", "--listen", "127.0.0.1:0"]);
    let said = text(&second);
    assert!(
        !second.status.success() && said.contains(&format!("in use by process {}", thoth.process())),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_file_is_waited_for() {
    let thoth = again(Place::new()).await;
    let watch = thoth.get("/health/hot-reload").await;
    assert_eq!((&watch["drift"], &watch["last_modified"]), (&json!(false), &Value::Null));
    assert_eq!(thoth.save(Save::InPlace, &with(7)).await["verdict"], "applied");
    assert_eq!(thoth.get("/api/v1/settings").await["settings"]["llm"]["default"]["model"], "m-7");
}

/// The threads of a server with nothing to do: there have been no fewer for longer than an idle one lives.
async fn threads_at_rest(thoth: &Thoth) -> i64 {
    const IDLE_MAX: Duration = Duration::from_millis(750);
    let fewest = Cell::new((i64::MAX, Instant::now()));
    until(async || {
        let (count, since) = fewest.get();
        let now = thoth.of_status("Threads:");
        if now < count {
            fewest.set((now, Instant::now()));
        }
        now >= count && since.elapsed() > 2 * IDLE_MAX
    })
    .await;
    fewest.get().0
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_for_blocking_work_end_when_there_is_no_more_of_it() {
    let thoth = again(Place::new()).await;
    let threads = || thoth.of_status("Threads:");
    let notes: serde_json::Map<_, _> =
        (0..10_000).map(|number| (format!("_{number}"), json!("a note"))).collect();
    let judged = async || {
        let answer = thoth.post("/api/v1/settings/validate", &json!(notes)).await;
        assert_eq!(answer["valid"], true, "{answer}");
    };
    let before = threads_at_rest(&thoth).await;
    tokio::join!(judged(), judged(), judged(), judged(), judged(), judged(), judged(), judged());
    assert!(threads() > before + 1, "{before}: contents were judged one after another");
    until(async || threads() <= before).await;
}
