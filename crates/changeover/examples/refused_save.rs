//! Goal: a save that must not go live. One is refused by the check, with line and column; one by the world, after
//! half of it was prepared. Both times everything stays as it was, and the verdict says why.

use std::error::Error;

use changeover::{Accepted, Blueprint, Decision, Engine, Files, Occasion, Preparation, Problem, Tuning};
use tokio::net::TcpListener;

#[derive(Clone, Debug, Default, PartialEq)]
struct Settings {
    port: u16,
}

/// The check is pure: it looks at the content and at nothing else.
fn check(files: &Files<'_>, _: Occasion) -> Result<Accepted<Settings>, Vec<Problem>> {
    let document = changeover::check::parse(files.main())?;
    let value = document.value();
    match value["port"].as_u64().map(u16::try_from) {
        Some(Ok(port)) => Ok(Accepted { settings: Settings { port }, ..Accepted::default() }),
        _ => {
            let (line, column) = document.position_of_value(&["port"]).unwrap_or((1, 1));
            let problem = Problem::new("port", format!("`{}` is not a port", value["port"]));
            Err(vec![problem.at(line, column).hint("a number from 0 to 65535; 0 takes a free one")])
        }
    }
}

/// Preparing touches the world: it binds the new port beside the old one. Dropping the listener undoes it.
async fn prepare(preparation: Preparation<Settings, TcpListener>) -> Result<TcpListener, Vec<Problem>> {
    let port = preparation.settings.port;
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| {
        vec![Problem::new("port", format!("port {port} cannot be bound: {error}")).hint("choose another one")]
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("settings.json");
    std::fs::write(&file, r#"{"port": 0}"#)?;
    let engine = Engine::start(Blueprint {
        file: file.clone(),
        state_dir: folder.path().join("state"),
        key_file: None,
        watch: true,
        check: Box::new(check),
        prepare: Box::new(|preparation| Box::pin(prepare(preparation))),
        tuning: |_| Tuning::default(),
        on_trial: |_| Vec::new(),
        meaning: |settings| format!("{settings:?}").into_bytes(),
        version: "1".to_owned(),
        fallback: Box::new(Settings::default),
    })
    .await?;
    let mut verdicts = engine.verdicts();
    let before = engine.live().load().services.local_addr()?;

    std::fs::write(&file, "{\n  \"port\": \"eighty\"\n}")?;
    let by_check = verdicts.recv().await?;
    println!("{by_check}");
    assert_eq!((by_check.verdict, by_check.problems[0].line), (Decision::Rejected, Some(2)));

    let taken = TcpListener::bind("127.0.0.1:0").await?;
    std::fs::write(&file, format!(r#"{{"port": {}}}"#, taken.local_addr()?.port()))?;
    let by_world = verdicts.recv().await?;
    println!("{by_world}");
    assert_eq!(by_world.verdict, Decision::Rejected);

    assert_eq!(engine.live().load().services.local_addr()?, before, "the old listener was never touched");
    assert!(engine.status().drift, "the file is not what runs, and the status says so");
    engine.shutdown().await;
    Ok(())
}
