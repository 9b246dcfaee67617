//! Temporary changes: a layer above the files and below the environment.
//!
//! The files must be right without it: what a temporary change hides is refused all the same, so that its end can be refused
//! by the world alone.

use changeover::edit::Change;
use changeover::schedule::Temporary;
use changeover::{Accepted, Content, Occasion, Problem};

use super::check::Terms;
use super::origin::Origin;
use super::review::of_files;
use super::walk::Names;
use super::{Settings, edited};

/// The contents of the settings file, and of the file above it.
type Below<'a> = (&'a [u8], Option<(&'a [u8], Names)>);

/// The settings of files that were accepted, with the temporary changes on top. `layer` is the file of the temporary
/// changes. A start goes without what does not fit on top, and says so.
///
/// # Errors
/// What is wrong with the temporary changes.
pub(super) fn with(
    mut accepted: Accepted<Settings>,
    layer: &Content,
    below: Below<'_>,
    terms: &Terms<'_>,
) -> Result<Accepted<Settings>, Vec<Problem>> {
    let above = read(layer).and_then(|temporary| {
        // Without temporary changes nothing is checked twice.
        let above = match temporary.entries.is_empty() {
            true => None,
            false => Some(on_top(below, &temporary, terms)?),
        };
        Ok((temporary, above))
    });
    match above {
        Ok((_, None)) => Ok(accepted),
        Ok((temporary, Some(above))) => {
            let (mut settings, known) = (above.settings, accepted.warnings.clone());
            settings.origins = accepted.settings.origins;
            for (change, entry) in temporary.changes() {
                settings.origins.above(&change.path, Origin::Temporary { id: entry.id, until: entry.at });
            }
            let is_news = |warning: &Problem| known.iter().all(|known| known.message != warning.message);
            accepted.warnings.extend(above.warnings.into_iter().filter(is_news).map(elsewhere));
            Ok(Accepted { settings, ..accepted })
        }
        Err(problems) if terms.occasion == Occasion::Start => {
            accepted.warnings.extend(problems);
            Ok(accepted)
        }
        Err(problems) => Err(problems),
    }
}

fn read(layer: &Content) -> Result<Temporary, Vec<Problem>> {
    let unreadable = |why: &String| Problem::new("", format!("the temporary changes cannot be read: {why}"));
    match layer {
        Content::Missing => Ok(Temporary::default()),
        Content::Bytes(bytes) => Temporary::parse(bytes).map_err(|problem| vec![problem]),
        Content::Unreadable(why) => Err(vec![unreadable(why)]),
    }
}

/// What the files would give, if the changes stood in them.
fn on_top(
    (main, local): Below<'_>,
    temporary: &Temporary,
    terms: &Terms<'_>,
) -> Result<Accepted<Settings>, Vec<Problem>> {
    let changes: Vec<Change> = temporary.changes().into_iter().map(|(change, _)| change.clone()).collect();
    let changed = |content| edited(content, &changes).map_err(|problem| vec![elsewhere(problem)]);
    let main = changed(main)?;
    let local = match local {
        None => None,
        Some((content, names)) => Some((changed(content)?, names)),
    };
    let local = local.as_ref().map(|(content, names)| (content.as_slice(), names.clone()));
    // How much the settings file itself says was judged before.
    let occasion = match terms.occasion {
        Occasion::Start => Occasion::Start,
        Occasion::Running | Occasion::RunningAllowEmpty => Occasion::RunningAllowEmpty,
    };
    let terms = Terms { occasion, ..*terms };
    of_files(&main, local, &terms).judged().map_err(|problems| problems.into_iter().map(elsewhere).collect())
}

/// A problem of a layer has no place in the settings file.
fn elsewhere(problem: Problem) -> Problem {
    let message = format!("a temporary change: {}", problem.message);
    let hint = "`thoth settings schedule list` shows it, and `schedule cancel` ends it";
    let hint = problem.hint.or_else(|| Some(hint.to_owned()));
    Problem { file: None, line: None, column: None, message, hint, ..problem }
}
