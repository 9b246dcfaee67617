//! Joining lines to running text.

/// Joins the lines of a paragraph: a line break is a space, and a word that was broken at the end of a line is whole
/// again. A hyphen stays where it belongs to the word: before a capital or a digit, or after one.
pub(crate) fn joined(lines: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    lines.for_each(|line| append(&mut text, &line));
    text.retain(|c| c != '\u{AD}');
    text
}

/// Joins one more line to a text.
pub(crate) fn append(text: &mut String, line: &str) {
    let line = line.trim();
    if !text.is_empty() && !line.is_empty() {
        match broken(text, line) {
            Break::Space => text.push(' '),
            Break::Keep => {}
            Break::Drop => {
                text.pop();
            }
        }
    }
    text.push_str(line);
}

enum Break {
    Space,
    Keep,
    Drop,
}

fn broken(text: &str, line: &str) -> Break {
    let mut ends = text.chars().rev();
    let (Some(end), Some(before)) = (ends.next(), ends.next()) else {
        return Break::Space;
    };
    let Some(start) = line.chars().next() else {
        return Break::Space;
    };
    match end {
        '\u{AD}' => Break::Drop,
        '-' | '\u{2010}' if before.is_lowercase() && start.is_lowercase() => {
            if is_compound(text, line) {
                Break::Keep
            } else {
                Break::Drop
            }
        }
        '-' | '\u{2010}' if before.is_alphanumeric() && start.is_alphanumeric() => Break::Keep,
        '/' if before.is_alphanumeric() && start.is_alphanumeric() => Break::Keep,
        _ => Break::Space,
    }
}

/// Whether the hyphen between the two halves belongs to the word: the word has another one, as in `state-of-the-` and
/// `art`, or its first half is a prefix that keeps its hyphen.
fn is_compound(text: &str, line: &str) -> bool {
    let word = text.rsplit(' ').next().unwrap_or_default();
    let rest = line.split(' ').next().unwrap_or_default();
    let first = word.trim_end_matches(['-', '\u{2010}']).to_lowercase();
    let first = first.trim_start_matches(|c: char| !c.is_alphanumeric());
    let another = first.contains('-') || rest.trim_end_matches(|c: char| !c.is_alphanumeric()).contains('-');
    another
        || matches!(
            first,
            "self" | "non" | "well" | "cross" | "high" | "low" | "long" | "short" | "large" | "small"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_running_text() {
        let check = |lines: &[&str], wanted: &str| {
            assert_eq!(joined(lines.iter().map(|line| (*line).to_owned())), wanted, "{lines:?}");
        };
        check(&["one line", "and another"], "one line and another");
        check(&["an experi-", "ment"], "an experiment");
        check(&["an experi\u{AD}", "ment"], "an experiment");
        check(&["the state-of-the-", "art"], "the state-of-the-art");
        check(&["the F1-", "Score of COVID-", "19"], "the F1-Score of COVID-19");
        check(&["see https://doi.org/", "10.1000/x"], "see https://doi.org/10.1000/x");
        check(&["a dash -", "and more"], "a dash - and more");
    }
}
