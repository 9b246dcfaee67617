//! From the bytes of a PDF to a [`Paper`].

use crate::paper::Paper;

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

/// Reads a paper. Never panics, whatever the bytes.
///
/// # Errors
/// [`Unreadable`]; the file itself is never touched.
pub fn read(bytes: Vec<u8>) -> Result<Paper, Unreadable> {
    let _ = bytes;
    todo!()
}
