//! The smallest product with everything that a kill could tear: a secret, a scratch folder, a follower, a refusal, a
//! service that fails its trial.

use std::path::{Path, PathBuf};
use std::time::Duration;

use changeover::{Accepted, Blueprint, Files, Occasion, Preparation, Problem, Service, Tuning};

/// Verdicts that the history keeps: few, so that the journal is rewritten again and again.
pub const HISTORY_MAX: usize = 40;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub number: u64,
}

/// What is made from a number.
#[derive(Debug)]
pub struct Client(pub u64);

#[derive(Debug)]
pub struct Services {
    pub client: Service<u64, Client>,
}

/// Whether the client of this number has to prove itself.
pub fn is_on_trial(number: u64) -> bool {
    number.is_multiple_of(5)
}

/// Says what is being done, to whoever reads.
pub type Say = fn(&str);

pub fn file(folder: &Path) -> PathBuf {
    folder.join("settings.json")
}

pub fn state(folder: &Path) -> PathBuf {
    folder.join("state")
}

/// The settings file of this number. It is long enough for a kill in the middle of it.
pub fn content(number: u64, bad: bool) -> String {
    let key = format!("sk-{number:040}");
    let notes: String = (0..40).map(|line| format!("  // a comment, line {line}\n")).collect();
    let said = if bad { "\"none\"".to_owned() } else { number.to_string() };
    format!("{{\n{notes}  \"key\": \"{key}\",\n  \"number\": {said}\n}}\n")
}

fn check(files: &Files<'_>, say: Say) -> Result<Accepted<Settings>, Vec<Problem>> {
    say("checking");
    let value = changeover::check::parse(files.main())?.value();
    let number = value.get("number").and_then(|number| number.as_u64());
    let number = number.ok_or_else(|| vec![Problem::new("number", "it is not a number")])?;
    let text = String::from_utf8_lossy(files.main());
    let secrets = text.match_indices("sk-").map(|(start, _)| start..start + 43).collect();
    say("checked");
    Ok(Accepted { settings: Settings { number }, secrets, ..Accepted::default() })
}

async fn prepare(preparation: Preparation<Settings, Services>, say: Say) -> Result<Services, Vec<Problem>> {
    let refused = |error: std::io::Error| vec![Problem::new("", error.to_string())];
    std::fs::create_dir_all(&preparation.scratch).map_err(refused)?;
    std::fs::write(preparation.scratch.join("made"), "by a candidate").map_err(refused)?;
    say("preparing");
    tokio::task::yield_now().await;
    let live = preparation.live.as_ref().map(|live| &live.services.client);
    let build = |number: &u64| std::future::ready(Ok(Client(*number)));
    let client = preparation.service("client", live, preparation.settings.number, &[], build).await?;
    std::fs::remove_dir_all(&preparation.scratch).map_err(refused)?;
    say("prepared");
    Ok(Services { client })
}

pub fn blueprint(folder: &Path, say: Say) -> Blueprint<Settings, Services> {
    Blueprint {
        file: file(folder),
        state_dir: state(folder),
        key_file: None,
        watch: true,
        check: Box::new(move |files, _: Occasion| check(files, say)),
        prepare: Box::new(move |preparation| Box::pin(prepare(preparation, say))),
        tuning: |_| Tuning {
            settle: Duration::from_millis(1),
            history_max: HISTORY_MAX,
            ..Tuning::default()
        },
        on_trial: |services| match services.client.0 {
            number if is_on_trial(number) => vec![("client", services.client.identity())],
            _ => Vec::new(),
        },
        meaning: |settings| format!("{settings:?}").into_bytes(),
        version: "1".to_owned(),
        fallback: Box::new(Settings::default),
    }
}
