//! The filters of a template, and how a value is shown. None of them can give more than it is given, but for `join`, which
//! is bounded.

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Output, Value};

use crate::notes::render::{escaped, one_line};

/// Every filter.
pub const FILTERS: [&str; 5] = ["join", "length", "lower", "safe", "upper"];

/// Bytes of a text that `join` gives, or that is turned to another case.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// How the text of a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// So that Markdown shows it unchanged, on one line, unless it is `safe`: Markdown already.
    Markdown,
    /// As it is.
    Plain,
}

/// Adds the filters and the way to show values.
pub(super) fn add(environment: &mut Environment<'_>, shown: Shown) {
    environment.set_formatter(move |out, _, value| show(out, value, shown));
    environment.add_filter("join", join);
    environment.add_filter("length", length);
    environment.add_filter("lower", |text: &str| small(text).map(|text| text.to_lowercase()));
    environment.add_filter("upper", |text: &str| small(text).map(|text| text.to_uppercase()));
    environment.add_filter("safe", |text: String| Value::from_safe_string(text));
}

/// A value in the text. What was not found shows nothing; of a list the items, with commas.
fn show(out: &mut Output<'_>, value: &Value, shown: Shown) -> Result<(), Error> {
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return single(out, value, shown);
    }
    for (index, item) in value.try_iter()?.enumerate() {
        if index > 0 {
            write(out, ", ")?;
        }
        single(out, &item, shown)?;
    }
    Ok(())
}

fn single(out: &mut Output<'_>, value: &Value, shown: Shown) -> Result<(), Error> {
    match (value.kind(), value.as_str()) {
        (ValueKind::None, _) => Ok(()),
        (ValueKind::Undefined, _) => Err(ErrorKind::UndefinedError.into()),
        (_, Some(text)) if value.is_safe() || shown == Shown::Plain => write(out, text),
        (_, Some(text)) => write(out, &escaped(&one_line(text))),
        (ValueKind::Number | ValueKind::Bool, _) => write(out, &value.to_string()),
        _ => Err(invalid("this has parts: name one of them, as in `reference.title`, or loop over it")),
    }
}

fn write(out: &mut Output<'_>, text: &str) -> Result<(), Error> {
    out.write_str(text).map_err(Error::from)
}

fn join(list: &Value, between: Option<&str>) -> Result<Value, Error> {
    let mut joined = String::new();
    let mut is_safe = true;
    for (index, item) in list.try_iter()?.enumerate() {
        if index > 0 {
            joined.push_str(between.unwrap_or_default());
        }
        match (item.as_str(), item.kind()) {
            (Some(text), _) => joined.push_str(text),
            (None, ValueKind::Number) => joined.push_str(&item.to_string()),
            _ => return Err(invalid("only texts and numbers can be joined")),
        }
        is_safe &= item.is_safe();
        small(&joined)?;
    }
    Ok(if is_safe { Value::from_safe_string(joined) } else { joined.into() })
}

fn length(value: &Value) -> Result<usize, Error> {
    let characters = value.as_str().map(|text| text.chars().count());
    characters.or_else(|| value.len()).ok_or_else(|| invalid("this has no length"))
}

fn small(text: &str) -> Result<&str, Error> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(invalid(&format!("a text of more than {TEXT_BYTES_MAX} bytes")));
    }
    Ok(text)
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.to_owned())
}
