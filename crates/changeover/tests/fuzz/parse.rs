//! Reading any bytes: no panic, an answer of bounded size, places within the file; and where no liberty is taken, the
//! same value as serde_json has.

use changeover::check::{Document, Kind, Node, PROBLEMS_MAX, Places, parse};

use crate::kept::{Target, made_up};

const PARSE: Target =
    Target { folder: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/kept/parse"), holds: is_answered };

/// Characters of one problem. Keys are shown by their beginning, and objects end at some depth.
const PROBLEM_MAX: usize = 10_000;

#[test]
fn any_file_is_answered() {
    PARSE.replay();
    made_up(|bytes| PARSE.try_with(&crate::file(bytes)));
}

fn is_answered(content: &[u8]) {
    let oracle = serde_json::from_slice::<serde_json::Value>(content);
    match parse(content) {
        Ok(document) => {
            spans_are_right(&document);
            if let Ok(value) = oracle {
                assert_eq!(document.value(), value);
            }
        }
        Err(refused) => {
            assert!((1..=PROBLEMS_MAX + 1).contains(&refused.problems.len()));
            let text = String::from_utf8_lossy(content);
            let places = Places::new(&text);
            let mut last = (0, 0);
            for problem in &refused.problems {
                assert!(problem.to_string().len() < PROBLEM_MAX, "{problem}");
                // Only what is said of the file as a whole has no place.
                if let (Some(line), Some(column)) = (problem.line, problem.column) {
                    assert!(places.byte(line, column).is_some(), "{problem}");
                    assert!(last <= (line, column), "{problem} is out of order");
                    last = (line, column);
                }
            }
            let is_strict = |value: &serde_json::Value| value.is_object();
            if oracle.as_ref().is_ok_and(is_strict) {
                let allowed = ["given twice", "nested more than", "too large", "more problems"];
                for problem in &refused.problems {
                    assert!(allowed.iter().any(|part| problem.message.contains(part)), "{problem}");
                }
            }
        }
    }
}

fn spans_are_right(document: &Document<'_>) {
    let text = document.text();
    for comment in &document.comments {
        let comment = &text[comment.clone()];
        assert!(
            comment.starts_with('#') || comment.starts_with("//") || comment.starts_with("/*"),
            "{comment}"
        );
    }
    assert!(document.comments.is_sorted_by_key(|comment| comment.start));
    node(&document.root, text);
}

fn node(of: &Node, text: &str) {
    let span = &text[of.span.clone()];
    match &of.kind {
        Kind::Null => assert_eq!(span, "null"),
        Kind::Bool(value) => assert_eq!(span, value.to_string()),
        Kind::Number(number) => assert_eq!(span.parse::<serde_json::Number>().unwrap(), *number),
        Kind::String(value) => assert_eq!(serde_json::from_str::<String>(span).unwrap(), *value),
        Kind::Array(items) => {
            assert!(span.starts_with('[') && span.ends_with(']'));
            items.iter().for_each(|item| node(item, text));
        }
        Kind::Object(members) => {
            assert!(span.starts_with('{') && span.ends_with('}'));
            for member in members {
                let key = &text[member.key_span.clone()];
                assert_eq!(serde_json::from_str::<String>(key).unwrap(), member.key);
                node(&member.value, text);
            }
        }
    }
}
