//! Faults that are real: a disk that is full, a folder that may only be read, a file nobody may open, no descriptors left.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use changeover::Cause;
use changeover::Decision::{Applied, Rejected};

use crate::checks::{Before, Left, after, content, next_save_goes_live};
use crate::probe::Probe;

/// Runs what follows with a small disk of its own over the folder. The settings stand there already.
const SMALL_DISK: &str = r#"said=$(cat "$1/settings.json") && mount -t tmpfs -o size=256k,mode=700 tmpfs "$1" &&
    printf %s "$said" >"$1/settings.json" && shift && exec "$@""#;

/// Runs what follows with the settings file in a folder that may only be read, and the state in one that may be written.
const READ_ONLY: &str = r#"mkdir "$1/state" && mount --bind "$1" "$1" && mount --bind "$1/state" "$1/state" &&
    mount -o remount,bind,ro "$1" && shift && exec "$@""#;

fn permitted(what: &str, line: &[&str]) -> bool {
    let tried = Command::new(line[0]).args(&line[1..]).output();
    let permitted = tried.as_ref().is_ok_and(|output| output.status.success());
    if !permitted {
        eprintln!("skipped: {what}: `{}` is not permitted here", line.join(" "));
    }
    permitted
}

/// A program line that runs what follows in a mount namespace, after a script about the folder.
fn in_a_namespace(script: &str, folder: &Path) -> Vec<String> {
    let mut line = ["unshare", "--mount", "sh", "-c", script, "sh"].map(str::to_owned).to_vec();
    line.push(folder.to_str().unwrap().to_owned());
    line
}

/// The folder as the process sees it, which has a disk of its own there.
fn through_its_eyes(probe: &Probe) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", probe.process()));
    root.join(probe.folder.strip_prefix("/").unwrap())
}

/// Writes until nothing more fits.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for size in [4096, 1] {
        while file.write_all(&vec![b'x'; size]).is_ok() {}
    }
}

#[test]
fn a_full_disk_refuses_and_what_was_refused_goes_live_when_there_is_room() {
    if !permitted("a full disk", &["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]) {
        return;
    }
    let mut probe = Probe::start_through(&content(1), |folder| in_a_namespace(SMALL_DISK, folder));
    probe.folder = through_its_eyes(&probe);
    next_save_goes_live(&mut probe, 2, "before");
    let before = Before::of(&mut probe);
    // The content takes the place of one that is as long, so that it alone still fits.
    let ballast = probe.folder.join("ballast");
    fill(&ballast);
    let mut file = File::options().write(true).open(probe.file()).unwrap();
    file.write_all(content(3).as_bytes()).unwrap();
    drop(file);
    let refused = probe.verdict();
    fs::remove_file(&ballast).unwrap();
    assert_eq!(refused.verdict, Rejected, "{refused}");
    assert!(refused.to_string().contains("No space left on device"), "{refused}");
    // There is room again, and the file still says so.
    let applied = probe.verdict();
    assert_eq!((applied.verdict, applied.cause.clone()), (Applied, Cause::Retry), "{applied}");
    after(&mut probe, &before, 3, &applied, Left::Nothing, "there is room again");
    next_save_goes_live(&mut probe, 4, "after a full disk");
    probe.end();
}

#[test]
fn a_folder_that_may_only_be_read_refuses_proposals_and_saves_from_outside_are_followed() {
    if !permitted("a read-only folder", &["unshare", "--mount", "mount", "--bind", "/tmp", "/tmp"]) {
        return;
    }
    let mut probe = Probe::start_through(&content(1), |folder| in_a_namespace(READ_ONLY, folder));
    next_save_goes_live(&mut probe, 2, "a save from outside");
    let before = Before::of(&mut probe);
    probe.propose(&content(3));
    let refused = probe.verdict();
    assert_eq!((refused.verdict, refused.cause.clone()), (Rejected, Cause::Edit), "{refused}");
    assert!(refused.to_string().contains("Read-only file system"), "{refused}");
    assert!(refused.to_string().contains("must be writable"), "the way out: {refused}");
    after(&mut probe, &before, 3, &refused, Left::Nothing, "read-only");
    assert_eq!(fs::read_to_string(probe.file()).unwrap(), before.bytes, "2: never touched");
    next_save_goes_live(&mut probe, 4, "read-only");
    probe.end();
}

#[test]
fn a_file_that_nobody_may_replace_refuses_proposals() {
    let probe_folder = tempfile::tempdir().unwrap();
    let tried = probe_folder.path().join("tried");
    fs::write(&tried, "").unwrap();
    let may = permitted("an immutable file", &["chattr", "+i", tried.to_str().unwrap()]);
    if !may {
        return;
    }
    assert!(Command::new("chattr").arg("-i").arg(&tried).status().unwrap().success());
    let mut probe = Probe::start(&content(1));
    next_save_goes_live(&mut probe, 2, "before");
    let before = Before::of(&mut probe);
    let chattr = |what: &str, file: &Path| {
        assert!(Command::new("chattr").arg(what).arg(file).status().unwrap().success());
    };
    chattr("+i", &probe.file());
    probe.propose(&content(3));
    let refused = probe.verdict();
    chattr("-i", &probe.file());
    assert_eq!(refused.verdict, Rejected, "{refused}");
    assert!(refused.to_string().contains("cannot be replaced: Operation not permitted"), "{refused}");
    after(&mut probe, &before, 3, &refused, Left::Nothing, "immutable");
    next_save_goes_live(&mut probe, 4, "immutable");
    probe.end();
}

/// Somebody who is not root, to whom modes mean something.
const NOBODY: &str = "65534";

#[test]
fn a_file_that_may_not_be_opened_is_refused_with_the_reason_and_read_when_it_may() {
    let this = std::env::current_exe().unwrap();
    let line = ["setpriv", "--reuid", NOBODY, "--clear-groups", this.to_str().unwrap(), "--list"];
    if !permitted("another user", &line) {
        return;
    }
    let mut probe = Probe::start_through(&content(1), |folder| {
        let everybody = fs::Permissions::from_mode(0o777);
        fs::set_permissions(folder, everybody).unwrap();
        ["setpriv", "--reuid", NOBODY, "--clear-groups"].map(str::to_owned).to_vec()
    });
    next_save_goes_live(&mut probe, 2, "before");
    let before = Before::of(&mut probe);
    // A save that its reader may not open.
    let aside = probe.folder.join("aside");
    fs::write(&aside, content(3)).unwrap();
    fs::set_permissions(&aside, fs::Permissions::from_mode(0o000)).unwrap();
    fs::rename(&aside, probe.file()).unwrap();
    let refused = probe.verdict();
    assert_eq!((refused.verdict, refused.content.clone()), (Rejected, None), "{refused}");
    assert!(refused.to_string().contains("cannot be opened: Permission denied"), "{refused}");
    after(&mut probe, &before, 3, &refused, Left::Nothing, "no permission");
    // It may be read from now on: nobody has saved it anew, and the poll finds it.
    fs::set_permissions(probe.file(), fs::Permissions::from_mode(0o644)).unwrap();
    let applied = probe.verdict();
    assert_eq!(applied.verdict, Applied, "8: {applied}");
    after(&mut probe, &before, 3, &applied, Left::Nothing, "permission again");
    next_save_goes_live(&mut probe, 4, "no permission");
    probe.end();
}

fn limit_descriptors(probe: &Probe, limit: &str) {
    let process = probe.process().to_string();
    let set =
        Command::new("prlimit").args(["--pid", &process, &format!("--nofile={limit}:")]).status().unwrap();
    assert!(set.success());
}

#[test]
fn without_a_descriptor_what_is_live_stays_and_with_one_the_save_goes_live() {
    if !permitted("no descriptors", &["prlimit", "--version"]) {
        return;
    }
    let mut probe = Probe::start(&content(1));
    next_save_goes_live(&mut probe, 2, "before");
    let before = Before::of(&mut probe);
    limit_descriptors(&probe, "1");
    probe.save(&content(3));
    let refused = probe.verdict();
    limit_descriptors(&probe, "1024");
    assert_eq!(refused.verdict, Rejected, "{refused}");
    assert!(refused.to_string().contains("Too many open files"), "{refused}");
    after(&mut probe, &before, 3, &refused, Left::Nothing, "no descriptors");
    // The content is hashed regardless of what seems to have changed.
    let applied = probe.verdict();
    assert_eq!(applied.verdict, Applied, "8: {applied}");
    next_save_goes_live(&mut probe, 4, "no descriptors");
    probe.end();
}
