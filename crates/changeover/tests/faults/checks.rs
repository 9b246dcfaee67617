//! What must be so after every fault. Each check begins with the number of the invariant that it holds.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use changeover::{Decision, Verdict, read_history};

use crate::probe::{Probe, State};

/// What the settings say at each moment: a number, and a secret that is told apart by it.
pub fn content(pair: i64) -> String {
    format!(r#"{{"pair": {pair}, "llm": "sk-secret-{pair}"}}"#)
}

/// What was there before a change.
pub struct Before {
    pub state: State,
    pub bytes: String,
}

impl Before {
    pub fn of(probe: &mut Probe) -> Self {
        Self { state: probe.state(), bytes: fs::read_to_string(probe.file()).unwrap() }
    }
}

/// What a fault may leave behind until the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Nothing,
    /// What could not be removed, since removing it was the fault.
    WhatCouldNotBeRemoved,
}

/// Everything that must be so after the verdict on `pair`, whatever it is.
pub fn after(probe: &mut Probe, before: &Before, pair: i64, verdict: &Verdict, left: Left, at: &str) {
    let state = probe.state();
    all_old_or_all_new(&state, before, pair, verdict, at);
    journal(&probe.folder, &state, verdict, at);
    if left == Left::Nothing {
        no_trace(&probe.folder, at);
    }
    no_secret(&probe.folder, verdict, at);
}

fn all_old_or_all_new(state: &State, before: &Before, pair: i64, verdict: &Verdict, at: &str) {
    assert_eq!((state.left, state.right), (state.pair, state.pair), "1: never a mixture, {at}");
    let old = (before.state.pair, before.state.generation);
    let new = (pair, before.state.generation + 1);
    let (expected, drift) = match verdict.verdict {
        Decision::Applied => (new, false),
        _ => (old, true),
    };
    assert_eq!((state.pair, state.generation), expected, "2: all old or all new, {at}: {verdict}");
    let file_is_old = verdict.cause == changeover::Cause::Edit;
    assert_eq!(state.drift, drift && !file_is_old, "6: drift, {at}: {verdict}");
}

/// Every line of the journal can be read, and the verdict that was told is there, unless the status says why not.
fn journal(folder: &Path, state: &State, verdict: &Verdict, at: &str) {
    let file = folder.join("state/journal.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    for line in text.lines() {
        let whole = serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line.is_object());
        assert!(whole, "5: a line that cannot be read, {at}: `{line}`");
    }
    assert!(text.ends_with('\n'), "5: a torn tail, {at}");
    let written = read_history(&folder.join("state")).unwrap();
    if state.history_problem.is_none() {
        let told = Verdict { outcome: None, ..verdict.clone() };
        let is_it = |one: &Verdict| Verdict { outcome: None, ..one.clone() } == told;
        assert!(written.iter().any(is_it), "5: it is written down as it was told, {at}: {verdict}");
    }
    assert!(written.windows(2).all(|two| two[0].id < two[1].id), "5: {at}");
    assert!(
        written.windows(2).all(|two| two[0].generation <= two[1].generation),
        "6: numbers only grow, {at}"
    );
}

/// Every file and folder below this one.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What may stand in the folder, and in the state directory.
const KNOWN: [&str; 9] = [
    "settings.json",
    "state",
    "state/candidates",
    "state/hash-key",
    "state/journal.jsonl",
    // What could not be put in place; the next one takes its place, and the next start removes it.
    "state/journal.new",
    "state/quarantine.json",
    "state/secrets.json",
    "state/secrets.new",
];

pub fn no_trace(folder: &Path, at: &str) {
    let found = below(folder);
    let names = found.iter().map(|path| path.strip_prefix(folder).unwrap().to_str().unwrap());
    let strange: Vec<&str> = names.filter(|name| !KNOWN.contains(name)).collect();
    assert_eq!(strange, [""; 0], "2: no trace, {at}");
}

/// Secrets stand in the settings file and in the one file of secrets alone, and nobody else reads what the engine wrote.
fn no_secret(folder: &Path, verdict: &Verdict, at: &str) {
    let told = format!("{verdict:?}{verdict}");
    assert!(!told.contains("sk-secret"), "9: {at}: {told}");
    for path in below(&folder.join("state")).into_iter().filter(|path| path.is_file()) {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o077;
        let is_scratch = path.starts_with(folder.join("state/candidates"));
        assert!(mode == 0 || is_scratch, "9: others may read `{}`, {at}", path.display());
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("secrets.") {
            let bytes = fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("sk-secret"), "9: `{}` has a secret, {at}", path.display());
        }
    }
}

/// The next good save goes live, whatever was before, and an event tells of it: the poll would find it too.
pub fn next_save_goes_live(probe: &mut Probe, pair: i64, at: &str) {
    let told = probe.state().seen_by_event;
    probe.save(&content(pair));
    // What the world refused before may go live first.
    let mut verdicts_max = 4;
    loop {
        let verdict = probe.verdict();
        let state = probe.state();
        if verdict.verdict == Decision::Applied && state.pair == pair {
            assert_eq!((state.left, state.right, state.drift), (pair, pair, false), "8: {at}");
            assert!(state.seen_by_event > told, "8: the poll had to find it, {at}");
            return;
        }
        verdicts_max -= 1;
        assert!(verdicts_max > 0, "8: the next good save goes live, {at}: {verdict}");
    }
}
