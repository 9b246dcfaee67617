//! The reading order of a page: bands of columns between what spans them, each column from top to bottom.

use super::lines::{Line, SCRIPT_SIZE};

/// A column narrower than this is a margin of labels or numbers, not text, in points.
const COLUMN_WIDTH_MIN: f32 = 50.0;
/// Lines that stand on both sides of a gutter at least.
const COLUMN_LINES_MIN: usize = 3;
/// Columns within columns.
const DEPTH_MAX: usize = 4;
/// Positions that are tried as gutter.
const GUTTERS_MAX: usize = 200;

/// Lines of one column between two things that span it, from top to bottom.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Column {
    /// Its lines.
    pub lines: Vec<Line>,
    /// Left edge.
    pub x0: f32,
    /// Right edge.
    pub x1: f32,
}

/// Puts the pieces of one page in reading order. What stands above the piece that opens the abstract is read before
/// anything below: title and addresses are not set in the columns of the text.
pub(crate) fn columns(pieces: Vec<Line>, opens_summary: impl Fn(&Line) -> bool) -> Vec<Column> {
    let cut = pieces
        .iter()
        .filter(|piece| piece.page == 1 && opens_summary(piece))
        .map(|piece| piece.y - 1.1 * piece.size)
        .min_by(f32::total_cmp)
        .unwrap_or(f32::MIN);
    let (front, text): (Vec<Line>, Vec<Line>) = pieces.into_iter().partition(|piece| piece.y < cut);
    let mut columns = Vec::new();
    split(front, 0, &mut columns);
    split(text, 0, &mut columns);
    columns
}

fn split(mut pieces: Vec<Line>, depth: usize, out: &mut Vec<Column>) {
    if pieces.is_empty() {
        return;
    }
    pieces.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.x0.total_cmp(&b.x0)));
    let gutter = if depth < DEPTH_MAX { best_gutter(&pieces) } else { None };
    let Some(x) = gutter else {
        out.push(column(pieces));
        return;
    };
    for band in bands(pieces, x) {
        match band {
            Band::Across(lines) => out.push(column(lines)),
            Band::Beside(left, right) => {
                split(left, depth + 1, out);
                split(right, depth + 1, out);
            }
        }
    }
}

enum Band {
    Across(Vec<Line>),
    Beside(Vec<Line>, Vec<Line>),
}

fn crosses(piece: &Line, x: f32) -> bool {
    piece.x0 < x - 1.0 && piece.x1 > x + 1.0
}

/// Cuts sorted pieces into what crosses `x` and what stands on its two sides. Where nothing stands on one side there
/// are no columns: the short last line of a paragraph stays with it.
fn bands(pieces: Vec<Line>, x: f32) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    for piece in pieces {
        let across = crosses(&piece, x);
        let left = piece.x0 + piece.x1 < 2.0 * x;
        match bands.last_mut() {
            Some(Band::Across(lines)) if across => lines.push(piece),
            Some(Band::Beside(lefts, rights)) if !across => if left { lefts } else { rights }.push(piece),
            _ if across => bands.push(Band::Across(vec![piece])),
            _ if left => bands.push(Band::Beside(vec![piece], Vec::new())),
            _ => bands.push(Band::Beside(Vec::new(), vec![piece])),
        }
    }
    let mut joined: Vec<Band> = Vec::new();
    for band in freed(bands) {
        let band = match band {
            Band::Beside(lines, none) | Band::Beside(none, lines) if none.is_empty() => Band::Across(lines),
            band => band,
        };
        match (joined.last_mut(), band) {
            (Some(Band::Across(above)), Band::Across(mut lines)) => above.append(&mut lines),
            (_, band) => joined.push(band),
        }
    }
    joined
}

/// Frees what only seems to stand in a column: what follows a gap below both columns, such as a short heading above text
/// that spans them, belongs to what comes next.
fn freed(bands: Vec<Band>) -> Vec<Band> {
    let mut freed: Vec<Band> = Vec::new();
    for band in bands {
        let Band::Across(lines) = band else {
            freed.push(band);
            continue;
        };
        let mut tail = Vec::new();
        if let Some(Band::Beside(left, right)) = freed.last_mut() {
            let (low, high) = if bottom(left) > bottom(right) { (left, right) } else { (right, left) };
            let end = bottom(high);
            let begins = low.windows(2).rposition(|pair| {
                let [above, below] = pair else { return false };
                below.y - above.y > 1.8 * below.size.max(above.size) && below.top() > end
            });
            if let Some(at) = begins.filter(|_| end > f32::MIN) {
                tail = low.split_off(at + 1);
            }
        }
        tail.extend(lines);
        freed.push(Band::Across(tail));
    }
    freed
}

fn bottom(pieces: &[Line]) -> f32 {
    pieces.iter().map(Line::bottom).fold(f32::MIN, f32::max)
}

/// The position with the most text on both of its sides, if it is worth being called a gutter.
fn best_gutter(pieces: &[Line]) -> Option<f32> {
    let x0 = pieces.iter().map(|piece| piece.x0).min_by(f32::total_cmp)?;
    let x1 = pieces.iter().map(|piece| piece.x1).max_by(f32::total_cmp)?;
    let first = x0 + COLUMN_WIDTH_MIN;
    let step = ((x1 - x0 - 2.0 * COLUMN_WIDTH_MIN) / GUTTERS_MAX as f32).max(2.0);
    let tried =
        (0..GUTTERS_MAX).map(|at| first + at as f32 * step).take_while(|x| *x <= x1 - COLUMN_WIDTH_MIN);
    let worths: Vec<Worth> = tried.map(|x| worth(pieces, x)).filter(|worth| worth.height > 0.0).collect();
    let most = worths.iter().map(|worth| worth.height).max_by(f32::total_cmp)?;
    // Beside the true gutter stand narrower gaps with as much text on their sides, such as that after list labels.
    let near = worths.iter().filter(|worth| worth.height > 0.8 * most);
    near.max_by(|a, b| a.gap.total_cmp(&b.gap)).map(|worth| worth.middle)
}

/// What speaks for a gutter.
#[derive(Clone, Copy, Default)]
struct Worth {
    /// Height of the text that stands on both sides.
    height: f32,
    /// Width of the gap, in the band with the most text.
    gap: f32,
    /// Height of that band.
    tallest: f32,
    /// The middle of its gap.
    middle: f32,
}

impl Worth {
    fn add(&mut self, sides: &[Side; 2], x: f32) {
        let (height, gap, middle) = agreed(sides, x);
        self.height += height;
        if height > self.tallest {
            (self.tallest, self.gap, self.middle) = (height, gap, middle);
        }
    }
}

fn worth(pieces: &[Line], x: f32) -> Worth {
    let mut worth = Worth::default();
    let [mut left, mut right] = [Side::default(), Side::default()];
    for piece in pieces {
        if crosses(piece, x) {
            worth.add(&[left, right], x);
            [left, right] = [Side::default(), Side::default()];
        } else if piece.x0 + piece.x1 < 2.0 * x {
            left.add(piece);
        } else {
            right.add(piece);
        }
    }
    worth.add(&[left, right], x);
    worth
}

#[derive(Clone, Copy, Default)]
struct Side {
    lines: usize,
    height: f32,
    last_y: f32,
    width: f32,
    inner_left: f32,
    inner_right: f32,
    size: f32,
}

impl Side {
    fn add(&mut self, piece: &Line) {
        if self.lines == 0 || piece.y > self.last_y + 0.5 * piece.size {
            self.lines += 1;
            self.height += piece.size;
            self.last_y = piece.y;
        }
        self.inner_right = if self.width == 0.0 { piece.x0 } else { self.inner_right.min(piece.x0) };
        self.inner_left = self.inner_left.max(piece.x1);
        self.width = self.width.max(piece.x1 - piece.x0);
        self.size = self.size.max(piece.size.min(14.0));
    }
}

/// Height of the text on both sides, 0 if that is no text in columns; width and middle of the gap between them.
fn agreed(sides: &[Side; 2], x: f32) -> (f32, f32, f32) {
    let [left, right] = sides;
    let (begins, ends) = (left.inner_left.min(x), right.inner_right.max(x));
    let gap = ends - begins;
    let wide = left.width >= COLUMN_WIDTH_MIN && right.width >= COLUMN_WIDTH_MIN;
    let tall = left.lines >= COLUMN_LINES_MIN && right.lines >= COLUMN_LINES_MIN;
    let apart = gap >= 0.6 * left.size.min(right.size);
    let height = if wide && tall && apart { left.height.min(right.height) } else { 0.0 };
    (height, gap, (begins + ends) / 2.0)
}

/// A column out of the pieces that belong to it: pieces on one height are one line.
fn column(pieces: Vec<Line>) -> Column {
    let pieces = with_capitals(pieces);
    let mut lines: Vec<Line> = Vec::new();
    let mut row: Vec<Line> = Vec::new();
    for piece in pieces {
        let same = row.iter().any(|other| beside(other, &piece));
        if !same {
            lines.extend(merged(std::mem::take(&mut row)));
        }
        row.push(piece);
    }
    lines.extend(merged(row));
    let x0 = lines.iter().map(|line| line.x0).min_by(f32::total_cmp).unwrap_or_default();
    let x1 = lines.iter().map(|line| line.x1).max_by(f32::total_cmp).unwrap_or_default();
    Column { lines, x0, x1 }
}

/// Puts drop capitals before the line at whose height they begin.
fn with_capitals(pieces: Vec<Line>) -> Vec<Line> {
    let sizes: Vec<f32> = pieces.iter().map(|piece| piece.size).collect();
    let usual = sizes.iter().copied().fold(f32::MAX, f32::min);
    let is_capital = |piece: &Line| {
        let single = matches!(piece.marks.as_slice(), [mark] if mark.character.is_uppercase());
        single && piece.size > 1.7 * usual
    };
    let (capitals, mut lines): (Vec<Line>, Vec<Line>) = pieces.into_iter().partition(is_capital);
    for capital in capitals {
        let beside = lines.iter_mut().filter(|line| {
            let gap = line.x0 - capital.x1;
            let high = (line.top() - capital.top()).abs() < 0.35 * capital.size;
            high && gap > -0.2 * capital.size && gap < 2.0 * line.size && line.size < 0.6 * capital.size
        });
        match beside.min_by(|a, b| a.y.total_cmp(&b.y)) {
            Some(line) => line.marks.splice(0..0, capital.marks.iter().copied()).for_each(drop),
            None => lines.push(capital),
        }
    }
    lines.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.x0.total_cmp(&b.x0)));
    lines
}

/// Whether two pieces of a column are of one line; a raised or lowered mark is smaller than what it stands beside.
fn beside(piece: &Line, other: &Line) -> bool {
    let (large, small) = if piece.size >= other.size { (piece, other) } else { (other, piece) };
    let script = small.size < SCRIPT_SIZE * large.size && small.marks.len() <= 12;
    let reach = if script { 0.5 } else { 0.3 };
    (large.y - small.y).abs() < reach * large.size
}

fn merged(mut row: Vec<Line>) -> Option<Line> {
    row.sort_by(|a, b| a.x0.total_cmp(&b.x0));
    let mut pieces = row.into_iter();
    let mut line = pieces.next()?;
    pieces.for_each(|piece| line.append(piece));
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdf::read::lines::Mark;

    /// A piece of five letters' width for each letter of its text, which is its name here.
    fn piece(text: &str, x0: f32, x1: f32, y: f32, size: f32) -> Line {
        let mark = |character| Mark { character, size, ..Mark::gap(character, size) };
        Line { page: 1, x0, x1, y, size, marks: text.chars().map(mark).collect(), ..Line::default() }
    }

    fn check(pieces: Vec<Line>, wanted: &[&str]) {
        let texts = |column: &Column| column.lines.iter().map(Line::text).collect::<Vec<_>>().join(" ");
        let found: Vec<String> =
            columns(pieces, |line| line.text() == "Abstract").iter().map(texts).collect();
        assert_eq!(found, wanted);
    }

    /// Lines `a1`, `a2`, … of a column.
    fn lines(name: &str, x0: f32, x1: f32, from: f32, count: u16) -> Vec<Line> {
        let line = |at: u16| piece(&format!("{name}{at}"), x0, x1, from + 12.0 * f32::from(at), 10.0);
        (0..count).map(line).collect()
    }

    #[test]
    fn columns_are_read_one_after_the_other_between_what_spans_them() {
        let mut pieces =
            vec![piece("title", 60.0, 500.0, 50.0, 18.0), piece("figure", 60.0, 500.0, 200.0, 10.0)];
        pieces.extend(lines("l", 60.0, 270.0, 100.0, 4));
        pieces.extend(lines("r", 290.0, 500.0, 100.0, 4));
        pieces.extend(lines("m", 60.0, 270.0, 250.0, 3));
        pieces.extend(lines("n", 290.0, 500.0, 250.0, 3));
        check(pieces, &["title", "l0 l1 l2 l3", "r0 r1 r2 r3", "figure", "m0 m1 m2", "n0 n1 n2"]);
    }

    #[test]
    fn labels_before_a_column_stay_with_it() {
        let mut pieces = lines("l", 60.0, 270.0, 100.0, 9);
        pieces.extend(lines("r", 305.0, 500.0, 100.0, 9));
        pieces.extend([106.0, 154.0, 190.0].map(|y| piece("9", 290.0, 295.0, y, 10.0)));
        let found = columns(pieces, |_| false);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().any(|column| column.lines.iter().all(|line| line.x0 < 280.0)));
    }

    #[test]
    fn a_drop_capital_opens_the_line_at_its_top() {
        let mut pieces = vec![piece("T", 60.0, 76.0, 112.0, 24.0), piece("HIS", 78.0, 270.0, 100.0, 10.0)];
        pieces.extend([piece("is", 78.0, 270.0, 112.0, 10.0), piece("read", 60.0, 270.0, 124.0, 10.0)]);
        check(pieces, &["THIS is read"]);
    }
}
