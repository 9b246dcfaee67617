//! The units of `systemd/`: taken by systemd without a word, narrow, and followed by the real binary under a real manager.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{Place, installed, text};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The unit with a program that is there, in a folder of its own: what is not installed cannot be verified.
fn unit(place: &Place, name: &str) -> PathBuf {
    let unit = std::fs::read_to_string(Path::new(REPOSITORY).join("systemd").join(name)).unwrap();
    let binary = env!("CARGO_BIN_EXE_thoth");
    let there = unit.replace("%h/.local/bin/thoth", binary).replace("/usr/local/bin/thoth", binary);
    assert_ne!(there, unit, "the unit starts another program");
    let file = place.folder.path().join(name);
    std::fs::write(&file, there).unwrap();
    file
}

fn analyze(place: &Place, arguments: &[&str], unit: &Path) -> Output {
    let mut command = Command::new("systemd-analyze");
    command.env("XDG_RUNTIME_DIR", place.folder.path()).env("HOME", place.folder.path());
    command.args(arguments).arg(unit).output().unwrap()
}

#[test]
fn units_are_verified_and_their_cages_are_narrow() {
    if !installed("systemd-analyze") {
        return;
    }
    let place = Place::new();
    // The exposure that systemd itself gives each, times ten; what it is above this is a hole that somebody made.
    for (name, manager, exposure_max) in
        [("thoth.service", "--user", "65"), ("thoth-system.service", "--system", "15")]
    {
        let unit = unit(&place, name);
        let verified = analyze(&place, &[manager, "--man=no", "verify"], &unit);
        assert!(verified.status.success() && text(&verified).is_empty(), "{name}: {}", text(&verified));
        let threshold = format!("--threshold={exposure_max}");
        let judged = analyze(&place, &["security", "--offline=true", "--no-pager", &threshold], &unit);
        assert!(judged.status.success(), "{name}: {}", text(&judged));
    }
}

#[test]
fn the_unit_under_a_service_manager_of_its_own() {
    let script = Path::new(REPOSITORY).join("scripts/test-systemd.sh");
    let done = Command::new("bash").arg(script).arg(env!("CARGO_BIN_EXE_thoth")).output().unwrap();
    eprint!("{}", text(&done));
    assert!(done.status.success());
}
