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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    pub ours: Times,
    pub floor: Times,
    /// Median microseconds of each stage of ours, as the verdicts say them.
    pub stages: BTreeMap<String, f64>,
}

/// `rounds` saves of each, of contents that `content` makes.
pub fn measure(
    server: &Server,
    save: Save,
    rounds: usize,
    content: impl Fn(usize) -> String,
) -> anyhow::Result<Row> {
    let floor_folder = tempfile::tempdir()?;
    let floor_file = floor_folder.path().join("settings.json");
    std::fs::write(&floor_file, content(0))?;
    let (sender, floor_live_at) = channel();
    let pointer = Arc::new(ArcSwap::from_pointee(Value::Null));
    crate::floor::start(&floor_file, pointer, move || sender.send(Timestamp::now()).is_ok())?;
    let mut verdicts = Verdicts::listen(server)?;
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    let mut stages: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let file = server.settings();
    for round in 1..=rounds {
        let content = content(round);
        let begun = save.save(&floor_file, &content)?;
        let live_at = floor_live_at.recv_timeout(ANSWER_MAX)?;
        floor.push(micros(begun, live_at));
        let begun = save.save(&file, &content)?;
        let (verdict, live_at) = verdicts.next()?;
        ensure!(verdict["verdict"] == "applied", "{verdict}");
        ours.push(micros(begun, live_at));
        for (stage, millis) in verdict["stages_ms"].as_object().into_iter().flatten() {
            stages.entry(stage.clone()).or_default().extend(millis.as_f64().map(|millis| millis * 1e3));
        }
        // A pause as between two people's saves: what follows a switch must not be measured with the next.
        std::thread::sleep(PAUSE);
    }
    let stages = stages.into_iter().map(|(stage, micros)| (stage, Times::of(micros).median())).collect();
    Ok(Row { ours: Times::of(ours), floor: Times::of(floor), stages })
}
