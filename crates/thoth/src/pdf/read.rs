//! From the bytes of a PDF to a [`Paper`].
//!
//! ```text
//! bytes ─► glyphs ─► lines ─► furniture out ─► columns ─► blocks ─► sections ─► Paper
//!            where and how each    running heads,   reading    paragraphs,   citations::metadata
//!            character stands      page numbers     order      headings      votes on what it is
//! ```
//!
//! Invariant: nothing here writes text that is not on the page, and a paragraph is of one column of one page; where
//! another reader of the page may go on differently it is marked, so that what stands between the marks is found again
//! letter by letter in what such a reader prints ([`crate::quote::is_printed`]).

pub(crate) mod blocks;
pub(crate) mod characters;
pub(crate) mod columns;
pub(crate) mod floats;
pub(crate) mod furniture;
pub(crate) mod glyphs;
pub(crate) mod headings;
pub(crate) mod lines;
mod pieces;
pub(crate) mod sections;
pub(crate) mod words;
mod writer;

#[cfg(test)]
mod tests;

use crate::citations;
use crate::paper::Paper;
use blocks::{Block, BodyLook};
use glyphs::PageGlyphs;
use hayro_interpret::InterpreterCache;
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use lines::Line;
use std::time::{Duration, Instant};

/// Pages of a PDF that are read.
const PAGES_MAX: usize = 2_000;
/// Glyphs of a PDF that are read.
const GLYPHS_MAX: usize = 10_000_000;
/// Time for one PDF; a paper takes a fraction of a second.
const READING_MAX: Duration = Duration::from_secs(120);
/// Stack of the thread that reads: PDFs nest what they draw.
const STACK_BYTES: usize = 32 << 20;

/// Why a PDF could not be read. Each says what the user can do.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// No bytes.
    #[error("the file is empty")]
    Empty,
    /// Needs a password.
    #[error("the PDF is encrypted and needs a password; save a copy without one")]
    Encrypted,
    /// Not a PDF, or damaged.
    #[error("the file is not a readable PDF: {0}")]
    Broken(String),
    /// Beyond a limit.
    #[error("the PDF has {pages} pages; at most {max} are read")]
    TooManyPages {
        /// Pages of the PDF.
        pages: usize,
        /// The limit.
        max: usize,
    },
    /// No text layer.
    #[error(
        "the PDF has no text, only pictures of it; run OCR on it first, for example `ocrmypdf in.pdf out.pdf`"
    )]
    NoText,
}

/// Reads a paper. Never panics, whatever the bytes: the reading is done on a thread of its own, which is waited for.
///
/// # Errors
/// [`Unreadable`]; the file itself is never touched.
pub fn read(bytes: Vec<u8>) -> Result<Paper, Unreadable> {
    if bytes.is_empty() {
        return Err(Unreadable::Empty);
    }
    let reader = std::thread::Builder::new().name("pdf".to_owned()).stack_size(STACK_BYTES);
    let reading = reader
        .spawn(move || read_here(bytes))
        .map_err(|error| Unreadable::Broken(format!("no thread to read it on: {error}")))?;
    reading.join().unwrap_or_else(|_| Err(Unreadable::Broken("its content defeats the reader".to_owned())))
}

fn read_here(bytes: Vec<u8>) -> Result<Paper, Unreadable> {
    let pdf = open(bytes)?;
    let pages = text_of_pages(&pdf)?;
    check_text(&pages)?;
    let Layout { front, blocks, body } = layout(&pages);
    let sections = sections::sections(&blocks, &body);
    let information = citations::information::information(&pdf);
    let first = pages.first().ok_or(Unreadable::NoText)?;
    let front = citations::Front::new(&information, &front, first, &blocks, &body);
    let metadata = citations::metadata(&front, &sections);
    let page_count = u32::try_from(pages.len()).unwrap_or(u32::MAX);
    Ok(Paper {
        metadata,
        sections,
        references: citations::references::references(&blocks, &body),
        page_count,
    })
}

fn open(bytes: Vec<u8>) -> Result<Pdf, Unreadable> {
    let broken = |what: &str| Unreadable::Broken(what.to_owned());
    let pdf = Pdf::new(bytes).map_err(|error| match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => Unreadable::Encrypted,
        LoadPdfError::Decryption(DecryptionError::UnsupportedAlgorithm) => {
            broken("it is encrypted in an unknown way; save a copy without a password")
        }
        LoadPdfError::Decryption(_) => broken("its encryption is damaged"),
        LoadPdfError::Invalid => broken("it has no PDF structure, or a damaged one"),
    })?;
    match pdf.pages().len() {
        0 => Err(broken("it has no pages")),
        pages if pages > PAGES_MAX => Err(Unreadable::TooManyPages { pages, max: PAGES_MAX }),
        _ => Ok(pdf),
    }
}

fn text_of_pages(pdf: &Pdf) -> Result<Vec<PageGlyphs>, Unreadable> {
    let began = Instant::now();
    let cache = InterpreterCache::new();
    let mut looks = glyphs::Looks::new();
    let mut total = 0;
    let mut pages = Vec::new();
    for page in pdf.pages().iter() {
        let glyphs = glyphs::page_glyphs(pdf, page, &cache, &mut looks);
        total += glyphs.glyphs.len();
        if total > GLYPHS_MAX {
            return Err(Unreadable::Broken(format!("it has more than {GLYPHS_MAX} characters")));
        }
        if began.elapsed() > READING_MAX {
            return Err(Unreadable::Broken(format!("reading takes more than {} s", READING_MAX.as_secs())));
        }
        pages.push(glyphs);
    }
    Ok(pages)
}

/// Refuses a PDF whose text is missing, or without meaning.
fn check_text(pages: &[PageGlyphs]) -> Result<(), Unreadable> {
    let said = |page: &PageGlyphs| {
        page.glyphs.iter().filter(|glyph| glyph.text.chars().any(char::is_alphanumeric)).count()
    };
    let total: usize = pages.iter().map(said).sum();
    let unmapped: usize = pages.iter().map(|page| page.unmapped).sum();
    let scanned = pages.iter().all(|page| page.covered && said(page) < 200);
    if total == 0 || unmapped > total || scanned { Err(Unreadable::NoText) } else { Ok(()) }
}

/// A document as it is laid out.
struct Layout {
    /// The pieces of the first page's lines, with all that is no text of the paper, from top to bottom.
    front: Vec<Line>,
    /// The blocks of all pages in reading order.
    blocks: Vec<Block>,
    /// How ordinary text looks.
    body: BodyLook,
}

fn layout(pages: &[PageGlyphs]) -> Layout {
    let mut pieces: Vec<Vec<Line>> =
        pages.iter().zip(1..).map(|(page, number)| pieces::pieces(page, number)).collect();
    let body = BodyLook::of(pieces.iter().flatten());
    pieces.iter_mut().flatten().for_each(|piece| body.judge(piece));
    let heights: Vec<f32> = pages.iter().map(|page| page.height).collect();
    let mut front = pieces.first().cloned().unwrap_or_default();
    front.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.x0.total_cmp(&b.x0)));
    furniture::clear(&mut pieces, &heights, body.size);
    let columns = pieces.into_iter().flat_map(|page| columns::columns(page, sections::opens_summary));
    let blocks = columns.enumerate().flat_map(|(index, column)| blocks::blocks(column, index)).collect();
    Layout { front, blocks, body }
}
