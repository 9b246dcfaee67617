//! What is compared after each step. Each comparison begins with the number of the invariant that it holds.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use changeover::{Verdict, read_history};

use crate::oracle::Told;
use crate::run::{PATIENCE, World};
use crate::steps::{Fault, Said, Text};

/// How often to look at what no event tells.
const LOOK: Duration = Duration::from_millis(2);

/// What may stand in a state directory.
const STATE: [&str; 5] = ["candidates", "hash-key", "journal.jsonl", "quarantine.json", "secrets.json"];

/// Waits until something is so that no event tells.
pub async fn until(what: &str, so: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !so() {
            tokio::time::sleep(LOOK).await;
        }
    });
    assert!(waited.await.is_ok(), "it never came to be so: {what}");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

impl World {
    pub async fn compare(&self, at: &str) {
        self.compare_live(at);
        self.compare_status(at);
        self.compare_history(at);
        self.compare_traces(at).await;
    }

    fn compare_live(&self, at: &str) {
        let (live, model) = (self.engine.live().load(), &self.oracle.runs);
        let services = &live.services;
        assert_eq!(*live.settings, model.settings, "6: what runs, at {at}");
        assert_eq!(
            (services.left.0, services.right.0),
            (model.settings.pair, model.settings.pair),
            "1: at {at}"
        );
        assert_eq!(services.llm.0, model.settings.llm, "1: at {at}");
        assert_eq!(
            (live.number, live.safe_mode),
            (self.oracle.generation, self.oracle.safe_mode),
            "6: at {at}"
        );
        if let Some(held) = &self.held {
            let services = &held.generation.services;
            let seen = (services.left.0, services.right.0, services.llm.0.as_str());
            let pair = held.settings.pair;
            assert_eq!(
                seen,
                (pair, pair, held.settings.llm.as_str()),
                "1: whoever holds it has it whole, at {at}"
            );
        }
        if let Some(followed) = *self.followed.lock().unwrap() {
            assert_eq!(followed, live.settings.pair, "3: `applied` is said after followers, at {at}");
        }
    }

    fn compare_status(&self, at: &str) {
        let status = self.engine.status();
        assert_eq!(status.drift, self.oracle.drift(), "6: drift, at {at}");
        assert_eq!(status.content, self.hash(self.oracle.file), "6: the file, at {at}");
        let accepted = self.oracle.runs.content.as_ref();
        let accepted = accepted.and_then(|content| self.engine.content_hash(content.as_bytes()));
        assert_eq!(status.accepted, accepted, "6: what was accepted, at {at}");
        assert_eq!((status.generation, status.safe_mode), (self.oracle.generation, self.oracle.safe_mode));
        let waiting = status.waiting.map(|waiting| waiting.content);
        assert_eq!(waiting.is_some(), self.oracle.waiting.is_some(), "6: what waits for the world, at {at}");
        assert_eq!(waiting.flatten(), self.hash(self.oracle.waiting), "6: what waits for the world, at {at}");
        assert_eq!(status.history_problem, None, "at {at}");
    }

    /// The verdicts in memory and in the journal are those of the model, and tell no secret.
    pub fn compare_history(&self, at: &str) {
        let state = self.folder.path().join("state");
        let written = read_history(&state).unwrap();
        let told: Vec<Told> = written.iter().map(|verdict| self.told(verdict)).collect();
        let model: Vec<Told> = self.oracle.told.iter().map(|told| self.seen(told)).collect();
        assert_eq!(told, model, "5: the journal, at {at}");
        let mut remembered = self.engine.history(usize::MAX);
        remembered.reverse();
        assert!(written.iter().eq(remembered.iter().map(AsRef::as_ref)), "5: journal and memory, at {at}");
        assert!(
            written.iter().zip(1..).all(|(verdict, id)| verdict.id == id),
            "5: each has the next id, at {at}"
        );
        let numbers: Vec<u64> = written.iter().map(|verdict| verdict.generation).collect();
        assert!(numbers.is_sorted(), "6: numbers only grow, at {at}: {numbers:?}");
        let journal = fs::read_to_string(state.join("journal.jsonl")).unwrap();
        assert!(!journal.contains("sk-") && !format!("{written:?}").contains("sk-"), "9: at {at}: {journal}");
    }

    /// A verdict of the engine, as the model tells them; contents by their hashes.
    fn told(&self, verdict: &Verdict) -> Told {
        Told {
            cause: verdict.cause.clone(),
            decision: verdict.verdict,
            content: verdict.content.clone(),
            generation: verdict.generation,
            outcome: verdict.outcome,
        }
    }

    /// The same of the model's own.
    fn seen(&self, told: &Told) -> Told {
        let content = told.content.as_ref().and_then(|content| self.engine.content_hash(content.as_bytes()));
        Told { content, ..told.clone() }
    }

    async fn compare_traces(&self, at: &str) {
        let folder = self.folder.path();
        let beside: Vec<String> = names(folder).into_iter().filter(|name| name != "settings.json").collect();
        assert_eq!(beside, ["state"], "2: nothing stays beside the file, at {at}");
        let strange: Vec<String> =
            names(&folder.join("state")).into_iter().filter(|name| !STATE.contains(&name.as_str())).collect();
        assert_eq!(strange, [""; 0], "2: nothing stays in the state directory, at {at}");
        let mut needed = self.oracle.needed();
        needed.extend(self.held.as_ref().map(|held| held.services));
        let is_hanging = matches!(self.oracle.waiting, Some(Text::Good(Said { fault: Fault::Hangs, .. })));
        if is_hanging {
            // One more try may be on its way at any time.
            return;
        }
        until(&format!("2: no scratch folder stays, at {at}"), || {
            names(&folder.join("state/candidates")).is_empty()
        })
        .await;
        let alive = || self.probes.alive.load(Ordering::SeqCst);
        until(&format!("11: {needed:?} are needed, at {at}"), || alive() == needed.len()).await;
    }
}
