//! Lines of text and pieces of them.

use super::characters::{is_accent, unspaced, word_of};
use super::words::{Running, Word};

/// Size of sub- and superscripts at most, against what they stand beside.
pub(crate) const SCRIPT_SIZE: f32 = 0.88;
/// How far off its baseline a character is raised or lowered, in sizes.
const SHIFT: f32 = 0.05;
/// How far the scripts of words are raised …
const RAISED: std::ops::Range<f32> = 0.3..0.5;
/// … or lowered, in sizes.
const LOWERED: std::ops::Range<f32> = -0.2..-SHIFT;
/// A gap that separates words, in sizes.
pub(super) const WORD_GAP: f32 = 0.13;
/// A gap that a reader sees as a tabulator, in sizes.
pub(super) const TAB_GAP: f32 = 1.5;
/// Stands for a wide gap in [`Line::marks`].
pub(crate) const TAB: char = '\u{2003}';

/// A character in a line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Mark {
    /// The character; a gap between words is a space, a wide one is [`TAB`].
    pub character: char,
    /// Size of its font in points.
    pub size: f32,
    /// Left edge.
    pub x: f32,
    /// How far it stands above the baseline of the line, in points.
    pub rise: f32,
    /// Mean stroke width; 0 if unknown.
    pub weight: f32,
    /// Lean of the strokes.
    pub slant: f32,
    /// Whether it is bold, compared with the document's ordinary text.
    pub bold: bool,
    /// Whether it is italic, compared with the document's ordinary text.
    pub italic: bool,
    /// Whether something beside it makes it doubtful what another reader of the page goes on with: a sign whose
    /// meaning the font does not say, a sign that stands between the lines, a gap wider than its neighbours.
    pub doubtful: bool,
}

impl Mark {
    pub(super) fn gap(character: char, size: f32) -> Self {
        Self { character, size, ..Self::default() }
    }
}

/// A line, or a piece of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Line {
    /// Page, counted from 1.
    pub page: u32,
    /// Left edge.
    pub x0: f32,
    /// Right edge.
    pub x1: f32,
    /// Baseline of its main characters.
    pub y: f32,
    /// Size of its main characters.
    pub size: f32,
    /// Share of its letters that are bold.
    pub bold: f32,
    /// Share of its letters that are italic.
    pub italic: f32,
    /// The characters.
    pub marks: Vec<Mark>,
}

impl Line {
    /// Upper edge, roughly.
    pub(crate) fn top(&self) -> f32 {
        self.y - 0.75 * self.size
    }

    /// Lower edge, roughly.
    pub(crate) fn bottom(&self) -> f32 {
        self.y + 0.25 * self.size
    }

    /// The text: composed (NFC), gaps as single spaces.
    pub(crate) fn text(&self) -> String {
        self.running().text
    }

    /// The text, and where another reader may go on differently.
    pub(crate) fn running(&self) -> Running {
        let words = self.marks.split_inclusive(|mark| mark.character.is_whitespace());
        let plain = self.has_plain_scripts();
        let words = unspaced(words.map(|word| self.word(word, plain)));
        let apart = self.is_stacked() || words.iter().any(|word| word.ends);
        let mut running = Running::default();
        for word in words {
            let start = running.push_word(&word.text);
            let end = running.text.len();
            if word.loose {
                running.loose.push(start..end);
            }
            if word.ends {
                running.loose.push(end..end);
            }
        }
        if apart {
            let end = running.text.len();
            running.loose.insert(0, 0..0);
            running.loose.push(end..end);
        }
        running
    }

    /// A word out of the marks of one and of the gap behind it.
    fn word(&self, marks: &[Mark], plain: bool) -> Word {
        let doubtful_gap = |mark: &Mark| mark.character.is_whitespace() && mark.doubtful;
        Word {
            text: word_of(marks.iter().map(|mark| mark.character)),
            loose: self.is_loose(marks, plain),
            ends: marks.last().is_some_and(doubtful_gap),
        }
    }

    /// Whether another reader may print a word otherwise: by a sign that is doubtful, letters composed of parts, or
    /// characters off the line. A plain script in a line of plain scripts is read alike by all.
    fn is_loose(&self, word: &[Mark], plain: bool) -> bool {
        let inked = || word.iter().filter(|mark| !mark.character.is_whitespace());
        let shifted = |mark: &Mark| mark.rise.abs() > SHIFT * self.size;
        let begins_with_script = || inked().next().is_none_or(shifted);
        inked().any(|mark| mark.doubtful || is_accent(mark.character))
            || (!plain || begins_with_script()) && inked().any(shifted)
    }

    /// Whether all that is off the line are scripts as words have them: `F1`, `m2`, `so it is12`.
    fn has_plain_scripts(&self) -> bool {
        let mut shifted = self.marks.iter().filter(|mark| mark.rise.abs() > SHIFT * self.size);
        let plain = |mark: &Mark| {
            let rise = mark.rise / self.size;
            mark.size < SCRIPT_SIZE * self.size && (RAISED.contains(&rise) || LOWERED.contains(&rise))
        };
        shifted.all(plain) && !self.is_stacked()
    }

    /// Whether raised characters stand over lowered ones: some readers make lines of their own of them.
    fn is_stacked(&self) -> bool {
        let shift = SHIFT * self.size;
        let inked = || self.marks.iter().filter(|mark| !mark.character.is_whitespace());
        let mut lowered = inked().filter(|mark| mark.rise < -shift);
        lowered.any(|low| inked().any(|high| high.rise > shift && (high.x - low.x).abs() < 0.5 * self.size))
    }

    /// Takes another piece to its right into this line.
    pub(crate) fn append(&mut self, other: Line) {
        let gap = other.x0 - self.x1;
        let size = self.size.max(other.size);
        let character = if gap > TAB_GAP * size { TAB } else { ' ' };
        if gap > WORD_GAP * size || gap < -WORD_GAP * size {
            // Two pieces were not one because the gap is wide; a piece within the other is read out of its order.
            self.marks.push(Mark { doubtful: true, ..Mark::gap(character, size) });
        }
        let shift = self.y - other.y;
        self.marks.extend(other.marks.iter().map(|mark| Mark { rise: mark.rise + shift, ..*mark }));
        self.x0 = self.x0.min(other.x0);
        self.x1 = self.x1.max(other.x1);
        self.settle();
    }

    /// Whether all of it is bold, but for a sign or two.
    pub(crate) fn is_bold(&self) -> bool {
        self.bold > 0.85
    }

    /// Whether all of it is italic, but for a sign or two.
    pub(crate) fn is_italic(&self) -> bool {
        self.italic > 0.8
    }

    /// Derives size and shares from the characters.
    pub(crate) fn settle(&mut self) {
        self.size = main_size(self.marks.iter().filter(|mark| !mark.character.is_whitespace()));
        let letters = || self.marks.iter().filter(|mark| mark.character.is_alphabetic());
        let count = letters().count().max(1) as f32;
        let share = |count_of: usize| count_of as f32 / count;
        let bold = share(letters().filter(|mark| mark.bold).count());
        let italic = share(letters().filter(|mark| mark.italic).count());
        (self.bold, self.italic) = (bold, italic);
    }
}

/// The size that most characters have.
pub(super) fn most(sorted: &[(f32, f32)]) -> Option<f32> {
    sorted.get(sorted.len() / 2).map(|(size, _)| *size)
}

fn main_size<'m>(marks: impl Iterator<Item = &'m Mark>) -> f32 {
    let mut sizes: Vec<(f32, f32)> = marks.map(|mark| (mark.size, mark.rise)).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    most(&sizes).unwrap_or_default()
}
