//! Lines of text and pieces of them.

use super::characters::compose;

/// Size of sub- and superscripts at most, against what they stand beside.
pub(crate) const SCRIPT_SIZE: f32 = 0.88;
/// A gap that separates words, in sizes.
pub(super) const WORD_GAP: f32 = 0.13;
/// A gap that a reader sees as a tabulator, in sizes.
pub(super) const TAB_GAP: f32 = 1.5;
/// Stands for a wide gap in [`Line::marks`].
pub(crate) const TAB: char = '\u{2003}';

/// A character in a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mark {
    /// The character; a gap between words is a space, a wide one is [`TAB`].
    pub character: char,
    /// Size of its font in points.
    pub size: f32,
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
}

impl Mark {
    pub(super) fn gap(character: char, size: f32) -> Self {
        Self { character, size, rise: 0.0, weight: 0.0, slant: 0.0, bold: false, italic: false }
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
        compose(self.marks.iter().map(|mark| mark.character))
    }

    /// Takes another piece to its right into this line.
    pub(crate) fn append(&mut self, other: Line) {
        let gap = other.x0 - self.x1;
        let size = self.size.max(other.size);
        let character = if gap > TAB_GAP * size { TAB } else { ' ' };
        if gap > WORD_GAP * size || gap < -WORD_GAP * size {
            self.marks.push(Mark::gap(character, size));
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
