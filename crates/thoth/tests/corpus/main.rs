//! The corpus of settings files: what is refused, with its place, and what looks bad and is good. README.md has the form.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod binary;
mod expected;
mod generated;
mod growth;
#[path = "../../../changeover/tests/fuzz/kept.rs"]
mod kept;
mod mutated;
mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use changeover::Occasion;
use expected::Said;
use samples::Sample;
use tempfile::TempDir;
use thoth::settings::{Bound, Environment, KEYS, Kind, Vault};

/// Where the corpus stands.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");

/// Files of each kind, at least, and good ones for each kind of refusal.
const FILES_MIN: usize = 3;

/// Bytes of one problem, however long the key or the value that it is about.
const PROBLEM_MAX: usize = 1_000;

fn corpus() -> Vec<Sample> {
    samples::all(Path::new(FOLDER)).unwrap()
}

/// A vault that has what the files name, in a folder of its own.
struct Home {
    vault: Vault,
    folder: TempDir,
}

fn home() -> Home {
    let folder = tempfile::tempdir().unwrap();
    let vault = folder.path().join("vault");
    std::fs::create_dir(&vault).unwrap();
    samples::furnish(&vault, Path::new(FOLDER)).unwrap();
    Home { vault: Vault::at(&vault).unwrap(), folder }
}

impl Home {
    fn check(&self, content: &[u8]) -> Said {
        let reviewed =
            thoth::settings::review(content, Occasion::Running, &Environment::default(), &self.vault);
        Said { problems: reviewed.problems, warnings: reviewed.warnings, settings: reviewed.settings }
    }
}

#[test]
fn every_file_is_judged_as_it_should_be() {
    let home = home();
    let mut wrong = String::new();
    for sample in corpus() {
        let said = home.check(&sample.content);
        let mut differences = expected::differences(&sample.expected, &said, &home.vault);
        if said.problems.is_empty() == sample.refused {
            differences.insert(0, "wrongly judged".to_owned());
        }
        let mut all = said.problems.iter().chain(&said.warnings);
        if let Some(long) = all.find(|problem| problem.to_string().len() > PROBLEM_MAX) {
            differences.push(format!(
                "{} bytes are said of {}:{:?}",
                long.to_string().len(),
                long.message,
                long.line
            ));
        }
        if !differences.is_empty() {
            wrong.push_str(&format!("{}\n  {}\n", sample.what, differences.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// `check`, which the engine asks, says the same as `review`, which people ask.
#[test]
fn the_engine_hears_the_same() {
    let home = home();
    for sample in corpus() {
        let checked =
            thoth::settings::check(&sample.content, Occasion::Running, &Environment::default(), &home.vault);
        let said = home.check(&sample.content);
        match checked {
            Ok(accepted) => {
                assert_eq!(Some(accepted.settings), said.settings, "{}", sample.what);
                assert_eq!(accepted.warnings, said.warnings, "{}", sample.what);
            }
            Err(problems) => assert_eq!(problems, said.problems, "{}", sample.what),
        }
    }
}

#[test]
fn the_corpus_is_what_it_says() {
    let corpus = corpus();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut long, mut titles) = (0, BTreeSet::new());
    for sample in &corpus {
        let (kind, _) = sample.what.split_once(": ").unwrap();
        *kinds.entry(kind).or_default() += 1;
        long += usize::from(sample.what.contains("long file"));
        assert!(!sample.expected.is_empty() || !sample.refused, "{} says nothing", sample.what);
        assert!(titles.insert(&sample.what), "{} stands there twice", sample.what);
    }
    let few: Vec<_> = kinds.iter().filter(|(_, count)| **count < FILES_MIN).collect();
    assert!(few.is_empty(), "fewer than {FILES_MIN} files: {few:?}");
    let refusals = kinds.keys().filter(|kind| kind.starts_with("refused/")).count();
    let good = corpus.iter().filter(|sample| !sample.refused).count();
    assert!(good >= FILES_MIN * refusals, "{good} good files for {refusals} kinds of refusal");
    assert!(long * 2 >= corpus.len(), "{long} long files of {}", corpus.len());
    for name in ["plugin.json", "export.json", "commented.jsonc", "minified.json", "docker.json"] {
        let content = std::fs::read(Path::new(FOLDER).join("long").join(name)).unwrap();
        let document = changeover::check::parse(&content).unwrap();
        assert!(leaves(&document.root) >= 100, "{name} is short");
    }
}

fn leaves(node: &changeover::check::Node) -> usize {
    match node.members() {
        [] => 1,
        members => members.iter().map(|member| leaves(&member.value)).sum(),
    }
}

/// Every type, and every bound that is enforced, is broken by some file.
#[test]
fn every_type_and_every_bound_is_broken_by_some_file() {
    let home = home();
    let mut broken: BTreeSet<String> = BTreeSet::new();
    for sample in corpus().iter().filter(|sample| sample.refused) {
        for problem in home.check(&sample.content).problems {
            let wrong_type = ["must be", "whole number", "below 0", "nothing but strings"]
                .iter()
                .any(|part| problem.message.contains(part));
            let path = problem.path.split('[').next().unwrap_or_default();
            let same = |key: &&thoth::settings::Key| {
                let plain = |path: &str| path.replace('_', "").to_lowercase();
                plain(key.path) == plain(&path.replace("llmConfig", "llm"))
            };
            if let Some(key) = KEYS.iter().find(same) {
                broken.insert(if wrong_type { type_name(key.kind) } else { bound_name(key.bound) });
            }
        }
    }
    let types = KEYS.iter().map(|key| type_name(key.kind));
    let bounds = KEYS.iter().filter(|key| key.bound_is_enforced()).map(|key| bound_name(key.bound));
    let all: BTreeSet<String> = types.chain(bounds).filter(|name| name != "Any").collect();
    let whole: Vec<_> = all.difference(&broken).collect();
    assert!(whole.is_empty(), "no file breaks {whole:?}; {broken:?} are broken");
}

fn type_name(kind: Kind) -> String {
    format!("the type {kind:?}")
}

fn bound_name(bound: Bound) -> String {
    let name = format!("{bound:?}");
    name.split('(').next().unwrap_or_default().to_owned()
}

/// Both ends of every bound are within it.
#[test]
fn both_ends_of_every_bound_are_accepted() {
    let home = home();
    for key in KEYS {
        let ends = match key.bound {
            Bound::Between(low, high) => vec![low, high],
            Bound::AtLeast(low) => vec![low],
            _ => continue,
        };
        for end in ends {
            // Chunks must be longer than they overlap.
            let mut file = serde_json::json!({ "rag": { "chunkSize": 1_000_000, "chunkOverlap": 0 } });
            let mut place = &mut file;
            for name in key.path.split('.') {
                place = &mut place[name];
            }
            *place = if key.kind == Kind::Count { (end as u64).into() } else { end.into() };
            if key.path == "rag.chunkOverlap" && end > 0.0 {
                *place = 999_999.into();
            }
            let said = home.check(file.to_string().as_bytes());
            assert!(said.problems.is_empty(), "{file}: {:?}", said.problems);
        }
    }
}

/// Every key of the schema, once for each way to get it wrong.
#[test]
fn what_the_schema_tells_to_refuse_is_refused() {
    let home = home();
    let schema = include_str!("../../../../settings/settings.schema.json");
    let corpus = generated::corpus(schema).unwrap();
    assert!(corpus.bad.len() > 700 && corpus.good.len() > 300, "{} {}", corpus.bad.len(), corpus.good.len());
    let judged = |sample: &generated::Sample| home.check(&sample.content).problems.is_empty();
    let accepted: Vec<&str> =
        corpus.bad.iter().filter(|sample| judged(sample)).map(|sample| sample.what.as_str()).collect();
    let refused: Vec<&str> =
        corpus.good.iter().filter(|sample| !judged(sample)).map(|sample| sample.what.as_str()).collect();
    assert_eq!((accepted, refused), (Vec::new(), Vec::new()));
}
