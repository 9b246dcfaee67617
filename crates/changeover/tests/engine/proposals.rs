//! Changes that are asked for instead of saved: all of it or nothing, the file included.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use changeover::Decision::{Applied, Rejected, Superseded, Unchanged};
use changeover::edit::{Change, edit};
use changeover::{ABSENT, Activity, Cause, Engine, NotProposed, Proposal, Verdict};
use serde_json::json;

use crate::support::{Probes, World, blueprint, until};

const SEEN: &str = "{\n  // one and one\n  \"pair\": 1,\n}\n";

fn proposal(content: impl Into<Vec<u8>>) -> Proposal {
    let actor = Some("a test".to_owned());
    Proposal {
        file: None,
        content: content.into(),
        cause: Cause::Edit,
        actor,
        if_match: None,
        allow_empty: false,
    }
}

/// The verdicts that are there, once a save made after them has had its own.
async fn verdicts_until_a_save(world: &mut World) -> Vec<Arc<Verdict>> {
    let marker = r#"{"pair": 99}"#;
    world.rename(marker);
    let mut verdicts = Vec::new();
    loop {
        let verdict = world.verdict().await;
        if verdict.cause == Cause::Save && world.pair() == 99 {
            return verdicts;
        }
        verdicts.push(verdict);
    }
}

fn names(world: &World) -> Vec<String> {
    let entries = fs::read_dir(world.folder.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_live_and_in_the_file_with_one_verdict() {
    let mut world = World::start(Some(SEEN)).await;
    let change = Change { path: "pair".to_owned(), value: Some(json!(2)) };
    let content = edit(SEEN.as_bytes(), &[change]).unwrap();
    let seen = world.engine.status().content;
    let wanted = Proposal { if_match: seen, ..proposal(content) };
    let verdict = world.engine.propose(wanted).await.unwrap();
    assert_eq!((verdict.verdict, verdict.cause.clone(), world.pair()), (Applied, Cause::Edit, 2));
    assert_eq!(verdict.actor.as_deref(), Some("a test"));
    assert_eq!(fs::read_to_string(&world.file).unwrap(), "{\n  // one and one\n  \"pair\": 2,\n}\n");
    assert_eq!(names(&world), ["settings.json", "state"]);
    let status = world.engine.status();
    assert_eq!((status.drift, status.content.clone()), (false, status.accepted));
    let others = verdicts_until_a_save(&mut world).await;
    let ids: Vec<u64> = others.iter().map(|other| other.id).collect();
    assert_eq!(ids, [verdict.id], "our own rename is no save");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_leaves_the_file_as_it_was() {
    let mut world = World::start(Some(SEEN)).await;
    let refused = [
        r#"{"pair": "two"}"#,
        r#"{"pair": 2, "fault": "refuse"}"#,
        r#"{"pair": 2, "fault": "panic"}"#,
        r#"{"pair": 2, "fault": "hang", "deadlineMs": 5}"#,
        "{}",
        "{",
    ];
    // The deadline of the live settings holds.
    world.expect(r#"{"pair": 1, "deadlineMs": 200}"#, Applied).await;
    let before = fs::read(&world.file).unwrap();
    for content in refused {
        let verdict = world.engine.propose(proposal(content)).await.unwrap();
        assert_eq!((verdict.verdict, world.pair()), (Rejected, 1), "{content}: {verdict}");
        assert_eq!(fs::read(&world.file).unwrap(), before, "{content}");
        assert_eq!(names(&world), ["settings.json", "state"], "{content}");
        assert_eq!(world.engine.status().waiting, None, "whoever asked knows: {content}");
    }
    assert!(!world.engine.status().drift);
    let verdict = world.engine.propose(Proposal { allow_empty: true, ..proposal("{}") }).await.unwrap();
    assert_eq!((verdict.verdict, world.pair()), (Applied, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_saved_meanwhile_wins() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    let seen = world.engine.status().content;
    world.expect(r#"{"pair": 2}"#, Applied).await;
    let late = Proposal { if_match: seen, ..proposal(r#"{"pair": 3}"#) };
    match world.engine.propose(late).await.unwrap_err() {
        NotProposed::Conflict { present } => assert_eq!(present, world.engine.status().content),
        NotProposed::Stopped(stopped) => panic!("{stopped}"),
    }
    // A save while the proposal is prepared.
    let engine = world.engine.clone();
    let slow =
        tokio::spawn(async move { engine.propose(proposal(r#"{"pair": 3, "prepareMs": 300}"#)).await });
    until(|| world.engine.status().activity == changeover::Activity::Preparing).await;
    world.rename(r#"{"pair": 4}"#);
    let verdict = slow.await.unwrap().unwrap();
    assert!(matches!(verdict.verdict, Rejected | Superseded), "{verdict}");
    until(|| world.pair() == 4).await;
    assert_eq!(fs::read_to_string(&world.file).unwrap(), r#"{"pair": 4}"#);
    assert_eq!(names(&world), ["settings.json", "state"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_the_same_is_written_and_unchanged() {
    let world = World::start(Some(SEEN)).await;
    let verdict = world.engine.propose(proposal(r#"{"pair": 1}"#)).await.unwrap();
    assert_eq!((verdict.verdict, verdict.generation), (Unchanged, 1));
    assert_eq!(fs::read_to_string(&world.file).unwrap(), r#"{"pair": 1}"#, "other words are wanted too");
    let before = fs::metadata(&world.file).unwrap().modified().unwrap();
    let verdict = world.engine.propose(proposal(r#"{"pair": 1}"#)).await.unwrap();
    assert_eq!(verdict.verdict, Unchanged);
    assert_eq!(fs::metadata(&world.file).unwrap().modified().unwrap(), before, "nothing was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_file_is_mended_by_a_proposal_and_a_missing_one_is_made() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    world.expect("{", Rejected).await;
    assert!(world.engine.status().drift);
    let verdict = world.engine.propose(proposal(r#"{"pair": 1}"#)).await.unwrap();
    assert_eq!(verdict.verdict, Unchanged);
    assert!(!world.engine.status().drift);
    fs::remove_file(&world.file).unwrap();
    assert_eq!(world.verdict().await.verdict, Unchanged);
    assert_eq!(world.verdict().await.verdict, Rejected, "missing for a second");
    let verdict = world.engine.propose(proposal(r#"{"pair": 2}"#)).await.unwrap();
    assert_eq!((verdict.verdict, world.pair()), (Applied, 2));
    assert_eq!(fs::read_to_string(&world.file).unwrap(), r#"{"pair": 2}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_seen_no_file_replaces_none() {
    let world = World::start(None).await;
    let absent = |content: &str| Proposal { if_match: Some(ABSENT.to_owned()), ..proposal(content) };
    let verdict = world.engine.propose(absent(r#"{"pair": 1}"#)).await.unwrap();
    assert_eq!((verdict.verdict, world.pair()), (Applied, 1));
    let conflict = world.engine.propose(absent(r#"{"pair": 2}"#)).await.unwrap_err();
    assert!(matches!(conflict, NotProposed::Conflict { present: Some(_) }), "{conflict}");
    assert_eq!(fs::read_to_string(&world.file).unwrap(), r#"{"pair": 1}"#);
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Asked {
    Propose,
    Reload,
    TryAgain,
    Refresh,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Check,
    Prepare,
    Followers,
}

impl Asked {
    /// Asks for it, in a task that the test can end.
    fn of(self, world: &World, content: &str) -> tokio::task::JoinHandle<()> {
        let (engine, proposal) = (world.engine.clone(), proposal(content));
        tokio::spawn(async move {
            match self {
                Self::Propose => drop(engine.propose(proposal).await),
                Self::Reload => drop(engine.reload().await),
                Self::TryAgain => drop(engine.try_again().await),
                Self::Refresh => drop(engine.refresh().await),
            }
        })
    }
}

/// Whoever asked is gone when what was asked for has come to this stage.
async fn gone_at(stage: Stage, asked: Asked) {
    let at = format!("{asked:?} gone at {stage:?}");
    let fault = if stage == Stage::Prepare { "wait" } else { "" };
    let content = format!(r#"{{"pair": 2, "gate": {}, "fault": "{fault}"}}"#, stage == Stage::Check);
    let (folder, probes) = (tempfile::tempdir().unwrap(), Probes::default());
    fs::write(folder.path().join("settings.json"), r#"{"pair": 1}"#).unwrap();
    let is_read_when_asked = matches!(asked, Asked::Reload | Asked::TryAgain);
    let blueprint = changeover::Blueprint { watch: !is_read_when_asked, ..blueprint(folder.path(), &probes) };
    let engine = Engine::start(blueprint).await.unwrap();
    let (verdicts, file) = (engine.verdicts(), folder.path().join("settings.json"));
    let mut world = World { engine, file, folder, verdicts, probes };
    match asked {
        Asked::Propose => {}
        Asked::Reload | Asked::TryAgain => world.rename(&content),
        Asked::Refresh => {
            world.probes.go_on.notify_one();
            world.expect(&content, Applied).await;
            world.probes.outside.store(1, Ordering::SeqCst);
        }
    }
    let before = world.engine.live().load();
    let mut follower = world.engine.follower("slow", |generation| generation.number).unwrap();
    let known = follower.next().await.unwrap();
    follower.followed(&known, None);
    let (probes, prepared) = (world.probes.clone(), world.probes.prepared.load(Ordering::SeqCst));
    let gate = probes.gate.lock().await;
    let call = asked.of(&world, &content);
    match stage {
        Stage::Check => until(|| world.probes.at_the_gate.load(Ordering::SeqCst) == 1).await,
        Stage::Prepare => until(|| world.probes.prepared.load(Ordering::SeqCst) > prepared).await,
        Stage::Followers => assert_eq!(follower.next().await.unwrap().number, before.number + 1, "{at}"),
    }
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled(), "{at}");
    drop((gate, follower));
    world.probes.go_on.notify_one();
    let verdict = world.verdict().await;
    assert_eq!((verdict.verdict, verdict.generation), (Applied, before.number + 1), "{at}: {verdict}");
    let (live, status) = (world.engine.live().load(), world.engine.status());
    assert_eq!((live.settings.pair, live.services.left.0, live.services.right.0), (2, 2, 2), "{at}");
    assert_ne!(
        live.services.rag.identity() == before.services.rag.identity(),
        asked == Asked::Refresh,
        "{at}"
    );
    assert_eq!(fs::read_to_string(&world.file).unwrap(), content, "{at}");
    assert_eq!((status.drift, status.activity, status.waiting), (false, Activity::Idle, None), "{at}");
    assert_eq!(names(&world), ["settings.json", "state"], "{at}");
    assert_eq!(fs::read_dir(world.folder.path().join("state/candidates")).unwrap().count(), 0, "{at}");
    world.rename(r#"{"pair": 3}"#);
    if is_read_when_asked {
        world.engine.reload().await.unwrap();
    }
    let next = world.verdict().await;
    assert_eq!((next.verdict, world.pair()), (Applied, 3), "{at}: {next}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_ends_whole_although_whoever_asked_is_gone() {
    for asked in [Asked::Propose, Asked::Reload, Asked::TryAgain, Asked::Refresh] {
        for stage in [Stage::Check, Stage::Prepare, Stage::Followers] {
            // A refresh checks nothing.
            if (asked, stage) != (Asked::Refresh, Stage::Check) {
                gone_at(stage, asked).await;
            }
        }
    }
}
