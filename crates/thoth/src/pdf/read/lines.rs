//! From glyphs to pieces of lines: what stands side by side without a wide gap. Whether two pieces beside each other
//! are one line or two columns is decided later, when the columns are known.

use super::glyphs::{Glyph, PageGlyphs};
use std::collections::HashSet;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A gap that separates words, in sizes.
const WORD_GAP: f32 = 0.13;
/// A gap that glyphs drawn one after another may leave and still belong together, in sizes.
const RUN_GAP: f32 = 1.0;
/// The same when a space was drawn in the gap: justified lines stretch it.
const SPACED_RUN_GAP: f32 = 1.6;
/// A gap that pieces drawn apart may leave and still belong together, in sizes.
const PIECE_GAP: f32 = 0.7;
/// A gap that a reader sees as a tabulator, in sizes.
const TAB_GAP: f32 = 1.5;
/// Pieces of one page; more is not a page of text.
const PIECES_MAX: usize = 8_000;
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
    fn gap(character: char, size: f32) -> Self {
        Self {
            character,
            size,
            rise: 0.0,
            weight: 0.0,
            slant: 0.0,
            bold: false,
            italic: false,
        }
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
        self.marks.extend(other.marks.iter().map(|mark| Mark {
            rise: mark.rise + shift,
            ..*mark
        }));
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

/// Composes characters to text: spacing accents go onto their letter, ligatures are resolved, gaps become spaces.
pub(crate) fn compose(characters: impl Iterator<Item = char>) -> String {
    let mut text = String::new();
    let mut accent = None;
    for character in characters {
        let character = if character.is_whitespace() { ' ' } else { character };
        if let Some(mark) = combining(character) {
            match text.chars().last() {
                // An accent that was drawn after its letter stands on it without a gap; TeX draws it before.
                Some(last) if !last.is_whitespace() && takes_accent(last) && accent.is_none() => {
                    accent = Some((mark, true))
                }
                _ => accent = Some((mark, false)),
            }
            continue;
        }
        if let Some((mark, after)) = accent.take() {
            if takes_accent(character) {
                text.push(dotless(character));
                text.push(mark);
                continue;
            }
            if after {
                text.push(mark);
            }
        }
        if character == ' ' && text.ends_with(' ') {
            continue;
        }
        resolve(character, &mut text);
    }
    if let Some((mark, true)) = accent {
        text.push(mark);
    }
    unspaced(text.trim()).nfc().collect()
}

/// Letter-spaced words become whole: `A B S T R A C T`, `F I G U R E 2`.
fn unspaced(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut run: Vec<&str> = Vec::new();
    let letter = |word: &str| word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
    for word in text.split(' ').chain([""]) {
        if letter(word) {
            run.push(word);
            continue;
        }
        if run.len() >= 5 {
            words.push(run.concat());
        } else {
            words.extend(run.iter().map(|letter| (*letter).to_owned()));
        }
        run.clear();
        words.push(word.to_owned());
    }
    words.pop();
    words.join(" ")
}

/// The combining form of an accent that has a width of its own.
fn combining(character: char) -> Option<char> {
    Some(match character {
        '\u{60}' | '\u{2CB}' => '\u{300}',
        '\u{B4}' | '\u{2CA}' => '\u{301}',
        '\u{2C6}' => '\u{302}',
        '\u{2DC}' => '\u{303}',
        '\u{AF}' | '\u{2C9}' => '\u{304}',
        '\u{2D8}' => '\u{306}',
        '\u{2D9}' => '\u{307}',
        '\u{A8}' => '\u{308}',
        '\u{2DA}' => '\u{30A}',
        '\u{2DD}' => '\u{30B}',
        '\u{2C7}' => '\u{30C}',
        '\u{B8}' => '\u{327}',
        '\u{2DB}' => '\u{328}',
        _ => return None,
    })
}

fn takes_accent(character: char) -> bool {
    character.is_alphabetic() && !is_combining_mark(character)
}

fn dotless(character: char) -> char {
    match character {
        'ı' => 'i',
        'ȷ' => 'j',
        other => other,
    }
}

/// Writes a character, a ligature as its letters and a presentation form as what it presents.
fn resolve(character: char, text: &mut String) {
    match character {
        '\u{FB00}'..='\u{FB06}' | '\u{132}' | '\u{133}' => text.extend(character.nfkc()),
        _ => text.push(character),
    }
}

/// The pieces of a page's lines, unordered.
pub(crate) fn pieces(page: &PageGlyphs, number: u32) -> Vec<Line> {
    let mut runs = runs(&page.glyphs);
    runs.truncate(PIECES_MAX);
    chains(&runs)
        .into_iter()
        .filter_map(|chain| line(chain, number))
        .collect()
}

/// Glyphs that were drawn one after another on one line.
struct Run<'g> {
    glyphs: Vec<(&'g Glyph, bool)>,
    x0: f32,
    x1: f32,
    y: f32,
    size: f32,
}

fn runs(glyphs: &[Glyph]) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    let mut seen = HashSet::new();
    let mut spaced = false;
    for glyph in glyphs {
        if !glyph.text.is_empty() && glyph.text.chars().all(char::is_whitespace) {
            spaced = true;
            continue;
        }
        if overprinted(glyph, &mut seen) {
            continue;
        }
        match runs.last_mut() {
            Some(run) if follows(run, glyph, spaced) => {
                run.x1 = run.x1.max(glyph.x1);
                run.x0 = run.x0.min(glyph.x0);
                if glyph.size > run.size {
                    (run.size, run.y) = (glyph.size, glyph.y);
                }
                run.glyphs.push((glyph, spaced));
            }
            _ => runs.push(Run {
                glyphs: vec![(glyph, false)],
                x0: glyph.x0,
                x1: glyph.x1,
                y: glyph.y,
                size: glyph.size,
            }),
        }
        spaced = false;
    }
    runs
}

/// Whether the same glyph was drawn here already, as fonts are made bold by drawing them twice.
fn overprinted(glyph: &Glyph, seen: &mut HashSet<(String, i32, i32)>) -> bool {
    let cell = |value: f32| (value * 1.5).round() as i32;
    let key = (glyph.text.clone(), cell(glyph.x0), cell(glyph.y));
    !glyph.text.is_empty() && !seen.insert(key)
}

fn follows(run: &Run<'_>, glyph: &Glyph, spaced: bool) -> bool {
    let Some((last, _)) = run.glyphs.last() else {
        return false;
    };
    let size = run.size.max(glyph.size);
    let gap = glyph.x0 - last.x1;
    let reach = if spaced { SPACED_RUN_GAP } else { RUN_GAP };
    same_line(run.y, run.size, glyph.y, glyph.size) && gap > -0.9 * size && gap < reach * size
}

/// Whether two baselines are of one line: equal, or one of a smaller script beside the other.
fn same_line(y: f32, size: f32, other_y: f32, other_size: f32) -> bool {
    let (large, small) = (size.max(other_size), size.min(other_size));
    let reach = if small < 0.85 * large { 0.55 } else { 0.25 };
    (y - other_y).abs() <= reach * large
}

/// Links each run to its nearest neighbour on the right.
fn chains<'r, 'g>(runs: &'r [Run<'g>]) -> Vec<Vec<&'r Run<'g>>> {
    let mut order: Vec<&Run<'g>> = runs.iter().collect();
    order.sort_by(|a, b| a.x0.total_cmp(&b.x0));
    let mut chains: Vec<Vec<&Run<'g>>> = Vec::new();
    for run in order {
        let near = chains
            .iter()
            .enumerate()
            .filter_map(|(index, chain)| {
                let end = chain.iter().max_by(|a, b| a.x1.total_cmp(&b.x1))?;
                let main = chain.iter().max_by(|a, b| a.size.total_cmp(&b.size))?;
                let gap = run.x0 - end.x1;
                let size = run.size.max(main.size);
                let near = gap > -0.5 * size && gap < PIECE_GAP * size;
                (near && same_line(main.y, main.size, run.y, run.size)).then_some((index, gap.abs()))
            })
            .min_by(|a, b| a.1.total_cmp(&b.1));
        match near.and_then(|(index, _)| chains.get_mut(index)) {
            Some(chain) => chain.push(run),
            None => chains.push(vec![run]),
        }
    }
    chains
}

fn line(chain: Vec<&Run<'_>>, page: u32) -> Option<Line> {
    let glyphs = || {
        chain
            .iter()
            .flat_map(|run| run.glyphs.iter().enumerate().map(|(at, glyph)| (at == 0, glyph)))
    };
    let inked = glyphs().filter(|(_, (glyph, _))| !glyph.text.is_empty());
    let mut sizes: Vec<(f32, f32)> = inked.map(|(_, (glyph, _))| (glyph.size, glyph.y)).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let size = most(&sizes)?;
    let mut baselines: Vec<f32> = sizes
        .iter()
        .filter(|(each, _)| (each - size).abs() < 0.1 * size)
        .map(|(_, y)| *y)
        .collect();
    baselines.sort_by(f32::total_cmp);
    let y = *baselines.get(baselines.len() / 2)?;
    let x0 = chain.iter().map(|run| run.x0).min_by(f32::total_cmp)?;
    let x1 = chain.iter().map(|run| run.x1).max_by(f32::total_cmp)?;
    let mut marks = Vec::new();
    let mut end: Option<f32> = None;
    for (_, (glyph, spaced)) in glyphs() {
        let gap = end.map_or(0.0, |end| glyph.x0 - end);
        let local = glyph.size.max(0.7 * size);
        if !marks.is_empty() && (*spaced && gap > -0.3 * local || gap > WORD_GAP * local) {
            let character = if gap > TAB_GAP * local { TAB } else { ' ' };
            marks.push(Mark::gap(character, glyph.size));
        }
        end = Some(end.map_or(glyph.x1, |end| end.max(glyph.x1)));
        marks.extend(glyph.text.chars().map(|character| Mark {
            character,
            size: glyph.size,
            rise: y - glyph.y,
            weight: glyph.look.weight,
            slant: glyph.look.slant,
            bold: false,
            italic: false,
        }));
    }
    let mut line = Line {
        page,
        x0,
        x1,
        y,
        size,
        marks,
        ..Line::default()
    };
    line.settle();
    (!line.marks.is_empty()).then_some(line)
}

/// The size that most characters have.
fn most(sorted: &[(f32, f32)]) -> Option<f32> {
    sorted.get(sorted.len() / 2).map(|(size, _)| *size)
}

fn main_size<'m>(marks: impl Iterator<Item = &'m Mark>) -> f32 {
    let mut sizes: Vec<(f32, f32)> = marks.map(|mark| (mark.size, mark.rise)).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    most(&sizes).unwrap_or_default()
}
