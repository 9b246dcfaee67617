//! A running program whose settings are changed, and whose answers show which settings it serves.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

use crate::client::{self, Answer, Client};
use crate::latency::Save;
use crate::sample::micros;

/// How long a program may take to serve its first settings, and to end.
const START_MAX: Duration = Duration::from_secs(20);
const END_MAX: Duration = Duration::from_secs(2);

/// How a program learns of a save.
pub enum Told {
    /// It watches the file.
    Watches,
    Signal(Signal),
    /// A request to this address without a body.
    Post(SocketAddr, &'static str),
    /// There is no file: the content is the body of a request to this address.
    Patch(SocketAddr, &'static str),
}

/// Letters that are shown of what a program said before it ended.
const WORDS_MAX: usize = 200;

/// Lines of complaint that are kept.
const COMPLAINTS_MAX: usize = 2;

/// A content by its round.
pub type Content = Box<dyn Fn(usize) -> String + Send + Sync>;
/// A content by its round and a port that is taken.
pub type Impossible = Box<dyn Fn(usize, u16) -> String + Send + Sync>;

/// What a program is started with.
pub struct Plan {
    pub name: &'static str,
    pub version: String,
    /// What holds a round's two values.
    pub content: Content,
    /// The same, right in itself, and impossible to put into effect: it needs this port too, which is taken.
    pub impossible: Option<Impossible>,
    pub told: Told,
    /// What is asked, and where.
    pub address: SocketAddr,
    pub path: &'static str,
}

/// A folder for a program that is about to be started.
pub struct Ground {
    folder: TempDir,
    file: PathBuf,
}

impl Ground {
    /// With a settings file of this name.
    pub fn new(file: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join(file);
        Ok(Self { folder, file })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self) -> &Path {
        &self.file
    }
}

/// A running program; it is ended when this is dropped.
pub struct Contender {
    pub plan: Plan,
    child: Child,
    ground: Ground,
    log: PathBuf,
}

/// What one answer says of the two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Both of one round.
    Round(usize),
    /// Of two rounds.
    Mixed,
    /// Not 200, or without them.
    Wrong,
}

impl Contender {
    /// Writes the first content, starts the program, and waits until it serves that.
    pub fn start(plan: Plan, ground: Ground, command: &mut Command) -> anyhow::Result<Self> {
        std::fs::write(&ground.file, (plan.content)(0))?;
        let log = ground.folder().join("log");
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        let child = command.spawn().with_context(|| format!("starting `{}`", plan.name))?;
        let mut contender = Self { plan, child, ground, log };
        let deadline = Instant::now() + START_MAX;
        while contender.said() != Some(Said::Round(0)) {
            if let Some(status) = contender.child.try_wait()? {
                bail!("`{}` ended, {status}: {}", contender.plan.name, contender.first_words()?);
            }
            ensure!(Instant::now() < deadline, "it did not serve within {START_MAX:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(contender)
    }

    /// A client that asks for the two values.
    pub fn client(&self, keeps: bool) -> Client {
        Client::new(self.plan.address, self.plan.path, keeps)
    }

    /// What it says now; `None` without an answer.
    pub fn said(&self) -> Option<Said> {
        self.client(false).ask().ok().as_ref().map(said)
    }

    /// Whether saves in place and by rename are the same to it: it does not watch the file.
    pub fn is_told(&self) -> bool {
        !matches!(self.plan.told, Told::Watches)
    }

    pub fn has_file(&self) -> bool {
        !matches!(self.plan.told, Told::Patch(..))
    }

    pub fn file(&self) -> &Path {
        &self.ground.file
    }

    /// Saves these values and tells the program. Gives the moment before which they could not be known.
    pub fn save(&self, how: Save, round: usize) -> anyhow::Result<Timestamp> {
        let content = (self.plan.content)(round);
        if self.has_file() {
            let begun = how.save(&self.ground.file, &content)?;
            self.tell("")?;
            return Ok(begun);
        }
        let begun = Timestamp::now();
        self.tell(&content)?;
        Ok(begun)
    }

    /// Tells the program that its file changed, or what it would say. Gives the answer to a request.
    pub fn tell(&self, content: &str) -> anyhow::Result<Option<Answer>> {
        match self.plan.told {
            Told::Watches => Ok(None),
            Told::Signal(signal) => {
                kill_process(self.process()?, signal)?;
                Ok(None)
            }
            Told::Post(address, path) => Ok(Some(client::send(address, "POST", path, "", "")?)),
            Told::Patch(address, path) => Ok(Some(client::send(address, "PATCH", path, "", content)?)),
        }
    }

    /// Waits until an answer shows the round; gives the microseconds since `begun`, `None` if that takes longer than `limit`.
    ///
    /// It asks again at once in the beginning, and the longer it takes the more rarely, so that the question costs at most
    /// a fiftieth of the time that is measured.
    pub fn served(&self, round: usize, begun: Timestamp, limit: Duration) -> Option<f64> {
        let mut client = self.client(false);
        loop {
            let answer = client.ask();
            let waited = micros(begun, Timestamp::now());
            if answer.is_ok_and(|answer| said(&answer) == Said::Round(round)) {
                return Some(waited);
            }
            if waited > limit.as_secs_f64() * 1e6 {
                return None;
            }
            if waited > ASK_AT_ONCE {
                std::thread::sleep(Duration::from_micros((waited / 50.0) as u64));
            }
        }
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Bytes of its log so far.
    pub fn log_length(&self) -> anyhow::Result<usize> {
        Ok(std::fs::read(&self.log)?.len())
    }

    /// The first lines of the log behind `length` that sound like a complaint.
    pub fn complaint(&self, length: usize) -> anyhow::Result<Option<String>> {
        let log = std::fs::read(&self.log)?;
        let new = String::from_utf8_lossy(log.get(length..).unwrap_or_default()).into_owned();
        let lines: Vec<String> = new
            .lines()
            .filter(|line| sounds_bad(line))
            .take(COMPLAINTS_MAX)
            .map(|line| self.plain(line))
            .collect();
        Ok((!lines.is_empty()).then(|| lines.join(" / ")))
    }

    /// What a program says, without colours and without the folder of this run.
    pub fn plain(&self, says: &str) -> String {
        let folder = format!("{}/", self.ground.folder().display());
        let mut parts = says.split('\u{1b}');
        let mut plain = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
        }
        plain.replace(&folder, "")
    }

    /// The beginning of the log, in one line.
    fn first_words(&self) -> anyhow::Result<String> {
        let log = std::fs::read(&self.log)?;
        let words: Vec<&str> = str::from_utf8(&log).unwrap_or_default().split_whitespace().collect();
        Ok(self.plain(&words.join(" ")).chars().take(WORDS_MAX).collect())
    }

    fn process(&self) -> anyhow::Result<Pid> {
        Pid::from_raw(i32::try_from(self.child.id())?).context("a process has a number")
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        let Ok(process) = self.process() else { return };
        told(kill_process(process, Signal::TERM));
        let deadline = Instant::now() + END_MAX;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        told(kill_process_group(process, Signal::KILL));
        drop(self.child.wait());
    }
}

/// A process may have ended by itself, and so may those that it has started.
fn told(result: Result<(), Errno>) {
    if let Err(error) = result
        && error != Errno::SRCH
    {
        eprintln!("bench: a process cannot be ended: {error}");
    }
}

/// Microseconds until which the question is asked again at once.
const ASK_AT_ONCE: f64 = 2_500.0;

/// What an answer says.
pub fn said(answer: &Answer) -> Said {
    match (number(&answer.text, "one-"), number(&answer.text, "two-")) {
        (Some(one), Some(two)) if answer.status == 200 && one == two => Said::Round(one),
        (Some(_), Some(_)) if answer.status == 200 => Said::Mixed,
        _ => Said::Wrong,
    }
}

fn number(text: &str, mark: &str) -> Option<usize> {
    let rest = text.split_once(mark)?.1;
    let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

fn sounds_bad(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["error", "emerg", "alert", "fail", "invalid", "reject", "refus", "cannot", "warn"]
        .iter()
        .any(|word| line.contains(word))
}

/// A port of loopback that is free now.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// The version that a program says when it is asked by this argument.
pub fn version(program: &Path, argument: &str) -> anyhow::Result<String> {
    version_of(Command::new(program).arg(argument))
}

/// The version that a command prints.
pub fn version_of(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().to_owned();
    let output = command.output().with_context(|| format!("there is no `{}`", program.display()))?;
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let words = text.split([' ', '\n', '\t', '/', ',', '+', '-']).map(|word| word.trim_start_matches('v'));
    let is_version = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.');
    words.into_iter().find(is_version).map(str::to_owned).context("it does not say its version")
}
