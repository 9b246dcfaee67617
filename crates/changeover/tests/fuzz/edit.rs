//! Changing keys of any file: it says what was asked for, and everything else stays, byte for byte.

use std::ops::Range;

use changeover::check::{Document, Node, parse};
use changeover::edit::{Change, edit};
use serde_json::{Map, Value, json};

use crate::kept::{Target, made_up, value_of};

const EDIT: Target = Target {
    folder: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/kept/edit"),
    holds: nothing_else_changes,
};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "x.y"];

#[test]
fn nothing_but_the_key_changes() {
    EDIT.replay();
    made_up(|bytes| {
        let (first, others, file): (Asked, Vec<Asked>, Vec<u8>) = value_of(bytes);
        let asked = [first].into_iter().chain(others).take(CHANGES_MAX);
        let changes: Vec<Change> = asked.map(change).collect();
        let mut input = serde_json::to_vec(&changes).unwrap();
        input.push(b'\n');
        input.extend(object(&file).into_bytes());
        EDIT.try_with(&input);
    });
}

/// A path (how many names, and which), and what is to stand there.
type Asked = (u8, [u8; 4], u8);

/// Changes of one edit.
const CHANGES_MAX: usize = 3;

fn change((length, path, value): Asked) -> Change {
    let names = path.iter().take(usize::from(length % 5)).map(|name| NAMES[usize::from(*name) % 5]);
    Change { path: names.collect::<Vec<_>>().join("."), value: chosen(value) }
}

fn chosen(choice: u8) -> Option<Value> {
    match choice % 6 {
        0 | 1 => None,
        2 => Some(json!("new \"ä\"\n")),
        3 => Some(json!({ "x": [1, { "y": null }], "z": {} })),
        4 => Some(Value::Null),
        _ => Some(json!(-0.5)),
    }
}

/// A file that is right, as people might write it: each byte decides one step.
fn object(made_up: &[u8]) -> String {
    const GAPS: [&str; 12] =
        ["", " ", "", "\n", "\r\n\t", " // c\n", "# c\n  ", "/* c */", " /* a\nb */ ", "\r", "  ", "\n\n"];
    const VALUES: [&str; 8] = ["1", "-2.5e3", "\"s, }\"", "\"// no\"", "null", "[1, // x\n 2,]", "[]", "{}"];
    let mut text =
        String::from(if made_up.first().is_some_and(|byte| byte % 5 == 0) { "\u{feff}" } else { "" });
    let mut steps = made_up.iter().map(|byte| usize::from(*byte));
    let mut open: Vec<usize> = vec![0];
    let gap = |step: Option<usize>| GAPS[step.unwrap_or(0) % GAPS.len()];
    text.push_str(gap(steps.next()));
    text.push('{');
    while let Some(step) = steps.next() {
        let depth = open.len();
        // Each key of an object once.
        let Some(keys) = open.last_mut().filter(|keys| **keys < 4 && !step.is_multiple_of(5)) else {
            if depth > 1 {
                open.pop();
                text.push_str(gap(steps.next()));
                text.push('}');
            }
            continue;
        };
        text.push_str(if *keys > 0 { "," } else { "" });
        text.push_str(gap(steps.next()));
        text.push_str(&format!("\"{}\"{}:{}", NAMES[*keys], gap(steps.next()), gap(steps.next())));
        *keys += 1;
        if step.is_multiple_of(3) && depth < 5 {
            open.push(0);
            text.push('{');
        } else {
            text.push_str(VALUES[step / 3 % VALUES.len()]);
            text.push_str(gap(steps.next()));
        }
    }
    while let Some(keys) = open.pop() {
        text.push_str(if keys > 0 && made_up.len().is_multiple_of(3) { "," } else { "" });
        text.push_str(gap(made_up.get(open.len()).map(|byte| usize::from(*byte))));
        text.push('}');
    }
    text + gap(made_up.last().map(|byte| usize::from(*byte)))
}

/// The input: a line with the changes, and the file.
fn nothing_else_changes(input: &[u8]) {
    let line = input.iter().position(|byte| *byte == b'\n').unwrap();
    let changes: Vec<Change> = serde_json::from_slice(&input[..line]).unwrap();
    let before = std::str::from_utf8(&input[line + 1..]).unwrap();
    let one_by_one = changes.iter().try_fold(before.to_owned(), |text, change| changed(&text, change));
    let together = edit(before.as_bytes(), &changes).ok().map(|after| String::from_utf8(after).unwrap());
    assert_eq!(together, one_by_one, "several are as one after the other, or none");
}

/// One change, and everything that must be so after it; `None` where it is refused.
fn changed(before: &str, change: &Change) -> Option<String> {
    let old = parse(before.as_bytes()).unwrap();
    let path: Vec<&str> = change.path.split('.').collect();
    let wanted = applied(old.value(), &path, change);
    let after = match (edit(before.as_bytes(), std::slice::from_ref(change)), &wanted) {
        (Ok(after), Some(_)) => String::from_utf8(after).unwrap(),
        (Err(_), None) => return None,
        (Err(problem), Some(_)) => panic!("refused: {problem}"),
        (Ok(_), None) => panic!("a path through what is no object was taken"),
    };
    let new = parse(after.as_bytes()).unwrap();
    assert_eq!(Some(new.value()), wanted);
    match (old.member(&path), &change.value) {
        (Some(member), Some(_)) => {
            let span = &member.value.span;
            assert!(
                after.starts_with(&before[..span.start]) && after.ends_with(&before[span.end..]),
                "{after}"
            );
        }
        (None, Some(_)) => {
            let parent = &path[..deepest(&old, &path)];
            let (short, long) = ((before, object_at(&old, parent)), (&*after, object_at(&new, parent)));
            assert!(is_one_piece_longer(short, long), "{after}");
        }
        (Some(_), None) => {
            let parent = &path[..path.len() - 1];
            let (short, long) = ((&*after, object_at(&new, parent)), (before, object_at(&old, parent)));
            assert!(is_one_piece_longer(short, long), "{after}");
        }
        (None, None) => assert_eq!(after, before),
    }
    others_stay(&old.root, &new, &mut Vec::new(), &path, before, &after);
    comments_stay(&old, &new, &path);
    Some(after)
}

/// How many names of the path are there.
fn deepest(document: &Document<'_>, path: &[&str]) -> usize {
    (1..path.len()).take_while(|length| document.member(&path[..*length]).is_some()).count()
}

/// Where the object stands, its brackets aside.
fn object_at(document: &Document<'_>, path: &[&str]) -> Range<usize> {
    let span = document.member(path).map_or(&document.root.span, |member| &member.value.span);
    span.start + 1..span.end - 1
}

/// Whether the longer text is the shorter one with a piece more in the object, and perhaps a comma elsewhere in it.
fn is_one_piece_longer((short, place): (&str, Range<usize>), (long, commas): (&str, Range<usize>)) -> bool {
    let has_a_piece_more = |long: &[u8]| {
        let (short, differ) = (short.as_bytes(), |two: (&u8, &u8)| two.0 != two.1);
        let head = short.iter().zip(long).position(differ).unwrap_or(short.len());
        let tail = short.iter().rev().zip(long.iter().rev()).position(differ).unwrap_or(short.len());
        // It may stand wherever both sides are the same.
        short.len() <= long.len() && place.start.max(short.len() - tail) <= place.end.min(head)
    };
    let without = |at: usize| [&long[..at], &long[at + 1..]].concat();
    has_a_piece_more(long.as_bytes())
        || commas.filter(|at| long.as_bytes()[*at] == b',').any(|at| has_a_piece_more(without(at).as_bytes()))
}

/// The change on the plain value; `None` where the path leads through what is no object.
fn applied(mut root: Value, path: &[&str], change: &Change) -> Option<Value> {
    if path.contains(&"") {
        return None;
    }
    let (last, parents) = path.split_last()?;
    let mut object = root.as_object_mut()?;
    for name in parents {
        if change.value.is_none() && !object.contains_key(*name) {
            return Some(root);
        }
        object = object.entry(*name).or_insert_with(|| Value::Object(Map::new())).as_object_mut()?;
    }
    match &change.value {
        Some(value) => drop(object.insert((*last).to_owned(), value.clone())),
        None => drop(object.shift_remove(*last)),
    }
    Some(root)
}

/// Every value that the path does not lead to is written as it was.
fn others_stay<'a>(
    node: &'a Node,
    new: &Document<'_>,
    at: &mut Vec<&'a str>,
    path: &[&str],
    before: &str,
    after: &str,
) {
    for member in node.members() {
        at.push(&member.key);
        if !path.starts_with(at) {
            let now = new.member(at).unwrap();
            assert_eq!(&after[now.value.span.clone()], &before[member.value.span.clone()], "{at:?}");
        } else if at.len() < path.len() {
            others_stay(&member.value, new, at, path, before, after);
        }
        at.pop();
    }
}

/// Every comment outside of what was replaced or removed is still there, in order.
fn comments_stay(old: &Document<'_>, new: &Document<'_>, path: &[&str]) {
    let gone = old.member(path).map(|member| member.key_span.start..member.value.span.end);
    let outside = |comment: &&std::ops::Range<usize>| {
        gone.as_ref().is_none_or(|gone| comment.end <= gone.start || comment.start >= gone.end)
    };
    let mut now = new.comments.iter().map(|comment| &new.text()[comment.clone()]);
    for kept in old.comments.iter().filter(outside).map(|comment| &old.text()[comment.clone()]) {
        assert!(now.any(|comment| comment == kept), "`{kept}` is gone");
    }
}
