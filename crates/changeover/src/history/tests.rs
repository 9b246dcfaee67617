//! What the history keeps, forgets and gives back.

use super::*;
use crate::report::{Cause, Decision};

/// So many verdicts, whatever their age and size.
fn limits(verdicts: usize) -> Limits {
    Limits { verdicts, age: Duration::MAX, bytes: u64::MAX }
}

fn verdict(id: u64, content: &str) -> Arc<Verdict> {
    Arc::new(Verdict {
        id,
        verdict: Decision::Applied,
        outcome: None,
        generation: id,
        cause: Cause::Save,
        actor: None,
        problems: Vec::new(),
        warnings: Vec::new(),
        services: Vec::new(),
        stages_ms: Default::default(),
        at: jiff::Timestamp::now(),
        content: Some(content.to_owned()),
    })
}

#[test]
fn refusals_never_push_out_the_last_known_good() {
    let folder = tempfile::tempdir().unwrap();
    let (mut history, _) = History::open(folder.path(), "1", 3).unwrap();
    history.intend(1, Some(("good", b"{}")), &[]).unwrap();
    history.record(verdict(1, "good"), limits(3)).unwrap();
    for id in 2..100 {
        let refused = Verdict { verdict: Decision::Rejected, ..verdict(id, "bad").as_ref().clone() };
        history.record(Arc::new(refused), limits(3)).unwrap();
    }
    let newest: Vec<u64> = history.verdicts.recent(10).iter().map(|verdict| verdict.id).collect();
    assert_eq!(newest, [99, 98, 1]);
    drop(history);
    let (_, found) = History::open(folder.path(), "1", 3).unwrap();
    assert_eq!(found.good_contents, [b"{}"]);
}

#[test]
fn what_a_kill_left_half_replaced_is_gone_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["secrets.new", "journal.new", "quarantine.new"] {
        std::fs::write(folder.path().join(name), "{\"a\": \"sk-half").unwrap();
    }
    let (mut history, found) = History::open(folder.path(), "1", 9).unwrap();
    history.record(verdict(1, "good"), limits(9)).unwrap();
    assert_eq!(found.damage, None);
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["journal.jsonl"]);
}

#[test]
fn who_only_reads_leaves_damaged_secrets_to_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let (mut history, _) = History::open(folder.path(), "1", 9).unwrap();
    let secret = std::slice::from_ref(&(9..15));
    history.intend(1, Some(("good", b"{\"key\": \"sk-one\"}")), secret).unwrap();
    history.record(verdict(1, "good"), limits(9)).unwrap();
    drop(history);
    let file = folder.path().join("secrets.json");
    std::fs::write(&file, "\"sk-half\"").unwrap();
    let error = read_content(folder.path(), 1).unwrap_err().to_string();
    assert!(error.contains("damaged") && !error.contains("sk-half"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "\"sk-half\"");
    let (_, found) = History::open(folder.path(), "1", 9).unwrap();
    assert!(found.damage.unwrap().contains("secrets.damaged"));
}

#[test]
fn what_a_kill_left_beside_the_key_is_gone_after_a_later_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hash-key");
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(600);
    let [left, in_the_making, foreign] =
        ["hash-key.00112233aabbccdd.new", "hash-key.ffffffffffffffff.new", "hash-key.mine.new"];
    for (name, is_old) in [(left, true), (in_the_making, false), (foreign, true)] {
        let file = std::fs::File::create(folder.path().join(name)).unwrap();
        if is_old {
            file.set_modified(long_ago).unwrap();
        }
    }
    let key = History::key(&path).unwrap();
    assert_eq!(History::key(&path).unwrap(), key);
    let mut names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["hash-key", in_the_making, foreign]);
}

#[test]
fn the_journal_is_read_beside_a_writer_and_never_changed() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read_history(folder.path()).unwrap(), []);
    let (mut history, _) = History::open(folder.path(), "1", 9).unwrap();
    history.intend(1, Some(("good", b"{}")), &[]).unwrap();
    history.record(verdict(1, "good"), limits(9)).unwrap();
    let file = folder.path().join("journal.jsonl");
    let torn = std::fs::read_to_string(&file).unwrap() + "{\"verdict\": {\"id\"";
    std::fs::write(&file, &torn).unwrap();
    let ids: Vec<u64> = read_history(folder.path()).unwrap().iter().map(|verdict| verdict.id).collect();
    assert_eq!(ids, [1]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), torn, "a torn tail is the writer's to cut off");
}

#[test]
fn the_journal_forgets_and_keeps_what_a_start_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (mut history, _) = History::open(folder.path(), "1", 5).unwrap();
    for round in 1..=200 {
        let id = history.next_id();
        let content = format!("{{\"key\": \"secret-{round}\"}}");
        let hash = format!("hash-{round}");
        let secret = 9..content.len() - 2;
        history.intend(id, Some((&hash, content.as_bytes())), std::slice::from_ref(&secret)).unwrap();
        history.record(verdict(id, &hash), limits(5)).unwrap();
    }
    let journal = std::fs::read_to_string(folder.path().join("journal.jsonl")).unwrap();
    assert!(journal.lines().count() <= 21 && !journal.contains("secret-2"), "{journal}");
    let secrets = std::fs::read_to_string(folder.path().join("secrets.json")).unwrap();
    assert!(!secrets.contains("secret-1\"") && secrets.contains("secret-200"), "{secrets}");
    drop(history);
    let (history, found) = History::open(folder.path(), "1", 5).unwrap();
    assert_eq!(found.good_contents.first().unwrap(), b"{\"key\": \"secret-200\"}");
    assert_eq!((history.last_generation(), history.next_id, found.damage), (200, 201, None));
}

/// One that came when the days were counted from here.
fn dated(id: u64, content: &str, days: i64) -> Arc<Verdict> {
    let at = Timestamp::from_second(1_700_000_000 + days * 24 * 60 * 60).unwrap();
    Arc::new(Verdict { at, ..verdict(id, content).as_ref().clone() })
}

fn ids(verdicts: &[Arc<Verdict>]) -> Vec<u64> {
    verdicts.iter().map(|verdict| verdict.id).collect()
}

#[test]
fn every_verdict_that_is_kept_can_be_gone_back_to() {
    let folder = tempfile::tempdir().unwrap();
    let (mut history, _) = History::open(folder.path(), "1", 300).unwrap();
    let content = |id: u64| format!("{{\"key\": \"sk-{id}\"}}");
    for id in 1..=1_300 {
        let (content, hash) = (content(id), format!("hash-{id}"));
        let secret = 9..content.len() - 2;
        history.intend(id, Some((&hash, content.as_bytes())), std::slice::from_ref(&secret)).unwrap();
        history.record(verdict(id, &hash), limits(300)).unwrap();
    }
    assert!(history.journal.lines() < 1_300, "it was rewritten");
    let journal = std::fs::read_to_string(folder.path().join("journal.jsonl")).unwrap();
    assert!(!journal.contains("sk-"), "the secrets of the time stand elsewhere");
    for kept in read_history(folder.path()).unwrap().iter().rev().take(300) {
        let found = read_content(folder.path(), kept.id).unwrap().unwrap();
        assert_eq!(found, content(kept.id).as_bytes());
    }
    assert_eq!(read_content(folder.path(), 1).unwrap(), None);
}

#[test]
fn what_is_too_old_is_forgotten_but_the_last_known_good() {
    let folder = tempfile::tempdir().unwrap();
    let (mut history, _) = History::open(folder.path(), "1", 100).unwrap();
    let month = Limits { verdicts: 100, age: Duration::from_secs(30 * 24 * 60 * 60), ..limits(100) };
    history.intend(1, Some(("good", b"{}")), &[]).unwrap();
    history.record(dated(1, "good", 0), month).unwrap();
    for (id, day) in (2..).zip([1, 2, 20, 31, 32, 33]) {
        let refused = Verdict { verdict: Decision::Rejected, ..dated(id, "bad", day).as_ref().clone() };
        history.record(Arc::new(refused), month).unwrap();
    }
    assert_eq!(ids(&history.verdicts.recent(9)), [7, 6, 5, 4, 1], "1 is good, 2 and 3 are over a month old");
    let journal = read_history(folder.path()).unwrap();
    assert_eq!(journal.iter().map(|verdict| verdict.id).collect::<Vec<_>>(), [1, 4, 5, 6, 7]);
    drop(history);
    assert_eq!(History::open(folder.path(), "1", 100).unwrap().1.good_contents, [b"{}"]);
}

#[test]
fn a_large_journal_is_cut_to_what_there_is_room_for() {
    let folder = tempfile::tempdir().unwrap();
    let (mut history, _) = History::open(folder.path(), "1", 1_000).unwrap();
    let small = Limits { bytes: 40_000, ..limits(1_000) };
    let mut cuts = 0;
    for id in 1..=60 {
        let content = format!("{{\"{id}\": \"{}\"}}", "x".repeat(1_000));
        history.intend(id, Some((&format!("hash-{id}"), content.as_bytes())), &[]).unwrap();
        let before = history.journal.bytes();
        history.record(verdict(id, &format!("hash-{id}")), small).unwrap();
        let bytes = history.journal.bytes();
        assert!(bytes <= small.bytes, "{bytes}");
        if bytes < before {
            cuts += 1;
            assert!(bytes <= small.bytes / 2, "{bytes}");
        }
    }
    assert!((2..6).contains(&cuts), "{cuts}");
    let file = std::fs::metadata(folder.path().join("journal.jsonl")).unwrap();
    assert_eq!(file.len(), history.journal.bytes());
    let kept = ids(&history.verdicts.before(u64::MAX, 100).unwrap());
    assert_eq!(kept.first(), Some(&60));
    assert!((5..60).contains(&kept.len()) && kept.is_sorted_by(|one, next| *one == next + 1), "{kept:?}");
    drop(history);
    let (history, found) = History::open(folder.path(), "1", 1_000).unwrap();
    assert!(found.good_contents[0].starts_with(b"{\"60\""));
    assert!((2..60).contains(&found.good_contents.len()), "{}", found.good_contents.len());
    assert_eq!((history.last_generation(), history.next_id), (60, 61));
}

#[test]
fn older_verdicts_come_out_of_the_journal_with_their_outcomes() {
    let folder = tempfile::tempdir().unwrap();
    let (mut history, _) = History::open(folder.path(), "1", 250).unwrap();
    for id in 1..=300 {
        let id = history.next_id().max(id);
        history.record(verdict(id, "one"), limits(250)).unwrap();
        history.outcome(id, Outcome::Kept).1.unwrap();
    }
    let check = |history: &History| {
        assert_eq!(history.verdicts.recent(1_000).len(), RECENT_MAX);
        for (before, limit, expected) in
            [(u64::MAX, 250, (51..301).rev()), (290, 20, (270..290).rev()), (205, 9, (196..205).rev())]
        {
            let found = history.verdicts.before(before, limit).unwrap();
            assert_eq!(ids(&found), expected.collect::<Vec<_>>());
            assert!(found.iter().all(|verdict| verdict.outcome == Some(Outcome::Kept)));
        }
        assert_eq!(ids(&history.verdicts.before(60, 100).unwrap()), (51..60).rev().collect::<Vec<_>>());
        assert_eq!(history.verdicts.outcome_of(51), Some(Outcome::Kept));
        assert_eq!(history.verdicts.outcome_of(50), None, "it is forgotten");
    };
    check(&history);
    drop(history);
    check(&History::open(folder.path(), "1", 250).unwrap().0);
}

#[test]
fn a_journal_that_ends_anywhere_is_read_up_to_there_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let (mut history, _) = History::open(folder.path(), "1", 9).unwrap();
    for id in 1..=3 {
        history.intend(id, Some((&format!("hash-{id}"), b"{\"key\": \"s\"}")), &[]).unwrap();
        history.record(verdict(id, &format!("hash-{id}")), limits(9)).unwrap();
        history.outcome(id, Outcome::Kept).1.unwrap();
    }
    drop(history);
    let file = folder.path().join("journal.jsonl");
    let whole = std::fs::read(&file).unwrap();
    for end in 0..=whole.len() {
        let left = &whole[..end];
        std::fs::write(&file, left).unwrap();
        let lines = String::from_utf8_lossy(left).matches('\n').count();
        let torn = !left.is_empty() && !left.ends_with(b"\n");
        let (mut history, found) = History::open(folder.path(), "1", 9).unwrap();
        assert_eq!(found.damage.is_some_and(|said| said.contains("cut off")), torn, "{end}");
        let verdicts = [2, 5, 8].into_iter().filter(|line| lines >= *line).count();
        assert_eq!(history.verdicts.before(u64::MAX, 100).unwrap().len(), verdicts, "{end}");
        let outcomes = (1..=3).filter(|id| history.verdicts.outcome_of(*id).is_some()).count();
        assert_eq!(outcomes, lines / 3, "{end}");
        // It goes on after what could be read.
        let id = history.next_id();
        assert_eq!(id, verdicts as u64 + 1);
        history.record(verdict(id, "next"), limits(9)).unwrap();
        assert_eq!(read_history(folder.path()).unwrap().last().unwrap().id, id);
    }
}

#[test]
fn a_torn_part_that_cannot_be_cut_off_spoils_no_other_line() {
    let folder = tempfile::tempdir().unwrap();
    let (mut history, _) = History::open(folder.path(), "1", 9).unwrap();
    history.record(verdict(1, "one"), limits(9)).unwrap();
    // What a full disk leaves when it does not even allow the cut.
    let file = folder.path().join("journal.jsonl");
    let torn = std::fs::read_to_string(&file).unwrap() + "{\"verdict\": {\"id\"";
    std::fs::write(&file, torn).unwrap();
    history.journal.torn = true;
    for id in 2..=3 {
        history.record(verdict(id, "one"), limits(9)).unwrap();
    }
    assert_eq!(history.journal.bytes(), std::fs::metadata(&file).unwrap().len());
    assert_eq!(
        read_history(folder.path()).unwrap().iter().map(|verdict| verdict.id).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    drop(history);
    let (history, found) = History::open(folder.path(), "1", 9).unwrap();
    assert!(found.damage.unwrap().contains("1 line"), "told");
    assert_eq!(history.next_id, 4);
}
