//! From glyphs to pieces of lines: what stands side by side without a wide gap. Whether two pieces beside each other
//! are one line or two columns is decided later, when the columns are known.

use super::glyphs::{Glyph, PageGlyphs};
use super::lines::{Line, Mark, SCRIPT_SIZE, TAB, TAB_GAP, WORD_GAP, most};
use std::collections::HashSet;

/// A gap that glyphs drawn one after another may leave and still belong together, in sizes.
const RUN_GAP: f32 = 1.0;
/// The same when a space was drawn in the gap: justified lines stretch it.
const SPACED_RUN_GAP: f32 = 1.6;
/// A gap that pieces drawn apart may leave and still belong together, in sizes.
const PIECE_GAP: f32 = 0.7;
/// Type smaller than this, against what stands before it, is not a script but text beside a drop capital.
const DROP_CAPITAL: f32 = 0.55;
/// How far a glyph may reach over the one before it, in sizes; kerning does a little.
const OVERLAP: f32 = 0.3;
/// Characters of a piece that is no text of its own, at most.
const STRAY_MARKS_MAX: usize = 6;
/// Such pieces of one page, at most.
const STRAYS_MAX: usize = 500;
/// A gap is wider than its neighbours from this many times the median gap of its line on, if it is also wider than …
const WIDE_GAP: f32 = 2.5;
/// … this, in sizes.
const WIDE_GAP_MIN: f32 = 0.6;
/// Pieces of one page; more is not a page of text.
const PIECES_MAX: usize = 8_000;

/// The pieces of a page's lines, unordered.
pub(crate) fn pieces(page: &PageGlyphs, number: u32) -> Vec<Line> {
    let mut runs = runs(&page.glyphs);
    runs.truncate(PIECES_MAX);
    let mut pieces: Vec<Line> = chains(&runs).iter().filter_map(|chain| line(chain, number)).collect();
    doubt_beside_strays(&mut pieces);
    pieces
}

/// Signs that stand between two lines (a radical over its number, limits of a sum) are read into one of them by some
/// readers: what is near them becomes doubtful.
fn doubt_beside_strays(pieces: &mut [Line]) {
    let is_stray = |piece: &&Line| piece.marks.len() <= STRAY_MARKS_MAX;
    let strays: Vec<Line> = pieces.iter().filter(is_stray).take(STRAYS_MAX).cloned().collect();
    for piece in pieces.iter_mut().filter(|piece| piece.marks.len() > 2 * STRAY_MARKS_MAX) {
        let size = piece.size;
        let strays = strays.iter().filter(|stray| {
            let off = (stray.y - piece.y).abs();
            let within = stray.x0 > piece.x0 - size && stray.x1 < piece.x1 + size;
            within && off > 0.05 * size && off < 0.95 * size
        });
        for stray in strays {
            let near = stray.x0 - 1.5 * size..stray.x1 + 1.5 * size;
            piece
                .marks
                .iter_mut()
                .filter(|mark| near.contains(&mark.x))
                .for_each(|mark| mark.doubtful = true);
        }
    }
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
    if glyph.size < DROP_CAPITAL * run.size && run.glyphs.len() == 1 {
        return false;
    }
    same_line(run.y, run.size, glyph.y, glyph.size) && gap > -0.9 * size && gap < reach * size
}

/// Whether two baselines are of one line: equal, or one of a smaller script beside the other.
fn same_line(y: f32, size: f32, other_y: f32, other_size: f32) -> bool {
    let (large, small) = (size.max(other_size), size.min(other_size));
    let reach = if small < SCRIPT_SIZE * large { 0.55 } else { 0.25 };
    (y - other_y).abs() <= reach * large
}

/// Runs that stand side by side as one line.
struct Chain<'r, 'g> {
    runs: Vec<&'r Run<'g>>,
    /// Baseline and size of the largest run.
    y: f32,
    size: f32,
    x0: f32,
    x1: f32,
}

impl<'r, 'g> Chain<'r, 'g> {
    fn push(&mut self, run: &'r Run<'g>) {
        if run.size > self.size {
            (self.y, self.size) = (run.y, run.size);
        }
        self.x0 = self.x0.min(run.x0);
        self.x1 = self.x1.max(run.x1);
        self.runs.push(run);
    }

    /// Whether a run fits between glyphs of the chain.
    fn has_gap_for(&self, run: &Run<'g>) -> bool {
        let glyphs = self.runs.iter().flat_map(|run| &run.glyphs);
        glyphs
            .into_iter()
            .all(|(glyph, _)| glyph.x1 <= run.x0 + 0.1 * run.size || glyph.x0 >= run.x1 - 0.1 * run.size)
    }

    /// How far a run stands from the chain's end, if it can belong to it: beside it, or as a script within it.
    fn distance(&self, run: &Run<'g>) -> Option<f32> {
        let size = run.size.max(self.size);
        let gap = run.x0 - self.x1;
        let beside = gap > -0.5 * size && gap < PIECE_GAP * size;
        let script = run.size < SCRIPT_SIZE * self.size && run.glyphs.len() <= 6;
        let inside = run.x0 > self.x0 && run.x1 < self.x1 + 0.1 * size;
        let within = inside && (script || run.glyphs.len() <= 6 && self.has_gap_for(run));
        let capital = run.size < DROP_CAPITAL * self.size && self.runs.len() == 1 && run.glyphs.len() > 2;
        let near = same_line(self.y, self.size, run.y, run.size) && (beside || within) && !capital;
        near.then_some(if within { 0.0 } else { gap.abs() })
    }
}

/// Links each run to its nearest neighbour on the left.
fn chains<'r, 'g>(runs: &'r [Run<'g>]) -> Vec<Chain<'r, 'g>> {
    let mut order: Vec<&Run<'g>> = runs.iter().collect();
    order.sort_by(|a, b| a.x0.total_cmp(&b.x0));
    let mut chains: Vec<Chain<'r, 'g>> = Vec::new();
    for run in order {
        let near = chains.iter().enumerate().filter_map(|(index, chain)| Some((index, chain.distance(run)?)));
        let nearest = near.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(index, _)| index);
        match nearest.and_then(|index| chains.get_mut(index)) {
            Some(chain) => chain.push(run),
            None => {
                chains.push(Chain { runs: vec![run], y: run.y, size: run.size, x0: run.x0, x1: run.x1 });
            }
        }
    }
    chains
}

/// The glyphs of a chain from left to right; a script that was drawn apart stands in the gap that was left for it.
fn in_order<'g>(chain: &Chain<'_, 'g>) -> Vec<(&'g Glyph, bool)> {
    let mut order: Vec<(&Glyph, bool)> = Vec::new();
    for run in &chain.runs {
        let within = order.last().is_some_and(|(last, _)| run.x1 < last.x0);
        let at = order.iter().position(|(glyph, _)| within && glyph.x0 > run.x0).unwrap_or(order.len());
        order.splice(at..at, run.glyphs.iter().copied());
    }
    order
}

fn line(chain: &Chain<'_, '_>, page: u32) -> Option<Line> {
    let glyphs = in_order(chain);
    let inked = glyphs.iter().filter(|(glyph, _)| !glyph.text.is_empty());
    let mut sizes: Vec<(f32, f32)> = inked.map(|(glyph, _)| (glyph.size, glyph.y)).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let size = most(&sizes)?;
    let alike = sizes.iter().filter(|(each, _)| (each - size).abs() < 0.1 * size);
    let mut baselines: Vec<f32> = alike.map(|(_, y)| *y).collect();
    baselines.sort_by(f32::total_cmp);
    let y = *baselines.get(baselines.len() / 2)?;
    let mut line =
        Line { page, x0: chain.x0, x1: chain.x1, y, size, marks: marks(&glyphs, y, size), ..Line::default() };
    line.settle();
    (!line.marks.is_empty()).then_some(line)
}

fn marks(glyphs: &[(&Glyph, bool)], y: f32, size: f32) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut end: Option<f32> = None;
    let mut doubtful = false;
    let mut gaps: Vec<(usize, f32)> = Vec::new();
    for (glyph, spaced) in glyphs {
        let gap = end.map_or(0.0, |end| glyph.x0 - end);
        let local = glyph.size.max(0.7 * size);
        if !marks.is_empty() && (*spaced && gap > -0.3 * local || gap > WORD_GAP * local) {
            let character = if gap > TAB_GAP * local { TAB } else { ' ' };
            gaps.push((marks.len(), gap));
            marks.push(Mark::gap(character, glyph.size));
        }
        // One glyph over another, as a circle is put around a letter: which comes first is a matter of taste.
        let over = gap < -OVERLAP * local;
        end = Some(end.map_or(glyph.x1, |end| end.max(glyph.x1)));
        let unnamed = glyph.text.is_empty() && glyph.look.weight > 0.0;
        if (over || unnamed)
            && let Some(mark) = marks.iter_mut().rfind(|mark: &&mut Mark| !mark.character.is_whitespace())
        {
            mark.doubtful = true;
        }
        doubtful |= over || unnamed;
        marks.extend(glyph.text.chars().map(|character| Mark {
            character,
            size: glyph.size,
            x: glyph.x0,
            rise: y - glyph.y,
            weight: glyph.look.weight,
            slant: glyph.look.slant,
            doubtful,
            ..Mark::default()
        }));
        doubtful &= glyph.text.is_empty();
    }
    doubt_wide(&gaps, size, &mut marks);
    marks
}

fn doubt_wide(gaps: &[(usize, f32)], size: f32, marks: &mut [Mark]) {
    let mut widths: Vec<f32> = gaps.iter().map(|(_, width)| *width).collect();
    widths.sort_by(f32::total_cmp);
    let median = widths.get(widths.len() / 2).copied().unwrap_or_default();
    let wide = (WIDE_GAP * median).max(WIDE_GAP_MIN * size);
    for (at, _) in gaps.iter().filter(|(_, width)| *width > wide) {
        if let Some(mark) = marks.get_mut(*at) {
            mark.doubtful = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdf::read::glyphs::Look;

    /// Glyphs half as wide as their size, one after another.
    fn set(text: &str, x: f32, y: f32, size: f32) -> Vec<Glyph> {
        let glyph = |(at, character): (usize, char)| {
            let x0 = x + 0.5 * size * at as f32;
            Glyph { text: character.to_string(), x0, x1: x0 + 0.5 * size, y, size, look: Look::default() }
        };
        text.chars().enumerate().filter(|(_, character)| *character != '_').map(glyph).collect()
    }

    fn check(glyphs: Vec<Glyph>, wanted: &[&str]) {
        let page = PageGlyphs { width: 600.0, height: 800.0, glyphs, ..PageGlyphs::default() };
        let texts: Vec<String> = pieces(&page, 1).iter().map(Line::text).collect();
        assert_eq!(texts, wanted);
    }

    #[test]
    fn a_gap_is_a_space_and_a_wide_one_parts_pieces() {
        check(set("two_words", 10.0, 100.0, 10.0), &["two words"]);
        check([set("left", 10.0, 100.0, 10.0), set("right", 60.0, 100.0, 10.0)].concat(), &["left", "right"]);
    }

    #[test]
    fn scripts_stand_in_their_line_also_when_drawn_later() {
        check([set("R", 10.0, 100.0, 10.0), set("2", 15.0, 96.0, 7.0)].concat(), &["R2"]);
        let mut late = set("adjusted R_, higher", 10.0, 100.0, 10.0);
        late.extend(set("2", 60.5, 96.0, 7.0));
        check(late, &["adjusted R2, higher"]);
    }

    #[test]
    fn what_is_drawn_twice_is_read_once() {
        check([set("bold", 10.0, 100.0, 10.0), set("bold", 10.1, 100.0, 10.0)].concat(), &["bold"]);
    }

    #[test]
    fn a_drop_capital_is_no_part_of_the_line_at_its_foot() {
        let capital = set("T", 10.0, 110.0, 24.0);
        let lines = [capital, set("HIS paper", 23.0, 98.0, 10.0), set("is read", 23.0, 110.0, 10.0)];
        check(lines.concat(), &["T", "HIS paper", "is read"]);
    }
}
