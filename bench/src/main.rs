//! The figures, in one run: ours, the floor, and what a user could pick instead.
//!
//! - `thoth-bench THOTH TOOLS [--quick] [--record DOCS]` measures and prints Markdown; `--record` writes it down in `figures.json`,
//!   `figures.md` and `figures/` of that folder.
//! - `thoth-bench --document DOCS` makes the document anew from `figures.json`.
//! - `thoth-bench THOTH --plan` prints the figures that the plan for changing settings set itself.
//! - `thoth-bench THOTH --saves` prints what a save takes, and its stages: for whoever works on that.
//! - `thoth-bench THOTH --flow` prints what changes cost the requests of others.
//! - `thoth-bench --floor FILE ADDRESS` is the floor as a program that answers.

mod answer;
mod bars;
mod client;
#[path = "../../crates/thoth/tests/corpus/generated.rs"]
mod corpus;
mod document;
mod floor;
mod growth;
mod idle;
mod latency;
mod load;
mod peers;
mod plan;
mod plot;
mod reads;
mod record;
mod run;
mod sample;
#[path = "../../crates/thoth/tests/corpus/samples.rs"]
mod samples;
mod server;
mod settings;
mod throughput;
mod verdicts;

use std::path::Path;

use anyhow::bail;

use record::Record;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--floor", file, address] => floor::serve(Path::new(file), address),
        ["--document", docs] => {
            document::write(&Record::read(&Path::new(docs).join(RECORD))?, Path::new(docs))
        }
        [thoth, "--plan"] => plan::print(Path::new(thoth)),
        [thoth, "--saves"] => {
            let [rename, in_place, engine] = run::saves(Path::new(thoth))?;
            print!("{}", document::saves(&rename, &in_place, &engine));
            for (how, row) in [("by rename", rename), ("in place", in_place), ("the engine alone", engine)] {
                println!("{how}, µs: {:?}", row.stages);
            }
            Ok(())
        }
        [thoth, "--flow"] => {
            let flow = throughput::measure(&run::tools(Path::new(thoth), Path::new(""))?)?;
            print!("{}", document::flow(&flow));
            Ok(())
        }
        [thoth, tools, options @ ..] => {
            let (quick, docs) = match options {
                [] => (false, None),
                ["--quick"] => (true, None),
                ["--record", docs] => (false, Some(Path::new(docs))),
                ["--quick", "--record", docs] => (true, Some(Path::new(docs))),
                _ => bail!("unknown options: {}", options.join(" ")),
            };
            let mut record = run::run(Path::new(thoth), Path::new(tools), quick)?;
            let before = docs.map(|docs| Record::runs_of(&docs.join(RECORD))).unwrap_or_default();
            record.runs = bars::with(before, &record);
            print!("{}", document::markdown(&record));
            let Some(docs) = docs else { return Ok(()) };
            record.write(&docs.join(RECORD))?;
            document::write(&record, docs)
        }
        _ => bail!("usage: thoth-bench THOTH TOOLS [--quick] [--record DOCS]"),
    }
}

/// What a run writes down, in the folder of the documents.
const RECORD: &str = "figures.json";
