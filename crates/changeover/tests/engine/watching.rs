//! What may happen to the way to a file, and to the events that tell of it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use changeover::Decision::Applied;
use changeover::{Engine, WatchStatus};

use crate::support::{Probes, TestEngine, World, apart, blueprint, until};

/// An engine over this file, which exists; its state stands in the folder.
pub async fn over(file: &Path, folder: &Path) -> (TestEngine, Probes) {
    let probes = Probes::default();
    let mut blueprint = blueprint(folder, &probes);
    blueprint.file = file.to_owned();
    (Engine::start(blueprint).await.unwrap(), probes)
}

/// A folder of its own with a file in it that an engine is over, and a save of which an event has told: `pair` is 2.
pub async fn in_a_vault() -> (tempfile::TempDir, PathBuf, PathBuf, TestEngine) {
    let folder = tempfile::tempdir().unwrap();
    let vault = folder.path().join("home/vault");
    let file = vault.join("settings.json");
    fs::create_dir_all(&vault).unwrap();
    fs::write(&file, content(1)).unwrap();
    let (engine, _) = over(&file, folder.path()).await;
    told_by_an_event(&engine, &file, 2).await;
    (folder, vault, file, engine)
}

pub fn content(pair: i64) -> String {
    format!(r#"{{"pair": {pair}}}"#)
}

pub fn watch(engine: &TestEngine) -> WatchStatus {
    engine.status().watch
}

pub async fn live(engine: &TestEngine, pair: i64) {
    until(|| engine.live().load().settings.pair == pair).await;
}

/// Saves in place, and expects an event to tell of it.
pub async fn told_by_an_event(engine: &TestEngine, file: &Path, pair: i64) {
    let before = watch(engine);
    fs::write(file, content(pair)).unwrap();
    live(engine, pair).await;
    until(|| watch(engine).seen_by_event > before.seen_by_event).await;
    assert_eq!(watch(engine).seen_by_poll, before.seen_by_poll, "{pair}");
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_whatever_becomes_of_the_folders_saves_are_seen_and_events_arrive_again() {
    type Change = fn(&Path, &Path);
    let with = |folder: &Path, pair: i64| {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("settings.json"), content(pair)).unwrap();
    };
    let changes: [(&str, Change); 6] = [
        ("removed", |_, vault| fs::remove_dir_all(vault).unwrap()),
        ("renamed away", |root, vault| fs::rename(vault, root.join("away")).unwrap()),
        ("renamed away, and back", |root, vault| {
            fs::rename(vault, root.join("away")).unwrap();
            fs::rename(root.join("away"), vault).unwrap();
        }),
        ("the folder above renamed away", |root, vault| {
            fs::rename(vault.parent().unwrap(), root.join("above")).unwrap();
        }),
        ("another folder renamed into its place", |root, vault| {
            fs::create_dir(root.join("other")).unwrap();
            fs::rename(vault, root.join("before")).unwrap();
            fs::rename(root.join("other"), vault).unwrap();
        }),
        ("replaced by a link", |root, vault| {
            fs::rename(vault, root.join("target")).unwrap();
            symlink(root.join("target"), vault).unwrap();
        }),
    ];
    // With the folder gone for a moment, and for as long as it takes to be noticed.
    let noticed = changes.into_iter().take(2).map(|(way, change)| (way, change, true));
    for (way, change, noticed) in changes.into_iter().map(|(way, change)| (way, change, false)).chain(noticed)
    {
        let (folder, vault, file, engine) = in_a_vault().await;
        change(folder.path(), &vault);
        if noticed {
            until(|| watch(&engine).mode == "poll").await;
        }
        with(&vault, 3);
        live(&engine, 3).await;
        until(|| watch(&engine).mode == "inotify+poll").await;
        // What was found before the new watch stood is read once more: then nothing of it is under way.
        assert_eq!(engine.reload().await.unwrap().generation, engine.status().generation, "{way}");
        told_by_an_event(&engine, &file, 4).await;
        assert!(engine.status().watch_running && !engine.status().drift, "{way}");
        engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_a_link_is_followed_wherever_it_stands_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let version = |name: &str, pair: i64| {
        fs::create_dir_all(root.join(name).join("conf")).unwrap();
        fs::write(root.join(name).join("conf/settings.json"), content(pair)).unwrap();
    };
    let point = |link: &str, to: &str| {
        symlink(to, root.join("link.aside")).unwrap();
        fs::rename(root.join("link.aside"), root.join(link)).unwrap();
    };
    version("v1", 1);
    // root/top -> middle -> v1, and the file through them is a link again.
    point("middle", "v1");
    point("top", "middle");
    point("settings.json", "top/conf/settings.json");
    let file = root.join("settings.json");
    let (engine, _) = over(&file, folder.path()).await;
    for (pair, link) in [(2, "middle"), (3, "top"), (4, "settings.json")] {
        let (name, seen) = (format!("v{pair}"), watch(&engine).seen_by_event);
        version(&name, pair);
        let to = if link == "settings.json" { format!("{name}/conf/settings.json") } else { name };
        point(link, &to);
        live(&engine, pair).await;
        until(|| watch(&engine).seen_by_event == seen + 1).await;
    }
    engine.shutdown().await;
}

/// A content with which no poll comes to the help of the events.
fn without_polls(pair: i64) -> String {
    format!(r#"{{"pair": {pair}, "pollMs": 3600000}}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_where_another_link_leads_is_watched_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let version = |name: &str, pair: i64| {
        fs::create_dir_all(root.join(name)).unwrap();
        fs::write(root.join(name).join("settings.json"), without_polls(pair)).unwrap();
    };
    version("..1", 1);
    symlink("..1", root.join("..data")).unwrap();
    symlink("..data/settings.json", root.join("settings.json")).unwrap();
    let (engine, _) = over(&root.join("settings.json"), &root).await;
    fs::write(root.join("..1/settings.json"), without_polls(2)).unwrap();
    live(&engine, 2).await;
    until(|| watch(&engine).polls_seen == 1).await;
    for pair in [3, 5, 7] {
        let name = format!("..{pair}");
        version(&name, pair);
        symlink(&name, root.join("..aside")).unwrap();
        fs::rename(root.join("..aside"), root.join("..data")).unwrap();
        live(&engine, pair).await;
        // In place, where nothing was watched before.
        fs::write(root.join(&name).join("settings.json"), without_polls(pair + 1)).unwrap();
        live(&engine, pair + 1).await;
    }
    let status = watch(&engine);
    assert_eq!((status.polls_seen, status.seen_by_poll, status.seen_by_event), (1, 0, 7));
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_a_link_that_is_removed_and_made_again_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let file = |name: &str| root.join(name).join("settings.json");
    for pair in 1..=3 {
        fs::create_dir(root.join(format!("v{pair}"))).unwrap();
        fs::write(file(&format!("v{pair}")), without_polls(pair)).unwrap();
    }
    symlink("v1", root.join("current")).unwrap();
    let (engine, _) = over(&file("current"), &root).await;
    until(|| watch(&engine).polls_seen == 1).await;
    for pair in 2..=3 {
        let before = watch(&engine).events_seen;
        fs::remove_file(root.join("current")).unwrap();
        // The gap is noticed.
        until(|| watch(&engine).events_seen > before && watch(&engine).mode == "poll").await;
        symlink(format!("v{pair}"), root.join("current")).unwrap();
        live(&engine, pair).await;
        until(|| watch(&engine).mode == "inotify+poll").await;
    }
    fs::write(file("v3"), without_polls(4)).unwrap();
    live(&engine, 4).await;
    assert_eq!((watch(&engine).polls_seen, watch(&engine).seen_by_poll), (1, 0));
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_that_a_folder_is_gone_is_known_before_the_next_poll() {
    type Change = fn(&Path, &Path);
    let changes: [(&str, Change); 2] = [
        ("removed", |_, vault| fs::remove_dir_all(vault).unwrap()),
        ("renamed away", |root, vault| fs::rename(vault, root.join("away")).unwrap()),
    ];
    for (way, change) in changes {
        let folder = tempfile::tempdir().unwrap();
        let vault = folder.path().join("vault");
        fs::create_dir(&vault).unwrap();
        fs::write(vault.join("settings.json"), without_polls(1)).unwrap();
        let (engine, _) = over(&vault.join("settings.json"), folder.path()).await;
        // The poll of the start.
        until(|| watch(&engine).polls_seen == 1).await;
        assert_eq!(watch(&engine).mode, "inotify+poll", "{way}");
        change(folder.path(), &vault);
        until(|| watch(&engine).mode == "poll").await;
        assert_eq!(watch(&engine).polls_seen, 1, "{way}");
        engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_a_save_that_is_told_of_while_the_one_before_is_read_was_found_by_an_event() {
    const PAIRS: i64 = 400;
    let (_folder, vault, file, engine) = in_a_vault().await;
    let (before, aside) = (watch(&engine), vault.join("aside"));
    let save = |pair: i64| {
        fs::write(&aside, content(pair)).unwrap();
        fs::rename(&aside, &file).unwrap();
    };
    for round in 1..=PAIRS {
        save(2 * round + 1);
        // The second one comes at every moment of what the first one has the watch do.
        let moment = Instant::now() + Duration::from_micros(round.unsigned_abs() % 100);
        while Instant::now() < moment {
            std::hint::spin_loop();
        }
        save(2 * round + 2);
        live(&engine, 2 * round + 2).await;
    }
    let now = watch(&engine);
    assert_eq!((now.seen_by_poll, now.finding), (before.seen_by_poll, None));
    assert!(now.seen_by_event >= before.seen_by_event + PAIRS.unsigned_abs());
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_more_events_than_the_kernel_keeps_are_no_lost_save() {
    let queued: usize =
        fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap();
    // Without polls, nothing but the overflow tells of the save.
    let mut world = World::start(Some(r#"{"pair": 1, "pollMs": 3600000}"#)).await;
    let closed = std::sync::Arc::clone(&world.probes.gate).lock_owned().await;
    world.rename(r#"{"pair": 2, "pollMs": 3600000, "gate": true}"#);
    until(|| world.probes.at_the_gate.load(Ordering::SeqCst) == 1).await;
    // The same event twice in a row is kept as one.
    let others = [world.folder.path().join("one"), world.folder.path().join("two")];
    for other in &others {
        fs::write(other, "").unwrap();
    }
    for _ in 0..queued {
        for other in &others {
            fs::File::options().append(true).open(other).unwrap();
        }
    }
    world.rename(r#"{"pair": 3, "pollMs": 3600000}"#);
    drop(closed);
    while world.pair() != 3 {
        assert_eq!(world.verdict().await.verdict, Applied);
    }
    assert!(world.engine.status().watch.events_lost > 0);
    // And what comes after it is heard as before.
    world.expect(r#"{"pair": 4, "pollMs": 3600000}"#, Applied).await;
}

const LIMITS: &[&str] = &["--user", "--map-root-user", "--mount"];

fn limit(what: &str, number: u64) {
    fs::write(format!("/proc/sys/user/max_inotify_{what}"), number.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_exhausted_instances_at_the_start_are_told_survived_and_asked_for_again() {
    if !apart(
        "watching::invariant_8_exhausted_instances_at_the_start_are_told_survived_and_asked_for_again",
        LIMITS,
    ) {
        return;
    }
    limit("instances", 0);
    let mut world = World::start(Some(&content(1))).await;
    until(|| watch(&world.engine).without_events.is_some()).await;
    let status = watch(&world.engine);
    assert!(status.without_events.unwrap().contains("`fs.inotify.max_user_instances`"));
    assert_eq!((status.mode.as_str(), status.finding), ("poll", None));
    world.expect(&content(2), Applied).await;
    assert_eq!((watch(&world.engine).seen_by_event, watch(&world.engine).seen_by_poll), (0, 1));
    limit("instances", 1);
    until(|| watch(&world.engine).mode == "inotify+poll").await;
    until(|| watch(&world.engine).without_events.is_none()).await;
    told_by_an_event(&world.engine, &world.file, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_watches_that_run_out_later_are_told_survived_and_asked_for_again() {
    if !apart(
        "watching::invariant_8_watches_that_run_out_later_are_told_survived_and_asked_for_again",
        LIMITS,
    ) {
        return;
    }
    let (folder, vault, file, engine) = in_a_vault().await;
    limit("watches", 0);
    fs::rename(&vault, folder.path().join("before")).unwrap();
    fs::create_dir(&vault).unwrap();
    fs::write(&file, content(3)).unwrap();
    live(&engine, 3).await;
    until(|| watch(&engine).without_events.is_some_and(|why| why.contains("`fs.inotify.max_user_watches`")))
        .await;
    assert_eq!(watch(&engine).mode, "poll");
    let before = watch(&engine);
    fs::write(&file, content(4)).unwrap();
    live(&engine, 4).await;
    let now = watch(&engine);
    assert_eq!((now.seen_by_event, now.seen_by_poll), (before.seen_by_event, before.seen_by_poll + 1));
    limit("watches", 100);
    until(|| watch(&engine).mode == "inotify+poll" && watch(&engine).without_events.is_none()).await;
    assert_eq!(engine.reload().await.unwrap().generation, engine.status().generation);
    told_by_an_event(&engine, &file, 5).await;
    engine.shutdown().await;
}

/// Maps the file, and for each line writes its first letter where the number of `pair` stands. The kernel sends no event
/// for that, and none for a close before the end.
const MAP: &str = "import mmap,sys\n\
    f=open(sys.argv[1],'r+b')\n\
    m=mmap.mmap(f.fileno(),0)\n\
    for line in sys.stdin:\n m[9:10]=line[:1].encode()\n m.flush()\n";

/// Whoever has the file mapped, and the lines that it is told. `None` where nobody can.
pub fn mapping(file: &Path) -> Option<(Child, ChildStdin)> {
    let mut python = Command::new("python3");
    python.args(["-c", MAP]).arg(file).stdin(Stdio::piped());
    let Ok(mut python) = python.spawn() else {
        eprintln!("skipped: python3 is not here, and it is the one that maps the file");
        return None;
    };
    let lines = python.stdin.take().unwrap();
    Some((python, lines))
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_events_that_do_not_arrive_are_told_until_one_arrives() {
    let world = World::start(Some(r#"{"pair": 1, "pollMs": 20}"#)).await;
    let Some((mut python, mut lines)) = mapping(&world.file) else { return };
    for pair in 2..=4 {
        assert_eq!(watch(&world.engine).without_events, None, "{pair}");
        writeln!(lines, "{pair}").unwrap();
        live(&world.engine, pair).await;
    }
    until(|| watch(&world.engine).without_events.is_some()).await;
    let status = watch(&world.engine);
    assert_eq!(status.without_events.as_deref(), Some("events do not arrive; saves are found by the poll"));
    assert_eq!((status.seen_by_event, status.seen_by_poll, status.finding), (0, 3, None));
    // It closes what it had open for writing: an event.
    drop(lines);
    python.wait().unwrap();
    until(|| watch(&world.engine).without_events.is_none()).await;
    told_by_an_event(&world.engine, &world.file, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_a_look_that_does_not_end_is_told_until_it_does() {
    let mut world = World::start(Some(r#"{"pair": 1, "pollMs": 20}"#)).await;
    until(|| world.engine.status().watch_running).await;
    let closed = std::sync::Arc::clone(&world.probes.gate).lock_owned().await;
    world.rename(r#"{"pair": 2, "pollMs": 20, "gate": true}"#);
    until(|| !world.engine.status().watch_running).await;
    let finding = watch(&world.engine).finding.unwrap();
    assert!(finding.contains("has not ended") && finding.contains(world.file.to_str().unwrap()), "{finding}");
    assert_eq!(world.pair(), 1, "what is live goes on");
    drop(closed);
    assert_eq!(world.verdict().await.verdict, Applied);
    until(|| world.engine.status().watch_running).await;
    assert_eq!((world.pair(), watch(&world.engine).finding), (2, None));
}
