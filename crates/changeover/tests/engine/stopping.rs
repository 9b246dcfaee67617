//! The end of an engine: nothing is waited for that cannot end, nothing goes on, and no verdict says what is not so.

use std::sync::atomic::Ordering;

use changeover::Decision::Applied;
use changeover::{Action, Cause, Content};

use crate::support::{PATIENCE, World, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_hangs_does_not_hold_up_the_end_and_is_named() {
    let world = World::start(Some(r#"{"pair": 1}"#)).await;
    let _never_follows = world.engine.follower("stuck", |generation| generation.number).unwrap();
    world.rename(r#"{"pair": 2, "deadlineMs": 3600000}"#);
    until(|| world.pair() == 2).await;
    tokio::time::timeout(PATIENCE, world.engine.shutdown()).await.expect("it ends");
    let verdict = &world.engine.history(1)[0];
    assert_eq!((verdict.verdict, verdict.generation), (Applied, 2), "{verdict}");
    let line = verdict.services.iter().find(|service| service.name == "stuck").unwrap();
    assert_eq!(
        (line.action, line.reason.as_str()),
        (Action::Degraded, "did not follow before the engine stopped")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_end_interrupts_gets_no_verdict() {
    let world = World::start(Some(r#"{"pair": 1}"#)).await;
    world.rename(r#"{"pair": 2, "fault": "hang"}"#);
    until(|| world.probes.prepared.load(Ordering::SeqCst) == 2).await;
    let engine = world.engine.clone();
    world.engine.shutdown().await;
    assert_eq!(engine.history(100).len(), 1, "the start alone: no newer content has taken its place");
    assert_eq!(world.probes.alive.load(Ordering::SeqCst), 1);
    assert_eq!(std::fs::read_dir(world.folder.path().join("state/candidates")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_begins_while_the_engine_ends_is_waited_for() {
    let world = World::start(Some(r#"{"pair": 1}"#)).await;
    let gate = world.probes.gate.lock().await;
    world.rename(r#"{"gate": true, "pair": "not a number"}"#);
    until(|| world.probes.at_the_gate.load(Ordering::SeqCst) == 1).await;
    let engine = world.engine.clone();
    let end = tokio::spawn(async move { engine.shutdown().await });
    // From here on it waits for the watch, which is in a check.
    until(|| world.engine.follower("late", |_| ()).is_err()).await;
    let engine = world.engine.clone();
    let content = Content::Bytes(br#"{"pair": 5, "fault": "wait"}"#.to_vec());
    let asked = tokio::spawn(async move { engine.plan(content, Cause::Save, |_, _| ()).await });
    until(|| world.probes.prepared.load(Ordering::SeqCst) == 2).await;
    drop(gate);
    until(|| world.engine.status().watch.finding.is_some_and(|why| why.contains("has ended"))).await;
    assert!(tokio::time::timeout(PATIENCE, world.engine.answers()).await.unwrap().is_err());
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(!end.is_finished(), "the plan is still being made");
    world.probes.go_on.notify_one();
    end.await.unwrap();
    assert!(!world.folder.path().join("state/plan").exists());
    assert_eq!(asked.await.unwrap().unwrap().verdict, Applied);
}
