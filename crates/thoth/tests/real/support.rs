//! A running `thoth serve` in a folder of its own.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Nothing here takes this long, on any machine; a test that waits longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The project's own papers.
pub const PAPERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/papers");

/// A vault and its state; nothing runs yet. Clones are the same place.
#[derive(Clone)]
pub struct Place {
    pub folder: Arc<TempDir>,
    pub variables: HashMap<String, String>,
    /// A command that runs the one that follows it, as `nice` does; empty: none.
    pub through: Vec<String>,
}

impl Place {
    pub fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let place = Self { folder, variables: HashMap::new(), through: Vec::new() };
        std::fs::create_dir_all(place.vault().join(".thoth")).unwrap();
        place
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn vault(&self) -> PathBuf {
        self.folder.path().join("vault")
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn log(&self, role: &str) -> PathBuf {
        self.folder.path().join(format!("{role}.log"))
    }

    pub fn settings(&self) -> PathBuf {
        self.vault().join(".thoth/settings.json")
    }

    /// A command of the binary, in an environment of this place alone.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let binary = binary();
        let mut words = self.through.iter().map(String::as_str).chain([binary.as_str()]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("THOTH_STATE_DIR", self.state()).env("HOME", self.folder.path());
        command.envs(&self.variables).arg("--vault").arg(self.vault()).args(arguments);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Puts a paper of ours into a folder of the vault.
    pub fn drop_paper(&self, name: &str, folder: &str) -> PathBuf {
        let folder = self.vault().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let to = folder.join(name);
        std::fs::copy(Path::new(PAPERS).join(name), &to).unwrap();
        to
    }
}

/// The binary of this build, or the one that `THOTH_BINARY` names.
fn binary() -> String {
    std::env::var("THOTH_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_thoth").to_owned())
}

/// What a command printed.
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A running server. It is ended when this is dropped.
pub struct Thoth {
    pub place: Place,
    pub client: reqwest::Client,
    role: String,
    child: Child,
}

impl Thoth {
    /// Starts on a free port with this settings file.
    pub async fn start(settings: &str) -> Self {
        let place = Place::new();
        std::fs::write(place.settings(), settings).unwrap();
        Self::start_in(place, &["--listen", "127.0.0.1:0"]).await
    }

    pub async fn start_in(place: Place, arguments: &[&str]) -> Self {
        Self::start_as("all", place, arguments).await
    }

    /// Starts a process with this role.
    pub async fn start_as(role: &str, place: Place, arguments: &[&str]) -> Self {
        let log = std::fs::File::create(place.log(role)).unwrap();
        let mut command = place.command(&["serve", "--role", role]);
        let child = command.args(arguments).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut thoth = Self { place, client: client(4), role: role.to_owned(), child };
        let deadline = Instant::now() + PATIENCE;
        while thoth.record().is_none() {
            assert!(Instant::now() < deadline, "no server:\n{}", thoth.log());
            assert!(thoth.child.try_wait().unwrap().is_none(), "the server ended:\n{}", thoth.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        thoth
    }

    /// What the server said of itself, if this very process did.
    fn record(&self) -> Option<Value> {
        let bytes = std::fs::read(self.place.state().join(format!("instances/{}.json", self.role))).ok()?;
        let record: Value = serde_json::from_slice(&bytes).ok()?;
        (record["pid"] == self.child.id() && record["address"].is_string()).then_some(record)
    }

    pub fn address(&self) -> String {
        self.record().expect("a server").get("address").and_then(Value::as_str).unwrap().to_owned()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address().replace("0.0.0.0", "127.0.0.1"))
    }

    pub fn token(&self) -> String {
        std::fs::read_to_string(self.place.state().join("token")).unwrap().trim().to_owned()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.place.log(&self.role)).unwrap_or_default()
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// A number of the server's status as the kernel tells it, which asks the server nothing.
    pub fn of_status(&self, name: &str) -> i64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        self.client.get(self.url(path)).send().await.unwrap().json().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.client.post(self.url(path)).bearer_auth(self.token()).json(body);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Saves, and gives the verdict that follows.
    pub async fn save(&self, how: Save, content: &str) -> Value {
        let mut verdicts = self.verdicts().await;
        how.save(&self.place.settings(), content);
        verdicts.next().await
    }

    /// The verdicts from now on.
    pub async fn verdicts(&self) -> Verdicts {
        let response = self.client.get(self.url("/api/v1/events")).send().await.unwrap();
        Verdicts { response, buffer: String::new() }
    }

    /// The rows of the ledger, when every one is at rest and there are so many.
    pub async fn papers(&self, count: usize) -> Vec<Value> {
        let mut rows = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            rows = self.get("/api/v1/papers").await["papers"].as_array().unwrap().clone();
            let rests =
                |row: &Value| matches!(row["status"].as_str(), Some("indexed" | "skipped" | "failed"));
            if rows.len() == count && rows.iter().all(rests) {
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never {count} papers at rest: {rows:?}\n{}", self.log());
    }

    /// Ends the server as an orchestrator does; how long it took.
    pub fn terminate(mut self) -> (Place, Duration) {
        let began = Instant::now();
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
        (std::mem::replace(&mut self.place, Place::new()), began.elapsed())
    }

    /// Ends the server in the middle of whatever it does.
    pub fn kill(mut self) -> Place {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.place, Place::new())
    }
}

impl Drop for Thoth {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How a file is saved.
#[derive(Clone, Copy, Debug)]
pub enum Save {
    Rename,
    InPlace,
}

impl Save {
    pub const BOTH: [Self; 2] = [Self::Rename, Self::InPlace];

    pub fn save(self, file: &Path, content: &str) {
        match self {
            Self::InPlace => std::fs::write(file, content).unwrap(),
            Self::Rename => {
                let aside = file.with_extension("aside");
                std::fs::write(&aside, content).unwrap();
                std::fs::rename(aside, file).unwrap();
            }
        }
    }
}

/// An open event stream.
pub struct Verdicts {
    response: reqwest::Response,
    buffer: String,
}

impl Verdicts {
    pub async fn next(&mut self) -> Value {
        self.named("verdict").await
    }

    /// The next event of this name.
    pub async fn named(&mut self, name: &str) -> Value {
        let (spaced, tight) = (format!("event: {name}"), format!("event:{name}"));
        let wait = async {
            loop {
                while let Some(end) = self.buffer.find("\n\n") {
                    let event: String = self.buffer.drain(..end + 2).collect();
                    let data = event.lines().find_map(|line| line.strip_prefix("data:"));
                    if event.contains(&spaced) || event.contains(&tight) {
                        return serde_json::from_str(data.unwrap().trim()).unwrap();
                    }
                }
                let chunk = self.response.chunk().await.unwrap().expect("the stream goes on");
                self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("a verdict")
    }
}

/// A client that keeps this many idle connections and speaks to loopback only.
pub fn client(idle: usize) -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(PATIENCE);
    builder.pool_max_idle_per_host(idle).build().unwrap()
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A settings file with these sections, beside what silences the warnings.
pub fn settings(sections: &Value) -> String {
    let mut all = json!({ "paths": {}, "apiKeys": {}, "servers": {} });
    for (name, section) in sections.as_object().unwrap() {
        all[name] = section.clone();
    }
    serde_json::to_string_pretty(&all).unwrap()
}

/// The service of this name in a verdict: what was done with it, and why.
pub fn service<'a>(verdict: &'a Value, name: &str) -> Option<(&'a str, &'a str)> {
    let services = verdict["services"].as_array().unwrap();
    let found = services.iter().find(|service| service["name"] == name)?;
    Some((found["action"].as_str().unwrap(), found["reason"].as_str().unwrap()))
}

/// Waits until something is so that no event tells.
pub async fn until(so: impl AsyncFn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.expect("it never came to be so");
}

/// A program that is installed; says loudly that the test is skipped where it is not.
pub fn installed(program: &str) -> bool {
    let there = Command::new("which")
        .arg(program)
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        eprintln!("skipped: `{program}` is not installed; `make test` installs it where it may");
    }
    there
}

/// All that a child prints from now on, in a thread of its own.
pub fn lines_of(mut from: impl Read + Send + 'static) -> std::sync::mpsc::Receiver<String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (mut buffer, mut chunk) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = from.read(&mut chunk) {
            buffer.extend_from_slice(&chunk[..read]);
            while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = buffer.drain(..=end).collect();
                if sender.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                    return;
                }
            }
        }
    });
    receiver
}

/// A child that is spoken to in lines, one JSON message each. It is killed when this is dropped.
pub struct Talker {
    pub child: Child,
    input: Option<ChildStdin>,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Talker {
    /// Starts it; what it says on standard error goes to this file.
    pub fn start(mut command: Command, log: &Path) -> Self {
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = piped.spawn().unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        Self { input: child.stdin.take(), child, lines }
    }

    /// Says a line as it stands.
    pub fn say_raw(&mut self, line: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(line).unwrap();
        input.write_all(b"\n").unwrap();
        input.flush().unwrap();
    }

    pub fn say(&mut self, message: &Value) {
        self.say_raw(message.to_string().as_bytes());
    }

    /// The next line: whatever the child prints must be JSON.
    pub fn hear(&mut self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"))
    }

    /// Says a message and gives what comes next.
    pub fn ask(&mut self, message: &Value) -> Value {
        self.say(message);
        self.hear()
    }

    /// Closes its input and waits for its end: whether it ended well, how long it took, what it still said.
    pub fn close(mut self) -> (bool, Duration, Vec<String>) {
        let began = Instant::now();
        drop(self.input.take());
        let status = self.child.wait().unwrap();
        (status.success(), began.elapsed(), self.lines.iter().collect())
    }

    /// Sends SIGTERM and waits for its end, with the input still open.
    pub fn terminate(mut self) -> (bool, Duration) {
        let began = Instant::now();
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        let status = self.child.wait().unwrap();
        (status.success(), began.elapsed())
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
