//! Changes by command and by API: live and in the file with one verdict, or neither; comments, keys and other people's saves
//! stay.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::{Place, Save, Thoth, client, text, until};

const FILE: &str = r#"{
  // Why this model: it is cheap.
  "llm": { "default": { "model": "first/model", "temperature": 0.1 } }, # keep it low
  "apiKeys": { "openaiKey": "sk-today-0123456789" },
  "paths": {},
  "servers": {},
}
"#;

async fn start() -> Thoth {
    let place = Place::new();
    std::fs::write(place.settings(), FILE).unwrap();
    Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await
}

/// Runs a command beside the server: its exit, and what it printed.
pub async fn run(place: &Place, arguments: &[&str]) -> (bool, String) {
    let place = place.clone();
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let run = move || place.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let all = format!("{}{}", text(&output), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), all)
}

fn file(place: &Place) -> String {
    std::fs::read_to_string(place.settings()).unwrap()
}

async fn model(thoth: &Thoth) -> Value {
    thoth.get("/api/v1/settings").await["settings"]["llm"]["default"]["model"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn set_and_unset_change_one_key_and_nothing_else_of_the_file() {
    let thoth = start().await;
    let (done, told) = run(&thoth.place, &["settings", "set", "llm.default.model", "second/model"]).await;
    assert!(done && told.contains("#2 applied generation 2"), "{told}");
    assert_eq!(model(&thoth).await, "second/model");
    assert_eq!(file(&thoth.place), FILE.replace("first/model", "second/model"));
    // A snake_case spelling is the same key, a number stays a number.
    let (done, told) = run(&thoth.place, &["settings", "set", "llm.default.temperature", "0.7"]).await;
    assert!(done, "{told}");
    assert!(file(&thoth.place).contains("\"temperature\": 0.7 }"), "{}", file(&thoth.place));
    let (done, told) = run(&thoth.place, &["settings", "unset", "llm.default.temperature"]).await;
    assert!(done, "{told}");
    assert!(!file(&thoth.place).contains("temperature"), "{}", file(&thoth.place));
    let before = file(&thoth.place);
    let (done, told) = run(&thoth.place, &["settings", "set", "llm.default.temperature", "warm"]).await;
    assert!(!done && told.contains("rejected") && told.contains("llm.default.temperature"), "{told}");
    let (done, told) = run(&thoth.place, &["settings", "set", "llm.defualt.model", "x"]).await;
    assert!(!done && told.contains("is no key of the settings"), "{told}");
    assert_eq!(file(&thoth.place), before, "a refusal writes nothing");
    let reloads = thoth.get("/api/v1/reloads").await;
    let told: Vec<(&str, &str)> = reloads["reloads"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .skip(1)
        .map(|verdict| (verdict["cause"].as_str().unwrap(), verdict["actor"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("edit", "cli"); 4]);
    let (_, told) = run(&thoth.place, &["settings", "history"]).await;
    let ends: Vec<&str> = told.lines().filter_map(|line| Some(line.rsplit_once(" (")?.1)).collect();
    assert_eq!(ends[0], "edit by cli)", "{told}");
    assert!(ends[1].starts_with("edit by cli, ") && ends[4] == "start, kept)", "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_the_file_is_changed_and_what_would_be_refused_is_not() {
    let place = Place::new();
    std::fs::write(place.settings(), FILE).unwrap();
    let (done, told) = run(&place, &["settings", "set", "llm.default.model", "second/model"]).await;
    assert!(done && told.contains("no server runs"), "{told}");
    assert_eq!(file(&place), FILE.replace("first/model", "second/model"));
    for (arguments, part) in [
        (["llm.default.temperature", "9"], "temperature"),
        (["llm.defualt.model", "x"], "did you mean `llm.default.model`?"),
    ] {
        let (done, told) = run(&place, &[&["settings", "set"], &arguments[..]].concat()).await;
        assert!(!done && told.contains(part), "{told}");
        let (done, told) = run(&place, &[&["settings", "set", "--json"], &arguments[..]].concat()).await;
        let answer: Value = serde_json::from_str(&told).unwrap();
        assert!(!done && answer["written"] == false && told.contains(part), "{told}");
    }
    assert_eq!(file(&place), FILE.replace("first/model", "second/model"));
    // A file that is not there is made, and one that is no file is named.
    std::fs::remove_file(place.settings()).unwrap();
    let (done, told) = run(&place, &["settings", "set", "llm.default.top_p", "0.5"]).await;
    assert!(done, "{told}");
    assert!(file(&place).contains("\"topP\": 0.5"), "{}", file(&place));
    std::fs::remove_file(place.settings()).unwrap();
    std::fs::create_dir(place.settings()).unwrap();
    let (done, told) = run(&place, &["settings", "set", "llm.default.topP", "0.5"]).await;
    assert!(!done && told.contains("settings.json` stays as it was"), "{told}");
}

/// What somebody who has the role `api` has said of itself.
fn record(place: &Place, host: &str, address: Option<String>) {
    let record = json!({
        "role": "api", "pid": 7, "host": host, "version": "", "started_at": "2026-01-01T00:00:00Z", "address": address,
        "generation": 1, "safe_mode": false, "watch": true, "content": null, "file": null,
        "since": "2026-01-01T00:00:00Z", "last_verdict": null,
    });
    std::fs::write(place.state().join("instances/api.json"), record.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn past_a_server_that_lives_nothing_is_written() {
    let place = Place::new().with("EDITOR", "true");
    std::fs::write(place.settings(), FILE).unwrap();
    std::fs::create_dir_all(place.state().join("instances")).unwrap();
    // Whoever holds the lock lives, wherever that is.
    let lock = std::fs::File::create(place.state().join("instances/api.lock")).unwrap();
    lock.lock().unwrap();
    let here = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    let (silent, stranger) = (1, std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    stranger.set_nonblocking(true).unwrap();
    let set = ["settings", "set", "llm.default.model", "second/model"];
    let commands: [&[&str]; 4] = [
        &set,
        &["settings", "unset", "llm.default.temperature"],
        &["settings", "edit"],
        &["settings", "plan", "llm.default.model=second/model"],
    ];
    let other_role = place.clone().with("THOTH_ROLE", "mcp");
    for (place, host, port, part) in [
        (&place, &*here, silent, "and does not answer at 127.0.0.1:"),
        (&place, "elsewhere", stranger.local_addr().unwrap().port(), "and not here; run the command there"),
        (&other_role, &*here, silent, "has the role `api`; none has `mcp`"),
    ] {
        record(place, host, Some(format!("0.0.0.0:{port}")));
        for arguments in commands {
            let (done, told) = run(place, arguments).await;
            let lives = format!("a server of this vault lives on `{host}`, process 7, ");
            assert!(!done && told.contains(&lives) && told.contains(part), "{arguments:?}: {told}");
            assert!(!told.contains("no server runs"), "{arguments:?}: {told}");
        }
        assert_eq!(file(place), FILE);
    }
    let contact = stranger.accept().map(drop).unwrap_err();
    assert_eq!(contact.kind(), std::io::ErrorKind::WouldBlock, "nobody else learns the token");

    // It serves nothing that could be asked, but follows the file.
    record(&place, &here, None);
    let (done, told) = run(&place, &set).await;
    assert!(done && told.contains("has the vault, and takes this as any save"), "{told}");
    assert_eq!(file(&place), FILE.replace("first/model", "second/model"));

    // Killed: its record stands, its lock is free.
    record(&place, &here, Some(format!("127.0.0.1:{silent}")));
    lock.unlock().unwrap();
    let (done, told) = run(&place, &["settings", "set", "llm.default.model", "third/model"]).await;
    assert!(done && told.contains("no server runs: the next one starts with it"), "{told}");
    assert_eq!(file(&place), FILE.replace("first/model", "third/model"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_key_is_told_however_the_file_spells_it() {
    let place = Place::new().with("LETTA_SERVER_URL", "http://127.0.0.1:9");
    let section = "\"memory\": { \"letta\": { \"base_url\": \"http://127.0.0.1:7\" } },";
    std::fs::write(place.settings(), FILE.replace("\"paths\"", &format!("{section} \"paths\""))).unwrap();
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    let set = ["settings", "set", "memory.letta.serverUrl", "http://127.0.0.1:8"];
    let (done, told) = run(&thoth.place, &set).await;
    assert!(done && file(&thoth.place).contains("\"base_url\": \"http://127.0.0.1:8\""), "{told}");
    assert!(told.contains("has no effect: the variable `LETTA_SERVER_URL` pins it"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn if_match_keeps_a_change_from_a_file_that_nobody_has_seen() {
    let thoth = start().await;
    let http = client(0);
    let url = thoth.url("/api/v1/settings");
    let tag = async || {
        let shown = http.get(&url).send().await.unwrap();
        shown.headers()["etag"].to_str().unwrap().to_owned()
    };
    let put = async |tag: Option<&str>, body: &str| {
        let request = http.put(&url).bearer_auth(thoth.token()).body(body.to_owned());
        let request = tag.into_iter().fold(request, |request, tag| request.header("if-match", tag));
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let names = answer.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
        let verdict = answer.json::<Value>().await.unwrap();
        // Only what the caller sent is named: whatever else stands there, it has not seen.
        let sent = verdict["content"].as_str().filter(|_| status == 200).map(|tag| format!("\"{tag}\""));
        assert_eq!(names, sent, "{verdict}");
        (status, verdict)
    };
    let seen = tag().await;
    assert_eq!(put(None, FILE).await.0, 428);
    assert_eq!(put(Some("second"), FILE).await.0, 400);
    let (status, verdict) = put(Some(&seen), &FILE.replace("first", "second")).await;
    assert_eq!((status, &verdict["verdict"]), (200, &json!("applied")), "{verdict}");
    let (status, told) = put(Some(&seen), &FILE.replace("first", "third")).await;
    assert_eq!(status, 412, "{told}");
    assert_eq!(file(&thoth.place), FILE.replace("first", "second"));
    let (status, verdict) = put(Some(&tag().await), "{ \"llm\": ").await;
    assert_eq!((status, &verdict["verdict"]), (422, &json!("rejected")), "{verdict}");
    assert_eq!(put(Some("*"), FILE).await.0, 200);
    assert_eq!((file(&thoth.place), model(&thoth).await), (FILE.to_owned(), json!("first/model")));
    // Nobody without the token changes anything.
    let anonymous =
        http.patch(&url).json(&json!({ "changes": [{ "path": "llm.default.model", "value": "x" }] }));
    assert_eq!(anonymous.send().await.unwrap().status().as_u16(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_has_no_effect_says_what_lies_above_it() {
    let thoth = start().await;
    let local = thoth.place.settings().with_file_name("settings.local.json");
    std::fs::write(local, r#"{ "llm": { "default": { "topP": 0.25 } } }"#).unwrap();
    until(async || thoth.get("/api/v1/settings").await["settings"]["llm"]["default"]["topP"] == 0.25).await;
    for _ in 0..2 {
        let (done, told) = run(&thoth.place, &["settings", "set", "llm.default.topP", "0.5"]).await;
        assert!(done && told.contains("`settings.local.json` says something else"), "{told}");
    }
    let (done, told) = run(&thoth.place, &["settings", "set", "llm.default.maxTokens", "99"]).await;
    assert!(done && !told.contains("settings.local.json"), "it is not about this key: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rollback_brings_an_older_content_back_with_todays_keys() {
    let thoth = start().await;
    let old = FILE.replace("sk-today-0123456789", "sk-yesterday-0123456789").replace("first/", "old/");
    let mut verdicts = thoth.verdicts().await;
    std::fs::write(thoth.place.settings(), &old).unwrap();
    let id = verdicts.next().await["id"].as_u64().unwrap().to_string();
    std::fs::write(thoth.place.settings(), FILE).unwrap();
    verdicts.next().await;
    let (done, told) = run(&thoth.place, &["settings", "diff", "--to", &id]).await;
    assert!(done && told.contains("llm.default.model") && told.contains("+ \"old/model\""), "{told}");
    assert!(told.contains("apiKeys.openaiKey") && !told.contains("sk-"), "{told}");
    let (done, told) = run(&thoth.place, &["settings", "rollback", &id]).await;
    assert!(done && told.contains("applied"), "{told}");
    assert_eq!(file(&thoth.place), FILE.replace("first/", "old/"), "comments and today's key");
    assert_eq!(model(&thoth).await, "old/model");
    let (done, told) = run(&thoth.place, &["settings", "rollback", &id, "--with-keys"]).await;
    assert!(done, "{told}");
    assert_eq!(file(&thoth.place), old);
    let (done, told) = run(&thoth.place, &["settings", "rollback", "999"]).await;
    assert!(!done && told.contains("no content is kept of verdict 999"), "{told}");
    let last = &thoth.get("/api/v1/reloads?limit=1").await["reloads"][0];
    assert_eq!((&last["cause"], &last["actor"]), (&json!("rollback"), &json!("cli")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_file_said_is_not_in_the_history_and_that_is_told() {
    let thoth = start().await;
    let mut verdicts = thoth.verdicts().await;
    for model in ["a/model", "b/model"] {
        let local = json!({ "llm": { "default": { "model": model } } }).to_string();
        Save::Rename.save(&thoth.place.settings().with_file_name("settings.local.json"), &local);
        assert_eq!(verdicts.next().await["verdict"], "applied");
    }
    let warning = "at verdict 2 another file was different (`settings.local.json`";
    let (done, told) = run(&thoth.place, &["settings", "diff", "--from", "2", "--to", "3"]).await;
    assert!(done && told.contains(warning) && !told.contains("at verdict 3"), "{told}");
    let (_, told) = run(&thoth.place, &["settings", "diff", "--from", "3"]).await;
    assert_eq!(told.trim(), "nothing differs", "the files are those of today");
    let (done, told) = run(&thoth.place, &["settings", "rollback", "2"]).await;
    assert!(done && told.contains(warning) && told.contains("unchanged"), "{told}");
    assert_eq!(model(&thoth).await, "b/model");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_changes_a_copy_and_what_is_refused_is_kept() {
    let thoth = start().await;
    let script = |name: &str, program: &str| {
        let path = thoth.place.vault().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{program}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path.display().to_string()
    };
    let edit = async |program: String| {
        run(&thoth.place.clone().with("EDITOR", &program), &["settings", "edit"]).await
    };
    let good = script("good", "sed -i s/first/second/ \"$1\"");
    let (done, told) = edit(good).await;
    assert!(done && told.contains("applied"), "{told}");
    assert_eq!(file(&thoth.place), FILE.replace("first", "second"));
    let (done, told) = edit(script("idle", "true")).await;
    assert!(done && told.contains("nothing was changed"), "{told}");
    let (done, told) = edit(script("bad", "sed -i 's/0.1/\"low\"/' \"$1\"")).await;
    assert!(!done && told.contains("refused") && told.contains("is kept in"), "{told}");
    assert_eq!(file(&thoth.place), FILE.replace("first", "second"));
    // Somebody else saves while the editor is open.
    let theirs = thoth.place.settings().display().to_string();
    let late = script("late", &format!("sed -i s/second/third/ \"$1\"; sed -i s/0.1/0.2/ {theirs}"));
    let (done, told) = edit(late).await;
    assert!(!done && told.contains("changed by somebody else"), "{told}");
    assert_eq!(file(&thoth.place), FILE.replace("first", "second").replace("0.1", "0.2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_from_a_broken_file_keeps_the_keys_that_run() {
    let thoth = start().await;
    let mut verdicts = thoth.verdicts().await;
    std::fs::write(thoth.place.settings(), FILE.replace("sk-today", "sk-newer").replace("first/", "second/"))
        .unwrap();
    verdicts.next().await;
    for broken in [Some("{ broken"), Some(""), None] {
        match broken {
            Some(broken) => std::fs::write(thoth.place.settings(), broken).unwrap(),
            None => std::fs::remove_file(thoth.place.settings()).unwrap(),
        }
        assert_eq!(verdicts.next().await["verdict"], "rejected");
        let (done, told) = run(&thoth.place, &["settings", "rollback", "1"]).await;
        assert!(done, "{told}");
        assert_eq!(file(&thoth.place), FILE.replace("sk-today", "sk-newer"), "{broken:?}");
        verdicts.next().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_file_s_place_is_named_and_never_replaced_unseen() {
    let thoth = start().await;
    let mut verdicts = thoth.verdicts().await;
    let set = async |value: &str| run(&thoth.place, &["settings", "set", "llm.default.model", value]).await;
    std::fs::write(thoth.place.settings(), "{ broken").unwrap();
    verdicts.next().await;
    let (done, told) = set("x/y").await;
    assert!(!done && told.contains("cannot be changed as it stands: 1:3: the key `broken`"), "{told}");
    std::fs::remove_file(thoth.place.settings()).unwrap();
    verdicts.next().await;
    let (done, told) = set("x/y").await;
    assert!(done, "{told}");
    assert!(file(&thoth.place).contains("x/y"));
    verdicts.next().await;
    std::fs::remove_file(thoth.place.settings()).unwrap();
    verdicts.next().await;
    let script = thoth.place.vault().join("editor");
    let next = FILE.replace("first", "edited");
    std::fs::write(&script, format!("#!/bin/sh\ncat > \"$1\" <<'END'\n{next}END\n")).unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let editor = thoth.place.clone().with("EDITOR", script.to_str().unwrap());
    let (done, told) = run(&editor, &["settings", "edit"]).await;
    assert!(done, "{told}");
    assert_eq!(file(&thoth.place), next);
    verdicts.next().await;
    std::fs::remove_file(thoth.place.settings()).unwrap();
    std::fs::create_dir(thoth.place.settings()).unwrap();
    verdicts.next().await;
    for arguments in [vec!["set", "llm.default.model", "x/z"], vec!["diff"]] {
        let (done, told) = run(&thoth.place, &[vec!["settings"], arguments].concat()).await;
        assert!(!done && told.contains("cannot be read: it is not a regular file"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_works_without_a_server_too() {
    let place = Place::new();
    std::fs::write(place.settings(), FILE).unwrap();
    let (done, told) = run(&place, &["settings", "edit"]).await;
    assert!(!done && told.contains("set `VISUAL` or `EDITOR`"), "{told}");
    assert!(!place.state().exists(), "nothing is made where nobody can edit it");
    let edit = async |name: &str, program: &str| {
        let path = place.vault().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{program}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        run(&place.clone().with("EDITOR", path.to_str().unwrap()), &["settings", "edit"]).await
    };
    let (done, told) = edit("good", "sed -i s/first/second/ \"$1\"").await;
    assert!(done && told.contains("no server runs"), "{told}");
    assert_eq!(file(&place), FILE.replace("first", "second"));
    let (done, told) = edit("bad", "sed -i 's/0.1/9/' \"$1\"").await;
    assert!(!done && told.contains("`9` is not within 0 to 2") && told.contains("is kept in"), "{told}");
    let theirs = place.settings().display().to_string();
    let (done, told) =
        edit("late", &format!("sed -i s/second/third/ \"$1\"; sed -i s/0.1/0.2/ {theirs}")).await;
    assert!(!done && told.contains("changed by somebody else"), "{told}");
    assert_eq!(file(&place), FILE.replace("first", "second").replace("0.1", "0.2"));
    let kept = std::fs::read_dir(place.state()).unwrap().filter_map(Result::ok);
    let kept: Vec<String> = kept.map(|entry| std::fs::read_to_string(entry.path()).unwrap()).collect();
    assert!(kept.len() == 2 && kept.iter().any(|text| text.contains("third")), "{kept:?}");
}
