//! The file of what is scheduled, in any state: read, or put aside as it was and told; and the next id is a new one.

use super::file::Store;
use crate::kept::{Target, made_up, value_of};
use jiff::Timestamp;

const SCHEDULES: Target = Target {
    folder: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/kept/schedules"),
    holds: is_read_or_put_aside,
};

const FILE: &str = r#"{"next_id":8,"entries":[{"id":7,"kind":"scheduled","at":"2026-01-31T12:00:00Z","relative":true,"changes":[{"path":"a.b","value":null}],"set_at":"2026-01-31T11:00:00Z"}]}"#;

/// What may stand in place of a piece of it, all of it ASCII.
const PIECES: [&str; 10] =
    ["", "0", "18446744073709551615", "-1", "null", "\"", "}", "[", "\"temporary\"", "9999-12-31T23:59:59Z"];

#[test]
fn what_is_scheduled_is_read_or_put_aside() {
    SCHEDULES.replay();
    made_up(|bytes| {
        let changes: Vec<(u8, u8)> = value_of(bytes);
        let mut content = FILE.to_owned();
        for (place, piece) in changes.iter().take(3) {
            // The number, the text or the bracket that begins at the place or before it.
            let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
            let at = usize::from(*place).min(content.len());
            let start = at - content.as_bytes()[..at].iter().rev().take_while(|byte| is_part(byte)).count();
            let length = content.as_bytes()[start..].iter().take_while(|byte| is_part(byte)).count().max(1);
            let end = (start + length).min(content.len());
            content.replace_range(start..end, PIECES[usize::from(*piece) % PIECES.len()]);
        }
        SCHEDULES.try_with(content.as_bytes());
    });
}

fn is_read_or_put_aside(content: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("schedules.json");
    std::fs::write(&path, content).unwrap();
    let (mut store, damage) = Store::open(path.clone()).unwrap();
    if damage.is_some() {
        assert_eq!(std::fs::read(path.with_extension("damaged")).unwrap(), content);
        assert!(store.kept.entries.is_empty());
    }
    let known: Vec<u64> = store.kept.entries.iter().map(|entry| entry.id).collect();
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let id = store.change(now, |kept| kept.fresh_id(&[])).unwrap();
    assert!(id == u64::MAX || !known.contains(&id), "{id} of {known:?}");
}
