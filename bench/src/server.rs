//! The real binary in a folder of its own, on a free port of loopback.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;

/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(20);

/// A running server; it is ended when this is dropped.
pub struct Server {
    child: Child,
    folder: TempDir,
    pub address: SocketAddr,
    pub token: String,
}

impl Server {
    /// Starts `binary serve` on an empty vault.
    pub fn start(binary: &Path, settings: &str) -> anyhow::Result<Self> {
        Self::start_with(binary, settings, &[])
    }

    /// The same with these variables.
    pub fn start_with(binary: &Path, settings: &str, variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let vault = folder.path().join("vault");
        std::fs::create_dir_all(vault.join(".thoth"))?;
        std::fs::write(vault.join(".thoth/settings.json"), settings)?;
        let state = folder.path().join("state");
        let mut child = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--vault"])
            .arg(&vault)
            .env("THOTH_STATE_DIR", &state)
            .env("THOTH_LOG_LEVEL", "ERROR")
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting `{}`", binary.display()))?;
        let deadline = Instant::now() + START_MAX;
        loop {
            if Instant::now() > deadline {
                bail!("the server did not say its address within {START_MAX:?}");
            }
            if let Some(status) = child.try_wait()? {
                bail!("the server ended: {status}");
            }
            if let Ok(bytes) = std::fs::read(state.join("instances/all.json")) {
                let said: Value = serde_json::from_slice(&bytes)?;
                let address = said["address"].as_str().unwrap_or_default();
                if let Ok(address) = address.trim_start_matches("http://").parse() {
                    let token = std::fs::read_to_string(state.join("token"))?.trim().to_owned();
                    return Ok(Self { child, folder, address, token });
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The settings file.
    pub fn settings(&self) -> PathBuf {
        self.vault().join(".thoth/settings.json")
    }

    /// The vault.
    pub fn vault(&self) -> PathBuf {
        self.folder.path().join("vault")
    }

    /// Its process id.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in KiB, threads and open descriptors as the kernel counts them, tasks as the runtime does.
    pub fn resources(&self) -> anyhow::Result<Resources> {
        let metrics = Client::new(self.address, "/metrics", false).ask()?;
        let tasks = metrics.text.lines().find_map(|line| line.strip_prefix("thoth_tasks "));
        let proc = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = std::fs::read_to_string(proc.join("status"))?;
        let number = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse().ok())
        };
        Ok(Resources {
            resident_kib: number("VmRSS:").context("VmRSS")?,
            tasks: tasks.and_then(|tasks| tasks.trim().parse().ok()).context("thoth_tasks")?,
            threads: number("Threads:").context("Threads")?,
            descriptors: std::fs::read_dir(proc.join("fd"))?.count() as u64,
        })
    }
}

/// What a process holds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Resources {
    pub resident_kib: u64,
    pub tasks: u64,
    pub threads: u64,
    pub descriptors: u64,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
