//! The corpus of settings files against a running server: each is saved and read, and what runs is looked at afterwards.

use std::path::Path;

use changeover::Occasion;
use serde_json::{Value, json};
use thoth::settings::{Environment, Vault, review};

use crate::support::{Place, Thoth};

#[path = "../corpus/samples.rs"]
mod samples;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");

/// A server that reads its file when it is asked to, so that nothing else reads it.
async fn server() -> Thoth {
    server_in(Place::new()).await
}

async fn server_in(place: Place) -> Thoth {
    let place = place.with("THOTH_HOT_RELOAD", "0");
    std::fs::write(place.settings(), "{\"rag\": {\"chunkSize\": 777}}").unwrap();
    samples::furnish(&place.vault(), Path::new(FOLDER)).unwrap();
    Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await
}

async fn read(thoth: &Thoth) -> Value {
    thoth.post("/api/v1/reloads", &json!({})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_refuses_every_bad_file_and_stays_as_it_was() {
    let thoth = server().await;
    let vault = Vault::at(&thoth.place.vault()).unwrap();
    let before = thoth.get("/api/v1/settings").await;
    for sample in samples::all(Path::new(FOLDER)).unwrap().iter().filter(|sample| sample.refused) {
        std::fs::write(thoth.place.settings(), &sample.content).unwrap();
        let verdict = read(&thoth).await;
        assert_eq!(verdict["verdict"], "rejected", "{}: {verdict}", sample.what);
        // A file that is too large is refused before it is read.
        if sample.content.len() <= changeover::check::SIZE_MAX {
            let said = review(&sample.content, Occasion::Running, &Environment::default(), &vault);
            assert_eq!(verdict["problems"], json!(said.problems), "{}", sample.what);
        }
        assert_eq!(thoth.get("/api/v1/settings").await, before, "{}", sample.what);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_takes_every_good_file() {
    // Whatever the files say, nothing is served but to this machine.
    let thoth = server_in(Place::new().with("THOTH_API_HOST", "127.0.0.1")).await;
    for sample in samples::all(Path::new(FOLDER)).unwrap().iter().filter(|sample| !sample.refused) {
        std::fs::write(thoth.place.settings(), &sample.content).unwrap();
        let verdict = read(&thoth).await;
        let taken = verdict["verdict"] == "applied" || verdict["verdict"] == "unchanged";
        assert!(taken, "{}: {verdict}\n{}", sample.what, sample.expected.join("\n"));
    }
}

/// Makes something at a path that is no file of settings.
type Make = fn(&Path);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_is_refused_by_its_name() {
    let thoth = server().await;
    let before = thoth.get("/api/v1/settings").await;
    let file = thoth.place.settings();
    let kinds: [(&str, Make); 5] = [
        ("regular file", |file| std::fs::create_dir(file).unwrap()),
        ("missing", |file| std::os::unix::fs::symlink("gone.json", file).unwrap()),
        ("cannot be", |file| std::os::unix::fs::symlink("settings.json", file).unwrap()),
        ("at most", |file| std::fs::File::create(file).unwrap().set_len(1 << 40).unwrap()),
        ("regular file", |file| {
            assert!(std::process::Command::new("mkfifo").arg(file).status().unwrap().success());
        }),
    ];
    for (said, make) in kinds {
        std::fs::remove_file(&file).or_else(|_| std::fs::remove_dir(&file)).unwrap();
        make(&file);
        let verdict = read(&thoth).await;
        assert_eq!(verdict["verdict"], "rejected", "{said}: {verdict}");
        let message = verdict["problems"][0]["message"].as_str().unwrap();
        assert!(message.contains(said) && message.contains(file.to_str().unwrap()), "{said}: {message}");
        assert_eq!(thoth.get("/api/v1/settings").await, before);
    }
}
