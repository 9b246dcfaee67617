//! What to tell people of an error of the parser, and how to mend the text so that the parser can go on.

use std::ops::Range;

use jsonc_parser::ParseStringErrorKind;
use jsonc_parser::errors::{ParseError, ParseErrorKind};

use super::{Fault, prescan, shown};

/// A replacement with which the parser can go on.
pub(super) struct Mend {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

fn mend(range: Range<usize>, text: impl Into<String>) -> Option<Mend> {
    Some(Mend { range, text: text.into() })
}

/// What to tell people of an error, and how to get past it.
pub(super) fn judge(text: &str, error: &ParseError) -> (Fault, Option<Mend>) {
    use ParseErrorKind as Kind;
    let at = error.range().start;
    if within_number(text, at) {
        return number(text, at);
    }
    match error.kind() {
        Kind::ExpectedComma => comma_missing(at),
        Kind::ExpectedStringObjectProperty => bare_key(text, at),
        Kind::SingleQuotedStringsNotAllowed => quoted_otherwise(text, at, '\'', '\''),
        Kind::HexadecimalNumbersNotAllowed
        | Kind::UnaryPlusNumbersNotAllowed
        | Kind::BareDecimalPointNumbersNotAllowed
        | Kind::NonFiniteNumbersNotAllowed
        | Kind::ExpectedDigit
        | Kind::ExpectedDigitFollowingNegativeSign
        | Kind::ExpectedPlusMinusOrDigitInNumberLiteral => number(text, at),
        Kind::UnexpectedWord | Kind::UnexpectedToken => odd_token(text, at),
        Kind::ExpectedColonAfterObjectKey => colon_missing(text, at),
        Kind::UnexpectedComma | Kind::UnexpectedCloseBrace | Kind::UnexpectedCloseBracket => {
            value_missing(text, at)
        }
        Kind::UnexpectedTokenInObject => key_missing(text, at),
        Kind::UnexpectedColon => (Fault::new(at, "one `:` too many"), mend(at..at + 1, " ")),
        Kind::String(kind) => escape(text, at, kind),
        Kind::MultipleRootJsonValues => (second_value(text, at), None),
        // The prescan has told these in full, at the file's end or at the opening bracket.
        other => {
            (Fault::new(at, format!("the file is not JSON: {}", other.to_string().to_lowercase())), None)
        }
    }
}

fn comma_missing(at: usize) -> (Fault, Option<Mend>) {
    let fault = Fault::new(at, "a `,` is missing here").hint("entries are separated by `,`");
    (fault, mend(at..at, ","))
}

/// Whether the token at a place continues a number that the parser took for finished, as in `007` or `1_000`.
fn within_number(text: &str, at: usize) -> bool {
    let before = text.get(..at).and_then(|before| before.bytes().next_back());
    let after = text.as_bytes().get(at);
    before.is_some_and(|byte| byte.is_ascii_digit())
        && after.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

fn bare_key(text: &str, at: usize) -> (Fault, Option<Mend>) {
    let word = word_at(text, at);
    let range = at..at + word.len();
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        let fault = Fault::new(at, format!("`{}` stands where a key is expected", shown(word)));
        return (
            fault.hint("numbers are written without a separator for thousands: `8000`, not `8,000`"),
            None,
        );
    }
    let fault = Fault::new(at, format!("the key `{}` must stand in double quotes", shown(word)));
    (fault.hint(format!("write `\"{}\"`", shown(word))), mend(range, format!("\"{word}\"")))
}

fn quoted_otherwise(text: &str, at: usize, open: char, close: char) -> (Fault, Option<Mend>) {
    let fault = Fault::new(at, format!("`{open}` does not begin a string"))
        .hint("strings stand in double quotes: `\"…\"`");
    let inner = text.get(at + open.len_utf8()..).unwrap_or_default();
    let line = inner.split(['\n', '\r']).next().unwrap_or_default();
    let mended =
        line.find(close).and_then(|end| mend(at..at + open.len_utf8() + end + close.len_utf8(), "\"_\""));
    (fault, mended)
}

/// Characters of a number that are shown.
const NUMBER_SHOWN_MAX: usize = 12;

/// A number that JSON does not have: the whole token, also where the error lies within it.
fn number(text: &str, at: usize) -> (Fault, Option<Mend>) {
    let part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-' | '.');
    let start = at
        - text.get(..at).map_or(0, |before| before.chars().rev().take_while(part).map(char::len_utf8).sum());
    let token: String = text.get(start..).unwrap_or_default().chars().take_while(part).collect();
    let range = start..start + token.len();
    let digits = token.trim_start_matches(['+', '-']);
    // Whatever is longer may be a secret without its quotes.
    let is_short = token.len() <= NUMBER_SHOWN_MAX;
    let hint = if !is_short {
        "numbers are written like `42`, `-1`, `0.5`, `1e3`; strings stand in double quotes".to_owned()
    } else if let Some(value) = digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        u64::from_str_radix(value, 16)
            .map_or("write it in decimal".to_owned(), |value| format!("write `{value}`"))
    } else if token.contains('_') {
        format!("write `{}`", token.replace('_', ""))
    } else if token.starts_with('+') {
        format!("write `{digits}`")
    } else if digits.starts_with('.') || digits.ends_with('.') {
        "a digit stands on both sides of the point: `0.5`, `5.0`".to_owned()
    } else if digits.len() > 1 && digits.starts_with('0') {
        "a number does not begin with `0`".to_owned()
    } else {
        "numbers are written like `42`, `-1`, `0.5`, `1e3`".to_owned()
    };
    let message = if is_short {
        format!("`{token}` is not a number of JSON")
    } else {
        "this is not a number of JSON".to_owned()
    };
    (Fault::new(start, message).hint(hint), mend(range, "0"))
}

fn odd_token(text: &str, at: usize) -> (Fault, Option<Mend>) {
    let rest = text.get(at..).unwrap_or_default();
    let Some(first) = rest.chars().next() else {
        return (Fault::new(at, "the file is not JSON"), None);
    };
    match first {
        '“' | '”' | '„' | '‟' | '«' | '»' | '‘' | '’' | '‚' | '`' | '´' => {
            return other_quotes(text, at, first);
        }
        '=' => {
            let range = at..at + if rest.starts_with("=>") { 2 } else { 1 };
            return (Fault::new(at, "a key is followed by `:`, not by `=`"), mend(range, ":"));
        }
        ';' => {
            return (Fault::new(at, "entries are separated by `,`, not by `;`"), mend(at..at + 1, ","));
        }
        '<' | '>' if rest.starts_with("<<<<<<<") || rest.starts_with(">>>>>>>") => {
            let fault = Fault::new(at, "the mark of an unfinished merge stands here");
            return (fault.hint("finish the merge: keep one of the two versions"), None);
        }
        '/' => {
            return (
                Fault::new(at, "a single `/` does not begin a comment").hint("comments begin with `//`"),
                None,
            );
        }
        _ => {}
    }
    let word = word_at(text, at);
    if word.is_empty() {
        return (Fault::new(at, format!("`{}` does not belong here", first.escape_debug())), None);
    }
    let range = at..at + word.len();
    if text
        .get(range.end..)
        .is_some_and(|after| after.trim_start().starts_with(':') && !after.starts_with("://"))
    {
        let fault = Fault::new(at, format!("the key `{}` must stand in double quotes", shown(word)));
        return (fault.hint(format!("write `\"{}\"`", shown(word))), mend(range, "\"_\""));
    }
    bare_value(text, at, word)
}

fn bare_value(text: &str, at: usize, word: &str) -> (Fault, Option<Mend>) {
    let hint = match word.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "wahr" => "write `true`".to_owned(),
        "false" | "no" | "off" => "write `false`".to_owned(),
        "null" | "none" | "nil" | "undefined" => "write `null`, or leave the key out".to_owned(),
        "nan" | "infinity" | "inf" => "JSON has no such number; leave the key out".to_owned(),
        _ => "strings stand in double quotes: `\"…\"`".to_owned(),
    };
    let end = at + word.len();
    let url = text.get(end..).is_some_and(|after| after.starts_with("://"));
    let known = word.len() <= 9 && !hint.starts_with("strings");
    // Any other word may be a secret without its quotes.
    let message = if known {
        format!("`{word}` is not a value of JSON")
    } else {
        "a string must stand in double quotes".to_owned()
    };
    (Fault::new(at, message).hint(hint), if url { None } else { mend(at..end, "0") })
}

fn other_quotes(text: &str, at: usize, first: char) -> (Fault, Option<Mend>) {
    let inner = text.get(at + first.len_utf8()..).unwrap_or_default();
    let line = inner.split(['\n', '\r']).next().unwrap_or_default();
    let close = line
        .chars()
        .find(|c| matches!(c, '“' | '”' | '«' | '»' | '‘' | '’' | '`' | '´' | '"'))
        .unwrap_or(first);
    quoted_otherwise(text, at, first, close)
}

fn colon_missing(text: &str, at: usize) -> (Fault, Option<Mend>) {
    match text.get(at..).and_then(|rest| rest.chars().next()) {
        Some(',' | '}') => {
            (Fault::new(at, "the key before has no value").hint("write `\"key\": value`"), mend(at..at, ":0"))
        }
        Some(']') | None => (Fault::new(at, "the key before has no value"), None),
        Some(_) => (Fault::new(at, "a `:` is missing between the key and its value"), mend(at..at, ":")),
    }
}

fn value_missing(text: &str, at: usize) -> (Fault, Option<Mend>) {
    let before = last_token_byte(text, at);
    match (before, text.as_bytes().get(at)) {
        (Some(b':'), _) => (Fault::new(at, "a value is missing after `:`"), mend(at..at, "0")),
        (_, Some(b',')) => (Fault::new(at, "one `,` too many"), mend(at..at + 1, " ")),
        _ => (Fault::new(at, "a closing bracket stands where a value is expected"), None),
    }
}

fn key_missing(text: &str, at: usize) -> (Fault, Option<Mend>) {
    match text.get(at..).and_then(|rest| rest.chars().next()) {
        Some(',') => (Fault::new(at, "one `,` too many"), mend(at..at + 1, " ")),
        Some(other) => {
            let fault = Fault::new(at, format!("`{other}` stands where a key is expected"));
            (fault.hint("an object holds `\"key\": value`, separated by `,`"), None)
        }
        None => (Fault::new(at, "a key is missing"), None),
    }
}

fn escape(text: &str, at: usize, kind: &ParseStringErrorKind) -> (Fault, Option<Mend>) {
    let sequence: String = text.get(at..).unwrap_or_default().chars().take(2).collect();
    let (message, hint) = match kind {
        ParseStringErrorKind::ExpectedFourHexDigits
        | ParseStringErrorKind::InvalidUnicodeEscapeSequence(_) => (
            "`\\u` is followed by four hexadecimal digits that name a character".to_owned(),
            "for example `\\u00e9`",
        ),
        _ => (
            format!(
                "`{}` is not an escape of JSON",
                sequence.escape_debug().to_string().replace("\\\\", "\\")
            ),
            "a backslash is written `\\\\`; in paths `/` works everywhere",
        ),
    };
    let backslash = text.as_bytes().get(at) == Some(&b'\\');
    (Fault::new(at, message).hint(hint), if backslash { mend(at..at + 1, "/") } else { None })
}

fn second_value(text: &str, at: usize) -> Fault {
    match text.as_bytes().get(at) {
        Some(b',') => Fault::new(at, "a `,` stands after the end of the object"),
        Some(b':') => Fault::new(at, "a `:` stands after the end of the first value")
            .hint("the file must hold one object, `{ … }`"),
        _ => {
            let fault = Fault::new(at, "a second value stands after the first");
            fault
                .hint("a file holds one object: put the keys into it, or write the text as a comment, `// …`")
        }
    }
}

/// The characters of a bare word, as far as it could have been meant as one string.
fn word_at(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or_default();
    let end = rest.find(|c: char| {
        c.is_whitespace() || matches!(c, ',' | ':' | '"' | '\'' | '{' | '}' | '[' | ']' | '#')
    });
    rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
}

/// The last byte before a place that is neither white space nor in a comment. The parser has come as far as that place, so the
/// prescan understands what is before it.
fn last_token_byte(text: &str, at: usize) -> Option<u8> {
    let before = text.get(..at)?;
    let comments = prescan::scan(before).comments;
    let tokens = comments.iter().rev().try_fold(before.trim_end(), |left, comment| {
        if left.len() > comment.end { Some(left) } else { left.get(..comment.start).map(str::trim_end) }
    })?;
    tokens.bytes().next_back()
}
