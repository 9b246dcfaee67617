//! What is expected of a file, against what was said of it.

use changeover::Problem;
use serde_json::Value;
use thoth::settings::{Settings, Vault};

/// What was said of a file.
pub struct Said {
    pub problems: Vec<Problem>,
    pub warnings: Vec<Problem>,
    /// What the settings then say; `None` where the file was refused.
    pub settings: Option<Settings>,
}

/// Everything in which what was said differs from what was expected, in words; empty where nothing does.
pub fn differences(expected: &[String], said: &Said, vault: &Vault) -> Vec<String> {
    let mut differences = Vec::new();
    let mut problems = Vec::new();
    for line in expected {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let as_expected = match word {
            "~" => said.warnings.iter().any(|warning| is(warning, rest)),
            "=" => said.settings.as_ref().is_some_and(|settings| says(settings, rest, vault)),
            "PROBLEMS" => many(rest, &said.problems),
            _ => {
                problems.push(line);
                true
            }
        };
        if !as_expected {
            differences.push(format!("missing: {line}"));
        }
    }
    let as_expected = problems.len() == said.problems.len()
        && problems.iter().zip(&said.problems).all(|(line, problem)| is(problem, line));
    if !as_expected && !expected.iter().any(|line| line.starts_with("PROBLEMS ")) {
        differences.extend(said.problems.iter().map(|problem| format!("said: {}", written(problem))));
        differences.extend(problems.iter().map(|line| format!("expected: {line}")));
    }
    if !differences.is_empty() {
        differences.extend(said.warnings.iter().map(|warning| format!("said: ~ {}", written(warning))));
    }
    differences
}

/// Whether this is what a line `PATH LINE:COLUMN PART` says.
fn is(problem: &Problem, line: &str) -> bool {
    let written = written(problem);
    let mut ours = written.splitn(3, ' ');
    let mut expected = line.splitn(3, ' ');
    ours.next() == expected.next()
        && ours.next() == expected.next()
        && ours.next().unwrap_or_default().contains(expected.next().unwrap_or_default())
}

fn written(problem: &Problem) -> String {
    let path = if problem.path.is_empty() { "*" } else { &problem.path };
    let place = match (problem.line, problem.column) {
        (Some(line), Some(column)) => format!("{line}:{column}"),
        _ => "-".to_owned(),
    };
    let hint = problem.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
    format!("{path} {place} {}{hint}", problem.message)
}

/// Whether there are so many problems, the last of which says this.
fn many(rest: &str, problems: &[Problem]) -> bool {
    let (count, part) = rest.split_once(' ').expect("a count and a text");
    count == problems.len().to_string()
        && problems.last().is_some_and(|problem| problem.message.contains(part))
}

/// Whether the settings say this value; paths as people write them.
fn says(settings: &Settings, rest: &str, vault: &Vault) -> bool {
    let (path, value) = rest.split_once(' ').expect("a path and a value");
    let expected: Value = serde_json::from_str(value).expect("a value is JSON");
    let mut value = &serde_json::to_value(settings).expect("settings can be written");
    for name in path.split('.') {
        value = &value[name];
    }
    let relative = |path: &str| vault.relative(std::path::Path::new(path));
    match value.as_str().filter(|_| path.starts_with("paths.")) {
        Some(path) => expected == relative(path),
        None => *value == expected,
    }
}
