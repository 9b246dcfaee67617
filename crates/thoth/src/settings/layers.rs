//! The files of the settings, one above the other: `settings.json`, `settings.local.json`, the temporary changes; and the
//! environment above them all.
//!
//! They are read through [`Files`], so they make one content: a save of any of them is a save, judged with the others as
//! they stand.

use std::path::{Path, PathBuf};

use changeover::{Accepted, Content, Files, Occasion, Problem};

use super::check::Terms;
use super::review::{Review, of_files};
use super::walk::Names;
use super::{Environment, Settings, Vault, temporary};

/// Where the layers stand, and what they are checked by.
#[derive(Clone, Debug)]
pub struct Layers {
    /// The layer of this machine: [`local_file`]. It need not exist.
    pub local: PathBuf,
    /// The file of the temporary changes; `None` where nobody keeps their times.
    pub temporary: Option<PathBuf>,
    /// The variables.
    pub environment: Environment,
    /// The vault.
    pub vault: Vault,
}

/// The file above a settings file, for what is this machine's alone: `settings.local.json` beside `settings.json`.
pub fn local_file(settings_file: &Path) -> PathBuf {
    let stem = settings_file.file_stem().unwrap_or_default().to_string_lossy();
    settings_file.with_file_name(match settings_file.extension() {
        Some(ending) => format!("{stem}.local.{}", ending.to_string_lossy()),
        None => format!("{stem}.local"),
    })
}

impl Layers {
    /// Checks all files of the settings together.
    ///
    /// # Errors
    /// Everything that is wrong with them, at once, each with its file and place.
    pub fn check(&self, files: &Files<'_>, occasion: Occasion) -> Result<Accepted<Settings>, Vec<Problem>> {
        let above = self.above(files).map_err(|problem| vec![problem])?;
        let above = above.as_ref().map(|(bytes, names)| (bytes.as_slice(), names.clone()));
        let terms = self.terms(files, occasion);
        let accepted = of_files(files.main(), above.clone(), &terms).judged()?;
        match &self.temporary {
            None => Ok(accepted),
            Some(layer) => temporary::with(accepted, &files.read(layer), (files.main(), above), &terms),
        }
    }

    /// The same without temporary changes, and with the warnings of what is refused: for people.
    pub fn review(&self, files: &Files<'_>, occasion: Occasion) -> Review {
        let (above, unreadable) = match self.above(files) {
            Ok(above) => (above, None),
            Err(problem) => (None, Some(problem)),
        };
        let above = above.as_ref().map(|(bytes, names)| (bytes.as_slice(), names.clone()));
        let review = of_files(files.main(), above, &self.terms(files, occasion));
        match unreadable {
            None => review,
            Some(problem) => review.refused(problem),
        }
    }

    fn terms<'a>(&'a self, files: &'a Files<'a>, occasion: Occasion) -> Terms<'a> {
        Terms { occasion, environment: &self.environment, vault: &self.vault, files }
    }

    /// The file of this machine. It is read first of all: while the settings file is refused, a save of this one is still
    /// noticed.
    fn above(&self, files: &Files<'_>) -> Result<Option<(Vec<u8>, Names)>, Problem> {
        let told = || self.vault.relative(&self.local);
        match files.read(&self.local) {
            Content::Missing => Ok(None),
            Content::Bytes(bytes) => {
                let short = self.local.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Ok(Some((bytes, Names { told: Some(told()), short })))
            }
            Content::Unreadable(why) => {
                Err(Problem::new("", format!("the file cannot be read: {why}")).in_file(told()))
            }
        }
    }
}

/// The content of a file of the settings by the name that a [`Problem`] gives it, for showing the place.
pub fn named(vault: &Vault, name: &str) -> Option<Vec<u8>> {
    // Absolute where it lies outside the vault: then the join gives just that.
    match Files::around(b"").read(&vault.root().join(name)) {
        Content::Bytes(bytes) => Some(bytes),
        Content::Missing | Content::Unreadable(_) => None,
    }
}
