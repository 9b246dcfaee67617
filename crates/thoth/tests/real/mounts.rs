//! Mounts as containers have them: a settings file mounted alone, which a save outside leaves behind; a vault that may
//! only be read. And limits of the kernel that others have used up.

use std::process::Command;

use serde_json::json;

use crate::support::{Place, Save, Thoth, service, settings, text, until};

/// Runs what follows in a mount namespace of its own, in which the first file lies over the second.
const BIND: &str = r#"mount --bind "$1" "$2" && shift 2 && exec "$@""#;

/// The same, with the folder as one that may only be read.
const READ_ONLY: &str = r#"mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@""#;

fn permitted() -> bool {
    let tried = Command::new("unshare").args(["--mount", "mount", "--bind", "/tmp", "/tmp"]).output();
    let permitted = tried.as_ref().is_ok_and(|output| output.status.success());
    if !permitted {
        eprintln!("skipped: mounts: `unshare --mount` is not permitted here");
    }
    permitted
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_mounted_alone_and_replaced_outside_is_found_and_explained() {
    if !permitted() {
        return;
    }
    let mut place = Place::new();
    let outside = place.folder.path().join("outside.json");
    let with = |model: &str| settings(&json!({ "llm": { "default": { "model": model } } }));
    std::fs::write(&outside, with("first")).unwrap();
    std::fs::write(place.settings(), "").unwrap();
    place.through = ["unshare", "--mount", "sh", "-c", BIND, "sh"].map(str::to_owned).to_vec();
    place.through.extend([&outside, &place.settings()].map(|path| path.to_str().unwrap().to_owned()));

    let mut thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    thoth.place.through.clear();
    let model = async || thoth.get("/api/v1/settings").await["settings"]["llm"]["default"]["model"].clone();
    let finding = async || thoth.get("/health/hot-reload").await["watch"]["finding"].clone();
    until(async || thoth.log().contains("is a mount of its own: a save")).await;
    assert_eq!((model().await, finding().await), (json!("first"), json!(null)));
    Save::InPlace.save(&outside, &with("second"));
    until(async || model().await == "second").await;
    assert!(thoth.place.run(&["health"]).status.success());

    Save::Rename.save(&outside, &with("third"));
    until(async || finding().await.is_string()).await;
    let said = text(&thoth.place.run(&["health"]));
    let folder = thoth.place.settings().parent().unwrap().display().to_string();
    assert!(said.contains("put in its place outside") && said.contains(&folder), "{said}");
    assert_eq!(model().await, "second", "what is live stays live");
    assert!(thoth.log().contains(finding().await.as_str().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_mounted_alone_and_replaced_outside_is_found_and_explained() {
    if !permitted() {
        return;
    }
    let mut place = Place::new();
    let (outside, secret) =
        (place.folder.path().join("openrouter.key"), place.folder.path().join("openrouter_api_key"));
    std::fs::write(&outside, "sk-or-v1-first").unwrap();
    std::fs::write(&secret, "").unwrap();
    std::fs::write(place.settings(), settings(&json!({ "logging": { "level": "INFO" } }))).unwrap();
    place = place.with("OPENROUTER_API_KEY_FILE", secret.to_str().unwrap());
    place.through = ["unshare", "--mount", "sh", "-c", BIND, "sh"].map(str::to_owned).to_vec();
    place.through.extend([&outside, &secret].map(|path| path.to_str().unwrap().to_owned()));

    let mut thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    thoth.place.through.clear();
    let mut verdicts = thoth.verdicts().await;
    Save::InPlace.save(&outside, "sk-or-v1-second");
    let verdict = verdicts.next().await;
    assert_eq!(verdict["verdict"], "applied", "{verdict}");
    assert_eq!(service(&verdict, "llm"), Some(("rebuilt", "a secret changed")));
    assert!(thoth.place.run(&["health"]).status.success());

    Save::Rename.save(&outside, "sk-or-v1-third");
    until(async || !thoth.place.run(&["health"]).status.success()).await;
    let said = text(&thoth.place.run(&["health"]));
    let name = format!("`{}` is a mount of its own", secret.display());
    assert!(said.contains(&name) && said.contains("save in place from now on"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_may_only_be_read_is_searched_and_its_settings_followed() {
    if !permitted() {
        return;
    }
    let mut place = Place::new();
    let with = |model: &str| settings(&json!({ "llm": { "default": { "model": model } } }));
    std::fs::write(place.settings(), with("first")).unwrap();
    let paper = place.drop_paper("okonkwo2024.pdf", "thoth/papers/pdfs");
    assert!(place.run(&["ingest", paper.to_str().unwrap()]).status.success());
    place.through = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh"].map(str::to_owned).to_vec();
    place.through.push(place.vault().to_str().unwrap().to_owned());

    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    let found = thoth.get("/api/v1/search?q=dance%20fading").await;
    assert_ne!(found["hits"], json!([]), "{found}");
    until(async || thoth.log().contains("cannot be made: the vault is mounted so that it may only be read"))
        .await;
    Save::Rename.save(&thoth.place.settings(), &with("second"));
    until(async || thoth.get("/api/v1/settings").await["settings"]["llm"]["default"]["model"] == "second")
        .await;
    assert_eq!(thoth.get("/health/hot-reload").await["safe_mode"], false);
}

/// Runs what follows in a user namespace of its own, which has no inotify instance to give.
const NO_EVENTS: &str = r#"echo 0 >/proc/sys/user/max_inotify_instances && exec "$@""#;

#[tokio::test(flavor = "multi_thread")]
async fn without_events_saves_are_taken_and_it_is_said_until_there_are_some() {
    const NAMESPACE: [&str; 6] = ["unshare", "--user", "--map-root-user", "sh", "-c", NO_EVENTS];
    let tried = Command::new("unshare").args(&NAMESPACE[1..]).args(["sh", "true"]).output();
    if !tried.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: limits: `unshare --user` is not permitted here");
        return;
    }
    let mut place = Place::new();
    let with = |model: &str| settings(&json!({ "llm": { "default": { "model": model } } }));
    std::fs::write(place.settings(), with("first")).unwrap();
    place.through = NAMESPACE.iter().chain(&["sh"]).map(|word| (*word).to_owned()).collect();
    let mut thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    thoth.place.through.clear();

    const WHY: &str = "no inotify instance can be had: `fs.inotify.max_user_instances`";
    let watch = async || thoth.get("/health/hot-reload").await["watch"].clone();
    until(async || watch().await["without_events"].as_str().is_some_and(|why| why.starts_with(WHY))).await;
    for (command, words) in
        [("status", "runs (poll)"), ("status", WHY), ("health", "healthy"), ("health", WHY)]
    {
        let output = thoth.place.run(&[command]);
        assert!(output.status.success() && text(&output).contains(words), "{}", text(&output));
    }
    assert_eq!(thoth.save(Save::Rename, &with("second")).await["verdict"], "applied");
    assert_eq!((&watch().await["seen_by_event"], &watch().await["seen_by_poll"]), (&json!(0), &json!(1)));

    let process = thoth.process().to_string();
    let raised = "echo 100 >/proc/sys/user/max_inotify_instances";
    let entered = Command::new("nsenter").args(["--user", "--target", &process, "sh", "-c", raised]).output();
    assert!(entered.as_ref().is_ok_and(|output| output.status.success()), "{entered:?}");
    until(async || watch().await["without_events"].is_null()).await;
    assert_eq!(thoth.save(Save::Rename, &with("third")).await["verdict"], "applied");
    assert_eq!(
        (&watch().await["seen_by_event"], &watch().await["mode"]),
        (&json!(1), &json!("inotify+poll"))
    );
    let log = thoth.log();
    assert_eq!(
        (log.matches(WHY).count(), log.matches("the settings watch has events again").count()),
        (1, 1),
        "{log}"
    );
}
