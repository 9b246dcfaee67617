//! The one that is killed.

use std::path::Path;
use std::time::{Duration, Instant};

use changeover::{Cause, Engine, Follower, Proposal, Verdict};

use crate::product::{Services, Settings, blueprint, content, file, is_on_trial};
use crate::{Chance, Failure};

/// The longest pause between two saves.
const PAUSE_US_MAX: u64 = 800;
/// What goes live at all does so within this time, and a failure comes to a revert.
const SOON: Duration = Duration::from_millis(30);

/// A verdict that was told before the kill.
#[derive(Debug)]
pub struct Told {
    pub id: u64,
    pub verdict: String,
    pub generation: u64,
}

impl Told {
    fn line(verdict: &Verdict) -> String {
        format!("told {} {} {}", verdict.id, verdict.verdict, verdict.generation)
    }

    /// `None`: the line tells of something else.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("told ")?.split(' ');
        let id = words.next()?.parse().ok()?;
        let verdict = words.next()?.to_owned();
        Some(Self { id, verdict, generation: words.next()?.parse().ok()? })
    }
}

/// One line a step: each is written at once.
fn say(doing: &str) {
    println!("{doing}");
}

async fn follow(mut follower: Follower<Settings, Services>) {
    while let Some(generation) = follower.next().await {
        say("following");
        tokio::task::yield_now().await;
        say("followed");
        follower.followed(&generation, Some(Ok("followed".to_owned())));
    }
}

/// Uses the client of this number once it is live, which works or fails. A failure is said before it is told.
async fn prove(engine: &Engine<Settings, Services>, number: u64, works: bool) {
    let (begun, mut failed) = (Instant::now(), false);
    while begun.elapsed() < SOON {
        let live = engine.live().load();
        let client = &live.services.client;
        match (client.0 == number, works) {
            (true, true) => return engine.worked(client.identity()),
            (true, false) if !failed => {
                say(&format!("failing {number}"));
                engine.failed(client.identity(), "401 where the one before it works");
                failed = true;
            }
            (false, _) if failed => return,
            _ => {}
        }
        tokio::task::yield_now().await;
    }
}

/// Saves and proposes from this number on until it is killed.
pub async fn live(folder: &Path, mut chance: Chance, mut number: u64) -> Result<(), Failure> {
    let engine = Engine::start(blueprint(folder, say)).await?;
    let follower =
        tokio::spawn(follow(engine.follower("follower", |generation| generation.settings.number)?));
    let mut verdicts = engine.verdicts();
    let telling = tokio::spawn(async move {
        while let Ok(verdict) = verdicts.recv().await {
            say(&Told::line(&verdict));
        }
    });
    while !follower.is_finished() && !telling.is_finished() {
        number += 1;
        let is_bad = chance.below(6) == 0;
        let saved = content(number, is_bad);
        let file = file(folder);
        match chance.below(3) {
            0 => tokio::fs::write(&file, &saved).await?,
            1 => {
                tokio::fs::write(file.with_extension("mine"), &saved).await?;
                tokio::fs::rename(file.with_extension("mine"), &file).await?;
            }
            _ => {
                let (content, actor) = (saved.into_bytes(), Some("child".to_owned()));
                let proposal = Proposal {
                    file: None,
                    content,
                    cause: Cause::Edit,
                    actor,
                    if_match: None,
                    allow_empty: false,
                };
                // Refused, or overtaken by a save: both have their verdict, or need none.
                drop(engine.propose(proposal).await);
            }
        }
        if is_on_trial(number) && !is_bad {
            prove(&engine, number, chance.below(3) == 0).await;
        }
        std::thread::sleep(Duration::from_micros(chance.below(PAUSE_US_MAX)));
    }
    Err("the engine ended by itself".into())
}
