//! Joining lines to running text.

use std::ops::Range;

/// A word of a line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Word {
    /// Its text.
    pub text: String,
    /// Whether another reader may print it otherwise.
    pub loose: bool,
    /// Whether another reader may go on elsewhere after it.
    pub ends: bool,
}

/// Text as it runs over lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Running {
    /// The text.
    pub text: String,
    /// Where another reader of the page may go on differently, as [`crate::paper::Paragraph::loose`] has it.
    pub loose: Vec<Range<usize>>,
}

impl From<String> for Running {
    fn from(text: String) -> Self {
        Self { text, loose: Vec::new() }
    }
}

impl Running {
    /// What stands from this byte on.
    pub(crate) fn after(mut self, start: usize) -> Self {
        self.text = self.text.split_off(start);
        self.loose.retain(|range| range.end > start);
        self.moved(|at| at.saturating_sub(start))
    }

    /// Writes a word behind the others; where it begins.
    pub(super) fn push_word(&mut self, word: &str) -> usize {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        let start = self.text.len();
        self.text.push_str(word);
        start
    }

    fn push(&mut self, line: Self) {
        let start = self.text.len();
        self.text.push_str(&line.text);
        self.loose.extend(line.moved(|at| start + at).loose);
    }

    fn without_soft_hyphens(mut self) -> Self {
        let text = std::mem::take(&mut self.text);
        let before = |at: usize| text.get(..at).unwrap_or_default().matches('\u{AD}').count();
        self.text = text.replace('\u{AD}', "");
        self.moved(|at| at - before(at) * '\u{AD}'.len_utf8())
    }

    fn moved(mut self, to: impl Fn(usize) -> usize) -> Self {
        self.loose.iter_mut().for_each(|range| *range = to(range.start)..to(range.end));
        self
    }
}

/// Joins the lines of a paragraph: a line break is a space, and a word that was broken at the end of a line is whole
/// again. A hyphen stays where it belongs to the word: before a capital or a digit, or after one.
pub(crate) fn joined(lines: impl Iterator<Item = Running>) -> Running {
    let mut all = Running::default();
    for line in lines.filter(|line| !line.text.is_empty()) {
        if !all.text.is_empty() {
            match broken(&all.text, &line.text) {
                Break::Space => all.text.push(' '),
                Break::Keep => {}
                Break::Drop => {
                    all.text.pop();
                    let end = all.text.len();
                    all = all.moved(|at| at.min(end));
                }
            }
        }
        all.push(line);
    }
    all.without_soft_hyphens()
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
            let lines = lines.iter().map(|line| Running::from((*line).to_owned()));
            assert_eq!(joined(lines).text, wanted);
        };
        check(&["one line", "and another"], "one line and another");
        check(&["an experi-", "ment"], "an experiment");
        check(&["an experi\u{AD}", "ment"], "an experiment");
        check(&["the state-of-the-", "art"], "the state-of-the-art");
        check(&["the F1-", "Score of COVID-", "19"], "the F1-Score of COVID-19");
        check(&["see https://doi.org/", "10.1000/x"], "see https://doi.org/10.1000/x");
        check(&["a dash -", "and more"], "a dash - and more");
    }

    #[test]
    fn loose_words_are_followed_through_line_ends() {
        let line = |text: &str, loose: Range<usize>| Running { text: text.to_owned(), loose: vec![loose] };
        let running = joined([line("a\u{AD}ll m\u{AD}H-", 6..11), line("based R2", 6..8)].into_iter());
        assert_eq!(running.text, "all mH-based R2");
        let words = |running: &Running| -> Vec<String> {
            running.loose.iter().map(|range| running.text[range.clone()].to_owned()).collect()
        };
        assert_eq!(words(&running), ["mH-", "R2"]);
        let dropped = joined([line("an expe-", 3..8), line("riment", 0..6)].into_iter());
        assert_eq!(
            (dropped.text.as_str(), words(&dropped)),
            ("an experiment", vec!["expe".into(), "riment".into()])
        );
        let rest = running.after(4);
        assert_eq!((rest.text.as_str(), words(&rest)), ("mH-based R2", vec!["mH-".into(), "R2".into()]));
        assert_eq!(words(&rest.after(9)), ["R2"]);
    }
}
