//! The bars that Thoth set itself, and what the last runs reached: a run is noise, three of them tell more.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::latency::Row;
use crate::peers::race::{self, Entry};
use crate::record::Record;
use crate::sample::Times;

/// Runs that are shown, the newest last.
pub const RUNS: usize = 3;

/// The programs of the race that are no peers: ourselves, and what nobody could be faster than.
pub const OURS: &str = "Thoth";
pub const FLOOR: &str = "the floor";

/// What a value is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    Most(f64),
    Least(f64),
    /// No bar: it stands beside one, to read that by.
    None,
}

/// A bar, and how its value is read off a record.
struct Bar {
    what: &'static str,
    limit: Limit,
    value: fn(&Record) -> f64,
}

const BARS: [Bar; 16] = [
    bar("by rename, median, × the floor's", Limit::Most(2.5), |record| ratio(&record.rename, Times::median)),
    bar("by rename, p99, × the floor's", Limit::Most(5.0), |record| ratio(&record.rename, Times::p99)),
    bar("in place, median, × the floor's", Limit::Most(2.5), |record| {
        ratio(&record.in_place, Times::median)
    }),
    bar("in place, p99, × the floor's", Limit::Most(5.0), |record| ratio(&record.in_place, Times::p99)),
    bar("by rename, × the fastest other that missed no save", Limit::Most(1.0), |record| {
        beside_others(record, |entry| Some(&entry.rename))
    }),
    bar(
        "in place, × the fastest other that watches its file and missed no save",
        Limit::Most(1.0),
        |record| beside_others(record, |entry| entry.in_place.as_ref()),
    ),
    bar(
        "answers lost, wrong or mixed, of all that were asked during a thousand changeovers",
        Limit::Most(0.0),
        |record| {
            let answers = &record.load.answers;
            (answers.lost + answers.wrong + answers.mixed) as f64
        },
    ),
    bar("the live generation taken, × a bare `load_full`", Limit::Most(1.1), |record| {
        record.reads.load / record.reads.bare_load
    }),
    bar("ten changes a second, 8 clients: answers, × those without", Limit::Least(0.97), |record| {
        answers(record, 8).0
    }),
    bar("the same: p99, × that without", Limit::Most(1.25), |record| answers(record, 8).1),
    bar("the same with 2 clients: answers", Limit::None, |record| answers(record, 2).0),
    bar("the same, the floor takes the changes: answers", Limit::None, |record| {
        answers_beside_the_floor(record, 2)
    }),
    bar("the same with 2 clients: p99", Limit::None, |record| answers(record, 2).1),
    bar("at rest: the watch, % of one core", Limit::Most(0.01), |record| {
        let [on, off] = &record.idle;
        on.cpu_percent - off.cpu_percent
    }),
    bar("at rest: the watch, MiB", Limit::Most(1.0), |record| {
        let [on, off] = &record.idle;
        mib(on.anonymous_kib) - mib(off.anonymous_kib)
    }),
    bar("at rest: resident, MiB", Limit::Most(40.0), |record| mib(record.idle[0].resident_kib)),
];

const fn bar(what: &'static str, limit: Limit, value: fn(&Record) -> f64) -> Bar {
    Bar { what, limit, value }
}

/// What one run reached, bar by bar.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Run {
    pub at: Timestamp,
    pub processor: String,
    trial: bool,
    /// In the order of the bars; `None` where nothing was measured.
    values: Vec<Option<f64>>,
}

impl Run {
    /// What a run reached.
    pub fn of(record: &Record) -> Self {
        let value = |bar: &Bar| Some((bar.value)(record)).filter(|value| value.is_finite());
        let values = BARS.iter().map(|bar| value(bar).map(|value| (value * 1e3).round() / 1e3)).collect();
        let machine = &record.machine;
        Self { at: machine.at, processor: machine.processor.clone(), trial: machine.trial, values }
    }
}

/// The runs before this one that are still shown, and this one.
pub fn with(before: Vec<Run>, record: &Record) -> Vec<Run> {
    // Other bars than today's cannot be shown beside them, and trials say nothing.
    let counts = |run: &Run| run.values.len() == BARS.len() && !run.trial;
    let mut runs: Vec<Run> = before.into_iter().filter(counts).collect();
    runs.push(Run::of(record));
    runs.split_off(runs.len().saturating_sub(RUNS))
}

/// The table of the runs.
pub fn table(runs: &[Run]) -> String {
    let columns: String =
        runs.iter().map(|run| format!(" {}, {} |", run.at.strftime("%m-%d %H:%M"), run.processor)).collect();
    let mut text = format!("| | bar |{columns}\n| --- | --- |{}\n", " --- |".repeat(runs.len()));
    for (number, Bar { what, limit, .. }) in BARS.iter().enumerate() {
        let (words, is_held): (String, Box<dyn Fn(f64) -> bool>) = match *limit {
            Limit::Most(most) => (format!("at most {most}"), Box::new(move |value| value <= most)),
            Limit::Least(least) => (format!("at least {least}"), Box::new(move |value| value >= least)),
            Limit::None => (String::new(), Box::new(|_| true)),
        };
        let cell = |run: &Run| match run.values.get(number).copied().flatten() {
            Some(value) if is_held(value) => format!(" {value} |"),
            Some(value) => format!(" **{value}, missed** |"),
            None => " – |".to_owned(),
        };
        text += &format!("| {what} | {words} |{}\n", runs.iter().map(cell).collect::<String>());
    }
    text
}

fn ratio(row: &Row, of: fn(&Times) -> f64) -> f64 {
    of(&row.ours) / of(&row.floor)
}

/// Our median by that of the fastest other, of those that served every save.
fn beside_others(record: &Record, row: impl Fn(&Entry) -> Option<&race::Row>) -> f64 {
    let median = |entry: &Entry| {
        let row = row(entry)?;
        (row.saves > 0 && row.saves == row.times.count).then(|| row.times.median())
    };
    let ours = record.race.iter().find(|entry| entry.name == OURS).and_then(median).unwrap_or(f64::NAN);
    let others = record.race.iter().filter(|entry| ![OURS, FLOOR].contains(&entry.name.as_str()));
    ours / others.filter_map(median).fold(f64::NAN, f64::min)
}

/// Answers and p99 with Thoth's changes, by those without.
fn answers(record: &Record, clients: usize) -> (f64, f64) {
    let flow = record.throughput.iter().find(|flow| flow.clients == clients);
    flow.map_or((f64::NAN, f64::NAN), |flow| {
        let (quiet, ours) = (&flow.quiet, &flow.ours);
        (ours.per_second / quiet.per_second, ours.times.p99() / quiet.times.p99())
    })
}

fn answers_beside_the_floor(record: &Record, clients: usize) -> f64 {
    let flow = record.throughput.iter().find(|flow| flow.clients == clients);
    flow.map_or(f64::NAN, |flow| flow.floor.per_second / flow.quiet.per_second)
}

fn mib(kib: impl TryInto<i64>) -> f64 {
    kib.try_into().map_or(f64::NAN, |kib| kib as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_runs_are_kept_and_a_miss_is_said() {
        let mut record = Record::default();
        let mut runs = Vec::new();
        for (round, ours) in [1.0, 2.0, 3.0, 5.2].into_iter().enumerate() {
            record.rename.ours = Times::of(vec![ours]);
            record.rename.floor = Times::of(vec![2.0]);
            record.machine.processor = format!("P{round}");
            runs = with(runs, &record);
        }
        assert_eq!(runs.iter().map(|run| run.processor.as_str()).collect::<Vec<_>>(), ["P1", "P2", "P3"]);
        let table = table(&runs);
        assert!(
            table.contains("| by rename, median, × the floor's | at most 2.5 | 1 | 1.5 | **2.6, missed** |"),
            "{table}"
        );
    }

    #[test]
    fn who_missed_a_save_is_not_the_fastest() {
        let row = |saves, micros: &[f64]| race::Row { saves, times: Times::of(micros.to_vec()) };
        let entry = |name: &str, rename| Entry { name: name.to_owned(), rename, ..Entry::default() };
        let race = vec![
            entry(FLOOR, row(1, &[1.0])),
            entry(OURS, row(1, &[4.0])),
            entry("misses", row(2, &[2.0])),
            entry("never", row(1, &[])),
            entry("serves", row(1, &[8.0])),
        ];
        let record = Record { race, ..Record::default() };
        assert_eq!(beside_others(&record, |entry| Some(&entry.rename)), 0.5);
    }
}
