//! Finding a row of the table by the name that stands in a file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use url::Url;

use super::key::{Bound, Default, Key};
use super::keys::{ALIASES, KEYS};

/// An object of the file as the table knows it.
#[derive(Debug)]
pub(super) struct Section {
    /// Canonical path; empty at the top.
    pub(super) path: &'static str,
    /// What may stand in it, by canonical name.
    pub(super) entries: BTreeMap<&'static str, Entry>,
}

/// What a name in an object stands for.
#[derive(Debug)]
pub(super) enum Entry {
    /// A value: its row.
    Key(&'static Key),
    /// A further object.
    Section(Section),
}

impl Entry {
    /// The canonical path.
    pub(super) fn path(&self) -> &'static str {
        match self {
            Self::Key(key) => key.path,
            Self::Section(section) => section.path,
        }
    }
}

static ROOT: LazyLock<Section> = LazyLock::new(|| {
    let mut root = Section { path: "", entries: BTreeMap::new() };
    for key in KEYS {
        root.insert(key, 0);
    }
    root
});

static ROWS: LazyLock<FxHashMap<&'static str, &'static Key>> =
    LazyLock::new(|| KEYS.iter().map(|key| (key.path, key)).collect());

/// The defaults that are URLs: what does not change is not parsed at every save.
static URLS: LazyLock<FxHashMap<&'static str, Url>> = LazyLock::new(|| {
    let url = |key: &Key| match (key.bound, key.default) {
        (Bound::Url, Default::Text(text)) => Some((key.path, Url::parse(text).ok()?)),
        _ => None,
    };
    KEYS.iter().filter_map(url).collect()
});

/// Stands in where a default is no URL; a test sees to it that each is one.
#[expect(clippy::expect_used, reason = "a constant, which a test parses")]
static NOWHERE: LazyLock<Url> =
    LazyLock::new(|| Url::parse("https://nowhere.invalid").expect("the constant is a URL"));

/// The URL that applies where a file gives none for a key.
pub(super) fn default_url(path: &str) -> Url {
    URLS.get(path).unwrap_or(&NOWHERE).clone()
}

/// The object at the top of a file.
pub(super) fn root() -> &'static Section {
    &ROOT
}

/// The row of a canonical path.
pub(super) fn row(path: &str) -> Option<&'static Key> {
    ROWS.get(path).copied()
}

impl Section {
    fn insert(&mut self, key: &'static Key, from: usize) {
        let rest = key.path.get(from..).unwrap_or_default();
        let Some((name, _)) = rest.split_once('.') else {
            self.entries.insert(rest, Entry::Key(key));
            return;
        };
        let path = key.path.get(..from + name.len()).unwrap_or_default();
        let new = || Entry::Section(Self { path, entries: BTreeMap::new() });
        if let Entry::Section(section) = self.entries.entry(name).or_insert_with(new) {
            section.insert(key, from + name.len() + 1);
        }
    }

    /// What a name in this object stands for, by its canonical spelling or another one.
    pub(super) fn resolve(&self, name: &str) -> Option<&Entry> {
        if let Some(entry) = self.entries.get(name) {
            return Some(entry);
        }
        let camel = camel_case(name);
        self.entries.get(&*camel).or_else(|| self.alias(name)).or_else(|| self.alias(&camel))
    }

    fn alias(&self, name: &str) -> Option<&'static Entry> {
        let (_, canonical) = self.aliases().find(|(alias, _)| *alias == name)?;
        at(canonical)
    }

    /// The other spellings that stand in this object, and what they mean.
    pub(super) fn aliases(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let here = self.path;
        ALIASES.iter().filter_map(move |(alias, canonical)| {
            let (parent, name) = alias.rsplit_once('.').unwrap_or(("", alias));
            (parent == here).then_some((name, *canonical))
        })
    }
}

/// The entry of a canonical path.
fn at(path: &str) -> Option<&'static Entry> {
    let mut section = root();
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        match section.entries.get(name)? {
            entry if names.peek().is_none() => return Some(entry),
            Entry::Section(inner) => section = inner,
            Entry::Key(_) => return None,
        }
    }
    None
}

/// `chunk_size` as `chunkSize`. What has `_` at its end, or two of them in a row, is nobody's snake_case.
fn camel_case(name: &str) -> Cow<'_, str> {
    if !name.contains('_') || name.ends_with('_') || name.contains("__") {
        return Cow::Borrowed(name);
    }
    let mut camel = String::with_capacity(name.len());
    let mut raise = false;
    for letter in name.chars() {
        if letter == '_' && !camel.is_empty() {
            raise = true;
        } else if raise {
            camel.extend(letter.to_uppercase());
            raise = false;
        } else {
            camel.push(letter);
        }
    }
    Cow::Owned(camel)
}

/// The known name that an unknown one may be a typing error of: optimal string alignment within one error up to
/// four letters, within two above; case, `_` and `-` aside. `is_free` says whether the known name is still absent.
pub(super) fn meant(
    section: &Section,
    written: &str,
    is_free: impl Fn(&'static str) -> bool,
) -> Option<&'static str> {
    let written = folded(written);
    let errors_max = if written.chars().count() <= 4 { 1 } else { 2 };
    let own = section.entries.iter().map(|(name, entry)| (*name, entry.path()));
    own.chain(section.aliases())
        .filter_map(|(name, canonical)| Some((errors(&folded(name), &written, errors_max)?, canonical)))
        .filter(|(_, canonical)| is_free(canonical))
        .min_by_key(|(errors, _)| *errors)
        .map(|(_, canonical)| canonical)
}

/// Whether one text becomes the other by so many errors.
pub(super) fn is_near(one: &str, other: &str, errors_max: usize) -> bool {
    errors(one, other, errors_max).is_some()
}

/// The errors by which one text becomes the other. Each of them changes the length by one at most: so the long work of
/// counting is done for texts of nearly one length only.
fn errors(one: &str, other: &str, errors_max: usize) -> Option<usize> {
    let near = one.chars().count().abs_diff(other.chars().count()) <= errors_max;
    near.then(|| strsim::osa_distance(one, other)).filter(|errors| *errors <= errors_max)
}

fn folded(name: &str) -> String {
    if name.is_ascii() {
        let mut folded = name.to_ascii_lowercase();
        folded.retain(|letter| !matches!(letter, '_' | '-'));
        return folded;
    }
    name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// What a name of a secret has in it.
const SECRET_PARTS: [&str; 9] =
    ["apikey", "token", "secret", "password", "passwd", "passphrase", "credential", "privatekey", "bearer"];

/// Letters of a name that is looked at without a copy in memory: of nearly every one.
const SHORT: usize = 64;

/// Whether a name that the table does not know looks as if its value were a secret. Asked of every name of a file at every save:
/// for names as short as these, to compare at each letter takes a fifth of nine searches.
pub(super) fn looks_secret(name: &str) -> bool {
    if !name.is_ascii() || name.len() > SHORT {
        return folded_looks_secret(folded(name).as_bytes());
    }
    let mut letters = [0; SHORT];
    let mut length = 0;
    for byte in name.bytes().filter(|byte| !matches!(byte, b'_' | b'-')) {
        letters[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    folded_looks_secret(&letters[..length])
}

fn folded_looks_secret(name: &[u8]) -> bool {
    let begins = |rest: &[u8]| SECRET_PARTS.iter().any(|part| rest.starts_with(part.as_bytes()));
    matches!(name, b"auth" | b"authorization")
        || name.ends_with(b"key")
        || (0..name.len()).any(|at| name.get(at..).is_some_and(begins))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_default_that_should_be_a_url_is_one() {
        let defaults = KEYS.iter().filter(|key| key.bound == Bound::Url);
        let urls: Vec<String> = defaults.map(|key| default_url(key.path).to_string()).collect();
        assert!(urls.len() > 2 && urls.iter().all(|url| *url != NOWHERE.to_string()), "{urls:?}");
        assert_eq!(default_url("llm.default.baseUrl").as_str(), "https://openrouter.ai/api/v1");
    }

    #[test]
    fn a_long_name_is_judged_as_a_short_one() {
        let long = "_".repeat(SHORT) + "api_Key";
        assert!(looks_secret(&long) && looks_secret("api_Key") && looks_secret("apiK\u{e9}y-token"));
        assert!(!looks_secret(&long.replace("Key", "")) && !looks_secret(""));
        assert!(looks_secret(&("a".repeat(SHORT - 3) + "KEY")));
    }
}
