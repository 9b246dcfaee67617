//! The seven integration tests that the first plan for hot reloads asked for, in our terms: what it promised to its
//! users, held by events instead of waiting times.

use serde_json::{Value, json};

use crate::load::pair;
use crate::support::{Place, Save, Thoth, free_port, service, settings};

fn with(round: u32) -> String {
    settings(&json!({ "llm": { "default": pair(round) } }))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watch_starts_and_stops_with_the_server() {
    let thoth = Thoth::start(&with(1)).await;
    let watch = thoth.get("/health/hot-reload").await;
    assert_eq!((&watch["enabled"], &watch["running"]), (&json!(true), &json!(true)));
    assert_eq!(watch["settings_file"], thoth.place.settings().to_str().unwrap());
    assert!(watch["last_modified"].as_f64().unwrap() > 1.7e9);
    let (_, took) = thoth.terminate();
    assert!(took < std::time::Duration::from_secs(2), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modified_file_is_reloaded() {
    let thoth = Thoth::start(&with(1)).await;
    for (round, save) in (2..).zip(Save::BOTH) {
        assert_eq!(thoth.save(save, &with(round)).await["verdict"], "applied");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_settings_are_rejected() {
    let thoth = Thoth::start(&with(1)).await;
    assert_eq!(thoth.save(Save::InPlace, "{ invalid }").await["verdict"], "rejected");
    assert_eq!(thoth.get("/api/v1/settings").await["settings"]["llm"]["default"]["model"], "m-1");
    crate::support::until(async || thoth.log().contains("Settings validation failed - skipping reload"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_that_a_change_concerns_says_so_in_the_log() {
    let thoth = Thoth::start(&with(1)).await;
    let verdict = thoth.save(Save::Rename, &with(2)).await;
    assert_eq!(service(&verdict, "llm").unwrap().0, "rebuilt");
    crate::support::until(async || {
        let log = thoth.log().to_lowercase();
        let said = |name: &str| log.lines().any(|line| line.contains(name) && line.contains("reload"));
        said("llmservice") && said("ragmanager")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_world_refuses_changes_nothing_until_the_world_lets_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let thoth = Thoth::start(&with(1)).await;
    let both = settings(&json!({
        "llm": { "default": pair(2) }, "servers": { "api": { "port": taken.local_addr().unwrap().port() } },
    }));
    let verdict = thoth.save(Save::Rename, &both).await;
    assert_eq!((&verdict["verdict"], &verdict["generation"]), (&json!("rejected"), &json!(1)));
    let shown = thoth.get("/api/v1/settings").await;
    assert_eq!(shown["settings"]["llm"]["default"]["model"], "m-1", "not half of it either");
    let waiting = thoth.get("/health/hot-reload").await["waiting"].clone();
    assert_eq!((&waiting["attempts"], &waiting["content"]), (&json!(1), &verdict["content"]), "{waiting}");
    assert!(thoth.log().contains("tried again"), "{}", thoth.log());
    let status = crate::support::text(&thoth.place.run(&["status"]));
    let told = status.lines().find(|line| line.trim_start().starts_with("waits")).unwrap_or(&status);
    let parts = ["the file was tried ", ", again at ", "`servers.api.port`"];
    assert!(parts.iter().all(|part| told.contains(part)), "{status}");
    let mut verdicts = thoth.verdicts().await;
    drop(taken);
    let applied = verdicts.next().await;
    assert_eq!((&applied["verdict"], &applied["cause"]), (&json!("applied"), &json!("retry")), "{applied}");
    assert_eq!(thoth.get("/api/v1/settings").await["settings"]["llm"]["default"]["model"], "m-2");
    assert_eq!(thoth.get("/health/hot-reload").await["waiting"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_save_takes_the_place_of_what_the_world_refused() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let thoth = Thoth::start(&with(1)).await;
    let waiting = async || thoth.get("/health/hot-reload").await["waiting"].clone();
    let port = json!({ "servers": { "api": { "port": taken.local_addr().unwrap().port() } } });
    for (newer, verdict) in [("{ \"llm\": 7 }".to_owned(), "rejected"), (with(2), "applied")] {
        assert_eq!(thoth.save(Save::Rename, &settings(&port)).await["verdict"], "rejected");
        assert_eq!(waiting().await["attempts"], 1);
        assert_eq!(thoth.save(Save::InPlace, &newer).await["verdict"], verdict);
        assert_eq!(waiting().await, Value::Null, "after {newer}");
    }
    assert!(!crate::support::text(&thoth.place.run(&["status"])).contains("the file was tried"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rapid_saves_end_in_the_last_one() {
    let thoth = Thoth::start(&with(0)).await;
    let mut verdicts = thoth.verdicts().await;
    for round in 1..=50 {
        Save::Rename.save(&thoth.place.settings(), &with(round));
    }
    loop {
        let verdict = verdicts.next().await;
        assert_ne!(verdict["verdict"], "rejected", "{verdict}");
        let shown = thoth.get("/api/v1/settings").await;
        if shown["settings"]["llm"]["default"]["model"] == "m-50" {
            break;
        }
    }
    assert_eq!(thoth.get("/health/hot-reload").await["drift"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_container_the_published_port_always_answers() {
    let (published, first, second) = (free_port(), free_port(), free_port());
    let place = Place::new().with("THOTH_DOCKER", "1").with("THOTH_PUBLISHED_PORT", &published.to_string());
    let at = |port: u16| settings(&json!({ "servers": { "api": { "host": "127.0.0.1", "port": port } } }));
    std::fs::write(place.settings(), at(first)).unwrap();
    let thoth = Thoth::start_in(place, &[]).await;
    assert_eq!(thoth.address(), format!("0.0.0.0:{first}"), "the host is pinned");
    let health = |port: u16| {
        let request = thoth.client.get(format!("http://127.0.0.1:{port}/health")).send();
        async { request.await.unwrap().status().as_u16() }
    };
    assert_eq!((health(first).await, health(published).await), (200, 200));
    assert_eq!(thoth.save(Save::Rename, &at(second)).await["verdict"], "applied");
    assert_eq!((health(second).await, health(published).await), (200, 200));
}
