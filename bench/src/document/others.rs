//! What was measured beside other programs, in tables and in words.

use crate::bars::{FLOOR, OURS};
use crate::peers::faults::{FAULTS, Fault, REPEATS, Seen};
use crate::peers::race;
use crate::record::Record;
use crate::sample::{Times, shown};

pub(super) fn race(record: &Record) -> String {
    let mut text = format!(
        "\n## Beside others\n\nFrom the save to the first answer over HTTP, on a fresh connection, that shows it; for all the same, \
         in turn, in one run. Programs that do not watch their file are told at once. «Missed» are saves that no answer showed within three \
         seconds; after two of them in a column nobody asks any more. Of fewer than a hundred saves, p99 is the longest.\n\n{}",
        table(
            record,
            [("by rename", |entry| Some(&entry.rename)), ("in place", |entry| entry.in_place.as_ref())]
        )
    );
    text += &format!(
        "\nFive saves, 2 ms apart, of which the last one counts:\n\n{}",
        table(
            record,
            [("by rename", |entry| Some(&entry.burst)), ("in place", |entry| entry.burst_in_place.as_ref())]
        )
    );
    text + &faster(record) + "\n![Everybody](figures/race.svg)\n"
}

/// What one way to save did to an entry of the race.
type Column = for<'a> fn(&'a race::Entry) -> Option<&'a race::Row>;

fn table(record: &Record, columns: [(&str, Column); 2]) -> String {
    let [one, other] = columns.map(|(how, _)| format!("{how}: median, p99 | missed"));
    let mut text = format!("| | version | {one} | {other} |\n| --- | --- | --- | --- | --- | --- |\n");
    for entry in &record.race {
        let cells = columns.map(|(_, column)| match column(entry) {
            None => "as by rename | ".to_owned(),
            Some(race::Row { saves, times }) if times.count == 0 => format!("never | {saves} of {saves}"),
            Some(race::Row { saves, times }) => {
                let (median, p99) = (shown(times.median()), shown(times.p99()));
                format!("{median}, {p99} | {} of {saves}", saves - times.count)
            }
        });
        text += &format!("| {} | {} | {} |\n", entry.name, entry.version, cells.join(" | "));
    }
    text
}

/// Who was faster than ours, in what.
fn faster(record: &Record) -> String {
    let columns: [(&str, Column); 4] = [
        ("by rename", |entry| Some(&entry.rename)),
        ("in place", |entry| entry.in_place.as_ref().or(Some(&entry.rename))),
        ("in bursts by rename", |entry| Some(&entry.burst)),
        ("in bursts in place", |entry| entry.burst_in_place.as_ref().or(Some(&entry.burst))),
    ];
    let mut text = "\nFaster than Thoth:\n\n".to_owned();
    for (how, column) in columns {
        for (what, of) in [("median", Times::median as fn(&Times) -> f64), ("p99", Times::p99)] {
            let value = |entry: &race::Entry| column(entry).map_or(f64::NAN, |row| of(&row.times));
            let of_all = record.race.iter().map(|entry| (entry.name.as_str(), value(entry)));
            text += &format!("- {how}, {what}: {}\n", ahead(of_all));
        }
    }
    text
}

/// Those whose value is below ours, the floor aside.
fn ahead<'a>(values: impl Iterator<Item = (&'a str, f64)> + Clone) -> String {
    let ours = values.clone().find(|(name, _)| *name == OURS).map_or(f64::NAN, |(_, value)| value);
    let ahead: Vec<String> = values
        .filter(|(name, value)| *value < ours && *name != FLOOR)
        .map(|(name, value)| format!("{name} ({} to {})", shown(value), shown(ours)))
        .collect();
    if ahead.is_empty() { "nobody".to_owned() } else { format!("**{}**", ahead.join("; ")) }
}

pub(super) fn strain(record: &Record) -> String {
    let load = &record.load;
    let mut text = format!(
        "\n## Under load\n\nSettings change as fast as each lets them, for two seconds, while four clients ask; two of them open a connection for \
         each question. A lost answer is none at all, a wrong one is not 200 or says nothing of the settings, a mixed one has two values of two \
         saves, and one that went back is older than one that was there before its question.\n\n\
         | | changes | never served | answers right | lost | wrong | mixed | went back |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n{}",
        record
            .strain
            .iter()
            .map(|one| format!(
                "| {}, {} | {} | {} | {} | {} | {} | {} | {} |\n",
                one.name,
                one.how,
                one.changes,
                one.missed,
                one.answers.right,
                one.answers.lost,
                one.answers.wrong,
                one.answers.mixed,
                one.answers.back
            ))
            .collect::<String>()
    );
    let mib = |kib: u64| kib as f64 / 1024.0;
    let (before, after) = (&load.before, &load.after);
    text += &format!(
        "\nThoth alone, {} changeovers, by rename and in place in turn: {} answers right, {} lost, {} wrong, {} mixed. Before and after them: \
         {:.1} and {:.1} MiB resident, {} and {} tasks, {} and {} threads, {} and {} descriptors.\n",
        load.applied,
        load.answers.right,
        load.answers.lost,
        load.answers.wrong,
        load.answers.mixed,
        mib(before.resident_kib),
        mib(after.resident_kib),
        before.tasks,
        after.tasks,
        before.threads,
        after.threads,
        before.descriptors,
        after.descriptors
    );
    text
}

pub(super) fn faults(record: &Record) -> String {
    let mut text = "\n## Saves that cannot be taken\n\nThe first half of a file; no file for three seconds; and a file that is right in itself \
        and needs what cannot be had: a port that is taken (a broken file of rules for Prometheus, a middleware that is not there for Traefik). \
        Each cell: what was answered meanwhile, and how soon the next good save was served, the median of five such pairs. The crates have no \
        step that could refuse what is right in itself; a YAML that is cut short may still be one; and the floor ends at the first content \
        that is no JSON, so that it is left out.\n\n| | half a file | no file | what cannot be had |\n| --- | --- | --- | --- |\n"
        .to_owned();
    let mut names: Vec<&str> = record.faults.iter().map(|seen| seen.name.as_str()).collect();
    names.dedup();
    let cell = |name: &str, fault: Fault| {
        let seen = record.faults.iter().find(|seen| seen.name == name && seen.fault == fault);
        seen.map_or("–".to_owned(), in_words)
    };
    for name in &names {
        let cells = FAULTS.map(|fault| cell(name, fault));
        text += &format!("| {name} | {} |\n", cells.join(" | "));
    }
    text += "\nWhose next save is served sooner than Thoth's:\n\n";
    for fault in FAULTS {
        let of_fault = record.faults.iter().filter(|seen| seen.fault == fault);
        let nexts = of_fault.map(|seen| (seen.name.as_str(), seen.next.median()));
        text += &format!("- after {}: {}\n", fault.words(), ahead(nexts));
    }
    text += "\nIn their own words, as far as they said anything:\n\n";
    for Seen { name, fault, says, .. } in &record.faults {
        let what = fault.words();
        let says =
            says.as_deref().map_or("nothing".to_owned(), |says| format!("`{}`", says.replace('`', "'")));
        text += &format!("- {name}, {what}: {says}\n");
    }
    text
}

fn in_words(seen: &Seen) -> String {
    let all = seen.old + seen.new + seen.mixed + seen.failed;
    let served = match (seen.old, seen.new, seen.mixed, seen.failed) {
        (_, 0, 0, 0) => "the old".to_owned(),
        (_, _, 0, 0) => "**the new**".to_owned(),
        (_, _, 0, failed) => format!("**{failed} of {all} answers lost or without the values**"),
        (_, _, mixed, _) => format!("**{mixed} of {all} answers mixed**"),
    };
    let next = match seen.next.count {
        0 => "**no save after it is served**".to_owned(),
        REPEATS => format!("next save {}", shown(seen.next.median())),
        served => format!("next save {}, **{served} of {} served**", shown(seen.next.median()), served + 1),
    };
    let ended = if seen.ended { "; **the process ended**" } else { "" };
    format!("{served}{ended}; {next}")
}
