//! A note taken apart and put together again: frontmatter, the user's text, our part between its markers.

use std::ops::Range;

use super::frontmatter::{self, Entry};

/// The line before our part. `%%` is Obsidian's comment: a reader of the note does not see it.
pub const BEGIN: &str = "%% thoth:begin %%";

/// The line after our part.
pub const END: &str = "%% thoth:end %%";

/// The key by which a note is found again, wherever the user moved it.
pub const ID_KEY: &str = "thoth-id";

const FENCE: &str = "---";
const BOM: char = '\u{feff}';

/// A new note: frontmatter, our part, and room for the user under a heading of its own.
pub fn fresh(entries: &[Entry], ours: &str) -> String {
    let front = frontmatter::fresh(entries, "\n");
    format!("{FENCE}\n{front}{FENCE}\n{BEGIN}\n{ours}{END}\n\n## Notes\n\n")
}

/// The note with our keys and our part brought up to date; all the rest stays byte for byte.
///
/// # Errors
/// Why it cannot be done safely; the note must then be left alone.
pub fn rewrite(note: &str, entries: &[Entry], ours: &str) -> Result<String, String> {
    let eol = line_ending(note);
    let front = front_range(note).ok_or("it has no frontmatter any more")?;
    let part = part_range(note, front.end)?;
    let pieces = (
        note.get(..front.start),
        note.get(front.clone()),
        note.get(front.end..part.start),
        note.get(part.end..),
    );
    let (Some(head), Some(front), Some(between), Some(tail)) = pieces else {
        return Err("its markers stand inside its frontmatter".to_owned());
    };
    let front = frontmatter::merge(front, entries, eol)?;
    let ours = if eol == "\n" { ours.to_owned() } else { ours.replace('\n', eol) };
    Ok(format!("{head}{front}{between}{BEGIN}{eol}{ours}{END}{tail}"))
}

/// The identity that a note carries in its frontmatter. `note` may be the beginning of a note only, as long as
/// its frontmatter is whole.
pub fn id(note: &str) -> Option<&str> {
    note.get(front_range(note)?).and_then(|front| frontmatter::scalar(front, ID_KEY))
}

/// Windows line ends if the first line has one.
fn line_ending(note: &str) -> &'static str {
    match note.split_inclusive('\n').next() {
        Some(first) if first.ends_with("\r\n") => "\r\n",
        _ => "\n",
    }
}

/// What stands between the two fences of the frontmatter, which must be the first thing in the note.
fn front_range(note: &str) -> Option<Range<usize>> {
    let mut position = if note.starts_with(BOM) { BOM.len_utf8() } else { 0 };
    let mut start = None;
    for line in note.get(position..)?.split_inclusive('\n') {
        let here = position;
        position += line.len();
        let is_fence = line.trim_end() == FENCE;
        match start {
            None if is_fence && line.ends_with('\n') => start = Some(position),
            None => return None,
            Some(start) if is_fence => return Some(start..here),
            Some(_) => {}
        }
    }
    None
}

/// Our part with both markers, without the line end after the second.
fn part_range(note: &str, from: usize) -> Result<Range<usize>, String> {
    let (mut begins, mut ends) = (Vec::new(), Vec::new());
    let mut position = from;
    for line in note.get(from..).unwrap_or_default().split_inclusive('\n') {
        let bare = line.trim_end();
        match bare {
            BEGIN => begins.push(position),
            END => ends.push(position + bare.len()),
            _ => {}
        }
        position += line.len();
    }
    match (begins.as_slice(), ends.as_slice()) {
        (&[begin], &[end]) if begin < end => Ok(begin..end),
        ([], []) => Err(format!("its markers `{BEGIN}` and `{END}` are gone")),
        (_, _) => Err(format!("its markers `{BEGIN}` and `{END}` are not one pair any more")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::frontmatter::Value;
    use super::*;
    use proptest::prelude::*;

    fn entries(title: &str) -> Vec<Entry> {
        let entry = |key, value: String| Entry { key, value: Value::Scalar(value), only_new: false };
        vec![entry("title", super::super::yaml::quoted(title)), entry(ID_KEY, "\"0123456789ab\"".to_owned())]
    }

    #[test]
    fn a_fresh_note_is_found_by_its_identity_and_rewritten() {
        let note = fresh(&entries("One"), "first\n");
        assert_eq!(id(&note), Some("0123456789ab"));
        let next = rewrite(&note, &entries("Two"), "second\n").unwrap();
        assert_eq!(next, note.replace("One", "Two").replace("first", "second"));
    }

    #[test]
    fn windows_line_ends_and_a_byte_order_mark_stay() {
        let note = format!("\u{feff}{}", fresh(&entries("One"), "first\n").replace('\n', "\r\n"));
        let next = rewrite(&note, &entries("Two"), "a\nb\n").unwrap();
        assert_eq!(next.matches('\n').count(), next.matches("\r\n").count());
        assert_eq!(next, note.replace("One", "Two").replace("first", "a\r\nb"));
    }

    #[test]
    fn a_damaged_note_is_refused() {
        let whole = fresh(&entries("One"), "first\n");
        for damaged in [
            whole.replace(BEGIN, ""),
            whole.replace(END, ""),
            whole.replace(BEGIN, "").replace(END, ""),
            whole.replace(END, BEGIN),
            format!("{whole}\n{END}\n"),
            whole.replace("---", "***"),
            whole.replacen("title:", "thoth-id: x\ntitle:", 1),
            format!("text first\n{whole}"),
            String::new(),
        ] {
            assert!(rewrite(&damaged, &entries("Two"), "second\n").is_err(), "{damaged}");
        }
    }

    fn user_text() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop_oneof![
                Just("---\n".to_owned()),
                Just("%% a comment %%\n".to_owned()),
                Just(" %% thoth:begin %% \u{a0}x\n".to_owned()),
                Just("title: not a key here\r\n".to_owned()),
                any::<String>().prop_map(|text| text.replace("%%", "%") + "\n"),
            ],
            0..6,
        )
        .prop_map(|lines| lines.concat())
    }

    fn user_keys() -> impl Strategy<Value = String> {
        proptest::collection::vec("(mine|x-y|rating)", 0..4).prop_flat_map(|mut keys| {
            keys.sort();
            keys.dedup();
            let lines = keys.into_iter().map(|key| {
                prop_oneof![
                    Just(format!("{key}: [a, b] # c\n")),
                    Just(format!("{key}:\n  - a\n  # inside\n  - b\n")),
                    Just(format!("{key}: >\n  folded\n\n  text: x\n")),
                    Just(format!("# about {key}\n{key}: \"q: \\\" #\"\n\n")),
                ]
            });
            lines.collect::<Vec<_>>().prop_map(|lines| lines.concat())
        })
    }

    proptest! {
        #[test]
        fn what_the_user_wrote_stays_byte_for_byte(
            keys in user_keys(), before in user_text(), after in "(\n\\PC*)?(\r?\n\\PC*){0,3}",
            title in any::<String>(), body in "[a-z\n]{0,40}",
        ) {
            let front = |title: &str| frontmatter::fresh(&entries(title), "\n");
            let note = format!("---\n{keys}{}---\n{before}{BEGIN}\nold\n{END}{after}", front("old"));
            let next = rewrite(&note, &entries(&title), &body).unwrap();
            prop_assert_eq!(next, format!("---\n{keys}{}---\n{before}{BEGIN}\n{body}{END}{after}", front(&title)));
        }
    }
}
