//! The names that an entry begins with.
//!
//! Styles differ in the order of a name's parts, so the list is read in each way that its first name allows, and the
//! reading that ends best and takes in most names wins.

mod group;
mod names;

use super::lexicon::{is_connector, is_group_word};
use super::words::{Word, words};
use crate::paper::Person;
use group::group;
use names::{Form, family_given, name};

/// Names of one entry that are taken.
const PEOPLE_MAX: usize = 1_000;

/// The names of an entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct People {
    /// In the entry's order.
    pub persons: Vec<Person>,
    /// Whether the list is cut short.
    pub et_al: bool,
    /// Where the list ends, with its punctuation, in bytes.
    pub end: usize,
    /// Whether something ends the list that ends lists: a year, a quotation mark, a full stop, a colon.
    pub closed: bool,
}

/// Reads the names that a text begins with. Nothing where it begins with something else.
pub(super) fn people(text: &str) -> People {
    let dashes =
        text.len() - text.trim_start_matches(['—', '–', '-', '_', '―', '⸺', '⸻', '.', ',', ' ']).len();
    if dashes >= 3 {
        return People { end: dashes, closed: true, ..People::default() };
    }
    let words = words(text);
    let forms = [Form::FamilyInitials, Form::Short, Form::GivenFamily, Form::FamilyGiven, Form::Family];
    let mut best: Option<(i32, People)> = None;
    for form in forms {
        let Some(list) = list(text, &words, 0, form) else { continue };
        let points = points(&list, form);
        if best.as_ref().is_none_or(|(most, _)| points > *most) {
            best = Some((points, list));
        }
    }
    let group = group(text, &words);
    let grouped =
        |list: &People| list.persons.iter().any(|person| person.family.split(' ').any(is_group_word));
    match best {
        Some((points, list))
            if points > 0
                && !(grouped(&list) && group.is_some())
                && group.as_ref().is_none_or(|group| group.end <= list.end) =>
        {
            list
        }
        _ => group.unwrap_or_default(),
    }
}

/// Whether a line begins as entries do: with names, or with a word that can be one.
pub(super) fn opens(line: &str) -> bool {
    let people = people(line);
    let words = words(line);
    let initials = words.iter().take(5).any(Word::is_initials);
    !people.persons.is_empty() && (people.closed || people.persons.len() > 1 || initials)
}

fn points(list: &People, form: Form) -> i32 {
    let count = i32::try_from(list.persons.len()).unwrap_or(i32::MAX).min(50);
    let usual = match form {
        Form::FamilyInitials => 3,
        Form::Short | Form::GivenFamily => 2,
        Form::FamilyGiven => 1,
        Form::Family => -2,
    };
    let cut = form == Form::Short && !list.closed && list.persons.len() == 1;
    2 * count + usual - if cut { 3 } else { 0 }
        + if list.closed { 4 } else { 0 }
        + if list.et_al { 2 } else { 0 }
}

/// A list as far as it is sure.
#[derive(Clone, Copy)]
struct Mark {
    persons: usize,
    next: usize,
}

/// Reads a list of names from a word on, of which the first has this form.
fn list(text: &str, words: &[Word<'_>], from: usize, first: Form) -> Option<People> {
    let mut list = People::default();
    let (mut next, mut joined, mut form) = (from, false, first);
    let mut sure: Option<Mark> = None;
    while list.persons.len() < PEOPLE_MAX {
        let Some((person, after, found)) = next_name(words, next, first, form, list.persons.is_empty())
        else {
            list.closed = closes_list(words.get(next));
            break;
        };
        let last = words.get(after - 1)?;
        let telling =
            tells(words, next, after, found) || joined || list.persons.is_empty() || last.stop == Some(';');
        list.persons.push(person);
        next = after;
        form = found;
        if telling && sure.is_none_or(|mark| mark.persons + 1 == list.persons.len()) {
            sure = Some(Mark { persons: list.persons.len(), next });
        }
        match separator(words, next, last) {
            Separator::EtAl(after) => {
                (list.et_al, next) = (true, after);
                list.closed = true;
                break;
            }
            Separator::And(after) if !joined || found == Form::FamilyInitials || found == Form::Short => {
                // Who stands before an «and» is of the list, whatever the name looks like.
                sure = Some(Mark { persons: list.persons.len(), next });
                if next_name(words, after, first, form, false).is_none() {
                    break;
                }
                (next, joined) = (after, true);
            }
            Separator::Comma
                if !joined
                    || tells_next(words, next, first, form)
                        && (found != Form::GivenFamily || another_and(words, next)) =>
            {
                joined = false
            }
            Separator::Stop if another_family(words, next, found) => {}
            Separator::Stop => {
                // A colon behind words that may be names parts a title.
                list.closed = telling || last.stop != Some(':') && first != Form::FamilyGiven;
                break;
            }
            _ => {
                // `Berger MS, Wilson CB. Title`: only the last one has a dot.
                let undotted = list.persons.first().is_some_and(|person| !person.given.contains('.'));
                let ended = found == Form::Short && last.dotted() && list.persons.len() > 1 && undotted;
                list.closed = ended || closes_list(words.get(next));
                break;
            }
        }
    }
    let mark = sure?;
    // A bare year may follow a publisher as well.
    let bare_year = words.get(next).is_some_and(|word| {
        let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).take(13).count();
        word.body.starts_with(|c: char| c.is_ascii_digit())
            && text.get(word.end..).is_none_or(|rest| letters(rest) < 13)
    });
    let bracket = words.get(next).is_some_and(|word| word.body.starts_with('('));
    if mark.persons < list.persons.len() && (bare_year || bracket && first == Form::FamilyGiven) {
        list.closed = false;
    }
    // Names without initials before anything but the end of a list may be words of the title.
    if !list.closed && mark.persons < list.persons.len() {
        list.persons.truncate(mark.persons);
        next = mark.next;
        list.et_al = false;
    }
    list.end = after_editors(text, words, next);
    Some(list)
}

/// The next name, in the order of the list's first one or in those that go with it.
fn next_name(
    words: &[Word<'_>],
    at: usize,
    first: Form,
    last: Form,
    is_first: bool,
) -> Option<(Person, usize, Form)> {
    let forms: &[Form] = match (is_first, first, last) {
        (true, ..) => std::slice::from_ref(&first),
        (_, Form::FamilyInitials, Form::GivenFamily) => &[Form::GivenFamily, Form::FamilyInitials],
        (_, Form::FamilyInitials, _) => &[Form::FamilyInitials, Form::GivenFamily, Form::Short],
        (_, Form::FamilyGiven, Form::GivenFamily) => &[Form::GivenFamily],
        (_, Form::FamilyGiven, _) => &[Form::GivenFamily, Form::FamilyGiven, Form::FamilyInitials],
        (_, Form::GivenFamily, _) => &[Form::GivenFamily],
        (_, Form::Short, _) => &[Form::Short],
        (_, Form::Family, _) => &[Form::Family],
    };
    forms.iter().find_map(|form| name(words, at, *form).map(|(person, after)| (person, after, *form)))
}

fn tells(words: &[Word<'_>], from: usize, to: usize, form: Form) -> bool {
    let initials = words.get(from..to).unwrap_or_default().iter().any(Word::is_initials);
    initials && form != Form::Family
}

fn tells_next(words: &[Word<'_>], at: usize, first: Form, last: Form) -> bool {
    next_name(words, at, first, last, false).is_some_and(|(_, after, form)| tells(words, at, after, form))
}

/// What stands between a name and what follows it.
enum Separator {
    And(usize),
    Comma,
    EtAl(usize),
    Stop,
    Other,
}

fn separator(words: &[Word<'_>], next: usize, last: &Word<'_>) -> Separator {
    let body = |at: usize| words.get(at).map(|word| word.body.to_lowercase());
    let following = body(next).unwrap_or_default();
    let bare = following.trim_matches(|c: char| !c.is_alphabetic());
    let second = body(next + 1).unwrap_or_default();
    let second = second.trim_matches(|c: char| !c.is_alphabetic());
    if bare == "et" && matches!(second, "al" | "alii" | "coll") {
        return Separator::EtAl(next + 2);
    }
    if matches!(bare, "etal" | "al") && following.len() <= 6 {
        return Separator::EtAl(next + 1);
    }
    let (and, others) = (
        is_connector(&following),
        ["others", "coworkers", "co-workers", "colleagues", "al"].contains(&second),
    );
    if (and || bare == "and") && others {
        return Separator::EtAl(next + 2);
    }
    if and && last.stop != Some(':') {
        return Separator::And(next + 1);
    }
    match last.stop {
        Some(',' | ';') => Separator::Comma,
        Some(_) => Separator::Stop,
        None if last.dotted() && !last.is_initials() => Separator::Stop,
        None => Separator::Other,
    }
}

/// Whether a second «and» follows before a quotation.
fn another_and(words: &[Word<'_>], next: usize) -> bool {
    let ahead = words.iter().skip(next).take(24).take_while(|word| !word.body.starts_with(['“', '"', '(']));
    ahead.into_iter().any(|word| matches!(word.body, "and" | "&"))
}

/// Whether another family name in capitals follows: `ROUSSILLON, René. CHABERT, Catherine.`
fn another_family(words: &[Word<'_>], next: usize, form: Form) -> bool {
    let capitals = |word: &Word<'_>| {
        word.stop == Some(',')
            && word.body.chars().count() > 2
            && word.body.chars().all(|c| !c.is_lowercase())
    };
    form == Form::FamilyGiven && words.get(next).is_some_and(capitals) && family_given(words, next).is_some()
}

/// Whether what follows a list is no part of a name: a year, a parenthesis, a quotation mark, or nothing.
fn closes_list(word: Option<&Word<'_>>) -> bool {
    let Some(word) = word else { return true };
    word.body.starts_with(['(', '[', '"', '“', '«', '‘', '„', '\'', '`', '”', '’', ':', '—', '–'])
        || word.body.starts_with(|c: char| c.is_ascii_digit())
}

/// The end of a list in bytes: behind `(Eds.)` and the like.
fn after_editors(text: &str, words: &[Word<'_>], next: usize) -> usize {
    let mut at = next;
    let mut end = at.checked_sub(1).and_then(|last| words.get(last)).map_or(0, |word| word.end);
    while let Some(word) = words.get(at) {
        let bare: String =
            word.body.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
        let editors = matches!(
            bare.as_str(),
            "ed" | "eds"
                | "editor"
                | "editors"
                | "hrsg"
                | "dir"
                | "dirs"
                | "edited"
                | "org"
                | "coord"
                | "trans"
                | "orgs"
                | "hg"
                | "comp"
                | "ds"
        );
        let marked = word.body.starts_with(['(', '[']) && word.body.ends_with([')', ']'])
            || word.dotted()
            || word.stop.is_some();
        if !(editors && marked) {
            break;
        }
        end = word.end;
        at += 1;
    }
    end.min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_the_order_of_their_style() {
        let check = |text: &str, wanted: &[(&str, &str)], rest: &str| {
            let found = people(text);
            let names: Vec<(&str, &str)> =
                found.persons.iter().map(|person| (person.family.as_str(), person.given.as_str())).collect();
            assert_eq!(names, wanted, "{text}");
            assert_eq!(text.get(found.end..).unwrap_or_default().trim_start(), rest);
        };
        check(
            "Langley, P., & Simon, H. A. (1995). Title",
            &[("Langley", "P."), ("Simon", "H. A.")],
            "(1995). Title",
        );
        check(
            "Lind, E. Allen, and Tom R. Tyler (1988), The",
            &[("Lind", "E. Allen"), ("Tyler", "Tom R.")],
            "(1988), The",
        );
        check("J. Lu and J. Vučković, “Nano", &[("Lu", "J."), ("Vučković", "J.")], "“Nano");
        check(
            "Erl T, Carlyle B, Pautasso C. 2012. SOA",
            &[("Erl", "T"), ("Carlyle", "B"), ("Pautasso", "C.")],
            "2012. SOA",
        );
        check("Franco L, et al: Sustaining quality", &[("Franco", "L")], "Sustaining quality");
        check("Jan Bosch. 1999. Product-line", &[("Bosch", "Jan")], "1999. Product-line");
        check(
            "Frank van der Linden, Klaus Schmid, and Eelco Rommes. 2007. X",
            &[("van der Linden", "Frank"), ("Schmid", "Klaus"), ("Rommes", "Eelco")],
            "2007. X",
        );
        check("ATLAS Collaboration, “Observation of", &[("ATLAS Collaboration", "")], "“Observation of");
        check("WHO: Hospitals. 2010.", &[("WHO", "")], "Hospitals. 2010.");
        check("———. Senhora. In", &[], "Senhora. In");
    }
}
