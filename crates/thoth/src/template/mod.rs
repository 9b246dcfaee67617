//! Templates of the user's: a small part of Jinja, rendered within bounds.
//!
//! A template is text from a file. It knows `if`, `for`, `set` and the filters of [`FILTERS`]; it has no way to other files,
//! and nothing in it can make a value grow ([`grammar`]). What is wrong with one is a [`Fault`] with its place.
//!
//! - [`grammar`]: what may stand in a template beyond what minijinja asks for
//! - [`filters`]: the filters, and how a value is shown

mod filters;
mod grammar;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};

pub use filters::{FILTERS, Shown};

/// Bytes of a template.
pub const SOURCE_BYTES_MAX: usize = 64 << 10;
/// Bytes of what a template gives.
pub const OUTPUT_BYTES_MAX: usize = 4 << 20;
/// Steps of one rendering; 300 references with five values each take 10,000.
const FUEL: u64 = 200_000;

/// Digits by which people tell one content of a template from another.
const MARK_DIGITS: usize = 8;

/// What a template can name.
pub type Context = BTreeMap<&'static str, Value>;

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct Fault {
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1, in characters.
    pub column: u32,
    /// In words.
    pub message: String,
    /// The way out, where it is known.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault at a byte of a source.
    fn at(source: &str, byte: usize, message: impl Into<String>) -> Self {
        let before = source.get(..byte).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { line: small(line), column: small(column), message: message.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// A template that can be rendered: it is well-formed, and names nothing unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    name: String,
    source: String,
    shown: Shown,
}

impl Template {
    /// The template of a source. `known` are the names that its context will have.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn new(name: &str, source: &str, shown: Shown, known: &[&str]) -> Result<Self, Fault> {
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        if source.len() > SOURCE_BYTES_MAX {
            let message =
                format!("the template has {} bytes; at most {SOURCE_BYTES_MAX} are read", source.len());
            return Err(Fault::at(source, 0, message));
        }
        if source.trim().is_empty() {
            return Err(
                Fault::at(source, 0, "the template is empty").hint("remove the file to get what is built in")
            );
        }
        let environment = environment(shown);
        let parsed = environment.template_from_named_str(name, source);
        let parsed = parsed.map_err(|error| fault(source, &error, known))?;
        grammar::check(source)?;
        let unknown = parsed.undeclared_variables(false);
        let mut unknown: Vec<&String> =
            unknown.iter().filter(|name| !known.contains(&name.as_str())).collect();
        unknown.sort();
        if let Some(unknown) = unknown.first() {
            let place = grammar::first(source, unknown).unwrap_or_default();
            return Err(unknown_name(source, place, unknown, known));
        }
        Ok(Self { name: name.to_owned(), source: source.to_owned(), shown })
    }

    /// The name that people know it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A few digits that are others for another content.
    pub fn mark(&self) -> String {
        blake3::hash(self.source.as_bytes()).to_hex().chars().take(MARK_DIGITS).collect()
    }

    /// What the template gives with these values.
    ///
    /// # Errors
    /// What only the values show: a part of one that does not exist, too many steps, too much text.
    pub fn render(&self, context: &Context) -> Result<String, Fault> {
        let environment = environment(self.shown);
        let known: Vec<&str> = context.keys().copied().collect();
        let told = |error: minijinja::Error| fault(&self.source, &error, &known);
        let parsed = environment.template_from_named_str(&self.name, &self.source).map_err(told)?;
        let mut bounded = Bounded::default();
        match parsed.render_captured_to(context, &mut bounded) {
            Err(_) if bounded.is_full => {
                let message = format!("the template gives more than {OUTPUT_BYTES_MAX} bytes");
                Err(Fault::at(&self.source, 0, message))
            }
            Err(error) => Err(told(error)),
            // What is written are whole strings.
            Ok(_) => Ok(String::from_utf8_lossy(&bounded.bytes).into_owned()),
        }
    }
}

fn environment<'source>(shown: Shown) -> Environment<'source> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_keep_trailing_newline(true);
    // A line with nothing but a tag gives no line.
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_fuel(Some(FUEL));
    // Places of faults.
    environment.set_debug(true);
    filters::add(&mut environment, shown);
    environment
}

/// An error as a fault: its place, the words that it is about, the name that may be meant.
fn fault(source: &str, error: &minijinja::Error, known: &[&str]) -> Fault {
    let range = error.range().filter(|range| source.get(range.clone()).is_some());
    let line_start = || {
        let before = error.line().unwrap_or(1).saturating_sub(1);
        source.split_inclusive('\n').take(before).map(str::len).sum()
    };
    let place = range.as_ref().map_or_else(line_start, |range| range.start);
    let words = range.and_then(|range| source.get(range)).unwrap_or_default();
    match error.kind() {
        ErrorKind::UndefinedError => unknown_name(source, place, words, known),
        ErrorKind::OutOfFuel => {
            Fault::at(source, place, format!("the template takes more than {FUEL} steps"))
                .hint("loops within loops take many")
        }
        kind => {
            let detail = error.detail().map_or_else(|| kind.to_string(), str::to_owned);
            Fault::at(source, place, detail)
        }
    }
}

fn unknown_name(source: &str, place: usize, name: &str, known: &[&str]) -> Fault {
    let close = known.iter().filter(|known| strsim::osa_distance(known, name) <= 2);
    let close = close.min_by_key(|known| strsim::osa_distance(known, name));
    let fault = Fault::at(source, place, format!("`{name}` is not known here"));
    match close {
        Some(close) => fault.hint(format!("did you mean `{close}`?")),
        None => fault.hint("docs/templates.md lists what a template can name"),
    }
}

/// Takes so many bytes and no more.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    is_full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > OUTPUT_BYTES_MAX {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
