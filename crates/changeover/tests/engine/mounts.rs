//! Mounts over the file, over its folder and beneath it, in namespaces of the tests' own.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command};

use crate::support::{apart, run, until};
use crate::watching::{content, in_a_vault, live, mapping, over, told_by_an_event, watch};

const MOUNTS: &[&str] = &["--mount"];

fn mount(arguments: &[&str], at: &Path) {
    let arguments: Vec<&Path> = arguments.iter().map(Path::new).chain([at]).collect();
    run("mount", &arguments);
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_a_folder_is_mounted_over_and_unmounted() {
    if !apart("mounts::invariant_8_a_folder_is_mounted_over_and_unmounted", MOUNTS) {
        return;
    }
    let (_folder, vault, file, engine) = in_a_vault().await;

    mount(&["-t", "tmpfs", "none"], &vault);
    fs::write(&file, content(3)).unwrap();
    live(&engine, 3).await;
    until(|| watch(&engine).filesystem.as_deref() == Some("tmpfs")).await;
    assert_eq!(engine.reload().await.unwrap().generation, engine.status().generation);
    told_by_an_event(&engine, &file, 4).await;

    run("umount", &[&vault]);
    // What stood beneath is there again.
    live(&engine, 2).await;
    until(|| watch(&engine).filesystem.as_deref() != Some("tmpfs")).await;
    assert_eq!(engine.reload().await.unwrap().generation, engine.status().generation);
    told_by_an_event(&engine, &file, 5).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_a_file_mounted_alone_and_left_behind_is_found_until_it_is_unmounted() {
    if !apart(
        "mounts::invariant_8_a_file_mounted_alone_and_left_behind_is_found_until_it_is_unmounted",
        MOUNTS,
    ) {
        return;
    }
    type Leave = fn(&Path);
    let ways: [(&str, Leave); 3] = [
        ("another file renamed over it", |outside| {
            fs::write(outside.with_extension("aside"), content(4)).unwrap();
            fs::rename(outside.with_extension("aside"), outside).unwrap();
        }),
        ("removed", |outside| fs::remove_file(outside).unwrap()),
        ("kept under another name", |outside| fs::rename(outside, outside.with_extension("json~")).unwrap()),
    ];
    for (way, leave) in ways {
        let folder = tempfile::tempdir().unwrap();
        let (file, outside) = (folder.path().join("settings.json"), folder.path().join("outside.json"));
        fs::write(&file, content(1)).unwrap();
        fs::write(&outside, content(2)).unwrap();
        mount(&["--bind", outside.to_str().unwrap()], &file);
        let (engine, _) = over(&file, folder.path()).await;
        assert_eq!((engine.live().load().settings.pair, watch(&engine).finding), (2, None), "{way}");
        fs::write(&outside, content(3)).unwrap();
        live(&engine, 3).await;
        leave(&outside);
        until(|| watch(&engine).finding.is_some_and(|why| why.contains("put in its place outside"))).await;
        assert!(engine.status().watch_running, "{way}");
        run("umount", &[&file]);
        live(&engine, 1).await;
        until(|| watch(&engine).finding.is_none()).await;
        told_by_an_event(&engine, &file, 5).await;
        engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_another_file_mounted_alone_and_left_behind_is_found_by_its_name() {
    if !apart("mounts::invariant_8_another_file_mounted_alone_and_left_behind_is_found_by_its_name", MOUNTS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("settings.json"), r#"{"pair": 1, "extra": "extra"}"#).unwrap();
    fs::write(at("extra"), "10").unwrap();
    fs::write(at("outside"), "20").unwrap();
    mount(&["--bind", at("outside").to_str().unwrap()], &at("extra"));
    let (engine, _) = over(&at("settings.json"), folder.path()).await;
    assert_eq!((engine.live().load().settings.pair, watch(&engine).finding), (21, None));
    fs::write(at("outside"), "30").unwrap();
    live(&engine, 31).await;
    // As `sed -i` does.
    fs::write(at("aside"), "40").unwrap();
    fs::rename(at("aside"), at("outside")).unwrap();
    until(|| watch(&engine).finding.is_some()).await;
    let finding = watch(&engine).finding.unwrap();
    let name = format!("`{}` is a mount of its own", at("extra").display());
    assert!(finding.starts_with(&name) && finding.contains("put in its place outside"), "{finding}");
    assert!(!finding.contains("settings.json"), "{finding}");
    assert_eq!(engine.live().load().settings.pair, 31, "what is live stays live");
    run("umount", &[&at("extra")]);
    live(&engine, 11).await;
    until(|| watch(&engine).finding.is_none()).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_what_changes_beneath_an_overlay_is_found_by_the_poll_and_that_is_said() {
    if !apart(
        "mounts::invariant_8_what_changes_beneath_an_overlay_is_found_by_the_poll_and_that_is_said",
        MOUNTS,
    ) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["lower", "upper", "work", "vault"] {
        fs::create_dir(at(name)).unwrap();
    }
    fs::write(at("lower").join("settings.json"), content(1)).unwrap();
    let layers = ["lower", "upper", "work"].map(|name| format!("{name}dir={}", at(name).display()));
    mount(&["-t", "overlay", "none", "-o", &layers.join(",")], &at("vault"));
    let file = at("vault").join("settings.json");
    let (engine, _) = over(&file, folder.path()).await;
    for pair in 2..=5 {
        fs::write(at("lower").join("settings.json"), content(pair)).unwrap();
        live(&engine, pair).await;
    }
    let status = watch(&engine);
    assert_eq!((status.seen_by_event, status.seen_by_poll), (0, 4));
    assert_eq!((status.filesystem.as_deref(), status.mode.as_str()), (Some("overlay"), "inotify+poll"));
    let why = status.without_events.unwrap();
    assert!(why.contains("what is changed beneath it"), "{why}");
    told_by_an_event(&engine, &file, 6).await;
    engine.shutdown().await;
}

/// All that a look compares.
fn stamps(file: &Path) -> (u64, u64, u64, [i64; 4]) {
    let found = fs::metadata(file).unwrap();
    let times = [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()];
    (found.dev(), found.ino(), found.size(), times)
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_another_content_under_the_same_stamps_is_found_by_reading_it() {
    if !apart("mounts::invariant_8_another_content_under_the_same_stamps_is_found_by_reading_it", MOUNTS) {
        return;
    }
    // There a mapping changes the times at its first write, and never again.
    let folder = tempfile::tempdir().unwrap();
    mount(&["-t", "tmpfs", "none"], folder.path());
    let file = folder.path().join("settings.json");
    fs::write(&file, content(1)).unwrap();
    let (engine, _) = over(&file, folder.path()).await;
    let Some((mut python, mut lines)) = mapping(&file) else { return };
    writeln!(lines, "2").unwrap();
    live(&engine, 2).await;
    let before = stamps(&file);
    writeln!(lines, "3").unwrap();
    live(&engine, 3).await;
    assert_eq!(stamps(&file), before, "a content that stamps tell of");
    drop(lines);
    python.wait().unwrap();
    engine.shutdown().await;
}

/// A file system of FUSE, which is let go and ended with this.
struct Fuse(Child);

impl Fuse {
    fn signal(&self, signal: &str) {
        run("kill", &[signal.as_ref(), self.0.id().to_string().as_ref()]);
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        self.signal("-CONT");
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_a_mount_that_dies_is_told_and_comes_back() {
    if !apart("mounts::invariant_8_a_mount_that_dies_is_told_and_comes_back", MOUNTS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (there, vault) = (folder.path().join("there"), folder.path().join("vault"));
    fs::create_dir(&there).unwrap();
    fs::create_dir(&vault).unwrap();
    fs::write(there.join("settings.json"), r#"{"pair": 1, "pollMs": 50}"#).unwrap();
    let Ok(child) = Command::new("bindfs").arg("-f").args([&there, &vault]).spawn() else {
        eprintln!("skipped: bindfs is not here, and it is the file system that dies");
        return;
    };
    let fuse = Fuse(child);
    let file = vault.join("settings.json");
    until(|| file.exists()).await;
    let (engine, _) = over(&file, folder.path()).await;
    until(|| watch(&engine).filesystem.as_deref() == Some("fuse")).await;
    let why = watch(&engine).without_events.unwrap();
    assert!(why.contains("what is changed elsewhere"), "{why}");
    let with = |pair: i64| format!(r#"{{"pair": {pair}, "pollMs": 50}}"#);
    fs::write(there.join("settings.json"), with(2)).unwrap();
    live(&engine, 2).await;
    assert_eq!((watch(&engine).seen_by_event, watch(&engine).seen_by_poll), (0, 1));

    fuse.signal("-STOP");
    until(|| !engine.status().watch_running).await;
    let finding = watch(&engine).finding.unwrap();
    assert!(finding.contains("does not answer"), "{finding}");
    fs::write(there.join("settings.json"), with(3)).unwrap();
    fuse.signal("-CONT");
    live(&engine, 3).await;
    until(|| engine.status().watch_running).await;
    assert_eq!(watch(&engine).finding, None);
    engine.shutdown().await;
}
