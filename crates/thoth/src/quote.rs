//! Proving quotes: a passage of ours is found again in what another reader prints for the same page.
//!
//! Two readers of one page differ in where lines break, in how many spaces they write, in whether a broken word gets
//! its hyphen back, in ligatures and in which of several look-alikes they choose. [`fold`] maps both texts to what does
//! not differ, so that `contains` on the folded texts is the proof.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Folds a text for comparison. Exactly this is done, in this order:
///
/// 1. NFKD: ligatures become letters (`ﬁ` → `fi`), widths, super- and subscripts and other compatibility forms become
///    the plain character (`²` → `2`, `µ` → `μ`), composed letters become letter and accent.
/// 2. Dropped: white space of any kind, control characters, soft hyphens and other format characters of zero width,
///    characters of the private use areas, U+FFFD, combining marks, and the accents that have a width of their own
///    (`´`, `` ` ``, `¨`, `ˆ`, `˜`, `¸`, `˚`, …): readers differ in whether they compose them.
/// 3. Dropped: hyphens, dashes and minus signs of any kind, since a hyphen at a line's end may or may not belong to
///    the word.
/// 4. Dropped: quotation marks, apostrophes and primes of any kind; the radical sign, which stands above its line; and
///    `ℓ`, which has the place of an accent in the fonts of TeX and is printed as one by some readers.
/// 5. `ı` and `ȷ` get their dots. Case is folded to lower case: small capitals are capitals to one reader and letters to another.
///
/// Letters, digits and all other punctuation stay, in their order; so a folded match means the same words.
///
/// ```
/// use thoth::quote::fold;
/// let ours = "An efficient “state-of-the-art” method";
/// let theirs = "An e\u{FB03}cient \"state-of-the-\nart\" meth-\n  od";
/// assert_eq!(fold(ours), fold(theirs));
/// ```
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.chars().filter(|c| *c != 'ℓ').nfkd() {
        match character {
            dropped if is_dropped(dropped) => {}
            'ı' => folded.push('i'),
            'ȷ' => folded.push('j'),
            other => folded.extend(other.to_lowercase().filter(|c| !is_combining_mark(*c))),
        }
    }
    folded
}

/// Whether a passage stands in a page's text, after folding both. An empty passage is nowhere.
pub fn stands_in(passage: &str, page_text: &str) -> bool {
    let passage = fold(passage);
    !passage.is_empty() && fold(page_text).contains(&passage)
}

/// Whether a passage stands in a page's text letter by letter: of all that readers differ in, only white space,
/// hyphens and ligatures may. Case, accents, quotation marks, dashes and every other sign count. (`pdftotext` takes
/// hyphens at the ends of lines away, also those that belong to their word: so no hyphen can count.) An empty passage
/// is nowhere.
///
/// ```
/// use thoth::quote::is_printed;
/// let page = "An e\u{FB03}cient stateof-the-\nart meth-\nod";
/// assert!(is_printed("efficient state-of-the-art method", page));
/// assert!(!is_printed("efficient state–of–the–art method", page));
/// ```
pub fn is_printed(passage: &str, page_text: &str) -> bool {
    let passage = plain(passage);
    !passage.is_empty() && plain(page_text).contains(&passage)
}

/// A text without white space and hyphens, its ligatures as letters.
fn plain(text: &str) -> String {
    let dropped = |character: char| {
        character.is_whitespace() || matches!(character, '-' | '\u{AD}' | '\u{2010}' | '\u{2011}')
    };
    let mut plain = String::with_capacity(text.len());
    for character in text.chars().filter(|character| !dropped(*character)) {
        match character {
            '\u{FB00}'..='\u{FB06}' => plain.extend(character.nfkc()),
            _ => plain.push(character),
        }
    }
    plain
}

/// Whether a character is an accent that stands on another one.
pub(crate) fn is_mark(character: char) -> bool {
    is_combining_mark(character)
}

fn is_dropped(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || is_combining_mark(character)
        || is_dash(character)
        || is_quotation(character)
        || character == '√'
        || matches!(character,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFD}'
            | '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFF}')
        || matches!(
            character,
            '\u{60}' | '\u{5E}' | '\u{7E}' | '\u{A8}' | '\u{AF}' | '\u{B4}' | '\u{B8}' | '\u{2C6}'
                ..='\u{2DD}'
        )
}

fn is_quotation(character: char) -> bool {
    matches!(character, '"' | '\'' | '«' | '»' | '\u{2BC}' | '\u{2018}'..='\u{201F}' | '\u{2032}'..='\u{2037}'
        | '\u{2039}' | '\u{203A}' | '\u{2057}' | '\u{301D}'..='\u{301F}')
}

fn is_dash(character: char) -> bool {
    matches!(
        character,
        '-' | '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_readers_print_differently_folds_to_the_same() {
        let check = |ours: &str, theirs: &str| assert_eq!(fold(ours), fold(theirs), "{ours}");
        check(
            "an experiment on state-of-the-art methods",
            "an experi-\nment on state-of-the-\nart meth\u{AD}ods",
        );
        check("“efficient” – so ‘they’ say", "\"e\u{FB03}cient\" - so 'they' say");
        check("Universität", "Universit¨at");
        check("Universität", "Universita\u{308}t");
        check("x² and 5 µm", "x2 and 5\u{A0}\u{3BC}m");
        check("H → 4ℓ", "H →4`");
    }

    #[test]
    fn other_words_and_numbers_stay_different() {
        let check = |one: &str, other: &str| assert_ne!(fold(one), fold(other), "{one}");
        check("p < 0.05", "p > 0.05");
        check("1.5", "15");
        check("herons", "herons.");
        check("now here", "now, here");
    }

    #[test]
    fn a_passage_is_proved_by_its_page() {
        assert!(stands_in("herons are eﬃcient.", "Many Herons are effi-\n cient. They fish."));
        assert!(!stands_in("herons are lazy.", "Many herons are efficient."));
        assert!(!stands_in(" - ", "Many herons"));
    }
}
