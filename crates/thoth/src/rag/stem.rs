//! Porter's stemmer (1980), exactly as SQLite's tokenizer `porter` computes it: what the full text search found by
//! stem must be found again in the text, to be weighed and marked. A test compares the two.

/// Words of more bytes, or of less than three, are their own stem.
const STEMMED_BYTES_MAX: usize = 64;

/// A suffix, and what replaces it.
type Rule = (&'static str, &'static str);

/// In each step the first suffix that fits decides.
const STEP_2: [Rule; 21] = [
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("logi", "log"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
];

const STEP_3: [Rule; 7] = [
    ("ical", "ic"),
    ("ness", ""),
    ("icate", "ic"),
    ("iciti", "ic"),
    ("ful", ""),
    ("ative", ""),
    ("alize", "al"),
];

const STEP_4: [&str; 19] = [
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism",
    "ate", "iti", "ous", "ive", "ize",
];

/// The stem of a word in lower case without diacritics.
pub(super) fn stem(word: &str) -> String {
    let mut stem = word.to_owned();
    if word.len() > STEMMED_BYTES_MAX || word.len() < 3 {
        return stem;
    }
    plural(&mut stem);
    past(&mut stem);
    if stem.ends_with('y') && has_vowel(before(&stem, 1)) {
        replace(&mut stem, 1, "i");
    }
    replace_first(&mut stem, &STEP_2);
    replace_first(&mut stem, &STEP_3);
    drop_ending(&mut stem);
    final_e(&mut stem);
    if stem.ends_with("ll") && measure(before(&stem, 1)) > 1 {
        replace(&mut stem, 1, "");
    }
    stem
}

/// Step 1a.
fn plural(stem: &mut String) {
    let length = stem.len();
    if stem.ends_with("es") {
        let long = (length > 4 && stem.ends_with("sses")) || (length > 3 && stem.ends_with("ies"));
        replace(stem, if long { 2 } else { 1 }, "");
    } else if stem.ends_with('s') && !stem.ends_with("ss") {
        replace(stem, 1, "");
    }
}

/// Step 1b.
fn past(stem: &mut String) {
    if fits(stem, "eed") {
        if measure(before(stem, 3)) > 0 {
            replace(stem, 1, "");
        }
        return;
    }
    let Some(suffix) = ["ed", "ing"].into_iter().find(|suffix| fits(stem, suffix)) else {
        return;
    };
    if !has_vowel(before(stem, suffix.len())) {
        return;
    }
    replace(stem, suffix.len(), "");
    if ["at", "bl", "iz"].into_iter().any(|ending| fits(stem, ending)) {
        stem.push('e');
    } else if ends_double(stem) {
        replace(stem, 1, "");
    } else if measure(stem.as_bytes()) == 1 && ends_short(stem.as_bytes()) {
        stem.push('e');
    }
}

fn replace_first(stem: &mut String, rules: &[Rule]) {
    if let Some((suffix, replacement)) = rules.iter().find(|(suffix, _)| fits(stem, suffix))
        && measure(before(stem, suffix.len())) > 0
    {
        replace(stem, suffix.len(), replacement);
    }
}

/// Step 4.
fn drop_ending(stem: &mut String) {
    let Some(suffix) = STEP_4.into_iter().find(|suffix| fits(stem, suffix)) else {
        return;
    };
    let rest = before(stem, suffix.len());
    let allowed = suffix != "ion" || matches!(rest.last(), Some(b's' | b't'));
    if allowed && measure(rest) > 1 {
        replace(stem, suffix.len(), "");
    }
}

/// Step 5a.
fn final_e(stem: &mut String) {
    if !stem.ends_with('e') {
        return;
    }
    let rest = before(stem, 1);
    let measure = measure(rest);
    if measure > 1 || (measure == 1 && !ends_short(rest)) {
        replace(stem, 1, "");
    }
}

fn fits(stem: &str, suffix: &str) -> bool {
    stem.len() > suffix.len() && stem.ends_with(suffix)
}

fn before(stem: &str, suffix_length: usize) -> &[u8] {
    stem.as_bytes().get(..stem.len().saturating_sub(suffix_length)).unwrap_or_default()
}

fn replace(stem: &mut String, suffix_length: usize, replacement: &str) {
    stem.truncate(stem.len().saturating_sub(suffix_length));
    stem.push_str(replacement);
}

fn is_vowel(byte: u8, after_consonant: bool) -> bool {
    matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u') || (after_consonant && byte == b'y')
}

/// For each byte whether it is a consonant.
fn consonants(word: &[u8]) -> impl Iterator<Item = bool> {
    word.iter().scan(false, |after_consonant, byte| {
        *after_consonant = !is_vowel(*byte, *after_consonant);
        Some(*after_consonant)
    })
}

/// How often a vowel is followed by a consonant.
fn measure(word: &[u8]) -> usize {
    let mut vowel = false;
    consonants(word).filter(|consonant| std::mem::replace(&mut vowel, !consonant) && *consonant).count()
}

fn has_vowel(word: &[u8]) -> bool {
    word.iter().enumerate().any(|(at, byte)| is_vowel(*byte, at > 0))
}

/// Ends with consonant, vowel, consonant, and the last one is not `w`, `x` or `y`.
fn ends_short(word: &[u8]) -> bool {
    let shape = consonants(word).fold(0_u8, |shape, consonant| (shape << 1 | u8::from(consonant)) & 0b111);
    shape == 0b101 && !matches!(word.last(), Some(b'w' | b'x' | b'y'))
}

/// Ends with a doubled consonant other than `l`, `s`, `z`.
fn ends_double(stem: &str) -> bool {
    match stem.as_bytes() {
        [.., first, last] => {
            first == last && last.is_ascii() && !is_vowel(*last, false) && !matches!(last, b'l' | b's' | b'z')
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// What SQLite makes of a word.
    fn oracle(connection: &Connection, word: &str) -> Option<String> {
        connection.execute("DELETE FROM t", []).expect("empties");
        connection.execute("INSERT INTO t(w) VALUES (?1)", [word]).expect("takes it");
        connection.query_row("SELECT term FROM v", [], |row| row.get(0)).ok()
    }

    fn connection() -> Connection {
        let connection = Connection::open_in_memory().expect("opens");
        connection
            .execute_batch(
                "CREATE VIRTUAL TABLE t USING fts5(w, tokenize = 'porter unicode61 remove_diacritics 2');
                 CREATE VIRTUAL TABLE v USING fts5vocab('t', 'instance');",
            )
            .expect("makes tables");
        connection
    }

    #[test]
    fn words_have_sqlites_stems() {
        let connection = connection();
        let roots = "relate condition rational valence hesitance digit conform radical differ vile analogous vietnam \
                     predicate operate feudal decisive hope callous formal sensitive sensible triplicate form electr \
                     good revive allow infer airline gyroscop adjust defens irrit replac communi adopt homolog effect \
                     bowdler probat rate cease control roll agree plaster bleed motor sing conflat troubl siz hopp tann \
                     fall hiss fizz fail fil happy sky dry enjoy biology cry ties ponies caress cats feed yes is";
        let endings = "|s|es|ies|sses|ed|eed|ing|y|ational|tional|ation|ization|izer|ator|alism|iveness|fulness|ousness\
                       |aliti|iviti|biliti|icate|ative|alize|iciti|ical|ful|ness|al|ance|ence|er|ic|able|ible|ant|ement\
                       |ment|ent|ion|ou|ism|ate|iti|ous|ive|ize|ll|e|ly|ably|logy";
        for root in roots.split_whitespace() {
            for ending in endings.split('|') {
                let word = format!("{root}{ending}");
                assert_eq!(Some(stem(&word)), oracle(&connection, &word), "{word}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_letters_have_sqlites_stem(word in "[a-eilnostuyz]{1,12}(ing|ed|ion|ies|ness|al|y|)") {
            let connection = connection();
            proptest::prop_assert_eq!(Some(stem(&word)), oracle(&connection, &word));
        }
    }
}
