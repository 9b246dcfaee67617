//! Title and venue: where the one ends and the other begins.
//!
//! Quotation marks tell; else every full stop, comma and `in` between is tried, and what stands on both sides says how
//! good a place it is.

use super::lexicon::{is_abbreviation, is_publisher_word, is_venue_word};
use super::numbers::Numbers;
use std::ops::Range;

/// Places that are tried in one entry.
const PLACES_MAX: usize = 60;

/// Title and what follows it, in bytes of the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Split {
    /// The title.
    pub title: Option<Range<usize>>,
    /// What follows it up to the numbers.
    pub rest: Option<Range<usize>>,
}

/// The span of a quoted title at or shortly behind `from`, without its quotation marks, and where it ends with them.
pub(super) fn quoted(text: &str, from: usize) -> Option<(Range<usize>, usize)> {
    let rest = text.get(from..)?;
    let lead = rest.find(|c: char| c.is_alphanumeric() || "\"“«‘„`'”".contains(c))?;
    let opened = rest.get(lead..)?;
    let open = opened.chars().next()?;
    let doubled = opened.starts_with("``") || opened.starts_with("''");
    let width = if doubled { 2 } else { open.len_utf8() };
    let doubled_open = opened.get(width..).is_some_and(|rest| open == '“' && rest.starts_with('“'));
    let begin = from + lead + if doubled_open { 2 * width } else { width };
    let inner = text.get(begin..)?;
    let close = match open {
        '“' | '„' | '”' => closing(inner, &['”', '“', '"'], true)?,
        '"' => closing(inner, &['"', '”', '“'], false)?,
        '«' => closing(inner, &['»'], false)?,
        '‘' => closing(inner, &['’'], false)?,
        '`' | '\'' if doubled => inner.find("''").or_else(|| inner.find('"')).or_else(|| inner.find('”'))?,
        _ => return None,
    };
    let after = inner.get(close..)?.chars().next()?;
    let end = begin + close + if doubled { 2 } else { after.len_utf8() };
    let whole = close > 3 && !goes_on(inner.get(..close)?, text.get(end..).unwrap_or_default());
    whole.then_some((begin..begin + close, end.min(text.len())))
}

/// Whether a title goes on behind a quotation that it begins with: `“A Study in Scarlet” and “The Sign of Four.”`
fn goes_on(inner: &str, after: &str) -> bool {
    let next = after.trim_start();
    let word = next.split(' ').next().unwrap_or_default();
    !inner.ends_with(['.', ',', '?', '!'])
        && next.len() < after.len()
        && word.starts_with(char::is_lowercase)
        && !matches!(word, "in" | "in:" | "vol." | "vol" | "pp." | "p." | "no." | "eds." | "ed." | "trans.")
}

/// The first closing mark that is not of a quotation inside and that no letter follows.
fn closing(inner: &str, marks: &[char], nested: bool) -> Option<usize> {
    let mut depth = 0_usize;
    let mut before = ' ';
    let mut characters = inner.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        let opens =
            nested && c == '“' && before.is_whitespace() && next.is_some_and(|next| next.is_alphanumeric());
        if opens {
            depth += 1;
        } else if marks.contains(&c) && !next.is_some_and(char::is_alphanumeric) {
            if depth == 0 {
                return Some(at);
            }
            depth -= 1;
        }
        before = c;
    }
    None
}

/// Parts `text[from..to]`, which holds title and venue without quotation marks. `numbered` says that numbers follow.
pub(super) fn split(text: &str, from: usize, to: usize, numbers: &Numbers) -> Split {
    let numbered = numbers.start.is_some_and(|start| start <= to + 3);
    let paged = numbers.volume.is_some() || numbers.pages.is_some();
    let Some(middle) = text.get(from..to) else { return Split::default() };
    if middle.trim().is_empty() {
        return Split::default();
    }
    let places = places(middle);
    let mut best = (alone(middle, paged), None);
    for place in places.into_iter().take(PLACES_MAX) {
        let (Some(title), Some(rest)) = (middle.get(..place.end), middle.get(place.next..)) else { continue };
        let points = place.kind.points() + title_points(title, place.kind) + venue_points(rest, numbered);
        if points > best.0 {
            best = (points, Some(place));
        }
    }
    match best.1 {
        Some(place) => Split { title: Some(from..from + place.end), rest: Some(from + place.next..to) },
        None if is_venue_alone(middle, paged) => Split { title: None, rest: Some(from..to) },
        None => Split { title: Some(from..to), rest: None },
    }
}

/// A place at which the title may end.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    kind: Kind,
    /// Where the title ends.
    end: usize,
    /// Where the venue begins.
    next: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `. `
    Stop,
    /// `? `, `! `
    Asked,
    /// `, `
    Comma,
    /// `. In `, `, in `
    In,
    /// ` (`
    Parenthesis,
}

impl Kind {
    fn points(self) -> f32 {
        match self {
            Self::Stop => 3.0,
            Self::Asked => 2.0,
            Self::In => 4.5,
            Self::Comma => 0.0,
            Self::Parenthesis => 0.5,
        }
    }
}

fn places(middle: &str) -> Vec<Place> {
    let mut places = Vec::new();
    let mut before = ' ';
    for (at, c) in middle.char_indices() {
        let end = at + c.len_utf8();
        let rest = middle.get(end..).unwrap_or_default();
        let gap = rest.starts_with(' ');
        let kind = match c {
            '.' if gap && !abbreviated(middle.get(..at).unwrap_or_default()) => Some(Kind::Stop),
            '?' | '!' if gap => Some(Kind::Asked),
            ',' if gap => Some(Kind::Comma),
            '(' if before == ' ' => Some(Kind::Parenthesis),
            _ => None,
        };
        before = c;
        let Some(kind) = kind else { continue };
        let next = if kind == Kind::Parenthesis { end } else { end + 1 };
        let tail = middle.get(next..).unwrap_or_default();
        let into = ["In ", "in ", "In: ", "in: ", "In:", "Dans ", "dans "]
            .iter()
            .find(|word| tail.starts_with(**word));
        let kind = if into.is_some()
            && kind != Kind::Parenthesis
            && starts_name(tail, into.map_or(0, |word| word.len()))
        {
            Kind::In
        } else {
            kind
        };
        let close = match c {
            '?' | '!' => end,
            _ => at,
        };
        places.push(Place { kind, end: close, next });
    }
    places
}

/// Whether what follows `in` is a name rather than the rest of a title.
fn starts_name(tail: &str, at: usize) -> bool {
    tail.get(at..)
        .and_then(|rest| rest.trim_start().chars().next())
        .is_some_and(|c| c.is_uppercase() || c.is_ascii_digit() || "“\"".contains(c))
}

/// Whether the dot behind a text is of an abbreviation or an initial.
fn abbreviated(text: &str) -> bool {
    let word = text.rsplit([' ', '(', '-', '–']).next().unwrap_or_default();
    let lower = word.trim_matches(['(', '"', '“']).to_lowercase();
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    let dotted = word.contains('.')
        && word.contains(char::is_alphabetic)
        && word.split('.').all(|part| part.chars().count() <= 2);
    let before = text.trim_end_matches(word).trim_end();
    let among =
        before.ends_with('.') && word.starts_with(char::is_uppercase) && word.chars().count() <= 7 && {
            let last = before.trim_end_matches('.').rsplit(' ').next().unwrap_or_default();
            last.chars().count() == 1 || is_abbreviation(&last.to_lowercase())
        };
    initial || dotted || among || is_abbreviation(&lower)
}

fn title_points(title: &str, kind: Kind) -> f32 {
    let words = title.split_whitespace().count();
    let last = title.rsplit(' ').next().unwrap_or_default().to_lowercase();
    let mut points = match words {
        0 => -20.0,
        1 => -1.5,
        2 => 0.0,
        3..=25 => 1.0,
        _ => 0.0,
    };
    let open = title.matches('(').count();
    let closed = title.matches(')').count();
    if open > closed {
        points -= 4.0;
    }
    if matches!(
        last.as_str(),
        "the" | "of" | "and" | "a" | "an" | "for" | "in" | "on" | "to" | "with" | "by" | "de" | "la"
    ) {
        points -= 4.0;
    }
    if [". In ", ", in: ", ". In: ", "(Eds.)", "(eds.)", "(Ed.)", "(ed.)", " eds.)"]
        .iter()
        .any(|mark| title.contains(mark))
    {
        points -= 5.0;
    }
    // Titles that end with a comma are rare where lower-case words follow one another.
    if kind == Kind::Comma && words < 3 {
        points -= 1.0;
    }
    points
}

/// How much a text looks like the name of a journal, proceedings or a publisher.
fn venue_points(rest: &str, numbered: bool) -> f32 {
    let rest = rest.trim();
    let Some(first) = rest.chars().next() else { return -20.0 };
    let head = rest.split(". ").next().unwrap_or(rest);
    let words: Vec<&str> = rest.split_whitespace().take(30).collect();
    let small = |word: &&&str| is_small(word);
    let content: Vec<&&str> =
        words.iter().filter(|word| !small(word) && word.chars().any(char::is_alphabetic)).collect();
    let capital = content
        .iter()
        .filter(|word| word.trim_start_matches(['(', '"', '“', '‘']).starts_with(char::is_uppercase))
        .count();
    let lower = content.len() - capital;
    let named = words.iter().take(8).filter(|word| {
        let bare = bare(word);
        is_venue_word(&bare) || is_publisher_word(&bare)
    });
    let mut points = (named.count() as f32).min(2.0) * 1.25;
    points += if content.is_empty() { -2.0 } else { 1.5 * capital as f32 / content.len() as f32 };
    points -= 0.6 * (lower as f32).min(5.0);
    if first.is_lowercase() && !rest.starts_with("in ") {
        points -= 2.0;
    }
    if words.len() > 18 {
        points -= 1.0;
    }
    if head.split_whitespace().count() <= 8 {
        points += 0.4;
    }
    if has_place(rest) {
        points += 1.5;
    }
    if numbered {
        points += 0.4;
    }
    points
}

/// `City: Publisher` near the beginning.
fn has_place(rest: &str) -> bool {
    rest.split_once(": ").is_some_and(|(place, name)| {
        let words = place.split_whitespace().count();
        (1..=5).contains(&words)
            && place.split_whitespace().all(|word| {
                word.starts_with(|c: char| c.is_uppercase() || c == '(' || c == '&') || is_small(word)
            })
            && name.starts_with(char::is_uppercase)
    })
}

/// How much speaks for a title that nothing follows.
fn alone(middle: &str, paged: bool) -> f32 {
    let words = middle.split_whitespace().count();
    let base = if paged { 0.5 } else { 2.6 };
    if words > 25 { base - 1.0 } else { base }
}

/// Whether a short text with numbers behind it names a journal: some styles leave titles out.
fn is_venue_alone(middle: &str, paged: bool) -> bool {
    let words: Vec<&str> = middle.split_whitespace().collect();
    let capital =
        words.iter().filter(|word| !is_small(word)).all(|word| word.starts_with(char::is_uppercase));
    let short =
        words.iter().any(|word| word.ends_with('.')) || words.iter().any(|word| is_venue_word(&bare(word)));
    paged && words.len() <= 8 && capital && (short || words.len() <= 3)
}

fn bare(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric() && c != '&').to_lowercase()
}

fn is_small(word: &str) -> bool {
    matches!(
        word.trim_matches(|c: char| !c.is_alphanumeric()),
        "of" | "the"
            | "and"
            | "in"
            | "on"
            | "for"
            | "a"
            | "an"
            | "to"
            | "de"
            | "la"
            | "le"
            | "les"
            | "des"
            | "du"
            | "et"
            | "und"
            | "der"
            | "die"
            | "das"
            | "für"
            | "von"
            | "&"
            | "y"
            | "del"
            | "e"
            | "di"
            | "at"
            | "from"
            | "with"
            | "by"
            | "th"
            | ""
            | "el"
            | "zur"
            | "zum"
            | "no"
            | "as"
            | "en"
            | "do"
            | "da"
    )
}
