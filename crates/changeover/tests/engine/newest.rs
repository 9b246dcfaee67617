//! Invariant 4: one changeover is in flight, the newest content wins, and nothing that a preparation does holds up either.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, UNIX_EPOCH};

use changeover::Decision::{self, Applied, Rejected, Superseded, Unchanged};

use crate::support::{World, until};

#[tokio::test(flavor = "multi_thread")]
async fn invariant_4_a_burst_ends_in_the_last() {
    let mut world = World::start(Some(r#"{"pair": 0}"#)).await;
    for pair in 1..=200 {
        let content = format!(r#"{{"pair": {pair}}}"#);
        match pair % 2 {
            0 => world.write(&content),
            _ => world.rename(&content),
        }
    }
    loop {
        let verdict = world.verdict().await;
        assert!(matches!(verdict.verdict, Applied | Superseded), "{verdict}");
        if world.pair() == 200 {
            break;
        }
    }
    assert!(!world.engine.status().drift);
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_4_a_slow_preparation_is_neither_starved_nor_does_it_starve() {
    let mut world = World::start(Some(r#"{"pair": 0, "prepareMs": 300}"#)).await;
    let began = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let mut last = 0;
    while began.elapsed() < Duration::from_secs(5) {
        ticks.tick().await;
        last += 1;
        world.rename(&format!(r#"{{"pair": {last}, "prepareMs": 300}}"#));
    }
    let mut applied = Vec::new();
    while applied.last() != Some(&last) {
        let verdict = world.verdict().await;
        match verdict.verdict {
            Applied => applied.push(world.pair()),
            Superseded => {}
            other => panic!("{other}: {verdict}"),
        }
    }
    assert!(applied.len() >= 3, "{applied:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_4_a_preparation_is_given_up_for_a_newer_content_after_a_second() {
    let mut world = World::start(Some(r#"{"pair": 0}"#)).await;
    world.rename(r#"{"pair": 1, "fault": "hang"}"#);
    until(|| world.probes.prepared.load(Ordering::SeqCst) == 2).await;
    // The same once more is no reason to begin anew, and a refused one none to stop.
    let read = world.engine.status().content;
    world.rename(r#"{"pair": 1, "fault": "hang" }"#);
    // Saved faster, it would be coalesced with the next before anybody read it.
    until(|| world.engine.status().content != read).await;
    world.rename(r#"{"pair": "one"}"#);
    assert_eq!(world.verdict().await.verdict, Rejected);
    world.rename(r#"{"pair": 2}"#);
    let decisions: Vec<Decision> = [world.verdict().await, world.verdict().await, world.verdict().await]
        .map(|verdict| verdict.verdict)
        .into();
    assert_eq!(decisions, [Superseded, Superseded, Applied]);
    assert_eq!(world.pair(), 2);
    until(|| world.probes.alive.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_4_a_preparation_that_blocks_its_thread_holds_up_neither_the_loop_nor_the_watch() {
    let mut world = World::start(Some(r#"{"pair": 0, "deadlineMs": 200}"#)).await;
    world.rename(r#"{"pair": 1, "fault": "block"}"#);
    let late = world.verdict().await;
    assert_eq!(late.verdict, Rejected);
    assert_eq!(late.problems[0].message, "preparing the services took longer than 200 ms");
    world.engine.answers().await.unwrap();
    // The thread that met it is still held, and another one looks.
    world.expect(r#"{"pair": 2}"#, Applied).await;
    world.engine.reload().await.unwrap();
    assert_eq!(world.verdict().await.verdict, Unchanged);
    world.probes.open_the_door();
    until(|| world.probes.alive.load(Ordering::SeqCst) == 1).await;
    world.expect(r#"{"pair": 3}"#, Applied).await;
    let status = world.engine.status();
    assert!(status.watch_running && !status.drift, "{status:?}");
    world.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_4_a_preparation_that_blocked_for_a_while_goes_live_when_it_is_done() {
    // Without polls nobody comes by who would find what is left lying.
    let mut world = World::start(Some(r#"{"pair": 0, "pollMs": 3600000}"#)).await;
    let looks = || world.engine.status().watch.events_seen;
    world.rename(r#"{"pair": 1, "fault": "block", "pollMs": 3600000}"#);
    until(|| world.probes.prepared.load(Ordering::SeqCst) == 2).await;
    // Another thread looks by now.
    let seen = looks();
    std::fs::File::options().append(true).open(&world.file).unwrap().set_modified(UNIX_EPOCH).unwrap();
    until(|| looks() > seen).await;
    world.probes.open_the_door();
    let verdict = world.verdict().await;
    assert_eq!((verdict.verdict, world.pair()), (Applied, 1), "{verdict}");
}
