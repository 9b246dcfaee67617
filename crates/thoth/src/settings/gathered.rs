//! What is said once of a section and not once of each key, because files of the older Thoth name every key there is.

use changeover::Problem;

use super::key::Key;

/// Keys of a section that are named; more of them are counted.
const NAMED_MAX: usize = 3;

/// A key that stands in the file under another name than the table's.
pub(super) struct Spelled {
    /// The path as the file writes it.
    pub(super) path: String,
    pub(super) canonical: &'static str,
    pub(super) at: usize,
}

/// The keys of features that this version lacks, each with its place: a warning for each section, where its first stands.
pub(super) fn unused(keys: Vec<(&'static Key, usize)>) -> Vec<(Problem, usize)> {
    let warning = |(section, keys): (&str, Vec<(&Key, usize)>)| {
        let at = keys.first().map_or(0, |(_, at)| *at);
        let named = named(keys.iter().map(|(key, _)| key.path));
        let message = if keys.len() == 1 {
            format!("{named} is accepted and not used: this version lacks the feature")
        } else {
            format!("{named} are accepted and not used: this version lacks the features")
        };
        (Problem::new(section, message), at)
    };
    by_section(keys, |(key, _)| key.section()).into_iter().map(warning).collect()
}

/// The other spellings: one by one where they are few, else a warning for each section.
pub(super) fn spelled(keys: Vec<Spelled>) -> Vec<(Problem, usize)> {
    let mut warnings = Vec::new();
    let section = |key: &Spelled| key.canonical.split('.').next().unwrap_or(key.canonical);
    for (section, keys) in by_section(keys, section) {
        if keys.len() <= NAMED_MAX {
            warnings.extend(keys.into_iter().map(|key| {
                let warning = Problem::new(key.path, format!("an older spelling of `{}`", key.canonical));
                (warning.hint(format!("write `{}`", key.canonical)), key.at)
            }));
        } else if let Some(first) = keys.first() {
            let named = named(keys.iter().map(|key| key.path.as_str()));
            let instead: Vec<String> =
                keys.iter().take(NAMED_MAX).map(|key| format!("`{}`", key.canonical)).collect();
            let warning = Problem::new(section, format!("{named} are older spellings"));
            warnings.push((warning.hint(format!("write {}, …", instead.join(", "))), first.at));
        }
    }
    warnings
}

/// In the order of the file; a section that is begun again is one.
fn by_section<T>(all: Vec<T>, section: impl Fn(&T) -> &'static str) -> Vec<(&'static str, Vec<T>)> {
    let mut sections: Vec<(&str, Vec<T>)> = Vec::new();
    for one in all {
        let name = section(&one);
        match sections.iter_mut().find(|(known, _)| *known == name) {
            Some((_, of_section)) => of_section.push(one),
            None => sections.push((name, vec![one])),
        }
    }
    sections
}

/// The first ones in backticks, and how many there are beside them.
fn named<'a>(mut paths: impl ExactSizeIterator<Item = &'a str>) -> String {
    let beyond = paths.len().saturating_sub(NAMED_MAX);
    let first: Vec<String> = paths.by_ref().take(NAMED_MAX).map(|path| format!("`{path}`")).collect();
    match beyond {
        0 => first.join(", "),
        1 => format!("{} and 1 more key", first.join(", ")),
        beyond => format!("{} and {beyond} more keys", first.join(", ")),
    }
}
