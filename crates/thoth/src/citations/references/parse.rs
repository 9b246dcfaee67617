//! One entry taken apart.

use super::ENTRY_CHARS_MAX;
use super::dates;
use super::identifiers::identifiers;
use super::numbers;
use super::people::{People, people};
use super::split::{self, Split};
use super::venue::{publisher_behind, venue};
use crate::paper::Reference;
use std::ops::Range;

/// Reads an entry without its label. What is not found is absent; the text is kept, up to a limit of 8,000 characters.
///
/// ```
/// let entry = thoth::citations::references::parse(
///     "B. L. Miller and H. M. Wagner, “Chance constrained programming,” Operations Research, vol. 13, no. 6, 1965.",
/// );
/// assert_eq!(entry.title.as_deref(), Some("Chance constrained programming"));
/// assert_eq!((entry.authors.len(), entry.year, entry.volume.as_deref()), (2, Some(1965), Some("13")));
/// ```
pub fn parse(text: &str) -> Reference {
    let text: String = text.chars().take(ENTRY_CHARS_MAX).collect();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = identifiers(&text);
    let first_identifier = found.spans.iter().map(|span| span.start).min().unwrap_or(text.len());
    let quoted_first = split::quoted(&text, 0).filter(|_| text.starts_with(['“', '"', '«', '„', '`', '‘']));
    let people = if quoted_first.is_some() {
        People::default()
    } else {
        people(text.get(..first_identifier).unwrap_or_default())
    };
    let mut barred = found.spans.clone();
    let title_from = behind_date(&text, people.end);
    let quoted = quoted_first
        .or_else(|| split::quoted(&text, title_from))
        .or_else(|| split::quoted(&text, behind_unknown(&text, &people)?))
        .filter(|(span, _)| span.start < first_identifier);
    barred.extend(quoted.iter().map(|(span, _)| span.clone()));
    let year = dates::year(&text, people.end, &barred);
    let names_end = people.end;
    let from = match (&quoted, &year) {
        (Some((_, end)), _) => *end,
        (None, Some(year)) if follows(&text, people.end, &year.span) => after_date(&text, year.span.end),
        _ => undated(&text, names_end),
    };
    let body_end =
        found.spans.iter().map(|span| span.start).filter(|start| *start >= from).min().unwrap_or(text.len());
    let numbers = numbers::numbers(
        text.get(..body_end).unwrap_or_default(),
        from,
        year.as_ref().map(|year| &year.span),
    );
    let dated = year
        .as_ref()
        .filter(|year| year.span.start > from)
        .map(|year| before_date(&text, from, year.span.start));
    let to = [numbers.start, dated]
        .into_iter()
        .flatten()
        .filter(|end| *end > from)
        .min()
        .unwrap_or(body_end)
        .min(body_end)
        .max(from);
    let parts = match &quoted {
        Some((span, _)) => Split { title: Some(span.clone()), rest: Some(from..to) },
        None => split::split(&text, from, to, &numbers),
    };
    let said = |span: &Option<Range<usize>>| {
        span.clone().and_then(|span| text.get(span)).map(str::to_owned).filter(|part| !part.is_empty())
    };
    let rest = parts.rest.clone().and_then(|span| venue(&text, span, numbers.volume.is_some()));
    let behind = || {
        year.as_ref().filter(|_| dated == Some(to)).and_then(|year| {
            venue(
                &text,
                year.span.end..numbers.start.unwrap_or(body_end).max(year.span.end),
                numbers.volume.is_some(),
            )
        })
    };
    Reference {
        label: None,
        page: 0,
        et_al: people.et_al,
        title: parts.title.and_then(|span| title(&text, span)),
        year: year.as_ref().map(|year| year.value),
        venue: rest
            .or_else(behind)
            .or_else(|| numbers.end().and_then(|end| publisher_behind(&text, end..body_end.max(end)))),
        volume: said(&numbers.volume),
        issue: said(&numbers.issue),
        pages: said(&numbers.pages),
        doi: found.doi,
        arxiv: found.arxiv,
        url: found.url,
        authors: people.persons,
        text,
    }
}

/// Behind a remark that there is no date: `[n. d.].`, `(n.d.)`.
fn undated(text: &str, from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let bare = rest.trim_start();
    let said = [
        "[n. d.]",
        "[n.d.]",
        "(n. d.)",
        "(n.d.)",
        "n.d.",
        "(s. d.)",
        "(in press)",
        "(forthcoming)",
        "(o. J.)",
    ]
    .iter()
    .find(|said| bare.starts_with(**said));
    said.map_or(from, |said| text.len() - bare.len() + said.len())
}

/// The title without the punctuation around it.
fn title(text: &str, span: Range<usize>) -> Option<String> {
    let title = text.get(span)?;
    let title = without_notes(title).trim_matches(|c: char| c.is_whitespace() || ",;:.".contains(c));
    let title = title.trim_start_matches([')', ']', '—', '–', '-', '"', '”']).trim();
    (title.chars().filter(|c| c.is_alphanumeric()).count() >= 2).then(|| title.to_owned())
}

/// Without what is said about the edition, the editor or the kind of the work.
fn without_notes(title: &str) -> &str {
    const NOTES: [&str; 32] = [
        ", trans. ",
        ". Trans. ",
        ". Translated by ",
        ", translated by ",
        ". Edited by ",
        ", edited by ",
        ", ed. ",
        ". Ed. ",
        ". 2 vols",
        ". 3 vols",
        " (Unpublished ",
        " (Doctoral ",
        " (unpublished ",
        " (tr. ",
        " (trans",
        " (Master",
        " (Ph",
        " (PhD",
        ". PhD thesis",
        ". Ph.D. thesis",
        ". 2nd ed",
        ". 3rd ed",
        ". 4th ed",
        ". 5th ed",
        ", 2nd ed",
        ", 3rd ed",
        ", 4th ed",
        ", 1st ed",
        ". Second edition",
        ". Technical report",
        ". Dissertation",
        ", PhD thesis",
    ];
    // The year once more: `Software product lines. (2013)`
    let again = title
        .trim_end()
        .trim_end_matches(['.', ','])
        .strip_suffix(')')
        .and_then(|head| head.rsplit_once(" ("));
    let title =
        again.filter(|(_, year)| year.len() == 4 && dates::has_year(year)).map_or(title, |(head, _)| head);
    let end = NOTES.iter().filter_map(|note| title.find(note)).filter(|at| *at > 0).min();
    end.and_then(|end| title.get(..end)).unwrap_or(title)
}

/// Whether a date stands right behind the names.
fn follows(text: &str, names_end: usize, year: &Range<usize>) -> bool {
    let between = text.get(names_end..year.start).unwrap_or("…");
    names_end > 0 && between.chars().all(|c| !c.is_alphanumeric())
}

/// Where the title begins behind a year: behind the parenthesis and the rest of the date.
fn after_date(text: &str, year_end: usize) -> usize {
    let rest = text.get(year_end..).unwrap_or_default();
    let close = rest.find([')', ']']).filter(|close| {
        let inside = rest.get(..*close).unwrap_or_default();
        inside.len() < 30
            && !inside.contains('(')
            && inside.split([' ', ',', '.', '-', '–', '/']).all(|word| {
                word.is_empty()
                    || super::lexicon::is_month(word)
                    || word.bytes().all(|byte| byte.is_ascii_digit())
            })
    });
    let from = year_end + close.map_or(0, |close| close + 1);
    // `2001[1953]`
    let again =
        text.get(from..from + 6).filter(|again| again.starts_with(['[', '(']) && again.ends_with([']', ')']));
    let from = from + again.filter(|again| dates::has_year(again)).map_or(0, str::len);
    let rest = text.get(from..).unwrap_or_default();
    from + (rest.len() - rest.trim_start_matches([' ', '.', ',', ':', ';', ')']).len())
}

/// Where a quotation begins behind names that were not understood.
fn behind_unknown(text: &str, people: &People) -> Option<usize> {
    let quotation = |text: &str| text.find(", “").or_else(|| text.find(", \""));
    let near = text.char_indices().nth(300).map_or(text.len(), |(at, _)| at);
    quotation(text.get(..near)?).filter(|_| people.persons.is_empty())
}

/// Behind a date that follows the names, if there is one.
fn behind_date(text: &str, names_end: usize) -> usize {
    let rest = text.get(names_end..).unwrap_or_default();
    let year = dates::years(
        rest.get(..rest.char_indices().nth(24).map_or(rest.len(), |(at, _)| at)).unwrap_or_default(),
    )
    .into_iter()
    .next();
    match year {
        Some(year) if follows(text, names_end, &(names_end + year.span.start..names_end + year.span.end)) => {
            after_date(text, names_end + year.span.end)
        }
        _ => names_end,
    }
}

/// Where the date begins whose year stands at a place: before the parenthesis, the day and the month.
fn before_date(text: &str, from: usize, year: usize) -> usize {
    let mut start = year;
    while let Some(before) = text.get(from..start) {
        let trimmed = before.trim_end();
        let bare = trimmed.trim_end_matches(['(', '[', ',', '.']);
        let word = bare.rsplit([' ', '(']).next().unwrap_or_default();
        let date = super::lexicon::is_month(word)
            || word.len() <= 2 && !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        if !date {
            let opened = trimmed.len() - trimmed.trim_end_matches(['(', '[']).len();
            return from + trimmed.len() - opened;
        }
        start = from + bare.len() - word.len();
    }
    start
}
