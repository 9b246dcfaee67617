//! Requests while nothing changes, and while the settings change ten times a second: windows of each in turn.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::latency::Save;
use crate::peers::contender::{Said, said};
use crate::peers::{self, Tools};
use crate::sample::Times;

/// Windows of each kind, and how long one is.
const WINDOWS: usize = 6;
const WINDOW: Duration = Duration::from_secs(2);

/// The pause between two changes.
const PAUSE: Duration = Duration::from_millis(100);

/// Clients, each with one connection that it keeps.
const CLIENTS: usize = 2;

/// One kind of window.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Flow {
    pub per_second: f64,
    pub times: Times,
    pub changes: usize,
    /// Answers that were not right.
    pub not_right: usize,
}

/// Both kinds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Throughput {
    pub quiet: Flow,
    pub changing: Flow,
}

#[derive(Default)]
struct Sum {
    micros: Vec<f64>,
    seconds: f64,
    changes: usize,
    not_right: usize,
}

impl Sum {
    fn flow(self) -> Flow {
        let per_second = self.micros.len() as f64 / self.seconds;
        Flow {
            per_second: per_second.round(),
            times: Times::of(self.micros),
            changes: self.changes,
            not_right: self.not_right,
        }
    }
}

/// Measures with a Thoth of its own.
pub fn measure(tools: &Tools) -> anyhow::Result<Throughput> {
    let thoth = peers::thoth(tools)?;
    let (mut quiet, mut changing) = (Sum::default(), Sum::default());
    let mut round = 0;
    // The first window fills pools and caches, and is not counted.
    window(&thoth, &mut Sum::default(), None)?;
    for _ in 0..WINDOWS {
        window(&thoth, &mut quiet, None)?;
        window(&thoth, &mut changing, Some(&mut round))?;
    }
    Ok(Throughput { quiet: quiet.flow(), changing: changing.flow() })
}

fn window(thoth: &peers::Contender, sum: &mut Sum, round: Option<&mut usize>) -> anyhow::Result<()> {
    let stop = AtomicBool::new(false);
    let begun = Instant::now();
    let asked = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (client, stop) = (thoth.client(true), &stop);
                scope.spawn(move || ask(client, stop))
            })
            .collect();
        let changed = match round {
            None => {
                std::thread::sleep(WINDOW);
                Ok(())
            }
            Some(round) => change(thoth.file(), round, begun, &mut sum.changes),
        };
        stop.store(true, Ordering::Relaxed);
        let asked: Vec<_> = clients.into_iter().filter_map(|client| client.join().ok()).collect();
        changed.map(|()| asked)
    })?;
    sum.seconds += begun.elapsed().as_secs_f64();
    for (micros, not_right) in asked {
        sum.micros.extend(micros);
        sum.not_right += not_right;
    }
    Ok(())
}

fn change(file: &Path, round: &mut usize, begun: Instant, changes: &mut usize) -> anyhow::Result<()> {
    while begun.elapsed() < WINDOW {
        *round += 1;
        *changes += 1;
        Save::Rename.save(file, &crate::settings::pair(*round))?;
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn ask(mut client: Client, stop: &AtomicBool) -> (Vec<f64>, usize) {
    let (mut micros, mut not_right) = (Vec::new(), 0);
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let answer = client.ask();
        micros.push(begun.elapsed().as_secs_f64() * 1e6);
        not_right += usize::from(!answer.is_ok_and(|answer| matches!(said(&answer), Said::Round(_))));
    }
    (micros, not_right)
}
