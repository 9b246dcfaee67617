//! From bytes to text: size, encoding, emptiness.

use crate::Problem;

use super::{Places, SIZE_MAX};

const SAVE_AS: &str = "save the file as UTF-8";

/// The text of a file. A byte order mark stays in it.
pub(super) fn text(content: &[u8]) -> Result<&str, Problem> {
    if content.len() > SIZE_MAX {
        let message = format!("the file is too large: at most {SIZE_MAX} bytes are read");
        return Err(Problem::new("", message)
            .hint("a settings file has a few thousand bytes: is this the right file?"));
    }
    if let Some(encoding) = foreign(content) {
        let message = format!("the file is written in {encoding}, not in UTF-8");
        return Err(Problem::new("", message).hint(SAVE_AS).at(1, 1));
    }
    match std::str::from_utf8(content) {
        Ok(text) if text.trim_start_matches('\u{feff}').trim().is_empty() => {
            let message =
                if text.is_empty() { "the file is empty" } else { "the file holds nothing but white space" };
            Err(Problem::new("", message).hint("the least that a settings file can hold is `{}`").at(1, 1))
        }
        Ok(text) => Ok(text),
        Err(error) => Err(invalid(content, error.valid_up_to())),
    }
}

fn invalid(content: &[u8], at: usize) -> Problem {
    let (good, bad) = content.split_at(at);
    let (line, column) = Places::new(std::str::from_utf8(good).unwrap_or_default()).place(at);
    let byte = bad.first().copied().unwrap_or_default();
    let (message, hint) = if bad.len() < 4
        && std::str::from_utf8(bad).is_err_and(|error| error.error_len().is_none())
    {
        ("the file ends in the middle of a character".to_owned(), "is it still being written?")
    } else {
        (
            format!("the byte 0x{byte:02X} is not UTF-8; the file may be written in Latin-1 or Windows-1252"),
            SAVE_AS,
        )
    };
    Problem::new("", message).hint(hint).at(line, column)
}

/// The encodings that editors on Windows write, by their mark or by the zero bytes that Latin letters have in them.
fn foreign(content: &[u8]) -> Option<&'static str> {
    match content {
        [0xFF, 0xFE, 0, 0, ..] | [b'{' | b'/' | b'#' | b' ', 0, 0, 0, ..] => Some("UTF-32"),
        [0, 0, 0xFE, 0xFF, ..] | [0, 0, 0, 1..=u8::MAX, ..] => Some("UTF-32"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("UTF-16"),
        [a, 0, b, 0, ..] | [0, a, 0, b, ..] if *a != 0 && *b != 0 => Some("UTF-16"),
        _ => None,
    }
}
