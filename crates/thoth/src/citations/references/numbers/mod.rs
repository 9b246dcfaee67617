//! Volume, issue and pages: `vol. 55, no. 1, pp. 108–124`, `37(7), 72-76`, `2014;6(4):239-242`, `13 (1964) 321`.

mod tokens;

use super::dates::has_year;
use std::ops::Range;
use tokens::{Kind, Token, tokens};

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

impl Numbers {
    /// Where the last of them ends.
    pub(super) fn end(&self) -> Option<usize> {
        [&self.volume, &self.issue, &self.pages].into_iter().flatten().map(|span| span.end).max()
    }
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
            (roman || matches!(value.kind, Kind::Number | Kind::Range | Kind::Year))
                .then(|| value.inner.clone())
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
        let paged = match shape.pages.map(kind) {
            Some(Kind::Range) => 4,
            Some(_) => 2,
            None => 0,
        };
        let rank = paged + usize::from(shape.issue.is_some());
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
        && let Some((at, token)) = tokens
            .iter()
            .enumerate()
            .rfind(|(at, token)| token.kind == Kind::Range && is_paging(text, tokens, *at))
        && found.volume.as_ref().is_none_or(|volume| volume.start < token.span.start)
    {
        found.pages = Some(token.inner.clone());
        let colon = at.checked_sub(1).and_then(|before| tokens.get(before));
        let start = colon.filter(|token| token.kind == Kind::Colon).unwrap_or(token).span.start;
        found.start = Some(found.start.map_or(start, |found| found.min(start)));
    }
    // `(185–199)` is a token of its own.
    if found.pages.is_none()
        && let Some(token) =
            tokens.iter().rfind(|token| token.kind == Kind::Parentheses && is_range(text, &token.inner))
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
        let digits =
            |part: &str| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        let next = tokens.get(at + 1)?;
        let paged = matches!(next.kind, Kind::Dated | Kind::Colon | Kind::Comma);
        (digits(volume) && digits(issue) && paged).then(|| {
            let middle = token.span.start + volume.len();
            let skip = 1 + usize::from(next.kind == Kind::Dated);
            let stop =
                tokens.get(at + skip).is_some_and(|token| matches!(token.kind, Kind::Colon | Kind::Comma));
            let pages = tokens.get(at + skip + usize::from(stop));
            let pages = pages
                .filter(|token| matches!(token.kind, Kind::Number | Kind::Range))
                .map(|token| token.inner.clone());
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
    let parts: Vec<&str> =
        range.split(['-', '–', '—', '‐', '−', ' ']).filter(|part| !part.is_empty()).collect();
    let numeric = parts.iter().all(|part| {
        part.chars().filter(char::is_ascii_digit).count() + 1 >= part.chars().count()
            && part.len() > usize::from(!part.bytes().all(|byte| byte.is_ascii_digit())) + 1
            || part.bytes().all(|byte| byte.is_ascii_digit())
    });
    let years = parts.len() == 2
        && parts.iter().all(|part| part.len() == 4 && has_year(part) || part.len() == 2)
        && parts.first().is_some_and(|part| part.len() == 4);
    let stop = at
        .checked_sub(1)
        .and_then(|before| tokens.get(before))
        .is_some_and(|token| token.kind == Kind::Colon);
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
    let behind_label = |at: usize| {
        if kind(at) == Some(Kind::Pages) { at + 1 + usize::from(kind(at + 1) == Some(Kind::Dot)) } else { at }
    };
    let pages_at = |at: usize| {
        let next = behind_label(at + usize::from(stop(at)));
        paged(next).then_some(next)
    };
    let mut next = at + 1;
    match kind(next) {
        Some(Kind::Parentheses)
            if tokens
                .get(next)
                .is_some_and(|token| is_range(text, &token.inner) && token.inner.len() >= 5) =>
        {
            Some(Shape { issue: None, pages: Some(next) })
        }
        // `10, (10), 4242` and `347, (1995), 2235`
        Some(Kind::Comma) if kind(next + 1) == Some(Kind::Parentheses) => {
            Some(Shape { issue: Some(next + 1), pages: pages_at(next + 2) })
        }
        Some(Kind::Comma) if kind(next + 1) == Some(Kind::Dated) => {
            Some(Shape { issue: None, pages: pages_at(next + 2) })
        }
        // `82:7: 955`
        Some(Kind::Colon)
            if kind(next + 1) == Some(Kind::Number)
                && matches!(kind(next + 2), Some(Kind::Colon | Kind::Comma))
                && paged(behind_label(next + 3)) =>
        {
            Some(Shape { issue: Some(next + 1), pages: Some(behind_label(next + 3)) })
        }
        // `42. 101–132`, `17 259–273`, `1 273, 1985`
        Some(Kind::Dot) if kind(next + 1) == Some(Kind::Range) => {
            Some(Shape { issue: None, pages: Some(next + 1) })
        }
        Some(Kind::Dot) if kind(next + 1).is_none() && at > 0 => Some(Shape { issue: None, pages: None }),
        Some(Kind::Range | Kind::Pages) if paged(behind_label(next)) => {
            Some(Shape { issue: None, pages: Some(behind_label(next)) })
        }
        Some(Kind::Number)
            if matches!(kind(next + 1), Some(Kind::Comma)) && kind(next + 2) == Some(Kind::Year) =>
        {
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
        Some(Kind::Comma)
            if kind(next + 1) == Some(Kind::Number) && matches!(kind(next + 2), Some(Kind::Dated)) =>
        {
            // `29, 2 (March 2004), 12–12` has an issue; `100, 091105 (2012)` ends there.
            let pages = pages_at(next + 3);
            match pages {
                Some(_) => Some(Shape { issue: Some(next + 1), pages }),
                None => Some(Shape { issue: None, pages: Some(next + 1) }),
            }
        }
        Some(Kind::Comma | Kind::Colon) => match pages_at(next) {
            Some(pages) => Some(Shape { issue: None, pages: Some(pages) }),
            None if kind(next + 1) == Some(Kind::Issue)
                || kind(next + 1) == Some(Kind::Year)
                || kind(next + 1) == Some(Kind::Month) =>
            {
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
    inner.contains(['-', '–'])
        && inner.chars().all(|c| c.is_ascii_digit() || "-– ".contains(c))
        && !inner.is_empty()
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
            assert_eq!(
                (said(found.volume), said(found.issue), said(found.pages)),
                (volume, issue, pages),
                "{text}"
            );
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
