//! The process ends in the middle, at any step: the next one goes on, and nothing is there twice.

use super::*;
use crate::pdf::folder::Stamp;
use crate::pdf::ledger::Ledger;
use crate::pdf::outcome::{Blame, Finding};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_in_hand_is_given_back_and_done_after_the_restart() {
    let world = World::new();
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let stuck = move |bytes: Vec<u8>| {
        assert!(gate.lock().unwrap().recv().is_err());
        read_title(&bytes)
    };
    let bytes = pdf("A", "");
    let file = world.drop("pdfs/a.pdf", &bytes);
    let mut run = world.start_with(Arc::new(stuck)).await;
    run.monitor.follow(&world.inputs()).await.unwrap();
    run.until_file(&file, Status::Reading).await;
    run.end().await;
    drop(release);
    let mut run = world.start().await;
    run.until_file(&file, Status::Indexed).await;
    assert_eq!(world.notes("notes"), ["A.md"]);
    run.end().await;
}

/// After which step the process was killed.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Killed {
    Queued,
    Taken,
    Claimed,
    Stored,
    NoteWritten,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_leaves_nothing_twice() {
    for killed in [Killed::Queued, Killed::Taken, Killed::Claimed, Killed::Stored, Killed::NoteWritten] {
        let world = World::new();
        let bytes = pdf("A", "");
        let file = world.drop("pdfs/a.pdf", &bytes);
        let content = blake3::hash(&bytes).to_hex().to_string();
        let paper = read_title(&bytes).unwrap();
        let ledger = Ledger::new(Arc::clone(&world.database), world.vault.path().to_owned());
        ledger.queue(&file, Stamp::of(&std::fs::metadata(&file).unwrap())).unwrap();
        if killed >= Killed::Taken {
            let taken = ledger.take().unwrap().unwrap();
            if killed >= Killed::Claimed {
                let row = ledger.claim(&taken, &content, |_| Ok(())).unwrap().unwrap();
                if killed >= Killed::Stored {
                    world.index.put(&content, &paper).unwrap();
                }
                if killed >= Killed::NoteWritten {
                    let notes = world.at("notes");
                    let order = crate::notes::write::Order {
                        vault: world.vault.path(),
                        folder: &notes,
                        last: None,
                        id: &row.id,
                        former_id: None,
                        pdf: &file,
                        paper: &paper,
                        manner: crate::notes::works::Manner {
                            citations: &crate::citations::sample("IEEE", "uri"),
                            shelf: &crate::notes::shelf::Shelf::default(),
                        },
                        template: None,
                        create: true,
                    };
                    crate::notes::write::write(&order).unwrap();
                    std::fs::rename(notes.join("A.md"), notes.join("Renamed meanwhile.md")).unwrap();
                }
            }
        }
        let mut run = world.follow().await;
        let rows = run.until_at_rest(1).await;
        assert_eq!(rows[0].status, Status::Indexed, "{killed:?}");
        assert_eq!(world.notes("notes").len(), 1, "{killed:?}");
        assert_eq!(world.reads_of(&bytes), usize::from(killed < Killed::Stored), "{killed:?}");
        run.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_while_thoth_was_away_is_noticed() {
    let world = World::new();
    let mut run = world.follow().await;
    let kept = world.drop("pdfs/kept.pdf", &pdf("Kept", ""));
    let gone = world.drop("pdfs/gone.pdf", &pdf("Gone", ""));
    let changed = world.drop("pdfs/changed.pdf", &pdf("Changed", "v1"));
    run.until_at_rest(3).await;
    let before = run.row(&kept).unwrap();
    run.end().await;
    std::fs::remove_file(&gone).unwrap();
    world.drop("pdfs/changed.pdf", &pdf("Changed", "v2, longer"));
    let new = world.drop("pdfs/new.pdf", &pdf("New", ""));
    let mut run = world.follow().await;
    run.until_file(&new, Status::Indexed).await;
    run.until("one is missing", |rows| rows.iter().any(|row| row.missing_since.is_some())).await;
    let v2 = pdf("Changed", "v2, longer");
    run.until("the change is read", |_| world.reads_of(&v2) == 1).await;
    run.until_file(&changed, Status::Indexed).await;
    assert_eq!(run.row(&kept).unwrap(), before);
    assert_eq!(world.notes("notes"), ["Changed.md", "Gone.md", "Kept.md", "New.md"]);
    run.end().await;
}

#[test]
fn a_worker_that_was_overtaken_cannot_write() {
    let world = World::new();
    let ledger = Ledger::new(Arc::clone(&world.database), world.vault.path().to_owned());
    let file = world.at("pdfs/a.pdf");
    let stamp = |bytes| Stamp { bytes, ..Stamp::default() };
    ledger.queue(&file, stamp(1)).unwrap();
    assert_eq!(ledger.queue(&file, stamp(1)).unwrap(), None, "it waits already");
    let slow = ledger.take().unwrap().unwrap();
    ledger.queue(&file, stamp(2)).unwrap().unwrap();
    let fast = ledger.take().unwrap().unwrap();
    assert_eq!(ledger.claim(&slow, "old", |_| Ok(())).unwrap(), None);
    let fast = ledger.claim(&fast, "new", |_| Ok(())).unwrap().unwrap();
    let finding =
        Finding { metadata: &Metadata::default(), page_count: 1, note: None, note_id: None, remark: None };
    assert_eq!(ledger.indexed(&slow, &finding).unwrap(), None);
    assert_eq!(ledger.failed(&slow, "x", Blame::File).unwrap(), None);
    let row = ledger.indexed(&fast, &finding).unwrap().unwrap();
    assert_eq!((row.status, row.content.as_deref()), (Status::Indexed, Some("new")));
}

/// Makes of every stored document one that the first version of the reader gave.
fn age(world: &World) {
    world.database.write(|transaction| transaction.execute("DELETE FROM readings", [])).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_version_read_is_read_once_more() {
    let world = World::new();
    let (a, b) = (pdf("A", ""), pdf("B", ""));
    let (file, _) = (world.drop("pdfs/a.pdf", &a), world.drop("pdfs/b.pdf", &b));
    let mut run = world.follow().await;
    run.until_at_rest(2).await;
    run.end().await;
    let own = std::fs::read_to_string(world.at("notes/A.md")).unwrap() + "\nMine.\n";
    std::fs::write(world.at("notes/A.md"), &own).unwrap();
    std::fs::remove_file(world.at("notes/B.md")).unwrap();
    age(&world);
    assert_eq!(world.index.outdated().unwrap().len(), 2);
    for _ in 0..2 {
        let mut run = world.follow().await;
        run.until("both are read again", |_| (world.reads_of(&a), world.reads_of(&b)) == (2, 2)).await;
        run.until_at_rest(2).await;
        assert_eq!(run.row(&file).unwrap().status, Status::Indexed);
        run.end().await;
        assert!(world.index.outdated().unwrap().is_empty());
    }
    assert_eq!(world.notes("notes"), ["A.md"], "a note that was deleted stays away");
    assert_eq!(std::fs::read_to_string(world.at("notes/A.md")).unwrap(), own);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_version_could_read_stays_where_this_one_cannot() {
    let world = World::new();
    let file = world.drop("pdfs/a.pdf", &pdf("A", ""));
    let mut run = world.follow().await;
    let before = run.until_file(&file, Status::Indexed).await;
    run.end().await;
    age(&world);
    let mut run = world.start_with(Arc::new(|_| Err(Unreadable::NoText))).await;
    run.monitor.follow(&world.inputs()).await.unwrap();
    run.until_at_rest(1).await;
    let after = run.row(&file).unwrap();
    assert_eq!((after.status, after.title), (Status::Indexed, before.title));
    assert!(world.index.paper(before.content.as_deref().unwrap()).unwrap().is_some());
    run.end().await;
}
