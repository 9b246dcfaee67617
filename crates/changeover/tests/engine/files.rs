//! A content of several files: what the check reads beside the settings file is watched and judged with it.

use std::fs;
use std::path::Path;

use changeover::Decision::{Applied, Rejected, Unchanged};
use changeover::{Cause, Content, Files, Proposal};

use crate::support::{World, until};

/// What stands in `extra` of the settings: the number in the file of that name beside them.
pub fn extra(files: &Files<'_>, folder: &Path, name: &str) -> Result<i64, String> {
    match files.read(&folder.join(name)) {
        Content::Missing => Ok(0),
        Content::Unreadable(why) => Err(why),
        Content::Bytes(bytes) => {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            text.trim().parse().map_err(|_| format!("`{}` is not a whole number", text.trim()))
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_another_file_is_a_save() {
    let mut world = World::start(Some(r#"{"pair": 1, "extra": "more/extra"}"#)).await;
    let more = world.folder.path().join("more");
    let extra = more.join("extra");
    assert_eq!(world.pair(), 1, "an absent file is fine");
    let known = |world: &World| {
        let others = world.engine.status().others;
        others.into_iter().find(|other| other.file == extra).map(|other| other.present)
    };
    assert_eq!(known(&world), Some(false));
    fs::create_dir(&more).unwrap();
    fs::write(&extra, "10").unwrap();
    let verdict = world.verdict().await;
    assert_eq!((verdict.verdict, verdict.cause.clone(), world.pair()), (Applied, Cause::Save, 11));
    assert_eq!(known(&world), Some(true));
    // By rename, as editors do.
    fs::write(more.join("aside"), "20").unwrap();
    fs::rename(more.join("aside"), &extra).unwrap();
    assert_eq!((world.verdict().await.verdict, world.pair()), (Applied, 21));
    fs::write(&extra, "x").unwrap();
    let refused = world.verdict().await;
    assert_eq!((refused.verdict, world.pair()), (Rejected, 21));
    assert!(refused.problems[0].message.contains("`x` is not a whole number"), "{refused}");
    assert!(world.engine.status().drift);
    fs::write(&extra, "20").unwrap();
    assert_eq!(world.verdict().await.verdict, Unchanged);
    assert!(!world.engine.status().drift);
    fs::remove_file(&extra).unwrap();
    assert_eq!((world.verdict().await.verdict, world.pair()), (Applied, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_that_is_saved_again_as_it_was_is_a_save_that_an_event_told() {
    let mut world = World::start(Some(r#"{"pair": 1, "extra": "extra", "pollMs": 3600000}"#)).await;
    let (extra, aside) = (world.folder.path().join("extra"), world.folder.path().join("aside"));
    until(|| world.engine.status().watch.polls_seen == 1).await;
    for decision in [Applied, Unchanged, Unchanged] {
        fs::write(&aside, "10").unwrap();
        fs::rename(&aside, &extra).unwrap();
        assert_eq!((world.verdict().await.verdict, world.pair()), (decision, 11));
    }
    let watch = world.engine.status().watch;
    assert_eq!((watch.seen_by_event, watch.seen_by_poll), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_read_is_no_longer_watched() {
    let mut world = World::start(Some(r#"{"pair": 1, "extra": "extra"}"#)).await;
    let extra = world.folder.path().join("extra");
    fs::write(&extra, "10").unwrap();
    assert_eq!((world.verdict().await.verdict, world.pair()), (Applied, 11));
    world.expect(r#"{"pair": 2}"#, Applied).await;
    fs::write(&extra, "x").unwrap();
    // The next verdict is the next save's.
    let verdict = world.expect(r#"{"pair": 3}"#, Applied).await;
    assert_eq!((verdict.id, world.pair()), (4, 3));
    let verdict = world.expect(r#"{"pair": 3, "extra": "extra"}"#, Rejected).await;
    assert_eq!(verdict.id, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_is_proposed_as_a_whole() {
    let mut world = World::start(Some(r#"{"pair": 1, "extra": "extra"}"#)).await;
    let extra = world.folder.path().join("extra");
    let proposal = |content: &str| Proposal {
        file: Some(extra.clone()),
        content: content.as_bytes().to_vec(),
        cause: Cause::Expiry,
        actor: None,
        if_match: None,
        allow_empty: false,
    };
    let applied = world.engine.propose(proposal("5")).await.unwrap();
    assert_eq!((applied.verdict, applied.cause.clone(), world.pair()), (Applied, Cause::Expiry, 6));
    assert_eq!(fs::read_to_string(&extra).unwrap(), "5");
    let refused = world.engine.propose(proposal("five")).await.unwrap();
    assert_eq!((refused.verdict, world.pair()), (Rejected, 6));
    assert_eq!(fs::read_to_string(&extra).unwrap(), "5");
    let told = [world.verdict().await.id, world.verdict().await.id];
    assert_eq!(told, [applied.id, refused.id]);
    let verdict = world.expect(r#"{"pair": 2, "extra": "extra"}"#, Applied).await;
    assert_eq!((verdict.id, world.pair()), (4, 7), "our own renames are no saves");
    assert!(!world.engine.status().drift);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_takes_all_files_together() {
    let world = World::start(Some(r#"{"pair": 1, "extra": "extra"}"#)).await;
    let extra = world.folder.path().join("extra");
    world.engine.shutdown().await;
    fs::write(&extra, "30").unwrap();
    let mut world = world.restart().await;
    assert_eq!(world.pair(), 31);
    fs::write(&extra, "40").unwrap();
    assert_eq!((world.verdict().await.verdict, world.pair()), (Applied, 41));
}
