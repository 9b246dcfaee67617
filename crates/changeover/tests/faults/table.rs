//! One fault of each kind with what it comes to: those that every run of the tests meets.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use changeover::Decision::{self, Applied, Rejected};
use changeover::read_history;
use std::time::Instant;

use crate::checks::{Before, Left, after, content, next_save_goes_live};
use crate::inject::{Call, Fault, Tracer, permitted};
use crate::probe::Role::Watch;
use crate::probe::{PATIENCE, Probe};
use crate::sweep::{Bench, Way};

/// Which call of the thread that carries a save, of which file, the how many-th, and its error; the verdict, and what it says.
type Row = (&'static str, Option<&'static str>, usize, &'static str, Decision, &'static str);

const FILE: Option<&str> = Some("settings.json");
const JOURNAL: Option<&str> = Some("state/journal.jsonl");
const SECRETS: Option<&str> = Some("state/secrets.new");

const SAVES: [Row; 10] = [
    // What cannot be read may be half of something: it is looked at again before that is a verdict.
    ("openat", FILE, 1, "EACCES", Applied, ""),
    ("openat", FILE, 1, "EMFILE", Applied, ""),
    ("read", FILE, 1, "EIO", Applied, ""),
    ("statx", FILE, 1, "EIO", Applied, ""),
    ("mkdir", None, 1, "ENOSPC", Rejected, "the scratch folder: No space left"),
    // The intent is written before the switch.
    ("openat", SECRETS, 1, "EMFILE", Rejected, "the history cannot be written"),
    ("write", SECRETS, 1, "ENOSPC", Rejected, "the history cannot be written"),
    ("fsync", SECRETS, 1, "EIO", Rejected, "the history cannot be written"),
    ("write", JOURNAL, 1, "ENOSPC", Rejected, "the history cannot be written"),
    // After it, a history that fails takes nothing back.
    ("write", JOURNAL, 2, "ENOSPC", Applied, ""),
];

const PROPOSALS: [Row; 6] = [
    ("write", None, 1, "ENOSPC", Rejected, "cannot be written aside"),
    ("fsync", None, 1, "EIO", Rejected, "cannot be written aside"),
    ("rename", None, 2, "EROFS", Rejected, "cannot be replaced"),
    // The rename stands, whatever becomes of the folder.
    ("fsync", None, 3, "EIO", Applied, ""),
    ("unlink", None, 1, "EIO", Applied, ""),
    ("write", JOURNAL, 1, "EROFS", Rejected, "the history cannot be written"),
];

/// An engine holds a few commits on trial, and then writes an outcome after each further one: it would not be known which
/// write of the journal is the first of a changeover.
const ROWS_AN_ENGINE: usize = 5;

#[test]
fn every_kind_of_fault_comes_to_what_it_should() {
    if !permitted() {
        return;
    }
    for (way, rows) in [(Way::Save, &SAVES[..]), (Way::Propose, &PROPOSALS[..])] {
        for rows in rows.chunks(ROWS_AN_ENGINE) {
            let mut bench = Bench::start();
            for row in rows {
                if meet(&mut bench, way, row).is_none() {
                    return;
                }
            }
            bench.restart();
        }
    }
}

/// `None`: this machine allows no tracer.
fn meet(bench: &mut Bench, way: Way, (name, path, nth, error, decision, said): &Row) -> Option<()> {
    let call = Call { role: Watch, name, path: *path };
    let fault = Fault { call, nth: *nth, answer: &format!("error={error}") };
    let (verdict, met) = bench.suffer(way, fault)?;
    assert!(met, "the row is about a call that is made: {fault:?}");
    assert_eq!(verdict.verdict, *decision, "{fault:?}: {verdict}");
    assert!(verdict.to_string().contains(said), "{fault:?}: {verdict}");
    Some(())
}

/// Longer than a product may prepare, and than a disk is waited for.
const LONGER: &str = "delay_enter=6s";

#[test]
fn a_disk_that_answers_too_late_is_told_and_what_it_did_then_is_a_save() {
    if !permitted() {
        return;
    }
    let mut bench = Bench::start();
    // The first one is of the history, whose disk may hold up everything.
    let call = Call { role: Watch, name: "rename", path: None };
    if bench.suffer_late(Fault { call, nth: 2, answer: LONGER }).is_none() {
        return;
    }
    next_save_goes_live(&mut bench.probe, 1_000, "after a disk that hung");
    bench.restart();
}

/// Which call on which file hangs. A look that has not ended is told after five seconds and a poll.
const HANGS: [(&str, Option<&str>); 3] = [("read", FILE), ("fsync", SECRETS), ("write", JOURNAL)];

const HANG: &str = "delay_enter=9s";

#[test]
fn a_disk_that_hangs_is_told_and_then_the_save_goes_live() {
    if !permitted() {
        return;
    }
    std::thread::scope(|scope| {
        for (name, path) in HANGS {
            scope.spawn(move || hang(name, path));
        }
    });
}

fn hang(name: &str, path: Option<&str>) {
    let mut bench = Bench::start();
    let (probe, at) = (&mut bench.probe, format!("{name} of {path:?} hangs"));
    let before = Before::of(probe);
    let Some(tracer) = Tracer::hold(probe, Call { role: Watch, name, path }, Some((1, HANG))) else { return };
    probe.save(&content(1_000));
    let begun = Instant::now();
    while probe.state().finding.is_none_or(|finding| !finding.contains("has not ended")) {
        assert!(begun.elapsed() < PATIENCE, "8: it is told that {at}");
    }
    assert_eq!(probe.state().pair, before.state.pair, "2: what is live serves on while {at}");
    let verdict = probe.verdict();
    let met = tracer.let_go().iter().any(|line| line.contains("DELAYED"));
    assert!(met && verdict.verdict == Applied, "{at}: {verdict}");
    after(probe, &before, 1_000, &verdict, Left::Nothing, &at);
    assert_eq!(probe.state().finding, None, "8: it is told no longer, {at}");
    next_save_goes_live(probe, 1_001, &at);
    bench.restart();
}

/// Lines of a journal that an engine, which writes two of them at its start, rewrites when it has written two more.
const LINES: usize = 3_997;

const OUTCOME: &str = r#"{"outcome":{"id":1,"outcome":"kept","at":"2026-01-31T12:00:00Z"}}"#;

pub fn long_journal(folder: &Path) {
    let file = folder.join("state/journal.jsonl");
    fs::create_dir(folder.join("state")).unwrap();
    fs::write(&file, format!("{OUTCOME}\n").repeat(LINES)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_journal_that_was_rewritten_is_written_on_without_a_free_descriptor() {
    if !permitted() {
        return;
    }
    let at = "the journal is rewritten";
    let mut probe = Probe::start_over(&content(1), long_journal);
    let state_dir = probe.folder.join("state");
    let before = Before::of(&mut probe);
    // It is opened to weigh its lines and to copy them. To open it once more would fail.
    let call = Call { role: Watch, name: "openat", path: JOURNAL };
    let Some(tracer) = Tracer::hold(&probe, call, Some((3, "error=EMFILE"))) else { return };
    probe.save(&content(2));
    let verdict = probe.verdict();
    let opened = tracer.let_go();
    let lines = fs::read_to_string(state_dir.join("journal.jsonl")).unwrap().lines().count();
    assert!(lines < 10, "it was rewritten: {lines} lines");
    after(&mut probe, &before, 2, &verdict, Left::Nothing, at);
    next_save_goes_live(&mut probe, 3, at);
    let newest = read_history(&state_dir).unwrap().pop().unwrap();
    assert_eq!(newest.generation, before.state.generation + 2, "5: what comes after it is written down too");
    assert_eq!(opened.len(), 2, "{opened:?}");
    let mut probe = probe.restart();
    next_save_goes_live(&mut probe, 4, "the next start");
    probe.end();
}
