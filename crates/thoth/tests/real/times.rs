//! Changes for a while and at a time, from the command line to the file: each with one verdict, over restarts, and told.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::roles::Three;
use crate::support::{Place, Save, Thoth, settings, text, until};

const TEMPERATURE: &str = "llm.default.temperature";

fn file() -> String {
    format!(
        "// mine\n{}",
        settings(&json!({ "llm": { "default": { "temperature": 0.1 } }, "apiKeys": { "openaiKey": "" } }))
    )
}

async fn start() -> Thoth {
    let place = Place::new();
    std::fs::write(place.settings(), file()).unwrap();
    Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await
}

/// What a command prints that must succeed.
async fn said(thoth: &Thoth, arguments: &[&str]) -> String {
    let place = thoth.place.clone();
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let run = move || place.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

async fn effective(thoth: &Thoth, path: &str) -> Value {
    let shown = thoth.get("/api/v1/settings/effective").await;
    shown["keys"].as_array().unwrap().iter().find(|state| state["key"] == path).unwrap().clone()
}

async fn causes(thoth: &Thoth) -> Vec<String> {
    let reloads = thoth.get("/api/v1/reloads").await;
    let all = reloads["reloads"].as_array().unwrap();
    all.iter().rev().map(|verdict| verdict["cause"].as_str().unwrap().to_owned()).collect()
}

/// What became of the entry, when it has ended.
async fn end(thoth: &Thoth, id: u64) -> Value {
    let ended = async || {
        let all = thoth.get("/api/v1/settings/schedules").await;
        let entries = all["schedules"].as_array().unwrap();
        entries.iter().find(|entry| entry["id"] == id).and_then(|entry| entry.get("end").cloned())
    };
    until(async || ended().await.is_some()).await;
    ended().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_change_is_in_effect_for_its_time_and_shown_so() {
    let thoth = start().await;
    let told = said(&thoth, &["settings", "set", TEMPERATURE, "0.7", "--for", "30m"]).await;
    assert!(told.contains("#1 until ") && told.contains("applied generation 2"), "{told}");
    let state = effective(&thoth, TEMPERATURE).await;
    assert_eq!(
        (&state["value"], &state["from"], &state["since"]),
        (&json!(0.7), &json!("temporary"), &json!(2))
    );
    assert_eq!(state["file_says"]["value"], 0.1, "{state}");
    assert!(
        state["differs"].as_str().unwrap().starts_with("the temporary change 1 applies until"),
        "{state}"
    );
    let status = said(&thoth, &["status"]).await;
    assert!(status.contains("waits") && status.contains("llm.default.temperature = 0.7"), "{status}");
    assert!(said(&thoth, &["settings", "show", "--origin"]).await.contains("temporary until "));
    assert_eq!(std::fs::read_to_string(thoth.place.settings()).unwrap(), file());

    // One that is over soon, on top of it.
    said(&thoth, &["settings", "set", TEMPERATURE, "0.9", "--for", "1s"]).await;
    assert_eq!(end(&thoth, 2).await["fate"], "expired");
    assert_eq!(effective(&thoth, TEMPERATURE).await["value"], 0.7);
    assert!(said(&thoth, &["settings", "schedule", "cancel", "1"]).await.contains("cancelled"));
    let state = effective(&thoth, TEMPERATURE).await;
    assert_eq!((&state["value"], &state["from"]), (&json!(0.1), &json!("file")), "{state}");
    assert_eq!(causes(&thoth).await, ["start", "edit", "edit", "expiry", "edit"]);
    let log = thoth.log();
    assert!(log.contains("Temporary change of `llm.default.temperature` is over"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_change_goes_into_the_file_and_a_missed_one_at_the_next_start() {
    let thoth = start().await;
    said(&thoth, &["settings", "set", TEMPERATURE, "0.3", "--in", "1s"]).await;
    assert_eq!(end(&thoth, 1).await["fate"], "done");
    assert_eq!(std::fs::read_to_string(thoth.place.settings()).unwrap(), file().replace("0.1", "0.3"));
    assert_eq!(causes(&thoth).await, ["start", "schedule"]);
    assert_eq!(effective(&thoth, TEMPERATURE).await["value"], 0.3);

    said(&thoth, &["settings", "set", TEMPERATURE, "0.4", "--in", "2s"]).await;
    said(&thoth, &["settings", "set", "apiKeys.openaiKey", "sk-that-waits-a-long-time", "--in", "9h"]).await;
    let place = thoth.kill();
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    assert_eq!(end(&thoth, 2).await["fate"], "done");
    assert_eq!(effective(&thoth, TEMPERATURE).await["value"], 0.4);
    let waiting = said(&thoth, &["settings", "schedule", "list"]).await;
    assert!(
        waiting.contains("#3 at ") && waiting.contains("apiKeys.openaiKey = \"<redacted>\""),
        "{waiting}"
    );
    let all = [waiting, thoth.log(), thoth.get("/health/hot-reload").await.to_string()].concat();
    assert!(!all.contains("sk-that-waits"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_change_survives_a_restart_until_the_time_that_was_printed() {
    let thoth = start().await;
    let before = Timestamp::now();
    let told = said(&thoth, &["settings", "set", TEMPERATURE, "0.7", "--for", "30m"]).await;
    let due = async |thoth: &Thoth| {
        let entries = thoth.get("/api/v1/settings/schedules").await["schedules"].clone();
        entries[0]["at"].as_str().unwrap().parse::<Timestamp>().unwrap()
    };
    let at = due(&thoth).await;
    let length = 30.minutes();
    assert!((before + length..=Timestamp::now() + length).contains(&at), "{at}");
    let printed = at.to_zoned(TimeZone::system()).strftime("until %Y-%m-%d %H:%M:%S ").to_string();
    assert!(told.contains(&printed), "{printed}: {told}");
    let thoth = Thoth::start_in(thoth.kill(), &["--listen", "127.0.0.1:0"]).await;
    assert_eq!(due(&thoth).await, at);
    let state = effective(&thoth, TEMPERATURE).await;
    assert_eq!((&state["value"], &state["from"]), (&json!(0.7), &json!("temporary")), "{state}");
    assert!(said(&thoth, &["settings", "schedule", "list"]).await.contains(&printed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_change_below_another_file_says_that_it_has_no_effect() {
    let thoth = start().await;
    let mut verdicts = thoth.verdicts().await;
    let local = json!({ "llm": { "default": { "temperature": 0.25 } } }).to_string();
    Save::Rename.save(&thoth.place.settings().with_file_name("settings.local.json"), &local);
    assert_eq!(verdicts.next().await["verdict"], "applied");
    let above = "has no effect: `settings.local.json` says something else, and lies above it";
    let told = said(&thoth, &["settings", "set", TEMPERATURE, "0.3", "--in", "1s"]).await;
    assert!(told.contains(&format!("warning: `{TEMPERATURE}`: {above}")), "{told}");
    let ended = end(&thoth, 1).await;
    assert_eq!(
        (&ended["fate"], &ended["reason"]),
        (&json!("done"), &json!(format!("`{TEMPERATURE}` {above}")))
    );
    let told = said(&thoth, &["settings", "set", "llm.default.topP", "0.5", "--in", "1s"]).await;
    assert!(!told.contains("warning"), "{told}");
    assert_eq!(end(&thoth, 2).await["reason"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_is_named_and_the_name_is_one() {
    let thoth = start().await;
    let url = thoth.url("/api/v1/settings/schedules");
    let set = async |actor: &str| {
        let body = json!({
            "changes": [{ "path": TEMPERATURE, "value": 0.5 }], "for": "2h", "actor": actor,
        });
        let request = thoth.client.post(&url).bearer_auth(thoth.token()).json(&body);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(set(&"x".repeat(65)).await, 422);
    assert_eq!(set("line\nbreak").await, 422);
    assert_eq!(set("first").await, 201);
    assert_eq!(set("second").await, 201);
    let cancel = async |actor: &str| {
        let request = thoth.client.delete(format!("{url}/1")).bearer_auth(thoth.token());
        request.header("x-actor", actor).send().await.unwrap().status().as_u16()
    };
    assert_eq!(cancel(&"x".repeat(65)).await, 422);
    assert_eq!(cancel("third").await, 200);
    assert_eq!(end(&thoth, 1).await["reason"], "called off by `third`");
    said(&thoth, &["settings", "schedule", "cancel", "2"]).await;
    assert_eq!(end(&thoth, 2).await["reason"], "called off by `cli`");
    let reloads = thoth.get("/api/v1/reloads").await;
    let actors: Vec<&Value> = reloads["reloads"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .skip(1)
        .map(|verdict| &verdict["actor"])
        .collect();
    assert_eq!(actors, ["first", "second", "third", "cli"]);

    // Whoever has the file read again is named too, whichever way.
    let asked = async |body: Value| thoth.post("/api/v1/reloads", &body).await;
    assert_eq!(asked(json!({ "actor": "x".repeat(65) })).await["status"], 422);
    for (verdict, cause, actor) in [
        (asked(json!({ "actor": "fourth" })).await, "reload", "fourth"),
        (asked(json!({ "retry": true, "actor": "fifth" })).await, "try", "fifth"),
        (asked(json!({})).await, "reload", "api"),
    ] {
        assert_eq!((&verdict["cause"], &verdict["actor"]), (&json!(cause), &json!(actor)), "{verdict}");
    }
    assert!(said(&thoth, &["reload"]).await.contains("(reload by cli)"));
    assert!(said(&thoth, &["reload", "--retry"]).await.contains("(try by cli)"));
    let mut verdicts = thoth.verdicts().await;
    let pid = thoth.process().to_string();
    assert!(std::process::Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    let hung_up = verdicts.next().await;
    assert_eq!((&hung_up["cause"], &hung_up["actor"]), (&json!("reload"), &json!("SIGHUP")), "{hung_up}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_declined_at_once() {
    let thoth = start().await;
    let check = async |arguments: &[&str], part: &str| {
        let output = thoth.place.run(&[&["settings"], arguments].concat());
        let told = text(&output);
        assert!(!output.status.success() && told.contains(part), "{arguments:?}: {told}");
    };
    check(&["set", TEMPERATURE, "7", "--in", "2h"], "temperature").await;
    check(&["set", TEMPERATURE, "7", "--for", "2h"], "temperature").await;
    check(&["set", "llm.default.colour", "7", "--for", "2h"], "is no key of the settings").await;
    check(&["set", TEMPERATURE, "0.5", "--at", "2020-01-01T08:00"], "is over").await;
    check(&["set", TEMPERATURE, "0.5", "--in", "9000d"], "more than a year ahead").await;
    check(&["set", TEMPERATURE, "0.5", "--in", "2h", "--for", "2h"], "cannot be used with").await;
    check(&["schedule", "cancel", "9"], "no change has the number 9").await;
    let body = json!({ "changes": [{ "path": TEMPERATURE, "value": 0.5 }], "for": "2h" });
    let request = thoth.client.post(thoth.url("/api/v1/settings/schedules")).json(&body);
    assert_eq!(request.send().await.unwrap().status(), 401, "changes need the token");
    assert_eq!(thoth.get("/api/v1/settings/schedules").await["schedules"], json!([]));
    assert_eq!(effective(&thoth, TEMPERATURE).await["value"], 0.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_change_reaches_every_process_and_leaves_every_process() {
    let three = Three::start(&json!({ "llm": { "default": { "temperature": 0.1 } } })).await;
    let all_run = async |temperature: f64| {
        for thoth in three.each() {
            let runs = async || {
                thoth.get("/api/v1/settings").await["settings"]["llm"]["default"]["temperature"].clone()
            };
            until(async || runs().await == temperature).await;
        }
        three.instances(|told| told["agree"] == true).await;
    };
    said(&three.api, &["settings", "set", TEMPERATURE, "0.7", "--for", "30m"]).await;
    all_run(0.7).await;
    said(&three.api, &["settings", "schedule", "cancel", "1"]).await;
    all_run(0.1).await;
    assert_eq!(causes(&three.api).await, ["start", "edit", "edit"]);
}
