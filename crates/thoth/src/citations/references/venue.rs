//! The venue of an entry: journal, proceedings, series or publisher, out of what follows the title.

use super::lexicon::{is_genre, is_publisher_word};
use super::people::people;
use std::ops::Range;

/// Words that end the name of what a work appeared in.
const ENDS: [&str; 24] = [
    ", edited by ",
    ", ed. ",
    ", eds. ",
    ", eds ",
    ", Ed. ",
    ", Eds. ",
    " (ed",
    " (Ed",
    " (eds",
    ". Ed. ",
    ". Eds. ",
    ". Edited by ",
    ", edited ",
    ", to appear",
    ", forthcoming",
    ", vol",
    ", Vol",
    ", Volume ",
    ", volume ",
    ". Vol",
    " vol.",
    " Vol.",
    ". Available",
    " [",
];

/// A publisher behind the numbers: `Vol. 1. Springer.`
pub(super) fn publisher_behind(text: &str, range: Range<usize>) -> Option<String> {
    let rest = text.get(range)?.trim_start_matches(|c: char| !c.is_alphanumeric());
    let near = rest.split(". ").next().unwrap_or(rest);
    let known = names_publisher(near) || is_place(near);
    if known && near.len() < 100 { venue(near, 0..near.len(), false) } else { None }
}

/// The venue in `text[range]`. With a volume behind it, it is no publisher.
pub(super) fn venue(text: &str, range: Range<usize>, volume: bool) -> Option<String> {
    let whole = text.get(range)?.trim_start_matches(|c: char| c.is_whitespace() || ",;:.(\"”’'".contains(c));
    let whole = whole.trim_end_matches(|c: char| c.is_whitespace() || ",;:(\"”’'".contains(c));
    let (inner, contained) = without_in(whole);
    let inner = if contained { without_editors(inner) } else { inner };
    let name = if contained { container(inner) } else { journal(inner, volume) };
    let name = trimmed(name);
    let letters = name.chars().filter(|c| c.is_alphabetic()).count();
    let dated = name
        .split([' ', ',', '.'])
        .all(|word| super::lexicon::is_month(word) || word.bytes().all(|byte| byte.is_ascii_digit()));
    (letters >= 2 && !dated).then(|| name.to_owned())
}

fn without_in(text: &str) -> (&str, bool) {
    for word in ["In: ", "in: ", "In:", "In ", "in ", "Dans ", "dans "] {
        if let Some(rest) = text.strip_prefix(word) {
            return (rest.trim_start(), true);
        }
    }
    (text, false)
}

/// `W. Deutsch (ed.), The child’s construction` without its editors.
fn without_editors(text: &str) -> &str {
    let people = people(text);
    let marked = text.get(..people.end).unwrap_or_default().to_lowercase();
    let editors = ["(ed", "eds", "(hrsg", "ed.", "[ed", "editor"].iter().any(|mark| marked.contains(mark));
    let rest = text.get(people.end..).unwrap_or_default().trim_start_matches([' ', ',', '.', ':', ';']);
    if editors && !rest.is_empty() { rest } else { text }
}

/// The name of proceedings or a book: up to its first full stop or the words that end it.
fn container(text: &str) -> &str {
    let end = ends(text);
    let stop = stop(text, end);
    without_city(text.get(..stop).unwrap_or(text))
}

/// A conference without the city in which it was.
fn without_city(name: &str) -> &str {
    let lower = name.to_lowercase();
    let met = ["conference", "symposium", "workshop", "meeting", "congress", "proceedings", "proc."];
    let Some(at) = met.iter().filter_map(|word| lower.find(word)).min() else { return name };
    let places = name.match_indices(", ").map(|(comma, _)| comma).filter(|comma| *comma > at);
    let is_place = |comma: &usize| {
        let rest = name.get(comma + 2..).unwrap_or_default();
        let words: Vec<&str> = rest.split(' ').collect();
        let venue = words
            .iter()
            .any(|word| super::lexicon::is_venue_word(&word.trim_end_matches([',', '.']).to_lowercase()));
        words.len() <= 4
            && !venue
            && words.iter().all(|word| word.starts_with(char::is_uppercase))
            && rest.chars().any(char::is_lowercase)
    };
    let end = places.into_iter().find(is_place).unwrap_or(name.len());
    name.get(..end).unwrap_or(name)
}

/// The name of a journal or, where a place stands before a colon, of a publisher.
fn journal(text: &str, volume: bool) -> &str {
    let lower = text.to_lowercase();
    if is_genre(&lower) {
        let rest = text
            .find(", ")
            .or_else(|| text.rfind(". "))
            .and_then(|at| text.get(at + 1..))
            .unwrap_or_default();
        if rest.chars().any(char::is_alphabetic) {
            return container(rest.trim_start());
        }
        return "";
    }
    if let Some(publisher) = publisher(text).filter(|_| !volume) {
        return publisher;
    }
    let end = ends(text);
    let stop = stop(text, end);
    let head = text.get(..stop).unwrap_or(text);
    // `Publisher, City` and `Publisher: City`.
    match head.split_once(", ") {
        Some((place, name)) if super::lexicon::is_city(place) && !volume => name,
        Some((name, place)) if super::lexicon::is_city(place.trim_end_matches('.')) && !volume => name,
        Some((name, place)) if names_publisher(name) && place.split(' ').count() <= 4 => name,
        _ => head,
    }
}

/// `Berkeley, CA: University of California Press`: what stands behind the colon.
fn publisher(text: &str) -> Option<&str> {
    let (place, name) = text.split_once(": ").or_else(|| text.split_once(" : "))?;
    let place = place.rsplit(". ").next().unwrap_or(place);
    let words = place.split_whitespace().count();
    let capital = place.split_whitespace().all(|word| {
        word.starts_with(|c: char| c.is_uppercase() || "(&".contains(c))
            || matches!(word, "and" | "et" | "am" | "de" | "la" | "le" | "y" | "der" | "/")
    });
    let plain = !place
        .split_whitespace()
        .any(|word| super::lexicon::is_venue_word(&word.trim_end_matches(['.', ',']).to_lowercase()));
    if !(1..=6).contains(&words) || !capital || !plain || !name.starts_with(char::is_uppercase) {
        return None;
    }
    let end = name.find(['(', ')', ';']).unwrap_or(name.len()).min(stop(name, name.len()));
    name.get(..end)
}

fn names_publisher(name: &str) -> bool {
    name.split_whitespace()
        .any(|word| is_publisher_word(&word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()))
}

fn ends(text: &str) -> usize {
    ENDS.iter().filter_map(|end| text.find(end)).filter(|at| *at > 0).min().unwrap_or(text.len())
}

/// The first full stop behind a word that is no abbreviation.
fn stop(text: &str, end: usize) -> usize {
    let stops = text.match_indices(". ").chain(text.match_indices("? ").map(|(at, mark)| (at + 1, mark)));
    let mut stops: Vec<usize> = stops.map(|(at, _)| at).collect();
    stops.sort_unstable();
    for at in stops {
        if at >= end {
            break;
        }
        let rest = text.get(at..).unwrap_or_default().trim_start_matches(['.', ' ']);
        if is_place(rest) {
            return at;
        }
        if text.get(..at).is_some_and(|head| head.ends_with('?')) {
            continue;
        }
        let word = text.get(..at).unwrap_or_default().rsplit([' ', '-']).next().unwrap_or_default();
        let count = word.chars().count();
        let lower = word.to_lowercase();
        let short = count <= 5 && word.starts_with(char::is_uppercase)
            || super::lexicon::is_abbreviation(&lower)
            || word.contains('.');
        if !short {
            return at;
        }
    }
    end
}

/// Whether a text begins with a place and a publisher: `New York: Norton`, `Washington, D.C.: Counterpoint`.
fn is_place(text: &str) -> bool {
    text.split_once(": ").is_some_and(|(place, name)| {
        let words: Vec<&str> = place.split(' ').collect();
        words.len() <= 4
            && words.iter().all(|word| word.starts_with(char::is_uppercase))
            && name.starts_with(char::is_uppercase)
    })
}

fn trimmed(name: &str) -> &str {
    let name = name.trim_matches(|c: char| c.is_whitespace() || ",;:(\"“”‘’".contains(c));
    let dots = name.strip_suffix('.').filter(|name| {
        let last = name.rsplit([' ', '-']).next().unwrap_or_default();
        let short = last.chars().count() <= 7 && name.contains(". ") || last.contains('.');
        !last.ends_with(|c: char| c.is_uppercase())
            && !short
            && !super::lexicon::is_abbreviation(&last.to_lowercase())
    });
    let name = dots.unwrap_or(name);
    if name.ends_with(')') && !name.contains('(') { name.trim_end_matches(')') } else { name }
}
