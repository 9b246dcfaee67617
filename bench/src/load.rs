//! Changeovers under load: every answer is counted, and every answer is checked; and what the process holds before and after.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::ensure;
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::latency::Save;
use crate::peers::strain::{Answers, CLIENTS, Counters, ask};
use crate::server::{Resources, Server};
use crate::settings;
use crate::verdicts::Verdicts;

/// A run of changeovers under load.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    pub applied: usize,
    pub answers: Answers,
    pub before: Resources,
    pub after: Resources,
}

/// Saves `changeovers` times, by rename and in place in turn, while clients ask.
pub fn measure(server: &Server, changeovers: usize) -> anyhow::Result<Outcome> {
    let (counters, stop) = (Counters::default(), AtomicBool::new(false));
    let mut verdicts = Verdicts::listen(server)?;
    save(server, &mut verdicts, 0..1)?;
    let (applied, before, after) = std::thread::scope(|scope| {
        for index in 0..2 * CLIENTS {
            let mut client = Client::new(server.address, "/api/v1/settings", index < CLIENTS);
            let (counters, stop) = (&counters, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    ask(&mut client, counters);
                }
            });
        }
        let changed = || -> anyhow::Result<(usize, Resources, Resources)> {
            // The first hundred fill caches and pools; what grows after them would grow for ever.
            save(server, &mut verdicts, 1..101)?;
            let before = server.resources()?;
            let applied = save(server, &mut verdicts, 101..101 + changeovers)?;
            Ok((applied, before, server.resources()?))
        }();
        stop.store(true, Ordering::Relaxed);
        changed
    })?;
    Ok(Outcome { applied, answers: counters.answers(), before, after })
}

fn save(server: &Server, verdicts: &mut Verdicts, rounds: std::ops::Range<usize>) -> anyhow::Result<usize> {
    let mut applied = 0;
    for round in rounds {
        let how = if round % 2 == 0 { Save::Rename } else { Save::InPlace };
        how.save(&server.settings(), &settings::pair(round))?;
        let (verdict, _) = verdicts.next()?;
        ensure!(verdict["verdict"] == "applied", "{verdict}");
        applied += 1;
    }
    Ok(applied)
}
