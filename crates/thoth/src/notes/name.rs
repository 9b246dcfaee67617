//! From a title to a file name that Linux, macOS, Windows and Obsidian's links all take.

use unicode_normalization::UnicodeNormalization;

/// Longest name without its ending, in bytes of UTF-8: file systems take 255, and sync tools add their own endings.
const NAME_MAX_BYTES: usize = 160;

/// The name of a note without its ending. Unicode is kept; an empty result never occurs.
pub fn of_title(title: &str) -> String {
    let mut name = String::with_capacity(title.len());
    for c in title.nfc() {
        match c {
            ':' => name.push_str(" - "),
            // Forbidden by a file system or with a meaning in Obsidian's links.
            '/' | '\\' | '|' => name.push('-'),
            '*' | '?' | '"' | '<' | '>' | '#' | '^' | '[' | ']' | '%' => name.push(' '),
            c if c.is_control() || is_invisible(c) => name.push(' '),
            c => name.push(c),
        }
    }
    let folded = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let bare = trimmed(bounded(trimmed(&folded)));
    if bare.is_empty() {
        "Untitled".to_owned()
    } else if is_reserved(bare) {
        format!("{bare} (paper)")
    } else {
        bare.to_owned()
    }
}

/// Windows drops dots and spaces at the end; a dot at the beginning hides a file.
fn trimmed(name: &str) -> &str {
    name.trim_matches(|c: char| c == '.' || c == '-' || c.is_whitespace())
}

/// Characters that no one sees, and those that turn the direction of what follows.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{ffff}')
}

/// Cut at the last word that fits.
fn bounded(name: &str) -> &str {
    if name.len() <= NAME_MAX_BYTES {
        return name;
    }
    let head = name.get(..name.floor_char_boundary(NAME_MAX_BYTES)).unwrap_or_default();
    match head.rfind(' ') {
        Some(at) if at > NAME_MAX_BYTES / 2 => head.get(..at).unwrap_or(head),
        _ => head,
    }
}

/// Device names of Windows, with any ending.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    let numbered = |device| {
        let digit = stem.strip_prefix(device);
        digit.is_some_and(|digit| matches!(digit, "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9"))
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn titles_become_names() {
        for (title, name) in [
            ("Fragment-based design", "Fragment-based design"),
            ("A: B/C\\D|E", "A - B-C-D-E"),
            ("What?  \"Now\" <here> #1 [x] ^y 5%", "What Now here 1 x y 5"),
            ("..hidden. ", "hidden"),
            ("  line\nbreak\t", "line break"),
            ("", "Untitled"),
            ("???", "Untitled"),
            ("con", "con (paper)"),
            ("LPT1.txt", "LPT1.txt (paper)"),
            ("Über Ästhetik: 量子 🧪", "Über Ästhetik - 量子 🧪"),
            ("e\u{301}tude \u{202e}gnp", "étude gnp"),
        ] {
            assert_eq!(of_title(title), name, "{title:?}");
        }
        assert_eq!(of_title(&"word ".repeat(100)).len(), 159);
        assert_eq!(of_title(&"é".repeat(300)).len(), 160);
    }

    proptest! {
        #[test]
        fn every_title_gives_a_name_that_all_systems_take(title in any::<String>()) {
            let name = of_title(&title);
            prop_assert!(!name.is_empty() && name.len() <= NAME_MAX_BYTES + 8);
            prop_assert!(!name.contains(['/', '\\', ':', '*', '?', '"', '<', '>', '|', '#', '^', '[', ']', '\0', '\n']));
            prop_assert!(!name.starts_with(['.', ' ']) && !name.ends_with(['.', ' ']));
            prop_assert_eq!(of_title(&name), name);
        }
    }
}
