//! What an instance says of itself, for the command line and for the other instances of the state directory.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use changeover::{Action, Cause, Decision, Problem, Status, Verdict};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::hold::{Hold, is_held};
use super::{folder, host_name};

/// What an instance says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its name: its roles.
    pub role: String,
    /// Its process id, on its own host.
    pub pid: u32,
    /// The machine or the container that it runs in.
    pub host: String,
    /// Its version.
    pub version: String,
    /// When it started.
    pub started_at: Timestamp,
    /// The address that is served; `0.0.0.0` stands for every address of the machine. `None` until it serves.
    pub address: Option<SocketAddr>,
    /// Its live generation. Each instance counts its own.
    pub generation: u64,
    /// Whether it runs in safe mode.
    pub safe_mode: bool,
    /// Whether it watches the settings file.
    pub watch: bool,
    /// Keyed hash of the content that it accepted last; `None` where there is no file.
    pub content: Option<String>,
    /// Keyed hash of the file as it was read last, accepted or not.
    pub file: Option<String>,
    /// Since when it has what it accepted.
    pub since: Timestamp,
    /// Its newest verdict on the file.
    pub last_verdict: Option<LastVerdict>,
}

/// The newest verdict of an instance, without what only that instance cares for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastVerdict {
    /// Its number in that instance's history.
    pub id: u64,
    /// What became of the content.
    pub verdict: Decision,
    /// Why it was given.
    pub cause: Cause,
    /// When it was given.
    pub at: Timestamp,
    /// Keyed hash of the content that it is about.
    pub content: Option<String>,
    /// Everything that is wrong with that content, or that made it go back to an older one.
    pub problems: Vec<Problem>,
}

impl LastVerdict {
    fn of(verdict: &Verdict) -> Self {
        let restored = verdict.services.iter().filter(|service| service.action == Action::Restored);
        let taken_back = restored.map(|service| Problem::new(&service.name, &service.reason));
        Self {
            id: verdict.id,
            verdict: verdict.verdict,
            cause: verdict.cause.clone(),
            at: verdict.at,
            content: verdict.content.clone(),
            problems: verdict.problems.iter().cloned().chain(taken_back).collect(),
        }
    }
}

/// A record, and whether its process lives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// What it last said.
    #[serde(flatten)]
    pub record: Record,
    /// Whether it lives.
    pub alive: bool,
}

/// Every instance of a state directory that has not ended in order, those that serve the API first. A file that is no
/// record (a power cut may leave one empty) tells of nobody; the next start of that instance writes it anew.
///
/// # Errors
/// What the file system says.
pub fn look(state_dir: &Path) -> io::Result<Vec<Seen>> {
    let entries = match std::fs::read_dir(folder(state_dir)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut seen = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            // It ended in order a moment ago.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let Ok(record) = serde_json::from_slice::<Record>(&bytes) else {
            continue;
        };
        let alive = match record.each_role().next() {
            Some(role) => is_held(state_dir, role)?,
            None => false,
        };
        seen.push(Seen { record, alive });
    }
    seen.sort_by(|a, b| a.record.role.cmp(&b.record.role));
    Ok(seen)
}

/// The instance that a command on this host means: one with this role, or, where none is named, the first on the same
/// host, else the first anywhere. Only one that lives and serves.
pub fn meant(seen: Vec<Seen>, role: Option<&str>, host: &str) -> Option<Record> {
    let serving = seen.into_iter().filter(|seen| seen.alive && seen.record.address.is_some());
    let has_role = |record: &Record| {
        let mut asked = role.into_iter().flat_map(|role| role.split(','));
        role.is_none()
            || asked.any(|asked| asked == record.role || record.each_role().any(|one| one == asked))
    };
    let mut records: Vec<Record> = serving.map(|seen| seen.record).filter(has_role).collect();
    records.sort_by_key(|record| record.host != host);
    records.into_iter().next()
}

impl Record {
    /// The names of its roles.
    pub fn each_role(&self) -> impl Iterator<Item = &str> {
        let name = if self.role == "all" { "api-mcp-monitor" } else { &self.role };
        name.split('-')
    }
}

/// This process's own record.
#[derive(Debug)]
pub struct Instance {
    state_dir: PathBuf,
    path: PathBuf,
    record: Mutex<Record>,
}

impl Instance {
    /// The instance that holds these roles. What earlier holders of any of them left is removed.
    ///
    /// # Errors
    /// What the file system says.
    pub fn new(state_dir: &Path, hold: &Hold, started_at: Timestamp) -> io::Result<Self> {
        let roles = hold.roles();
        for left in look(state_dir)? {
            if left.record.each_role().any(|role| roles.each().any(|ours| ours == role)) {
                std::fs::remove_file(path(state_dir, &left.record.role))?;
            }
        }
        let role = roles.to_string();
        let path = path(state_dir, &role);
        let record = Record {
            role,
            pid: std::process::id(),
            host: host_name(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at,
            address: None,
            generation: 0,
            safe_mode: false,
            watch: false,
            content: None,
            file: None,
            since: started_at,
            last_verdict: None,
        };
        Ok(Self { state_dir: state_dir.to_owned(), path, record: Mutex::new(record) })
    }

    /// The state directory that it serves.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// Where the record stands.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says the address that is served.
    ///
    /// # Errors
    /// What the file system says.
    pub fn serves(&self, address: SocketAddr) -> io::Result<()> {
        self.say(|record| record.address = Some(address))
    }

    /// Says where the engine stands.
    ///
    /// # Errors
    /// What the file system says.
    pub fn stands(&self, status: &Status) -> io::Result<()> {
        self.say(|record| {
            if record.generation == 0 || record.content != status.accepted {
                record.since = Timestamp::now();
            }
            record.content.clone_from(&status.accepted);
            record.file.clone_from(&status.content);
            record.generation = status.generation;
            record.safe_mode = status.safe_mode;
            record.watch = status.watch_enabled;
            let on_the_file = status.last_verdict.as_ref().filter(|last| last.cause != Cause::Refresh);
            if let Some(last) = on_the_file {
                record.last_verdict = Some(LastVerdict::of(last));
            }
        })
    }

    /// Removes the record: the instance ends in order.
    ///
    /// # Errors
    /// What the file system says.
    pub fn remove(&self) -> io::Result<()> {
        // Nobody writes it again meanwhile.
        let _record = self.lock();
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Written aside with mode 0600, then renamed, so that readers see all or nothing. What is said already is not
    /// said again.
    fn say(&self, change: impl FnOnce(&mut Record)) -> io::Result<()> {
        let mut record = self.lock();
        let mut next = record.clone();
        change(&mut next);
        if next == *record {
            return Ok(());
        }
        let aside = self.path.with_extension("new");
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(serde_json::to_string(&next)?.as_bytes())?;
        drop(file);
        std::fs::rename(&aside, &self.path)?;
        *record = next;
        Ok(())
    }

    /// What is kept here is whole at any time: a panic elsewhere does not matter.
    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn path(state_dir: &Path, role: &str) -> PathBuf {
    folder(state_dir).join(format!("{role}.json"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::hold::Turn;
    use super::super::{Role, Roles};
    use super::*;

    fn instance(state_dir: &Path, roles: &[Role]) -> (Hold, Instance) {
        let hold = Turn::take(state_dir).unwrap().hold(state_dir, Roles::of(roles)).unwrap();
        let instance = Instance::new(state_dir, &hold, Timestamp::UNIX_EPOCH).unwrap();
        (hold, instance)
    }

    fn names(state_dir: &Path) -> Vec<(String, bool)> {
        look(state_dir).unwrap().into_iter().map(|seen| (seen.record.role, seen.alive)).collect()
    }

    #[test]
    fn written_for_its_owner_alone_and_removed_at_the_end() {
        let state = tempfile::tempdir().unwrap();
        assert!(look(state.path()).unwrap().is_empty());
        std::fs::create_dir(folder(state.path())).unwrap();
        std::fs::write(path(state.path(), "all"), "").unwrap();
        let (_hold, instance) = instance(state.path(), &[]);
        assert!(look(state.path()).unwrap().is_empty(), "what a power cut left tells of nobody");
        for address in ["127.0.0.1:8000", "[::1]:9000"] {
            instance.serves(address.parse().unwrap()).unwrap();
            let seen = look(state.path()).unwrap();
            assert_eq!(seen[0].record.address.unwrap().to_string(), address);
            assert_eq!((seen[0].record.pid, seen[0].alive), (std::process::id(), true));
        }
        let mode = std::fs::metadata(instance.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        instance.remove().unwrap();
        instance.remove().unwrap();
        assert!(look(state.path()).unwrap().is_empty());
    }

    #[test]
    fn the_instance_that_a_command_means() {
        let state = tempfile::tempdir().unwrap();
        let mut seen = Vec::new();
        for (role, host, alive) in
            [(Role::Api, "b", true), (Role::Mcp, "c", false), (Role::Monitor, "a", true)]
        {
            let (_hold, instance) = instance(state.path(), &[role]);
            instance.serves("127.0.0.1:1".parse().unwrap()).unwrap();
            let record = Record { host: host.to_owned(), ..instance.lock().clone() };
            seen.push(Seen { record, alive });
        }
        let check = |role: Option<&str>, host: &str, expected: Option<&str>| {
            let meant = meant(seen.clone(), role, host).map(|record| record.role);
            assert_eq!(meant.as_deref(), expected, "{role:?} {host}");
        };
        check(None, "a", Some("monitor"));
        check(None, "b", Some("api"));
        check(None, "elsewhere", Some("api"));
        check(Some("monitor"), "b", Some("monitor"));
        check(Some("mcp"), "c", None);
        check(Some("all"), "b", None);
    }

    #[test]
    fn one_that_is_gone_is_seen_to_be_gone_until_its_roles_are_taken_again() {
        let state = tempfile::tempdir().unwrap();
        let (api, first) = instance(state.path(), &[Role::Api, Role::Mcp]);
        let (monitor, second) = instance(state.path(), &[Role::Monitor]);
        first.serves("127.0.0.1:1".parse().unwrap()).unwrap();
        second.serves("127.0.0.1:2".parse().unwrap()).unwrap();
        let check = |expected: &[(&str, bool)]| {
            let expected: Vec<_> =
                expected.iter().map(|(role, alive)| ((*role).to_owned(), *alive)).collect();
            assert_eq!(names(state.path()), expected);
        };
        check(&[("api-mcp", true), ("monitor", true)]);
        drop(api);
        check(&[("api-mcp", false), ("monitor", true)]);
        let (api, third) = instance(state.path(), &[Role::Api]);
        third.serves("127.0.0.1:3".parse().unwrap()).unwrap();
        check(&[("api", true), ("monitor", true)]);
        drop((api, monitor));
        let (_all, all) = instance(state.path(), &[]);
        check(&[]);
        all.serves("127.0.0.1:4".parse().unwrap()).unwrap();
        check(&[("all", true)]);
    }
}
