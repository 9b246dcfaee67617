//! The processes that serve one state directory: their roles, the hold on these, and what each says of itself.
//!
//! ```text
//!  state/instances/start.lock     held for a moment by whoever starts: what first starts make is made once
//!                  api.lock       held (`flock`) as long as a process with the role lives, however it ends;
//!                                 it names the holder
//!                  api.json       what that instance says of itself: where, which generation, which content
//! ```
//!
//! One process with all roles, called `all`, is the rule; it holds every lock, and so excludes every other. The locks
//! hold between containers that share a volume, since they share the kernel.

pub mod agreement;
pub mod hold;
pub mod record;
pub mod role;

use std::path::{Path, PathBuf};

pub use role::{Role, Roles};

/// Where instances stand in a state directory.
fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join("instances")
}

/// The name of this machine, or of this container.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => std::env::var("HOSTNAME").unwrap_or_else(|_| "localhost".to_owned()),
        name => name.to_owned(),
    }
}
