//! Which bytes of a file are secret, also in comments and in files that are no JSON.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use changeover::check::{Document, Kind as Json, Node, parse};
use memchr::memmem::Finder;

use super::keys::KEYS;
use super::table;
use super::walk::{self, Sheet};

/// The secrets of a document: those that the walk has found, and those that stand in comments. In order and without
/// overlap.
pub(super) fn of_document(document: &Document<'_>, found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut all = found;
    for comment in &document.comments {
        after_names(document.text(), comment.clone(), &mut all);
    }
    provider_keys(document.text(), &mut all);
    url_passwords(document.text(), &mut all);
    merged(all)
}

/// The secrets of a file, whatever state it is in.
pub(super) fn of_file(text: &str) -> Vec<Range<usize>> {
    let found = |document: &Document<'_>| of_document(document, walk::walk(&Sheet::main(document)).secrets);
    match parse(text.as_bytes()) {
        Ok(document) => found(&document),
        Err(refused) => refused.document.as_ref().map_or_else(|| of_text(text), found),
    }
}

/// What looks like a secret in any text, well-formed or not: the value after a name that looks secret, and every word
/// that begins as keys of providers do.
fn of_text(text: &str) -> Vec<Range<usize>> {
    let mut secrets = Vec::new();
    after_names(text, 0..text.len(), &mut secrets);
    provider_keys(text, &mut secrets);
    url_passwords(text, &mut secrets);
    merged(secrets)
}

/// The secret values below a node that stands under a name; `all` of them where the name is secret for sure.
pub(super) fn collect(name: &str, node: &Node, all: bool, secrets: &mut Vec<Range<usize>>) {
    if all || table::looks_secret(name) {
        collect_texts(node, secrets);
        return;
    }
    match &node.kind {
        Json::Object(members) => {
            members.iter().for_each(|member| collect(&member.key, &member.value, false, secrets));
        }
        Json::Array(items) => items.iter().for_each(|item| collect("", item, false, secrets)),
        _ => {}
    }
}

/// The bytes of every value that is not empty, below one that is secret.
fn collect_texts(node: &Node, secrets: &mut Vec<Range<usize>>) {
    match &node.kind {
        Json::Object(members) => members.iter().for_each(|member| collect_texts(&member.value, secrets)),
        Json::Array(items) => items.iter().for_each(|item| collect_texts(item, secrets)),
        Json::String(_) | Json::Number(_) if !node.content_span().is_empty() => {
            secrets.push(node.content_span())
        }
        _ => {}
    }
}

/// A text without what looks like a provider's key or a password in a URL.
pub(super) fn redacted(text: &str) -> String {
    let mut found = Vec::new();
    provider_keys(text, &mut found);
    url_passwords(text, &mut found);
    let mut text = text.to_owned();
    for range in merged(found).into_iter().rev() {
        text.replace_range(range, super::secret::REDACTED);
    }
    text
}

fn merged(mut all: Vec<Range<usize>>) -> Vec<Range<usize>> {
    all.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(all.len());
    for range in all.into_iter().filter(|range| !range.is_empty()) {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// `"openaiKey": "…"`, `openaiKey = …`: the value, up to its closing quote, its comma or the end of its line; every
/// string of a value that is an object or a list.
fn after_names(whole: &str, part: Range<usize>, secrets: &mut Vec<Range<usize>>) {
    let offset = part.start;
    let text = whole.get(part).unwrap_or_default();
    let (mut done, mut bare_until) = (0, 0_usize);
    for (at, letter) in text.char_indices().filter(|(at, letter)| ends_a_name(text, *at, *letter)) {
        let behind = at + letter.len_utf8();
        let before = text.get(..at).unwrap_or_default().trim_end().trim_end_matches(QUOTES);
        let is_part = |letter: &char| is_part_of_a_name(*letter);
        let length: usize = before.chars().rev().take_while(is_part).map(char::len_utf8).sum();
        let name = before.get(before.len() - length..).unwrap_or_default();
        if behind <= done || name.is_empty() || !is_secret_name(name) {
            continue;
        }
        let after = text.get(behind..).unwrap_or_default();
        let value = after.trim_start();
        let start = behind + (after.len() - value.len());
        if value.starts_with(['{', '[']) {
            let mut below = Vec::new();
            done = values_below(text, start, &mut below);
            secrets.extend(below.into_iter().map(|range| offset + range.start..offset + range.end));
            continue;
        }
        let skip = value.chars().next().filter(|c| QUOTES.contains(c)).map_or(0, char::len_utf8);
        let inner = value.get(skip..).unwrap_or_default();
        let end = if skip > 0 {
            closing_quote(inner)
        } else {
            // A name within a value without quotes has a value that ends with it.
            let known = bare_until.checked_sub(start).filter(|length| *length > 0);
            let end = known.unwrap_or_else(|| bare_value_end(inner));
            bare_until = start + end;
            end
        };
        let from = offset + start + skip;
        secrets.push(from..from + end);
    }
}

fn is_part_of_a_name(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-')
}

/// Whether this letter may stand between a name and its value: a `:`, a `=`, or the closing quote of the name where its `:`
/// was forgotten.
fn ends_a_name(text: &str, at: usize, letter: char) -> bool {
    if matches!(letter, ':' | '=') {
        return true;
    }
    let begins_a_value =
        |letter: char| letter.is_alphanumeric() || QUOTES.contains(&letter) || matches!(letter, '{' | '[');
    let next = |rest: &str| rest.trim_start_matches([' ', '\t']).chars().next();
    QUOTES.contains(&letter)
        && text.get(..at).is_some_and(|before| before.ends_with(is_part_of_a_name))
        && text.get(at + letter.len_utf8()..).and_then(next).is_some_and(begins_a_value)
}

/// The length of a value without quotes; `:` may stand in it, as in a URL.
fn bare_value_end(inner: &str) -> usize {
    let is_end = |c: char| c.is_whitespace() || matches!(c, ',' | '{' | '}' | '[' | ']');
    inner.find(is_end).unwrap_or(inner.len())
}

/// The values of an object or a list, to its closing bracket or the end of the text, keys aside. Gives the end. What stands
/// behind a `:` is a value, also where another `:` follows it by mistake.
fn values_below(text: &str, start: usize, secrets: &mut Vec<Range<usize>>) -> usize {
    let (mut depth, mut at, mut behind_colon) = (0_usize, start, false);
    while let Some(letter) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let skip = letter.len_utf8();
        match letter {
            '{' | '[' => (depth, behind_colon) = (depth + 1, false),
            '}' | ']' if depth <= 1 => return at + skip,
            '}' | ']' => depth -= 1,
            ':' => behind_colon = true,
            ',' => behind_colon = false,
            _ if letter.is_whitespace() => {}
            _ => {
                let quoted = QUOTES.contains(&letter);
                let begin = if quoted { at + skip } else { at };
                let inner = text.get(begin..).unwrap_or_default();
                let end = begin + if quoted { closing_quote(inner) } else { bare_end(inner) };
                let after = text.get(end..).unwrap_or_default();
                let is_key = after.trim_start_matches(QUOTES).trim_start().starts_with(':');
                if std::mem::take(&mut behind_colon) || !is_key {
                    secrets.push(begin..end);
                }
                at = end + if quoted { after.chars().next().map_or(0, char::len_utf8) } else { 0 };
                continue;
            }
        }
        at += skip;
    }
    at
}

/// The length of a value without quotes; at least one character.
fn bare_end(inner: &str) -> usize {
    let is_end = |c: char| c.is_whitespace() || matches!(c, ',' | ':' | '{' | '}' | '[' | ']');
    let first = inner.chars().next().map_or(0, char::len_utf8);
    inner.find(is_end).unwrap_or(inner.len()).max(first)
}

const QUOTES: [char; 7] = ['"', '\'', '`', '“', '”', '‘', '’'];

/// The names that the table knows, and whether one of their keys is secret.
static KNOWN: LazyLock<HashMap<&'static str, bool>> = LazyLock::new(|| {
    let mut known = HashMap::new();
    for key in KEYS {
        *known.entry(key.path.rsplit('.').next().unwrap_or(key.path)).or_default() |= key.secret;
    }
    known
});

/// The table decides where it knows the name.
fn is_secret_name(name: &str) -> bool {
    KNOWN.get(name).copied().unwrap_or_else(|| table::looks_secret(name))
}

fn closing_quote(inner: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in inner.char_indices() {
        match letter {
            '\n' | '\r' => return at,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if QUOTES.contains(&letter) => return at,
            _ => {}
        }
    }
    inner.len()
}

/// How keys of providers begin, and what stands before the authority of a URL. Made once: every save is searched for them.
static KEY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("sk-"));
static MARK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("://"));

fn provider_keys(text: &str, secrets: &mut Vec<Range<usize>>) {
    let mut done = 0;
    for at in KEY.find_iter(text.as_bytes()) {
        let begins =
            text.get(..at).and_then(|before| before.chars().next_back()).is_none_or(|c| !c.is_alphanumeric());
        if at < done || !begins {
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let end =
            rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')).unwrap_or(rest.len());
        done = at + end;
        if end >= 16 {
            secrets.push(at..done);
        }
    }
}

/// `name:password` in `https://name:password@host`.
fn url_passwords(text: &str, secrets: &mut Vec<Range<usize>>) {
    for at in MARK.find_iter(text.as_bytes()) {
        let start = at + MARK.needle().len();
        let rest = text.get(start..).unwrap_or_default();
        let is_end = |c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '?' | '#' | ',');
        let authority = rest.get(..rest.find(is_end).unwrap_or(rest.len())).unwrap_or_default();
        if let Some(length) = authority.rfind('@') {
            secrets.push(start..start + length);
        }
    }
}
