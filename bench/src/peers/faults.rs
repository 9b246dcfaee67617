//! What becomes of a save that cannot be taken, and of the next one that can: as answers show it, and as the program itself
//! puts it. Each time the program is started anew. All are looked at beside each other; the next save is one's alone.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::contender::Said;
use super::{Contender, Start, Tools};
use crate::client::Answer;
use crate::latency::Save;
use crate::sample::Times;

/// For how long the answers are looked at.
const LOOKED_AT: Duration = Duration::from_secs(3);

/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(10);

/// How long the next good save is waited for.
const NEXT_MAX: Duration = Duration::from_secs(5);

/// Times that a fault and a good save follow each other.
pub const REPEATS: usize = 5;

/// Letters of a complaint that are kept.
const COMPLAINT_MAX: usize = 300;

/// The values before the fault, of the fault, and of the first good save after it.
const GOOD: usize = 1;
const BAD: usize = 2;
const NEXT: usize = 3;

/// What is wrong with a save.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// The first half of a file.
    Truncated,
    /// No file.
    Missing,
    /// A file that is right, and needs what cannot be had.
    Impossible,
}

impl Fault {
    /// In the words of the tables.
    pub fn words(self) -> &'static str {
        match self {
            Self::Truncated => "half a file",
            Self::Missing => "no file",
            Self::Impossible => "what cannot be had",
        }
    }

    /// How long Thoth takes to judge it, and a while more: a file is called missing after a second.
    fn judged(self) -> Duration {
        match self {
            Self::Missing => Duration::from_millis(1_200),
            Self::Truncated | Self::Impossible => Duration::from_millis(300),
        }
    }
}

pub const FAULTS: [Fault; 3] = [Fault::Truncated, Fault::Missing, Fault::Impossible];

/// What was seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    pub name: String,
    pub fault: Fault,
    /// Answers by what they said.
    pub old: usize,
    pub new: usize,
    pub mixed: usize,
    pub failed: usize,
    /// Whether the process ended.
    pub ended: bool,
    /// The program's own words.
    pub says: Option<String>,
    /// Until the next good save was served: the median, and how many of [`REPEATS`] were; none is after the first that was not.
    pub next: Times,
}

/// Every contender beside the others, every fault of each in turn.
pub fn run(contenders: &[(&str, Start)], tools: &Tools) -> anyhow::Result<Vec<Seen>> {
    let alone = Mutex::new(());
    std::thread::scope(|scope| {
        let begin = |(_, start): &(&str, Start)| {
            let (start, alone) = (*start, &alone);
            scope.spawn(move || all(start, tools, alone))
        };
        let threads: Vec<_> = contenders.iter().map(begin).collect();
        let mut seen = Vec::new();
        for thread in threads {
            let of_one = thread.join().map_err(|_| anyhow::anyhow!("a thread of the bench panicked"))?;
            seen.extend(of_one?);
        }
        Ok(seen)
    })
}

fn all(start: Start, tools: &Tools, alone: &Mutex<()>) -> anyhow::Result<Vec<Seen>> {
    let mut seen = Vec::new();
    for fault in FAULTS {
        // One that cannot be started was said to be skipped before.
        let Ok(contender) = start(tools) else { return Ok(seen) };
        seen.extend(one(contender, fault, alone)?);
    }
    Ok(seen)
}

fn one(mut contender: Contender, fault: Fault, alone: &Mutex<()>) -> anyhow::Result<Option<Seen>> {
    // One good save first, so that what is served is no content of a start.
    contender.change(Save::Rename, GOOD, NEXT_MAX);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let content = match (fault, &contender.plan.impossible) {
        (Fault::Truncated, _) => half((contender.plan.content)(BAD)),
        (Fault::Missing, _) if !contender.has_file() => return Ok(None),
        (Fault::Missing, _) => String::new(),
        (Fault::Impossible, Some(impossible)) => impossible(BAD, taken.local_addr()?.port()),
        (Fault::Impossible, None) => return Ok(None),
    };
    let log = contender.log_length()?;
    let answer = commit(&contender, fault, &content)?;
    let mut seen = Seen {
        name: contender.plan.name.to_owned(),
        fault,
        old: 0,
        new: 0,
        mixed: 0,
        failed: 0,
        ended: false,
        says: None,
        next: Times::default(),
    };
    look(&contender, &mut seen);
    let refusal = answer
        .filter(|answer| answer.status >= 400)
        .map(|answer| contender.plain(&format!("{} {}", answer.status, answer.body().trim())));
    seen.says = match refusal {
        Some(refusal) => Some(refusal),
        None => contender.complaint(log)?,
    }
    .map(|says| says.chars().take(COMPLAINT_MAX).collect());
    seen.ended = !contender.runs()?;
    let alone = alone.lock().unwrap_or_else(PoisonError::into_inner);
    seen.next = after(&contender, fault, &content)?;
    drop(alone);
    Ok(Some(seen))
}

/// Makes the fault; gives the answer of a program that was told.
fn commit(contender: &Contender, fault: Fault, content: &str) -> anyhow::Result<Option<Answer>> {
    if fault == Fault::Missing {
        std::fs::rename(contender.file(), contender.file().with_extension("away"))?;
    } else if contender.has_file() {
        Save::Rename.save(contender.file(), content)?;
    }
    contender.tell(content)
}

/// A good save after the fault that is there, and after each that follows, until one is not served.
fn after(contender: &Contender, fault: Fault, content: &str) -> anyhow::Result<Times> {
    let mut micros = Vec::new();
    for repeat in 0..REPEATS {
        if repeat > 0 {
            commit(contender, fault, content)?;
            std::thread::sleep(fault.judged());
        }
        let Some(served) = contender.change(Save::Rename, NEXT + repeat, NEXT_MAX) else { break };
        micros.push(served);
    }
    Ok(Times::of(micros))
}

fn look(contender: &Contender, seen: &mut Seen) {
    let until = Instant::now() + LOOKED_AT;
    while Instant::now() < until {
        match contender.said() {
            Some(Said::Round(BAD)) => seen.new += 1,
            Some(Said::Round(_)) => seen.old += 1,
            Some(Said::Mixed) => seen.mixed += 1,
            Some(Said::Wrong) | None => seen.failed += 1,
        }
        std::thread::sleep(PAUSE);
    }
}

fn half(content: String) -> String {
    content.chars().take(content.chars().count() / 2).collect()
}
