//! What comes in: of the right shape, and within bounds. The schemas say the same bounds.

use std::ops::RangeInclusive;

use rmcp::model::JsonObject;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Refusal;

/// The arguments of a tool.
pub(super) fn of<A: DeserializeOwned>(tool: &str, arguments: JsonObject) -> Result<A, Refusal> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| Refusal(format!("the arguments of `{tool}` do not fit: {error}")))
}

/// A text that says something and is not too long.
pub(super) fn text<'t>(name: &str, text: &'t str, chars_max: usize) -> Result<&'t str, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Refusal(format!("`{name}` is empty; say what you look for")));
    }
    at_most(name, text, chars_max)?;
    Ok(text)
}

/// A text that is not too long.
pub(super) fn at_most(name: &str, text: &str, chars_max: usize) -> Result<(), Refusal> {
    let chars = text.chars().count();
    if chars <= chars_max {
        return Ok(());
    }
    Err(Refusal(format!("`{name}` has {chars} characters; at most {chars_max} are taken")))
}

/// A number within its bounds, or the default.
pub(super) fn count(
    name: &str,
    given: Option<u32>,
    default: u32,
    bounds: RangeInclusive<u32>,
) -> Result<usize, Refusal> {
    let count = given.unwrap_or(default);
    if bounds.contains(&count) {
        return Ok(count as usize);
    }
    let (low, high) = (bounds.start(), bounds.end());
    Err(Refusal(format!("`{name}` is {count}; it must be {low} to {high}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_bounds_is_named_with_the_way_out() {
        let refused = |result: Result<(), Refusal>| result.err().map(|refusal| refusal.0);
        assert_eq!(refused(count("limit", None, 10, 1..=50).map(drop)), None);
        assert_eq!(refused(count("limit", Some(50), 10, 1..=50).map(drop)), None);
        assert_eq!(
            refused(count("limit", Some(0), 10, 1..=50).map(drop)).unwrap(),
            "`limit` is 0; it must be 1 to 50"
        );
        assert_eq!(
            refused(text("query", " \n", 9).map(drop)).unwrap(),
            "`query` is empty; say what you look for"
        );
        assert_eq!(
            refused(text("query", "ääääääääää", 9).map(drop)).unwrap(),
            "`query` has 10 characters; at most 9 are taken"
        );
    }
}
