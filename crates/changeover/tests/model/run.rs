//! Tells a story: each step is taken by the engine on real files and by the model, and both are compared.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use changeover::{Cause, Decision, Engine, Generation, NotProposed, Proposal, StartError, Verdict};
use tempfile::TempDir;
use tokio::sync::broadcast;

use crate::oracle::{Built, Oracle, Refused, Told};
use crate::product::{Probes, Services, Settings, blueprint};
use crate::steps::{Fault, Said, Seen, Step, Text, Way};

/// Nothing here takes this long, on any machine; a story that waits longer has gone otherwise.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What is saved while nothing runs, where what stands in the file would keep a start waiting.
const PLAIN: Text = Text::Good(Said { pair: 0, llm: 0, fault: Fault::None, note: 50 });

/// A generation as a unit of work holds it.
pub struct Held {
    pub generation: Arc<Generation<Settings, Services>>,
    pub settings: Settings,
    pub services: Built,
}

/// An engine in a folder of its own, and the model of it.
pub struct World {
    pub engine: Engine<Settings, Services>,
    pub file: PathBuf,
    pub folder: TempDir,
    pub probes: Probes,
    pub oracle: Oracle,
    pub held: Option<Held>,
    /// What a follower has followed.
    pub followed: Arc<Mutex<Option<i64>>>,
    verdicts: broadcast::Receiver<Arc<Verdict>>,
}

pub fn tell((first, steps): &(Option<Text>, Vec<Step>)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut world = World::start(*first).await;
        world.compare("the first start").await;
        for (index, step) in steps.iter().enumerate() {
            world.take(step).await;
            world.compare(&format!("step {index}, {step:?}")).await;
        }
        world.end().await;
    });
}

fn edit(text: Text, if_match: Option<String>) -> Proposal {
    let content = text.bytes().into_bytes();
    Proposal { file: None, content, cause: Cause::Edit, actor: None, if_match, allow_empty: false }
}

impl World {
    async fn start(first: Option<Text>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let oracle = Oracle::new(None);
        Self::start_in(folder, Probes::default(), oracle, first).await
    }

    /// Starts an engine; where the world does not allow that, the world or the file changes.
    async fn start_in(folder: TempDir, probes: Probes, mut oracle: Oracle, between: Option<Text>) -> Self {
        let file = folder.path().join("settings.json");
        let hangs = |text: Option<Text>| matches!(text, Some(Text::Good(Said { fault: Fault::Hangs, .. })));
        let save = |oracle: &mut Oracle, text: Text| {
            fs::write(&file, text.bytes()).unwrap();
            oracle.file = Some(text);
        };
        if let Some(text) = between {
            save(&mut oracle, text);
        }
        if hangs(oracle.file) {
            save(&mut oracle, PLAIN);
        }
        let engine = loop {
            match (Engine::start(blueprint(folder.path(), &probes)).await, oracle.starts()) {
                (Ok(engine), Ok(())) => break engine,
                (Err(StartError::Refused(_)), Err(Refused)) => {
                    assert_eq!(
                        probes.alive.load(Ordering::SeqCst),
                        0,
                        "2: no trace of a start that was refused"
                    );
                    if oracle.world_refuses {
                        oracle.world_refuses = false;
                        probes.world_refuses.store(false, Ordering::SeqCst);
                    } else {
                        save(&mut oracle, PLAIN);
                    }
                }
                (engine, model) => panic!("a start: {:?}, and {model:?} says the model", engine.err()),
            }
        };
        let verdicts = engine.verdicts();
        let followed = Arc::default();
        let world = Self { file, folder, probes, oracle, held: None, followed, verdicts, engine };
        world.follow();
        world
    }

    fn follow(&self) {
        let mut follower = self.engine.follower("mirror", |generation| generation.settings.pair).unwrap();
        let followed = Arc::clone(&self.followed);
        tokio::spawn(async move {
            while let Some(generation) = follower.next().await {
                *followed.lock().unwrap() = Some(generation.settings.pair);
                follower.followed(&generation, None);
            }
        });
    }

    async fn take(&mut self, step: &Step) {
        let known = self.oracle.told.len();
        match step {
            Step::Save(text, way) => {
                self.save(*text, *way);
                self.oracle.file = Some(*text);
                self.oracle.arrives(Cause::Save, Some(*text));
            }
            Step::Burst(saves) => return self.burst(saves).await,
            Step::Delete if self.oracle.file.is_some() => {
                fs::remove_file(&self.file).unwrap();
                self.oracle.file = None;
                self.oracle.arrives(Cause::Save, None);
            }
            Step::Delete => {}
            Step::Propose(text, seen) => self.propose(*text, *seen).await,
            Step::ProposeAndLeave(text) => {
                // Asked for, and let go of at once.
                tokio::select! {
                    biased;
                    _ = self.engine.propose(edit(*text, None)) => {}
                    () = std::future::ready(()) => {}
                }
                self.oracle.proposed(*text);
            }
            Step::Reload => {
                self.oracle.arrives(Cause::Reload, self.oracle.file);
                self.engine.reload().await.unwrap();
            }
            Step::TryAgain => {
                self.oracle.arrives(Cause::Try, self.oracle.file);
                self.engine.try_again().await.unwrap();
            }
            Step::World { refuses } => {
                self.probes.world_refuses.store(*refuses, Ordering::SeqCst);
                self.oracle.world_refuses = *refuses;
            }
            Step::Refresh { changed } => {
                self.probes.outside.fetch_add(i64::from(*changed), Ordering::SeqCst);
                self.oracle.refreshed(self.is_built_from_something_else());
                self.engine.refresh().await.unwrap();
            }
            Step::Worked => {
                self.engine.worked(self.engine.live().load().services.llm.identity());
                self.oracle.worked();
            }
            Step::Failed => self.fail(),
            Step::Hold => {
                let generation = self.engine.live().load();
                let runs = &self.oracle.runs;
                self.held =
                    Some(Held { generation, settings: runs.settings.clone(), services: runs.services });
            }
            Step::Restart(between) => return self.restart(*between).await,
        }
        self.hear(known).await;
        // What has become possible or needless by this step is tried by the engine when its time comes.
        while self.oracle.tried_again() {
            let known = self.oracle.told.len() - 1;
            self.hear(known).await;
        }
    }

    /// Whether the live pair was built from something that is otherwise now.
    fn is_built_from_something_else(&self) -> bool {
        let (_, outside) = *self.engine.live().load().services.left.inputs();
        outside != self.probes.outside.load(Ordering::SeqCst)
    }

    fn save(&self, text: Text, way: Way) {
        let bytes = text.bytes();
        // The same bytes once more are a save if the file is another one, whatever the clock of the file system is worth.
        let is_same = self.oracle.file == Some(text);
        match way {
            Way::Rename => self.rename(&bytes),
            _ if is_same => self.rename(&bytes),
            Way::InPlace => fs::write(&self.file, bytes).unwrap(),
            Way::InParts => {
                let mut file = File::create(&self.file).unwrap();
                let (head, tail) = bytes.split_at(bytes.len() / 2);
                file.write_all(head.as_bytes()).unwrap();
                file.write_all(tail.as_bytes()).unwrap();
            }
        }
    }

    fn rename(&self, bytes: &str) {
        let aside = self.file.with_extension("aside");
        fs::write(&aside, bytes).unwrap();
        fs::rename(aside, &self.file).unwrap();
    }

    async fn propose(&mut self, text: Text, seen: Seen) {
        let if_match = match seen {
            Seen::NotSaid => None,
            Seen::Present => self.engine.status().content,
            Seen::Other => Some("another content".to_owned()),
        };
        let matches = if_match.is_none() || if_match == self.hash(self.oracle.file);
        match self.engine.propose(edit(text, if_match)).await {
            Ok(_) => self.oracle.proposed(text),
            Err(NotProposed::Conflict { present }) => {
                assert!(!matches, "a conflict where there is none");
                assert_eq!(present, self.hash(self.oracle.file), "6: what stands in the file is told");
            }
            Err(NotProposed::Stopped(stopped)) => panic!("{stopped}"),
        }
    }

    fn fail(&mut self) {
        let llm = self.engine.live().load().services.llm.identity();
        if self.oracle.may_fail() {
            assert!(self.engine.fallback(llm).is_some(), "there is something to go back to");
        }
        self.engine.failed(llm, "401 where the one before it works");
        self.oracle.failed();
    }

    async fn restart(&mut self, between: Option<Text>) {
        self.engine.shutdown().await;
        self.oracle.stopped();
        self.held = None;
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        let oracle = std::mem::replace(&mut self.oracle, Oracle::new(None));
        let probes = self.probes.clone();
        // The engine that has ended is let go before the next one starts: its services must be gone by then.
        let nobody = broadcast::channel(1).1;
        self.verdicts = nobody;
        let parked = Engine::start(blueprint(self.folder.path(), &Probes::default())).await.unwrap();
        drop(std::mem::replace(&mut self.engine, parked));
        crate::compare::until("2: an engine that has ended keeps nothing", || {
            probes.alive.load(Ordering::SeqCst) == 0
        })
        .await;
        *self = Self::start_in(folder, probes, oracle, between).await;
    }

    /// Saves that do not wait: each has its own verdict, or was never at rest; the last one always has.
    ///
    /// A verdict that goes by the check alone, and one on what was waiting, may be told while an older content is still
    /// being prepared. What goes live does so in the order of the saves.
    async fn burst(&mut self, saves: &[(Text, Way)]) {
        for (text, way) in saves {
            self.save(*text, *way);
            self.oracle.file = Some(*text);
        }
        let mut heard = vec![false; saves.len()];
        let mut prepared = None;
        while heard.last() == Some(&false) {
            let verdict = self.verdict().await;
            let is_of_it =
                |index: &usize| !heard[*index] && self.hash(Some(saves[*index].0)) == verdict.content;
            let index = (0..saves.len()).find(is_of_it);
            let index = index.unwrap_or_else(|| panic!("5: nobody saved what this is about: {verdict}"));
            heard[index] = true;
            let text = saves[index].0;
            if verdict.verdict == Decision::Superseded {
                assert!(index + 1 < saves.len(), "4: nothing is newer than the last: {verdict}");
                let (content, generation) = (Some(text.bytes()), self.oracle.generation);
                let (cause, decision) = (Cause::Save, Decision::Superseded);
                self.oracle.told.push(Told { cause, decision, content, generation, outcome: None });
                continue;
            }
            if verdict.verdict != Decision::Rejected {
                assert!(prepared < Some(index), "4: an older content went live after a newer one: {verdict}");
                prepared = Some(index);
            }
            self.oracle.arrives(Cause::Save, Some(text));
        }
    }

    /// Waits for the verdicts that the model has told since.
    async fn hear(&mut self, known: usize) {
        for told in known..self.oracle.told.len() {
            let verdict = self.verdict().await;
            let expected = &self.oracle.told[told];
            assert_eq!(
                (verdict.cause.clone(), verdict.verdict),
                (expected.cause.clone(), expected.decision),
                "5: {verdict}, and the model says {expected:?}"
            );
        }
    }

    async fn verdict(&mut self) -> Arc<Verdict> {
        let verdict = tokio::time::timeout(PATIENCE, self.verdicts.recv()).await;
        verdict.unwrap_or_else(|_| panic!("5: no verdict; the model: {:#?}", self.oracle)).unwrap()
    }

    /// The keyed hash of a text, as people see it.
    pub fn hash(&self, text: Option<Text>) -> Option<String> {
        self.engine.content_hash(text?.bytes().as_bytes())
    }

    async fn end(mut self) {
        self.engine.shutdown().await;
        self.oracle.stopped();
        self.compare_history("the end");
    }
}
