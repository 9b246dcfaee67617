//! The document of the figures, made from the record of a run and from nothing else.

mod others;

use std::path::Path;

use anyhow::Context;

use crate::bars::{self, OURS};
use crate::growth::Size;
use crate::latency::Row;
use crate::peers::race;
use crate::plot::{self, Line, Span};
use crate::record::Record;
use crate::sample::{PERCENTS, Times, shown};
use crate::throughput::Throughput;

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
    let size = |name, of: fn(&Size) -> &Times| Line {
        name,
        points: record.sizes.sizes.iter().map(|size| (size.bytes as f64, of(size).median())).collect(),
    };
    let sizes = [size(OURS, |size| &size.hosts.ours), size("floor", |size| &size.hosts.floor)];
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
                "From a save to every service live, by size of the file, most of it one list",
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
        bars(record),
        own(record),
        others::race(record),
        others::strain(record),
        others::faults(record),
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
         ratios less than the times. `scripts/bench.sh --record` writes this page and its plots anew.\n",
        machine.at.strftime("%Y-%m-%d"),
        machine.cores,
        machine.processor,
        machine.kernel,
        machine.load
    )
}

fn bars(record: &Record) -> String {
    format!(
        "\n## The bars, in the last runs\n\nWhat Thoth set itself, and what the last {} runs reached, each of them whole. Throughput is what \
         eight clients ask that leave the cores no pause; with two, and pauses, the floor's changes cost it as well (below). Ten thousand \
         changeovers, after which no task, thread, descriptor nor MiB more may be there, are a test: `make prove`.\n\n{}",
        record.runs.len(),
        bars::table(&record.runs)
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
    let mut text = "\n## As settings and services grow\n\nSaved by rename, medians; of a file of notes, which are passed over, and of one whose \
        setting grows: a list of names, each of which is checked, compared, and given to a service.\n\n\
        | file | notes: ours | floor | ratio | a setting: ours | floor | ratio |\n| --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for Size { bytes: size, notes, hosts } in &record.sizes.sizes {
        let cells = [notes, hosts].map(|row| {
            let (ours, floor) = (row.ours.median(), row.floor.median());
            format!("{} | {} | {:.2}", shown(ours), shown(floor), ours / floor)
        });
        text += &format!("| {} | {} |\n", bytes(*size as f64), cells.join(" | "));
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
