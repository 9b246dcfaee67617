//! Requests to Thoth while nothing changes, while its settings change ten times a second, and while those of the floor do, beside
//! it: short windows of each in turn, so that what the machine does meanwhile falls on all alike. What the floor's saves cost is
//! what it costs to be woken at all.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::latency::Save;
use crate::peers::contender::{Contender, Said, said};
use crate::peers::{self, Tools};
use crate::sample::Times;

/// Windows of each kind, and how long one is.
const WINDOWS: usize = 40;
const WINDOW: Duration = Duration::from_millis(500);

/// The pause between two changes.
const PAUSE: Duration = Duration::from_millis(100);

/// Clients, each with one connection that it keeps: fewer than would keep two cores busy without a pause, and more.
const CLIENTS: [usize; 2] = [2, 8];

/// One kind of window.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Flow {
    pub per_second: f64,
    pub times: Times,
    pub changes: usize,
    /// Answers that were not right.
    pub not_right: usize,
}

/// All kinds, with as many clients.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Throughput {
    pub clients: usize,
    pub quiet: Flow,
    pub floor: Flow,
    pub ours: Flow,
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

/// Measures with a Thoth and a floor of its own.
pub fn measure(tools: &Tools) -> anyhow::Result<Vec<Throughput>> {
    let (thoth, floor) = (peers::thoth(tools)?, peers::floor(tools)?);
    let mut round = 0;
    CLIENTS.iter().map(|clients| beside(&thoth, &floor, *clients, &mut round)).collect()
}

fn beside(
    thoth: &Contender,
    floor: &Contender,
    clients: usize,
    round: &mut usize,
) -> anyhow::Result<Throughput> {
    let files = [None, Some(floor.file()), Some(thoth.file())];
    let mut sums: [Sum; 3] = Default::default();
    // The first window fills pools and caches, and is not counted.
    window(thoth, clients, None, round, &mut Sum::default())?;
    for window_number in 0..WINDOWS {
        // Each kind comes first as often as the others.
        for kind in (0..3).map(|kind| (kind + window_number) % 3) {
            window(thoth, clients, files[kind], round, &mut sums[kind])?;
        }
    }
    let [quiet, floor, ours] = sums.map(Sum::flow);
    Ok(Throughput { clients, quiet, floor, ours })
}

/// Asks Thoth for the time of a window, while a file, if there is one, is saved again and again.
fn window(
    thoth: &Contender,
    clients: usize,
    file: Option<&Path>,
    round: &mut usize,
    sum: &mut Sum,
) -> anyhow::Result<()> {
    let stop = AtomicBool::new(false);
    let begun = Instant::now();
    let asked = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..clients)
            .map(|_| {
                let (client, stop) = (thoth.client(true), &stop);
                scope.spawn(move || ask(client, stop))
            })
            .collect();
        let changed = match file {
            None => {
                std::thread::sleep(WINDOW);
                Ok(())
            }
            Some(file) => change(file, round, begun, &mut sum.changes),
        };
        stop.store(true, Ordering::Relaxed);
        let asked: Vec<_> = asking.into_iter().filter_map(|client| client.join().ok()).collect();
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
