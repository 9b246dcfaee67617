//! How many tokens a text has, approximately.
//!
//! `rag.chunkSize` counts tokens of `rag.chunkEncoding` (`cl100k_base`). The exact table is 1.7 MB of data for a
//! bound that only has to be near: a chunk is a unit of search, nothing is cut at a model's limit by it. So tokens
//! are counted from the shape of the text alone, in the way that encoding splits it: words, numbers in groups of
//! three digits, punctuation. The count of a text is the sum of the counts of its words. Against the exact count
//! (tiktoken-rs 0.7) of twelve papers it was between 0.91 (a paper of formulas and tables) and 1.12 of it; a quarter of
//! the bytes was between 0.72 and 1.22.

/// Letters that one token of a long word covers.
const LETTERS_PER_TOKEN: usize = 7;

/// Tokens of a text: the sum over its words (what stands between white space).
pub(super) fn count(text: &str) -> u32 {
    text.split_whitespace().map(count_word).fold(0, u32::saturating_add)
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Letters,
    Digits,
    Marks,
    Foreign,
}

/// Tokens of one word: at least 1.
fn count_word(word: &str) -> u32 {
    let mut tokens = 0;
    let mut run: Option<(Shape, usize)> = None;
    for character in word.chars() {
        let shape = shape(character);
        run = match run {
            Some((open, length)) if open == shape => Some((open, length + 1)),
            Some((open, length)) => {
                tokens += of_run(open, length);
                Some((shape, 1))
            }
            None => Some((shape, 1)),
        };
    }
    let last = run.map_or(0, |(open, length)| of_run(open, length));
    u32::try_from(tokens + last).unwrap_or(u32::MAX)
}

fn shape(character: char) -> Shape {
    match character {
        _ if !character.is_ascii() => Shape::Foreign,
        _ if character.is_ascii_alphabetic() => Shape::Letters,
        _ if character.is_ascii_digit() => Shape::Digits,
        _ => Shape::Marks,
    }
}

fn of_run(shape: Shape, length: usize) -> usize {
    match shape {
        Shape::Letters => length.div_ceil(LETTERS_PER_TOKEN),
        Shape::Digits => length.div_ceil(3),
        Shape::Marks => length.div_ceil(2),
        Shape::Foreign => length,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        for (text, tokens) in [
            ("", 0),
            ("  \n ", 0),
            ("the cat sat", 3),
            ("heterogeneity", 2),
            ("1234567", 3),
            ("(p < 0.05).", 7),
            ("naïve", 3),
        ] {
            assert_eq!(count(text), tokens, "{text:?}");
        }
    }
}
