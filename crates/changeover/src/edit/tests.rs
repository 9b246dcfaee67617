use proptest::prelude::*;
use serde_json::json;

use super::*;

fn set(path: &str, value: Value) -> Change {
    Change { path: path.to_owned(), value: Some(value) }
}

fn unset(path: &str) -> Change {
    Change { path: path.to_owned(), value: None }
}

#[test]
fn only_what_is_changed_changes() {
    let check = |before: &str, change: Change, expected: &str| {
        let after = edit(before.as_bytes(), std::slice::from_ref(&change)).unwrap();
        assert_eq!(String::from_utf8(after).unwrap(), expected, "{change:?} in {before}");
    };
    check("{\"a\": 1}", set("a", json!(2)), "{\"a\": 2}");
    check("{\"a\": 1}", set("b", json!(2)), "{\"a\": 1, \"b\": 2}");
    check("{\"a\": 1,}", set("b", json!(2)), "{\"a\": 1, \"b\": 2,}");
    check("{}", set("a.b", json!("x")), "{\"a\": {\"b\":\"x\"}}");
    check("", set("a.b", json!("x")), "{\n  \"a\": {\n    \"b\": \"x\"\n  }\n}\n");
    check(
        "{\n    // why\n    \"a\": 1, // one\n    # two\n    \"b\": 2 // last\n}\n",
        set("c", json!([1, {"d": true}])),
        "{\n    // why\n    \"a\": 1, // one\n    # two\n    \"b\": 2, // last\n    \"c\": [\n        1,\n        \
         {\n            \"d\": true\n        }\n    ]\n}\n",
    );
    check(
        "\u{feff}{\r\n\t\"a\": {\r\n\t\t\"b\": 1,\r\n\t},\r\n}\r\n",
        set("a.c", json!(null)),
        "\u{feff}{\r\n\t\"a\": {\r\n\t\t\"b\": 1,\r\n\t\t\"c\": null,\r\n\t},\r\n}\r\n",
    );
    check("{\n  \"a\": {}\n}", set("a.b", json!(1)), "{\n  \"a\": {\n    \"b\": 1\n  }\n}");
    check(
        "{\n  \"a\": { // none\n  }\n}",
        set("a.b", json!(1)),
        "{\n  \"a\": { // none\n    \"b\": 1\n  }\n}",
    );
    check(
        "{\n  \"a\": 1, \"b\": 2 // end\n}",
        set("c", json!(3)),
        "{\n  \"a\": 1, \"b\": 2, // end\n  \"c\": 3\n}",
    );
    check("{\n  \"a\": 1,\n  \"b\": 2\n}", unset("a"), "{\n  \"b\": 2\n}");
    check("{\n  \"a\": 1,\n  \"b\": 2\n}", unset("b"), "{\n  \"a\": 1\n}");
    check("{\n  \"a\": 1, // one\n  \"b\": 2 // two\n}", unset("b"), "{\n  \"a\": 1 // one\n  // two\n}");
    check("{\"a\": 1, \"b\": 2}", unset("b"), "{\"a\": 1}");
    check("{\"a\": 1, \"b\": 2}", unset("a"), "{\"b\": 2}");
    check("{\"a\": 1 /* c */, \"b\": 2}", unset("a"), "{ /* c */ \"b\": 2}");
    check("{\"a\": {\"b\": 1}}", unset("a.b"), "{\"a\": {}}");
    check("{\"a\": 1}", unset("x.y"), "{\"a\": 1}");
}

#[test]
fn what_cannot_be_edited_is_said() {
    let check = |before: &[u8], change: Change, expected: &str| {
        let problem = edit(before, &[change]).unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem}");
    };
    check(b"{\"a\": 1}", set("a.b", json!(1)), "`a` is no object, so it has no key `b`");
    check(b"{\"a\": 1", set("a", json!(1)), "the file ends");
    check(b"{\"a\": \"\xff\"}", set("a", json!(1)), "0xFF");
    check(b"{}", set("a..b", json!(1)), "`a..b` is no path");
    check(b"[1]", set("a", json!(1)), "must hold one object");
}

/// A file as people write it: keys of one letter, comments everywhere, any white space.
fn files() -> impl Strategy<Value = String> {
    let gap = prop::sample::select(vec![
        "",
        " ",
        "\n",
        "\r\n  ",
        "\n\t",
        " // c\n",
        " # c\n  ",
        "/* c */",
        " /* a\nb */ ",
    ]);
    let scalar =
        prop::sample::select(vec!["1", "-2.5e3", "\"s\"", "\"// no, #\"", "null", "true", "[1, // x\n 2,]"]);
    let value = scalar.prop_map(str::to_owned).prop_recursive(3, 24, 4, move |inner| {
        (
            prop::collection::btree_map("[a-d]", (gap.clone(), gap.clone(), inner, gap.clone()), 0..4),
            gap.clone(),
            any::<bool>(),
        )
            .prop_map(|(members, end, comma)| object(members, end, comma))
    });
    value.prop_filter("an object", |value| value.starts_with('{'))
}

fn object(
    members: std::collections::BTreeMap<String, (&str, &str, String, &str)>,
    end: &str,
    comma: bool,
) -> String {
    let last = members.len();
    let mut text = "{".to_owned();
    for (index, (key, (before, between, value, after))) in members.into_iter().enumerate() {
        let comma = if index + 1 < last || comma { "," } else { "" };
        text.push_str(&format!("{before}\"{key}\":{between}{value}{after}{comma}"));
    }
    text + end + "}"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn an_edit_says_what_was_asked_and_keeps_every_comment(
        file in files(),
        path in prop::collection::vec("[a-e]", 1..4),
        value in prop::option::of(prop::sample::select(vec![json!(7), json!("new"), json!({"x": [1, 2]})])),
    ) {
        let change = Change { path: path.join("."), value };
        let before = parse(file.as_bytes()).unwrap();
        match edit(file.as_bytes(), std::slice::from_ref(&change)) {
            Ok(after) => {
                let after = String::from_utf8(after).unwrap();
                let document = parse(after.as_bytes()).unwrap();
                let mut wanted = before.value();
                apply(&mut wanted, &change.path.split('.').collect::<Vec<_>>(), &change).unwrap();
                prop_assert_eq!(document.value(), wanted);
                // Every comment outside of the value that was replaced or removed is still there, in order.
                let names: Vec<&str> = path.iter().map(String::as_str).collect();
                let gone = before.member(&names).map(|member| member.key_span.start..member.value.span.end);
                let kept = before.comments.iter().filter(|comment| {
                    gone.as_ref().is_none_or(|gone| comment.end <= gone.start || comment.start >= gone.end)
                });
                let kept: Vec<&str> = kept.map(|comment| &file[comment.clone()]).collect();
                let now: Vec<&str> = document.comments.iter().map(|comment| &after[comment.clone()]).collect();
                prop_assert!(now.len() >= kept.len(), "{:?} became {:?}", file, after);
                prop_assert!(is_subsequence(&kept, &now), "{:?} became {:?}", file, after);
            }
            Err(problem) => prop_assert!(problem.to_string().contains("no object"), "{} in {:?}", problem, file),
        }
    }
}

fn is_subsequence(short: &[&str], long: &[&str]) -> bool {
    let mut rest = long.iter();
    short.iter().all(|wanted| rest.any(|found| found == wanted))
}
