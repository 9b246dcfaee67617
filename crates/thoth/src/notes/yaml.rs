//! Strings in YAML: always between double quotes, so that no title is taken for a date, a tag or a comment.

use std::fmt::Write;

/// The text as a double-quoted YAML scalar (YAML 1.2.2, section 5.7), on one line.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_plain(c) => out.push(c),
            c => escape(&mut out, c),
        }
    }
    out.push('"');
    out
}

/// Whether YAML lets the character stand for itself, and every reader keeps it.
fn is_plain(c: char) -> bool {
    !(c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'))
}

fn escape(out: &mut String, c: char) {
    // Writing to a string cannot fail.
    if write!(out, "\\u{:04x}", u32::from(c)).is_err() {
        out.push('\u{fffd}');
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn strings_are_always_quoted() {
        for (text, yaml) in [
            ("plain", r#""plain""#),
            ("yes", r#""yes""#),
            ("a: b # c", r#""a: b # c""#),
            ("say \"hi\"", r#""say \"hi\"""#),
            ("a\\b", r#""a\\b""#),
            ("a\nb\tc", r#""a\nb\tc""#),
            ("\u{0}\u{85}\u{2028}\u{feff}", r#""\u0000\u0085\u2028\ufeff""#),
            ("\u{1f9ea} é", "\"\u{1f9ea} é\""),
        ] {
            assert_eq!(quoted(text), yaml);
        }
    }
}
