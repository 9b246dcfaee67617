//! Files that cannot be read get a row with a reason; the files stay as they are, and the monitor goes on.

use std::fs;
use std::time::Duration;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_unreadable_file_says_why_and_stays_untouched() {
    let world = World::new();
    world.inputs.lock().unwrap().document_max_bytes = 20_000;
    let whole = pdf("Whole", "");
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("empty.pdf", Vec::new(), "empty"),
        ("page.pdf", b"<html>".to_vec(), "not a readable PDF"),
        ("half.pdf", whole[..whole.len() / 2].to_vec(), "not a readable PDF"),
        ("locked.pdf", pdf("locked", ""), "password"),
        ("panics.pdf", pdf("panics", ""), "made the reader fail"),
        (
            "huge.pdf",
            pdf("Huge", &"x".repeat(30_000)),
            "at most 20000 are read, as `performance.memory.maxDocumentSizeMb` says",
        ),
    ];
    for (name, bytes, _) in &cases {
        world.drop(&format!("pdfs/{name}"), bytes);
    }
    let mut run = world.follow().await;
    run.until_at_rest(cases.len()).await;
    for (name, bytes, word) in &cases {
        let row = run.row(&world.at("pdfs").join(name)).unwrap();
        assert_eq!(row.status, Status::Failed, "{row:#?}");
        assert!(row.reason.as_ref().unwrap().contains(word), "{row:#?}");
        assert_eq!(&fs::read(world.at("pdfs").join(name)).unwrap(), bytes);
    }
    assert_eq!(world.notes("notes").len(), 0);
    // The monitor goes on, and a file that is mended is read.
    let mended = world.drop("pdfs/half.pdf", &whole);
    run.until_file(&mended, Status::Indexed).await;
    // So is one that is not too large any more; the others stay as they are.
    world.inputs.lock().unwrap().document_max_bytes = 100_000;
    run.monitor.follow(&world.inputs()).await.unwrap();
    run.until_file(&world.at("pdfs/huge.pdf"), Status::Indexed).await;
    assert_eq!(run.rows().iter().filter(|row| row.status == Status::Failed).count(), 4);
    run.end().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_leads_out_of_the_vault_is_named() {
    let (world, outside) = (World::new(), tempfile::tempdir().unwrap());
    let target = outside.path().join("out.pdf");
    fs::write(&target, pdf("Out", "")).unwrap();
    world.drop("library/in.pdf", &pdf("In", ""));
    fs::create_dir_all(world.at("pdfs")).unwrap();
    std::os::unix::fs::symlink(&target, world.at("pdfs/out.pdf")).unwrap();
    std::os::unix::fs::symlink(world.at("library/in.pdf"), world.at("pdfs/in.pdf")).unwrap();
    let mut run = world.follow().await;
    run.until_at_rest(2).await;
    let row = run.row(&world.at("pdfs/out.pdf")).unwrap();
    assert_eq!(row.status, Status::Failed);
    let target = fs::canonicalize(&target).unwrap().display().to_string();
    assert!(
        row.reason
            .is_some_and(|reason| reason.contains("leads out of the vault") && reason.contains(&target))
    );
    assert_eq!(run.row(&world.at("pdfs/in.pdf")).unwrap().status, Status::Indexed);
    assert_eq!(run.monitor.status().await.unwrap().last_error, None);
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_never_ends_is_given_up() {
    let mut world = World::new();
    world.limits.read_deadline = Duration::from_millis(200);
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let read = move |bytes: Vec<u8>| {
        let paper = read_title(&bytes)?;
        if paper.metadata.title.as_ref().is_some_and(|title| title.value == "Endless") {
            // Ends when the test does.
            assert!(gate.lock().unwrap().recv().is_err());
        }
        Ok(paper)
    };
    let mut run = world.start_with(Arc::new(read)).await;
    run.monitor.follow(&world.inputs()).await.unwrap();
    let endless = world.drop("pdfs/endless.pdf", &pdf("Endless", ""));
    let row = run.until_file(&endless, Status::Failed).await;
    assert!(row.reason.unwrap().contains("took longer than 0.2 s"));
    let file = world.drop("pdfs/a.pdf", &pdf("A", ""));
    run.until_file(&file, Status::Indexed).await;
    drop(release);
    run.end().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_without_permission_is_read_when_it_has_one() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let probe = world.drop("probe", b"x");
    mode(&probe, 0o000);
    if fs::read(&probe).is_ok() {
        eprintln!("skipped: this user (root?) reads files without permission");
        return;
    }
    let file = world.drop("pdfs/a.pdf", &pdf("A", ""));
    mode(&file, 0o000);
    let mut run = world.follow().await;
    let row = run.until_file(&file, Status::Failed).await;
    assert!(row.reason.unwrap().contains("permission"));
    mode(&file, 0o644);
    run.until_file(&file, Status::Indexed).await;
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_that_cannot_be_written_is_tried_again() {
    let world = World::new();
    fs::write(world.at("notes"), "a file in the way").unwrap();
    let mut run = world.follow().await;
    let bytes = pdf("A", "");
    let file = world.drop("pdfs/a.pdf", &bytes);
    let row = run.until_file(&file, Status::Failed).await;
    assert!(row.reason.unwrap().contains("note"));
    fs::remove_file(world.at("notes")).unwrap();
    assert_eq!(run.monitor.ledger().retry().unwrap(), [], "not before its time");
    let due = "UPDATE papers SET retry_at = '2000-01-01' WHERE retry_at > '2026'";
    assert_eq!(world.database.write(|transaction| transaction.execute(due, [])).unwrap(), 1);
    run.until_file(&file, Status::Indexed).await;
    assert_eq!(world.notes("notes"), ["A.md"]);
    assert_eq!(world.reads_of(&bytes), 1);
    run.end().await;
}
