//! The pieces of what stands behind a title: numbers, ranges, dates, labels, punctuation.

use super::super::dates::has_year;
use super::super::lexicon::is_month;
use super::Span;

/// A piece of the text that is scanned.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub span: Span,
    /// What stands inside, for parentheses.
    pub inner: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `12`, `S08003`, `e123`
    Number,
    /// `12–34`
    Range,
    /// `XIII`, before a date or behind a label.
    Roman,
    /// The year of the entry.
    Year,
    /// `(3)`, `(Suppl 1)`
    Parentheses,
    /// `(2014)`, `(June 2014)`
    Dated,
    Volume,
    Issue,
    Pages,
    Month,
    Comma,
    Colon,
    Semicolon,
    Dot,
    Other,
}

/// Takes a text apart from `from` on. `year` is where the year of the entry stands.
pub(super) fn tokens(text: &str, from: usize, year: Option<&Span>) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = from;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(first) = rest.chars().next() else { break };
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let token = token(text, at, rest, first, year);
        at = token.span.end.max(at + first.len_utf8());
        tokens.push(token);
    }
    tokens
}

fn token(text: &str, at: usize, rest: &str, first: char, year: Option<&Span>) -> Token {
    let plain = |kind: Kind, length: usize| Token { kind, span: at..at + length, inner: at..at + length };
    if year.is_some_and(|year| year.start == at) {
        return plain(Kind::Year, year.map_or(1, |year| year.len()));
    }
    match first {
        ',' => return plain(Kind::Comma, 1),
        ':' => return plain(Kind::Colon, 1),
        ';' => return plain(Kind::Semicolon, 1),
        '.' => return plain(Kind::Dot, 1),
        '(' | '[' => {
            // Longer ones hold words, not numbers.
            let near: usize = rest.char_indices().take(40).last().map_or(0, |(end, c)| end + c.len_utf8());
            let close = rest.get(..near).and_then(|near| near.find([')', ']']));
            if let Some(close) = close {
                let inner = at + 1..at + close;
                let content = text.get(inner.clone()).unwrap_or_default();
                let labelled = ["pp. ", "pp.", "pp ", "p. ", "p.", "pages ", "S. "]
                    .iter()
                    .find(|label| content.starts_with(**label));
                let paged = labelled.map(|label| inner.start + label.len()..inner.end).filter(|pages| {
                    text.get(pages.clone()).is_some_and(|pages| {
                        pages.starts_with(|c: char| c.is_ascii_digit()) && pages.chars().count() <= 16
                    })
                });
                if let Some(pages) = paged {
                    return Token { kind: Kind::Range, span: at..at + close + 1, inner: pages };
                }
                let dated = has_year(content)
                    && content.split([' ', ',', '.', '/']).all(|word| {
                        word.is_empty()
                            || is_month(word)
                            || word.bytes().all(|byte| byte.is_ascii_digit())
                            || has_year(word)
                    });
                let short = content.chars().count() <= 14 && content.chars().any(|c| c.is_ascii_digit())
                    || content.chars().count() == 1;
                let kind = if dated {
                    Kind::Dated
                } else if short {
                    Kind::Parentheses
                } else {
                    Kind::Other
                };
                if kind != Kind::Other {
                    return Token { kind, span: at..at + close + 1, inner };
                }
            }
            return plain(Kind::Other, first.len_utf8());
        }
        _ => {}
    }
    let word_end = rest.find(|c: char| c.is_whitespace() || ",;:()[]\"“”".contains(c)).unwrap_or(rest.len());
    let word = rest.get(..word_end).unwrap_or_default();
    let bare = word.trim_end_matches('.');
    if first.is_ascii_digit() || bare.chars().any(|c| c.is_ascii_digit()) {
        return number_token(text, at, bare, word);
    }
    let roman = !bare.is_empty() && bare.len() <= 7 && bare.chars().all(|c| "IVXLC".contains(c));
    if roman
        && (rest.get(word_end..).is_some_and(|after| {
            after.starts_with(" (") && has_year(after.get(..after.len().min(30)).unwrap_or_default())
        }) || before_is_volume(text, at))
    {
        return plain(Kind::Roman, bare.len());
    }
    let kind = label_kind(&bare.to_lowercase(), word.len() > bare.len());
    let length = if word.is_empty() { first.len_utf8() } else { word.len() };
    let length = if kind == Kind::Other && bare.is_empty() { length.max(1) } else { length };
    plain(kind, length)
}

fn before_is_volume(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default().trim_end().rsplit(' ').next().unwrap_or_default();
    matches!(before.trim_end_matches('.').to_lowercase().as_str(), "vol" | "volume")
}

/// A token with digits: a number, a range, or a label that stands against its number (`vol.55`, `pp.12`).
fn number_token(text: &str, at: usize, bare: &str, word: &str) -> Token {
    let letters = bare.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
    let label = bare.get(..letters).unwrap_or_default();
    let kind = label_kind(&label.trim_end_matches('.').to_lowercase(), label.ends_with('.'));
    if kind != Kind::Other && (label.ends_with(['.', '°', 'º']) || label.len() >= 2) {
        return Token { kind, span: at..at + letters, inner: at..at + letters };
    }
    let dash = |c: char| matches!(c, '-' | '–' | '—' | '‐' | '−');
    let parts: Vec<&str> = bare.split(dash).collect();
    let numeric = |part: &str| {
        let digits = part.chars().filter(char::is_ascii_digit).count();
        digits > 0
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '/')
            && part.chars().count() <= digits + 4
    };
    let mut end = at + bare.len();
    let kind = match parts.as_slice() {
        [part] if numeric(part) => Kind::Number,
        // `658– 669` has a space in it.
        [part, ""] if numeric(part) => match spaced_end(text, at + word.len()) {
            Some(far) => {
                end = far;
                Kind::Range
            }
            None => Kind::Other,
        },
        [from, to] if numeric(from) && numeric(to) => Kind::Range,
        _ => Kind::Other,
    };
    if kind == Kind::Number
        && let Some(far) = dashed_end(text, end)
    {
        return Token { kind: Kind::Range, span: at..far, inner: at..far };
    }
    Token { kind, span: at..end, inner: at..end }
}

/// The end of the number behind a space.
fn spaced_end(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?.strip_prefix(' ')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (1..=6).contains(&digits).then_some(at + 1 + digits)
}

/// The end of ` – 669` behind a number.
fn dashed_end(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let dash = rest.strip_prefix(" – ").or_else(|| rest.strip_prefix(" - "))?;
    let gap = rest.len() - dash.len();
    let digits = dash.bytes().take_while(u8::is_ascii_digit).count();
    (1..=6).contains(&digits).then_some(at + gap + digits)
}

fn label_kind(lower: &str, dotted: bool) -> Kind {
    match lower {
        "vol" | "vols" | "volume" | "bd" | "band" | "tome" | "jg" => Kind::Volume,
        "v" | "t" if dotted => Kind::Volume,
        "no" | "nos" | "issue" | "iss" | "nr" | "n°" | "nº" | "num" | "heft" | "number" | "no°" => {
            Kind::Issue
        }
        "n" if dotted => Kind::Issue,
        "pp" | "p" | "pages" | "page" | "pgs" | "pg" | "seiten" => Kind::Pages,
        "s" if dotted => Kind::Pages,
        "." => Kind::Dot,
        word if is_month(word) => Kind::Month,
        _ => Kind::Other,
    }
}
