//! What the status says of the history: what was found damaged, and whether it can be written now.

use std::fs;

use changeover::Decision::{Applied, Unchanged};
use changeover::read_history;

use crate::support::{World, apart, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_start_forgets_what_is_too_old_and_the_secrets_of_it() {
    let with = |key: &str| format!(r#"{{"pair": 1, "llm": "{key}"}}"#);
    let mut world = World::start(Some(&with("sk-rotated-out"))).await;
    world.expect(&with("sk-today"), Applied).await;
    world.engine.worked(world.llm().1);
    world.engine.shutdown().await;
    let state = world.folder.path().join("state");
    let secrets = || fs::read_to_string(state.join("secrets.json")).unwrap();
    assert!(secrets().contains("sk-rotated-out") && secrets().contains("sk-today"));
    // Years pass, and nobody saves.
    let journal = fs::read_to_string(state.join("journal.jsonl")).unwrap();
    let year = format!(r#""at":"{}"#, jiff::Timestamp::now().strftime("%Y"));
    assert_eq!(journal.matches(&year).count(), 5, "two intents, two verdicts, an outcome: {journal}");
    fs::write(state.join("journal.jsonl"), journal.replace(&year, r#""at":"2001"#)).unwrap();
    let world = World::start_in(world.folder).await;
    let ids: Vec<u64> = world.engine.history(9).iter().map(|verdict| verdict.id).collect();
    assert_eq!((ids, world.llm().0.as_str()), (vec![3, 2], "sk-today"), "2 is the last known good");
    let state = world.folder.path().join("state");
    let secrets = fs::read_to_string(state.join("secrets.json")).unwrap();
    assert!(!secrets.contains("sk-rotated-out") && secrets.contains("sk-today"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_until_it_is_emptied_and_a_damage_until_the_end() {
    if !apart("history::a_full_disk_is_told_until_it_is_emptied_and_a_damage_until_the_end", &["--mount"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    run(
        "mount",
        &["-t", "tmpfs", "-o", "size=64k", "none"]
            .map(std::path::Path::new)
            .into_iter()
            .chain([state.as_path()])
            .collect::<Vec<_>>(),
    );
    fs::write(state.join("journal.jsonl"), r#"{"verdict": {"torn"#).unwrap();
    fs::write(folder.path().join("settings.json"), r#"{"pair": 1}"#).unwrap();
    let mut world = World::start_in(folder).await;
    let problem = |world: &World| world.engine.status().history_problem;
    let damage = problem(&world);
    assert!(damage.as_ref().is_some_and(|damage| damage.contains("in the middle of a line")), "{damage:?}");
    world.expect(r#"{"pair": 2}"#, Applied).await;
    assert_eq!(problem(&world), damage, "nothing has mended it");

    let filler = state.join("filler");
    fs::write(&filler, vec![0; 1 << 20]).unwrap_err();
    // The last page of the journal has room for a few more.
    for _ in 0..100 {
        assert_eq!(world.engine.reload().await.unwrap().verdict, Unchanged);
        if problem(&world) != damage {
            break;
        }
    }
    let full = problem(&world).unwrap();
    assert!(full.contains("appending to the journal"), "{full}");
    fs::remove_file(filler).unwrap();
    let last = world.engine.reload().await.unwrap();
    assert_eq!((last.verdict, problem(&world)), (Unchanged, damage));
    world.engine.shutdown().await;
    let written: Vec<u64> = read_history(&state).unwrap().iter().map(|verdict| verdict.id).collect();
    assert_eq!(written, (1..=last.id).collect::<Vec<_>>(), "what could not be written was written later");
}
