//! The document of the figures, made from the record of a run and from nothing else.

use std::path::Path;

use anyhow::Context;

use crate::latency::Row;
use crate::peers::faults::{FAULTS, Fault, Seen};
use crate::peers::race;
use crate::plot::{self, Line, Span};
use crate::record::Record;
use crate::sample::{PERCENTS, Times, shown};
use crate::throughput::Throughput;

/// Ours, as the race calls it.
const OURS: &str = "Thoth";

/// Writes the document and its plots.
pub fn write(record: &Record, docs: &Path) -> anyhow::Result<()> {
    let put = |name: &str, text: &str| {
        let file = docs.join(name);
        std::fs::write(&file, text).with_context(|| format!("writing `{}`", file.display()))
    };
    std::fs::create_dir_all(docs.join("figures"))?;
    put("figures.md", &markdown(record))?;
    for (name, svg) in plots(record) {
        put(&format!("figures/{name}.svg"), &svg)?;
    }
    Ok(())
}

/// The plots by name.
pub fn plots(record: &Record) -> [(&'static str, String); 4] {
    let curve = |name, times: &Times| Line {
        name,
        points: PERCENTS.iter().map(|percent| *percent as f64).zip(times.micros.iter().copied()).collect(),
    };
    let percent = |value: f64| format!("{value:.0} %");
    let save = [curve(OURS, &record.rename.ours), curve("floor", &record.rename.floor)];
    let span = |entry: &race::Entry| {
        let times = &entry.rename.times;
        let at = (times.count > 0).then(|| [10, 50, 99].map(|percent| times.percentile(percent)));
        Span { name: entry.name.clone(), at }
    };
    let race: Vec<Span> = record.race.iter().map(span).collect();
    let size = |name, of: fn(&Row) -> &Times| Line {
        name,
        points: record.sizes.sizes.iter().map(|size| (size.bytes as f64, of(&size.row).median())).collect(),
    };
    let sizes = [size(OURS, |row| &row.ours), size("floor", |row| &row.floor)];
    let crowd = |name, of: fn(&crate::growth::Crowd) -> f64| Line {
        name,
        points: record.services.iter().map(|crowd| (crowd.services as f64, of(crowd))).collect(),
    };
    let services = [crowd("one", |crowd| crowd.one), crowd("all", |crowd| crowd.all)];
    [
        (
            "save",
            plot::lines("By rename: what share of saves was live by when", &save, false, (percent, shown)),
        ),
        (
            "race",
            plot::spans(
                "From a save by rename to the answer: 10th percentile, median, 99th",
                &race,
                OURS,
                shown,
            ),
        ),
        (
            "sizes",
            plot::lines(
                "From a save to every service live, by size of the file",
                &sizes,
                true,
                (bytes, shown),
            ),
        ),
        (
            "services",
            plot::lines(
                "A changeover by number of services: one rebuilt, all rebuilt",
                &services,
                true,
                (count, shown),
            ),
        ),
    ]
}

fn bytes(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{:.0} MB", value / 1e6),
        value if value >= 1e3 => format!("{:.0} KB", value / 1e3),
        value => format!("{value:.0} B"),
    }
}

fn count(value: f64) -> String {
    format!("{value:.0}")
}

/// All of it.
pub fn markdown(record: &Record) -> String {
    [
        head(record),
        own(record),
        beside(record),
        strain(record),
        faults(record),
        costs(record),
        growth(record),
        rest(record),
        skipped(record),
    ]
    .concat()
}

fn head(record: &Record) -> String {
    let machine = &record.machine;
    let trial = match machine.trial {
        true => {
            "**A trial: a quick run, or a build without optimisation. It shows that everything runs, and no speed.**\n\n"
        }
        false => "",
    };
    format!(
        "# Figures\n\n{trial}`make bench` measures all of this in one run, and prints it. What stands here was printed on {} on {} cores of \
         an {}, Linux {}, load average {} at the beginning; [figures.json](figures.json) has the numbers. Yours will differ: the \
         ratios less than the times.\n",
        machine.at.strftime("%Y-%m-%d"),
        machine.cores,
        machine.processor,
        machine.kernel,
        machine.load
    )
}

fn own(record: &Record) -> String {
    let mut text = format!(
        "\n## From the save to every service live\n\nThe floor is a loop that does nothing but the inevitable: inotify, read, parse, swap \
         a pointer. It parses the same file, is written on system calls, and checks, builds, promises and records nothing. {} saves of each \
         row, ours and the floor in turn. Each notes the time itself: the floor when the pointer is swapped, ours when every service is \
         live and every follower has followed.\n\n",
        record.rename.ours.count
    );
    text += &saves(&record.rename, &record.in_place, &record.engine);
    let stage = |name: &str| shown(record.rename.stages.get(name).copied().unwrap_or(f64::NAN));
    text += &format!(
        "\nOf the median by rename: reading {}, checking {}, preparing {}, journal and switch {}.\n\n![Ours and the floor](figures/save.svg)\n",
        stage("read"),
        stage("check"),
        stage("prepare"),
        stage("commit")
    );
    text
}

/// The table of what a save takes, beside the floor.
pub fn saves(rename: &Row, in_place: &Row, engine: &Row) -> String {
    let mut text = "| save | ours, median | floor, median | ratio | ours, p99 | floor, p99 | ratio |\n\
                    | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for (how, Row { ours, floor, .. }) in
        [("by rename", rename), ("in place", in_place), ("the engine alone, a small file, by rename", engine)]
    {
        text += &format!(
            "| {how} | {} | {} | {:.2} | {} | {} | {:.2} |\n",
            shown(ours.median()),
            shown(floor.median()),
            ours.median() / floor.median(),
            shown(ours.p99()),
            shown(floor.p99()),
            ours.p99() / floor.p99()
        );
    }
    text
}

fn beside(record: &Record) -> String {
    let mut text = "\n## Beside others\n\nFrom the save to the first answer over HTTP, on a fresh connection, that shows it; for all the same, \
        in turn, in one run. Programs that do not watch their file are told at once. «Missed» are saves that no answer showed within three \
        seconds; after two of them in a column nobody asks any more. A burst is five saves, 2 ms apart; its last one counts. Of fewer \
        than a hundred saves, p99 is the longest.\n\n\
        | | version | by rename: median, p99 | missed | in place: median, p99 | missed | burst: median | missed |\n\
        | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    let both = |row: &race::Row| match row.times.count {
        0 => "never".to_owned(),
        _ => format!("{}, {}", shown(row.times.median()), shown(row.times.p99())),
    };
    let missed = |row: &race::Row| format!("{} of {}", row.saves - row.times.count, row.saves);
    for race::Entry { name, version, rename, in_place, burst } in &record.race {
        let (place, place_missed) = match in_place {
            Some(row) => (both(row), missed(row)),
            None => ("as by rename".to_owned(), String::new()),
        };
        let of_burst = if burst.times.count == 0 { "never".to_owned() } else { shown(burst.times.median()) };
        text += &format!(
            "| {name} | {version} | {} | {} | {place} | {place_missed} | {of_burst} | {} |\n",
            both(rename),
            missed(rename),
            missed(burst)
        );
    }
    let median = |entry: &race::Entry| entry.rename.times.median();
    let ours = record.race.iter().find(|entry| entry.name == OURS).map_or(f64::NAN, median);
    let faster: Vec<&str> = record
        .race
        .iter()
        .filter(|entry| median(entry) < ours && entry.name != "the floor")
        .map(|entry| entry.name.as_str())
        .collect();
    let faster = if faster.is_empty() { "nobody".to_owned() } else { faster.join("; ") };
    text + &format!(
        "\nFaster than Thoth, where the file was saved by rename: {faster}.\n\n![Everybody](figures/race.svg)\n"
    )
}

fn strain(record: &Record) -> String {
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

fn faults(record: &Record) -> String {
    let mut text = "\n## Saves that cannot be taken\n\nThe first half of a file; no file for three seconds; and a file that is right in itself \
        and needs what cannot be had: a port that is taken (a broken file of rules for Prometheus, a middleware that is not there for Traefik). \
        Each cell: what was answered meanwhile, and how soon the next good save was served. The crates have no step that could refuse what is \
        right in itself; and a YAML that is cut short may still be one.\n\n| | half a file | no file | what cannot be had |\n| --- | --- | --- | --- |\n"
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
    text += "\nIn their own words, as far as they said anything:\n\n";
    for Seen { name, fault, says, .. } in &record.faults {
        let what = match fault {
            Fault::Truncated => "half a file",
            Fault::Missing => "no file",
            Fault::Impossible => "what cannot be had",
        };
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
    let next = match seen.next {
        Some(micros) => format!("next save {}", shown(micros)),
        None => "**no save after it is served**".to_owned(),
    };
    let ended = if seen.ended { "; **the process ended**" } else { "" };
    format!("{served}{ended}; {next}")
}

fn costs(record: &Record) -> String {
    let reads = &record.reads;
    format!(
        "\n## What it costs to read, and to change\n\nTaking the live generation for a unit of work: {:.1} ns; a bare `ArcSwap::load_full`: {:.1} ns, \
         ratio {:.2}. For a moment: {:.1} ns; a bare `ArcSwap::load`: {:.1} ns, ratio {:.2}. \
         With a name, by which a unit of work that does not let go is told from all others: {:.1} ns.\n\n{}",
        reads.load,
        reads.bare_load,
        reads.load / reads.bare_load,
        reads.peek,
        reads.bare_peek,
        reads.peek / reads.bare_peek,
        reads.pin,
        flow(&record.throughput),
    )
}

/// What changes cost the requests of others.
pub fn flow(flows: &[Throughput]) -> String {
    let mut text = "Clients ask Thoth for all settings as fast as they can, in windows of half a second in turn: without changes, with ten \
                    saves a second that the floor takes beside it, and with ten that Thoth takes. Two clients leave the cores a pause \
                    between question and answer, and whatever wakes up in it has the kernel place all anew; eight leave none.\n\n\
                    | clients, changes | answers a second | ratio | median | ratio | p99 | ratio | changeovers | answers not right |\n\
                    | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for Throughput { clients, quiet, floor, ours } in flows {
        for (whose, flow) in [("none", quiet), ("the floor's", floor), ("Thoth's", ours)] {
            let (median, p99) = (flow.times.median(), flow.times.p99());
            text += &format!(
                "| {clients}, {whose} | {:.0} | {:.3} | {} | {:.2} | {} | {:.2} | {} | {} |\n",
                flow.per_second,
                flow.per_second / quiet.per_second,
                shown(median),
                median / quiet.times.median(),
                shown(p99),
                p99 / quiet.times.p99(),
                flow.changes,
                flow.not_right
            );
        }
    }
    text
}

fn growth(record: &Record) -> String {
    let mut text = "\n## As settings and services grow\n\nA settings file of notes, saved by rename, medians:\n\n| file | ours | floor | ratio |\n| --- | --- | --- | --- |\n"
        .to_owned();
    for size in &record.sizes.sizes {
        let (ours, floor) = (size.row.ours.median(), size.row.floor.median());
        text += &format!(
            "| {} | {} | {} | {:.2} |\n",
            bytes(size.bytes as f64),
            shown(ours),
            shown(floor),
            ours / floor
        );
    }
    text += &format!(
        "\nBeyond 10 MiB a file is not read: «{}».\n\n![By size](figures/sizes.svg)\n\nThe engine alone, with services that do nothing: from the first sign of a \
         save to the verdict, medians.\n\n| services | one rebuilt | all rebuilt |\n| --- | --- | --- |\n",
        record.sizes.beyond
    );
    for crowd in &record.services {
        text += &format!("| {} | {} | {} |\n", crowd.services, shown(crowd.one), shown(crowd.all));
    }
    text + "\n![By services](figures/services.svg)\n"
}

fn rest(record: &Record) -> String {
    let [on, off] = &record.idle;
    let mib = |kib: u64| kib as f64 / 1024.0;
    format!(
        "\n## At rest\n\nTwo servers beside each other, one with the watch, one without (`THOTH_HOT_RELOAD=0`):\n\n\
         | | with the watch | without |\n| --- | --- | --- |\n| processor, of one core | {:.3} % | {:.3} % |\n| wake-ups a second | {:.1} | {:.1} |\n\
         | memory of its own | {:.2} MiB | {:.2} MiB |\n| resident, shared files included | {:.1} MiB | {:.1} MiB |\n",
        on.cpu_percent,
        off.cpu_percent,
        on.wakeups,
        off.wakeups,
        mib(on.anonymous_kib),
        mib(off.anonymous_kib),
        mib(on.resident_kib),
        mib(off.resident_kib)
    )
}

fn skipped(record: &Record) -> String {
    if record.skipped.is_empty() {
        return String::new();
    }
    let lines: String = record.skipped.iter().map(|line| format!("- skipped: {line}\n")).collect();
    format!("\n## Left out\n\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands in the documents is what the run printed, to the letter.
    #[test]
    fn the_document_and_its_plots_are_those_of_the_record() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let record = Record::read(&docs.join(crate::RECORD)).unwrap();
        let hint = "make it anew: thoth-bench --document docs";
        assert_eq!(std::fs::read_to_string(docs.join("figures.md")).unwrap(), markdown(&record), "{hint}");
        for (name, svg) in plots(&record) {
            let file = docs.join(format!("figures/{name}.svg"));
            assert_eq!(std::fs::read_to_string(&file).unwrap(), svg, "{name}: {hint}");
        }
    }
}
