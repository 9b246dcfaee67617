//! Papers as other programs take them: BibTeX, CSL-JSON, and text in a style.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::bibtex::{bibtex_as, citation_key};
use super::format::{Formatted, bibliography};
use super::style::Style;
use super::{csl_json, settings::CitationSettings};
use crate::paper::Metadata;
use crate::pdf::row::PaperRow;
use crate::settings::{Vault, style};

/// What papers are exported as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// One line of text for each paper, in a style.
    #[default]
    Text,
    /// The same as Markdown.
    Markdown,
    /// BibTeX.
    Bibtex,
    /// CSL-JSON.
    CslJson,
}

impl Format {
    /// The name, as queries and the command line spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markdown => "markdown",
            Self::Bibtex => "bibtex",
            Self::CslJson => "csl-json",
        }
    }

    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Bibtex => "application/x-bibtex; charset=utf-8",
            Self::CslJson => "application/vnd.citationstyles.csl+json",
        }
    }
}

/// Why papers cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No paper has this id.
    #[error("there is no paper `{0}`")]
    Unknown(String),
    /// It has not been read, or could not be.
    #[error("the paper `{0}` has not been read: it is {1}")]
    Unread(String, crate::pdf::status::Status),
    /// No such style.
    #[error("{0} ({1})")]
    Style(String, String),
    /// The style fails at these papers.
    #[error("{0}")]
    Format(String),
}

/// Exports the papers with these ids, or every paper that was read where none is named. `wanted` is another style than
/// that of the settings.
///
/// # Errors
/// [`ExportError`].
pub fn export(
    rows: &[PaperRow],
    ids: &[String],
    format: Format,
    wanted: Option<&str>,
    settings: (&CitationSettings, &Vault),
) -> Result<String, ExportError> {
    let papers = chosen(rows, ids)?;
    let (citation, vault) = settings;
    let choice = match wanted {
        Some(wanted) => style(wanted, vault).map_err(|(message, hint)| ExportError::Style(message, hint))?,
        None => citation.style.clone(),
    };
    let works = works(&papers);
    match format {
        Format::Bibtex => {
            let entries = works.iter().map(|(key, metadata)| bibtex_as(key, metadata));
            Ok(entries.collect::<Vec<_>>().join("\n"))
        }
        Format::CslJson => {
            let items: Vec<Value> =
                works.iter().map(|(key, metadata)| csl_json::of_paper(key, metadata)).collect();
            let text = serde_json::to_string_pretty(&items);
            text.map(|text| text + "\n").map_err(|error| ExportError::Format(error.to_string()))
        }
        Format::Text | Format::Markdown => {
            let style = choice.style().map_err(ExportError::Format)?;
            Ok(formatted(&works, &style)?.iter().map(|entry| line(entry, format) + "\n").collect())
        }
    }
}

fn formatted(works: &[(String, &Metadata)], style: &Style) -> Result<Vec<Formatted>, ExportError> {
    let items: Vec<Value> = works.iter().map(|(key, metadata)| csl_json::of_paper(key, metadata)).collect();
    bibliography(&items, style).map_err(ExportError::Format)
}

fn line(entry: &Formatted, format: Format) -> String {
    let text = if format == Format::Markdown { entry.markdown() } else { entry.text() };
    match &entry.number {
        Some(number) => format!("{number} {text}"),
        None => text,
    }
}

fn chosen<'r>(rows: &'r [PaperRow], ids: &[String]) -> Result<Vec<&'r Metadata>, ExportError> {
    if ids.is_empty() {
        let holders = rows.iter().filter(|row| row.duplicate_of.is_none());
        return Ok(holders.filter_map(|row| row.metadata.as_ref()).collect());
    }
    let of = |id: &String| {
        let row = rows.iter().find(|row| row.id == *id).ok_or_else(|| ExportError::Unknown(id.clone()))?;
        // A copy has what its first file has.
        let first = row.duplicate_of.as_ref().and_then(|first| rows.iter().find(|row| row.id == *first));
        let read = row.metadata.as_ref().or_else(|| first.and_then(|first| first.metadata.as_ref()));
        read.ok_or_else(|| ExportError::Unread(id.clone(), row.status))
    };
    ids.iter().map(of).collect()
}

/// Each paper under a key of its own, in the order of the keys.
fn works<'m>(papers: &[&'m Metadata]) -> Vec<(String, &'m Metadata)> {
    let mut works: Vec<(String, &Metadata)> =
        papers.iter().map(|metadata| (citation_key(metadata), *metadata)).collect();
    works.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut seen: HashMap<String, u32> = HashMap::new();
    for (key, _) in &mut works {
        let count = seen.entry(key.clone()).or_default();
        *count += 1;
        if *count > 1 {
            key.push_str(&format!("-{count}"));
        }
    }
    works
}
