//! Groups in the place of names: `ATLAS Collaboration`, `World Health Organization`.

use super::super::dates;
use super::super::lexicon::is_group_word;
use super::super::words::Word;
use super::names::{Form, name};
use super::{People, list};
use crate::paper::Person;

/// Words of a group's name.
const GROUP_WORDS_MAX: usize = 14;

/// The name of a group: `ATLAS Collaboration`, `World Health Organization. Title`, `WHO: Title`.
pub(super) fn group(text: &str, words: &[Word<'_>]) -> Option<People> {
    let first = words.first()?;
    let lower = !first.body.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
    let mut named = false;
    for (word, at) in words.iter().zip(0..GROUP_WORDS_MAX) {
        let follows = words.get(at + 1);
        named |= is_group_word(word.body);
        let dated = follows.is_some_and(|next| {
            let bare = next.body.trim_matches(|c: char| !c.is_alphanumeric());
            next.body.starts_with(['(', '[']) && dates::has_year(bare) && bare.len() <= 5
                || dates::has_year(bare) && bare.len() <= 5 && (word.dotted() || word.stop.is_some())
        });
        let quoted =
            follows.is_some_and(|next| next.body.starts_with(['“', '"', '„', '«'])) && word.stop == Some(',');
        let stop = word.dotted() && word.bare().chars().count() > 2 && !word.bare().contains('.')
            || word.stop == Some(':');
        let acronym = at == 0
            && word.stop.is_some() | word.dotted()
            && word.bare().chars().count() <= 10
            && word.bare().chars().count() >= 2
            && word.bare().chars().all(char::is_uppercase);
        let ends = dated
            || quoted && named
            || stop && (named || acronym)
            || named && word.stop == Some(',') && people_follow(words, at + 1);
        if ends && (!lower || dated && at < 4) {
            let name = text.get(first.start..word.start + word.body.len())?.trim_end_matches('.').to_owned();
            let mut people = People {
                persons: vec![Person { family: name, given: String::new() }],
                et_al: false,
                end: word.end,
                closed: true,
            };
            if named
                && word.stop == Some(',')
                && people_follow(words, at + 1)
                && let Some(more) = list(text, words, at + 1, Form::GivenFamily)
            {
                people.persons.extend(more.persons);
                (people.et_al, people.end) = (more.et_al, more.end);
            }
            return Some(people);
        }
        let parts = matches!(word.stop, Some(',' | ';')) && !named;
        if stop || parts || word.body.starts_with(['“', '"', '„', '«', '(']) {
            return None;
        }
    }
    None
}

fn people_follow(words: &[Word<'_>], at: usize) -> bool {
    words.get(at).is_some_and(Word::is_initials) && name(words, at, Form::GivenFamily).is_some()
}
