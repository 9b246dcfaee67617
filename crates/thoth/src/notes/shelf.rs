//! Which works have a note in the library: found by DOI, by arXiv identifier, by title and year.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::link::Target;
use crate::paper::Reference;
use crate::pdf::row::PaperRow;

/// The notes of the library, by what identifies their works.
#[derive(Debug, Default)]
pub struct Shelf {
    vault: PathBuf,
    /// Path of the note without its ending, and the title.
    notes: Vec<(PathBuf, String)>,
    by_mark: HashMap<String, usize>,
}

impl Shelf {
    /// The notes that these rows of the ledger have.
    pub fn new(vault: &Path, rows: &[PaperRow]) -> Self {
        let mut shelf = Self { vault: vault.to_owned(), ..Self::default() };
        for row in rows {
            let (Some(note), Some(title)) = (&row.note, &row.title) else { continue };
            let doi = row.doi.as_deref().map(of_doi);
            let arxiv = row.arxiv.as_deref().map(of_arxiv);
            let titled = row.year.map(|year| of_title(title, year));
            shelf.put(note, title, [doi, arxiv, titled]);
        }
        shelf
    }

    fn put(&mut self, note: &str, title: &str, marks: [Option<String>; 3]) {
        let number = self.notes.len();
        for mark in marks.into_iter().flatten() {
            self.by_mark.entry(mark).or_insert(number);
        }
        let note = note.strip_suffix(".md").unwrap_or(note);
        self.notes.push((self.vault.join(note), title.to_owned()));
    }

    /// A shelf with one note, for tests.
    #[cfg(test)]
    pub(super) fn with(note: &str, title: &str, year: i32, doi: &str) -> Self {
        let mut shelf = Self { vault: PathBuf::from("/vault"), ..Self::default() };
        shelf.put(note, title, [Some(of_doi(doi)), None, Some(of_title(title, year))]);
        shelf
    }

    /// A link to the note of a work that a paper cites, if the library has it.
    pub fn link(&self, reference: &Reference) -> Option<String> {
        let doi = reference.doi.as_deref().map(of_doi);
        let arxiv = reference.arxiv.as_deref().map(of_arxiv);
        let titled =
            reference.title.as_deref().zip(reference.year).map(|(title, year)| of_title(title, year));
        let marks = [doi, arxiv, titled].into_iter().flatten();
        let (note, title) =
            self.notes.get(marks.filter_map(|mark| self.by_mark.get(&mark)).next().copied()?)?;
        Some(Target::new(&self.vault, note).link(None, Some(title)))
    }
}

fn of_doi(doi: &str) -> String {
    format!("doi {}", doi.to_lowercase())
}

fn of_arxiv(arxiv: &str) -> String {
    format!("arxiv {}", arxiv.to_lowercase())
}

/// Title and year: a title alone may be that of several works.
fn of_title(title: &str, year: i32) -> String {
    let letters: String =
        title.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    format!("title {year} {letters}")
}
