//! The sweep: every system call that a changeover makes, one after the other, with every error that it can have.

use changeover::{Cause, Decision, Verdict};

use crate::checks::{Before, Left, after, content, next_save_goes_live, no_trace};
use crate::inject::{Call, Fault, Tracer, permitted};
use crate::probe::{Probe, Role};
use crate::table::long_journal;

/// What asks for a changeover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The file is saved.
    Save,
    /// The engine is asked to put a content into the file.
    Propose,
}

/// Errors that any of the calls can have on a disk that is full, failing or read-only, and in a process without descriptors.
const ERRORS: [&str; 5] = ["ENOSPC", "EIO", "EACCES", "EROFS", "EMFILE"];

/// Calls of one kind in one changeover, at most: a sweep has an end.
const CALLS_MAX: usize = 40;

/// Who makes calls, which, and about which files.
type Kinds = (Role, &'static [&'static str], &'static [Option<&'static str>]);

/// The calls that may fail. Both threads make most of them: one goes on where the other waits.
const CALLS: [Kinds; 7] = [
    (Role::Watch, &OPENING, &[None]),
    (Role::Watch, &REMOVING, &[None]),
    (Role::Watch, &["fstat", "newfstatat", "fchmod", "fchown", "readlink", "write"], &[None]),
    (Role::Watch, &["read"], &[Some("settings.json")]),
    (Role::Changeover, &["write"], &[Some("state/journal.jsonl"), Some("state/secrets.new")]),
    (Role::Changeover, &OPENING, &[None]),
    (Role::Changeover, &REMOVING, &[None]),
];

const OPENING: [&str; 5] = ["openat", "statx", "fsync", "mkdir", "getdents64"];
const REMOVING: [&str; 5] = ["rename", "unlink", "unlinkat", "rmdir", "ftruncate"];

/// A probe, and the next number that nobody has used.
pub struct Bench {
    pub probe: Probe,
    next: i64,
}

impl Bench {
    pub fn start() -> Self {
        let mut bench = Self::over(Probe::start(&content(1)));
        // The first save finds caches cold and folders absent; it is not what is measured.
        bench.mend("the first save");
        bench
    }

    fn over(probe: Probe) -> Self {
        Self { probe, next: 2 }
    }

    fn number(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    fn mend(&mut self, at: &str) {
        let pair = self.number();
        next_save_goes_live(&mut self.probe, pair, at);
    }

    fn change(&mut self, way: Way, pair: i64) -> Verdict {
        match way {
            Way::Save => self.probe.save(&content(pair)),
            Way::Propose => self.probe.propose(&content(pair)),
        }
        let verdict = self.probe.verdict();
        let cause = if way == Way::Save { Cause::Save } else { Cause::Edit };
        assert_eq!(verdict.cause, cause, "{verdict}");
        verdict
    }

    /// What could not be removed before is gone at the next start, and everything goes on from there.
    pub fn restart(mut self) {
        self.probe = self.probe.restart();
        no_trace(&self.probe.folder, "the next start");
        for aside in ["journal.new", "secrets.new"] {
            assert!(!self.probe.folder.join("state").join(aside).exists(), "2: `{aside}` at the next start");
        }
        self.mend("the next start");
        self.probe.end();
    }

    /// Which calls of a kind, in one changeover, are about the folder of the engine: a thread also wakes others, and that
    /// never fails. `None`: this machine allows no tracer.
    fn calls(&mut self, way: Way, call: Call<'_>) -> Option<Vec<usize>> {
        let tracer = Tracer::hold(&self.probe, call, None)?;
        let pair = self.number();
        self.change(way, pair);
        let folder = self.probe.folder.to_str().unwrap();
        let calls = tracer.let_go();
        let ours = calls.iter().zip(1..).filter(|(line, _)| line.contains(folder));
        Some(ours.map(|(_, nth)| nth).take(CALLS_MAX).collect())
    }

    /// One changeover under one fault: everything that must be so is so. Gives the verdict, and whether the fault was met.
    pub fn suffer(&mut self, way: Way, fault: Fault<'_>) -> Option<(Verdict, bool)> {
        let at = format!("{way:?} under {fault:?}");
        let before = Before::of(&mut self.probe);
        let tracer = Tracer::hold(&self.probe, fault.call, Some((fault.nth, fault.answer)))?;
        let pair = self.number();
        let verdict = self.change(way, pair);
        let met = tracer.let_go().into_iter().find(|line| line.contains("(INJECTED)"));
        let removes = ["unlink", "unlinkat", "rmdir", "getdents64"].contains(&fault.call.name);
        // The walk through a folder opens it and looks at what it opened.
        let walks = |line: &str| line.contains("/candidates");
        let left = match &met {
            Some(line) if removes || walks(line) => Left::WhatCouldNotBeRemoved,
            _ => Left::Nothing,
        };
        let met = met.is_some();
        after(&mut self.probe, &before, pair, &verdict, left, &at);
        let file = std::fs::read_to_string(self.probe.file()).unwrap();
        let is_new = way == Way::Save || verdict.verdict == Decision::Applied;
        assert_eq!(file, if is_new { content(pair) } else { before.bytes }, "2: the file, {at}: {verdict}");
        self.mend(&at);
        Some((verdict, met))
    }
}

impl Bench {
    /// A proposal whose file is replaced after nobody waits for that any more: refused first, and then a save like any other.
    pub fn suffer_late(&mut self, fault: Fault<'_>) -> Option<()> {
        let before = Before::of(&mut self.probe);
        let tracer = Tracer::hold(&self.probe, fault.call, Some((fault.nth, fault.answer)))?;
        let pair = self.number();
        let refused = self.change(Way::Propose, pair);
        assert_eq!(refused.verdict, Decision::Rejected, "{refused}");
        assert!(refused.to_string().contains("was not replaced in time"), "{refused}");
        let state = self.probe.state();
        assert_eq!(
            (state.pair, state.generation),
            (before.state.pair, before.state.generation),
            "2: all old"
        );
        let saved = self.probe.verdict();
        tracer.let_go();
        assert_eq!((saved.verdict, saved.cause.clone()), (Decision::Applied, Cause::Save), "{saved}");
        after(&mut self.probe, &before, pair, &saved, Left::Nothing, "a disk that answers late");
        Some(())
    }
}

#[test]
#[ignore = "minutes: scripts/prove/faults.sh"]
fn every_call_of_a_changeover_may_fail_with_every_error() {
    if !permitted() {
        return;
    }
    let begun = std::time::Instant::now();
    let mut faults = Faults::default();
    for way in [Way::Save, Way::Propose] {
        let mut bench = Bench::start();
        let kinds = CALLS.iter().flat_map(|(role, names, paths)| {
            names
                .iter()
                .flat_map(move |name| paths.iter().map(move |path| Call { role: *role, name, path: *path }))
        });
        for call in kinds {
            if sweep(&mut bench, way, call, &mut faults).is_none() {
                return;
            }
        }
        bench.restart();
    }
    println!("{} of {} faults met in {} s", faults.met, faults.asked, begun.elapsed().as_secs());
    assert!(faults.met > 100, "a changeover makes calls");
}

/// How many faults were asked for, and how many were met: from one changeover to the next a call may fall away.
#[derive(Default)]
struct Faults {
    asked: usize,
    met: usize,
}

impl Faults {
    /// Tells of one, a line each.
    fn count(&mut self, way: Way, fault: Fault<'_>, (verdict, met): &(Verdict, bool)) {
        let Fault { call: Call { role, name, path }, nth, answer } = fault;
        let said = verdict.problems.first().map(ToString::to_string).unwrap_or_default();
        let (path, not_met) = (path.unwrap_or_default(), if *met { "" } else { " (not met)" });
        println!("{way:?} {role:?} {name} {path} {nth} {answer}: {} {said}{not_met}", verdict.verdict);
        self.asked += 1;
        self.met += usize::from(*met);
    }
}

/// Every call of one kind, with every error. `None`: this machine allows no tracer.
fn sweep(bench: &mut Bench, way: Way, call: Call<'_>, faults: &mut Faults) -> Option<()> {
    let met_before = faults.met;
    let calls = bench.calls(way, call)?;
    for nth in &calls {
        for error in ERRORS {
            let fault = Fault { call, nth: *nth, answer: &format!("error={error}") };
            faults.count(way, fault, &bench.suffer(way, fault)?);
        }
    }
    assert!(calls.is_empty() || faults.met > met_before, "of these calls none failed: {way:?} {call:?}");
    Some(())
}

/// What a rewriting of the journal does to the file beside it, of which nothing may be lost.
const REWRITING: [&str; 5] = ["openat", "ftruncate", "write", "fsync", "rename"];

#[test]
#[ignore = "a start for each fault: scripts/prove/faults.sh"]
fn every_call_of_a_rewriting_of_the_journal_may_fail() {
    if !permitted() {
        return;
    }
    let mut faults = Faults::default();
    for name in REWRITING {
        let call = Call { role: Role::Watch, name, path: Some("state/journal.new") };
        for answer in ["error=ENOSPC", "error=EIO"] {
            // It is rewritten in the first changeover of a start.
            let mut bench = Bench::over(Probe::start_over(&content(1), long_journal));
            let fault = Fault { call, nth: 1, answer };
            let Some(suffered) = bench.suffer(Way::Save, fault) else { return };
            assert!(suffered.1, "a rewriting makes this call: {fault:?}");
            faults.count(Way::Save, fault, &suffered);
            bench.restart();
        }
    }
    println!("{} faults of a rewriting met", faults.met);
}
