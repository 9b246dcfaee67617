//! From the save to every service live, beside the floor: one save of each in turn, so that both see the same noise.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::ensure;
use arc_swap::ArcSwap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sample::{Times, micros};
use crate::server::Server;
use crate::verdicts::Verdicts;

/// How long the floor may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// The pause between two saves.
const PAUSE: Duration = Duration::from_millis(5);

/// How a file is saved.
#[derive(Clone, Copy, Debug)]
pub enum Save {
    Rename,
    InPlace,
}

impl Save {
    /// In the words of the tables.
    pub fn words(self) -> &'static str {
        match self {
            Self::Rename => "by rename",
            Self::InPlace => "in place",
        }
    }

    /// Saves, and says when the last system call began: before it the content could not be known.
    pub fn save(self, file: &Path, content: &str) -> anyhow::Result<Timestamp> {
        match self {
            Self::Rename => {
                let aside = file.with_extension("aside");
                std::fs::write(&aside, content)?;
                let begun = Timestamp::now();
                std::fs::rename(aside, file)?;
                Ok(begun)
            }
            Self::InPlace => {
                let begun = Timestamp::now();
                std::fs::write(file, content)?;
                Ok(begun)
            }
        }
    }
}

/// What one row of the table compares.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Row {
    pub ours: Times,
    pub floor: Times,
    /// Median microseconds of each stage of ours, as the verdicts say them.
    pub stages: BTreeMap<String, f64>,
}

/// The stages of a verdict, in milliseconds.
type Stages = BTreeMap<String, f64>;

/// `rounds` saves of each, of contents that `content` makes: for the real binary, and for the floor.
pub fn measure(
    server: &Server,
    save: Save,
    rounds: usize,
    content: impl Fn(usize) -> String,
) -> anyhow::Result<Row> {
    let mut verdicts = Verdicts::listen(server)?;
    let file = server.settings();
    beside_the_floor(save, rounds, content, |content| {
        let begun = save.save(&file, content)?;
        let (verdict, live_at) = verdicts.next()?;
        ensure!(verdict["verdict"] == "applied", "{verdict}");
        let stages = serde_json::from_value(verdict["stages_ms"].clone())?;
        Ok((micros(begun, live_at), stages))
    })
}

/// A save for the floor, and then one by `ours`, which gives its microseconds and stages.
pub fn beside_the_floor(
    save: Save,
    rounds: usize,
    content: impl Fn(usize) -> String,
    mut ours: impl FnMut(&str) -> anyhow::Result<(f64, Stages)>,
) -> anyhow::Result<Row> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("settings.json");
    std::fs::write(&file, content(0))?;
    let (sender, live_at) = channel();
    let pointer = Arc::new(ArcSwap::from_pointee(Value::Null));
    crate::floor::start(&file, pointer, move || sender.send(Timestamp::now()).is_ok())?;
    let (mut of_ours, mut of_floor) = (Vec::new(), Vec::new());
    let mut stages: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for round in 1..=rounds {
        let content = content(round);
        let begun = save.save(&file, &content)?;
        of_floor.push(micros(begun, live_at.recv_timeout(ANSWER_MAX)?));
        let (micros, of_stages) = ours(&content)?;
        of_ours.push(micros);
        for (stage, millis) in of_stages {
            stages.entry(stage).or_default().push(millis * 1e3);
        }
        // A pause as between two people's saves: what follows a switch must not be measured with the next.
        std::thread::sleep(PAUSE);
    }
    let stages = stages.into_iter().map(|(stage, micros)| (stage, Times::of(micros).median())).collect();
    Ok(Row { ours: Times::of(of_ours), floor: Times::of(of_floor), stages })
}
