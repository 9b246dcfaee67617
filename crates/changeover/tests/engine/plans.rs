//! Plans: what a content would do is what it then does, and nothing is left of having asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use changeover::Decision::{Applied, Rejected, Unchanged};
use changeover::{Action, Cause, Content, Plan, ServiceReport};

use crate::support::{PATIENCE, Settings, TestEngine, World, until};

const LIVE: &str = r#"{"pair": 1, "llm": "one", "deadlineMs": 60000}"#;

fn bytes(content: &str) -> Content {
    Content::Bytes(content.as_bytes().to_vec())
}

async fn plan(world: &World, content: &str, cause: Cause) -> Plan<Settings, (i64, i64)> {
    let look = |live: &changeover::Generation<_, crate::support::Services>,
                next: &changeover::Generation<_, crate::support::Services>| {
        (live.services.left.0, next.services.left.0)
    };
    world.engine.plan(bytes(content), cause, look).await.unwrap()
}

/// Every file and folder below, with the bytes.
fn everything(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut all = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path.clone());
            }
            all.insert(path.clone(), std::fs::read(path).ok());
        }
    }
    all
}

/// What the engine says of itself, without the counters of the watch, which go on.
fn state(engine: &TestEngine) -> String {
    let mut status = engine.status();
    status.watch = changeover::WatchStatus::default();
    status.watch_running = true;
    format!("{status:?} {:?}", engine.history(usize::MAX))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_foretold_is_what_the_next_save_does() {
    let mut world = World::start(Some(LIVE)).await;
    let table = [
        r#"{"pair": 2, "llm": "one", "deadlineMs": 60000}"#,
        r#"{"pair": 2, "llm": "two", "rag": 7, "deadlineMs": 60000}"#,
        r#"{"pair": 2, "llm": "two", "rag": 7, "deadlineMs": 60000 } // the same"#,
        r#"{"pair": "two", "rag": false}"#,
        "{",
        "{}",
        "{\n  \"pair\": 3,\n  \"fault\": \"refuse\"\n}",
        r#"{"pair": 3}"#,
    ];
    for content in table {
        let plan = plan(&world, content, Cause::Save).await;
        world.rename(content);
        let verdict = world.verdict().await;
        assert_eq!(plan.verdict, verdict.verdict, "{content}");
        assert_eq!(plan.services, verdict.services, "{content}");
        assert_eq!(plan.problems, verdict.problems, "{content}");
        assert_eq!(plan.by_the_world, world.engine.status().waiting.is_some(), "{content}");
    }
    assert_eq!(world.pair(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_plan() {
    let world = World::start(Some(LIVE)).await;
    let (folder, status) = (everything(world.folder.path()), state(&world.engine));
    let alive = world.probes.alive.load(Ordering::SeqCst);
    for (content, verdict) in [
        (r#"{"pair": 2}"#, Applied),
        (LIVE, Unchanged),
        ("{", Rejected),
        (r#"{"pair": 2, "fault": "refuse"}"#, Rejected),
        (r#"{"pair": 2, "fault": "panic"}"#, Rejected),
    ] {
        let plan = plan(&world, content, Cause::Save).await;
        assert_eq!((plan.verdict, plan.generation), (verdict, 1), "{content}");
        assert_eq!(plan.seen, (verdict == Applied).then_some((1, 2)), "{content}");
        assert_eq!(everything(world.folder.path()), folder, "{content}");
        assert_eq!(state(&world.engine), status, "{content}");
        assert_eq!(world.probes.alive.load(Ordering::SeqCst), alive, "{content}");
    }
    // The scratch folder was really used.
    assert_eq!(world.probes.prepared.load(Ordering::SeqCst), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_save_waits_for_a_plan_and_none_is_superseded_by_one() {
    let mut world = World::start(Some(LIVE)).await;
    let engine = world.engine.clone();
    let waits = r#"{"pair": 5, "fault": "wait", "deadlineMs": 60000}"#;
    let asked = tokio::spawn(async move { engine.plan(bytes(waits), Cause::Save, |_, _| ()).await });
    until(|| world.probes.prepared.load(Ordering::SeqCst) == 2).await;
    let verdict = world.expect(r#"{"pair": 2, "deadlineMs": 60000}"#, Applied).await;
    assert_eq!((verdict.generation, world.pair()), (2, 2));
    assert!(!asked.is_finished(), "the plan is still being made");
    world.probes.go_on.notify_one();
    let plan = asked.await.unwrap().unwrap();
    assert_eq!((plan.verdict, plan.generation), (Applied, 1), "it is about what was live when it began");
    assert_eq!((world.pair(), world.engine.status().generation), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_ends_at_the_deadline_and_lets_go() {
    let mut world = World::start(Some(LIVE)).await;
    world.expect(r#"{"pair": 1, "deadlineMs": 100}"#, Applied).await;
    let before = everything(world.folder.path());
    let plan = plan(&world, r#"{"pair": 2, "fault": "hang"}"#, Cause::Save).await;
    assert_eq!((plan.verdict, plan.by_the_world), (Rejected, true));
    assert_eq!(plan.problems[0].message, "preparing the services took longer than 100 ms");
    assert_eq!(everything(world.folder.path()), before);
    let alive = world.probes.alive.clone();
    until(|| alive.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asked_may_go_and_nothing_stays() {
    let world = World::start(Some(LIVE)).await;
    let before = everything(world.folder.path());
    let engine = world.engine.clone();
    let asked = tokio::spawn(async move {
        engine.plan(bytes(r#"{"pair": 5, "fault": "wait"}"#), Cause::Save, |_, _| ()).await
    });
    until(|| world.probes.prepared.load(Ordering::SeqCst) == 2).await;
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());
    world.probes.go_on.notify_one();
    // The next one waits for the end of it.
    assert_eq!(plan(&world, r#"{"pair": 2}"#, Cause::Save).await.verdict, Applied);
    assert_eq!(everything(world.folder.path()), before);
    assert_eq!(world.probes.alive.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_that_was_taken_back_is_said_to_be_bound() {
    let mut world = World::start(Some(LIVE)).await;
    let bad = r#"{"pair": 1, "llm": "bad", "deadlineMs": 60000}"#;
    world.engine.worked(world.llm().1);
    assert!(plan(&world, bad, Cause::Reload).await.taken_back.is_none());
    world.expect(bad, Applied).await;
    assert_eq!(world.fail().await.cause, Cause::Revert);
    let reload = plan(&world, bad, Cause::Reload).await;
    assert_eq!(reload.verdict, Rejected);
    assert!(reload.problems[0].message.contains("taken back: "), "{:?}", reload.problems);
    assert!(!reload.by_the_world);
    let verdict = world.engine.reload().await.unwrap();
    assert_eq!(verdict.problems, reload.problems);
    let save = plan(&world, bad, Cause::Save).await;
    assert_eq!(
        (save.verdict, save.taken_back.is_some()),
        (Applied, true),
        "saved anew it is tried once more"
    );
    let other = plan(&world, r#"{"pair": 1, "llm": "three", "deadlineMs": 60000}"#, Cause::Save).await;
    assert!(other.taken_back.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_followers_that_would_be_concerned_are_named() {
    let world = World::start(Some(LIVE)).await;
    let mut pairs = world.engine.follower("pairs", |generation| generation.services.left.0).unwrap();
    let mut models = world.engine.follower("models", |generation| generation.settings.llm.clone()).unwrap();
    for follower in [&mut pairs, &mut models] {
        let live = tokio::time::timeout(PATIENCE, follower.next()).await.unwrap().unwrap();
        follower.followed(&live, None);
    }
    let named = async |content: &str| plan(&world, content, Cause::Save).await.followers;
    assert_eq!(named(r#"{"pair": 2, "llm": "one"}"#).await, ["pairs"]);
    assert_eq!(named(r#"{"pair": 2, "llm": "two"}"#).await, ["pairs", "models"]);
    assert_eq!(named(r#"{"pair": 1, "llm": "one", "rag": 3}"#).await, [""; 0]);
    drop(models);
    assert_eq!(named(r#"{"pair": 1, "llm": "two"}"#).await, [""; 0], "one that has gone is not");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_end_nothing_is_foretold_and_a_plan_in_the_making_is_waited_for() {
    let world = World::start(Some(LIVE)).await;
    let engine = world.engine.clone();
    let asked = tokio::spawn(async move {
        engine.plan(bytes(r#"{"pair": 5, "fault": "wait"}"#), Cause::Save, |_, _| ()).await
    });
    until(|| world.probes.prepared.load(Ordering::SeqCst) == 2).await;
    let engine = world.engine.clone();
    let end = tokio::spawn(async move { engine.shutdown().await });
    world.probes.go_on.notify_one();
    end.await.unwrap();
    assert!(!world.folder.path().join("state/plan").exists());
    assert_eq!(asked.await.unwrap().unwrap().verdict, Applied);
    let late = world.engine.plan(bytes(LIVE), Cause::Save, |_, _| ()).await;
    assert!(late.is_err(), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_told_with_why() {
    let world = World::start(Some(LIVE)).await;
    let plan = plan(&world, r#"{"pair": 1, "llm": "two", "deadlineMs": 60000}"#, Cause::Save).await;
    let told: Vec<(&str, Action, &str)> = plan
        .services
        .iter()
        .map(|ServiceReport { name, action, reason }| (name.as_str(), *action, reason.as_str()))
        .collect();
    let kept = "nothing that it is built from changed";
    assert_eq!(
        told,
        [
            ("left", Action::Kept, kept),
            ("right", Action::Kept, kept),
            ("llm", Action::Rebuilt, "`value` changed"),
            ("rag", Action::Rebuilt, "`llm` changed"),
        ]
    );
}
