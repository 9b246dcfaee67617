//! Files that change: the row, the index and the note follow, and the user's text stays.

use std::fs::{self, File};
use std::time::Duration;

use super::*;

const MINE: &str = "\nMy own thought.\r\n";

fn write_into(note: &Path) -> String {
    let text = fs::read_to_string(note).unwrap() + MINE;
    fs::write(note, &text).unwrap();
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_annotated_copy_keeps_its_note() {
    let world = World::new();
    let mut run = world.follow().await;
    let (before, after) = (pdf("Work", "v1"), pdf("Work", "v2, annotated"));
    let file = world.drop("pdfs/a.pdf", &before);
    let first = run.until_file(&file, Status::Indexed).await;
    write_into(&world.at("notes/Work.md"));
    world.drop("pdfs/a.pdf", &after);
    let rows = run
        .until("the content changed", |rows| {
            rows.len() == 1 && rows[0].id != first.id && rows[0].status == Status::Indexed
        })
        .await;
    assert_eq!(world.notes("notes"), ["Work.md"]);
    let note = fs::read_to_string(world.at("notes/Work.md")).unwrap();
    assert!(note.contains(&format!("thoth-id: \"{}\"", rows[0].id)) && note.ends_with(MINE), "{note}");
    assert_eq!(world.index.paper(&first.content.unwrap()).unwrap(), None);
    assert!(world.index.paper(rows[0].content.as_ref().unwrap()).unwrap().is_some());
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_work_under_the_same_name_gets_its_own_note() {
    let world = World::new();
    let mut run = world.follow().await;
    let file = world.drop("pdfs/a.pdf", &pdf("One", ""));
    run.until_file(&file, Status::Indexed).await;
    let mine = write_into(&world.at("notes/One.md"));
    world.drop("pdfs/a.pdf", &pdf("Two", ""));
    run.until("it is the other", |rows| rows[0].title.as_deref() == Some("Two")).await;
    assert_eq!(world.notes("notes"), ["One.md", "Two.md"]);
    assert_eq!(fs::read_to_string(world.at("notes/One.md")).unwrap(), mine);
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_takes_over_when_the_first_changes_or_goes() {
    for change in ["overwrite", "delete"] {
        let world = World::new();
        let mut run = world.follow().await;
        let bytes = pdf("Work", "");
        let first = world.drop("pdfs/1.pdf", &bytes);
        let row = run.until_file(&first, Status::Indexed).await;
        let copy = world.drop("pdfs/2.pdf", &bytes);
        run.until_file(&copy, Status::Skipped).await;
        write_into(&world.at("notes/Work.md"));
        match change {
            "overwrite" => drop(world.drop("pdfs/1.pdf", &pdf("Other", ""))),
            _ => fs::remove_file(&first).unwrap(),
        }
        let heir = run.until_file(&copy, Status::Indexed).await;
        assert_eq!((heir.id, heir.duplicate_of, heir.note), (row.id, None, row.note), "{change}");
        let note = fs::read_to_string(world.at("notes/Work.md")).unwrap();
        assert!(note.contains("[[pdfs/2.pdf]]") && note.ends_with(MINE), "{note}");
        assert_eq!(world.reads_of(&bytes), 1);
        if change == "overwrite" {
            assert_eq!(run.until_file(&first, Status::Indexed).await.title.as_deref(), Some("Other"));
        } else {
            assert_eq!(run.row(&first), None);
        }
        run.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_file_takes_its_row_and_note_along_unread() {
    let world = World::new();
    let mut run = world.follow().await;
    let bytes = pdf("Work", "");
    let before = world.drop("pdfs/a.pdf", &bytes);
    let row = run.until_file(&before, Status::Indexed).await;
    // The user moved the note, too.
    fs::create_dir(world.at("reading")).unwrap();
    write_into(&world.at("notes/Work.md"));
    fs::rename(world.at("notes/Work.md"), world.at("reading/My name.md")).unwrap();
    fs::create_dir(world.at("pdfs/sub")).unwrap();
    let after = world.at("pdfs/sub/b.pdf");
    fs::rename(&before, &after).unwrap();
    let moved = run.until_file(&after, Status::Indexed).await;
    assert_eq!((&moved.id, &moved.added_at), (&row.id, &row.added_at));
    assert_eq!(moved.note.as_deref(), Some("reading/My name.md"));
    run.until("the old row is gone", |rows| rows.len() == 1).await;
    let note = fs::read_to_string(world.at("reading/My name.md")).unwrap();
    assert!(note.contains("[[pdfs/sub/b.pdf]]") && note.ends_with(MINE), "{note}");
    assert_eq!(world.reads_of(&bytes), 1);
    assert_eq!(world.notes("notes").len(), 0);
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_file_leaves_its_note_and_comes_back_unread() {
    let world = World::new();
    let mut run = world.follow().await;
    let bytes = pdf("Work", "");
    let file = world.drop("pdfs/a.pdf", &bytes);
    run.until_file(&file, Status::Indexed).await;
    fs::remove_file(&file).unwrap();
    let rows = run.until("it is missing", |rows| rows[0].missing_since.is_some()).await;
    assert_eq!(rows[0].status, Status::Indexed);
    assert_eq!(world.notes("notes"), ["Work.md"]);
    world.drop("pdfs/a.pdf", &bytes);
    run.until("it is back", |rows| rows[0].missing_since.is_none()).await;
    assert_eq!(world.reads_of(&bytes), 1);
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_touched_file_is_not_read_again() {
    let world = World::new();
    let mut run = world.follow().await;
    let bytes = pdf("Work", "");
    let file = world.drop("pdfs/a.pdf", &bytes);
    let row = run.until_file(&file, Status::Indexed).await;
    let old = std::time::SystemTime::now() - Duration::from_secs(3600);
    File::options().append(true).open(&file).unwrap().set_modified(old).unwrap();
    run.until("the stamp is new", |rows| rows[0].stamp.modified_ns != row.stamp.modified_ns).await;
    assert_eq!(run.row(&file).unwrap().updated_at, row.updated_at);
    assert_eq!(world.reads_of(&bytes), 1);
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_without_its_markers_is_left_alone_and_the_row_says_so() {
    let world = World::new();
    let mut run = world.follow().await;
    let file = world.drop("pdfs/a.pdf", &pdf("Work", "v1"));
    let first = run.until_file(&file, Status::Indexed).await;
    let note = world.at("notes/Work.md");
    let text = fs::read_to_string(&note).unwrap().replace("%% thoth:end %%", "");
    fs::write(&note, &text).unwrap();
    world.drop("pdfs/a.pdf", &pdf("Work", "v2"));
    let rows =
        run.until("v2 is read", |rows| rows[0].id != first.id && rows[0].status == Status::Indexed).await;
    let reason = rows[0].reason.as_deref().unwrap();
    assert!(reason.contains("`notes/Work.md` was not touched") && reason.contains("thoth:end"), "{reason}");
    assert_eq!(fs::read_to_string(&note).unwrap(), text);
    assert_eq!(world.notes("notes"), ["Work.md"]);
    run.end().await;
}
