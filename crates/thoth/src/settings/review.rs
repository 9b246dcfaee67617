//! From the bytes of a file to everything that is to be said of it: what is wrong, what is doubtful, what it means.

use std::ops::Range;

use changeover::check::{Document, PROBLEMS_MAX, parse};
use changeover::{Accepted, Occasion, Problem};

use super::walk::{self, Found};
use super::{Environment, Settings, Vault, across, secrets};

/// Everything that is to be said of a file.
#[derive(Debug, Default)]
pub struct Review {
    /// What is wrong with it, each with its place. Empty where it is accepted.
    pub problems: Vec<Problem>,
    /// What is doubtful about it, whether or not it is refused.
    pub warnings: Vec<Problem>,
    /// What it means; `None` where it is refused.
    pub settings: Option<Settings>,
    /// Byte ranges of its secrets, where it is accepted.
    secrets: Vec<Range<usize>>,
}

/// Checks a settings file.
///
/// # Errors
/// Everything that is wrong with it, at once, each with its place.
pub fn check(
    content: &[u8],
    occasion: Occasion,
    environment: &Environment,
    vault: &Vault,
) -> Result<Accepted<Settings>, Vec<Problem>> {
    let Review { problems, warnings, settings, secrets } = review(content, occasion, environment, vault);
    match settings {
        Some(settings) => Ok(Accepted { settings, warnings, secrets }),
        None => Err(problems),
    }
}

/// The same with the warnings of a file that is refused: for people, who want to know all of it.
pub fn review(content: &[u8], occasion: Occasion, environment: &Environment, vault: &Vault) -> Review {
    let reviewed = match parse(content) {
        Ok(document) => of_document(&document, (Vec::new(), 0), occasion, environment, vault),
        Err(mut refused) => match &refused.document {
            Some(document) => {
                // What was only counted is counted again, with what is found now.
                refused.problems.truncate(PROBLEMS_MAX);
                let known = (std::mem::take(&mut refused.problems), refused.beyond);
                of_document(document, known, occasion, environment, vault)
            }
            None => Review { problems: refused.problems, ..Review::default() },
        },
    };
    let (problems, warnings) = (harmless(reviewed.problems), harmless(reviewed.warnings));
    Review { problems, warnings, ..reviewed }
}

/// Problems quote what stands in the file. A key that stands in the wrong place must not come along.
fn harmless(mut problems: Vec<Problem>) -> Vec<Problem> {
    for problem in &mut problems {
        problem.message = secrets::redacted(&problem.message);
        problem.path = secrets::redacted(&problem.path);
        problem.hint = problem.hint.take().map(|hint| secrets::redacted(&hint));
    }
    problems
}

fn of_document(
    document: &Document<'_>,
    (mut problems, beyond): (Vec<Problem>, usize),
    occasion: Occasion,
    environment: &Environment,
    vault: &Vault,
) -> Review {
    let mut found = walk::walk(document);
    let settings = super::check::settings(&mut found, environment, vault);
    across::check(&mut found, &settings, environment);
    problems.append(&mut found.problems);
    if found.settings > 0 {
        absent_sections(&mut found);
    } else if problems.is_empty() {
        nothing_set(&mut found, occasion);
        problems.append(&mut found.problems);
    }
    let warnings = in_order(found.warnings, 0, "warnings");
    if problems.is_empty() {
        let secrets = secrets::of_document(document, found.secrets);
        Review { problems, warnings, settings: Some(settings), secrets }
    } else {
        Review { problems: in_order(problems, beyond, "problems"), warnings, ..Review::default() }
    }
}

/// In the order of the file, what has no place at the end; beyond the limit only counted.
fn in_order(mut all: Vec<Problem>, beyond: usize, name: &str) -> Vec<Problem> {
    all.sort_by_key(|problem| (problem.line.is_none(), problem.line, problem.column));
    let beyond = beyond + all.len().saturating_sub(PROBLEMS_MAX);
    if beyond > 0 {
        all.truncate(PROBLEMS_MAX);
        all.push(Problem::new("", format!("and {beyond} more {name}")));
    }
    all
}

fn absent_sections(found: &mut Found<'_>) {
    for section in ["paths", "apiKeys", "servers"] {
        if !found.is_given(section) {
            let warning = Problem::new(section, "the section is absent").hint("its defaults apply");
            found.warnings.push(warning);
        }
    }
}

/// An object without any setting is hardly what somebody meant to save over a working file.
fn nothing_set(found: &mut Found<'_>, occasion: Occasion) {
    let problem = Problem::new("", "the file sets nothing");
    let (line, column) = found.document.place(found.document.root.span.start);
    match occasion {
        Occasion::Running => {
            let hint = "a running Thoth does not drop all its settings for an empty file; write at least one setting";
            found.problems.push(problem.hint(hint).at(line, column));
        }
        Occasion::Start | Occasion::RunningAllowEmpty => {
            found.warnings.push(problem.hint("the defaults apply").at(line, column));
        }
    }
}
