//! `thoth report`: the same figures from the server and from the journal.

use serde_json::{Value, json};

use crate::load::pair;
use crate::support::{Place, Save, Thoth, settings, text};

fn with(round: u32) -> String {
    settings(&json!({ "llm": { "default": pair(round) } }))
}

fn figures(place: &Place, arguments: &[&str]) -> Value {
    let output = place.run(&[&["report", "--json"], arguments].concat());
    assert!(output.status.success(), "{}", text(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_and_the_journal_give_the_same_figures() {
    let thoth = Thoth::start(&with(1)).await;
    assert_eq!(thoth.save(Save::Rename, &with(2)).await["verdict"], "applied");
    assert_eq!(thoth.save(Save::InPlace, &format!("{} ", with(2))).await["verdict"], "unchanged");
    for _ in 0..2 {
        let wrong = thoth.save(Save::Rename, "{\"llm\": {\"default\": {\"temprature\": 1}}}").await;
        assert_eq!(wrong["verdict"], "rejected");
        thoth.save(Save::Rename, &with(2)).await;
    }
    assert!(thoth.place.run(&["reload"]).status.success());
    thoth.save(Save::Rename, "{ \"llm\": ").await;

    let asked = figures(&thoth.place, &[]);
    assert_eq!(asked["total"], 9, "{asked}");
    assert_eq!(
        asked["verdicts"],
        json!({ "applied": 2, "unchanged": 4, "rejected": 3, "superseded": 0 }),
        "{asked}"
    );
    assert_eq!(asked["causes"], json!({ "start": 1, "save": 7, "reload": 1 }));
    assert_eq!((&asked["accepted_percent"], &asked["success_percent"]), (&json!(66.66), &json!(100.0)));
    let keys = asked["refused_keys"].as_array().unwrap();
    assert_eq!((&keys[0]["path"], &keys[0]["count"]), (&json!("llm.default.temprature"), &json!(2)));
    assert!(asked["stages"].as_array().unwrap().iter().any(|stage| stage["name"] == "prepare"), "{asked}");
    assert_eq!(figures(&thoth.place, &["--since", "1ns"])["total"], 0, "the period counts");

    let place = thoth.kill();
    let mut read = figures(&place, &[]);
    for changing in ["since", "until"] {
        read[changing] = asked[changing].clone();
    }
    assert_eq!(read, asked, "out of the journal, after a kill");

    // The file is still half-written: the next start is one into the last known good.
    let (place, _) = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await.terminate();
    let after = figures(&place, &[]);
    assert_eq!((&after["starts"], &after["starts_last_known_good"]), (&json!(2), &json!(1)), "{after}");
    let words = text(&place.run(&["report", "--since", "2w"]));
    for part in [
        "11: 3 applied, 4 unchanged, 4 rejected",
        "the history begins at",
        "accepted    63.63 %",
        "succeeded   100 %",
        "starts      2: 1 into the last known good, 0 into safe mode",
        "2  llm.default.temprature: unknown key",
        "prepare",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_given_page_by_page() {
    let thoth = Thoth::start(&with(0)).await;
    for round in 1..=5 {
        thoth.save(Save::Rename, &with(round)).await;
    }
    let ids = async |query: &str| -> Vec<u64> {
        let page = thoth.get(&format!("/api/v1/reloads?{query}")).await;
        page["reloads"].as_array().unwrap().iter().map(|verdict| verdict["id"].as_u64().unwrap()).collect()
    };
    assert_eq!(ids("limit=2").await, [6, 5]);
    assert_eq!(ids("limit=3&before=5").await, [4, 3, 2]);
    assert_eq!(ids("before=2").await, [1]);
    assert_eq!(ids("before=1").await, [0; 0]);
}

#[test]
fn what_cannot_be_reported_is_said() {
    let place = Place::new();
    let check = |arguments: &[&str], said: &str| {
        let output = place.run(arguments);
        assert!(!output.status.success() && text(&output).contains(said), "{}", text(&output));
    };
    check(&["report"], "there is no history in");
    check(&["report", "--since", "soon"], "write it as in `7d`");
    check(&["report", "--since", "0d"], "longer than nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_of_the_history_was_damaged_is_told_at_the_start_and_in_the_status() {
    let keyed = settings(&json!({ "apiKeys": { "openaiKey": "sk-of-the-history" } }));
    let mut place = Thoth::start(&keyed).await.terminate().0;
    let told = |thoth: &Thoth| text(&thoth.place.run(&["status"]));
    for (file, damage, said) in [
        ("journal.jsonl", "{\"verdict\": {\"torn", "ended in the middle of a line"),
        ("secrets.json", "no JSON", "the secrets of older settings were damaged"),
        ("quarantine.json", "[{", "was damaged"),
    ] {
        let damaged = place.state().join("history").join(file);
        let mut content = std::fs::read(&damaged).unwrap_or_default();
        content.extend(damage.as_bytes());
        std::fs::write(&damaged, content).unwrap();
        let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
        let status = told(&thoth);
        assert!(status.contains("  history ") && status.contains(said), "{file}: {status}");
        let line = format!(
            "the history of the settings: {}",
            thoth.get("/health/hot-reload").await["history_problem"].as_str().unwrap()
        );
        assert!(line.contains(said) && thoth.log().contains(&line), "{line}: {}", thoth.log());
        place = thoth.terminate().0;
        std::fs::remove_file(place.state().join("history/quarantine.json")).unwrap_or_default();
    }
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    assert!(!told(&thoth).contains("  history "), "mended: {}", told(&thoth));
}
