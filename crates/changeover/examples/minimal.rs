//! Goal: a setting that is live a moment after the file was saved, and a process that never restarts.

use std::error::Error;
use std::path::Path;

use changeover::{Accepted, Blueprint, Decision, Engine, Files, Occasion, Preparation, Problem, Tuning};

/// The settings, checked.
#[derive(Clone, Debug, Default, PartialEq)]
struct Settings {
    greeting: String,
}

/// From bytes to settings, or to everything that is wrong with them.
fn check(files: &Files<'_>, _: Occasion) -> Result<Accepted<Settings>, Vec<Problem>> {
    let value = changeover::check::parse(files.main())?.value();
    let greeting = value.get("greeting").and_then(|value| value.as_str()).unwrap_or("hello").to_owned();
    Ok(Accepted { settings: Settings { greeting }, ..Accepted::default() })
}

/// There are no services yet: the settings are all that a generation holds.
async fn prepare(_: Preparation<Settings, ()>) -> Result<(), Vec<Problem>> {
    Ok(())
}

/// Starts an engine on `folder/settings.json`.
async fn start(folder: &Path) -> Result<Engine<Settings, ()>, Box<dyn Error>> {
    let blueprint = Blueprint {
        file: folder.join("settings.json"),
        state_dir: folder.join("state"),
        key_file: None,
        watch: true,
        check: Box::new(check),
        prepare: Box::new(|preparation| Box::pin(prepare(preparation))),
        tuning: |_| Tuning::default(),
        on_trial: |_| Vec::new(),
        // Secrets too: only a keyed hash of it is kept. Where `Debug` hides one, name it here.
        meaning: |settings| format!("{settings:?}").into_bytes(),
        version: "1".to_owned(),
        fallback: Box::new(Settings::default),
    };
    Ok(Engine::start(blueprint).await?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let engine = start(folder.path()).await?;
    assert_eq!(engine.live().load().settings.greeting, "hello");

    let mut verdicts = engine.verdicts();
    std::fs::write(folder.path().join("settings.json"), r#"{ "greeting": "good morning" } // saved"#)?;
    let verdict = verdicts.recv().await?;
    println!("{verdict}");

    assert_eq!(verdict.verdict, Decision::Applied);
    assert_eq!(engine.live().load().settings.greeting, "good morning");
    engine.shutdown().await;
    Ok(())
}
