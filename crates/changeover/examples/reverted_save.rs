//! Goal: taking a save back. Going back is going forward: the old content becomes a new generation with a new
//! number, by the same way as every other save. And after a restart with a broken file, the newest content that
//! was applied is what runs.

use std::error::Error;
use std::path::Path;

use changeover::{Accepted, Blueprint, Cause, Decision, Engine, Occasion, Problem, StartError, Tuning};

#[derive(Clone, Debug, Default, PartialEq)]
struct Settings {
    model: String,
}

fn check(content: &[u8], _: Occasion) -> Result<Accepted<Settings>, Vec<Problem>> {
    let value = changeover::check::parse(content)?.value();
    let model =
        value["model"].as_str().ok_or_else(|| vec![Problem::new("model", "a model must be named")])?;
    Ok(Accepted { settings: Settings { model: model.to_owned() }, ..Accepted::default() })
}

async fn start(folder: &Path) -> Result<Engine<Settings, ()>, StartError> {
    Engine::start(Blueprint {
        file: folder.join("settings.json"),
        state_dir: folder.join("state"),
        key_file: None,
        watch: true,
        check: Box::new(check),
        prepare: Box::new(|_| Box::pin(async { Ok(()) })),
        tuning: |_| Tuning::default(),
        fallback: Box::new(Settings::default),
    })
    .await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("settings.json");
    std::fs::write(&file, r#"{"model": "small"}"#)?;
    let engine = start(folder.path()).await?;
    let mut verdicts = engine.verdicts();
    let number = engine.live().load().number;

    let kept = std::fs::read(&file)?;
    std::fs::write(&file, r#"{"model": "large"}"#)?;
    println!("{}", verdicts.recv().await?);
    std::fs::write(&file, kept)?;
    println!("{}", verdicts.recv().await?);
    let generation = engine.live().load();
    assert_eq!((generation.settings.model.as_str(), generation.number), ("small", number + 2));

    engine.shutdown().await;
    std::fs::write(&file, r#"{"model": "#)?;
    let engine = start(folder.path()).await?;
    for verdict in engine.history(2).iter().rev() {
        assert_eq!(verdict.cause, Cause::Start);
        println!("{verdict}");
    }
    assert_eq!(engine.history(1)[0].verdict, Decision::Applied);
    assert_eq!(engine.live().load().settings.model, "small", "the newest content that was applied");
    assert!(engine.status().drift);
    engine.shutdown().await;
    Ok(())
}
