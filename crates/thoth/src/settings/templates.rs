//! The templates that settings lead to: of notes, in the folder `paths.templates`, and of the instructions for written
//! answers, in `paths.prompts`. An absent file is what is built in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use changeover::{Content, Occasion, Problem};

use super::check::Terms;
use super::path;
use super::walk::Found;
use crate::notes::template::{self as note, NoteTemplate};
use crate::rag::prompt::{self, Given};
use crate::template::Fault;

const TEMPLATES: &str = "paths.templates";
const PROMPTS: &str = "paths.prompts";

/// The template of notes, where there is one.
pub(super) fn note(found: &mut Found<'_>, folder: &Path, terms: &Terms<'_>) -> Option<Arc<NoteTemplate>> {
    let make = |name: &str, source: &str| NoteTemplate::new(name, source).map(Arc::new);
    read(found, TEMPLATES, folder.join(note::FILE), terms, make)
}

/// The instructions for written answers, where there are some.
pub(super) fn instructions(
    found: &mut Found<'_>,
    folder: &Path,
    given: &Given<'_>,
    terms: &Terms<'_>,
) -> Option<String> {
    let make = |name: &str, source: &str| prompt::instructions(name, source, given);
    read(found, PROMPTS, folder.join(prompt::FILE), terms, make)
}

/// What a file gives. What is wrong with it is refused while Thoth runs; a start goes on with what is built in, and says so.
fn read<T>(
    found: &mut Found<'_>,
    key: &'static str,
    file: PathBuf,
    terms: &Terms<'_>,
    make: impl FnOnce(&str, &str) -> Result<T, Fault>,
) -> Option<T> {
    let name = || terms.vault.relative(&file);
    let made = match terms.files.read(&file) {
        Content::Missing => return None,
        // The folder was looked at; the file itself may be a link.
        _ if !found.switch("paths.allowOutside") && path::leaves_by_link(&file, terms.vault) => {
            Err(Problem::new(key, "the file leads out of the vault by a link").hint(path::PERMITTED))
        }
        Content::Unreadable(why) => Err(Problem::new(key, format!("the file cannot be read: {why}"))),
        Content::Bytes(bytes) => match std::str::from_utf8(&bytes) {
            Err(_) => Err(Problem::new(key, "the file is not UTF-8 text")),
            Ok(source) => make(&name(), source).map_err(|fault| told(key, fault)),
        },
    };
    let problem = match made {
        Ok(made) => return Some(made),
        Err(problem) => problem.in_file(name()),
    };
    if terms.occasion == Occasion::Start {
        let message = format!("what is built in takes the place of this template: {}", problem.message);
        found.warnings.push(Problem { message, ..problem });
    } else {
        found.problems.push(problem);
    }
    None
}

fn told(key: &str, Fault { line, column, message, hint }: Fault) -> Problem {
    Problem { hint, ..Problem::new(key, message).at(line, column) }
}
