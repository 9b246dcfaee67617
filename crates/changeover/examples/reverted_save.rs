//! Goal: a save that goes live, fails, and is taken back. The key in it is well-formed and wrong; only its first use shows
//! that, and only the older service, asked the same, shows that it is the save's fault.

use std::error::Error;

use changeover::{
    Accepted, Blueprint, Cause, Decision, Engine, Files, Occasion, Outcome, Preparation, Problem, Service,
    Tuning,
};

#[derive(Clone, Debug, Default, PartialEq)]
struct Settings {
    key: String,
}

/// A client of some server, which knows one key.
struct Client {
    key: String,
}

impl Client {
    fn ask(&self) -> Result<(), &'static str> {
        if self.key == "right" { Ok(()) } else { Err("401 Unauthorized") }
    }
}

struct Services {
    client: Service<String, Client>,
}

fn check(files: &Files<'_>, _: Occasion) -> Result<Accepted<Settings>, Vec<Problem>> {
    let value = changeover::check::parse(files.main())?.value();
    let key = value["key"].as_str().ok_or_else(|| vec![Problem::new("key", "a key must be given")])?;
    Ok(Accepted { settings: Settings { key: key.to_owned() }, ..Accepted::default() })
}

/// One unit of work. Who sees a service fail that is on trial asks the older one the same.
fn work(engine: &Engine<Settings, Services>) -> Result<(), &'static str> {
    let generation = engine.live().load();
    let client = &generation.services.client;
    let answer = client.ask();
    match answer {
        Ok(()) => engine.worked(client.identity()),
        Err(reason) => {
            let older = engine.fallback(client.identity());
            if older.is_some_and(|older| older.services.client.ask().is_ok()) {
                engine.failed(client.identity(), reason);
            }
        }
    }
    answer
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("settings.json");
    std::fs::write(&file, r#"{"key": "right"}"#)?;
    let engine = Engine::start(Blueprint {
        file: file.clone(),
        state_dir: folder.path().join("state"),
        key_file: None,
        watch: true,
        check: Box::new(check),
        prepare: Box::new(|preparation: Preparation<Settings, Services>| {
            Box::pin(async move {
                let live = preparation.live.as_ref().map(|live| &live.services.client);
                let key = preparation.settings.key.clone();
                let build = |key: &String| std::future::ready(Ok(Client { key: key.clone() }));
                Ok(Services { client: preparation.service("client", live, key, &[], build).await? })
            })
        }),
        tuning: |_| Tuning::default(),
        on_trial: |services| vec![("client", services.client.identity())],
        meaning: |settings| format!("{settings:?}").into_bytes(),
        version: "1".to_owned(),
        fallback: Box::new(Settings::default),
    })
    .await?;
    let mut verdicts = engine.verdicts();
    work(&engine)?;

    std::fs::write(&file, r#"{"key": "wrong"}"#)?;
    println!("{}", verdicts.recv().await?);
    assert_eq!(work(&engine), Err("401 Unauthorized"));
    let reverted = verdicts.recv().await?;
    println!("{reverted}");
    assert_eq!((reverted.cause.clone(), reverted.generation), (Cause::Revert, 3));
    assert_eq!(engine.history(2)[1].outcome, Some(Outcome::Reverted));
    assert_eq!(work(&engine), Ok(()), "the older client, under a new number");

    // The file still says it. It is not taken again unless somebody asks for it.
    assert_eq!(engine.reload().await?.verdict, Decision::Rejected);
    engine.shutdown().await;
    Ok(())
}
