//! The corpus of settings files: what is refused and where, and what looks bad and is good.

mod accepted;
mod documents;
mod files;
mod hostile;
mod layers;
mod places;
mod planned;
mod refused;
mod reports;
mod secrets;
mod temporary;

use changeover::{Accepted, Occasion, Problem};
use tempfile::TempDir;

use super::{Environment, Settings, Vault, check};

/// A vault in a folder of its own, removed at the end.
struct Home {
    folder: TempDir,
    vault: Vault,
}

fn home() -> Home {
    let folder = TempDir::new().expect("a temporary folder");
    let vault = folder.path().join("my vault");
    std::fs::create_dir(&vault).expect("the vault can be made");
    Home { vault: Vault::at(&vault).expect("the vault exists"), folder }
}

fn environment(pairs: &[(&str, &str)]) -> Environment {
    Environment::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
        .expect("the variables are possible")
}

fn running(text: &str, home: &Home) -> Result<Accepted<Settings>, Vec<Problem>> {
    check(text.as_bytes(), Occasion::Running, &Environment::default(), &home.vault)
}

fn accepted(text: &str, home: &Home) -> Accepted<Settings> {
    running(text, home).unwrap_or_else(|problems| panic!("refused: {text}\n{}", lines(&problems)))
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// Path, line, column (0 and 0 where there is no place), a part of the message with its hint.
type Expected = (&'static str, u32, u32, &'static str);

fn compare(text: &str, found: &[Problem], expected: &[Expected]) {
    assert_eq!(found.len(), expected.len(), "{text}\n{}", lines(found));
    for (problem, (path, line, column, part)) in found.iter().zip(expected) {
        let place = (problem.path.as_str(), problem.line.unwrap_or(0), problem.column.unwrap_or(0));
        assert_eq!(place, (*path, *line, *column), "{text}\n{}", lines(found));
        assert!(problem.to_string().contains(part), "{part}\n{text}\n{}", lines(found));
    }
}
