//! What a source says of a work, and whether it is surely the work that was asked about.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Registry;
use super::question::first_author;
use crate::paper::{Field, Metadata, Source};

/// A work as a source knows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Known {
    pub title: Option<String>,
    /// Family name, or the whole name where the source does not part it.
    pub first_author: Option<String>,
    pub year: Option<i32>,
    pub venue: Option<String>,
    pub volume: Option<String>,
    pub issue: Option<String>,
    pub pages: Option<String>,
    pub doi: Option<String>,
}

/// The works of an answer: one for a DOI, several for a search.
///
/// # Errors
/// That the answer is not of the source's form.
pub(super) fn works(registry: Registry, answer: &Value) -> Result<Vec<Known>, String> {
    let strange = || format!("{} answered in a form that is not known", registry.name());
    match registry {
        Registry::Crossref => {
            let message = answer.get("message").ok_or_else(strange)?;
            match message.get("items").and_then(Value::as_array) {
                Some(items) => Ok(items.iter().map(crossref).collect()),
                None if message.get("DOI").is_some() => Ok(vec![crossref(message)]),
                None => Err(strange()),
            }
        }
        Registry::OpenAlex => match answer.get("results").and_then(Value::as_array) {
            Some(results) => Ok(results.iter().map(openalex).collect()),
            None if answer.get("id").is_some() => Ok(vec![openalex(answer)]),
            None => Err(strange()),
        },
    }
}

/// <https://github.com/CrossRef/rest-api-doc/blob/master/api_format.md#work>
fn crossref(work: &Value) -> Known {
    let first = |field: &str| text(work.get(field).and_then(|list| list.get(0)));
    let subtitle = first("subtitle");
    let title = first("title").map(|title| match subtitle {
        Some(subtitle) if !title.contains(&subtitle) => format!("{title}: {subtitle}"),
        _ => title,
    });
    let authors = work.get("author").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let author =
        authors.iter().find(|author| author.get("sequence").and_then(Value::as_str) == Some("first"));
    let author = author.or(authors.first());
    let year = ["issued", "published", "published-print", "published-online"].iter().find_map(|date| {
        let parts = work.get(*date)?.get("date-parts")?.get(0)?;
        i32::try_from(parts.get(0)?.as_i64()?).ok()
    });
    Known {
        title,
        first_author: author
            .and_then(|author| text(author.get("family")).or_else(|| text(author.get("name")))),
        year,
        venue: first("container-title"),
        volume: text(work.get("volume")),
        issue: text(work.get("issue")),
        pages: text(work.get("page")).or_else(|| text(work.get("article-number"))),
        doi: text(work.get("DOI")),
    }
}

/// <https://docs.openalex.org/api-entities/works/work-object>
fn openalex(work: &Value) -> Known {
    let biblio = work.get("biblio").unwrap_or(&Value::Null);
    let pages = match (text(biblio.get("first_page")), text(biblio.get("last_page"))) {
        (Some(first), Some(last)) if first != last => Some(format!("{first}-{last}")),
        (first, _) => first,
    };
    let authorships =
        work.get("authorships").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let source = work.get("primary_location").and_then(|location| location.get("source"));
    // A repository holds a copy; the work did not appear in it.
    let source = source.filter(|source| source.get("type").and_then(Value::as_str) != Some("repository"));
    let doi = text(work.get("doi"));
    Known {
        title: text(work.get("title")).or_else(|| text(work.get("display_name"))),
        first_author: authorships.first().and_then(|author| text(author.get("author")?.get("display_name"))),
        year: work.get("publication_year").and_then(Value::as_i64).and_then(|year| i32::try_from(year).ok()),
        venue: source.and_then(|source| text(source.get("display_name"))),
        volume: text(biblio.get("volume")),
        issue: text(biblio.get("issue")),
        pages,
        doi: doi.map(|doi| doi.trim_start_matches("https://doi.org/").to_owned()),
    }
}

/// Longest value that is taken (characters); nothing true is longer.
const CHARS_MAX: usize = 1_000;

/// A value as plain text on one line: the sources write markup and entities into titles.
fn text(value: Option<&Value>) -> Option<String> {
    let mut plain = String::new();
    let mut in_tag = false;
    let text = value?.as_str()?.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '<' if rest.peek().is_some_and(|next| next.is_ascii_alphabetic() || *next == '/') => {
                in_tag = true
            }
            '>' if in_tag => in_tag = false,
            _ if in_tag => {}
            c => plain.push(if c.is_control() { ' ' } else { c }),
        }
    }
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    (!plain.is_empty() && plain.chars().count() <= CHARS_MAX).then_some(plain)
}

/// Letters of a title below which it names too many works.
const TITLE_LETTERS_MIN: usize = 12;
/// How alike two titles must be, of 1.
const TITLE_ALIKE_MIN: f64 = 0.94;

/// Whether a work is surely the paper: the same DOI; or nearly the same title with the same numbers in it, and at least
/// one of first author and year, neither of which contradicts.
pub(super) fn is_same(paper: &Metadata, work: &Known) -> bool {
    if let (Some(ours), Some(theirs)) = (&paper.doi, &work.doi) {
        return ours.value.eq_ignore_ascii_case(theirs);
    }
    let (Some(ours), Some(theirs)) = (&paper.title, &work.title) else { return false };
    if !titles_agree(&ours.value, theirs) {
        return false;
    }
    let author = first_author(paper).zip(work.first_author.as_deref()).map(|(ours, theirs)| {
        let (ours, theirs) = (letters(&ours), letters(theirs));
        // A source that does not part names has the family name at its end.
        !ours.is_empty() && theirs.ends_with(&ours)
    });
    let year = paper.year.as_ref().zip(work.year).map(|(ours, theirs)| (ours.value - theirs).abs() <= 1);
    match (author, year) {
        (Some(false), _) | (_, Some(false)) | (None, None) => false,
        (Some(true), _) | (None, Some(true)) => true,
    }
}

fn titles_agree(ours: &str, theirs: &str) -> bool {
    let digits = |title: &str| title.chars().filter(char::is_ascii_digit).collect::<String>();
    let same_numbers = digits(ours) == digits(theirs);
    let (ours, theirs) = (letters(ours), letters(theirs));
    ours.chars().count() >= TITLE_LETTERS_MIN
        && same_numbers
        && strsim::normalized_levenshtein(&ours, &theirs) >= TITLE_ALIKE_MIN
}

fn letters(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    text.nfkd().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Fills in what is absent, and says where it is from. `false` if nothing was.
pub(super) fn fill(paper: &mut Metadata, work: &Known, registry: Registry) -> bool {
    let source = registry.source();
    let mut filled = put(&mut paper.year, &work.year, source);
    for (ours, theirs) in [
        (&mut paper.title, &work.title),
        (&mut paper.venue, &work.venue),
        (&mut paper.doi, &work.doi),
        (&mut paper.volume, &work.volume),
        (&mut paper.issue, &work.issue),
        (&mut paper.pages, &work.pages),
    ] {
        filled |= put(ours, theirs, source);
    }
    filled
}

fn put<T: Clone>(ours: &mut Option<Field<T>>, theirs: &Option<T>, source: Source) -> bool {
    match (&ours, theirs) {
        (None, Some(value)) => {
            *ours = Some(Field { value: value.clone(), source });
            true
        }
        _ => false,
    }
}
