//! Destructors are code of the product's: whatever they do, it is not done to the engine.

use std::sync::atomic::Ordering;

use changeover::Decision::{Applied, Rejected, Superseded};
use changeover::{Cause, Proposal};

use crate::support::{PATIENCE, World, until};

const NEWER: &str = r#"{"pair": 4}"#;

/// Has services built that are refused, because somebody saves meanwhile.
async fn refused_meanwhile(world: &mut World, at_drop: &str) {
    let content = format!(r#"{{"pair": 3, "fault": "wait", "atDrop": "{at_drop}"}}"#).into_bytes();
    let proposal =
        Proposal { file: None, content, cause: Cause::Edit, actor: None, if_match: None, allow_empty: false };
    let engine = world.engine.clone();
    let asked = tokio::spawn(async move { engine.propose(proposal).await });
    until(|| world.probes.prepared.load(Ordering::SeqCst) == 2).await;
    let seen = world.engine.status().content;
    world.rename(NEWER);
    until(|| world.engine.status().content != seen).await;
    world.probes.go_on.notify_one();
    let verdict = tokio::time::timeout(PATIENCE, asked).await.unwrap().unwrap().unwrap();
    assert!(matches!(verdict.verdict, Rejected | Superseded), "{at_drop}: {verdict}");
    assert_eq!(world.verdict().await.id, verdict.id);
    let verdict = world.verdict().await;
    assert_eq!((verdict.verdict, world.pair()), (Applied, 4), "{at_drop}: {verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_services_whose_destructor_panics_end_nothing() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    refused_meanwhile(&mut world, "panic").await;
    world.expect(r#"{"pair": 5}"#, Applied).await;
    until(|| world.probes.alive.load(Ordering::SeqCst) == 1).await;
    world.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_services_whose_destructor_blocks_hold_up_neither_the_loop_nor_the_watch() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    refused_meanwhile(&mut world, "block").await;
    world.expect(r#"{"pair": 5}"#, Applied).await;
    world.probes.open_the_door();
    until(|| world.probes.alive.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preparation_that_panics_when_it_is_let_go_of_is_late_and_no_more() {
    let mut world = World::start(Some(r#"{"pair": 1, "deadlineMs": 100}"#)).await;
    let late = world.expect(r#"{"pair": 2, "fault": "hang", "atDrop": "panic"}"#, Rejected).await;
    assert_eq!(late.problems[0].message, "preparing the services took longer than 100 ms");
    world.expect(r#"{"pair": 3}"#, Applied).await;
    until(|| world.probes.alive.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_generation_that_cannot_be_dropped_keeps_no_other_and_shields_nobody_who_holds_one() {
    let mut world = World::start(Some(r#"{"pair": 1, "atDrop": "block"}"#)).await;
    let live = world.engine.live().clone();
    world.expect(r#"{"pair": 2, "pinMaxMs": 50}"#, Applied).await;
    until(|| world.probes.dropping.load(Ordering::SeqCst) == 1).await;
    let held = live.pin(format_args!("chat"));
    world.expect(r#"{"pair": 3, "pinMaxMs": 50}"#, Applied).await;
    tokio::time::timeout(PATIENCE, held.overdue()).await.expect("it is told to end");
    drop(held);
    until(|| world.probes.alive.load(Ordering::SeqCst) == 2).await;
    world.probes.open_the_door();
    until(|| world.probes.alive.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_generation_that_cannot_be_dropped_does_not_keep_the_engine_from_ending() {
    let mut world = World::start(Some(r#"{"pair": 1, "atDrop": "block"}"#)).await;
    world.expect(r#"{"pair": 2, "deadlineMs": 100}"#, Applied).await;
    until(|| world.probes.dropping.load(Ordering::SeqCst) == 1).await;
    tokio::time::timeout(PATIENCE, world.engine.shutdown()).await.expect("it ends");
    world.probes.open_the_door();
}
