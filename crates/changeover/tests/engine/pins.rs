//! Units of work that do not let go of an old generation.

use std::sync::atomic::Ordering;

use changeover::Decision::Applied;

use crate::support::{PATIENCE, World, until};

#[tokio::test(flavor = "multi_thread")]
async fn invariant_11_who_does_not_let_go_is_named_and_told_to_end() {
    let mut world = World::start(Some(r#"{"pair": 1, "pinMaxMs": 50}"#)).await;
    let live = world.engine.live().clone();
    let (chat, nameless) = (live.pin(format_args!("chat {}", 7)), live.load());
    world.expect(r#"{"pair": 2, "pinMaxMs": 50}"#, Applied).await;
    let newer = live.pin(format_args!("a newer one"));
    tokio::time::timeout(PATIENCE, chat.overdue()).await.expect("it is told to end");
    until(|| !world.engine.status().overdue.is_empty()).await;
    let overdue = world.engine.status().overdue;
    let names: Vec<&str> = overdue[0].held_by.iter().map(|unit| unit.name.as_str()).collect();
    assert_eq!((overdue.len(), overdue[0].generation, overdue[0].unnamed), (1, 1, 1), "{overdue:?}");
    assert_eq!(names, ["chat 7"]);
    assert!(overdue[0].held_by[0].since <= overdue[0].since, "it took it while it was live: {overdue:?}");
    assert!(
        overdue[0].holders().starts_with("`chat 7` since ")
            && overdue[0].holders().ends_with("1 without a name")
    );
    assert_eq!((chat.number, chat.services.left.0), (1, 1), "told, and still whole");

    drop(chat.clone());
    assert_eq!(world.engine.status().overdue.len(), 1, "a clone is no other unit");
    drop((chat, nameless));
    until(|| world.probes.alive.load(Ordering::SeqCst) == 1 && world.engine.status().retiring == 0).await;
    assert!(world.engine.status().overdue.is_empty());
    let told = tokio::select! {
        () = newer.overdue() => true,
        verdict = world.engine.reload() => verdict.is_err(),
    };
    assert!(!told, "who works with what is live is left alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_do_not_let_go_are_all_named_and_all_told_to_end() {
    let mut world = World::start(Some(r#"{"pair": 1, "pinMaxMs": 50}"#)).await;
    // From threads of their own: where the second begins to look, units of the first may stand.
    let held: Vec<_> = [700, 700]
        .map(|count| {
            let live = world.engine.live().clone();
            let pinned = move || (0..count).map(|unit| live.pin(format_args!("unit {unit}"))).collect();
            std::thread::spawn(pinned).join().unwrap()
        })
        .into_iter()
        .flat_map(|held: Vec<_>| held)
        .collect();
    world.expect(r#"{"pair": 2, "pinMaxMs": 50}"#, Applied).await;
    for unit in &held {
        tokio::time::timeout(PATIENCE, unit.overdue()).await.expect("it is told to end");
    }
    until(|| !world.engine.status().overdue.is_empty()).await;
    let overdue = world.engine.status().overdue;
    assert_eq!((overdue[0].held_by.len(), overdue[0].unnamed), (1_400, 0));
    assert!(overdue[0].holders().ends_with(", 1384 more"), "a sentence has an end");
    drop(held);
    until(|| world.engine.status().retiring == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_a_generation_is_told_since_when_it_is_live_no_more_and_not_since_everybody_followed() {
    let world = World::start(Some(r#"{"pair": 1, "pinMaxMs": 1}"#)).await;
    let _never_follows = world.engine.follower("stuck", |generation| generation.number).unwrap();
    let _chat = world.engine.live().pin(format_args!("chat"));
    world.rename(r#"{"pair": 2, "pinMaxMs": 1, "deadlineMs": 1000}"#);
    until(|| world.engine.status().generation == 2).await;
    let replaced = jiff::Timestamp::now();
    until(|| !world.engine.status().overdue.is_empty()).await;
    let overdue = world.engine.status().overdue;
    assert!(overdue[0].since <= replaced, "{} after {replaced}", overdue[0].since);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_trial_is_held_by_the_engine_and_not_overdue() {
    let mut world = World::start(Some(r#"{"pair": 1, "llm": "good", "pinMaxMs": 1}"#)).await;
    world.engine.worked(world.engine.live().load().services.llm.identity());
    world.expect(r#"{"pair": 1, "llm": "new", "pinMaxMs": 1}"#, Applied).await;
    for pair in 2..10 {
        world.expect(&format!(r#"{{"pair": {pair}, "llm": "new", "pinMaxMs": 1}}"#), Applied).await;
        // Then the retirer has looked at them all.
        until(|| world.engine.status().retiring == pair).await;
        assert_eq!(world.engine.status().overdue, []);
    }
    assert!(world.engine.fallback(world.engine.live().load().services.llm.identity()).is_some());
}
