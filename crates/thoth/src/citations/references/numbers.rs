//! Volume, issue and pages: `vol. 55, no. 1, pp. 108–124`, `37(7), 72-76`, `2014;6(4):239-242`, `13 (1964) 321`.

use super::dates::has_year;
use super::lexicon::is_month;
use std::ops::Range;

/// Where a part stands, in bytes of the text.
type Span = Range<usize>;

/// The numbers behind a venue.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Numbers {
    /// Volume.
    pub volume: Option<Span>,
    /// Issue.
    pub issue: Option<Span>,
    /// Pages or article number.
    pub pages: Option<Span>,
    /// Where they begin.
    pub start: Option<usize>,
}

/// A piece of the text that is scanned.
#[derive(Clone, Debug, PartialEq)]
struct Token {
    kind: Kind,
    span: Span,
    /// What stands inside, for parentheses.
    inner: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
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

/// Finds the numbers in a text from `from` on. `year` is where the year stands.
pub(super) fn numbers(text: &str, from: usize, year: Option<&Span>) -> Numbers {
    let tokens = tokens(text, from, year);
    let mut found = Numbers::default();
    labelled(&tokens, &mut found);
    compact(text, &tokens, &mut found);
    found
}

/// What `vol.`, `no.` and `pp.` stand before.
fn labelled(tokens: &[Token], found: &mut Numbers) {
    for (at, token) in tokens.iter().enumerate() {
        let value = || {
            let dot = tokens.get(at + 1).is_some_and(|token| token.kind == Kind::Dot);
            let value = tokens.get(at + 1 + usize::from(dot))?;
            let roman = token.kind == Kind::Volume && value.kind == Kind::Roman;
            (roman || matches!(value.kind, Kind::Number | Kind::Range | Kind::Year)).then(|| value.inner.clone())
        };
        // `702 p.` counts the pages of a book.
        let counted = || {
            let before = tokens.get(at.checked_sub(1)?)?;
            (token.kind == Kind::Pages && before.kind == Kind::Number).then(|| before.span.clone())
        };
        let slot = match token.kind {
            Kind::Volume => &mut found.volume,
            Kind::Issue => &mut found.issue,
            Kind::Pages => &mut found.pages,
            _ => continue,
        };
        if slot.is_none()
            && let Some(span) = value().or_else(counted)
        {
            let here = token.span.start.min(span.start);
            let start = found.start.map_or(here, |start: usize| start.min(here));
            *slot = Some(span);
            found.start = Some(start);
        }
    }
}

/// Numbers without labels, told by their punctuation.
fn compact(text: &str, tokens: &[Token], found: &mut Numbers) {
    let kind = |at: usize| tokens.get(at).map_or(Kind::Other, |token| token.kind);
    let mut best: Option<(usize, usize, Shape)> = None;
    for (at, token) in tokens.iter().enumerate() {
        let before = if at == 0 { Kind::Other } else { kind(at - 1) };
        let behind_dot = at > 1 && before == Kind::Dot && matches!(kind(at - 2), Kind::Issue | Kind::Pages);
        let counts = matches!(token.kind, Kind::Number | Kind::Roman) && is_number(text, &token.span);
        if !counts || behind_dot || matches!(before, Kind::Issue | Kind::Pages | Kind::Month) {
            continue;
        }
        let Some(shape) = shape(text, tokens, at) else { continue };
        let rank = match shape.pages.map(kind) {
            Some(Kind::Range) => 3,
            Some(_) => 2,
            None if shape.issue.is_some() => 1,
            None => 0,
        };
        if best.as_ref().is_none_or(|(most, ..)| rank >= *most) {
            best = Some((rank, at, shape));
        }
    }
    if let Some((_, at, shape)) = best
        && let Some(token) = tokens.get(at)
        && found.volume.as_ref().is_none_or(|volume| volume.start == token.span.start)
    {
        let (issue, pages) = shape.resolve(tokens);
        if found.volume.is_none() {
            found.volume = Some(token.span.clone());
        }
        if found.issue.is_none() {
            found.issue = issue;
        }
        if found.pages.is_none() {
            found.pages = pages;
        }
        found.start = Some(found.start.map_or(token.span.start, |start| start.min(token.span.start)));
    }
    dotted(text, tokens, found);
    if found.pages.is_none()
        && let Some((at, token)) = tokens.iter().enumerate().rfind(|(at, token)| token.kind == Kind::Range && is_paging(text, tokens, *at))
        && found.volume.as_ref().is_none_or(|volume| volume.start < token.span.start)
    {
        found.pages = Some(token.inner.clone());
        let colon = at.checked_sub(1).and_then(|before| tokens.get(before));
        let start = colon.filter(|token| token.kind == Kind::Colon).unwrap_or(token).span.start;
        found.start = Some(found.start.map_or(start, |found| found.min(start)));
    }
    // `(185–199)` is a token of its own.
    if found.pages.is_none()
        && let Some(token) = tokens.iter().rfind(|token| token.kind == Kind::Parentheses && is_range(text, &token.inner))
    {
        found.pages = Some(token.inner.clone());
        found.start = Some(found.start.map_or(token.span.start, |start| start.min(token.span.start)));
    }
}

/// `37.2 (2011): 315–347`: volume and issue in one.
fn dotted(text: &str, tokens: &[Token], found: &mut Numbers) {
    if found.volume.is_some() {
        return;
    }
    let parted = tokens.iter().enumerate().rev().find_map(|(at, token)| {
        let number = text.get(token.span.clone()).filter(|_| token.kind == Kind::Number)?;
        let (volume, issue) = number.split_once('.')?;
        let digits = |part: &str| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        let next = tokens.get(at + 1)?;
        let paged = matches!(next.kind, Kind::Dated | Kind::Colon | Kind::Comma);
        (digits(volume) && digits(issue) && paged).then(|| {
            let middle = token.span.start + volume.len();
            let skip = 1 + usize::from(next.kind == Kind::Dated);
            let stop = tokens.get(at + skip).is_some_and(|token| matches!(token.kind, Kind::Colon | Kind::Comma));
            let pages = tokens.get(at + skip + usize::from(stop));
            let pages = pages.filter(|token| matches!(token.kind, Kind::Number | Kind::Range)).map(|token| token.inner.clone());
            (token.span.start..middle, middle + 1..token.span.end, pages)
        })
    });
    if let Some((volume, issue, pages)) = parted {
        found.start = Some(found.start.map_or(volume.start, |start| start.min(volume.start)));
        (found.volume, found.issue) = (Some(volume), Some(issue));
        if found.pages.is_none() {
            found.pages = pages;
        }
    }
}

/// Whether a range is of pages rather than of years in a title.
fn is_paging(text: &str, tokens: &[Token], at: usize) -> bool {
    let Some(token) = tokens.get(at) else { return false };
    let range = text.get(token.span.clone()).unwrap_or_default();
    let parts: Vec<&str> = range.split(['-', '–', '—', '‐', '−', ' ']).filter(|part| !part.is_empty()).collect();
    let numeric = parts.iter().all(|part| part.chars().filter(char::is_ascii_digit).count() + 1 >= part.chars().count() && part.len() > usize::from(!part.bytes().all(|byte| byte.is_ascii_digit())) + 1 || part.bytes().all(|byte| byte.is_ascii_digit()));
    let years = parts.len() == 2 && parts.iter().all(|part| part.len() == 4 && has_year(part));
    let stop = at.checked_sub(1).and_then(|before| tokens.get(before)).is_some_and(|token| token.kind == Kind::Colon);
    numeric && (!years || stop)
}

/// The tokens that hold issue and pages behind a volume.
struct Shape {
    issue: Option<usize>,
    pages: Option<usize>,
}

impl Shape {
    fn resolve(&self, tokens: &[Token]) -> (Option<Span>, Option<Span>) {
        let issue = self.issue.and_then(|at| tokens.get(at)).map(|token| token.inner.clone());
        let pages = self.pages.and_then(|at| tokens.get(at)).map(|token| token.inner.clone());
        (issue, pages)
    }
}

/// Whether the number at a place is a volume, by what follows it.
fn shape(text: &str, tokens: &[Token], at: usize) -> Option<Shape> {
    let kind = |at: usize| tokens.get(at).map(|token| token.kind);
    let paged = |at: usize| matches!(kind(at), Some(Kind::Number | Kind::Range));
    let stop = |at: usize| matches!(kind(at), Some(Kind::Comma | Kind::Colon | Kind::Semicolon));
    let behind_label = |at: usize| if kind(at) == Some(Kind::Pages) { at + 1 + usize::from(kind(at + 1) == Some(Kind::Dot)) } else { at };
    let pages_at = |at: usize| {
        let next = behind_label(at + usize::from(stop(at)));
        paged(next).then_some(next)
    };
    let mut next = at + 1;
    match kind(next) {
        Some(Kind::Parentheses) if tokens.get(next).is_some_and(|token| is_range(text, &token.inner) && token.inner.len() >= 5) => {
            Some(Shape { issue: None, pages: Some(next) })
        }
        // `10, (10), 4242` and `347, (1995), 2235`
        Some(Kind::Comma) if kind(next + 1) == Some(Kind::Parentheses) => {
            Some(Shape { issue: Some(next + 1), pages: pages_at(next + 2) })
        }
        Some(Kind::Comma) if kind(next + 1) == Some(Kind::Dated) => Some(Shape { issue: None, pages: pages_at(next + 2) }),
        // `82:7: 955`
        Some(Kind::Colon) if kind(next + 1) == Some(Kind::Number) && matches!(kind(next + 2), Some(Kind::Colon | Kind::Comma)) && paged(behind_label(next + 3)) => {
            Some(Shape { issue: Some(next + 1), pages: Some(behind_label(next + 3)) })
        }
        // `42. 101–132`, `17 259–273`, `1 273, 1985`
        Some(Kind::Dot) if kind(next + 1) == Some(Kind::Range) => Some(Shape { issue: None, pages: Some(next + 1) }),
        Some(Kind::Dot) if kind(next + 1).is_none() && at > 0 => Some(Shape { issue: None, pages: None }),
        Some(Kind::Range | Kind::Pages) if paged(behind_label(next)) => Some(Shape { issue: None, pages: Some(behind_label(next)) }),
        Some(Kind::Number) if matches!(kind(next + 1), Some(Kind::Comma)) && kind(next + 2) == Some(Kind::Year) => {
            Some(Shape { issue: None, pages: Some(next) })
        }
        Some(Kind::Parentheses) => {
            let issue = Some(next);
            next += 1;
            if kind(next) == Some(Kind::Dated) {
                next += 1;
            }
            Some(Shape { issue, pages: pages_at(next) })
        }
        Some(Kind::Dated) => {
            next += 1;
            Some(Shape { issue: None, pages: pages_at(next) })
        }
        Some(Kind::Comma) if kind(next + 1) == Some(Kind::Number) && matches!(kind(next + 2), Some(Kind::Dated)) => {
            // `29, 2 (March 2004), 12–12` has an issue; `100, 091105 (2012)` ends there.
            let pages = pages_at(next + 3);
            match pages {
                Some(_) => Some(Shape { issue: Some(next + 1), pages }),
                None => Some(Shape { issue: None, pages: Some(next + 1) }),
            }
        }
        Some(Kind::Comma | Kind::Colon) => match pages_at(next) {
            Some(pages) => Some(Shape { issue: None, pages: Some(pages) }),
            None if kind(next + 1) == Some(Kind::Issue) || kind(next + 1) == Some(Kind::Year) || kind(next + 1) == Some(Kind::Month) => {
                Some(Shape { issue: None, pages: None })
            }
            None => None,
        },
        Some(Kind::Year | Kind::Issue) => Some(Shape { issue: None, pages: None }),
        None if at > 0 => Some(Shape { issue: None, pages: None }),
        _ => None,
    }
}

/// Whether a span is digits with at most a letter: a volume, not an article number.
fn is_number(text: &str, span: &Span) -> bool {
    let number = text.get(span.clone()).unwrap_or_default();
    let digits = number.chars().filter(char::is_ascii_digit).count();
    let roman = !number.is_empty() && number.chars().all(|c| "IVXLC".contains(c));
    roman || (1..=5).contains(&digits) && number.chars().count() <= digits + 1
}

fn is_range(text: &str, span: &Span) -> bool {
    let inner = text.get(span.clone()).unwrap_or_default();
    inner.contains(['-', '–']) && inner.chars().all(|c| c.is_ascii_digit() || "-– ".contains(c)) && !inner.is_empty()
}

fn tokens(text: &str, from: usize, year: Option<&Span>) -> Vec<Token> {
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
                let labelled = ["pp. ", "pp.", "pp ", "p. ", "p.", "pages ", "S. "].iter().find(|label| content.starts_with(**label));
                let paged = labelled.map(|label| inner.start + label.len()..inner.end).filter(|pages| {
                    text.get(pages.clone()).is_some_and(|pages| pages.starts_with(|c: char| c.is_ascii_digit()) && pages.chars().count() <= 16)
                });
                if let Some(pages) = paged {
                    return Token { kind: Kind::Range, span: at..at + close + 1, inner: pages };
                }
                let dated = has_year(content) && content.split([' ', ',', '.', '/']).all(|word| word.is_empty() || is_month(word) || word.bytes().all(|byte| byte.is_ascii_digit()) || has_year(word));
                let short = content.chars().count() <= 14 && content.chars().any(|c| c.is_ascii_digit()) || content.chars().count() == 1;
                let kind = if dated { Kind::Dated } else if short { Kind::Parentheses } else { Kind::Other };
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
    if roman && (rest.get(word_end..).is_some_and(|after| after.starts_with(" (") && has_year(after.get(..after.len().min(30)).unwrap_or_default())) || before_is_volume(text, at)) {
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
        digits > 0 && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '/') && part.chars().count() <= digits + 4
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
    if kind == Kind::Number && let Some(far) = dashed_end(text, end) {
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
        "no" | "nos" | "issue" | "iss" | "nr" | "n°" | "nº" | "num" | "heft" | "number" | "no°" => Kind::Issue,
        "n" if dotted => Kind::Issue,
        "pp" | "p" | "pages" | "page" | "pgs" | "pg" | "seiten" => Kind::Pages,
        "s" if dotted => Kind::Pages,
        "." => Kind::Dot,
        word if is_month(word) => Kind::Month,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_by_their_labels_and_their_punctuation() {
        let check = |text: &str, volume: &str, issue: &str, pages: &str| {
            let year = super::super::dates::years(text).pop().map(|year| year.span);
            let found = numbers(text, 0, year.as_ref());
            let said = |span: Option<Span>| span.and_then(|span| text.get(span)).unwrap_or_default();
            assert_eq!((said(found.volume), said(found.issue), said(found.pages)), (volume, issue, pages), "{text}");
        };
        check("Human Factors, vol. 55, no. 1, pp. 108–124, 2013.", "55", "1", "108–124");
        check("Comm. of the ACM, 37(7), pages 72-76", "37", "7", "72-76");
        check("Syst Eng. 2014;6(4):239-242.", "6", "4", "239-242");
        check("Phys. Rev. Lett. 13 (1964) 321", "13", "", "321");
        check("Applied Physics Letters 100, 091105 (2012).", "100", "", "091105");
        check("JSS 74, 2 (2005), 173–194.", "74", "2", "173–194");
        check("in South Asia Research, 33, 1 (2013), pp. 39-55.", "33", "1", "39-55");
        check("Language 68, 673–705.", "68", "", "673–705");
        check("In 8th Asian Control Conference (ASCC), pages 381–386, 2011.", "", "", "381–386");
        check("Tropical Lepidoptera, 2(1): 59-64.", "2", "1", "59-64");
        check("JINST 3 (2008) S08003", "3", "", "S08003");
        check("In ICVGIP, 2008.", "", "", "");
    }
}
