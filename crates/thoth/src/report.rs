//! What the history says of a period: the figures to look at weekly. A pure function of verdicts and times.

use std::collections::BTreeMap;

use changeover::{Action, Cause, Decision, Outcome, Problem, Verdict};
use jiff::Timestamp;
use serde::Serialize;

/// Keys that are named at most, the most refused ones first.
const KEYS_MAX: usize = 10;

/// The figures of a period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Begin of the period.
    pub since: Timestamp,
    /// End of the period.
    pub until: Timestamp,
    /// The oldest verdict that the history still has, whether or not it lies in the period.
    pub history_begins: Option<Timestamp>,
    /// Verdicts in the period.
    pub total: usize,
    /// How many of each kind.
    pub verdicts: Verdicts,
    /// Of the contents that were read and not superseded, how many percent were not refused.
    pub accepted_percent: Option<f64>,
    /// Of the contents in which the check found nothing wrong, how many percent went live, and stayed, or were live already.
    /// What is missing was refused by the world (a port that is taken, a disk that is full) or taken back.
    pub success_percent: Option<f64>,
    /// What became of those that went live.
    pub outcomes: Outcomes,
    /// How many for each reason to read: `start`, `save`, `reload`, `retry`, `try`, `refresh`, `revert`.
    pub causes: BTreeMap<&'static str, usize>,
    /// Milliseconds of each stage of what was applied by a save or a reload, the slowest 99th percentile first.
    pub stages: Vec<Stage>,
    /// Key paths of what was refused, the most frequent first.
    pub refused_keys: Vec<RefusedKey>,
    /// Starts of a server.
    pub starts: usize,
    /// Starts at which the file was refused and the last known good took its place.
    pub starts_last_known_good: usize,
    /// Starts at which nothing usable was found.
    pub starts_safe_mode: usize,
    /// Verdicts after which an owner of ports, folders or the log was late, or could not follow wholly.
    pub incomplete: usize,
}

/// How many verdicts of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdicts {
    /// Went live.
    pub applied: usize,
    /// Were live already.
    pub unchanged: usize,
    /// Were refused.
    pub rejected: usize,
    /// Gave way to a newer one.
    pub superseded: usize,
}

/// What became of the contents that went live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    /// Were used, and worked.
    pub kept: usize,
    /// Were not used while they were on trial.
    pub kept_unproven: usize,
    /// Failed where what was live before works, and were taken back.
    pub reverted: usize,
    /// Are on trial still, or were when the process ended.
    pub open: usize,
}

/// How long a stage took.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stage {
    /// `read`, `check`, `wait`, `prepare`, `commit`, `follow`, or `total`.
    pub name: String,
    /// The median, in milliseconds.
    pub p50_ms: f64,
    /// The 99th percentile, in milliseconds.
    pub p99_ms: f64,
    /// The longest, in milliseconds.
    pub max_ms: f64,
}

/// A key that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedKey {
    /// Its path; empty for what concerns the file as a whole.
    pub path: String,
    /// How many verdicts refused it.
    pub count: usize,
    /// What was said of it last.
    pub last: String,
}

/// The figures of `verdicts` (in any order, each once) from `since` to `until`.
pub fn report(mut verdicts: Vec<Verdict>, since: Timestamp, until: Timestamp) -> Report {
    verdicts.sort_by_key(|verdict| verdict.id);
    let history_begins = verdicts.first().map(|verdict| verdict.at);
    verdicts.retain(|verdict| (since..=until).contains(&verdict.at));
    let count = |wanted: fn(&Verdict) -> bool| verdicts.iter().filter(|verdict| wanted(verdict)).count();
    let kinds = Verdicts {
        applied: count(|verdict| verdict.verdict == Decision::Applied),
        unchanged: count(|verdict| verdict.verdict == Decision::Unchanged),
        rejected: count(|verdict| verdict.verdict == Decision::Rejected),
        superseded: count(|verdict| verdict.verdict == Decision::Superseded),
    };
    // These are Thoth's own doing: no file was read for them.
    let own = |verdict: &Verdict| matches!(verdict.cause, Cause::Refresh | Cause::Revert);
    let read = |decision: Decision| {
        verdicts.iter().filter(move |verdict| !own(verdict) && verdict.verdict == decision)
    };
    let good = read(Decision::Applied).count() + read(Decision::Unchanged).count();
    let refused = read(Decision::Rejected).count();
    let refused_by_the_world =
        read(Decision::Rejected).filter(|verdict| verdict.stages_ms.contains_key("prepare")).count();
    let outcome =
        |wanted: Option<Outcome>| read(Decision::Applied).filter(|verdict| verdict.outcome == wanted).count();
    let outcomes = Outcomes {
        kept: outcome(Some(Outcome::Kept)),
        kept_unproven: outcome(Some(Outcome::KeptUnproven)),
        reverted: outcome(Some(Outcome::Reverted)),
        open: outcome(None),
    };
    let reverted = outcomes.reverted;
    let mut causes = BTreeMap::new();
    for verdict in &verdicts {
        *causes.entry(verdict.cause.name()).or_default() += 1;
    }
    let (starts_last_known_good, starts_safe_mode) = starts_without_the_file(&verdicts);
    let good_starts = count(|verdict| verdict.cause == Cause::Start && verdict.verdict == Decision::Applied);
    Report {
        since,
        until,
        history_begins,
        total: verdicts.len(),
        verdicts: kinds,
        accepted_percent: percent(good, good + refused),
        success_percent: percent(good - reverted, good + refused_by_the_world),
        outcomes,
        causes,
        stages: stages(&verdicts),
        refused_keys: refused_keys(&verdicts),
        starts: good_starts + starts_safe_mode,
        starts_last_known_good,
        starts_safe_mode,
        incomplete: count(|verdict| {
            verdict.services.iter().any(|service| service.action == Action::Degraded)
        }),
    }
}

/// Two decimals: what does not succeed once in ten thousand times must show.
fn percent(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| (part as f64 * 10_000.0 / whole as f64).floor() / 100.0)
}

/// A start says `rejected` of the file, and `applied` right after it if something older took its place.
fn starts_without_the_file(verdicts: &[Verdict]) -> (usize, usize) {
    let is = |verdict: &Verdict, decision| verdict.cause == Cause::Start && verdict.verdict == decision;
    let (mut last_known_good, mut safe_mode) = (0, 0);
    for (index, refused) in verdicts.iter().enumerate().filter(|(_, verdict)| is(verdict, Decision::Rejected))
    {
        let next = verdicts.get(index + 1);
        match next.is_some_and(|next| next.id == refused.id + 1 && is(next, Decision::Applied)) {
            true => last_known_good += 1,
            false => safe_mode += 1,
        }
    }
    (last_known_good, safe_mode)
}

/// A start is left out: it builds everything, and nobody waits for a save.
fn stages(verdicts: &[Verdict]) -> Vec<Stage> {
    let mut samples: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let applied = verdicts.iter().filter(|verdict| {
        verdict.verdict == Decision::Applied && matches!(verdict.cause, Cause::Save | Cause::Reload)
    });
    for (stage, millis) in applied.flat_map(|verdict| &verdict.stages_ms) {
        samples.entry(stage).or_default().push(*millis);
    }
    let mut stages: Vec<Stage> = samples
        .into_iter()
        .map(|(name, mut millis)| {
            millis.sort_by(f64::total_cmp);
            let (p50_ms, p99_ms, max_ms) =
                (percentile(&millis, 50), percentile(&millis, 99), percentile(&millis, 100));
            Stage { name: name.to_owned(), p50_ms, p99_ms, max_ms }
        })
        .collect();
    // The sum of all stages says nothing about which of them is slow.
    stages.sort_by(|left, right| {
        let order = |stage: &Stage| stage.name == "total";
        order(left).cmp(&order(right)).then(right.p99_ms.total_cmp(&left.p99_ms))
    });
    stages
}

/// The smallest value that at least `percent` of the sorted sample do not exceed.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

fn refused_keys(verdicts: &[Verdict]) -> Vec<RefusedKey> {
    let mut keys: BTreeMap<&str, (usize, &Problem)> = BTreeMap::new();
    for verdict in verdicts.iter().filter(|verdict| verdict.verdict == Decision::Rejected) {
        // Once a verdict, however often a file repeats its mistake.
        let mut paths: BTreeMap<&str, &Problem> = BTreeMap::new();
        for problem in &verdict.problems {
            paths.entry(&problem.path).or_insert(problem);
        }
        for (path, problem) in paths {
            let (count, last) = keys.entry(path).or_insert((0, problem));
            (*count, *last) = (*count + 1, problem);
        }
    }
    let mut keys: Vec<RefusedKey> = keys
        .into_iter()
        .map(|(path, (count, last))| RefusedKey { path: path.to_owned(), count, last: last.message.clone() })
        .collect();
    keys.sort_by(|left, right| right.count.cmp(&left.count).then_with(|| left.path.cmp(&right.path)));
    keys.truncate(KEYS_MAX);
    keys
}

#[cfg(test)]
mod tests;
