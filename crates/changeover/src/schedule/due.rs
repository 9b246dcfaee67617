//! What is due, when the next thing is, and what is void: pure functions of entries, values and times.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::entry::{Entry, Kind};

/// The two clocks: the wall's, which people set, and one that only runs forwards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) wall: Timestamp,
    /// Since some beginning.
    pub(super) steady: Duration,
}

/// What there is to do now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// What is due, the earliest first.
    pub(super) ids: Vec<u64>,
    /// How long until the next thing is, if nobody sets the wall's clock.
    pub(super) wait: Option<Duration>,
}

/// When each relative entry ends by the steady clock. It is known from the first look at the entry on.
pub(super) type Deadlines = BTreeMap<u64, Duration>;

/// What is due at this time, and how long the next thing takes.
///
/// A length of time is over when either clock says so: it may not grow because somebody sets the wall's clock back, and a
/// machine that slept has a steady clock that slept with it. A time of day is the wall's alone.
pub(super) fn due<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    deadlines: &mut Deadlines,
    clock: Clock,
) -> Due {
    let mut waiting: Vec<(Duration, &Entry)> = Vec::new();
    let mut known = Deadlines::new();
    for entry in entries.filter(|entry| entry.waits()) {
        let mut left = until(clock.wall, entry.at);
        if entry.relative {
            let deadline = deadlines.get(&entry.id).copied().unwrap_or_else(|| {
                // Before it was set by this clock: somebody has set the clock back since.
                clock.steady.saturating_add(left.min(until(entry.set_at, entry.at)))
            });
            known.insert(entry.id, deadline);
            left = left.min(deadline.saturating_sub(clock.steady));
        }
        waiting.push((left, entry));
    }
    *deadlines = known;
    waiting.sort_by_key(|(left, entry)| (*left, entry.at, entry.id));
    let (now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(left, _)| left.is_zero());
    Due {
        ids: now.into_iter().map(|(_, entry)| entry.id).collect(),
        wait: later.first().map(|(left, _)| *left),
    }
}

fn until(from: Timestamp, to: Timestamp) -> Duration {
    to.duration_since(from).try_into().unwrap_or_default()
}

/// What a scheduled entry finds when its time has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The settings are what they were when it was set.
    AsThen,
    /// The settings say already what it asks for.
    Already,
    /// These keys say something else than they did.
    Void(Vec<String>),
}

/// How a scheduled entry stands to the settings file; `said` gives the value of a key in it, `hash` a keyed hash.
pub(super) fn standing(
    entry: &Entry,
    said: impl Fn(&str) -> Option<Value>,
    hash: impl Fn(Option<&Value>) -> String,
) -> Standing {
    let now: Vec<_> =
        entry.changes.iter().map(|change| (change, hash(said(&change.path).as_ref()))).collect();
    if now.iter().all(|(change, now)| *now == hash(change.value.as_ref())) {
        return Standing::Already;
    }
    let others = now.into_iter().filter(|(change, now)| entry.expected.get(&change.path) != Some(now));
    let others: Vec<String> = others.map(|(change, _)| change.path.clone()).collect();
    if others.is_empty() { Standing::AsThen } else { Standing::Void(others) }
}

/// After a scheduled entry was carried out, the ones that wait behind it expect of its keys what it made of them: they
/// were set in the knowledge of it, or it in theirs.
pub(super) fn carried_out(done: &Entry, entries: &mut [Entry], hash: impl Fn(Option<&Value>) -> String) {
    let waiting = entries.iter_mut().filter(|entry| entry.waits() && entry.kind == Kind::Scheduled);
    for entry in waiting.filter(|entry| entry.id != done.id) {
        for change in &done.changes {
            if let Some(expected) = entry.expected.get_mut(&change.path)
                && Some(&*expected) == done.expected.get(&change.path)
            {
                *expected = hash(change.value.as_ref());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;
    use serde_json::json;

    use super::super::entry::{End, Fate};
    use super::*;
    use crate::edit::Change;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn clock(wall: i64, steady: u64) -> Clock {
        Clock { wall: at(wall), steady: Duration::from_secs(steady) }
    }

    fn entry(id: u64, set_at: i64, due_at: i64, relative: bool) -> Entry {
        Entry {
            id,
            kind: Kind::Temporary,
            at: at(due_at),
            relative,
            changes: Vec::new(),
            expected: BTreeMap::new(),
            actor: None,
            set_at: at(set_at),
            end: None,
        }
    }

    fn seconds(due: &Due) -> (Vec<u64>, Option<u64>) {
        (due.ids.clone(), due.wait.map(|wait| wait.as_secs()))
    }

    /// Looks at the clocks one after the other; what is due and the wait at each.
    fn check(entries: &[Entry], looks: &[(i64, u64)], expected: &[(&[u64], Option<u64>)]) {
        let mut deadlines = Deadlines::new();
        for ((wall, steady), (ids, wait)) in looks.iter().zip(expected) {
            let due = due(entries.iter(), &mut deadlines, clock(*wall, *steady));
            assert_eq!(seconds(&due), (ids.to_vec(), *wait), "at {wall}, {steady}");
        }
    }

    #[test]
    fn what_is_due_comes_in_the_order_of_its_time() {
        let entries = [entry(1, 0, 500, false), entry(2, 0, 300, false), entry(3, 0, 300, true)];
        check(
            &entries,
            &[(100, 0), (299, 199), (300, 200), (600, 500)],
            &[(&[], Some(200)), (&[], Some(1)), (&[2, 3], Some(200)), (&[2, 3, 1], None)],
        );
    }

    #[test]
    fn what_has_ended_is_never_due_again() {
        let mut done = entry(1, 0, 300, false);
        done.end = Some(End { fate: Fate::Done, at: at(300), reason: None, verdict: None });
        check(&[done], &[(400, 0), (200, 100), (400, 300)], &[(&[], None), (&[], None), (&[], None)]);
    }

    #[test]
    fn a_clock_that_is_set_forwards_makes_all_due_that_it_passed() {
        let entries = [entry(1, 0, 3_600, false), entry(2, 0, 3_600, true)];
        check(&entries, &[(0, 0), (9_999, 1)], &[(&[], Some(3_600)), (&[1, 2], None)]);
    }

    #[test]
    fn a_clock_that_is_set_back_prolongs_no_length_of_time() {
        let entries = [entry(1, 10_000, 11_800, true), entry(2, 10_000, 11_800, false)];
        check(
            &entries,
            &[(10_000, 0), (5_000, 60), (6_740, 1_800)],
            &[(&[], Some(1_800)), (&[], Some(1_740)), (&[1], Some(5_060))],
        );
        // The clock was set back while nothing ran: the whole length at most.
        check(
            &[entry(1, 10_000, 11_800, true)],
            &[(2_000, 0), (3_800, 1_800)],
            &[(&[], Some(1_800)), (&[1], None)],
        );
    }

    /// The slow and obvious way: ask of each second whether the entry is due.
    fn first_due(entry: &Entry, set_back_at: u64, by: i64) -> u64 {
        let mut deadlines = Deadlines::new();
        let is_due = |second: &u64| {
            let back = if *second >= set_back_at { by } else { 0 };
            let wall = i64::try_from(*second).unwrap() - back;
            !due(std::iter::once(entry), &mut deadlines, clock(wall, *second)).ids.is_empty()
        };
        (0..2_000).find(is_due).expect("never due")
    }

    proptest! {
        #[test]
        fn a_length_is_kept_and_a_time_of_day_waits_for_the_wall(
            length in 1_u64..500, set_back_at in 0_u64..600, by in 0_i64..500,
        ) {
            let due_at = i64::try_from(length).unwrap();
            prop_assert_eq!(first_due(&entry(1, 0, due_at, true), set_back_at, by), length);
            let wall = first_due(&entry(1, 0, due_at, false), set_back_at, by);
            let expected = if set_back_at <= length { length + by.unsigned_abs() } else { length };
            prop_assert_eq!(wall, expected);
        }
    }

    /// The slow and obvious way for many entries: each is asked alone, by what was known when it was first seen.
    fn due_slowly(entries: &[Entry], first: Clock, clock: Clock) -> (BTreeSet<u64>, Option<Duration>) {
        let left = |entry: &Entry| {
            let by_the_wall = until(clock.wall, entry.at);
            if !entry.relative {
                return by_the_wall;
            }
            let length = until(first.wall, entry.at).min(until(entry.set_at, entry.at));
            by_the_wall.min((first.steady + length).saturating_sub(clock.steady))
        };
        let due = entries.iter().filter(|entry| left(entry).is_zero()).map(|entry| entry.id).collect();
        (due, entries.iter().map(left).filter(|left| !left.is_zero()).min())
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 2_000,
            rng_seed: RngSeed::Fixed(1),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn however_the_clocks_step_each_entry_is_due_as_if_it_were_alone(
            times in prop::collection::vec((500_i64..1_500, 0_i64..1_000, any::<bool>()), 1..8),
            steps in prop::collection::vec((-300_i64..300, 0_u64..200), 1..12),
        ) {
            let entries: Vec<Entry> = (1..)
                .zip(times)
                .map(|(id, (set_at, length, relative))| entry(id, set_at, set_at + length, relative))
                .collect();
            let (mut wall, mut steady) = (1_000, 0);
            let first = clock(wall, steady);
            let mut deadlines = Deadlines::new();
            for (set_by, passed) in std::iter::once((0, 0)).chain(steps) {
                // The wall's clock runs as the other does, and is set besides.
                wall += set_by + i64::try_from(passed).unwrap();
                steady += passed;
                let now = clock(wall.max(0), steady);
                let found = due(entries.iter(), &mut deadlines, now);
                let ids: BTreeSet<u64> = found.ids.iter().copied().collect();
                prop_assert_eq!((ids, found.wait), due_slowly(&entries, first, now));
                let time = |id: &u64| entries.iter().find(|entry| entry.id == *id).map(|entry| entry.at);
                let overdue = found.ids.iter().map(time);
                prop_assert!(overdue.is_sorted(), "the earliest first");
            }
        }
    }

    fn hash(value: Option<&Value>) -> String {
        value.map_or("absent".to_owned(), Value::to_string)
    }

    fn scheduled(id: u64, from: &Value, to: Value) -> Entry {
        let expected = [("a".to_owned(), hash(Some(from)))].into();
        let changes = vec![Change { path: "a".to_owned(), value: Some(to) }];
        Entry { kind: Kind::Scheduled, changes, expected, ..entry(id, 0, 100, false) }
    }

    #[test]
    fn a_change_is_void_when_its_key_says_something_new() {
        let entry = scheduled(1, &json!(1), json!(2));
        let check = |now: Option<Value>, expected| {
            assert_eq!(standing(&entry, |_| now.clone(), hash), expected, "{now:?}");
        };
        check(Some(json!(1)), Standing::AsThen);
        check(Some(json!(2)), Standing::Already);
        check(Some(json!(3)), Standing::Void(vec!["a".to_owned()]));
        check(None, Standing::Void(vec!["a".to_owned()]));
    }

    #[test]
    fn what_was_scheduled_for_one_key_follows_on_each_other() {
        let night = scheduled(1, &json!("day"), json!("night"));
        let mut entries = [night.clone(), scheduled(2, &json!("day"), json!("morning"))];
        carried_out(&night, &mut entries, hash);
        let said = |value: &'static str| move |_: &str| Some(json!(value));
        assert_eq!(standing(&entries[1], said("night"), hash), Standing::AsThen);
        assert_eq!(standing(&entries[1], said("day"), hash), Standing::Void(vec!["a".to_owned()]));
        assert_eq!(entries[0], night, "itself it leaves alone");
    }
}
