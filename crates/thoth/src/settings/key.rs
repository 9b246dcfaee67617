//! What is known of one key: its row in the table.

/// One row of the table of keys.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The canonical path, dotted.
    pub path: &'static str,
    /// The type of the value. Types are strict.
    pub kind: Kind,
    /// What applies where the file says nothing.
    pub default: Default,
    /// What the value must keep to beyond its type.
    pub bound: Bound,
    /// Whether the value is a secret.
    pub secret: bool,
    /// The service that reads the key; `None` where this version lacks the feature.
    pub service: Option<&'static str>,
    /// What the key means, in one sentence.
    pub meaning: &'static str,
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A string or null.
    TextOrNull,
    /// Any number.
    Number,
    /// A whole number without a decimal point, from 0.
    Count,
    /// `true` or `false`.
    Switch,
    /// A list of strings.
    Texts,
    /// An object whose keys are the user's own.
    Table,
}

impl Kind {
    /// The type in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::TextOrNull => "a string or null",
            Self::Number => "a number",
            Self::Count => "a whole number",
            Self::Switch => "true or false",
            Self::Texts => "a list of strings",
            Self::Table => "an object",
        }
    }
}

/// The value of a key that a file does not name.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Default {
    Null,
    Text(&'static str),
    Number(f64),
    Count(u64),
    Switch(bool),
    EmptyList,
    EmptyTable,
}

impl Default {
    /// The default as JSON.
    pub fn value(self) -> serde_json::Value {
        use serde_json::{Map, Value};
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => text.into(),
            Self::Number(number) => number.into(),
            Self::Count(count) => count.into(),
            Self::Switch(on) => on.into(),
            Self::EmptyList => Value::Array(Vec::new()),
            Self::EmptyTable => Value::Object(Map::new()),
        }
    }
}

/// What a value must keep to beyond its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Nothing.
    Any,
    /// Both ends are allowed.
    Between(f64, f64),
    /// The lowest value that is allowed.
    AtLeast(f64),
    /// One of these, spelled exactly so.
    OneOf(&'static [&'static str]),
    /// More than white space.
    NotBlank,
    /// An `http` or `https` URL with a host.
    Url,
    /// A host name or an IP address.
    Host,
    /// An IP address or `localhost`.
    BindAddress,
    /// Host names, without scheme and port.
    Hosts,
    /// A path in the vault.
    Path,
    /// One of these, or the path of a `.csl` file in the vault.
    Style(&'static [&'static str]),
    /// An e-mail address.
    Email,
    /// Three numbers with points between them.
    Version,
    /// A date with a time, RFC 3339.
    DateTime,
}

impl Bound {
    /// The bound in words; empty where there is none.
    pub fn words(self) -> String {
        match self {
            Self::Any => String::new(),
            Self::Between(low, high) => format!("{low} to {high}"),
            Self::AtLeast(low) => format!("at least {low}"),
            Self::OneOf(names) => format!("one of {}", quoted(names)),
            Self::Style(names) => {
                format!("one of {}, or the path of a `.csl` file in the vault", quoted(names))
            }
            Self::Email => "an e-mail address".to_owned(),
            Self::NotBlank => "not blank".to_owned(),
            Self::Url => "an `http://` or `https://` URL".to_owned(),
            Self::Host => "a host name or an IP address".to_owned(),
            Self::BindAddress => "an IP address or `localhost`".to_owned(),
            Self::Hosts => "host names without scheme and port".to_owned(),
            Self::Path => "a path in the vault".to_owned(),
            Self::Version => "three numbers with points between them".to_owned(),
            Self::DateTime => "a date with a time, like `2026-01-31T12:00:00Z`".to_owned(),
        }
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl Key {
    const fn new(path: &'static str, kind: Kind, default: Default, meaning: &'static str) -> Self {
        Self { path, kind, default, bound: Bound::Any, secret: false, service: None, meaning }
    }

    pub(super) const fn text(path: &'static str, default: &'static str, meaning: &'static str) -> Self {
        Self::new(path, Kind::Text, Default::Text(default), meaning)
    }

    pub(super) const fn text_or_null(path: &'static str, meaning: &'static str) -> Self {
        Self::new(path, Kind::TextOrNull, Default::Null, meaning)
    }

    pub(super) const fn number(path: &'static str, default: f64, meaning: &'static str) -> Self {
        Self::new(path, Kind::Number, Default::Number(default), meaning)
    }

    pub(super) const fn count(path: &'static str, default: u64, meaning: &'static str) -> Self {
        Self::new(path, Kind::Count, Default::Count(default), meaning)
    }

    pub(super) const fn switch(path: &'static str, default: bool, meaning: &'static str) -> Self {
        Self::new(path, Kind::Switch, Default::Switch(default), meaning)
    }

    pub(super) const fn texts(path: &'static str, meaning: &'static str) -> Self {
        Self::new(path, Kind::Texts, Default::EmptyList, meaning)
    }

    pub(super) const fn table(path: &'static str, meaning: &'static str) -> Self {
        Self::new(path, Kind::Table, Default::EmptyTable, meaning)
    }

    pub(super) const fn secret(path: &'static str, meaning: &'static str) -> Self {
        Self { secret: true, ..Self::text(path, "", meaning) }
    }

    pub(super) const fn hidden(self) -> Self {
        Self { secret: true, ..self }
    }

    pub(super) const fn bound(self, bound: Bound) -> Self {
        Self { bound, ..self }
    }

    pub(super) const fn between(self, low: f64, high: f64) -> Self {
        self.bound(Bound::Between(low, high))
    }

    pub(super) const fn at_least(self, low: f64) -> Self {
        self.bound(Bound::AtLeast(low))
    }

    pub(super) const fn one_of(self, names: &'static [&'static str]) -> Self {
        self.bound(Bound::OneOf(names))
    }

    pub(super) const fn read_by(self, service: &'static str) -> Self {
        Self { service: Some(service), ..self }
    }

    /// Whether this key names no setting: a file that holds nothing else sets nothing.
    pub fn is_note(&self) -> bool {
        matches!(self.path, "version" | "lastModified")
    }

    /// The section at the top of the file.
    pub fn section(&self) -> &'static str {
        self.path.split('.').next().unwrap_or(self.path)
    }

    /// Whether a value beyond the bound is refused; elsewhere it is a warning.
    pub fn bound_is_enforced(&self) -> bool {
        let enforced = ["llm", "rag", "paths", "servers", "citation", "logging", "reload"];
        enforced.contains(&self.section()) || self.path.starts_with("memory.letta.")
    }
}
