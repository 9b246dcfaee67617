use changeover::ServiceReport;

use super::*;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

/// A verdict a minute: id and time are the same number.
fn verdict(id: u64, cause: Cause, decision: Decision) -> Verdict {
    Verdict {
        id,
        verdict: decision,
        outcome: None,
        generation: id,
        cause,
        actor: None,
        problems: Vec::new(),
        warnings: Vec::new(),
        services: Vec::new(),
        stages_ms: BTreeMap::new(),
        at: at(id as i64),
        content: None,
    }
}

fn refused(id: u64, cause: Cause, paths: &[&str], prepared: bool) -> Verdict {
    let problems = paths.iter().map(|path| Problem::new(*path, format!("said by {id}"))).collect();
    let stages = if prepared { &["read", "check", "prepare"][..] } else { &["read", "check"] };
    let stages_ms = stages.iter().map(|stage| ((*stage).to_owned(), 1.0)).collect();
    Verdict { problems, stages_ms, ..verdict(id, cause, Decision::Rejected) }
}

fn timed(id: u64, cause: Cause, prepare: f64) -> Verdict {
    let stages_ms = [("read", 0.1), ("prepare", prepare), ("total", prepare + 0.1)];
    let stages_ms = stages_ms.map(|(stage, millis)| (stage.to_owned(), millis)).into();
    Verdict { stages_ms, ..verdict(id, cause, Decision::Applied) }
}

#[test]
fn nothing_gives_no_rates() {
    let report = report(Vec::new(), at(0), at(9));
    assert_eq!((report.total, report.accepted_percent, report.success_percent), (0, None, None));
    assert_eq!((report.history_begins, report.stages, report.refused_keys), (None, vec![], vec![]));
}

#[test]
fn a_typing_error_is_no_failed_reload_and_a_taken_port_is() {
    let verdicts = vec![
        verdict(1, Cause::Start, Decision::Applied),
        refused(2, Cause::Save, &["llm.default.temprature"], false),
        verdict(3, Cause::Save, Decision::Applied),
        verdict(4, Cause::Reload, Decision::Unchanged),
        verdict(5, Cause::Save, Decision::Superseded),
        refused(6, Cause::Save, &["servers.api.port"], true),
    ];
    let report = report(verdicts, at(0), at(9));
    assert_eq!(report.verdicts, Verdicts { applied: 2, unchanged: 1, rejected: 2, superseded: 1 });
    assert_eq!((report.accepted_percent, report.success_percent), (Some(60.0), Some(75.0)));
    assert_eq!(report.causes, [("start", 1), ("save", 4), ("reload", 1)].into());
    assert_eq!((report.starts, report.starts_last_known_good, report.starts_safe_mode), (1, 0, 0));
}

#[test]
fn what_was_taken_back_is_no_success_and_the_way_back_is_no_save() {
    let with = |id, outcome| Verdict { outcome, ..verdict(id, Cause::Save, Decision::Applied) };
    let verdicts = vec![
        with(1, Some(Outcome::Kept)),
        with(2, Some(Outcome::KeptUnproven)),
        with(3, Some(Outcome::Reverted)),
        verdict(4, Cause::Revert, Decision::Applied),
        with(5, None),
    ];
    let report = report(verdicts, at(0), at(9));
    assert_eq!(report.outcomes, Outcomes { kept: 1, kept_unproven: 1, reverted: 1, open: 1 });
    assert_eq!((report.success_percent, report.accepted_percent), (Some(75.0), Some(100.0)));
}

#[test]
fn one_failure_in_twenty_thousand_is_not_a_hundred_percent() {
    assert_eq!((percent(19_999, 20_000), percent(20_000, 20_000)), (Some(99.99), Some(100.0)));
}

#[test]
fn only_the_period_counts_and_how_far_the_history_reaches_is_said() {
    let verdicts = (1..=9).rev().map(|id| verdict(id, Cause::Save, Decision::Applied)).collect();
    let report = report(verdicts, at(4), at(6));
    assert_eq!((report.total, report.history_begins), (3, Some(at(1))));
}

#[test]
fn starts_into_last_known_good_and_into_safe_mode_are_told_apart() {
    let start = |id, decision| verdict(id, Cause::Start, decision);
    let check = |verdicts: Vec<Verdict>, expected: (usize, usize, usize)| {
        let report = report(verdicts, at(0), at(99));
        assert_eq!((report.starts, report.starts_last_known_good, report.starts_safe_mode), expected);
    };
    check(vec![start(1, Decision::Applied)], (1, 0, 0));
    check(vec![start(1, Decision::Rejected), start(2, Decision::Applied)], (1, 1, 0));
    check(vec![start(1, Decision::Rejected)], (1, 0, 1));
    check(vec![start(1, Decision::Rejected), verdict(2, Cause::Save, Decision::Applied)], (1, 0, 1));
    check(
        vec![start(1, Decision::Rejected), start(2, Decision::Rejected), start(3, Decision::Applied)],
        (2, 1, 1),
    );
}

#[test]
fn stages_have_percentiles_and_the_slowest_comes_first() {
    let mut verdicts: Vec<Verdict> = (1..=200).map(|id| timed(id, Cause::Save, id as f64)).collect();
    verdicts.push(timed(201, Cause::Start, 9_999.0));
    let report = report(verdicts, at(0), at(999));
    let prepare = Stage { name: "prepare".to_owned(), p50_ms: 100.0, p99_ms: 198.0, max_ms: 200.0 };
    assert_eq!(report.stages[0], prepare, "a start is left out");
    let names: Vec<&str> = report.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["prepare", "read", "total"]);
}

#[test]
fn keys_are_counted_once_a_verdict_and_the_last_word_is_kept() {
    let verdicts = vec![
        refused(1, Cause::Save, &["b", "b", ""], false),
        refused(2, Cause::Save, &["b"], false),
        refused(3, Cause::Save, &["a"], false),
    ];
    let keys = report(verdicts, at(0), at(9)).refused_keys;
    let keys: Vec<_> = keys.iter().map(|key| (key.path.as_str(), key.count, key.last.as_str())).collect();
    assert_eq!(keys, [("b", 2, "said by 2"), ("", 1, "said by 1"), ("a", 1, "said by 3")]);
}

#[test]
fn followers_that_did_not_follow_are_counted() {
    let service =
        ServiceReport { name: "ports".to_owned(), action: Action::Degraded, reason: "late".to_owned() };
    let late = Verdict { services: vec![service], ..verdict(1, Cause::Save, Decision::Applied) };
    assert_eq!(report(vec![late, verdict(2, Cause::Save, Decision::Applied)], at(0), at(9)).incomplete, 1);
}
