//! One test or more for each invariant that the engine holds.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use changeover::Decision::{Applied, Rejected, Unchanged};
use changeover::{Action, Activity, Decision, Generation, Outcome};

use crate::support::{PATIENCE, Probes, Seen, Services, Settings, World, panics, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn invariant_1_whole_readers_never_see_a_mixture() {
    let world = World::start(Some(r#"{"pair": 0}"#)).await;
    let stop = Arc::new(AtomicBool::new(false));
    let reads = Arc::new(AtomicU64::new(0));
    // One never rests; the others leave the cores to the engine now and then.
    let readers: Vec<_> = (0..3)
        .map(|reader| {
            let (live, stop, reads) = (world.engine.live().clone(), Arc::clone(&stop), Arc::clone(&reads));
            tokio::spawn(async move {
                let mut newest = 0;
                while !stop.load(Ordering::Relaxed) {
                    let generation = live.load();
                    let left = generation.services.left.0;
                    tokio::task::yield_now().await;
                    assert_eq!(left, generation.services.right.0, "a mixture");
                    assert_eq!(left, generation.settings.pair, "services and settings are of one generation");
                    assert!(generation.number >= newest, "numbers only grow");
                    newest = generation.number;
                    reads.fetch_add(1, Ordering::Relaxed);
                    if reader > 0 {
                        tokio::time::sleep(Duration::from_micros(100)).await;
                    }
                }
            })
        })
        .collect();
    let mut world = world;
    for pair in 1..=2_000 {
        world.write(&format!(r#"{{"pair": {pair}}}"#));
        let verdict = world.verdict().await;
        assert_eq!(verdict.verdict, Applied, "{verdict}");
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    assert_eq!(world.pair(), 2_000);
    assert!(reads.load(Ordering::Relaxed) > 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_2_no_trace_of_a_refused_candidate() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    world.verdicts = world.engine.verdicts();
    let before = fs::read_to_string(&world.file).unwrap();
    let live = world.engine.live().load();
    for (fault, message) in [
        (r#"{"pair": 2, "fault": "refuse"}"#, "the world refuses"),
        (r#"{"pair": 2, "fault": "panic"}"#, "panic"),
        (r#"{"pair": 2, "fault": "hang"}"#, "took longer than 300 ms"),
    ] {
        // The deadline is the live generation's: a candidate cannot give itself more time.
        world.expect(r#"{"pair": 1, "deadlineMs": 300}"#, Applied).await;
        let verdict = world.expect(fault, Rejected).await;
        let said = verdict.to_string();
        assert!(said.contains(message), "{said}");
        assert!(verdict.services.is_empty());
        assert_eq!(world.pair(), 1);
        let left_behind = fs::read_dir(world.folder.path().join("state/candidates")).unwrap().count();
        assert_eq!(left_behind, 0, "{fault}");
        world.expect(r#"{"pair": 1}"#, Applied).await;
    }
    drop(live);
    until(|| world.probes.alive.load(Ordering::SeqCst) == 1).await;
    world.rename(&before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_function_of_the_product_that_panics_ends_nothing() {
    let mut world = World::start(Some(r#"{"pair": 1, "llm": "old"}"#)).await;
    let inputs = |generation: &Generation<Settings, Services>| {
        panics("inputs", &generation.settings.fault);
        generation.settings.pair
    };
    let mut follower = world.engine.follower("listener", inputs).unwrap();
    let task = tokio::spawn(async move {
        while let Some(generation) = follower.next().await {
            follower.followed(&generation, None);
        }
    });
    for (content, expected, pair, outcome) in [
        // Asked for when nothing can be refused any more: so it is asked for before.
        (r#"{"pair": 2, "llm": "new", "fault": "tuning"}"#, Rejected, 1, None),
        (r#"{"pair": 3, "llm": "newer", "fault": "meaning"}"#, Applied, 3, None),
        // What nobody can put on trial is kept.
        (r#"{"pair": 4, "llm": "on trial"}"#, Applied, 4, Some(Outcome::Kept)),
        (r#"{"pair": 5, "llm": "newest", "fault": "inputs"}"#, Applied, 5, None),
        (r#"{"pair": 6, "llm": "newest"}"#, Applied, 6, None),
    ] {
        let verdict = world.expect(content, expected).await;
        assert_eq!((world.pair(), verdict.outcome), (pair, outcome), "{verdict}");
    }
    // The follower itself has panicked in its own task, and is waited for no more.
    assert!(task.await.unwrap_err().is_panic());
    world.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_3_applied_is_said_when_every_follower_has_followed() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    let mut follower = world.engine.follower("listener", |generation| generation.settings.pair).unwrap();
    let (go, mut gate) = tokio::sync::mpsc::channel::<()>(1);
    let followed: Seen<u64> = Seen::default();
    let seen = Arc::clone(&followed);
    let task = tokio::spawn(async move {
        while let Some(generation) = follower.next().await {
            gate.recv().await;
            seen.lock().unwrap().push(generation.number);
            let did = Ok(format!("moved for generation {}", generation.number));
            follower.followed(&generation, Some(did));
        }
    });
    go.send(()).await.unwrap();
    // Else it might follow the second one first, and nothing would be left to wait for.
    until(|| followed.lock().unwrap().len() == 1).await;
    world.write(r#"{"pair": 2}"#);
    until(|| world.pair() == 2).await;
    assert!(world.verdicts.try_recv().is_err(), "live, and not said before the follower has followed");
    go.send(()).await.unwrap();
    let verdict = world.verdict().await;
    assert_eq!(verdict.verdict, Applied);
    assert_eq!(followed.lock().unwrap().as_slice(), [1, 2]);
    let line = verdict.services.iter().find(|service| service.name == "listener").unwrap();
    assert_eq!((line.action, line.reason.as_str()), (Action::Followed, "moved for generation 2"));
    world.engine.shutdown().await;
    drop(go);
    task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_3_only_whom_a_generation_concerns_is_woken_and_waited_for() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    let mut follower = world.engine.follower("listener", |generation| generation.settings.pair).unwrap();
    let first = follower.next().await.unwrap();
    follower.followed(&first, None);
    // Nobody answers for the follower meanwhile: a wait for it would be told as late.
    let verdict = world.expect(r#"{"pair": 1, "rag": 2}"#, Applied).await;
    assert!(verdict.services.iter().all(|service| service.name != "listener"), "{verdict}");
    world.rename(r#"{"pair": 2, "rag": 2}"#);
    let concerned = follower.next().await.unwrap();
    assert_eq!((concerned.number, concerned.settings.pair), (3, 2), "the second did not wake it");
    follower.followed(&concerned, Some(Err("the world refused".to_owned())));
    assert_eq!(world.verdict().await.verdict, Applied);
    // What could not be followed is asked for again, though nothing in it changed.
    world.rename(r#"{"pair": 2, "rag": 3}"#);
    let again = follower.next().await.unwrap();
    assert_eq!(again.number, 4);
    follower.followed(&again, None);
    assert_eq!(world.verdict().await.verdict, Applied);
    world.engine.shutdown().await;
    assert!(follower.next().await.is_none());
    assert!(world.engine.follower("late", |_| ()).is_err(), "the engine has stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_3_a_follower_that_hangs_is_told_and_holds_nobody() {
    let mut world = World::start(Some(r#"{"pair": 1, "deadlineMs": 200}"#)).await;
    let _never_follows = world.engine.follower("stuck", |generation| generation.number).unwrap();
    let verdict = world.expect(r#"{"pair": 2, "deadlineMs": 200}"#, Applied).await;
    let line = verdict.services.iter().find(|service| service.name == "stuck").unwrap();
    assert_eq!((line.action, line.reason.as_str()), (Action::Degraded, "did not follow within 200 ms"));
    assert_eq!(world.pair(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_5_a_verdict_for_every_content_with_everything_in_it() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    let refused = world.expect(r#"{"pair": "two", "rag": 1.5}"#, Rejected).await;
    let paths: Vec<&str> = refused.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["pair", "rag"], "all problems at once");
    let applied = world.expect(r#"{"pair": 1, "llm": "m"}"#, Applied).await;
    let actions: Vec<(&str, Action)> =
        applied.services.iter().map(|service| (service.name.as_str(), service.action)).collect();
    assert_eq!(
        actions,
        [("left", Action::Kept), ("right", Action::Kept), ("llm", Action::Rebuilt), ("rag", Action::Rebuilt)]
    );
    for stage in ["read", "check", "wait", "prepare", "commit", "follow", "total"] {
        assert!(applied.stages_ms.contains_key(stage), "{stage}");
    }
    let unchanged = world.expect(r#"{"pair": 1, "llm": "m" }"#, Unchanged).await;
    assert_eq!((refused.id, applied.id, unchanged.id), (2, 3, 4));
    let history: Vec<u64> = world.engine.history(3).iter().map(|verdict| verdict.id).collect();
    assert_eq!(history, [4, 3, 2]);
    let wire = serde_json::to_value(&*applied).unwrap();
    assert_eq!(wire["verdict"], "applied");
    assert_eq!(wire["outcome"], serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_6_file_accepted_and_running_are_told_apart() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    let first = world.engine.status();
    assert_eq!((first.generation, first.drift), (1, false));
    world.expect(r#"{"pair": "x"}"#, Rejected).await;
    let refused = world.engine.status();
    assert_eq!((refused.generation, refused.drift, world.pair()), (1, true, 1));
    assert_ne!(refused.content, first.content);
    world.expect(r#"{"pair": 2}"#, Applied).await;
    assert_eq!((world.engine.status().generation, world.engine.status().drift), (2, false));
    // Taking a save back is a save: a new number.
    world.expect(r#"{"pair": 1}"#, Applied).await;
    assert_eq!((world.engine.status().generation, world.pair()), (3, 1));
    let world = world.restart().await;
    assert_eq!(world.engine.status().generation, 4, "numbers grow over restarts too");
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_7_a_bad_file_is_harmless() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    let huge = format!(r#"{{"pair": 1, "_": "{}"}}"#, "x".repeat(11 << 20));
    let deep = format!("{}{}", r#"{"a":"#.repeat(5_000), "}".repeat(5_000));
    let bad: [(&[u8], &str); 9] = [
        (b"", "empty"),
        (b"{", ""),
        (br#"{"pair": 1"#, ""),
        (b"[1, 2]", "object"),
        (b"{}", "no setting"),
        (b"\xff\xfe{\0}\0", "UTF"),
        (huge.as_bytes(), "at most"),
        (deep.as_bytes(), ""),
        (br#"{"panic": true}"#, "panicked"),
    ];
    for (content, said) in bad {
        fs::write(&world.file, content).unwrap();
        let verdict = world.verdict().await;
        let shown: String = String::from_utf8_lossy(content).chars().take(30).collect();
        assert_eq!(verdict.verdict, Rejected, "{shown}: {verdict}");
        assert!(verdict.to_string().contains(said), "{shown}: {verdict}");
        assert_eq!((verdict.generation, world.pair()), (1, 1), "{shown}");
    }
    fs::remove_file(&world.file).unwrap();
    let missing = world.verdict().await;
    assert_eq!(missing.verdict, Rejected);
    assert!(missing.problems[0].message.contains(world.file.to_str().unwrap()), "{missing}");
    fs::create_dir(&world.file).unwrap();
    assert!(world.verdict().await.problems[0].message.contains("not a regular file"));
    fs::remove_dir(&world.file).unwrap();
    assert_eq!(world.verdict().await.verdict, Rejected);
    world.expect(r#"{"pair": 2}"#, Applied).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_7_a_bad_file_at_the_start_gives_way_to_the_last_known_good() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    world.expect(r#"{"pair": 2, "llm": "sk-secret"}"#, Applied).await;
    world.engine.worked(world.engine.live().load().services.llm.identity());
    world.write(r#"{"pair": "#);
    assert_eq!(world.verdict().await.verdict, Rejected);
    let mut world = world.restart().await;
    assert_eq!(world.pair(), 2);
    let live = world.engine.live().load();
    assert_eq!((live.settings.llm.as_str(), live.safe_mode), ("sk-secret", false));
    assert!(world.engine.status().drift);
    let newest: Vec<Decision> = world.engine.history(2).iter().map(|verdict| verdict.verdict).collect();
    assert_eq!(newest, [Applied, Rejected]);
    world.expect(r#"{"pair": 3}"#, Applied).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_7_without_any_good_content_there_is_safe_mode_until_the_file_is_mended() {
    let mut world = World::start(Some("{ half")).await;
    let status = world.engine.status();
    assert_eq!((status.safe_mode, status.drift), (true, true));
    assert_eq!(world.engine.history(1)[0].verdict, Rejected);
    let verdict = world.expect(r#"{"pair": 0}"#, Applied).await;
    assert!(!world.engine.status().safe_mode, "{verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_file_at_the_start_means_defaults_and_is_waited_for() {
    let mut world = World::start(None).await;
    assert_eq!((world.pair(), world.engine.status().drift), (0, false));
    world.write(r#"{"pair": 5}"#);
    assert_eq!((world.verdict().await.verdict, world.pair()), (Applied, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_9_secrets_stay() {
    let mut world = World::start(Some(r#"{"llm": "sk-first", "pair": 1}"#)).await;
    let changed = world.expect(r#"{"llm": "sk-second", "pair": 1}"#, Applied).await;
    let refused = world.expect(r#"{"llm": "sk-third", "pair": "x"}"#, Rejected).await;
    for text in [format!("{changed}{changed:?}"), format!("{refused}{refused:?}")] {
        assert!(!text.contains("sk-"), "{text}");
    }
    let state = world.folder.path().join("state");
    let journal = fs::read_to_string(state.join("journal.jsonl")).unwrap();
    assert!(journal.contains("llm") && !journal.contains("sk-"), "{journal}");
    use std::os::unix::fs::PermissionsExt;
    let mode = |name: &str| fs::metadata(state.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("journal.jsonl"), mode("secrets.json"), mode("")), (0o600, 0o600, 0o700));
    let plain = blake3::hash(&fs::read(&world.file).unwrap()).to_hex();
    let shown = world.engine.status().content.unwrap();
    assert!(!plain.as_str().contains(&shown), "hashes that people see are keyed");
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_10_llm_changes_and_rag_follows() {
    let mut world = World::start(Some(r#"{"llm": "a", "rag": 1, "pair": 1}"#)).await;
    let before = world.engine.live().load();
    let verdict = world.expect(r#"{"llm": "b", "rag": 1, "pair": 1}"#, Applied).await;
    let after = world.engine.live().load();
    assert!(Arc::ptr_eq(&before.services.left.handle(), &after.services.left.handle()), "the same object");
    assert!(!Arc::ptr_eq(&before.services.rag.handle(), &after.services.rag.handle()));
    assert_eq!(after.services.rag.llm.0, "b");
    assert!(
        Arc::ptr_eq(&after.services.rag.llm, &after.services.llm.handle()),
        "rag holds the llm that is live"
    );
    assert_eq!((after.services.left.since(), after.services.rag.since()), (1, 2));
    let reason = |name: &str| {
        verdict.services.iter().find(|service| service.name == name).map(|service| service.reason.as_str())
    };
    assert_eq!(reason("llm"), Some("`value` changed"));
    assert_eq!(reason("rag"), Some("`llm` changed"));
    let verdict = world.expect(r#"{"llm": "b", "rag": 2, "pair": 1}"#, Applied).await;
    let newest = world.engine.live().load();
    assert!(Arc::ptr_eq(&after.services.llm.handle(), &newest.services.llm.handle()), "{verdict}");
    assert_eq!(newest.services.rag.since(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_rebuilds_what_is_built_from_more_than_settings() {
    let world = World::start(Some(r#"{"pair": 1, "rag": 1}"#)).await;
    let same = world.engine.refresh().await.unwrap();
    assert_eq!((same.verdict, same.generation), (Unchanged, 1));
    world.probes.outside.store(5, Ordering::SeqCst);
    world.rename(r#"{"pair": "x"}"#);
    assert_eq!(
        world.engine.refresh().await.unwrap().verdict,
        Applied,
        "a bad file does not stand in the way"
    );
    let live = world.engine.live().load();
    assert_eq!((live.number, live.services.rag.since(), live.services.llm.since()), (2, 2, 1));
    assert_eq!(live.services.rag.inputs().value, 6);
    let restarted = world.restart().await;
    assert_eq!(restarted.pair(), 1, "the last known good is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn refreshes_that_wait_are_one() {
    let world = World::start(Some(r#"{"pair": 1}"#)).await;
    world.rename(r#"{"pair": 2, "fault": "wait"}"#);
    until(|| world.probes.prepared.load(Ordering::SeqCst) == 2).await;
    let (mut one, mut other) = (Box::pin(world.engine.refresh()), Box::pin(world.engine.refresh()));
    for refresh in [&mut one, &mut other] {
        // The loop is told.
        tokio::select! {
            biased;
            verdict = refresh => panic!("{verdict:?}"),
            () = std::future::ready(()) => {}
        }
    }
    world.probes.go_on.notify_one();
    // Prepared once for both, and it waits as the settings say.
    until(|| world.probes.prepared.load(Ordering::SeqCst) == 3).await;
    world.probes.go_on.notify_one();
    let answered = tokio::time::timeout(PATIENCE, async { (one.await.unwrap(), other.await.unwrap()) });
    let (one, other) = answered.await.expect("both are answered");
    assert_eq!((one.verdict, one.id), (Unchanged, other.id));
    assert_eq!(world.probes.prepared.load(Ordering::SeqCst), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_generations_are_dropped_when_the_last_unit_of_work_lets_go() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    let held = world.engine.live().load();
    for pair in 2..20 {
        world.expect(&format!(r#"{{"pair": {pair}}}"#), Applied).await;
    }
    until(|| world.probes.alive.load(Ordering::SeqCst) == 2).await;
    assert_eq!(world.engine.status().retiring, 1);
    assert_eq!(held.services.left.0, 1, "whoever holds it still has it whole");
    drop(held);
    until(|| world.probes.alive.load(Ordering::SeqCst) == 1 && world.engine.status().retiring == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_watch_a_reload_still_reads() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("settings.json"), r#"{"pair": 1}"#).unwrap();
    let mut blueprint = crate::support::blueprint(folder.path(), &Probes::default());
    blueprint.watch = false;
    let engine = changeover::Engine::start(blueprint).await.unwrap();
    fs::write(folder.path().join("settings.json"), r#"{"pair": 2}"#).unwrap();
    let status = engine.status();
    assert_eq!(
        (status.watch_enabled, status.watch_running, status.watch.mode.as_str()),
        (false, false, "off")
    );
    assert_eq!(engine.reload().await.unwrap().verdict, Applied);
    assert_eq!(engine.live().load().settings.pair, 2);
    engine.shutdown().await;
    assert!(engine.reload().await.is_err(), "a stopped engine says so");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_answers_while_it_waits_for_others_and_not_when_it_has_ended() {
    let world = World::start(Some(r#"{"pair": 1}"#)).await;
    let _never_follows = world.engine.follower("stuck", |generation| generation.number).unwrap();
    world.rename(r#"{"pair": 2, "deadlineMs": 1000}"#);
    until(|| world.pair() == 2).await;
    let answer = tokio::time::timeout(PATIENCE, world.engine.answers()).await;
    assert!(answer.unwrap().is_ok(), "while a follower is waited for");
    world.engine.shutdown().await;
    assert!(tokio::time::timeout(PATIENCE, world.engine.answers()).await.unwrap().is_err());
    let world = World::start(Some(r#"{"pair": 1}"#)).await;
    world.rename(r#"{"pair": 2, "fault": "hang"}"#);
    until(|| world.engine.status().activity == Activity::Preparing).await;
    let answer = tokio::time::timeout(PATIENCE, world.engine.answers()).await;
    assert!(answer.unwrap().is_ok(), "while a preparation hangs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_journal_is_told_and_goes_on() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    world.expect(r#"{"pair": 2}"#, Applied).await;
    world.engine.shutdown().await;
    let journal = world.folder.path().join("state/journal.jsonl");
    let whole = fs::read(&journal).unwrap();
    for cut in (0..whole.len()).step_by(7) {
        fs::write(&journal, &whole[..cut]).unwrap();
        let engine =
            changeover::Engine::start(crate::support::blueprint(world.folder.path(), &Probes::default()))
                .await
                .unwrap();
        let torn = cut > 0 && whole[cut - 1] != b'\n';
        assert_eq!(engine.status().history_problem.is_some(), torn, "cut at {cut}: a torn tail is told");
        let ids: Vec<u64> = engine.history(100).iter().map(|verdict| verdict.id).collect();
        assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "cut at {cut}: {ids:?}");
        assert_eq!(engine.live().load().settings.pair, 2);
        engine.shutdown().await;
    }
}
