//! What becomes of a save that cannot be taken, and of the next one that can: as answers show it, and as the program itself
//! puts it. Each time the program is started anew.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::contender::Said;
use super::{Contender, Start, Tools};
use crate::latency::Save;

/// For how long the answers are looked at.
const LOOKED_AT: Duration = Duration::from_secs(3);

/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(10);

/// How long the next good save is waited for.
const NEXT_MAX: Duration = Duration::from_secs(5);

/// Letters of a complaint that are kept.
const COMPLAINT_MAX: usize = 300;

/// The values before the fault, of the fault, and after it.
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
    /// Microseconds until the next good save was served; `None`: never.
    pub next: Option<f64>,
}

/// Every contender beside the others, every fault of each in turn.
pub fn run(contenders: &[(&str, Start)], tools: &Tools) -> anyhow::Result<Vec<Seen>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            contenders.iter().map(|(_, start)| scope.spawn(move || all(*start, tools))).collect();
        let mut seen = Vec::new();
        for thread in threads {
            let of_one = thread.join().map_err(|_| anyhow::anyhow!("a thread of the bench panicked"))?;
            seen.extend(of_one?);
        }
        Ok(seen)
    })
}

fn all(start: Start, tools: &Tools) -> anyhow::Result<Vec<Seen>> {
    let mut seen = Vec::new();
    for fault in FAULTS {
        // One that cannot be started was said to be skipped before.
        let Ok(contender) = start(tools) else { return Ok(seen) };
        seen.extend(one(contender, fault)?);
    }
    Ok(seen)
}

fn one(mut contender: Contender, fault: Fault) -> anyhow::Result<Option<Seen>> {
    // One good save first, so that what is served is no content of a start.
    let begun = contender.save(Save::Rename, GOOD)?;
    contender.served(GOOD, begun, NEXT_MAX);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let content = match (fault, &contender.plan.impossible) {
        (Fault::Truncated, _) => half((contender.plan.content)(BAD)),
        (Fault::Missing, _) if !contender.has_file() => return Ok(None),
        (Fault::Missing, _) => String::new(),
        (Fault::Impossible, Some(impossible)) => impossible(BAD, taken.local_addr()?.port()),
        (Fault::Impossible, None) => return Ok(None),
    };
    let log = contender.log_length()?;
    if fault == Fault::Missing {
        std::fs::rename(contender.file(), contender.file().with_extension("away"))?;
    } else if contender.has_file() {
        Save::Rename.save(contender.file(), &content)?;
    }
    let answer = contender.tell(&content)?;
    let mut seen = Seen {
        name: contender.plan.name.to_owned(),
        fault,
        old: 0,
        new: 0,
        mixed: 0,
        failed: 0,
        ended: false,
        says: None,
        next: None,
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
    drop(taken);
    // A program that is gone cannot be told; then nothing is served.
    if let Ok(begun) = contender.save(Save::Rename, NEXT) {
        seen.next = contender.served(NEXT, begun, NEXT_MAX);
    }
    Ok(Some(seen))
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
