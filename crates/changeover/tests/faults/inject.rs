//! System calls that fail: strace holds one thread of the engine, and answers its n-th call of a kind in the kernel's place.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::probe::{Probe, Role};

/// A kind of call that a thread makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    pub role: Role,
    pub name: &'a str,
    /// The file, in the folder of the engine, that they are about; `None`: all of them. A thread also writes and reads what wakes
    /// others: that never fails.
    pub path: Option<&'a str>,
}

/// One fault: what the n-th call of a kind comes to (`error=ENOSPC`, `delay_enter=…`).
#[derive(Clone, Copy, Debug)]
pub struct Fault<'a> {
    pub call: Call<'a>,
    pub nth: usize,
    pub answer: &'a str,
}

/// A tracer that holds a thread until it is let go.
pub struct Tracer {
    child: Child,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

/// Whether this machine lets a process hold another; said loudly where not.
pub fn permitted() -> bool {
    let tried = Command::new("strace").args(["-qq", "-e", "trace=none", "true"]).output();
    let permitted = tried.as_ref().is_ok_and(|output| output.status.success());
    if !permitted {
        eprintln!("skipped: faults by system call: `strace` is not here, or may not trace");
    }
    permitted
}

impl Tracer {
    /// Holds the thread to a fault; without one its calls are only written down. `None` where this machine does not let
    /// a process hold one that runs already.
    pub fn hold(probe: &Probe, call: Call<'_>, fault: Option<(usize, &str)>) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("calls");
        let name = call.name;
        let mut command = Command::new("strace");
        command.arg("-y").arg("-p").arg(probe.thread(call.role).to_string()).arg("-o").arg(&log);
        command.arg("-e").arg(format!("trace={name}"));
        if let Some((nth, answer)) = fault {
            command.arg("-e").arg(format!("inject={name}:{answer}:when={nth}"));
        }
        if let Some(path) = call.path {
            command.arg("-P").arg(probe.folder.join(path));
        }
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut said).unwrap();
        if !said.contains("attached") {
            stderr.read_to_string(&mut said).unwrap();
            child.wait().unwrap();
            eprintln!("skipped: faults by system call: {said}");
            return None;
        }
        Some(Self { child, log, _folder: folder })
    }

    /// Lets the thread go; gives the calls that it made, a line each.
    pub fn let_go(mut self) -> Vec<String> {
        let asked = Command::new("kill").arg("-INT").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success());
        self.child.wait().unwrap();
        let log = std::fs::read_to_string(&self.log).unwrap();
        log.lines().filter(|line| line.contains('(')).map(str::to_owned).collect()
    }
}
