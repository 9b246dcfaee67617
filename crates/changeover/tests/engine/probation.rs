//! What goes live and then turns out wrong is taken back; what works is kept.

use std::fs;
use std::sync::Arc;

use changeover::Decision::{Applied, Rejected, Unchanged};
use changeover::{Action, Cause, Identity, Outcome, Verdict};
use tokio::sync::broadcast;

use crate::support::{PATIENCE, World, until};

const GOOD: &str = r#"{"pair": 1, "llm": "good"}"#;
const BAD: &str = r#"{"pair": 2, "llm": "bad"}"#;

impl World {
    pub fn llm(&self) -> (String, Identity) {
        let live = self.engine.live().load();
        (live.services.llm.0.clone(), live.services.llm.identity())
    }

    /// Starts on what works, and has shown that it does.
    async fn start_good() -> Self {
        let world = Self::start(Some(GOOD)).await;
        world.engine.worked(world.llm().1);
        world
    }

    /// The live `llm` fails, and the one before it works.
    pub async fn fail(&mut self) -> Arc<Verdict> {
        let bad = self.llm().1;
        let older = self.engine.fallback(bad).expect("something to go back to");
        assert_ne!(older.services.llm.identity(), bad);
        self.engine.failed(bad, "401 where the one before it works");
        self.verdict().await
    }
}

async fn next(outcomes: &mut broadcast::Receiver<Arc<Verdict>>) -> (u64, Outcome) {
    let verdict = tokio::time::timeout(PATIENCE, outcomes.recv()).await.expect("an outcome").unwrap();
    (verdict.id, verdict.outcome.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_where_the_one_before_it_works_is_taken_back() {
    let mut world = World::start_good().await;
    let mut outcomes = world.engine.outcomes();
    let before = world.engine.live().load();
    let applied = world.expect(BAD, Applied).await;
    assert_eq!((applied.outcome, world.pair()), (None, 2));
    let reverted = world.fail().await;
    assert_eq!((reverted.verdict, reverted.cause.clone(), reverted.generation), (Applied, Cause::Revert, 3));
    let line = reverted.services.iter().find(|service| service.name == "llm").unwrap();
    assert_eq!(line.action, Action::Restored);
    assert_eq!(line.reason, "as in generation 1: 401 where the one before it works");
    assert_eq!(next(&mut outcomes).await, (applied.id, Outcome::Reverted));
    let after = world.engine.live().load();
    assert!(Arc::ptr_eq(&before.services, &after.services), "the older objects, under a new number");
    assert_eq!((after.number, after.settings.pair), (3, 1));
    assert_eq!(fs::read_to_string(&world.file).unwrap(), BAD, "the file is the user's");
    assert!(world.engine.status().drift);
    assert_eq!(world.engine.history(2)[1].outcome, Some(Outcome::Reverted));
    assert!(world.engine.fallback(world.llm().1).is_none(), "a revert is never reverted");
    world.expect(GOOD, Unchanged).await;
    assert!(!world.engine.status().drift);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_back_does_not_come_again_by_itself() {
    let mut world = World::start_good().await;
    world.expect(BAD, Applied).await;
    world.fail().await;
    let read_again = world.engine.reload().await.unwrap();
    assert_eq!(read_again.verdict, Rejected);
    assert!(read_again.problems[0].message.contains("401 where the one before it works"), "{read_again}");
    assert_eq!(world.verdict().await.id, read_again.id);
    // Whoever saves it again gets one more try.
    world.expect(BAD, Applied).await;
    world.fail().await;
    world.expect(BAD, Rejected).await;
    let mut world = world.restart().await;
    assert_eq!((world.llm().0.as_str(), world.engine.status().drift), ("good", true), "over restarts too");
    let newest = world.engine.history(2);
    assert_eq!((newest[0].verdict, newest[1].verdict), (Applied, Rejected));
    assert_eq!(newest[0].outcome, Some(Outcome::Kept), "what has shown that it works needs no new proof");
    world.expect(BAD, Rejected).await;
    assert_eq!(world.engine.try_again().await.unwrap().verdict, Applied);
    assert_eq!(world.verdict().await.cause, Cause::Try);
    world.engine.worked(world.llm().1);
    let world = world.restart().await;
    assert_eq!(
        (world.llm().0.as_str(), world.engine.status().drift),
        ("bad", false),
        "it has shown that it works"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_back_is_recognised_however_it_is_written() {
    let mut world = World::start_good().await;
    world.expect(BAD, Applied).await;
    world.fail().await;
    // A save of it is its second try, a comment more or not; a third has to be asked for.
    world.expect(&format!("// the same\n{BAD}"), Applied).await;
    world.fail().await;
    let bound = world.expect(r#"{ "llm": "bad", "pair": 2, "rag": 0 }"#, Rejected).await;
    assert!(bound.problems[0].message.contains("were taken back"), "{bound}");
    // What means something else is free, although the same `llm` stands in it.
    world.expect(r#"{"pair": 3, "llm": "bad"}"#, Applied).await;
    world.engine.worked(world.llm().1);
    let world = world.restart().await;
    assert_eq!(world.llm().0, "bad");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_back_is_free_when_another_file_gives_it_another_meaning() {
    let with_extra = r#"{"llm": "bad", "extra": "extra.txt"}"#;
    let mut world = World::start_good().await;
    let extra = world.folder.path().join("extra.txt");
    fs::write(&extra, "5").unwrap();
    world.expect(with_extra, Applied).await;
    world.fail().await;
    let world = world.restart().await;
    assert_eq!(world.llm().0, "good", "the same meaning is bound at a start");
    fs::write(&extra, "6").unwrap();
    let world = world.restart().await;
    assert_eq!((world.llm().0.as_str(), world.pair()), ("bad", 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_after_a_kill_in_the_middle_of_a_revert_knows_what_was_taken_back() {
    let mut world = World::start(Some(r#"{"pair": 1, "llm": "good", "deadlineMs": 3600000}"#)).await;
    world.engine.worked(world.llm().1);
    world.expect(BAD, Applied).await;
    let mut follower = world.engine.follower("slow", |generation| generation.settings.pair).unwrap();
    let bad = follower.next().await.unwrap();
    follower.followed(&bad, None);
    world.engine.failed(world.llm().1, "401");
    assert_eq!(follower.next().await.unwrap().number, 3, "it is switched, and the revert waits for this one");
    // What a kill at this moment leaves behind.
    let left = tempfile::tempdir().unwrap();
    fs::create_dir(left.path().join("state")).unwrap();
    for entry in fs::read_dir(world.folder.path().join("state")).unwrap().map(Result::unwrap) {
        if entry.path().is_file() {
            fs::copy(entry.path(), left.path().join("state").join(entry.file_name())).unwrap();
        }
    }
    fs::copy(&world.file, left.path().join("settings.json")).unwrap();
    let after = World::start_in(left).await;
    assert_eq!((after.llm().0.as_str(), after.engine.status().drift), ("good", true));
    drop(follower);
    assert_eq!(world.verdict().await.cause, Cause::Revert);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_worked_before_it_was_taken_back_does_not_let_it_out() {
    let mut world = World::start_good().await;
    world.expect(BAD, Applied).await;
    world.engine.worked(world.llm().1);
    // The key is revoked now.
    world.expect(&format!("{GOOD} // again"), Applied).await;
    world.fail().await;
    // The first trial ends with the engine, and well.
    let world = world.restart().await;
    assert_eq!(world.engine.history(9).last().unwrap().outcome, Some(Outcome::Kept));
    assert_eq!((world.llm().0.as_str(), world.engine.status().drift), ("bad", true));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_although_it_was_taken_back_has_to_show_anew_that_it_works() {
    let once_good = r#"{"pair": 1, "llm": "once good"}"#;
    let world = World::start(Some(once_good)).await;
    world.engine.worked(world.llm().1);
    let mut world = world.restart().await;
    let extra = world.folder.path().join("extra.txt");
    fs::write(&extra, "5").unwrap();
    world.expect(r#"{"llm": "good", "extra": "extra.txt"}"#, Applied).await;
    world.engine.worked(world.llm().1);
    world.expect(&format!("{once_good} // again"), Applied).await;
    world.fail().await;
    world.engine.shutdown().await;
    fs::write(&extra, "x").unwrap();
    fs::write(&world.file, once_good).unwrap();
    let world = world.restart().await;
    let start = world.engine.status().last_verdict.unwrap();
    assert_eq!((world.llm().0.as_str(), start.outcome), ("once good", None), "{start}");
    world.engine.worked(world.llm().1);
    let world = world.restart().await;
    let start = world.engine.status().last_verdict.unwrap();
    assert_eq!((start.outcome, start.warnings.len()), (Some(Outcome::Kept), 0), "it has shown that it works");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_used_is_kept_unproven_and_is_no_last_known_good() {
    let with = |llm: &str| format!(r#"{{"llm": "{llm}", "probationMs": 60}}"#);
    let mut world = World::start(Some(&with("first"))).await;
    world.engine.worked(world.llm().1);
    let mut outcomes = world.engine.outcomes();
    assert_eq!(next(&mut outcomes).await, (1, Outcome::Kept));
    let second = world.expect(&with("second"), Applied).await;
    assert_eq!(next(&mut outcomes).await, (second.id, Outcome::KeptUnproven));
    assert!(world.engine.fallback(world.llm().1).is_none(), "its time is over");
    world.engine.failed(world.llm().1, "too late");
    world.write("{ half");
    assert_eq!(world.verdict().await.verdict, Rejected);
    assert_eq!(world.llm().0, "second");
    let world = world.restart().await;
    assert_eq!(world.llm().0, "first", "the newest that has shown that it works");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_on_trial_is_kept_at_once() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    let applied = world.expect(r#"{"pair": 2}"#, Applied).await;
    assert_eq!(applied.outcome, Some(Outcome::Kept));
    // The trial of another service is nothing to a commit that comes after it and carries it.
    let on_trial = world.expect(r#"{"pair": 2, "llm": "new"}"#, Applied).await;
    assert_eq!(on_trial.outcome, None);
    let carrying = world.expect(r#"{"pair": 3, "llm": "new"}"#, Applied).await;
    assert_eq!(carrying.outcome, None, "it inherits what is unproven");
    let reverted = world.fail().await;
    assert_eq!((reverted.cause.clone(), world.pair(), world.llm().0.as_str()), (Cause::Revert, 2, ""));
    let outcomes: Vec<_> = world.engine.history(4).iter().rev().map(|verdict| verdict.outcome).collect();
    let (kept, reverted) = (Some(Outcome::Kept), Some(Outcome::Reverted));
    assert_eq!(outcomes, [kept, reverted, reverted, kept]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_while_a_candidate_is_prepared_takes_that_back_as_well() {
    let mut world = World::start_good().await;
    world.expect(BAD, Applied).await;
    let bad = world.llm().1;
    world.rename(r#"{"pair": 3, "llm": "bad", "prepareMs": 200}"#);
    until(|| world.engine.status().activity == changeover::Activity::Preparing).await;
    world.engine.failed(bad, "401");
    assert_eq!(world.verdict().await.cause, Cause::Save);
    assert_eq!(world.verdict().await.cause, Cause::Revert);
    assert_eq!((world.pair(), world.llm().0.as_str()), (1, "good"));
}

const ASKS_AND_IS_BAD: &str = r#"{"pair": 2, "llm": "bad", "fault": "ask the world"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_in_time_is_heard_behind_a_preparation_that_outlasts_the_trial() {
    let mut world = World::start(Some(r#"{"pair": 1, "llm": "good", "probationMs": 500}"#)).await;
    world.engine.worked(world.llm().1);
    world.expect(r#"{"pair": 2, "llm": "bad", "probationMs": 500, "deadlineMs": 1000}"#, Applied).await;
    let bad = world.llm().1;
    world.rename(r#"{"pair": 3, "llm": "bad", "fault": "hang"}"#);
    until(|| world.engine.status().activity == changeover::Activity::Preparing).await;
    world.engine.failed(bad, "401");
    assert_eq!(world.verdict().await.verdict, Rejected, "it took too long");
    assert_eq!(world.verdict().await.cause, Cause::Revert);
    assert_eq!(world.llm().0, "good");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_asked_for_in_time_may_come_late() {
    let mut world = World::start(Some(r#"{"pair": 1, "llm": "good", "probationMs": 300}"#)).await;
    world.engine.worked(world.llm().1);
    let mut outcomes = world.engine.outcomes();
    world.expect(r#"{"pair": 2, "llm": "bad", "probationMs": 300}"#, Applied).await;
    let bad = world.llm().1;
    assert!(world.engine.fallback(bad).is_some());
    // The trial of the start ends in its time; this one is prolonged.
    assert_eq!(next(&mut outcomes).await, (1, Outcome::Kept));
    world.engine.failed(bad, "404");
    assert_eq!(world.verdict().await.cause, Cause::Revert);
    assert_eq!(next(&mut outcomes).await, (2, Outcome::Reverted));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_try_does_not_bring_back_what_was_taken_back() {
    let mut world = World::start_good().await;
    world.expect(ASKS_AND_IS_BAD, Applied).await;
    world.expect(r#"{"pair": 3, "llm": "bad"}"#, Applied).await;
    *world.probes.refusal.lock().unwrap() = Some("the port is taken");
    world.expect(ASKS_AND_IS_BAD, Rejected).await;
    assert!(world.engine.status().waiting.is_some());
    world.fail().await;
    assert_eq!(world.engine.status().waiting, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_try_that_a_revert_has_made_needless_ends() {
    let asks = r#"{"pair": 1, "llm": "good", "fault": "ask the world"}"#;
    let mut world = World::start(Some(asks)).await;
    world.engine.worked(world.llm().1);
    world.expect(BAD, Applied).await;
    *world.probes.refusal.lock().unwrap() = Some("the port is taken");
    world.expect(asks, Rejected).await;
    world.fail().await;
    let needless = world.verdict().await;
    assert_eq!((needless.verdict, needless.cause.clone()), (Unchanged, Cause::Retry));
    let status = world.engine.status();
    assert_eq!((status.waiting, status.drift), (None, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_revert_is_one_try_however_often_its_content_was_prepared() {
    let mut world = World::start_good().await;
    world.expect(BAD, Applied).await;
    world.probes.outside.store(1, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(world.engine.refresh().await.unwrap().verdict, Applied);
    world.verdict().await;
    world.fail().await;
    world.expect(BAD, Applied).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_revert_went_back_to_is_there_at_the_next_start() {
    for (first, same) in [(None, r#"{"pair": 0}"#), (Some(r#"{"pair": 0}"#), r#"{"pair": 0 }"#)] {
        let mut world = World::start(first).await;
        world.expect(same, Unchanged).await;
        world.expect(BAD, Applied).await;
        world.fail().await;
        let world = world.restart().await;
        let status = world.engine.status();
        assert_eq!((status.safe_mode, status.drift, world.pair()), (false, true, 0), "{first:?}");
    }
    let mut world = World::start(None).await;
    world.expect(BAD, Applied).await;
    world.fail().await;
    let world = world.restart().await;
    assert_eq!(
        (world.engine.status().safe_mode, world.pair()),
        (false, 0),
        "without a file it was the defaults"
    );
}
