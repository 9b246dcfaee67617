//! Goal: two services of which one holds the other. A save rebuilds what it concerns, and nothing else; a reader
//! that takes one generation never sees the new one beside the old other.

use std::sync::Arc;

use changeover::{
    Accepted, Action, Blueprint, Engine, Files, Occasion, Preparation, Problem, Service, Tuning,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Settings {
    database: DatabaseInputs,
    cache: CacheInputs,
}

/// What each service takes out of the settings: one comparable value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct DatabaseInputs {
    url: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct CacheInputs {
    entries: usize,
}

struct Database {
    url: String,
}

/// The cache stands before one database, so it is built anew whenever that is.
struct Cache {
    database: Arc<Database>,
}

struct Services {
    database: Service<DatabaseInputs, Database>,
    cache: Service<CacheInputs, Cache>,
}

fn check(files: &Files<'_>, _: Occasion) -> Result<Accepted<Settings>, Vec<Problem>> {
    let value = changeover::check::parse(files.main())?.value();
    let settings = serde_json::from_value(value).map_err(|why| vec![Problem::new("", why.to_string())])?;
    Ok(Accepted { settings, ..Accepted::default() })
}

async fn prepare(preparation: Preparation<Settings, Services>) -> Result<Services, Vec<Problem>> {
    let (settings, live) = (&preparation.settings, preparation.live.as_ref().map(|live| &live.services));
    let database = preparation
        .service("database", live.map(|live| &live.database), settings.database.clone(), &[], |inputs| {
            let url = inputs.url.clone();
            async { Ok(Database { url }) }
        })
        .await?;
    let depends_on = [("database", database.identity())];
    let cache = preparation
        .service("cache", live.map(|live| &live.cache), settings.cache.clone(), &depends_on, |_| async {
            Ok(Cache { database: database.handle() })
        })
        .await?;
    Ok(Services { database, cache })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("settings.json");
    std::fs::write(&file, r#"{"database": {"url": "db://one"}, "cache": {"entries": 10}}"#)?;
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
    std::fs::write(&file, r#"{"database": {"url": "db://one"}, "cache": {"entries": 99}}"#)?;
    let verdict = verdicts.recv().await?;
    println!("{verdict}");
    assert_eq!(verdict.services[0].action, Action::Kept, "the database is the same object");

    std::fs::write(&file, r#"{"database": {"url": "db://two"}, "cache": {"entries": 99}}"#)?;
    println!("{}", verdicts.recv().await?);
    let generation = engine.live().load();
    assert_eq!(generation.services.cache.database.url, "db://two", "the cache followed");
    assert!(Arc::ptr_eq(&generation.services.cache.database, &generation.services.database.handle()));
    engine.shutdown().await;
    Ok(())
}
