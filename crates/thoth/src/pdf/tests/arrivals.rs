//! PDFs that arrive: each becomes one note, however it comes.

use std::fs::{self, File};
use std::io::Write;
use std::time::Duration;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_there_is_queued_when_the_folder_is_followed() {
    let world = World::new();
    let one = world.drop("pdfs/one.pdf", &pdf("One", ""));
    let two = world.drop("pdfs/deep/er/two.PDF", &pdf("Two", ""));
    let old = std::time::SystemTime::now() - Duration::from_secs(60);
    for file in [&one, &two] {
        File::options().append(true).open(file).unwrap().set_modified(old).unwrap();
    }
    let mut run = world.follow().await;
    assert_eq!(run.rows().len(), 2, "queued before `follow` returned");
    let rows = run.until_at_rest(2).await;
    assert!(rows.iter().all(|row| row.status == Status::Indexed && row.reason.is_none()), "{rows:#?}");
    assert_eq!(world.notes("notes"), ["One.md", "Two.md"]);
    let note = fs::read_to_string(world.at("notes/Two.md")).unwrap();
    assert!(note.contains("pdf: \"[[pdfs/deep/er/two.PDF]]\""), "{note}");
    let row = run.row(&one).unwrap();
    assert_eq!((row.title.as_deref(), row.note.as_deref()), (Some("One"), Some("notes/One.md")));
    assert_eq!(row.id, row.content.unwrap()[..12]);
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dropped_later_is_taken_and_the_rest_is_not() {
    let world = World::new();
    let mut run = world.follow().await;
    world.drop("pdfs/a.pdf", &pdf("A", ""));
    world.drop("pdfs/new folder/b.pdf", &pdf("B", ""));
    fs::write(world.at("pdfs/c.pdf.crdownload"), pdf("C", "")).unwrap();
    fs::write(world.at("pdfs/.hidden.pdf"), pdf("Hidden", "")).unwrap();
    fs::write(world.at("pdfs/text.txt"), "text").unwrap();
    run.until_at_rest(2).await;
    fs::rename(world.at("pdfs/c.pdf.crdownload"), world.at("pdfs/c.pdf")).unwrap();
    run.until_at_rest(3).await;
    assert_eq!(world.notes("notes"), ["A.md", "B.md", "C.md"]);
    assert!(world.reads.lock().unwrap().values().all(|reads| *reads == 1));
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_copy_is_waited_for() {
    let world = World::new();
    let mut run = world.follow().await;
    let bytes = pdf("Slow", &"long ".repeat(2000));
    let path = world.at("pdfs/slow.pdf");
    let mut file = File::create(&path).unwrap();
    for chunk in bytes.chunks(bytes.len().div_ceil(6)) {
        file.write_all(chunk).unwrap();
        file.flush().unwrap();
        // Longer than a look and than the quiet time of a file that is whole: this is the slowness, not a wait.
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert!(run.row(&path).is_none_or(|row| row.status != Status::Failed));
    }
    drop(file);
    let row = run.until_file(&path, Status::Indexed).await;
    assert_eq!(row.bytes, bytes.len() as u64);
    assert_eq!(world.reads.lock().unwrap().len(), 1, "nothing but the whole file was read");
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_copies_one_is_read_and_the_others_name_it() {
    let world = World::new();
    let bytes = pdf("Same", "");
    for n in 0..8 {
        world.drop(&format!("pdfs/{n}.pdf"), &bytes);
    }
    let mut run = world.follow().await;
    let rows = run.until_at_rest(8).await;
    let first: Vec<_> = rows.iter().filter(|row| row.status == Status::Indexed).collect();
    assert_eq!(first.len(), 1, "{rows:#?}");
    for row in rows.iter().filter(|row| row.file != first[0].file) {
        assert_eq!((row.status, row.duplicate_of.as_ref()), (Status::Skipped, Some(&first[0].id)));
        assert!(row.reason.as_ref().unwrap().contains(&first[0].file));
    }
    let mut ids: Vec<_> = rows.iter().map(|row| &row.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 8);
    assert_eq!(world.reads_of(&bytes), 1);
    assert_eq!(world.notes("notes"), ["Same.md"]);
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn papers_with_one_title_get_notes_of_their_own() {
    let world = World::new();
    for n in 0..3 {
        world.drop(&format!("pdfs/{n}.pdf"), &pdf("Title: the same", &n.to_string()));
    }
    fs::create_dir_all(world.at("notes")).unwrap();
    fs::write(world.at("notes/title - THE same.md"), "mine").unwrap();
    let mut run = world.follow().await;
    let rows = run.until_at_rest(3).await;
    for row in &rows {
        assert_eq!(row.note, Some(format!("notes/Title - the same ({}).md", row.id)), "{row:#?}");
    }
    assert_eq!(fs::read_to_string(world.at("notes/title - THE same.md")).unwrap(), "mine");
    assert_eq!(world.notes("notes").len(), 4);
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pdf_from_elsewhere_is_copied_in_and_never_over_another() {
    let world = World::new();
    let run = world.start().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let source = elsewhere.path().join("paper.pdf");
    fs::write(&source, pdf("Handed in", "")).unwrap();
    world.drop("pdfs/paper.pdf", &pdf("Other", ""));
    let mut steps = Vec::new();
    let row = run.monitor.ingest(&source, |event| steps.push(event.status)).await.unwrap();
    assert_eq!((row.status, row.file.as_str()), (Status::Indexed, "pdfs/paper (2).pdf"));
    assert_eq!(steps.last(), Some(&Status::Indexed));
    assert_eq!(fs::read(world.at("pdfs/paper (2).pdf")).unwrap(), pdf("Handed in", ""));
    assert_eq!(fs::read(world.at("pdfs/paper.pdf")).unwrap(), pdf("Other", ""));
    // Once more: nothing new.
    assert_eq!(run.monitor.ingest(&source, |_| {}).await.unwrap().file, row.file);
    // In the vault it stays where it is, also outside the PDF folder.
    let inside = world.drop("attic/x.pdf", &pdf("Inside", ""));
    assert_eq!(run.monitor.ingest(&inside, |_| {}).await.unwrap().file, "attic/x.pdf");
    assert_eq!(world.notes("pdfs"), ["paper (2).pdf", "paper.pdf"]);
    for (name, word) in [("none.pdf", "cannot be read"), ("paper.txt", "cannot be read")] {
        let refusal = run.monitor.ingest(&elsewhere.path().join(name), |_| {}).await.unwrap_err();
        assert!(refusal.contains(word) && refusal.contains(name), "{refusal}");
    }
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_tells_what_is_followed_and_what_waits() {
    let world = World::new();
    let mut run = world.start().await;
    assert!(!run.monitor.status().await.unwrap().watching);
    run.monitor.follow(&world.inputs()).await.unwrap();
    world.drop("pdfs/a.pdf", &pdf("A", ""));
    run.until_at_rest(1).await;
    let status = run.monitor.status().await.unwrap();
    assert_eq!(status.folder, Some(world.at("pdfs")));
    assert!(status.watching && status.last_error.is_none(), "{status:?}");
    assert_eq!((status.queued, status.reading, status.indexed), (0, 0, 1));
    run.end().await;
}
