//! The folder changes while PDFs stream in.

use std::collections::HashSet;
use std::fs;

use super::*;
use crate::pdf::folder::{Scope, Stamp};
use crate::pdf::lookout::Lookout;
use crate::pdf::shared::Shared;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_pdf_is_taken_once_while_the_folder_moves_to_and_fro() {
    let world = World::new();
    let mut run = world.follow().await;
    let mut dropped = 0;
    let mut drop_some = |folder: &str, count: usize| {
        for _ in 0..count {
            world.drop(&format!("{folder}/{dropped}.pdf"), &pdf(&format!("Paper {dropped}"), ""));
            dropped += 1;
        }
    };
    for folder in ["second", "third/deep", "pdfs"] {
        let before =
            world.inputs().pdf.strip_prefix(world.vault.path()).unwrap().to_str().unwrap().to_owned();
        drop_some(folder, 4);
        drop_some(&before, 4);
        world.inputs.lock().unwrap().pdf = world.at(folder);
        let inputs = world.inputs();
        // These arrive while the switch is under way: the monitor has not answered yet.
        let follow = run.monitor.follow(&inputs);
        tokio::pin!(follow);
        let mut polled = 0;
        loop {
            let answer = futures_util::poll!(&mut follow);
            if let std::task::Poll::Ready(answer) = answer {
                answer.unwrap();
                break;
            }
            if polled < 6 {
                drop_some(folder, 1);
            }
            polled += 1;
            tokio::task::yield_now().await;
        }
        drop_some(folder, 4);
    }
    let rows = run.until_at_rest(dropped).await;
    assert!(rows.iter().all(|row| row.status == Status::Indexed), "{rows:#?}");
    assert_eq!(world.notes("notes").len(), dropped);
    assert!(world.reads.lock().unwrap().values().all(|reads| *reads == 1));
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_1_a_pdf_that_is_being_read_is_noted_where_it_began() {
    let world = World::new();
    let (begun, mut began) = tokio::sync::mpsc::unbounded_channel();
    let (gate, closed) = std::sync::mpsc::channel::<()>();
    let closed = Mutex::new(closed);
    let gated = move |bytes: Vec<u8>| {
        begun.send(()).unwrap();
        // An error: the gate was dropped, and stands open.
        closed.lock().unwrap().recv().unwrap_err();
        read_title(&bytes)
    };
    let mut run = world.start_with(Arc::new(gated)).await;
    run.monitor.follow(&world.inputs()).await.unwrap();
    world.drop("pdfs/first.pdf", &pdf("First", ""));
    tokio::time::timeout(PATIENCE, began.recv()).await.unwrap();
    world.inputs.lock().unwrap().notes = world.at("elsewhere");
    drop(gate);
    run.until_at_rest(1).await;
    assert_eq!((world.notes("notes").len(), world.notes("elsewhere").len()), (1, 0));
    world.drop("pdfs/second.pdf", &pdf("Second", ""));
    run.until_at_rest(2).await;
    assert_eq!((world.notes("notes").len(), world.notes("elsewhere").len()), (1, 1));
    run.end().await;
}

/// The switch step by step, without events and workers: a file in the old folder is found until the answer is given.
#[test]
fn what_arrived_in_the_old_folder_before_the_answer_is_taken() {
    let world = World::new();
    let shared = Arc::new(Shared::new(world.parts(Arc::new(|bytes| read_title(&bytes)))));
    let (hints, _unread) = tokio::sync::mpsc::channel(1);
    let mut lookout = Lookout::new(Arc::clone(&shared), hints);
    let now = std::time::Instant::now();
    let drop_old = |path: &str| {
        let path = world.drop(path, &pdf(path, ""));
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
        fs::File::options().append(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        path
    };
    let is_queued = |path: &Path| shared.ledger.row(path).unwrap().is_some();
    let scope = |folder: &str| Scope { folder: world.at(folder), recursive: true, vault: world.at("") };
    lookout.follow(&scope("pdfs"), now).unwrap();
    let unseen = drop_old("pdfs/unseen.pdf");
    let there = drop_old("new/there.pdf");
    lookout.follow(&scope("new"), now).unwrap();
    assert!(is_queued(&unseen) && !is_queued(&there));
    lookout.look(now, &HashSet::new(), None);
    assert!(is_queued(&there), "queued before the answer");
    let last = drop_old("pdfs/last.pdf");
    lookout.say_left();
    lookout.look(now, &HashSet::new(), None);
    assert!(is_queued(&last));
    let late = drop_old("pdfs/late.pdf");
    lookout.look(now, &HashSet::new(), None);
    assert!(!is_queued(&late));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_left_is_left() {
    let world = World::new();
    let mut run = world.follow().await;
    world.inputs.lock().unwrap().pdf = world.at("new");
    assert_eq!(
        run.monitor.follow(&world.inputs()).await,
        Ok(format!("watches `{}`", world.at("new").display()))
    );
    // What arrives in the same tick of the file system's clock as the answer counts as having been there before.
    let answered = std::time::SystemTime::now();
    let probe = || Stamp::of(&fs::metadata(world.drop("probe", b"")).unwrap());
    while probe().arrived_before(answered) {
        tokio::task::yield_now().await;
    }
    let late = world.drop("pdfs/late.pdf", &pdf("Late", ""));
    let file = world.drop("new/a.pdf", &pdf("A", ""));
    run.until_file(&file, Status::Indexed).await;
    // Several looks later, too.
    let second = world.drop("new/b.pdf", &pdf("B", ""));
    run.until_file(&second, Status::Indexed).await;
    assert_eq!(run.row(&late), None);
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_cannot_be_followed_leaves_the_old_one_standing() {
    let world = World::new();
    let mut run = world.follow().await;
    fs::write(world.at("file"), "in the way").unwrap();
    let inputs = MonitorInputs { pdf: world.at("file"), ..world.inputs() };
    let refusal = run.monitor.follow(&inputs).await.unwrap_err();
    assert!(refusal.contains("file` cannot be made"), "{refusal}");
    let file = world.drop("pdfs/a.pdf", &pdf("A", ""));
    run.until_file(&file, Status::Indexed).await;
    assert!(run.monitor.status().await.unwrap().last_error.is_some());
    // As soon as it can be followed, it is.
    fs::remove_file(world.at("file")).unwrap();
    let file = world.drop("file/b.pdf", &pdf("B", ""));
    run.until_file(&file, Status::Indexed).await;
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_was_deleted_and_made_again_is_watched_again() {
    let world = World::new();
    let mut run = world.follow().await;
    let first = world.drop("pdfs/a.pdf", &pdf("A", ""));
    run.until_file(&first, Status::Indexed).await;
    fs::rename(world.at("pdfs"), world.at("elsewhere")).unwrap();
    let second = world.drop("pdfs/b.pdf", &pdf("B", ""));
    run.until_file(&second, Status::Indexed).await;
    run.until("the first is missing", |rows| rows.iter().any(|row| row.missing_since.is_some())).await;
    let third = world.drop("pdfs/c.pdf", &pdf("C", ""));
    run.until_file(&third, Status::Indexed).await;
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_notes_go_to_the_new_folder_and_old_ones_stay() {
    let world = World::new();
    let mut run = world.follow().await;
    let first = world.drop("pdfs/a.pdf", &pdf("A", "v1"));
    run.until_file(&first, Status::Indexed).await;
    world.inputs.lock().unwrap().notes = world.at("more notes");
    let second = world.drop("pdfs/b.pdf", &pdf("B", ""));
    run.until_file(&second, Status::Indexed).await;
    let id = run.row(&first).unwrap().id;
    world.drop("pdfs/a.pdf", &pdf("A", "v2"));
    run.until("A is read again", |rows| rows.iter().all(|row| row.id != id && row.status == Status::Indexed))
        .await;
    assert_eq!(
        (world.notes("notes"), world.notes("more notes")),
        (vec!["A.md".to_owned()], vec!["B.md".to_owned()])
    );
    run.end().await;
}
