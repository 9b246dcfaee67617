//! `thoth init`: the folders, and a settings file. Nothing that is there is changed.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use anstream::println;
use anyhow::Context;

use super::output::{GOOD, QUIET};
use super::place::{Place, surroundings};
use crate::settings::Vault;

/// The smallest settings file that says something, with the way to the rest.
const SMALL: &str = r#"{
  // Thoth reads this file at every save; what is wrong with it is refused, and nothing happens.
  // `thoth settings check` says what is wrong; docs/settings.md lists every setting.
  "paths": {
    "pdf": "thoth/papers/pdfs",
    "notes": "thoth/notes"
  },
  "apiKeys": {
    // With a key, answers are written by a model; without one they are the passages themselves.
    "openrouterKey": ""
  },
  "llm": {
    "default": { "model": "google/gemini-2.5-flash", "temperature": 0.9 }
  },
  "servers": {
    "api": { "port": 8000 }
  }
}
"#;

/// Every setting, explained.
const EXAMPLE: &str = include_str!("../../../../settings/settings.example.jsonc");

/// Makes what is missing.
pub(super) fn init(vault: Option<&Path>, example: bool) -> anyhow::Result<ExitCode> {
    let place = match vault {
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| format!("making `{}`", folder.display()))?;
            let (variables, working_dir) = surroundings()?;
            Place::at(Vault::at(folder)?, variables, &working_dir)?
        }
        None => Place::find(None)?,
    };
    let file = &place.settings_file;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("making `{}`", folder.display()))?;
    }
    let content = if example { EXAMPLE } else { SMALL };
    match OpenOptions::new().write(true).create_new(true).open(file) {
        Ok(mut open) => {
            open.write_all(content.as_bytes()).with_context(|| format!("writing `{}`", file.display()))?;
            println!("{GOOD}made{GOOD:#} {}", file.display());
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            println!("{QUIET}kept{QUIET:#} {}", file.display());
        }
        Err(error) => return Err(error).with_context(|| format!("making `{}`", file.display())),
    }
    let paths = crate::app::settings_now(&place)?.paths;
    for folder in [&paths.pdf, &paths.notes, &paths.workspace] {
        if !folder.exists() {
            std::fs::create_dir_all(folder).with_context(|| format!("making `{}`", folder.display()))?;
            println!("{GOOD}made{GOOD:#} {}", folder.display());
        }
    }
    println!("drop PDFs into {}, and run `thoth serve`", paths.pdf.display());
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use changeover::Occasion;

    use super::*;

    #[test]
    fn what_init_writes_is_accepted_without_a_word() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::at(folder.path()).unwrap();
        for content in [SMALL, EXAMPLE] {
            let accepted =
                crate::settings::check(content.as_bytes(), Occasion::Start, &Default::default(), &vault)
                    .unwrap();
            assert_eq!(accepted.warnings, []);
        }
    }
}
