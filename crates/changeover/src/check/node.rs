//! A JSON value of which every part knows where it stands.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use foldhash::fast::RandomState;
use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use serde_json::Number;

use super::{Fault, PROBLEMS_MAX, shown};

/// A value and its place. Its strings stand in the text, but for those that have escapes.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<'a> {
    /// The bytes of the value; of a string with its quotes.
    pub span: Range<usize>,
    /// The value.
    pub kind: Kind<'a>,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number. `4000` and `4000.0` differ.
    Number(Number),
    /// A string, its escapes undone.
    String(Cow<'a, str>),
    /// A list.
    Array(Vec<Node<'a>>),
    /// An object, in the order of the file. A key that is given twice stands here twice.
    Object(Vec<Member<'a>>),
}

/// One entry of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Member<'a> {
    /// The key.
    pub key: Cow<'a, str>,
    /// The bytes of the key with its quotes.
    pub key_span: Range<usize>,
    /// The value.
    pub value: Node<'a>,
}

impl<'a> Node<'a> {
    /// The entry of a key; `None` also where this is no object.
    pub fn get(&self, key: &str) -> Option<&Member<'a>> {
        self.members().iter().find(|member| member.key == key)
    }

    /// The entries of an object; none where this is no object.
    pub fn members(&self) -> &[Member<'a>] {
        match &self.kind {
            Kind::Object(members) => members,
            _ => &[],
        }
    }

    /// The bytes of the value; of a string what stands between its quotes.
    pub fn content_span(&self) -> Range<usize> {
        match self.kind {
            Kind::String(_) => self.span.start + 1..self.span.end.saturating_sub(1),
            _ => self.span.clone(),
        }
    }

    /// The kind of value in words, for messages.
    pub fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::String(_) => "a string",
            Kind::Array(_) => "a list",
            Kind::Object(_) => "an object",
        }
    }

    /// The value without places.
    pub fn value(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::String(text) => Value::String(text.clone().into_owned()),
            Kind::Array(nodes) => nodes.iter().map(Self::value).collect(),
            Kind::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|member| (member.key.clone().into_owned(), member.value.value()))
                    .collect(),
            ),
        }
    }
}

/// The dotted path of a key below a parent's path. A key that has a dot itself stands in brackets; of a very long one the
/// beginning is shown.
pub fn path_of(parent: &str, key: &str) -> String {
    let mut path = parent.to_owned();
    push_key(&mut path, key);
    path
}

fn push_key(path: &mut String, key: &str) {
    let key = &*shown(key);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$');
    let is_odd = |c: char| matches!(c, '.' | '[' | ']' | '`') || c.is_control();
    let plain = key.bytes().all(is_plain) || !key.contains(is_odd);
    if !plain || key.is_empty() {
        path.push_str(&format!("[{key:?}]"));
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

/// The value of a file out of the parser's tree, whose places are those of `text`. What must not be given twice goes to
/// `duplicates`.
pub(super) fn build<'a>(
    value: ast::Value<'_>,
    text: &'a str,
    duplicates: &mut Vec<Fault>,
    faults: &mut Vec<Fault>,
) -> Option<Node<'a>> {
    let mut builder = Builder { text, way: Vec::new(), duplicates, faults };
    let node = builder.node(value);
    if matches!(node.kind, Kind::Object(_)) {
        return Some(node);
    }
    let message = format!("the file must hold one object, `{{ … }}`, not {}", node.kind_name());
    faults.push(Fault::new(node.span.start, message));
    None
}

struct Builder<'a, 'f> {
    text: &'a str,
    /// Where it is: most paths are never shown.
    way: Vec<Step<'a>>,
    duplicates: &'f mut Vec<Fault>,
    faults: &'f mut Vec<Fault>,
}

enum Step<'a> {
    Key(Cow<'a, str>),
    Index(usize),
}

impl<'a> Builder<'a, '_> {
    /// Not deeper than `DEPTH_MAX`: the prescan has seen to that.
    fn node(&mut self, value: ast::Value<'_>) -> Node<'a> {
        let range = value.range();
        let kind = match value {
            ast::Value::StringLit(literal) => Kind::String(self.string(literal)),
            ast::Value::NumberLit(literal) => self.number(&literal),
            ast::Value::BooleanLit(literal) => Kind::Bool(literal.value),
            ast::Value::NullKeyword(_) => Kind::Null,
            ast::Value::Array(array) => Kind::Array(
                array
                    .elements
                    .into_iter()
                    .enumerate()
                    .map(|(at, item)| self.below(Step::Index(at), item))
                    .collect(),
            ),
            ast::Value::Object(object) => self.object(object),
        };
        Node { span: range.start..range.end, kind }
    }

    /// What the parser borrows it has from a copy of the text that is the same within strings.
    fn string(&self, literal: ast::StringLit<'_>) -> Cow<'a, str> {
        let within = literal.range.start + 1..literal.range.end.saturating_sub(1);
        match literal.value {
            Cow::Borrowed(_) => Cow::Borrowed(self.text.get(within).unwrap_or_default()),
            Cow::Owned(unescaped) => Cow::Owned(unescaped),
        }
    }

    fn below(&mut self, step: Step<'a>, value: ast::Value<'_>) -> Node<'a> {
        self.way.push(step);
        let node = self.node(value);
        self.way.pop();
        node
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.way {
            match step {
                Step::Key(key) => push_key(&mut path, key),
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }

    fn number(&mut self, literal: &ast::NumberLit<'_>) -> Kind<'a> {
        match literal.value.parse() {
            Ok(number) => Kind::Number(number),
            Err(_) => {
                let path = if self.faults.len() < DETAILED_MAX { self.path() } else { String::new() };
                let fault = Fault::new(literal.range.start, "the number is too large");
                self.faults.push(Fault { path, ..fault });
                Kind::Null
            }
        }
    }

    fn object(&mut self, object: ast::Object<'_>) -> Kind<'a> {
        let members: Vec<Member<'a>> = object
            .properties
            .into_iter()
            .map(|property| {
                let range = property.name.range();
                let key = match property.name {
                    ast::ObjectPropName::String(literal) => self.string(literal),
                    // Refused by the parser's options.
                    ast::ObjectPropName::Word(word) => Cow::Owned(word.value.to_owned()),
                };
                let value = self.below(Step::Key(key.clone()), property.value);
                Member { key, key_span: range.start..range.end, value }
            })
            .collect();
        self.twice(&members);
        Kind::Object(members)
    }

    fn twice(&mut self, members: &[Member<'_>]) {
        if members.len() <= FEW {
            for (index, member) in members.iter().enumerate() {
                if let Some(first) = members.iter().take(index).find(|other| other.key == member.key) {
                    self.again(member, first.key_span.start);
                }
            }
            return;
        }
        let mut first_at: HashMap<&str, usize, RandomState> =
            HashMap::with_capacity_and_hasher(members.len(), RandomState::default());
        for member in members {
            match first_at.entry(&member.key) {
                Entry::Vacant(vacant) => {
                    vacant.insert(member.key_span.start);
                }
                Entry::Occupied(first) => self.again(member, *first.get()),
            }
        }
    }

    fn again(&mut self, member: &Member<'_>, first_at: usize) {
        if self.duplicates.len() >= DETAILED_MAX {
            self.duplicates.push(Fault::new(member.key_span.start, "a key is given twice"));
            return;
        }
        let message = format!("the key `{}` is given twice", shown(&member.key));
        let fault = Fault::new(member.key_span.start, message).hint("keep one of them");
        let path = path_of(&self.path(), &member.key);
        let also = Some((", first in", first_at));
        self.duplicates.push(Fault { path, also, ..fault });
    }
}

/// Faults that carry their path; beyond them a file of megabytes could ask for gigabytes.
const DETAILED_MAX: usize = 10 * PROBLEMS_MAX;

/// Keys that are compared with each other faster than they are hashed.
const FEW: usize = 16;
