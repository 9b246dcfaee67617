//! Labels of entries: `[12]`, `12.`, `(12)`, `12)`, `12 Doe`, `[Smi03]`.

/// How labels of a list are set. A list has one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// `[12]`
    Bracket,
    /// `(12)`
    Round,
    /// `12.`
    Dot,
    /// `12)`
    Close,
    /// `12 Doe`
    Bare,
    /// `[Smi03]`
    Key,
}

/// All kinds, the surest first.
pub(super) const KINDS: [Kind; 6] =
    [Kind::Bracket, Kind::Dot, Kind::Round, Kind::Close, Kind::Bare, Kind::Key];

/// A label at the beginning of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Label<'t> {
    /// How it is set.
    pub kind: Kind,
    /// What stands between its brackets.
    pub name: &'t str,
    /// Its number, if it is one.
    pub number: Option<u32>,
    /// What follows it.
    pub rest: &'t str,
}

/// Reads the label that a text begins with.
pub(super) fn label(text: &str) -> Option<Label<'_>> {
    bracketed(text, '[', ']', Kind::Bracket)
        .or_else(|| bracketed(text, '(', ')', Kind::Round))
        .or_else(|| key(text))
        .or_else(|| closed(text))
        .or_else(|| bare(text))
}

fn number(digits: &str) -> Option<u32> {
    let plain = (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

fn bracketed(text: &str, open: char, close: char, kind: Kind) -> Option<Label<'_>> {
    let (name, rest) = text.strip_prefix(open)?.split_once(close)?;
    let name = name.trim();
    let number = number(name)?;
    Some(Label { kind, name, number: Some(number), rest: rest.trim_start_matches(['.', ':']).trim_start() })
}

/// `[Smi03]`, `[ABC+99a]`, `[Smith et al., 2003]`: has a letter, and is short.
fn key(text: &str) -> Option<Label<'_>> {
    let (name, rest) = text.strip_prefix('[')?.split_once(']')?;
    let short = (2..=40).contains(&name.chars().count()) && rest.starts_with(' ');
    let telling = name.chars().any(char::is_alphabetic) && name.chars().any(|c| c.is_ascii_digit());
    (short && telling).then(|| Label { kind: Kind::Key, name, number: None, rest: rest.trim_start() })
}

fn closed(text: &str) -> Option<Label<'_>> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (name, rest) = text.split_at_checked(digits)?;
    let number = number(name)?;
    let kind = if rest.starts_with('.') { Kind::Dot } else { Kind::Close };
    let after = rest.strip_prefix(['.', ')'])?;
    // `10.1000/x` and `2.5 mm` are no labels.
    let apart = !after.starts_with(|c: char| c.is_ascii_digit());
    apart.then(|| Label { kind, name, number: Some(number), rest: after.trim_start() })
}

fn bare(text: &str) -> Option<Label<'_>> {
    let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
    let number = number(name).filter(|_| name.len() <= 3)?;
    let opens = rest.is_empty() || rest.starts_with(|c: char| c.is_uppercase() || "\"“‘'".contains(c));
    let particle = || rest.split(' ').next().is_some_and(super::lexicon::is_particle);
    (opens || particle()).then_some(Label { kind: Kind::Bare, name, number: Some(number), rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_told_from_text() {
        let check = |text: &str, wanted: Option<(Kind, &str, &str)>| {
            assert_eq!(label(text).map(|label| (label.kind, label.name, label.rest)), wanted, "{text}");
        };
        check("[12] Doe, J.", Some((Kind::Bracket, "12", "Doe, J.")));
        check("12. Doe, J.", Some((Kind::Dot, "12", "Doe, J.")));
        check("(3) Doe, J.", Some((Kind::Round, "3", "Doe, J.")));
        check("3) Doe, J.", Some((Kind::Close, "3", "Doe, J.")));
        check("12 Doe, J.", Some((Kind::Bare, "12", "Doe, J.")));
        check("12 van Doe, J.", Some((Kind::Bare, "12", "van Doe, J.")));
        check("[Smi03] John Smith", Some((Kind::Key, "Smi03", "John Smith")));
        check("10.1000/x", None);
        check("2003. A title", Some((Kind::Dot, "2003", "A title")));
        check("264, 224–236", None);
        check("[online] at", None);
    }
}
