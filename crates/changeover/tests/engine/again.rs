//! What the world refused is tried again, while the file still says so.

use std::sync::atomic::Ordering;

use changeover::Cause;
use changeover::Decision::{Applied, Rejected};

use crate::support::{World, until};

const ASKS: &str = r#"{"pair": 2, "fault": "ask the world"}"#;

impl World {
    fn world_says(&self, refusal: Option<&'static str>) {
        *self.probes.refusal.lock().unwrap() = refusal;
    }

    fn attempts(&self) -> Option<u32> {
        self.engine.status().waiting.map(|waiting| waiting.attempts)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_live_by_itself_when_the_world_lets_it() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    world.world_says(Some("the port is taken"));
    let refused = world.expect(ASKS, Rejected).await;
    assert_eq!((refused.cause.clone(), world.pair()), (Cause::Save, 1));
    let waiting = world.engine.status().waiting.unwrap();
    assert_eq!((waiting.attempts, waiting.content), (1, refused.content.clone()));
    assert_eq!(waiting.problems[0].message, "the port is taken");
    until(|| world.attempts() == Some(2)).await;
    assert!(world.verdicts.try_recv().is_err(), "the same answer of the world is no news");
    world.world_says(Some("the port is forbidden"));
    let other = world.verdict().await;
    assert_eq!((other.verdict, other.cause.clone()), (Rejected, Cause::Retry));
    assert_eq!(other.problems[0].message, "the port is forbidden");
    // A refresh of what is live has nothing to do with it.
    world.probes.outside.store(1, Ordering::SeqCst);
    assert_eq!(world.engine.refresh().await.unwrap().verdict, Applied);
    assert_eq!(world.verdict().await.cause, Cause::Refresh);
    assert!(world.attempts() >= Some(3));
    world.world_says(None);
    let applied = world.verdict().await;
    assert_eq!((applied.verdict, applied.cause.clone(), world.pair()), (Applied, Cause::Retry, 2));
    let status = world.engine.status();
    assert_eq!((status.waiting, status.drift), (None, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn any_newer_content_ends_it() {
    for (newer, decision, pair) in [
        (r#"{"pair": "half"}"#, Rejected, 1),
        (r#"{"pair": 3}"#, Applied, 3),
        (r#"{"pair": 3, "fault": "panic"}"#, Rejected, 1),
    ] {
        let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
        world.world_says(Some("the port is taken"));
        world.expect(ASKS, Rejected).await;
        assert_eq!(world.attempts(), Some(1));
        world.expect(newer, decision).await;
        assert_eq!((world.attempts(), world.pair()), (None, pair), "{newer}: a defect is not tried again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_content_saved_again_is_tried_at_once() {
    let mut world = World::start(Some(r#"{"pair": 1}"#)).await;
    world.world_says(Some("the port is taken"));
    world.expect(ASKS, Rejected).await;
    until(|| world.attempts() == Some(2)).await;
    let again = world.expect(ASKS, Rejected).await;
    assert_eq!((again.cause.clone(), world.attempts()), (Cause::Save, Some(1)));
    world.world_says(None);
    assert_eq!(world.engine.reload().await.unwrap().verdict, Applied);
    assert_eq!((world.attempts(), world.pair()), (None, 2));
}
