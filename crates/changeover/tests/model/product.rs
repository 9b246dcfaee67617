//! A small product on the engine: two services that always change together, one that can turn out wrong in use, and a
//! preparation that does what the settings tell it to.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use changeover::{Accepted, Blueprint, Files, Occasion, Preparation, Problem, Service, Tuning};

use crate::counted::Counted;

/// How long a preparation may take. A story with one that hangs waits for it; one that does not hang takes a thousandth.
const PREPARE_DEADLINE: Duration = Duration::from_secs(4);

/// No trial ends by its time in a story.
const PROBATION: Duration = Duration::from_secs(3_600);

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub pair: i64,
    pub llm: String,
    pub fault: String,
}

#[derive(Debug)]
pub struct Pair(pub i64);

#[derive(Debug)]
pub struct Llm(pub String);

#[derive(Debug)]
pub struct Services {
    /// Each from the settings, and from something outside of them.
    pub left: Service<(i64, i64), Pair>,
    pub right: Service<(i64, i64), Pair>,
    pub llm: Service<String, Llm>,
    _counted: Counted,
}

/// What a test sees of the product from outside, and what the product sees of the world.
#[derive(Clone, Debug, Default)]
pub struct Probes {
    /// Candidates that are alive, and services of generations.
    pub alive: Arc<AtomicUsize>,
    /// Something that the pair is built from beside the settings.
    pub outside: Arc<AtomicI64>,
    /// Whether the world refuses a preparation that asks it.
    pub world_refuses: Arc<AtomicBool>,
}

fn check(files: &Files<'_>, occasion: Occasion) -> Result<Accepted<Settings>, Vec<Problem>> {
    let content = files.main();
    let value = changeover::check::parse(content)?.value();
    if value.as_object().is_some_and(serde_json::Map::is_empty) && occasion == Occasion::Running {
        return Err(vec![Problem::new("", "the file has no setting")]);
    }
    if value["panic"].as_bool() == Some(true) {
        panic!("the check was told to panic");
    }
    let pair = match &value["pair"] {
        serde_json::Value::Null => 0,
        other => other
            .as_i64()
            .ok_or_else(|| vec![Problem::new("pair", format!("`{other}` is not a whole number"))])?,
    };
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let secret = |(start, _)| start..start + content[start..].iter().position(|byte| *byte == b'"').unwrap();
    let secrets = std::str::from_utf8(content).unwrap().match_indices("sk-").map(secret).collect();
    let settings = Settings { pair, llm: text("llm"), fault: text("fault") };
    Ok(Accepted { settings, warnings: Vec::new(), secrets })
}

async fn prepare(
    preparation: Preparation<Settings, Services>,
    probes: Probes,
) -> Result<Services, Vec<Problem>> {
    let counted = Counted::new(&probes.alive);
    let settings = Arc::clone(&preparation.settings);
    let live = preparation.live.as_ref().map(|live| &live.services);
    let refused = |error: std::io::Error| vec![Problem::new("", format!("the scratch folder: {error}"))];
    std::fs::create_dir_all(&preparation.scratch).map_err(refused)?;
    std::fs::write(preparation.scratch.join("made-by-the-candidate"), "x").map_err(refused)?;
    let inputs = (settings.pair, probes.outside.load(Ordering::SeqCst));
    let build = |inputs: &(i64, i64)| {
        let pair = inputs.0;
        async move { Ok(Pair(pair)) }
    };
    let left = preparation.service("left", live.map(|live| &live.left), inputs, &[], build).await?;
    match settings.fault.as_str() {
        "ask the world" if probes.world_refuses.load(Ordering::SeqCst) => {
            return Err(vec![Problem::new("fault", "the world refuses")]);
        }
        "panic" => panic!("the preparation was told to panic"),
        "hang" => std::future::pending::<()>().await,
        _ => {}
    }
    let right = preparation.service("right", live.map(|live| &live.right), inputs, &[], build).await?;
    let llm = preparation.service("llm", live.map(|live| &live.llm), settings.llm.clone(), &[], |inputs| {
        let value = inputs.clone();
        async move { Ok(Llm(value)) }
    });
    let llm = llm.await?;
    std::fs::remove_dir_all(&preparation.scratch).map_err(refused)?;
    Ok(Services { left, right, llm, _counted: counted })
}

/// The product in a folder: its settings in `settings.json`, its state in `state`.
pub fn blueprint(folder: &Path, probes: &Probes) -> Blueprint<Settings, Services> {
    let probes = probes.clone();
    Blueprint {
        file: folder.join("settings.json"),
        state_dir: folder.join("state"),
        key_file: None,
        watch: true,
        check: Box::new(check),
        prepare: Box::new(move |preparation| Box::pin(prepare(preparation, probes.clone()))),
        tuning: |_| Tuning { prepare_deadline: PREPARE_DEADLINE, probation: PROBATION, ..Tuning::default() },
        on_trial: |services| match services.llm.0.as_str() {
            // Nothing that anybody could use.
            "" => Vec::new(),
            _ => vec![("llm", services.llm.identity())],
        },
        meaning: |settings| format!("{settings:?}").into_bytes(),
        version: "1".to_owned(),
        fallback: Box::new(Settings::default),
    }
}
