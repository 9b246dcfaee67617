//! The corpus: what people write, and what is said of it.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Path, line, column, a part of the message.
type Expected = (&'static str, u32, u32, &'static str);

fn check(content: &[u8], expected: &[Expected]) {
    let shown = String::from_utf8_lossy(content);
    let refused = parse(content).map(|document| document.value()).expect_err(&format!("accepted: {shown}"));
    let found: Vec<String> = refused.problems.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), expected.len(), "{shown}\n{found:#?}");
    for (problem, (path, line, column, message)) in refused.problems.iter().zip(expected) {
        let place = (problem.path.as_str(), problem.line, problem.column);
        assert_eq!(place, (*path, Some(*line), Some(*column)), "{shown}\n{found:#?}");
        assert!(problem.message.contains(message), "{shown}\n{found:#?}");
    }
}

#[test]
fn refused_with_line_and_column() {
    let cases: &[(&str, &[Expected])] = &[
        // Keys given twice.
        ("{\"a\": 1,\n \"a\": 2}", &[("a", 2, 2, "given twice, first in line 1, column 2")]),
        ("{\"a\": {\"b\": 1, \"b\": 1}}", &[("a.b", 1, 16, "given twice")]),
        ("{\"a\": 1, \"b\": 2, \"a\": 3, \"b\": 4}", &[("a", 1, 18, "twice"), ("b", 1, 26, "twice")]),
        ("{\"\\u0061\": 1, \"a\": 2}", &[("a", 1, 15, "twice")]),
        ("{\"a\": [{\"x.y\": 1, \"x.y\": 2}]}", &[("a[0][\"x.y\"]", 1, 19, "twice")]),
        // Numbers that JSON does not have.
        ("{\"a\": NaN}", &[("", 1, 7, "`NaN`")]),
        ("{\"a\": Infinity, \"b\": -Infinity}", &[("", 1, 7, "`Infinity`"), ("", 1, 22, "`-Infinity`")]),
        ("{\"a\": 0x1F, \"b\": +1}", &[("", 1, 7, "`0x1F`"), ("", 1, 18, "`+1`")]),
        ("{\"a\": .5, \"b\": 5.}", &[("", 1, 7, "`.5`"), ("", 1, 16, "`5.`")]),
        ("{\"a\": 007}", &[("", 1, 7, "`007`")]),
        ("{\"a\": -01, \"b\": 1_000}", &[("", 1, 7, "`-01`"), ("", 1, 17, "`1_000`")]),
        ("{\"a\": 1e, \"b\": -}", &[("", 1, 7, "`1e`"), ("", 1, 16, "`-`")]),
        ("{\"a\": 1e999}", &[("a", 1, 7, "too large")]),
        ("{\"port\": 8,000}", &[("", 1, 12, "where a key is expected")]),
        // A second value after the first.
        ("{\"a\": 1}\n{\"test\": true}\n", &[("", 2, 1, "second value")]),
        ("{} []", &[("", 1, 4, "second value")]),
        ("{} Test change", &[("", 1, 4, "second value")]),
        ("{\"a\": 1},\n", &[("", 1, 9, "after the end")]),
        ("\"a\": 1", &[("", 1, 4, "after the end of the first value")]),
        // Single and other quotes.
        ("{'a': 1}", &[("", 1, 2, "does not begin a string")]),
        ("{\"a\": 'x', \"b\": 'y'}", &[("", 1, 7, "`'`"), ("", 1, 17, "`'`")]),
        ("{“a”: 1}", &[("", 1, 2, "`“`")]),
        ("{\"a\": “x”, \"b\": «y»}", &[("", 1, 7, "`“`"), ("", 1, 17, "`«`")]),
        ("{\"a\": `x`}", &[("", 1, 7, "``` does not begin")]),
        // Unquoted keys and values.
        ("{a: 1}", &[("", 1, 2, "the key `a`")]),
        (
            "{model: 1, temperature: 2}",
            &[("", 1, 2, "the key `model`"), ("", 1, 12, "the key `temperature`")],
        ),
        ("{\n  llm.default: 1\n}", &[("", 2, 3, "the key `llm.default`")]),
        ("{\"a\": True, \"b\": None}", &[("", 1, 7, "`True`"), ("", 1, 18, "`None`")]),
        ("{\"a\": yes, b: off}", &[("", 1, 7, "`yes`"), ("", 1, 12, "key `b`"), ("", 1, 15, "`off`")]),
        ("{\"a\": INFO}", &[("", 1, 7, "double quotes")]),
        (
            "{\"a\": google/gemini-2.5, \"b\": undefined}",
            &[("", 1, 7, "double quotes"), ("", 1, 31, "`undefined`")],
        ),
        ("{\"a\": http://localhost/}", &[("", 1, 7, "double quotes"), ("", 1, 25, "ends within an object")]),
        // Commas and colons.
        ("{\"a\": 1\n \"b\": 2}", &[("", 1, 8, "`,` is missing")]),
        ("{\"a\": {\"x\": 1} \"b\": [1 2]}", &[("", 1, 15, "`,` is missing"), ("", 1, 23, "`,` is missing")]),
        ("{\"a\": 1,, \"b\": 2}", &[("", 1, 9, "one `,` too many")]),
        ("{\"a\": [1,,2,,]}", &[("", 1, 10, "one `,` too many"), ("", 1, 13, "one `,` too many")]),
        ("{,}", &[("", 1, 2, "one `,` too many")]),
        ("{\"a\": , \"b\": }", &[("", 1, 7, "a value is missing"), ("", 1, 14, "a value is missing")]),
        ("{\"a\": /* x */ , \"b\": 1}", &[("", 1, 15, "a value is missing")]),
        ("{\"a\": # x\n}", &[("", 2, 1, "a value is missing")]),
        ("{\"a\": // one  \n /* two */\n, \"b\": 1}", &[("", 3, 1, "a value is missing")]),
        ("{\"a\": [ // b:\n , 1]}", &[("", 2, 2, "one `,` too many")]),
        ("{\"a\" 1, \"b\"}", &[("", 1, 6, "a `:` is missing"), ("", 1, 12, "has no value")]),
        (
            "{\"a\" = 1; \"b\" => 2}",
            &[("", 1, 6, "not by `=`"), ("", 1, 9, "not by `;`"), ("", 1, 15, "not by `=`")],
        ),
        ("{\"a\":: 1}", &[("", 1, 6, "one `:` too many")]),
        ("{[1]}", &[("", 1, 2, "`[` stands where a key")]),
        (
            "{\"a\": {\"b\": 1}\n  'llm': {}}",
            &[("", 1, 15, "`,` is missing"), ("", 2, 3, "does not begin a string")],
        ),
        // Empty files.
        ("", &[("", 1, 1, "is empty")]),
        (" \n\t\n", &[("", 1, 1, "white space")]),
        ("\u{feff}", &[("", 1, 1, "white space")]),
        ("// nothing yet\n", &[("", 1, 1, "nothing but comments")]),
        ("# nothing yet\n", &[("", 1, 1, "nothing but comments")]),
        // Half-written files.
        ("{", &[("", 1, 2, "ends within an object, which begins in line 1, column 1")]),
        (
            "{\n  \"a\": {\n    \"b\": 1,\n",
            &[("", 3, 12, "ends within an object, which begins in line 2, column 8")],
        ),
        ("{\"a\": [1, 2", &[("", 1, 12, "ends within a list")]),
        ("{\"a\": \"unfin", &[("", 1, 13, "ends within a string")]),
        ("{\"a\": \"x\\", &[("", 1, 10, "ends within a string")]),
        ("{\"a\"", &[("", 1, 5, "ends within an object")]),
        ("{\"a\":", &[("", 1, 6, "ends within an object")]),
        ("{\"a\": tr", &[("", 1, 7, "double quotes"), ("", 1, 9, "ends within an object")]),
        ("{} /* open", &[("", 1, 11, "ends within a comment, which begins in line 1, column 4")]),
        // Not an object.
        ("[]", &[("", 1, 1, "not a list")]),
        ("\n\"text\"", &[("", 2, 1, "not a string")]),
        ("null", &[("", 1, 1, "not null")]),
        ("42", &[("", 1, 1, "not a number")]),
        // Brackets.
        ("{\"a\": 1}}", &[("", 1, 9, "closes nothing")]),
        (
            "{\"a\": [1, 2}",
            &[("", 1, 12, "`}` stands where `]` is missing for the bracket of line 1, column 7")],
        ),
        ("{\"a\": {\"b\": 1]}", &[("", 1, 14, "`]` stands where `}` is missing")]),
        // Strings.
        ("{\"a\": \"open,\n \"b\": 1}", &[("", 1, 7, "no closing `\"`")]),
        ("{\"a\": \"C:\\Users\", \"b\": \"D:\\x\"}", &[("", 1, 10, "`\\U`"), ("", 1, 27, "`\\x`")]),
        ("{\"a\": \"\\u12\"}", &[("", 1, 8, "four hexadecimal")]),
        ("{\"a\": \"\\ud800\"}", &[("", 1, 8, "name a character")]),
        ("{\"a\": \"x\ty\"}", &[("", 1, 9, "a tab stands raw")]),
        ("{\"a\": \"x\0\"}", &[("", 1, 9, "a zero byte stands raw")]),
        // Between the values.
        ("{\"a\":\u{a0}1,\u{2003}\"b\": 2}", &[("", 1, 6, "no-break space"), ("", 1, 9, "U+2003")]),
        ("{\"a\": 1}\0\0\0\0", &[("", 1, 9, "a zero byte stands between")]),
        ("\0\0\0\0\0\0", &[("", 1, 1, "a zero byte stands between")]),
        ("{\u{c}}", &[("", 1, 2, "U+000C")]),
        ("{}\u{feff}", &[("", 1, 3, "second byte order mark")]),
        ("{\"a\": 1 / 2}", &[("", 1, 9, "single `/`")]),
        ("<<<<<<< HEAD\n{}", &[("", 1, 1, "unfinished merge")]),
        ("key: value\n", &[("", 1, 1, "the key `key`"), ("", 1, 4, "after the end of the first value")]),
        // Columns are characters, lines end in three ways.
        ("{\"ä𝛼\": 1, x: 2}", &[("", 1, 11, "the key `x`")]),
        ("{\r\n\"a\": 1,\r\n x: 2}", &[("", 3, 2, "the key `x`")]),
        ("{\r\"a\": 1,\r x: 2}", &[("", 3, 2, "the key `x`")]),
        ("\u{feff}{x: 2}", &[("", 1, 2, "the key `x`")]),
        // All at once, and comments shift nothing.
        (
            "{ # one\n 'a': 1, /* two */ b: 2, # drei: größer\n \"c\": 0x1, // four\n \"d\": True,, }",
            &[
                ("", 2, 2, "`'`"),
                ("", 2, 20, "key `b`"),
                ("", 3, 7, "`0x1`"),
                ("", 4, 7, "`True`"),
                ("", 4, 12, "too many"),
            ],
        ),
    ];
    for (input, expected) in cases {
        check(input.as_bytes(), expected);
    }
}

#[test]
fn other_encodings_are_named() {
    let utf16 = |text: &str, swap: bool| -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    };
    check(&utf16("\u{feff}{\"a\": 1}", false), &[("", 1, 1, "UTF-16")]);
    check(&utf16("\u{feff}{\"a\": 1}", true), &[("", 1, 1, "UTF-16")]);
    check(&utf16("{\"a\": 1}", false), &[("", 1, 1, "UTF-16")]);
    check(&utf16("{\"a\": 1}", true), &[("", 1, 1, "UTF-16")]);
    check(b"\xff\xfe\0\0{\0\0\0}\0\0\0", &[("", 1, 1, "UTF-32")]);
    check(b"{\"a\": \"caf\xe9\",\n \"b\": 1}", &[("", 1, 11, "0xE9 is not UTF-8")]);
    check(b"{\n \"a\": \"\x80\"}", &[("", 2, 8, "0x80 is not UTF-8")]);
    check(b"{\"a\": \"\xc3", &[("", 1, 8, "in the middle of a character")]);
}

#[test]
fn size_and_depth_have_limits() {
    let large = vec![b' '; SIZE_MAX + 1];
    let problems = parse(&large).expect_err("too large").problems;
    assert!(problems[0].message.contains("at most"), "{problems:?}");
    let nested = |depth: usize| format!("{{\"a\": {}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(parse(nested(DEPTH_MAX).as_bytes()).is_ok());
    check(nested(DEPTH_MAX + 1).as_bytes(), &[("", 1, 70, "more than 64 deep")]);
    let problems = parse(&"[".repeat(1_000_000).into_bytes()).expect_err("too deep").problems;
    assert!(problems[0].message.contains("deep"), "{problems:?}");
    let many: String = (0..500).map(|_| "\"a\": 1,").collect();
    let text = format!("{{{many}}}");
    let refused = parse(text.as_bytes()).expect_err("twice");
    assert_eq!(refused.beyond, 399);
    let problems = refused.problems;
    assert_eq!(problems.len(), PROBLEMS_MAX + 1);
    assert!(problems[PROBLEMS_MAX].message.contains("399 more"), "{:?}", problems.last());
}

/// What is told of deep and doubled keys of any length is no longer than somebody reads.
#[test]
fn what_is_told_has_limits() {
    let key = "k".repeat(10_000);
    let open = format!("{{\"{key}\":").repeat(DEPTH_MAX - 1);
    let doubled = "\"a\":1,".repeat(10 * PROBLEMS_MAX * 3);
    let text = format!("{open}{{{doubled}}}{}", "}".repeat(DEPTH_MAX - 1));
    let refused = parse(text.as_bytes()).expect_err("twice");
    let told: usize = refused.problems.iter().map(|problem| problem.to_string().len()).sum();
    assert!(told < 1_000_000, "{told} bytes");
    assert_eq!(refused.beyond, 10 * PROBLEMS_MAX * 3 - 1 - PROBLEMS_MAX);
}

#[test]
fn looks_bad_and_is_good() {
    let cases = [
        ("{}", json!({})),
        ("\u{feff}{\"a\": 1}", json!({"a": 1})),
        ("{\r\n\"a\": 1\r\n}\r\n", json!({"a": 1})),
        ("{\"a\": [1, 2,], \"b\": {\"c\": null,},}", json!({"a": [1, 2], "b": {"c": null}})),
        ("// one\n{ /* two */ \"a\": 1 } # three", json!({"a": 1})),
        ("#\n{}#", json!({})),
        ("#ä\n{\"a\": \"# // /* no comment\"}\n# Test change\n", json!({"a": "# // /* no comment"})),
        ("{\"a\": 1 #é {\n}", json!({"a": 1})),
        ("{\"url\": \"http://x/#y\"} // \"", json!({"url": "http://x/#y"})),
        ("/* * / ** */{}/**/", json!({})),
        ("{\"\": 1, \" \": 2, \"a.b\": 3}", json!({"": 1, " ": 2, "a.b": 3})),
        (
            "{\"a\": \"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"}",
            json!({"a": "\"\\/\u{8}\u{c}\n\r\té😀"}),
        ),
        (
            "{\"a\": -0.0e-1, \"b\": 1E+2, \"c\": 18446744073709551615}",
            json!({"a": -0.0, "b": 100.0, "c": u64::MAX}),
        ),
        ("{\"a\": \"\u{a0}\u{2028}\u{feff}\u{7f}\"}", json!({"a": "\u{a0}\u{2028}\u{feff}\u{7f}"})),
        ("{\"it's\": \"“fine”\"}", json!({"it's": "“fine”"})),
        ("{ # it's fine\n}", json!({})),
        ("{\"a\": {\"x\": 1}, \"b\": {\"x\": 2}}", json!({"a": {"x": 1}, "b": {"x": 2}})),
        ("{\"a\": 1, \"A\": 2}", json!({"a": 1, "A": 2})),
    ];
    for (input, value) in cases {
        let document =
            parse(input.as_bytes()).unwrap_or_else(|refused| panic!("{input}\n{:#?}", refused.problems));
        assert_eq!(document.value(), value, "{input}");
    }
}

#[test]
fn places_and_spans() {
    let text = "\u{feff}{ # ä\n  \"llm\": {\"ключ\": \"wert\", \"n\": [1, 2]}\n}";
    let document = parse(text.as_bytes()).expect("good");
    assert_eq!(document.position_of_key(&["llm"]), Some((2, 3)));
    assert_eq!(document.position_of_key(&["llm", "ключ"]), Some((2, 11)));
    assert_eq!(document.position_of_value(&["llm", "ключ"]), Some((2, 19)));
    assert_eq!(document.span_of_value(&["llm", "ключ"]).and_then(|span| text.get(span)), Some("wert"));
    assert_eq!(document.span_of_value(&["llm", "n"]).and_then(|span| text.get(span)), Some("[1, 2]"));
    assert_eq!(document.position_of_key(&["llm", "no"]), None);
    assert_eq!(document.position_of_key(&[]), None);
    for (byte, letter) in text.char_indices().filter(|(_, letter)| !matches!(letter, '\n' | '\u{feff}')) {
        let places = Places::new(text);
        let (line, column) = places.place(byte);
        assert_eq!(places.byte(line, column), Some(byte), "{letter}");
    }
}

#[test]
fn a_document_with_doubled_keys_can_still_be_checked() {
    let refused = parse(b"{\"a\": 1, \"a\": 2}").expect_err("twice");
    assert_eq!(refused.document.map(|document| document.members().len()), Some(2));
    let refused = parse(b"{\"a\": 1, \"a\": 2,, }").expect_err("syntax");
    assert!(refused.document.is_none());
}

#[test]
fn a_problem_of_another_file_gets_no_place_of_this_one() {
    let taken = Problem::new("a", "taken");
    let found = placed(vec![taken.clone(), taken.in_file("settings.local.json")], b"{\n \"a\": 1}");
    let places: Vec<_> = found.iter().map(|problem| (problem.line, problem.column)).collect();
    assert_eq!(places, [(Some(2), Some(7)), (None, None)]);
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        proptest::num::f64::NORMAL.prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Pieces that a file is made of, right and wrong ones, so that random files come near to real ones.
fn any_pieces() -> impl Strategy<Value = String> {
    let pieces = [
        "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "\"", "'", "a", "1", "-", "0x", "1e", ".5", "true",
        "nul", "#", "//", "/*", "*/", "\n", "\r", " ", "\t", "\\", "\\u12", "ä", "“", "\u{a0}", "\u{feff}",
        "\0", "{\"k\": ", "=", ";",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..40)
        .prop_map(|chosen| chosen.concat())
}

proptest! {
    #[test]
    fn whatever_the_bytes_no_panic(content in any::<Vec<u8>>()) {
        if let Err(refused) = parse(&content) {
            prop_assert!(!refused.problems.is_empty());
        }
    }

    #[test]
    fn whatever_the_pieces_no_panic_and_a_place(text in any_pieces()) {
        match parse(text.as_bytes()) {
            Ok(document) => prop_assert!(matches!(document.root.kind, Kind::Object(_))),
            Err(refused) => for problem in refused.problems {
                let (line, column) = (problem.line.unwrap_or(0), problem.column.unwrap_or(0));
                prop_assert!(Places::new(&text).byte(line, column).is_some(), "{}", problem);
            },
        }
    }

    /// serde_json is the oracle: where no comment, comma or mark is involved, the two say the same.
    #[test]
    fn accepts_what_serde_json_accepts(text in any_pieces()) {
        let plain = !text.contains(['#', '/', ',', '\u{feff}']);
        if plain && parse(text.as_bytes()).is_ok() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
        }
        if let Ok(serde_json::Value::Object(map)) = serde_json::from_str(&text) {
            match parse(text.as_bytes()) {
                Ok(document) => prop_assert_eq!(document.value(), serde_json::Value::Object(map)),
                Err(refused) => prop_assert!(refused.problems.iter().all(|problem| problem.message.contains("twice"))),
            }
        }
    }

    #[test]
    fn any_value_comes_back(value in any_json(), pretty in any::<bool>()) {
        let wrapped = json!({"value": value});
        let text = if pretty { serde_json::to_string_pretty(&wrapped) } else { serde_json::to_string(&wrapped) };
        let text = text.expect("a value can be written");
        let document = parse(text.as_bytes());
        prop_assert!(document.is_ok(), "{} {:?}", text, document.err().map(|refused| refused.problems));
        if let Ok(document) = document {
            prop_assert_eq!(document.value(), serde_json::from_str::<serde_json::Value>(&text).expect("the oracle reads it"));
        }
    }
}
