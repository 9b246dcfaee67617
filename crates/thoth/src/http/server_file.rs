//! `state/server.json`: where the server of a vault can be reached, for the command line.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Name of the file in the state directory.
const NAME: &str = "server.json";

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRecord {
    /// The address that is served; `0.0.0.0` stands for every address of the machine.
    pub address: SocketAddr,
    /// Process id of the server.
    pub pid: u32,
    /// When the server started.
    pub started_at: Timestamp,
}

impl ServerRecord {
    /// What the file of this state directory says; `None` where there is no file.
    ///
    /// # Errors
    /// What the file system says, or that the file is no record.
    pub fn read(state_dir: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(state_dir.join(NAME)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The server's own hold on the file.
#[derive(Clone, Debug)]
pub struct ServerFile {
    path: PathBuf,
    started_at: Timestamp,
    said: Option<SocketAddr>,
}

impl ServerFile {
    /// The file of this state directory; nothing is written yet.
    pub fn new(state_dir: &Path, started_at: Timestamp) -> Self {
        Self { path: state_dir.join(NAME), started_at, said: None }
    }

    /// Where the file stands.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says the address, unless the file says it already.
    ///
    /// # Errors
    /// What the file system says.
    pub fn say(&mut self, address: SocketAddr) -> io::Result<()> {
        if self.said != Some(address) {
            self.write(address)?;
            self.said = Some(address);
        }
        Ok(())
    }

    /// Written aside with mode 0600, then renamed, so that readers see all or nothing.
    fn write(&self, address: SocketAddr) -> io::Result<()> {
        let record = ServerRecord { address, pid: std::process::id(), started_at: self.started_at };
        let aside = self.path.with_extension("json.new");
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(serde_json::to_string(&record)?.as_bytes())?;
        drop(file);
        std::fs::rename(&aside, &self.path)
    }

    /// Removes the file, if it still is this process's.
    ///
    /// # Errors
    /// What the file system says.
    pub fn remove(&self) -> io::Result<()> {
        let state_dir = self.path.parent().unwrap_or(Path::new("."));
        match ServerRecord::read(state_dir)? {
            Some(record) if record.pid == std::process::id() => std::fs::remove_file(&self.path),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn written_for_its_owner_alone_and_removed_at_the_end() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(ServerRecord::read(state.path()).unwrap(), None);
        let mut file = ServerFile::new(state.path(), Timestamp::UNIX_EPOCH);
        for address in ["127.0.0.1:8000", "[::1]:9000"] {
            file.say(address.parse().unwrap()).unwrap();
            let record = ServerRecord::read(state.path()).unwrap().unwrap();
            assert_eq!(record.address.to_string(), address);
            assert_eq!(record.pid, std::process::id());
        }
        let mode = std::fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        file.remove().unwrap();
        file.remove().unwrap();
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0);
    }

    #[test]
    fn another_server_s_file_stays() {
        let state = tempfile::tempdir().unwrap();
        let file = ServerFile::new(state.path(), Timestamp::UNIX_EPOCH);
        let other = r#"{"address":"127.0.0.1:1","pid":0,"started_at":"2026-01-01T00:00:00Z"}"#;
        std::fs::write(file.path(), other).unwrap();
        file.remove().unwrap();
        assert!(file.path().exists());
    }
}
