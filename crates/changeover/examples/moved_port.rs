//! Goal: an address that moves while the process goes on. The new one is bound before anything changes, so one that is taken is
//! refused; and `applied` is said when the one who answers there has followed.

use std::error::Error;
use std::net::SocketAddr;

use changeover::{
    Accepted, Blueprint, Engine, Files, Follower, Occasion, Preparation, Problem, Service, Tuning,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone, Debug, Default, PartialEq)]
struct Settings {
    address: String,
}

struct Services {
    door: Service<String, TcpListener>,
}

fn check(files: &Files<'_>, _: Occasion) -> Result<Accepted<Settings>, Vec<Problem>> {
    let value = changeover::check::parse(files.main())?.value();
    let address = value.get("address").and_then(|value| value.as_str()).unwrap_or("127.0.0.1:0").to_owned();
    Ok(Accepted { settings: Settings { address }, ..Accepted::default() })
}

async fn prepare(preparation: Preparation<Settings, Services>) -> Result<Services, Vec<Problem>> {
    let live = preparation.live.as_ref().map(|live| &live.services.door);
    let bind = |address: &String| {
        let address = address.clone();
        async move {
            let refused =
                |error| vec![Problem::new("address", format!("`{address}` cannot be bound: {error}"))];
            TcpListener::bind(&address).await.map_err(refused)
        }
    };
    let door = preparation.service("door", live, preparation.settings.address.clone(), &[], bind).await?;
    Ok(Services { door })
}

/// What a process does only once follows the live generation: it answers where that listens, one after the other.
async fn answer(mut follower: Follower<Settings, Services>) -> std::io::Result<()> {
    let mut next = follower.next().await;
    while let Some(generation) = next {
        // The door alone: who holds a generation keeps all of its services.
        let door = generation.services.door.handle();
        follower.followed(&generation, Some(Ok(format!("answers at {}", door.local_addr()?))));
        drop(generation);
        next = loop {
            tokio::select! {
                next = follower.next() => break next,
                accepted = door.accept() => accepted?.0.write_all(b"hello").await?,
            }
        };
    }
    Ok(())
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut answer = String::new();
    TcpStream::connect(address).await?.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("settings.json");
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
    let answering = tokio::spawn(answer(engine.follower("answers", |live| live.services.door.identity())?));
    let before = engine.live().load().services.door.local_addr()?;
    assert_eq!(ask(before).await?, "hello");

    let mut verdicts = engine.verdicts();
    std::fs::write(&file, r#"{"address": "localhost:0"}"#)?;
    println!("{}", verdicts.recv().await?);
    let after = engine.live().load().services.door.local_addr()?;
    assert_ne!(after, before);
    assert_eq!(ask(after).await?, "hello");

    engine.shutdown().await;
    answering.await??;
    Ok(())
}
