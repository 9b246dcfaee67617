//! An engine in a process of its own, which says its verdicts and its state in lines.
//!
//! The process is this test binary, asked to run [`the_engine`] alone.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use changeover::{Cause, Engine, Proposal, Verdict};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::product::{Probes, Services, Settings, blueprint};

/// Nothing here takes this long, on any machine; a test that waits longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Names the folder to the process that runs the engine.
const FOLDER: &str = "CHANGEOVER_FAULTS_FOLDER";

/// A thread that makes system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads and replaces the settings file, and goes on from there as far as it gets.
    Watch,
    /// Goes on with a changeover where the other waits for it.
    Changeover,
}

/// Where everything stands in the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub pair: i64,
    pub left: i64,
    pub right: i64,
    pub generation: u64,
    pub drift: bool,
    pub waiting: bool,
    pub alive: usize,
    pub history_problem: Option<String>,
    /// Saves that an event told of, and what keeps them from arriving.
    pub seen_by_event: u64,
    pub finding: Option<String>,
}

/// What the process says.
#[derive(Debug, Serialize, Deserialize)]
enum Said {
    /// The threads, in the order of the roles.
    Ready([u32; 2]),
    Verdict(Box<Verdict>),
    State(State),
    /// A proposal got no verdict.
    NotProposed(String),
}

/// What it is asked.
#[derive(Debug, Serialize, Deserialize)]
enum Asked {
    State,
    Propose(String),
    End,
}

/// An engine that runs in a process of its own.
pub struct Probe {
    child: Child,
    stdin: ChildStdin,
    said: Receiver<Said>,
    threads: [u32; 2],
    /// The folder, as this process gets to it.
    pub folder: PathBuf,
    temporary: Option<TempDir>,
}

impl Probe {
    /// Starts an engine on a folder of its own, whose settings file has this content.
    pub fn start(content: &str) -> Self {
        Self::start_through(content, |_| Vec::new())
    }

    /// The same, over a state directory that was prepared.
    pub fn start_over(content: &str, lay: impl Fn(&Path)) -> Self {
        Self::start_through(content, |folder| {
            lay(folder);
            Vec::new()
        })
    }

    /// The same, by a program that runs the one after its arguments: in another namespace, as somebody else.
    pub fn start_through(content: &str, through: impl Fn(&Path) -> Vec<String>) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        std::fs::write(temporary.path().join("settings.json"), content).unwrap();
        Self::start_in(temporary, through)
    }

    fn start_in(temporary: TempDir, through: impl Fn(&Path) -> Vec<String>) -> Self {
        let folder = temporary.path().to_owned();
        let mut line = through(&folder);
        line.push(std::env::current_exe().unwrap().to_str().unwrap().to_owned());
        line.extend(["probe::the_engine", "--exact", "--ignored", "--nocapture"].map(str::to_owned));
        let mut child = Command::new(&line[0])
            .args(&line[1..])
            .env(FOLDER, &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, said) = channel();
        std::thread::spawn(move || {
            // The harness of the tests says a word of its own before.
            for said in lines.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()) {
                if sender.send(said).is_err() {
                    return;
                }
            }
        });
        let mut probe = Self { child, stdin, said, threads: [0; 2], folder, temporary: Some(temporary) };
        match probe.hear() {
            Said::Ready(threads) => probe.threads = threads,
            other => panic!("{other:?}"),
        }
        probe
    }

    /// The number of a thread, for the tracer.
    pub fn thread(&self, role: Role) -> u32 {
        self.threads[role as usize]
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn file(&self) -> PathBuf {
        self.folder.join("settings.json")
    }

    /// Saves by writing aside and renaming.
    pub fn save(&self, content: &str) {
        let aside = self.folder.join("aside");
        std::fs::write(&aside, content).unwrap();
        std::fs::rename(aside, self.file()).unwrap();
    }

    pub fn propose(&mut self, content: &str) {
        self.ask(&Asked::Propose(content.to_owned()));
    }

    /// The next verdict.
    pub fn verdict(&self) -> Verdict {
        match self.hear() {
            Said::Verdict(verdict) => *verdict,
            other => panic!("{other:?}"),
        }
    }

    pub fn state(&mut self) -> State {
        self.ask(&Asked::State);
        loop {
            match self.hear() {
                Said::State(state) => return state,
                Said::Verdict(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn ask(&mut self, asked: &Asked) {
        writeln!(self.stdin, "{}", serde_json::to_string(asked).unwrap()).unwrap();
    }

    fn hear(&self) -> Said {
        self.said.recv_timeout(PATIENCE).expect("the engine says something")
    }

    /// Ends the engine.
    pub fn end(&mut self) {
        self.ask(&Asked::End);
        assert!(self.child.wait().unwrap().success(), "the engine ends well");
    }

    /// Ends the engine, and starts another one on the same folder.
    pub fn restart(mut self) -> Self {
        self.end();
        let temporary = self.temporary.take().unwrap();
        Self::start_in(temporary, |_| Vec::new())
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // A test that failed has not ended it.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }
}

fn say(said: &Said) {
    println!("{}", serde_json::to_string(said).unwrap());
}

fn state(engine: &Engine<Settings, Services>, probes: &Probes) -> State {
    let (live, status) = (engine.live().load(), engine.status());
    State {
        pair: live.settings.pair,
        left: live.services.left.0,
        right: live.services.right.0,
        generation: live.number,
        drift: status.drift,
        waiting: status.waiting.is_some(),
        alive: probes.alive.load(Ordering::SeqCst),
        history_problem: status.history_problem,
        seen_by_event: status.watch.seen_by_event,
        finding: status.watch.finding,
    }
}

/// The numbers of the threads, in the order of the roles. The product prepares at once, on the one that carries the loop on.
fn threads() -> [u32; 2] {
    let begun = std::time::Instant::now();
    let named = |wanted: &str| loop {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
        let comm = |task: &PathBuf| std::fs::read_to_string(task.join("comm")).unwrap_or_default();
        if let Some(task) = tasks.into_iter().find(|task| comm(task).trim() == wanted) {
            break task.file_name().unwrap().to_str().unwrap().parse().unwrap();
        }
        // A thread gives itself its name, a moment after it was made.
        assert!(begun.elapsed() < PATIENCE, "a thread named `{wanted}`");
    };
    [named("settings-watch"), named("changeover")]
}

#[test]
#[ignore = "the process that the tests of faults start: it runs an engine"]
fn the_engine() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (asked_by, mut asked) = tokio::sync::mpsc::unbounded_channel::<Asked>();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if asked_by.send(serde_json::from_str(&line).unwrap()).is_err() {
                return;
            }
        }
    });
    runtime.block_on(async {
        let probes = Probes::default();
        let engine = Engine::start(blueprint(Path::new(&folder), &probes)).await.unwrap();
        let mut verdicts = engine.verdicts();
        say(&Said::Ready(threads()));
        loop {
            tokio::select! {
                biased;
                verdict = verdicts.recv() => say(&Said::Verdict(Box::new(verdict.unwrap().as_ref().clone()))),
                asked = asked.recv() => match asked {
                    Some(Asked::State) => say(&Said::State(state(&engine, &probes))),
                    Some(Asked::Propose(content)) => propose(&engine, content),
                    Some(Asked::End) | None => break,
                },
            }
        }
        engine.shutdown().await;
    });
}

fn propose(engine: &Engine<Settings, Services>, content: String) {
    let engine = engine.clone();
    let content = content.into_bytes();
    let proposal =
        Proposal { file: None, content, cause: Cause::Edit, actor: None, if_match: None, allow_empty: false };
    tokio::spawn(async move {
        if let Err(error) = engine.propose(proposal).await {
            say(&Said::NotProposed(error.to_string()));
        }
    });
}
