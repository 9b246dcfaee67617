//! Programs that a user could pick instead, and what they do with a save: how soon it is served (`race`), what requests
//! meet meanwhile (`strain`), and what becomes of a save that cannot be taken (`faults`).

pub mod contender;
pub mod faults;
pub mod race;
pub mod strain;

mod crates;
mod debian;
mod ours;
mod wheels;

use std::path::PathBuf;

pub use contender::Contender;
pub use ours::{floor, thoth};

/// Where the programs are.
pub struct Tools {
    /// The bench itself, which is the floor too.
    pub bench: PathBuf,
    pub thoth: PathBuf,
    /// Programs that came in wheels from PyPI.
    pub wheels: PathBuf,
    /// Debian's packages, unpacked.
    pub debian: PathBuf,
    /// The crates behind a server.
    pub crates: PathBuf,
}

/// Starts one contender.
pub type Start = fn(&Tools) -> anyhow::Result<Contender>;

/// Every contender.
pub const ALL: [(&str, Start); 12] = [
    ("the floor", ours::floor),
    ("Thoth", ours::thoth),
    ("nginx, SIGHUP", debian::nginx),
    ("HAProxy, SIGUSR2", debian::haproxy),
    ("Prometheus, /-/reload", debian::prometheus),
    ("Caddy, PATCH", wheels::caddy_patch),
    ("Caddy, --watch", wheels::caddy_watch),
    ("Envoy, file LDS", wheels::envoy),
    ("Traefik, file", wheels::traefik),
    ("dynamic-config, 250 ms", crates::dynamic_config),
    ("dynamic-config, 1 ms", crates::dynamic_config_short),
    ("rtb-config", crates::rtb_config),
];

/// Starts all that are there; says of each other why it is left out.
pub fn start_all(tools: &Tools, skipped: &mut Vec<String>) -> Vec<Contender> {
    let mut running = Vec::new();
    for (name, start) in ALL {
        match start(tools) {
            Ok(contender) => running.push(contender),
            Err(error) => skipped.push(format!("{name}: {error:#}")),
        }
    }
    for line in skipped {
        eprintln!("skipped: {line}");
    }
    running
}
