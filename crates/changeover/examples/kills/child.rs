//! The one that is killed.

use std::path::Path;
use std::time::Duration;

use changeover::{Cause, Engine, Follower, Proposal, Verdict};

use crate::product::{Settings, blueprint, content, file};
use crate::{Chance, Failure};

/// The longest pause between two saves.
const PAUSE_US_MAX: u64 = 800;

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

async fn follow(mut follower: Follower<Settings, ()>) {
    while let Some(generation) = follower.next().await {
        say("following");
        tokio::task::yield_now().await;
        say("followed");
        follower.followed(&generation, Some(Ok("followed".to_owned())));
    }
}

/// Saves and proposes until it is killed.
pub async fn live(folder: &Path, mut chance: Chance) -> Result<(), Failure> {
    let engine = Engine::start(blueprint(folder, say)).await?;
    let follower =
        tokio::spawn(follow(engine.follower("follower", |generation| generation.settings.number)?));
    let mut verdicts = engine.verdicts();
    let telling = tokio::spawn(async move {
        while let Ok(verdict) = verdicts.recv().await {
            say(&Told::line(&verdict));
        }
    });
    let mut number = engine.live().load().settings.number;
    while !follower.is_finished() && !telling.is_finished() {
        number += 1;
        let saved = content(number, chance.below(6) == 0);
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
        std::thread::sleep(Duration::from_micros(chance.below(PAUSE_US_MAX)));
    }
    Err("the engine ended by itself".into())
}
