//! The section `citation`: from what a file says to styles, links and sources.

use std::path::PathBuf;

use changeover::Files;

use super::check::Terms;
use super::walk::Found;
use super::{Vault, path};
use crate::citations::settings::{Apis, CitationSettings, LinkFormat};
use crate::citations::style::{Choice, ENDING, NAMES};

/// The section `citation`. A style's file is read here, so that one that is not there, or is no style, is refused at
/// its place, and so that another content of it is another setting.
pub(super) fn citation(found: &mut Found<'_>, terms: &Terms<'_>) -> CitationSettings {
    let written = found.text("citation.style");
    let style = read_style(&written, terms.vault, terms.files).unwrap_or_else(|(message, hint)| {
        // What is wrong with the value as such was told already.
        if found.value("citation.style").is_some() {
            found.refuse("citation.style", message, hint);
        }
        Choice::Named(NAMES[0])
    });
    CitationSettings {
        style,
        link_format: LinkFormat::from_name(&found.text("citation.linkFormat")).unwrap_or_default(),
        apis: Apis {
            use_crossref: found.switch("citation.apis.useCrossref"),
            crossref_url: found.url("citation.apis.crossrefUrl"),
            use_openalex: found.switch("citation.apis.useOpenalex"),
            openalex_url: found.url("citation.apis.openalexUrl"),
            contact: found.text("citation.apis.contact"),
        },
    }
}

/// The style of a name, or of a `.csl` file in the vault.
///
/// # Errors
/// Why there is none, and the way out.
pub fn style(written: &str, vault: &Vault) -> Result<Choice, (String, String)> {
    read_style(written, vault, &Files::around(b"{}"))
}

fn read_style(written: &str, vault: &Vault, files: &Files<'_>) -> Result<Choice, (String, String)> {
    if let Some(named) = Choice::named(written) {
        return Ok(named);
    }
    if !written.ends_with(ENDING) {
        let hint = format!("one of {}, or the path of a `.csl` file in the vault", NAMES.join(", "));
        return Err((format!("there is no style `{written}`"), hint));
    }
    if let Some(problem) = path::lexical_problem(written) {
        return Err(problem);
    }
    let file: PathBuf = path::resolve(written, vault);
    if path::leaves_by_name(&file, vault) || path::leaves_by_link(&file, vault) {
        let message = format!("`{written}` lies outside the vault, `{}`", vault.root().display());
        return Err((message, "put the style into the vault".to_owned()));
    }
    Choice::file(written, &file, &files.read(&file))
}
