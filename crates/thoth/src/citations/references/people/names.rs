//! One name, in each order of its parts.

use super::super::lexicon::{is_connector, is_group_word, is_particle};
use super::super::words::Word;
use super::closes_list;
use crate::paper::Person;

/// In which order a name has its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `Doe, J. P.`
    FamilyInitials,
    /// `Doe, Jane P.`
    FamilyGiven,
    /// `J. P. Doe`, `Jane Doe`
    GivenFamily,
    /// `Doe JP`
    Short,
    /// `Doe`
    Family,
}

/// Reads one name in one form; where it ends.
pub(super) fn name(words: &[Word<'_>], at: usize, form: Form) -> Option<(Person, usize)> {
    match form {
        Form::FamilyInitials => family_then(words, at, |word| word.is_initials() || is_lone_initial(word)),
        Form::FamilyGiven => family_given(words, at),
        Form::GivenFamily => given_family(words, at),
        Form::Short => short(words, at),
        Form::Family => family_only(words, at),
    }
}

fn is_lone_initial(word: &Word<'_>) -> bool {
    word.bare().chars().count() == 1 && word.body.chars().all(|c| c.is_uppercase() || c == '.')
}

/// A family name: particles and one to three words. Gives where it ends.
fn family(words: &[Word<'_>], at: usize) -> Option<usize> {
    let mut next = at;
    while words.get(next).is_some_and(Word::is_particle) && next < at + 4 {
        next += 1;
    }
    let first = words.get(next).filter(|word| word.is_name() && !word.dotted())?;
    next += 1;
    let mut last = first;
    while last.stop.is_none()
        && next < at + 6
        && let Some(word) =
            words.get(next).filter(|word| (word.is_name() || word.is_particle()) && !word.dotted())
    {
        last = word;
        next += 1;
    }
    Some(next)
}

/// `Doe, J. P.` and `van der Doe, J. P., Jr.`
fn family_then(
    words: &[Word<'_>],
    at: usize,
    is_given: impl Fn(&Word<'_>) -> bool,
) -> Option<(Person, usize)> {
    let mut comma = family(words, at)?;
    if words.get(comma - 1)?.stop.is_none()
        && words.get(comma).is_some_and(|word| word.is_suffix() && word.stop == Some(','))
    {
        comma += 1;
    }
    if words.get(comma - 1)?.stop != Some(',') {
        return None;
    }
    let mut next = comma;
    let dotted = words.get(comma).is_some_and(Word::dotted);
    while let Some(word) =
        words.get(next).filter(|word| is_given(word) && (!dotted || word.dotted() || word.stop.is_some()))
    {
        next += 1;
        if word.stop.is_some() || next > comma + 5 {
            break;
        }
    }
    if next == comma {
        return None;
    }
    let particles = next;
    while words.get(next - 1)?.stop.is_none()
        && words.get(next).is_some_and(|word| is_trailing_particle(word))
    {
        next += 1;
    }
    let family = joined(words, at, comma);
    let mut given = joined(words, comma, next.max(particles));
    next = with_suffix(words, next, &mut given);
    Some((Person { family, given }, next))
}

fn is_trailing_particle(word: &Word<'_>) -> bool {
    is_particle(word.bare()) && !is_connector(word.body) && word.body.starts_with(char::is_lowercase)
}

/// `Doe, Jane P.`: the given names are written out.
pub(super) fn family_given(words: &[Word<'_>], at: usize) -> Option<(Person, usize)> {
    let comma = family(words, at)?;
    if words.get(comma - 1)?.stop != Some(',') || comma - at > 4 {
        return None;
    }
    let mut next = comma;
    let mut written = false;
    while let Some(word) = words.get(next) {
        let initials = word.is_initials() || is_lone_initial(word);
        if !(initials || word.is_name() || word.is_particle() && next > comma) || is_connector(word.body) {
            break;
        }
        // `Louis F.` is whole; what follows is of the title.
        if written
            && !initials
            && words.get(next - 1).is_some_and(|before| before.is_initials() && before.dotted())
        {
            break;
        }
        let dots =
            words.get(next - 1).is_some_and(|before| next > comma && before.is_initials() && before.dotted());
        if dots && initials && !word.dotted() && word.stop.is_none() {
            break;
        }
        written |= !initials;
        next += 1;
        let ends = word.stop.is_some() || word.dotted() && !initials;
        if ends || next > comma + 4 {
            break;
        }
    }
    let last = words.get(next.checked_sub(1)?)?;
    let follows = words.get(next);
    let ended = last.stop.is_some()
        || last.dotted()
        || follows.is_none_or(|word| is_connector(word.body) || word.body == "et")
        || closes_list(follows);
    let after_particle = words.get(next).filter(|word| is_trailing_particle(word) && last.stop.is_none());
    if let Some(particle) = after_particle
        && written
        && (particle.dotted() || particle.stop.is_some())
    {
        let given = joined(words, comma, next + 1);
        return Some((Person { family: joined(words, at, comma), given }, next + 1));
    }
    if next == comma || !written || !ended {
        return None;
    }
    let mut given = joined(words, comma, next);
    let family = joined(words, at, comma);
    next = with_suffix(words, next, &mut given);
    Some((Person { family, given }, next))
}

/// `J. P. Doe`, `Jane van der Doe Jr.`
fn given_family(words: &[Word<'_>], at: usize) -> Option<(Person, usize)> {
    let mut next = at;
    let mut last_name = None;
    while let Some(word) = words.get(next) {
        let initials = word.is_initials() && (word.dotted() || word.bare().chars().count() <= 2)
            || is_lone_initial(word);
        let name = word.is_name();
        if !(initials || name || word.is_particle() && next > at) || next > at && is_connector(word.body) {
            break;
        }
        if is_group_word(word.bare()) && next > at {
            return None;
        }
        if name && (!initials || word.stop.is_some() && !word.body.contains('.')) {
            last_name = Some(next);
        }
        next += 1;
        let ends = word.stop.is_some() || word.dotted() && !initials;
        if ends || next > at + 6 {
            break;
        }
    }
    let last = words.get(next.checked_sub(1)?)?;
    let follows = words.get(next);
    let ended = last.stop.is_some()
        || last.dotted()
        || follows.is_none_or(|word| is_connector(word.body) || word.body.starts_with("et"))
        || closes_list(follows);
    if last_name? + 1 != next || next < at + 2 || !ended {
        return None;
    }
    // The family name is the last word with the particles before it.
    let mut family = next - 1;
    if words.get(family)?.is_suffix() && family > at + 1 {
        family -= 1;
    }
    while family > at + 1
        && words.get(family - 1).is_some_and(|word| word.is_particle() || is_trailing_particle(word))
    {
        family -= 1;
    }
    let (mut family, given) = (joined(words, family, next), joined(words, at, family));
    let next = with_suffix(words, next, &mut family);
    Some((Person { family, given }, next))
}

/// `Doe JP`
fn short(words: &[Word<'_>], at: usize) -> Option<(Person, usize)> {
    let mut next = family(words, at)?;
    // What looks like a second family name may be the initials.
    let mut initials = None;
    for index in at + 1..next {
        let word = words.get(index)?;
        let capitals =
            word.body.chars().all(|c| c.is_uppercase() || c == '-') && word.body.chars().count() <= 4;
        if capitals && word.is_initials() {
            initials = Some(index);
            next = index + 1;
            break;
        }
    }
    let begin = match initials {
        Some(index) => index,
        None => {
            let before = words.get(next - 1)?;
            words
                .get(next)
                .filter(|word| before.stop.is_none() && (word.is_initials() || is_lone_initial(word)))?;
            next += 1;
            next - 1
        }
    };
    while words.get(next - 1)?.stop.is_none()
        && words.get(next).is_some_and(|word| is_lone_initial(word) && word.dotted())
    {
        next += 1;
    }
    let (family, mut given) = (joined(words, at, begin), joined(words, begin, next));
    next = with_suffix(words, next, &mut given);
    (!family.is_empty()).then_some((Person { family, given }, next))
}

/// `Doe`, in lists of nothing but family names.
fn family_only(words: &[Word<'_>], at: usize) -> Option<(Person, usize)> {
    let next = family(words, at)?;
    let last = words.get(next - 1)?;
    let ended = last.stop.is_some()
        || words.get(next).is_none_or(|word| is_connector(word.body))
        || closes_list(words.get(next));
    (ended && next - at <= 3)
        .then(|| (Person { family: joined(words, at, next), given: String::new() }, next))
}

/// Takes a suffix such as `Jr.` into a name.
fn with_suffix(words: &[Word<'_>], next: usize, name: &mut String) -> usize {
    match words.get(next) {
        Some(word) if word.is_suffix() => {
            name.push(' ');
            name.push_str(word.body);
            next + 1
        }
        _ => next,
    }
}

/// Words as one name, without the punctuation between and behind them but the dots of initials.
fn joined(words: &[Word<'_>], from: usize, to: usize) -> String {
    let words = words.get(from..to).unwrap_or_default();
    let last = words.len().saturating_sub(1);
    let bodies = words.iter().zip(0..).map(|(word, at)| {
        let initials = word.is_initials() || is_lone_initial(word) || word.is_suffix();
        if at == last && !initials { word.bare() } else { word.body }
    });
    bodies.collect::<Vec<_>>().join(" ")
}
