//! From the save to the first answer that shows it: a save of each contender in turn, so that all see the same noise.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Contender;
use crate::latency::Save;
use crate::sample::Times;

/// How long an answer is waited for.
const SERVED_MAX: Duration = Duration::from_secs(3);

/// Saves that are not served, after which a contender is not asked any more.
const MISSED_MAX: usize = 2;

/// A contender whose fastest is beyond this takes part in one round of [`SLOW_EVERY`] only.
const SLOW_MICROS: f64 = 20_000.0;
const SLOW_EVERY: usize = 5;

/// Saves of a burst, and the pause between two.
const BURST: usize = 5;
const BURST_PAUSE: Duration = Duration::from_millis(2);

/// A pause as between two people's saves.
const PAUSE: Duration = Duration::from_millis(5);

/// Saves, and how many of them were served.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Row {
    pub saves: usize,
    pub times: Times,
}

/// What became of one contender's saves.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Entry {
    pub name: String,
    pub version: String,
    pub rename: Row,
    /// `None` where it makes no difference: the program is told.
    pub in_place: Option<Row>,
    /// Several saves at once; the last one counts.
    pub burst: Row,
    pub burst_in_place: Option<Row>,
}

/// A way to change a contender's settings: how, and by how many saves at once.
#[derive(Clone, Copy)]
struct Change(Save, usize);

const CHANGES: [Change; 4] = [
    Change(Save::Rename, 1),
    Change(Save::InPlace, 1),
    Change(Save::Rename, BURST),
    Change(Save::InPlace, BURST),
];

/// Saves of one kind so far.
#[derive(Default)]
struct Tally {
    saves: usize,
    missed: usize,
    micros: Vec<f64>,
}

impl Tally {
    fn takes_part(&self, round: usize) -> bool {
        let fastest = self.micros.iter().copied().reduce(f64::min);
        let slow = fastest.is_some_and(|fastest| fastest > SLOW_MICROS);
        self.missed < MISSED_MAX && (!slow || round.is_multiple_of(SLOW_EVERY))
    }

    fn row(self) -> Row {
        Row { saves: self.saves, times: Times::of(self.micros) }
    }
}

/// `rounds` saves of each contender in each way.
pub fn run(contenders: &[Contender], rounds: usize) -> Vec<Entry> {
    let mut values = 0;
    let mut columns = Vec::new();
    for change in CHANGES {
        let mut tallies: Vec<Tally> = contenders.iter().map(|_| Tally::default()).collect();
        for round in 0..rounds {
            for (contender, tally) in contenders.iter().zip(&mut tallies) {
                let differs = matches!(change.0, Save::Rename) || !contender.is_told();
                if differs && tally.takes_part(round) {
                    one(contender, change, &mut values, tally);
                    std::thread::sleep(PAUSE);
                }
            }
        }
        columns.push(tallies.into_iter().map(Tally::row));
    }
    let entry = |contender: &Contender| {
        let mut row = columns.iter_mut().map(|column| column.next().unwrap_or_default());
        let [rename, in_place, burst, burst_in_place] = CHANGES.map(|_| row.next().unwrap_or_default());
        let watches = |row: Row| Some(row).filter(|_| !contender.is_told());
        Entry {
            name: contender.plan.name.to_owned(),
            version: contender.plan.version.clone(),
            rename,
            in_place: watches(in_place),
            burst,
            burst_in_place: watches(burst_in_place),
        }
    };
    contenders.iter().map(entry).collect()
}

fn one(contender: &Contender, Change(how, saves): Change, values: &mut usize, tally: &mut Tally) {
    for _ in 1..saves {
        *values += 1;
        if let Err(error) = contender.save(how, *values) {
            eprintln!("bench: {}: {error}", contender.plan.name);
        }
        std::thread::sleep(BURST_PAUSE);
    }
    *values += 1;
    tally.saves += 1;
    match contender.change(how, *values, SERVED_MAX) {
        Some(micros) => tally.micros.push(micros),
        None => tally.missed += 1,
    }
}
