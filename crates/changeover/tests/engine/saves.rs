//! How people and programs save, and what each kind of save ends in.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use changeover::Decision::{Applied, Rejected, Unchanged};

use crate::support::{World, until};

type Way = fn(&World, &str);

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_save_is_seen_once_and_right() {
    let mut world = World::start(Some(r#"{"pair": 0}"#)).await;
    let ways: [(&str, Way); 6] = [
        ("rename", World::rename),
        ("in place", World::write),
        ("delete and create", |world, content| {
            fs::remove_file(&world.file).unwrap();
            world.write(content);
        }),
        ("rename with a backup", |world, content| {
            fs::rename(&world.file, world.file.with_extension("json~")).unwrap();
            world.write(content);
        }),
        ("two chunks over the old bytes", |world, content| {
            let mut file = File::options().write(true).open(&world.file).unwrap();
            let (head, tail) = content.split_at(content.len() / 2);
            file.write_all(head.as_bytes()).unwrap();
            file.flush().unwrap();
            file.write_all(tail.as_bytes()).unwrap();
            file.set_len(content.len() as u64).unwrap();
        }),
        ("hard link", |world, content| {
            let aside = world.file.with_extension("aside");
            fs::write(&aside, content).unwrap();
            fs::remove_file(&world.file).unwrap();
            fs::hard_link(&aside, &world.file).unwrap();
            fs::remove_file(aside).unwrap();
        }),
    ];
    for round in 0..5 {
        for (index, (way, save)) in ways.iter().enumerate() {
            let pair = 10 * (round + 1) + i64::try_from(index).unwrap();
            save(&world, &format!(r#"{{"pair": {pair}, "round": "{round}"}}"#));
            let verdict = world.verdict().await;
            assert_eq!(verdict.verdict, Applied, "{way}: {verdict}");
            assert_eq!(world.pair(), pair, "{way}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn byte_by_byte_is_one_save() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    let mut file = File::create(&world.file).unwrap();
    for byte in br#"{"pair": 1234567}"# {
        file.write_all(&[*byte]).unwrap();
        file.flush().unwrap();
        tokio::task::yield_now().await;
    }
    drop(file);
    let verdict = world.verdict().await;
    assert_eq!((verdict.verdict, world.pair()), (Applied, 1_234_567), "{verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_open_for_writing_is_not_read_although_it_is_whole() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    let mut file = File::options().write(true).open(&world.file).unwrap();
    file.write_all(br#"{"pair": 2}"#).unwrap();
    let polls = world.engine.status().watch.polls_seen;
    // Two polls find it whole and unchanged, yet open.
    while world.engine.status().watch.polls_seen < polls + 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.pair(), 1);
    assert_eq!(world.engine.status().activity, changeover::Activity::BeingWritten);
    file.rewind().unwrap();
    file.write_all(br#"{"pair": 3}"#).unwrap();
    drop(file);
    assert_eq!((world.verdict().await.verdict, world.pair()), (Applied, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_good_is_not_checked_again_at_rest() {
    // Longer than from one reading to the next.
    const REREAD: Duration = Duration::from_secs(6);
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    world.rename(r#"{"pair": 2, "gate": true, "pollMs": 10}"#);
    assert_eq!(world.verdict().await.verdict, Applied);
    let checks = || world.probes.at_the_gate.load(Ordering::SeqCst);
    let polls = || world.engine.status().watch.polls_seen;
    let (begun, checked) = (Instant::now(), checks());
    assert!(checked > 0);
    until(|| begun.elapsed() > REREAD).await;
    let polled = polls();
    until(|| polls() > polled + 2).await;
    assert_eq!(checks(), checked);
    assert_eq!(world.engine.reload().await.unwrap().verdict, Unchanged);
    assert!(checks() > checked, "whoever asks gets a check");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_touch_is_a_save_and_a_change_of_mode_is_none() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&world.file, fs::Permissions::from_mode(0o640)).unwrap();
    File::options()
        .append(true)
        .open(&world.file)
        .unwrap()
        .set_modified(std::time::SystemTime::now())
        .unwrap();
    let verdict = world.verdict().await;
    assert_eq!((verdict.verdict, verdict.id), (Unchanged, 2), "{verdict}");
    let same = world.engine.reload().await.unwrap();
    assert_eq!((same.verdict, same.id), (Unchanged, 3));
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_config_map_swap_is_one_save() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_owned();
    let version = |name: &str, pair: i64| {
        fs::create_dir(root.join(name)).unwrap();
        fs::write(root.join(name).join("settings.json"), format!(r#"{{"pair": {pair}}}"#)).unwrap();
    };
    version("..1", 1);
    symlink("..1", root.join("..data")).unwrap();
    symlink("..data/settings.json", root.join("settings.json")).unwrap();
    let mut world = World::start_in(folder).await;
    for pair in 2..6 {
        version(&format!("..{pair}"), pair);
        symlink(format!("..{pair}"), root.join("..data_tmp")).unwrap();
        fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
        fs::remove_dir_all(root.join(format!("..{}", pair - 1))).unwrap();
        let verdict = world.verdict().await;
        assert_eq!((verdict.verdict, world.pair()), (Applied, pair), "{verdict}");
    }
    assert_eq!(world.engine.history(100).len(), 5);
}

/// Maps the file, closes it, writes the number of `pair` through the map, and lives until its input ends: the kernel tells of no
/// close before the map is gone too. Python's own `mmap` keeps a descriptor.
const MAP: &str = "import ctypes, os, sys
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
file = os.open(sys.argv[1], os.O_RDWR)
mapped = libc.mmap(None, 4096, 3, 1, file, 0)
os.close(file)
ctypes.memset(mapped + 9, ord('7'), 1)
sys.stdin.read()";

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_map_tells_nobody_and_is_found_by_the_poll() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    let mut python = Command::new("python3");
    let python = python.args(["-c", MAP]).arg(&world.file).stdin(Stdio::piped()).spawn();
    let Ok(mut python) = python else {
        eprintln!("skipped: python3 is not here, and it is the one that maps the file");
        return;
    };
    let verdict = world.verdict().await;
    assert_eq!((verdict.verdict, world.pair()), (Applied, 7), "{verdict}");
    let watch = world.engine.status().watch;
    assert_eq!((watch.seen_by_event, watch.seen_by_poll), (0, 1));
    drop(python.stdin.take());
    assert!(python.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_removed_and_made_again_is_watched_again() {
    let outer = tempfile::tempdir().unwrap();
    let inner = outer.path().join("vault");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("settings.json"), r#"{"pair": 1}"#).unwrap();
    let mut blueprint = crate::support::blueprint(outer.path(), &crate::support::Probes::default());
    blueprint.file = inner.join("settings.json");
    let engine = changeover::Engine::start(blueprint).await.unwrap();
    let mut verdicts = engine.verdicts();
    fs::remove_dir_all(&inner).unwrap();
    let missing = verdicts.recv().await.unwrap();
    assert_eq!(missing.verdict, Rejected);
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("settings.json"), r#"{"pair": 2}"#).unwrap();
    assert_eq!(verdicts.recv().await.unwrap().verdict, Applied);
    let events = engine.status().watch.events_seen;
    fs::write(inner.join("settings.json"), r#"{"pair": 3}"#).unwrap();
    assert_eq!(verdicts.recv().await.unwrap().verdict, Applied);
    assert!(engine.status().watch.events_seen > events, "the new folder's events arrive");
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_a_file_that_was_replaced_hold_nobody_up() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    let mut old = File::options().append(true).open(&world.file).unwrap();
    world.expect(r#"{"pair": 2}"#, Applied).await;
    old.write_all(b" ").unwrap();
    // Each refresh is a turn of the watch: what it could have heard of the old file, it has heard.
    for _ in 0..2 {
        world.engine.refresh().await.unwrap();
    }
    assert_eq!(world.engine.status().activity, changeover::Activity::Idle);
    assert_eq!(world.pair(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_beside_saves_is_never_left_waiting() {
    // Without polls a wake-up that is lost is lost for good.
    let world = World::start(Some(r#"{"pair": 0, "pollMs": 3600000}"#)).await;
    for pair in 1..300 {
        world.write(&format!(r#"{{"pair": {pair}, "pollMs": 3600000}}"#));
        let reloaded = tokio::time::timeout(crate::support::PATIENCE, world.engine.reload()).await;
        reloaded.expect("a verdict").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_watch_a_save_is_told_as_drift_and_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut blueprint = crate::support::blueprint(folder.path(), &crate::support::Probes::default());
    blueprint.watch = false;
    fs::write(folder.path().join("settings.json"), r#"{"pair": 1}"#).unwrap();
    let engine = changeover::Engine::start(blueprint).await.unwrap();
    assert!(!engine.status().drift);
    fs::write(folder.path().join("settings.json"), r#"{"pair": 2}"#).unwrap();
    crate::support::until(|| engine.status().drift).await;
    assert_eq!((engine.live().load().settings.pair, engine.history(10).len()), (1, 1));
    let taken = engine.reload().await.unwrap();
    assert_eq!((taken.verdict, engine.status().drift), (Applied, false), "{taken}");
    fs::write(folder.path().join("settings.json"), r#"{"pair": 3}"#).unwrap();
    crate::support::until(|| engine.status().drift).await;
    fs::write(folder.path().join("settings.json"), r#"{"pair": 2}"#).unwrap();
    crate::support::until(|| !engine.status().drift).await;
    assert_eq!(engine.history(10).len(), 2, "what was looked at came to no verdict");
}
