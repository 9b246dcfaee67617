//! Citation styles: five by name, any other out of a `.csl` file of the vault.
//!
//! The rules of all styles are written in the Citation Style Language; those with a name here, and the locales, come
//! with hayagriva and are by the authors that they name, under CC BY-SA 3.0 (`THIRD-PARTY.md`).

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use changeover::Content;
use hayagriva::archive::{self, ArchivedStyle};
use hayagriva::citationberg::{self, IndependentStyle, Locale, LocaleCode};

use super::csl_file;

/// The names of styles that need no file.
pub const NAMES: &[&str] = &["IEEE", "APA", "MLA", "Chicago", "Harvard"];

/// The ending of a file that holds a style.
pub const ENDING: &str = ".csl";

/// A style ready to be applied.
pub struct Style {
    pub(super) rules: IndependentStyle,
    /// The language that a dependent style asks for.
    pub(super) locale: Option<LocaleCode>,
    /// Terms and dates of the style's language, and of English for what is missing there.
    pub(super) locales: Vec<Locale>,
}

impl fmt::Debug for Style {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Style({})", self.title())
    }
}

/// What the settings choose.
#[derive(Clone, Debug)]
pub enum Choice {
    /// One of [`NAMES`].
    Named(&'static str),
    /// A file of the vault, as it was when the settings were checked.
    File(StyleFile),
}

/// A style out of a file.
#[derive(Clone, Debug)]
pub struct StyleFile {
    written: String,
    hash: blake3::Hash,
    style: Arc<Style>,
}

impl Choice {
    /// The choice of a name.
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|known| **known == name).map(|known| Self::Named(known))
    }

    /// The choice of a file with this content; `written` is how the settings spell its path.
    ///
    /// # Errors
    /// Why it cannot be used, and the way out.
    pub fn file(written: &str, path: &Path, content: &Content) -> Result<Self, (String, String)> {
        let text = csl_file::text(path, content)?;
        let (hash, style) = (blake3::hash(text.as_bytes()), Arc::new(csl_file::style(text)?));
        Ok(Self::File(StyleFile { written: written.to_owned(), hash, style }))
    }

    /// As the settings spell it.
    pub fn written(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::File(file) => &file.written,
        }
    }

    /// The hash of the file's content (BLAKE3), where it is a file.
    pub fn file_hash(&self) -> Option<blake3::Hash> {
        match self {
            Self::Named(_) => None,
            Self::File(file) => Some(file.hash),
        }
    }

    /// The style, ready to be applied.
    ///
    /// # Errors
    /// A name without a style.
    pub fn style(&self) -> Result<Arc<Style>, String> {
        match self {
            Self::Named(name) => named(name).map(Arc::new),
            Self::File(file) => Ok(Arc::clone(&file.style)),
        }
    }
}

impl PartialEq for Choice {
    fn eq(&self, other: &Self) -> bool {
        self.written() == other.written() && self.file_hash() == other.file_hash()
    }
}

impl Style {
    /// The title that the style gives itself.
    pub fn title(&self) -> &str {
        &self.rules.info.title.value
    }

    /// A style with the locales that it needs.
    pub(super) fn new(rules: IndependentStyle, locale: Option<LocaleCode>) -> Self {
        let language = locale.as_ref().or(rules.default_locale.as_ref()).map_or("en-US", |code| &code.0);
        let base = language.split('-').next().unwrap_or_default();
        let needed = |locale: &Locale| {
            locale.lang.as_ref().is_some_and(|code| {
                code.0 == "en-US" || code.0 == language || code.0.split('-').next() == Some(base)
            })
        };
        let locales = archive::locales().into_iter().filter(needed).collect();
        Self { rules, locale, locales }
    }
}

fn named(name: &str) -> Result<Style, String> {
    let archived = match name {
        "IEEE" => ArchivedStyle::InstituteOfElectricalAndElectronicsEngineers,
        "APA" => ArchivedStyle::AmericanPsychologicalAssociation,
        "MLA" => ArchivedStyle::ModernLanguageAssociation,
        "Chicago" => ArchivedStyle::ChicagoAuthorDate,
        "Harvard" => ArchivedStyle::HarvardCiteThemRight,
        other => return Err(format!("there is no style `{other}`")),
    };
    // The style itself asks for British English; the archive's copy lost that.
    let locale = (name == "Harvard").then(|| LocaleCode("en-GB".to_owned()));
    match archived.get() {
        citationberg::Style::Independent(rules) => Ok(Style::new(rules, locale)),
        citationberg::Style::Dependent(_) => Err(format!("the style `{name}` is not a whole one")),
    }
}
