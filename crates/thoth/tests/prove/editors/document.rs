//! The table of [docs/editors.md]: what was seen, written into the document or compared with it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use super::mounts::World;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/editors.md");
/// Asks for the document to be written anew.
const WRITE: &str = "PROVE_WRITE";

/// What was seen of one way in one kind of place.
pub struct Row {
    pub name: &'static str,
    pub how: Option<&'static str>,
    /// From the last call of each good save until it was served and told.
    pub times: Vec<Duration>,
}

/// Ways in the order in which they were tried.
#[derive(Default)]
pub struct Table(Vec<(&'static str, BTreeMap<World, Row>)>);

impl Table {
    pub fn add(&mut self, world: World, row: Row) {
        match self.0.iter_mut().find(|(name, _)| *name == row.name) {
            Some((_, cells)) => drop(cells.insert(world, row)),
            None => self.0.push((row.name, BTreeMap::from([(world, row)]))),
        }
    }

    /// Name, and how it saves in a folder: what does not depend on the machine.
    fn rows(&self) -> Vec<(&'static str, &'static str)> {
        let how = |cells: &BTreeMap<World, Row>| cells.get(&World::Folder).and_then(|row| row.how);
        self.0.iter().map(|(name, cells)| (*name, how(cells).unwrap_or("—"))).collect()
    }

    fn render(&self) -> String {
        let mut out = String::from("| program | how it saves |");
        World::ALL.iter().for_each(|world| write!(out, " {} |", world.words()).unwrap());
        out.push_str("\n| --- | --- |");
        out.push_str(&" ---: |".repeat(World::ALL.len()));
        for ((name, cells), (_, how)) in self.0.iter().zip(self.rows()) {
            write!(out, "\n| {name} | {how} |").unwrap();
            for world in World::ALL {
                let median = cells.get(&world).map_or_else(|| "—".to_owned(), |row| in_words(&row.times));
                write!(out, " {median} |").unwrap();
            }
        }
        out
    }

    /// Writes the document where that is asked for; else every row that was tried must stand in it, and no other.
    pub fn write_or_check(&self) {
        let table = self.render();
        println!("{table}");
        let path = PathBuf::from(DOCUMENT);
        if std::env::var_os(WRITE).is_some() {
            let document =
                include_str!("document.md").replace("TABLE", &table).replace("MACHINE", &machine());
            std::fs::write(path, document).unwrap();
            return;
        }
        let document = std::fs::read_to_string(path).unwrap();
        let mut known: Vec<(String, String)> = Vec::new();
        for line in document.lines().filter_map(|line| line.strip_prefix("| ")) {
            let mut cells = line.split(" | ").map(str::to_owned);
            known.extend(cells.next().zip(cells.next()));
        }
        let known = &known[known.len().min(2)..];
        for (name, how) in self.rows() {
            let row = known.iter().find(|(known, _)| known == name);
            let row = row
                .unwrap_or_else(|| panic!("docs/editors.md has no row for {name}: `{WRITE}=1 make prove`"));
            assert_eq!(row.1, how, "{name} saves in another way than docs/editors.md says");
        }
        let gone = known.iter().find(|(name, _)| !super::ways::WAYS.iter().any(|way| way.name == name));
        assert!(gone.is_none(), "docs/editors.md has a row that is not tried: {gone:?}");
    }
}

fn in_words(times: &[Duration]) -> String {
    let mut times = times.to_vec();
    times.sort();
    match times.get(times.len() / 2) {
        Some(median) if median.as_millis() >= 100 => format!("{} ms", median.as_millis()),
        Some(median) if median.as_micros() < 100 => "< 0.1 ms".to_owned(),
        Some(median) => format!("{:.1} ms", median.as_secs_f64() * 1e3),
        None => "—".to_owned(),
    }
}

/// The processor, its cores, the kernel, and what else it had to do.
fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("a processor that does not say its name", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').nth(1).unwrap_or("unknown").to_owned();
    let kernel = kernel.split('-').next().unwrap_or_default().trim().to_owned();
    format!("{model}, {cores} cores, Linux {kernel}, with a load of {load} (of five minutes) in the end")
}
