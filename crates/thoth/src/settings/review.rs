//! From the bytes of a file to everything that is to be said of it: what is wrong, what is doubtful, what it means.

use std::ops::Range;

use changeover::check::{Document, PROBLEMS_MAX, parse};
use changeover::{Accepted, Files, Occasion, Problem};

use super::check::Terms;
use super::walk::{self, Found, Names, Sheet};
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

impl Review {
    /// The same with one more thing that is wrong.
    pub(super) fn refused(mut self, problem: Problem) -> Self {
        self.problems.push(problem);
        Self { settings: None, ..self }
    }

    /// The same without the warnings of what is refused.
    pub(super) fn judged(self) -> Result<Accepted<Settings>, Vec<Problem>> {
        let Self { problems, warnings, settings, secrets } = self;
        match settings {
            Some(settings) => Ok(Accepted { settings, warnings, secrets }),
            None => Err(problems),
        }
    }
}

/// Checks a settings file, with what it would have below it and nothing above it.
///
/// # Errors
/// Everything that is wrong with it, at once, each with its place.
pub fn check(
    content: &[u8],
    occasion: Occasion,
    environment: &Environment,
    vault: &Vault,
) -> Result<Accepted<Settings>, Vec<Problem>> {
    review(content, occasion, environment, vault).judged()
}

/// The same with the warnings of a file that is refused: for people, who want to know all of it.
pub fn review(content: &[u8], occasion: Occasion, environment: &Environment, vault: &Vault) -> Review {
    let files = Files::around(content);
    of_files(content, None, &Terms { occasion, environment, vault, files: &files })
}

/// Reviews the content of a settings file, and that of the file above it.
pub(super) fn of_files(main: &[u8], local: Option<(&[u8], Names)>, terms: &Terms<'_>) -> Review {
    let (main, mut problems, mut beyond) = parsed(main, &Names::of_main());
    let local = local.and_then(|(content, names)| {
        let (document, more, further) = parsed(content, &names);
        problems.extend(more);
        beyond += further;
        document.map(|document| (document, names))
    });
    let reviewed = match &main {
        Some(main) => of_documents(main, local.as_ref(), (problems, beyond), terms),
        None => Review { problems: in_order(problems, beyond, "problems"), ..Review::default() },
    };
    let (problems, warnings) = (harmless(reviewed.problems), harmless(reviewed.warnings));
    Review { problems, warnings, ..reviewed }
}

/// The document that a content is, if it is one; why it is none or a bad one; and how many more problems were only counted.
fn parsed<'c>(content: &'c [u8], names: &Names) -> (Option<Document<'c>>, Vec<Problem>, usize) {
    match parse(content) {
        Ok(document) => (Some(document), Vec::new(), 0),
        Err(mut refused) => {
            // What was only counted is counted again, with what is found now.
            refused.problems.truncate(PROBLEMS_MAX);
            let told = |problem| Problem { file: names.told.clone(), ..problem };
            (refused.document, refused.problems.into_iter().map(told).collect(), refused.beyond)
        }
    }
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

fn of_documents(
    main: &Document<'_>,
    local: Option<&(Document<'_>, Names)>,
    (mut problems, beyond): (Vec<Problem>, usize),
    terms: &Terms<'_>,
) -> Review {
    let main = Sheet::main(main);
    let local = local.map(|(document, names)| Sheet { document, names: names.clone() });
    let mut found = walk::walk(&main);
    if let Some(local) = &local {
        found = found.below(walk::walk(local));
    }
    let settings = super::check::settings(&mut found, terms);
    across::check(&mut found, &settings, terms.environment);
    problems.append(&mut found.problems);
    if found.settings > 0 {
        absent_sections(&mut found);
    } else if problems.is_empty() {
        nothing_set(&mut found, terms.occasion);
        problems.append(&mut found.problems);
    }
    let warnings = in_order(found.warnings, 0, "warnings");
    if problems.is_empty() {
        let secrets = secrets::of_document(main.document, found.secrets);
        Review { problems, warnings, settings: Some(settings), secrets }
    } else {
        Review { problems: in_order(problems, beyond, "problems"), warnings, ..Review::default() }
    }
}

/// In the order of the files, what has no place at the end; beyond the limit only counted.
fn in_order(mut all: Vec<Problem>, beyond: usize, name: &str) -> Vec<Problem> {
    all.sort_by(|one, other| {
        let place =
            |problem: &Problem| (problem.line.is_none(), problem.file.clone(), problem.line, problem.column);
        place(one).cmp(&place(other))
    });
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
    let (line, column) = found.sheet.document.place(found.sheet.document.root.span.start);
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
