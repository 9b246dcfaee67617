//! What is refused, with its place; and nothing else happens.

use serde_json::{Value, json};

use crate::load::{Wrk, pair};
use crate::support::{Save, Thoth, settings};

/// Everything that a refused save must leave as it is.
async fn state(thoth: &Thoth) -> Value {
    let process = std::path::PathBuf::from(format!("/proc/{}", thoth.process()));
    let listening = |table: &str| {
        let table = std::fs::read_to_string(process.join("net").join(table)).unwrap();
        let own = std::fs::read_dir(process.join("fd")).unwrap().flatten();
        let sockets: Vec<String> = own
            .filter_map(|entry| std::fs::read_link(entry.path()).ok()?.to_str().map(str::to_owned))
            .filter_map(|target| Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
            .collect();
        // The fourth column is the state, 0A for listening; the tenth is the inode.
        let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
        let mut ours: Vec<String> = rows
            .filter(|row| row[3] == "0A" && sockets.iter().any(|socket| socket == row[9]))
            .map(|row| row[1].to_owned())
            .collect();
        ours.sort();
        ours
    };
    let vault: Vec<String> = walk(&thoth.place.vault());
    let health = thoth.get("/health").await;
    json!({
        "settings": thoth.get("/api/v1/settings").await,
        "listening": listening("tcp"),
        "vault": vault,
        "services": health["services"],
        "candidates": walk(&thoth.place.state().join("history/candidates")),
    })
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        found.push(entry.path().display().to_string());
        found.extend(walk(&entry.path()));
    }
    found.retain(|name| !name.ends_with("settings.json"));
    found.sort();
    found
}

/// What is saved; then path, line and column of the first problem, and a part of what is said.
type Case<'a> = (&'a str, &'a str, Option<(u64, u64)>, &'a str);

#[tokio::test(flavor = "multi_thread")]
async fn bad_saves_are_refused_with_their_place_and_leave_no_trace() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let thoth = Thoth::start(&settings(&json!({ "llm": { "default": pair(1) } }))).await;
    crate::support::until(async || thoth.get("/health").await["services"]["pdf"]["status"] == "ok").await;
    let before = state(&thoth).await;
    let load = Wrk::start(&thoth);
    let port_taken = format!(
        "{{\"paths\": {{\"pdf\": \"made/never\"}}, \"logging\": {{\"level\": \"DEBUG\"}}, \
         \"servers\": {{\"api\": {{\"port\": {port}}}}}}}"
    );
    let refused: [Case<'_>; 12] = [
        ("{\n  \"llm\": {\n", "", Some((2, 11)), "half written"),
        ("{ nothing }", "", Some((1, 3)), "quotes"),
        (
            "{\n  \"llm\": {\"default\": {\"temperature\": \"0.7\"}}\n}",
            "llm.default.temperature",
            Some((2, 38)),
            "number",
        ),
        ("{\"rag\": {\"chunkSize\": 4000.0}}", "rag.chunkSize", Some((1, 23)), "4000"),
        ("{\"llm\": {\"default\": {\"temperature\": 2.5}}}", "llm.default.temperature", Some((1, 37)), "2"),
        (
            "{\"llm\": {\"default\": {\"temprature\": 0.5}}}",
            "llm.default.temprature",
            Some((1, 22)),
            "unknown key",
        ),
        (
            "{\"rag\": {\"chunkSize\": 200, \"chunkOverlap\": 300}}",
            "rag.chunkOverlap",
            Some((1, 44)),
            "chunkSize",
        ),
        ("", "", None, "empty"),
        ("{}", "", Some((1, 1)), "sets nothing"),
        ("{\"llm\": {}}\n{\"test\": true}\n", "", Some((2, 1)), "second value"),
        ("{\"paths\": {\"pdf\": \"../../etc\"}}", "paths.pdf", Some((1, 19)), "vault"),
        (&port_taken, "servers.api.port", None, "taken"),
    ];
    for (content, path, place, said) in refused {
        for save in Save::BOTH {
            let verdict = thoth.save(save, content).await;
            assert_eq!(verdict["verdict"], "rejected", "{content}");
            let problem = &verdict["problems"][0];
            assert_eq!(problem["path"], path, "{content}: {problem}");
            if let Some((line, column)) = place {
                assert_eq!(
                    (&problem["line"], &problem["column"]),
                    (&json!(line), &json!(column)),
                    "{content}: {problem}"
                );
            }
            assert!(problem.to_string().contains(said), "{content}: {problem} does not say `{said}`");
            assert_eq!(verdict["services"], json!([]), "{content}");
            let watch = thoth.get("/health/hot-reload").await;
            assert_eq!((&watch["drift"], &watch["generation"]), (&json!(true), &verdict["generation"]));
        }
    }
    let mut verdicts = thoth.verdicts().await;
    std::fs::remove_file(thoth.place.settings()).unwrap();
    let missing = verdicts.next().await;
    assert_eq!(missing["verdict"], "rejected");
    let message = missing["problems"][0]["message"].as_str().unwrap();
    assert!(message.contains(thoth.place.settings().to_str().unwrap()), "{message}");
    assert_eq!(state(&thoth).await, before, "nothing else happened");
    assert!(!thoth.log().contains(" DEBUG "), "the log's level is that of the live generation");
    assert_eq!(thoth.client.get(thoth.url("/health")).send().await.unwrap().status(), 200);
    assert!(thoth.place.run(&["health"]).status.success(), "a typing error is no reason to kill");
    if let Some(load) = load {
        load.finish();
    }
    let mended = thoth.save(Save::InPlace, &settings(&json!({ "llm": { "default": pair(2) } }))).await;
    assert_eq!(mended["verdict"], "applied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_touch_and_a_comment_are_saves_that_change_nothing() {
    let content = settings(&json!({ "llm": { "default": pair(1) } }));
    let thoth = Thoth::start(&content).await;
    let comment = thoth.save(Save::InPlace, &format!("{content}\n# Test change\n")).await;
    assert_eq!(comment["verdict"], "unchanged", "{comment}");
    let mut verdicts = thoth.verdicts().await;
    let file = std::fs::File::options().append(true).open(thoth.place.settings()).unwrap();
    file.set_modified(std::time::SystemTime::now()).unwrap();
    assert_eq!(verdicts.next().await["verdict"], "unchanged");
    crate::support::until(async || thoth.log().matches("Settings reloaded successfully").count() >= 3).await;
}
