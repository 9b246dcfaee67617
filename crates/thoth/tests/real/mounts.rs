//! A settings file that is a mount of its own: replaced outside, it is left behind, and that is said.

use std::process::Command;

use serde_json::json;

use crate::support::{Place, Save, Thoth, settings, text, until};

/// Runs what follows in a mount namespace of its own, in which the first file lies over the second.
const BIND: &str = r#"mount --bind "$1" "$2" && shift 2 && exec "$@""#;

fn permitted() -> bool {
    let tried = Command::new("unshare").args(["--mount", "mount", "--bind", "/tmp", "/tmp"]).output();
    let permitted = tried.as_ref().is_ok_and(|output| output.status.success());
    if !permitted {
        eprintln!("skipped: a file mounted alone: `unshare --mount` is not permitted here");
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
    let model =
        async || thoth.get("/api/v1/settings").await["settings"]["llm"]["default"]["model"].clone();
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
