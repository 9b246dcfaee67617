//! The parser library, and how to go on after an error: its first error is reported, a copy of the text is mended
//! at that place, and it parses again. So the library alone decides what JSON is, and people see all errors at once.

use std::borrow::Cow;
use std::ops::Range;

use jsonc_parser::ast::Value;
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::Fault;
use super::judge::{Mend, judge};

/// Errors that are looked for in one file.
const MENDS_MAX: usize = 50;
/// Bytes of a text beyond which only the first error is looked for.
const MEND_SIZE_MAX: usize = 256 * 1024;

/// The library is lax by default. Every option is named, so that a new one cannot slip in unseen.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// The parser's tree, or `None` and what is wrong. Faults that are there already are the prescan's.
pub(super) fn parse<'a>(text: &'a str, faults: &mut Vec<Fault>) -> Option<Value<'a>> {
    let error = match tree(text) {
        Ok(Some(value)) => return Some(value),
        Ok(None) => {
            if faults.is_empty() {
                faults.push(nothing(text));
            }
            return None;
        }
        Err(error) => error,
    };
    let known = faults.len();
    let mut copy = Copy { text: Cow::Borrowed(text), mends: Vec::new() };
    let mut error = Some(error);
    while let Some(found) = error.take() {
        let (fault, mend) = judge(&copy.text, &found);
        let at = copy.original(fault.at);
        // What the prescan has told at this place, it has told better.
        let told = known > 0 && ends_early(found.kind());
        if !told && !faults.iter().take(known).any(|told| told.at == at) {
            faults.push(Fault { at, ..fault });
        }
        let again = faults.len() - known < MENDS_MAX && text.len() <= MEND_SIZE_MAX;
        if let Some(mend) = mend.filter(|_| again) {
            copy.apply(mend);
            error = tree(&copy.text).err();
        }
    }
    if faults.is_empty() {
        faults.push(Fault::new(0, "the file is not JSON"));
    }
    None
}

fn tree(text: &str) -> Result<Option<Value<'_>>, ParseError> {
    parse_to_ast(text, &CollectOptions::default(), &STRICT).map(|parsed| parsed.value)
}

/// Whether this is what the parser says of a file that ends too early: at a bracket, where the prescan tells the end.
fn ends_early(kind: &ParseErrorKind) -> bool {
    matches!(
        kind,
        ParseErrorKind::UnterminatedObject
            | ParseErrorKind::UnterminatedArray
            | ParseErrorKind::ExpectedObjectValue
    )
}

fn nothing(text: &str) -> Fault {
    let at = text.find(|c: char| !c.is_whitespace()).unwrap_or_default();
    Fault::new(at, "the file holds nothing but comments")
        .hint("the least that a settings file can hold is `{}`")
}

/// The text as mended so far.
struct Copy<'a> {
    text: Cow<'a, str>,
    /// What was replaced, in the text of that moment, and the length that it has since.
    mends: Vec<(Range<usize>, usize)>,
}

impl Copy<'_> {
    /// The byte of the original that a byte of the mended text comes from.
    fn original(&self, at: usize) -> usize {
        self.mends.iter().rev().fold(at, |at, (range, length)| {
            if at >= range.start + length { at - length + range.len() } else { at.min(range.start) }
        })
    }

    fn apply(&mut self, mend: Mend) {
        if self.text.get(mend.range.clone()).is_some() {
            self.mends.push((mend.range.clone(), mend.text.len()));
            self.text.to_mut().replace_range(mend.range, &mend.text);
        }
    }
}
