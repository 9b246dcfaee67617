//! What may stand in a template: less than minijinja would take. Without operators that join values, without lists of the
//! template's own and without captured blocks no value can be larger than one that was given, so that steps and output
//! are all that has to be bounded.

use super::Fault;

/// The statements.
const STATEMENTS: [&str; 7] = ["if", "elif", "else", "endif", "for", "endfor", "set"];
/// Words after which a bracket begins something, instead of belonging to a value.
const OPERATORS: [&str; 7] = ["in", "and", "or", "not", "if", "else", "is"];

/// A piece of what stands in a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'s> {
    Name(&'s str),
    Text,
    Mark(char),
}

/// A tag: `{{ … }}` or `{% … %}`, with the place of each token.
struct Tag<'s> {
    is_statement: bool,
    at: usize,
    tokens: Vec<(usize, Token<'s>)>,
}

/// Refuses what minijinja knows and a template here does not. The source must be well-formed.
pub(super) fn check(source: &str) -> Result<(), Fault> {
    for tag in tags(source) {
        let names: Vec<&str> = tag.tokens.iter().filter_map(|(_, token)| name(*token)).collect();
        let statement = names.first().copied().unwrap_or_default();
        if tag.is_statement && !STATEMENTS.contains(&statement) {
            return Err(Fault::at(source, tag.at, format!("unknown statement `{statement}`"))
                .hint(format!("there are `{}`", STATEMENTS.join("`, `"))));
        }
        let is_set = tag.is_statement && statement == "set";
        if is_set && !tag.tokens.iter().any(|(_, token)| *token == Token::Mark('=')) {
            return Err(Fault::at(source, tag.at, "a block cannot be set").hint("write `set name = value`"));
        }
        expressions(source, &tag)?;
    }
    Ok(())
}

/// Where a name stands first.
pub(super) fn first(source: &str, wanted: &str) -> Option<usize> {
    let mut tokens = tags(source).into_iter().flat_map(|tag| tag.tokens);
    tokens.find(|(_, token)| name(*token) == Some(wanted)).map(|(at, _)| at)
}

fn expressions(source: &str, tag: &Tag<'_>) -> Result<(), Fault> {
    let refused = |at, mark: &str, hint: &str| {
        Err(Fault::at(source, at, format!("`{mark}` is not known in templates")).hint(hint))
    };
    // Of each open bracket, whether it belongs to a filter or a subscript.
    let mut open = Vec::new();
    let mut before = None;
    for (at, token) in &tag.tokens {
        let belongs = match before {
            Some(Token::Name(name)) => !OPERATORS.contains(&name),
            Some(Token::Mark(mark)) => matches!(mark, ')' | ']'),
            Some(Token::Text) => true,
            None => false,
        };
        match token {
            Token::Mark(mark @ ('~' | '+' | '*')) => {
                return refused(
                    *at,
                    &mark.to_string(),
                    "write the parts side by side: `{{ one }}{{ other }}`",
                );
            }
            Token::Mark('[') if !belongs => return refused(*at, "[…]", "a template has no lists of its own"),
            Token::Mark(',') if open.last() != Some(&true) => {
                return refused(*at, ",", "a template has no lists of its own");
            }
            Token::Mark(mark @ ('{' | '}')) => {
                return refused(*at, &mark.to_string(), "a template has no objects of its own");
            }
            Token::Mark('(' | '[') => open.push(belongs),
            Token::Mark(')' | ']') => drop(open.pop()),
            _ => {}
        }
        before = Some(*token);
    }
    Ok(())
}

fn name(token: Token<'_>) -> Option<&str> {
    match token {
        Token::Name(name) => Some(name),
        Token::Text | Token::Mark(_) => None,
    }
}

/// Every tag of a source.
fn tags(source: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(found) = source.get(at..).and_then(|rest| rest.find('{')) {
        let start = at + found;
        let (close, is_statement) = match source.as_bytes().get(start + 1) {
            Some(b'{') => ("}}", false),
            Some(b'%') => ("%}", true),
            Some(b'#') => {
                let end = source.get(start..).and_then(|rest| rest.find("#}"));
                at = end.map_or(source.len(), |end| start + end + 2);
                continue;
            }
            _ => {
                at = start + 1;
                continue;
            }
        };
        let (tokens, end) = tokens(source, start + 2, close);
        tags.push(Tag { is_statement, at: start, tokens });
        at = end;
    }
    tags
}

/// The tokens up to `close`, and where what follows it begins. `-` and `+` next to a delimiter only say what becomes of
/// white space.
fn tokens<'s>(source: &'s str, start: usize, close: &str) -> (Vec<(usize, Token<'s>)>, usize) {
    let mut tokens = Vec::new();
    let mut at = start;
    if source.get(at..).is_some_and(|rest| rest.starts_with(['-', '+'])) {
        at += 1;
    }
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        let trimmed = rest.strip_prefix(['-', '+']).unwrap_or(rest);
        if trimmed.starts_with(close) {
            return (tokens, at + (rest.len() - trimmed.len()) + close.len());
        }
        let Some(letter) = rest.chars().next() else { break };
        let length = match letter {
            '"' | '\'' => string_length(rest, letter),
            letter if letter.is_alphanumeric() || letter == '_' => {
                let is_part = |c: char| c.is_alphanumeric() || c == '_';
                rest.find(|c| !is_part(c)).unwrap_or(rest.len())
            }
            letter => letter.len_utf8(),
        };
        let token = match letter {
            '"' | '\'' => Some(Token::Text),
            letter if letter.is_alphanumeric() || letter == '_' => rest.get(..length).map(Token::Name),
            letter if letter.is_whitespace() => None,
            letter => Some(Token::Mark(letter)),
        };
        tokens.extend(token.map(|token| (at, token)));
        at += length;
    }
    (tokens, source.len())
}

/// The length of a string with its quotes.
fn string_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            letter if letter == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}
