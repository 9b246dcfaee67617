//! A small product on the engine: two services that always change together, one that depends on another, and a
//! preparation that does what the settings tell it to.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use changeover::{
    Accepted, Blueprint, Decision, Engine, Files, Occasion, Preparation, Problem, Service, Tuning, Verdict,
};
use serde::Serialize;
use tempfile::TempDir;
use tokio::sync::broadcast;

use crate::counted::Counted;

/// Nothing here takes this long, on any machine; a test that waits longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub pair: i64,
    pub llm: String,
    pub rag: i64,
    pub prepare_ms: u64,
    /// `refuse`, `panic`, `hang`, `block`, `ask the world`, `wait`: what the preparation does. `tuning`, `meaning`, `inputs`, `on trial`:
    /// which of the plain functions panics.
    pub fault: String,
    /// `panic`, `block`: what the destructor of the services does, and of what a preparation has made of them.
    pub at_drop: String,
    pub prepare_deadline_ms: u64,
    pub poll_ms: u64,
    pub probation_ms: u64,
    pub pin_max_ms: u64,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct Value<T> {
    pub value: T,
}

#[derive(Debug)]
pub struct Pair(pub i64);

#[derive(Debug)]
pub struct Llm(pub String);

#[derive(Debug)]
pub struct Rag {
    pub llm: Arc<Llm>,
}

/// What is dropped with services, as the settings tell it to.
#[derive(Debug)]
pub struct Dropped {
    at_drop: String,
    probes: Probes,
}

impl Drop for Dropped {
    fn drop(&mut self) {
        if self.at_drop == "block" {
            self.probes.dropping.fetch_add(1, Ordering::SeqCst);
            self.probes.wait_at_the_door();
        }
        assert!(self.at_drop != "panic" || std::thread::panicking(), "the destructor was told to panic");
    }
}

#[derive(Debug)]
pub struct Services {
    _dropped: Dropped,
    pub left: Service<Value<i64>, Pair>,
    pub right: Service<Value<i64>, Pair>,
    pub llm: Service<Value<String>, Llm>,
    pub rag: Service<Value<i64>, Rag>,
    _counted: Counted,
}

pub type TestEngine = Engine<Settings, Services>;

/// What a test sees of the product from outside, and what the product sees of the world.
#[derive(Clone, Debug, Default)]
pub struct Probes {
    /// Generations and candidates that are alive.
    pub alive: Arc<AtomicUsize>,
    /// Preparations that were begun.
    pub prepared: Arc<AtomicU64>,
    /// Something that `rag` is built from beside the settings.
    pub outside: Arc<AtomicI64>,
    /// Why the world refuses, for a preparation that asks it.
    pub refusal: Arc<Mutex<Option<&'static str>>>,
    /// The check of a content with `"gate": true` waits here, as one does whose file system hangs.
    pub gate: Arc<tokio::sync::Mutex<()>>,
    /// Checks that have come to the gate.
    pub at_the_gate: Arc<AtomicU64>,
    /// A preparation or a destructor that blocks its thread does so until this is open.
    pub door: Arc<(Mutex<bool>, Condvar)>,
    /// Destructors that have begun to block.
    pub dropping: Arc<AtomicU64>,
    /// A preparation that waits does so until it is told to go on.
    pub go_on: Arc<tokio::sync::Notify>,
}

impl Probes {
    fn wait_at_the_door(&self) {
        let (open, opened) = &*self.door;
        drop(opened.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
    }

    pub fn open_the_door(&self) {
        let (open, opened) = &*self.door;
        *open.lock().unwrap() = true;
        opened.notify_all();
    }
}

/// An engine in a folder of its own.
pub struct World {
    pub engine: TestEngine,
    pub file: PathBuf,
    pub folder: TempDir,
    pub verdicts: broadcast::Receiver<Arc<Verdict>>,
    pub probes: Probes,
}

fn check(
    files: &Files<'_>,
    content: &[u8],
    occasion: Occasion,
    folder: &std::path::Path,
) -> Result<Accepted<Settings>, Vec<Problem>> {
    let value = changeover::check::parse(content)?.value();
    if value.as_object().is_some_and(serde_json::Map::is_empty) && occasion == Occasion::Running {
        return Err(vec![Problem::new("", "the file has no setting")]);
    }
    if value["panic"].as_bool() == Some(true) {
        panic!("the check was told to panic");
    }
    let mut problems = Vec::new();
    let mut number = |key: &str| match &value[key] {
        serde_json::Value::Null => 0,
        other => other.as_i64().unwrap_or_else(|| {
            problems.push(Problem::new(key, format!("`{other}` is not a whole number")));
            0
        }),
    };
    let (mut pair, rag) = (number("pair"), number("rag"));
    let (prepare_ms, deadline, poll) = (number("prepareMs"), number("deadlineMs"), number("pollMs"));
    let (probation, pin_max) = (number("probationMs"), number("pinMaxMs"));
    if let Some(name) = value["extra"].as_str() {
        match crate::files::extra(files, folder, name) {
            Ok(extra) => pair += extra,
            Err(why) => problems.push(Problem::new("extra", why)),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let secrets = std::str::from_utf8(content)
        .unwrap()
        .match_indices("sk-")
        .map(|(start, _)| start..start + content[start..].iter().position(|byte| *byte == b'"').unwrap());
    Ok(Accepted {
        secrets: secrets.collect(),
        settings: Settings {
            pair,
            rag,
            llm: text("llm"),
            fault: text("fault"),
            at_drop: text("atDrop"),
            prepare_ms: prepare_ms.unsigned_abs(),
            prepare_deadline_ms: deadline.unsigned_abs(),
            poll_ms: poll.unsigned_abs(),
            probation_ms: probation.unsigned_abs(),
            pin_max_ms: pin_max.unsigned_abs(),
        },
        warnings: Vec::new(),
    })
}

async fn prepare(
    preparation: Preparation<Settings, Services>,
    probes: Probes,
) -> Result<Services, Vec<Problem>> {
    let counted = Counted::new(&probes.alive);
    probes.prepared.fetch_add(1, Ordering::SeqCst);
    let settings = Arc::clone(&preparation.settings);
    let dropped = Dropped { at_drop: settings.at_drop.clone(), probes: probes.clone() };
    let live = preparation.live.as_ref().map(|live| &live.services);
    std::fs::create_dir_all(&preparation.scratch).unwrap();
    std::fs::write(preparation.scratch.join("made-by-the-candidate"), "x").unwrap();
    let pair = |name, live| {
        preparation.service(name, live, Value { value: settings.pair }, &[], |inputs: &Value<i64>| {
            let value = inputs.value;
            async move { Ok(Pair(value)) }
        })
    };
    let left = pair("left", live.map(|live| &live.left)).await?;
    if settings.prepare_ms > 0 {
        tokio::time::sleep(Duration::from_millis(settings.prepare_ms)).await;
    }
    match settings.fault.as_str() {
        "refuse" => return Err(vec![Problem::new("fault", "the world refuses")]),
        "ask the world" => {
            if let Some(why) = *probes.refusal.lock().unwrap() {
                return Err(vec![Problem::new("fault", why)]);
            }
        }
        "panic" => panic!("the preparation was told to panic"),
        "block" => {
            probes.wait_at_the_door();
            if !preparation.scratch.exists() {
                return Err(vec![Problem::new("fault", "it was given up long ago")]);
            }
        }
        "hang" => std::future::pending::<()>().await,
        "wait" => probes.go_on.notified().await,
        _ => {}
    }
    let right = pair("right", live.map(|live| &live.right)).await?;
    let llm = preparation
        .service("llm", live.map(|live| &live.llm), Value { value: settings.llm.clone() }, &[], |inputs| {
            let value = inputs.value.clone();
            async move { Ok(Llm(value)) }
        })
        .await?;
    let rag = preparation
        .service(
            "rag",
            live.map(|live| &live.rag),
            Value { value: settings.rag + probes.outside.load(Ordering::SeqCst) },
            &[("llm", llm.identity())],
            |_| async { Ok(Rag { llm: llm.handle() }) },
        )
        .await?;
    std::fs::remove_dir_all(&preparation.scratch).unwrap();
    Ok(Services { _dropped: dropped, left, right, llm, rag, _counted: counted })
}

/// Panics where the settings want that of this function.
pub fn panics(function: &str, fault: &str) {
    assert!(function != fault, "the function was told to panic: {function}");
}

fn tuning(settings: &Settings) -> Tuning {
    panics("tuning", &settings.fault);
    let millis =
        |given: u64, default: Duration| if given == 0 { default } else { Duration::from_millis(given) };
    let default = Tuning::default();
    Tuning {
        prepare_deadline: millis(settings.prepare_deadline_ms, default.prepare_deadline),
        poll: millis(settings.poll_ms, default.poll),
        probation: millis(settings.probation_ms, default.probation),
        pin_max: millis(settings.pin_max_ms, default.pin_max),
        ..default
    }
}

pub fn blueprint(folder: &std::path::Path, probes: &Probes) -> Blueprint<Settings, Services> {
    let (probes, beside) = (probes.clone(), folder.to_owned());
    let (gate, at_the_gate) = (Arc::clone(&probes.gate), Arc::clone(&probes.at_the_gate));
    Blueprint {
        file: folder.join("settings.json"),
        state_dir: folder.join("state"),
        key_file: None,
        watch: true,
        check: Box::new(move |files, occasion| {
            if changeover::check::parse(files.main()).is_ok_and(|node| node.value()["gate"] == true) {
                at_the_gate.fetch_add(1, Ordering::SeqCst);
                drop(gate.blocking_lock());
            }
            let accepted = check(files, files.main(), occasion, &beside)?;
            match crate::times::on_top(files, &beside)? {
                None => Ok(accepted),
                Some(content) => {
                    let above = check(files, &content, Occasion::RunningAllowEmpty, &beside)?;
                    Ok(Accepted { settings: above.settings, ..accepted })
                }
            }
        }),
        prepare: Box::new(move |preparation| Box::pin(prepare(preparation, probes.clone()))),
        tuning,
        on_trial: |services| match services.llm.0.as_str() {
            // Nothing that anybody could use.
            "" => Vec::new(),
            "on trial" => panic!("the function was told to panic: on trial"),
            _ => vec![("llm", services.llm.identity())],
        },
        meaning: |settings| {
            panics("meaning", &settings.fault);
            format!("{settings:?}").into_bytes()
        },
        version: "1".to_owned(),
        fallback: Box::new(Settings::default),
    }
}

impl World {
    /// An engine whose file has this content at the start; `None`: no file.
    pub async fn start(content: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Some(content) = content {
            std::fs::write(folder.path().join("settings.json"), content).unwrap();
        }
        Self::start_in(folder).await
    }

    pub async fn start_in(folder: TempDir) -> Self {
        let probes = Probes::default();
        let engine = Engine::start(blueprint(folder.path(), &probes)).await.unwrap();
        let verdicts = engine.verdicts();
        Self { file: folder.path().join("settings.json"), engine, folder, verdicts, probes }
    }

    /// Ends the engine and starts another one on the same folder.
    pub async fn restart(self) -> Self {
        self.engine.shutdown().await;
        drop(self.engine);
        Self::start_in(self.folder).await
    }

    /// The next verdict.
    pub async fn verdict(&mut self) -> Arc<Verdict> {
        tokio::time::timeout(PATIENCE, self.verdicts.recv()).await.expect("a verdict").unwrap()
    }

    /// Saves by writing aside and renaming.
    pub fn rename(&self, content: &str) {
        let aside = self.file.with_extension("aside");
        std::fs::write(&aside, content).unwrap();
        std::fs::rename(aside, &self.file).unwrap();
    }

    /// Saves in place: truncate, write, close.
    pub fn write(&self, content: &str) {
        std::fs::write(&self.file, content).unwrap();
    }

    /// Saves by rename and expects the next verdict to be this one.
    pub async fn expect(&mut self, content: &str, decision: Decision) -> Arc<Verdict> {
        self.rename(content);
        let verdict = self.verdict().await;
        assert_eq!(verdict.verdict, decision, "{content}: {verdict}");
        verdict
    }

    pub fn pair(&self) -> i64 {
        self.engine.live().load().services.left.0
    }
}

/// Whether this is the test of this name in namespaces of its own, where it may do what it likes with mounts and limits:
/// outside of them, it is run there.
pub fn apart(test: &str, namespaces: &[&str]) -> bool {
    const APART: &str = "CHANGEOVER_TEST_APART";
    if std::env::var_os(APART).is_some() {
        return true;
    }
    let unshare = |user: &[&str], program: &std::path::Path| {
        let mut command = std::process::Command::new("unshare");
        command.args(user).args(namespaces).arg(program);
        command
    };
    let permitted = |user: &&[&str]| {
        let tried = unshare(user, "mount".as_ref()).args(["--bind", "/tmp", "/tmp"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    // Who is not root may be so in a user namespace.
    const USERS: [&[&str]; 2] = [&[], &["--user", "--map-root-user"]];
    let Some(user) = USERS.into_iter().find(permitted) else {
        eprintln!("skipped: {test}: `unshare {}` is not permitted here", namespaces.join(" "));
        return false;
    };
    let mut again = unshare(user, &std::env::current_exe().unwrap());
    let output = again.args(["--exact", test, "--nocapture"]).env(APART, "1").output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    for skipped in said.lines().filter(|line| line.starts_with("skipped: ")) {
        eprintln!("{skipped}");
    }
    false
}

/// Runs a command, which must succeed.
pub fn run(program: &str, arguments: &[&std::path::Path]) {
    let output = std::process::Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
}

/// Collects what followers and probes saw.
pub type Seen<T> = Arc<Mutex<Vec<T>>>;

/// Waits until something is so that no event tells.
pub async fn until(so: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    waited.await.expect("it never came to be so");
}
