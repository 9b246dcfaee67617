//! Files beside `settings.json`: the one of this machine, secrets, templates. Each save of one is a save, however it is made.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::probation;
use crate::roles::Three;
use crate::support::{Place, Save, Thoth, Verdicts, service, settings, text, until};

const MODEL: &str = "llm.default.model";

fn main_file() -> String {
    settings(
        &json!({ "llm": { "default": { "model": "of/all" } }, "paths": { "pdf": "pdf", "notes": "notes" } }),
    )
}

fn local_file(model: &str) -> String {
    format!("{{\n  // of this machine\n  \"llm\": {{ \"default\": {{ \"model\": {model} }} }}\n}}\n")
}

/// Saves a file, and gives the verdict that follows: that of a save.
async fn saved(verdicts: &mut Verdicts, how: Save, file: &Path, content: &str) -> Value {
    how.save(file, content);
    verdict(verdicts).await
}

async fn verdict(verdicts: &mut Verdicts) -> Value {
    let verdict = verdicts.next().await;
    assert_eq!(verdict["cause"], "save", "{verdict}");
    verdict
}

async fn key(thoth: &Thoth, path: &str) -> Value {
    let shown = thoth.get("/api/v1/settings/effective").await;
    shown["keys"].as_array().unwrap().iter().find(|state| state["key"] == path).unwrap().clone()
}

/// Whether a file is watched, and whether it is there.
async fn watched(thoth: &Thoth, file: &Path) -> Option<bool> {
    let told = thoth.get("/health/hot-reload").await;
    let all = told["other_files"].as_array().unwrap();
    all.iter().find(|other| other["file"] == file.display().to_string()).map(|other| other["present"] == true)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_this_machine_comes_changes_is_refused_and_goes() {
    let thoth = Thoth::start(&main_file()).await;
    let local = thoth.place.settings().with_file_name("settings.local.json");
    let mut verdicts = thoth.verdicts().await;
    assert_eq!(watched(&thoth, &local).await, Some(false));
    for how in Save::BOTH {
        let applied = saved(&mut verdicts, how, &local, &local_file("\"of/this\"")).await;
        assert_eq!(applied["verdict"], "applied", "{how:?}: {applied}");
        assert_eq!(service(&applied, "llm"), Some(("rebuilt", "`llm.default.model` changed")), "{applied}");
        assert_eq!(service(&applied, "http").unwrap().0, "kept", "{applied}");
        assert_eq!(watched(&thoth, &local).await, Some(true));
        let state = key(&thoth, MODEL).await;
        assert_eq!(
            (&state["value"], &state["file"], &state["line"]),
            (&json!("of/this"), &json!("settings.local.json"), &json!(3))
        );
        assert_eq!(state["differs"], Value::Null, "{state}");

        let refused = saved(&mut verdicts, how, &local, &local_file("7")).await;
        let problem = &refused["problems"][0];
        assert_eq!(
            (&refused["verdict"], &problem["file"], &problem["line"], &problem["column"], &problem["path"]),
            (&json!("rejected"), &json!(".thoth/settings.local.json"), &json!(3), &json!(34), &json!(MODEL)),
            "{refused}"
        );
        assert_eq!(thoth.get("/health/hot-reload").await["drift"], true);
        let state = key(&thoth, MODEL).await;
        assert_eq!(
            (&state["value"], &state["differs"]),
            (&json!("of/this"), &json!("the newest save was refused")),
            "{state}"
        );
        let checked = thoth.place.run(&["settings", "check"]);
        let told = text(&checked);
        assert!(!checked.status.success() && told.contains("[.thoth/settings.local.json:3:34]"), "{told}");

        let half = saved(&mut verdicts, how, &local, "{ \"llm\": {").await;
        assert_eq!(
            (&half["verdict"], &half["problems"][0]["file"]),
            (&json!("rejected"), &json!(".thoth/settings.local.json"))
        );
        let repaired = saved(&mut verdicts, how, &local, &local_file("\"of/this/again\"")).await;
        assert_eq!(repaired["verdict"], "applied", "{repaired}");
        assert_eq!(key(&thoth, MODEL).await["value"], "of/this/again");
        let shown = text(&thoth.place.run(&["settings", "show", "--origin"]));
        assert!(shown.contains("\"of/this/again\"  settings.local.json:3; llm since "), "{shown}");
        let status = text(&thoth.place.run(&["status"]));
        assert!(status.contains("reads      .thoth/settings.local.json"), "{status}");

        std::fs::remove_file(&local).unwrap();
        let removed = verdict(&mut verdicts).await;
        assert_eq!(
            (&removed["verdict"], &key(&thoth, MODEL).await["value"]),
            (&json!("applied"), &json!("of/all")),
            "{removed}"
        );
        assert_eq!(thoth.get("/health/hot-reload").await["drift"], false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_without_a_server_goes_by_the_file_of_this_machine_too() {
    let place = Place::new();
    std::fs::write(place.settings(), main_file()).unwrap();
    let local = place.settings().with_file_name("settings.local.json");
    std::fs::write(&local, local_file("\"of/this\"")).unwrap();
    let shown = text(&place.run(&["settings", "show", "--origin"]));
    assert!(shown.contains("\"of/this\"  settings.local.json:3"), "{shown}");
    std::fs::write(&local, local_file("7")).unwrap();
    let refused = place.run(&["search", "anything"]);
    assert!(
        !refused.status.success() && text(&refused).contains(".thoth/settings.local.json:3:34"),
        "{}",
        text(&refused)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_secret_is_used_by_the_next_request_and_stands_nowhere_else() {
    let (first, second) = ("sk-first-0123456789abcdef", "sk-second-0123456789abcdef");
    let provider = probation::provider(second).await;
    let place = Place::new();
    let secret = place.folder.path().join("key");
    std::fs::write(&secret, first).unwrap();
    let place = place.with("THOTH_CUSTOM_API_KEY_FILE", &secret.display().to_string());
    std::fs::write(place.settings(), probation::with(&provider, "", 0)).unwrap();
    place.drop_paper("okonkwo2024.pdf", "thoth/papers/pdfs");
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    thoth.papers(1).await;
    assert!(probation::ask(&thoth).await["note"].as_str().unwrap().contains("401"));
    assert_eq!(watched(&thoth, &secret).await, Some(true));
    let mut verdicts = thoth.verdicts().await;

    let refused =
        saved(&mut verdicts, Save::Rename, &secret, "sk-a-0123456789abcdef\nsk-b-0123456789abcdef\n").await;
    let problem = &refused["problems"][0];
    assert_eq!(
        (&refused["verdict"], &problem["path"]),
        (&json!("rejected"), &json!("apiKeys.customKey")),
        "{refused}"
    );
    assert!(problem["message"].as_str().unwrap().contains("holds more than one line"), "{refused}");
    assert_eq!(thoth.get("/health/hot-reload").await["drift"], true);

    for (how, content) in
        [(Save::InPlace, format!("{second}\n")), (Save::Rename, format!("{second}\r\n\r\n"))]
    {
        let applied = saved(&mut verdicts, how, &secret, &content).await;
        let answered = probation::ask(&thoth).await;
        assert!(!answered["note"].as_str().unwrap_or_default().contains("401"), "{how:?}: {answered}");
        match how {
            Save::InPlace => {
                assert_eq!(service(&applied, "llm"), Some(("rebuilt", "a secret changed")), "{applied}");
                assert_eq!(service(&applied, "letta").unwrap().0, "kept", "{applied}");
            }
            Save::Rename => assert_eq!(applied["verdict"], "unchanged", "{applied}"),
        }
    }
    std::fs::remove_file(&secret).unwrap();
    let removed = verdict(&mut verdicts).await;
    assert_eq!(removed["verdict"], "applied", "{removed}");
    assert!(removed["warnings"].to_string().contains("is missing"), "{removed}");
    assert_eq!(key(&thoth, "apiKeys.customKey").await["value"], "");

    let told = [
        thoth.log(),
        thoth.get("/api/v1/reloads").await.to_string(),
        thoth.get("/health/hot-reload").await.to_string(),
    ];
    let mut written = told.concat().into_bytes();
    for file in files_below(&thoth.place.state()) {
        written.extend(std::fs::read(file).unwrap());
    }
    for key in ["sk-first", "sk-second", "sk-a-", "sk-b-"] {
        assert!(
            !written.windows(key.len()).any(|window| window == key.as_bytes()),
            "`{key}` was written down"
        );
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_of_notes_is_followed_and_a_broken_one_never_goes_live() {
    let place = Place::new();
    std::fs::write(place.settings(), main_file()).unwrap();
    place.drop_paper("okonkwo2024.pdf", "pdf");
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    let note = thoth.place.vault().join(thoth.papers(1).await[0]["note"].as_str().unwrap());
    let read = || std::fs::read_to_string(&note).unwrap();
    let refresh = || text(&thoth.place.run(&["notes", "refresh"]));
    std::fs::write(&note, read() + "My own words.\n").unwrap();
    let built_in = read();
    let template = thoth.place.vault().join("thoth/_thoth/templates/note.md");
    std::fs::create_dir_all(template.parent().unwrap()).unwrap();
    let mut verdicts = thoth.verdicts().await;
    for (how, word) in [(Save::InPlace, "First"), (Save::Rename, "Second")] {
        let good = format!("{word}: {{{{ title }}}}, {{{{ year }}}}\n");
        let applied = saved(&mut verdicts, how, &template, &good).await;
        assert_eq!(applied["verdict"], "applied", "{applied}");
        let (did, why) = service(&applied, "pdf").unwrap();
        let names = why.starts_with("writes notes by `thoth/_thoth/templates/note.md` (");
        assert!(did == "followed" && names, "{applied}");
        for other in ["llm", "rag", "citations", "letta", "http", "mcp"] {
            assert_eq!(service(&applied, other).unwrap().0, "kept", "{applied}");
        }
        assert_eq!(thoth.get("/health").await["services"]["pdf"]["since"], applied["generation"]);
        assert!(!read().contains(&format!("{word}: ")), "an old note waits for its refresh");
        assert!(refresh().contains("updated"));
        assert!(
            read().contains(&format!("{word}: Fading Directions")) && !read().contains("## Outline"),
            "{}",
            read()
        );
        assert!(
            read().ends_with("My own words.\n") && read().starts_with("---\ntitle: \"Fading"),
            "{}",
            read()
        );

        let broken = saved(&mut verdicts, how, &template, &format!("{word}\n\n{{{{ titel }}}}\n")).await;
        let problem = &broken["problems"][0];
        assert_eq!(
            (&broken["verdict"], &problem["file"], &problem["line"], &problem["column"], &problem["hint"]),
            (
                &json!("rejected"),
                &json!("thoth/_thoth/templates/note.md"),
                &json!(3),
                &json!(4),
                &json!("did you mean `title`?")
            ),
            "{broken}"
        );
        let checked = thoth.place.run(&["settings", "check"]);
        let told = text(&checked);
        assert!(!checked.status.success() && told.contains("[thoth/_thoth/templates/note.md:3:4]"), "{told}");
        assert_eq!(thoth.get("/health/hot-reload").await["drift"], true);
        assert!(refresh().contains("unchanged"), "the one before stays in use");
        let back = saved(&mut verdicts, how, &template, &good).await;
        assert_eq!(back["verdict"], "unchanged", "{back}");
    }
    // Notes of new papers are written by it.
    thoth.place.drop_paper("ferreira2022.pdf", "pdf");
    let rows = thoth.papers(2).await;
    let other = rows.iter().find(|row| row["file"].as_str().unwrap().contains("ferreira")).unwrap();
    let other = std::fs::read_to_string(thoth.place.vault().join(other["note"].as_str().unwrap())).unwrap();
    assert!(other.contains("\nSecond: "), "{other}");

    std::fs::remove_file(&template).unwrap();
    let removed = verdict(&mut verdicts).await;
    assert_eq!(service(&removed, "pdf"), Some(("followed", "writes notes as it is built in")), "{removed}");
    refresh();
    assert_eq!(read(), built_in, "byte for byte");
}

#[tokio::test(flavor = "multi_thread")]
async fn instructions_for_answers_are_followed_and_keep_their_rules() {
    let provider = probation::provider("sk-right").await;
    let thoth = probation::thoth(&provider, 0).await;
    let told = async || {
        probation::ask(&thoth).await;
        let requests = provider.received_requests().await.unwrap();
        let body: Value = serde_json::from_slice(&requests.last().unwrap().body).unwrap();
        body["messages"][0]["content"].as_str().unwrap().to_owned()
    };
    let built_in = told().await;
    assert!(built_in.starts_with("You answer a question") && built_in.contains("NOT FOUND"), "{built_in}");
    let prompt = thoth.place.vault().join("thoth/_thoth/prompts/answer.md");
    std::fs::create_dir_all(prompt.parent().unwrap()).unwrap();
    let mut verdicts = thoth.verdicts().await;
    for how in Save::BOTH {
        let content = format!("Answer as {how:?} would, by {{{{ passages }}}} passages.\n{{{{ rules }}}}\n");
        let applied = saved(&mut verdicts, how, &prompt, &content).await;
        let why = "`the file answer.md of paths.prompts` changed";
        assert_eq!(service(&applied, "rag"), Some(("rebuilt", why)), "{applied}");
        assert_eq!(
            (service(&applied, "llm").unwrap().0, service(&applied, "pdf")),
            ("kept", None),
            "{applied}"
        );
        let now = told().await;
        assert!(
            now.starts_with(&format!("Answer as {how:?} would, by 4 passages.\n- After every statement")),
            "{now}"
        );
        for (content, line, part) in
            [("Be brief.\n", 1, "leave out"), ("{{ rules }}\n{{ tone }}\n", 2, "`tone` is not known")]
        {
            let refused = saved(&mut verdicts, how, &prompt, content).await;
            let problem = &refused["problems"][0];
            assert_eq!(
                (&refused["verdict"], &problem["line"]),
                (&json!("rejected"), &json!(line)),
                "{refused}"
            );
            assert_eq!(problem["file"], "thoth/_thoth/prompts/answer.md", "{refused}");
            assert!(problem["message"].as_str().unwrap().contains(part), "{refused}");
        }
        assert_eq!(told().await, now);
    }
    std::fs::remove_file(&prompt).unwrap();
    assert_eq!(verdict(&mut verdicts).await["verdict"], "applied");
    assert_eq!(told().await, built_in);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_agree_on_all_files() {
    let three = Three::start(&json!({ "llm": { "default": { "model": "of/all" } } })).await;
    let place = three.api.place.clone();
    let local = place.settings().with_file_name("settings.local.json");
    let template = place.vault().join("thoth/_thoth/templates/note.md");
    std::fs::create_dir_all(template.parent().unwrap()).unwrap();
    let all_run = async |model: &str| {
        for thoth in three.each() {
            until(async || {
                thoth.get("/api/v1/settings").await["settings"]["llm"]["default"]["model"] == model
            })
            .await;
        }
        three.instances(|told| told["agree"] == true).await;
    };
    Save::Rename.save(&local, &local_file("\"of/this\""));
    all_run("of/this").await;
    Save::InPlace.save(&template, "{{ titel }}\n");
    let told = three.instances(|told| {
        let all = told["instances"].as_array().unwrap();
        all.iter().all(|one| one["last_verdict"]["verdict"] == "rejected")
    });
    let told = told.await;
    assert!(told["agree"] == true, "all of them refused it: {told}");
    Save::Rename.save(&template, "{{ title }}\n");
    std::fs::remove_file(&local).unwrap();
    all_run("of/all").await;
    let contents = three.instances(|told| told["agree"] == true).await;
    let contents: Vec<&Value> =
        contents["instances"].as_array().unwrap().iter().map(|one| &one["content"]).collect();
    assert!(contents.iter().all(|content| content.is_string() && *content == contents[0]), "{contents:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_beside_a_settings_file_that_says_nothing_are_followed_and_its_end_is_still_refused() {
    for said in [None, Some("{}")] {
        let place = Place::new();
        let secret = place.folder.path().join("key");
        std::fs::write(&secret, "sk-first-0123456789abcdef").unwrap();
        let place = place.with("OPENROUTER_API_KEY_FILE", &secret.display().to_string());
        if let Some(said) = said {
            std::fs::write(place.settings(), said).unwrap();
        }
        let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
        let mut verdicts = thoth.verdicts().await;
        let rotated = saved(&mut verdicts, Save::Rename, &secret, "sk-second-0123456789abcdef").await;
        assert_eq!(service(&rotated, "llm"), Some(("rebuilt", "a secret changed")), "{said:?}: {rotated}");
        let local = thoth.place.settings().with_file_name("settings.local.json");
        let applied = saved(&mut verdicts, Save::InPlace, &local, &local_file("\"of/this\"")).await;
        assert_eq!(applied["verdict"], "applied", "{said:?}: {applied}");
        assert_eq!(key(&thoth, MODEL).await["value"], "of/this");
        assert_eq!(thoth.get("/health/hot-reload").await["drift"], false, "{said:?}");

        let full = settings(&json!({ "llm": { "default": { "temperature": 0.3 } } }));
        let applied = saved(&mut verdicts, Save::Rename, &thoth.place.settings(), &full).await;
        assert_eq!(applied["verdict"], "applied", "{said:?}: {applied}");
        match said {
            Some(said) => Save::Rename.save(&thoth.place.settings(), said),
            None => std::fs::remove_file(thoth.place.settings()).unwrap(),
        }
        let refused = verdict(&mut verdicts).await;
        assert_eq!(refused["verdict"], "rejected", "what was emptied or removed is no settings: {refused}");
    }
}
