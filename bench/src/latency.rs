//! From the save to every service live, beside the floor: one save of each in turn, so that both see the same noise.

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::ensure;
use jiff::Timestamp;

use crate::server::Server;
use crate::settings;
use crate::verdicts::Verdicts;

/// How a file is saved.
#[derive(Clone, Copy, Debug)]
pub enum Save {
    Rename,
    InPlace,
}

impl Save {
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

/// Microseconds, sorted.
pub struct Sample(Vec<f64>);

impl Sample {
    fn new(mut micros: Vec<f64>) -> Self {
        micros.sort_by(f64::total_cmp);
        Self(micros)
    }

    /// The value below which `percent` of the sample lies.
    pub fn percentile(&self, percent: usize) -> f64 {
        let index = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(index).copied().unwrap_or(f64::NAN)
    }
}

/// What one row of the table compares.
pub struct Row {
    pub ours: Sample,
    pub floor: Sample,
}

/// `rounds` saves of each.
pub async fn measure(server: &Server, save: Save, rounds: usize) -> anyhow::Result<Row> {
    let floor_folder = tempfile::tempdir()?;
    let floor_file = floor_folder.path().join("settings.json");
    std::fs::write(&floor_file, settings::content(0))?;
    let (sender, floor_live_at) = channel();
    crate::floor::start(&floor_file, sender)?;
    let mut verdicts = Verdicts::listen(server).await?;
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    let file = server.settings();
    for round in 1..=rounds {
        let content = settings::content(round);
        let begun = save.save(&floor_file, &content)?;
        let live_at = floor_live_at.recv_timeout(Duration::from_secs(5))?;
        floor.push(micros(begun, live_at));
        let begun = save.save(&file, &content)?;
        let (verdict, live_at) = verdicts.next().await?;
        ensure!(verdict["verdict"] == "applied", "{verdict}");
        ours.push(micros(begun, live_at));
        // A pause as between two people's saves: what follows a switch must not be measured with the next.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(Row { ours: Sample::new(ours), floor: Sample::new(floor) })
}

fn micros(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() * 1e6
}
