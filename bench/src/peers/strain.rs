//! What requests meet while the settings change as fast as they can: every answer is counted, and every answer is checked.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Contender;
use super::contender::{Said, said};
use crate::client::Client;
use crate::latency::Save;

/// Clients that keep their connection, and clients that open one for each request.
pub const CLIENTS: usize = 2;

/// Changes of one contender, and the time for them, at most.
const CHANGES_MAX: usize = 200;
const TIME_MAX: Duration = Duration::from_secs(2);

/// How long a change is waited for before the next is made.
const SERVED_MAX: Duration = Duration::from_secs(1);

/// What became of the requests to one contender.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Strain {
    pub name: String,
    pub how: String,
    pub changes: usize,
    /// Of those, never served although a second was waited for it.
    pub missed: usize,
    pub answers: Answers,
}

/// Answers by what they said.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Answers {
    pub right: usize,
    /// No answer.
    pub lost: usize,
    /// Not 200, or without the values.
    pub wrong: usize,
    /// Two values of two saves.
    pub mixed: usize,
    /// Older values than an answer had that came before the question.
    pub back: usize,
}

/// The answers that clients count together.
#[derive(Default)]
pub struct Counters {
    /// The newest values that were seen.
    newest: AtomicUsize,
    right: AtomicUsize,
    lost: AtomicUsize,
    wrong: AtomicUsize,
    mixed: AtomicUsize,
    back: AtomicUsize,
}

impl Counters {
    pub fn answers(&self) -> Answers {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        Answers {
            right: count(&self.right),
            lost: count(&self.lost),
            wrong: count(&self.wrong),
            mixed: count(&self.mixed),
            back: count(&self.back),
        }
    }
}

/// Rounds begin here, so that none has been seen before.
const FIRST: usize = 1_000_000;

/// Every contender in turn, in each way that makes a difference to it.
pub fn run(contenders: &[Contender]) -> anyhow::Result<Vec<Strain>> {
    let mut all = Vec::new();
    for contender in contenders {
        let ways: &[Save] =
            if contender.is_told() { &[Save::Rename] } else { &[Save::Rename, Save::InPlace] };
        for (index, how) in ways.iter().enumerate() {
            all.push(one(contender, *how, FIRST + index * CHANGES_MAX)?);
        }
    }
    Ok(all)
}

fn one(contender: &Contender, how: Save, first: usize) -> anyhow::Result<Strain> {
    let (counters, stop) = (Counters::default(), AtomicBool::new(false));
    let (mut changes, mut missed) = (0, 0);
    std::thread::scope(|scope| {
        for index in 0..2 * CLIENTS {
            let (counters, stop, mut client) = (&counters, &stop, contender.client(index < CLIENTS));
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    ask(&mut client, counters);
                }
            });
        }
        let begun = Instant::now();
        let changed = || -> anyhow::Result<()> {
            while changes < CHANGES_MAX && begun.elapsed() < TIME_MAX {
                let round = first + changes;
                let saved = contender.save(how, round)?;
                changes += 1;
                missed += usize::from(contender.served(round, saved, SERVED_MAX).is_none());
            }
            Ok(())
        }();
        stop.store(true, Ordering::Relaxed);
        changed
    })?;
    Ok(Strain {
        name: contender.plan.name.to_owned(),
        how: if contender.is_told() { "told" } else { how.words() }.to_owned(),
        changes,
        missed,
        answers: counters.answers(),
    })
}

/// One question, counted.
pub fn ask(client: &mut Client, counters: &Counters) {
    let newest = counters.newest.load(Ordering::Acquire);
    let counter = match client.ask().as_ref().map(said) {
        Ok(Said::Round(round)) if round < newest => &counters.back,
        Ok(Said::Round(round)) => {
            counters.newest.fetch_max(round, Ordering::AcqRel);
            &counters.right
        }
        Ok(Said::Mixed) => &counters.mixed,
        Ok(Said::Wrong) => &counters.wrong,
        Err(_) => &counters.lost,
    };
    counter.fetch_add(1, Ordering::Relaxed);
}
