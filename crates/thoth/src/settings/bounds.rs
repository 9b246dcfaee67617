//! Whether a value of the right type keeps to its bound.

use std::net::IpAddr;

use changeover::check::{Kind as Json, Node};
use url::Url;

use super::key::{Bound, Default, Key};
use super::{path, table};
use crate::citations::style::ENDING;

/// Characters of a value that are shown.
const SHOWN_MAX: usize = 60;

/// A value that goes beyond its bound.
pub(super) struct Beyond {
    /// Where, in bytes.
    pub(super) at: usize,
    /// `[2]` for an item of a list; empty otherwise.
    pub(super) index: String,
    pub(super) message: String,
    pub(super) hint: String,
}

/// What is wrong with a value of the right type. Secrets have no bounds, so values can be shown.
pub(super) fn check(key: &Key, node: &Node) -> Vec<Beyond> {
    let beyond = |message: String, hint: &str| {
        vec![Beyond { at: node.span.start, index: String::new(), message, hint: hint.to_owned() }]
    };
    match (&node.kind, key.bound) {
        (Json::Number(number), bound) => match range(number.as_f64().unwrap_or(f64::NAN), bound) {
            Some(message) => {
                beyond(format!("`{number}` {message}"), &format!("the default is `{}`", key.default.value()))
            }
            None => Vec::new(),
        },
        (Json::String(text), bound) => match text_problem(text, bound, key) {
            Some((message, hint)) => beyond(message, &hint),
            None => Vec::new(),
        },
        (Json::Array(items), Bound::Hosts) => items.iter().enumerate().filter_map(host_item).collect(),
        _ => Vec::new(),
    }
}

fn range(value: f64, bound: Bound) -> Option<String> {
    match bound {
        Bound::Between(low, high) if value < low || value > high => {
            Some(format!("is not within {low} to {high}"))
        }
        Bound::AtLeast(low) if value < low => Some(format!("is less than {low}")),
        _ => None,
    }
}

fn text_problem(text: &str, bound: Bound, key: &Key) -> Option<(String, String)> {
    // Empty means «not set» where the default is empty.
    if text.is_empty() && key.default == Default::Text("") {
        return None;
    }
    let default = || {
        format!(
            "the default is `{}`; leave the key out to get it",
            key.default.value().as_str().unwrap_or("null")
        )
    };
    match bound {
        Bound::NotBlank if text.trim().is_empty() => Some(("must not be blank".to_owned(), default())),
        Bound::Style(names) if !names.contains(&text) && text.ends_with(ENDING) => {
            path::lexical_problem(text)
        }
        Bound::Email if !is_email(text) => Some((
            format!("`{}` is not an e-mail address", shown(text)),
            "like `name@university.example`".to_owned(),
        )),
        Bound::OneOf(names) | Bound::Style(names) if !names.contains(&text) => {
            let close = names.iter().find(|name| name.eq_ignore_ascii_case(text.trim()));
            let close = close.or_else(|| {
                names.iter().find(|name| table::is_near(&name.to_lowercase(), &cut(text).to_lowercase(), 2))
            });
            let hint = close.map_or_else(default, |name| format!("did you mean `{name}`?"));
            Some((format!("`{}` is not {}", shown(text), bound.words()), hint))
        }
        Bound::Url => url_problem(text).map(|problem| (problem, default())),
        Bound::Host if !is_host(text) => {
            Some((format!("`{}` is not a host name or an IP address", shown(text)), default()))
        }
        Bound::BindAddress if !is_bind_address(text) => Some((
            format!("`{}` is not an address to listen on: an IP address or `localhost`", shown(text)),
            "`127.0.0.1` is for this machine, `0.0.0.0` for every machine that can reach it".to_owned(),
        )),
        Bound::Path => path::lexical_problem(text),
        Bound::Version if !is_version(text) => {
            Some((format!("`{}` is not {}", shown(text), bound.words()), "like `1.0.0`".to_owned()))
        }
        Bound::DateTime if text.parse::<jiff::Timestamp>().is_err() => Some((
            format!("`{}` is not a date with a time", shown(text)),
            "like `2026-01-31T12:00:00Z`".to_owned(),
        )),
        _ => None,
    }
}

/// What is wrong with a URL that Thoth is to call.
pub(super) fn url_problem(text: &str) -> Option<String> {
    // First of all, because nothing else may show such a text.
    if text.contains('@') {
        return Some("must not hold a name or a password".to_owned());
    }
    let Ok(url) = Url::parse(text) else {
        return Some(format!("`{}` is not a URL", shown(text)));
    };
    let lower = text.to_ascii_lowercase();
    if !lower.starts_with("http://") && !lower.starts_with("https://") {
        return Some("must begin with `http://` or `https://`".to_owned());
    }
    if url.host_str().is_none_or(str::is_empty)
        || lower.split("://").nth(1).is_some_and(|rest| rest.starts_with('/'))
    {
        return Some(format!("`{}` names no host", shown(text)));
    }
    if text.contains(char::is_whitespace) || text.contains('\\') {
        return Some("must not hold white space or backslashes".to_owned());
    }
    (url.query().is_some() || url.fragment().is_some())
        .then(|| "must not have a part after `?` or `#`".to_owned())
}

fn host_item((index, item): (usize, &Node)) -> Option<Beyond> {
    let Json::String(text) = &item.kind else {
        return None;
    };
    (!is_host(text)).then(|| Beyond {
        at: item.span.start,
        index: format!("[{index}]"),
        message: format!("`{}` is not a host name", shown(text)),
        hint: "write the name alone, without `http://`, port and path".to_owned(),
    })
}

/// Whether this is an IP address or a host name by RFC 1123.
fn is_host(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if bare.parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        let letters = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        (1..=63).contains(&label.len()) && letters && !label.starts_with('-') && !label.ends_with('-')
    };
    let all_digits = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    name.len() <= 253 && !all_digits && name.split('.').all(label)
}

pub(super) fn is_bind_address(text: &str) -> bool {
    text.eq_ignore_ascii_case("localhost") || text.parse::<IpAddr>().is_ok()
}

/// One `@`, a host behind it, and nothing that could begin another header or parameter.
fn is_email(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c);
    text.len() <= 254
        && text.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && name.chars().all(plain) && is_host(host) && host.contains('.')
        })
}

fn is_version(text: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split('.').count() == 3 && text.split('.').all(number)
}

/// The beginning of a value, what does not print escaped.
fn shown(text: &str) -> String {
    cut(text).escape_debug().to_string()
}

/// The beginning of a value.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
