//! The authors: names between the title and the abstract, and what the PDF says about itself.

use super::Front;
use super::names::{self, Names};
use crate::paper::{Field, Source};
use crate::pdf::read::lines::Line;
use crate::quote::fold;

/// Rows between the title and the first author at most: a subtitle, a date, a series number.
const ROWS_BEFORE_AUTHORS_MAX: usize = 4;

/// Full names in the paper's order.
pub(super) fn authors(front: &Front<'_>) -> Option<Field<Vec<String>>> {
    let printed = printed(front);
    let stated = stated(front);
    match (printed, stated) {
        (Some(printed), Some(stated))
            if agrees(&stated.value, front) && stated.value.len() > printed.value.len() =>
        {
            Some(stated)
        }
        (Some(printed), _) => Some(printed),
        (None, Some(stated)) => agrees(&stated.value, front).then_some(stated),
        (None, None) => None,
    }
}

/// Whether every surname stands in the text of the first page.
fn agrees(names: &[String], front: &Front<'_>) -> bool {
    let text: String =
        front.lines.iter().filter(|line| line.page == 1).map(|line| fold(&line.text())).collect();
    names.iter().all(|name| name.rsplit(' ').next().is_some_and(|surname| text.contains(&fold(surname))))
}

/// The authors that the PDF states about itself, if each of them is a name.
fn stated(front: &Front<'_>) -> Option<Field<Vec<String>>> {
    let from = |value: Vec<String>, source: Source| Field { value, source };
    let cleaned = |text: &str| {
        let text = text.replace("{et al.}", "").replace("et al.", "").replace(';', ",");
        let found = names::names(&text);
        if found.address { Vec::new() } else { found.names }
    };
    let xmp: Vec<String> =
        front.information.xmp_creators.iter().flat_map(|creator| cleaned(creator)).collect();
    let document = front.information.author.as_deref().map(cleaned).unwrap_or_default();
    let longer = if xmp.len() >= document.len() {
        from(xmp, Source::Xmp)
    } else {
        from(document, Source::DocumentInformation)
    };
    (!longer.value.is_empty()).then_some(longer)
}

/// The authors as the title page prints them.
fn printed(front: &Front<'_>) -> Option<Field<Vec<String>>> {
    let title = front.title.as_ref()?;
    let mut rows = rows(front, title);
    let style = style(&rows)?;
    rows.iter_mut().for_each(|row| row.retain(|piece| style.fits(piece)));
    rows.retain(|row| !row.is_empty());
    let names = collect(&rows);
    (!names.is_empty()).then_some(Field { value: names, source: Source::Layout { page: title.page } })
}

/// The pieces between the title and the abstract, row by row; what stands beside the title's column is left out.
fn rows<'l>(front: &'l Front<'_>, title: &super::title::Place) -> Vec<Vec<&'l Line>> {
    let end =
        front.summary_top.filter(|top| *top > title.bottom).unwrap_or(title.bottom + 0.35 * front.height);
    let centred = ((title.x0 + title.x1) - front.width).abs() < 0.08 * front.width;
    let mut pieces: Vec<&Line> = front
        .lines
        .iter()
        .filter(|line| line.page == title.page && line.y > title.bottom && line.bottom() < end + 1.0)
        .filter(|line| centred || line.x1 > title.x0)
        .collect();
    pieces.sort_by(|a, b| a.y.total_cmp(&b.y));
    let mut rows: Vec<Vec<&Line>> = Vec::new();
    for piece in pieces {
        match rows.last_mut() {
            Some(row) if row.iter().any(|other| (other.y - piece.y).abs() < 0.4 * other.size) => {
                row.push(piece)
            }
            _ => rows.push(vec![piece]),
        }
    }
    rows.iter_mut().for_each(|row| row.sort_by(|a, b| a.x0.total_cmp(&b.x0)));
    rows
}

/// How the names are set: as the first one is.
struct Style {
    size: f32,
    bold: bool,
    italic: bool,
}

impl Style {
    fn of(piece: &Line) -> Self {
        Self { size: piece.size, bold: piece.bold > 0.5, italic: piece.italic > 0.5 }
    }

    fn fits(&self, piece: &Line) -> bool {
        let other = Self::of(piece);
        (other.size - self.size).abs() < 0.06 * self.size
            && other.bold == self.bold
            && other.italic == self.italic
    }
}

fn style(rows: &[Vec<&Line>]) -> Option<Style> {
    let first = rows.iter().take(ROWS_BEFORE_AUTHORS_MAX + 1).flatten().find(|piece| {
        let text = names::marked_text(piece);
        !names::names(&text).names.is_empty()
    })?;
    Some(Style::of(first))
}

/// A piece, or several lines of one list, as one text.
struct Entry {
    text: String,
    found: Names,
    /// Which stack of pieces it stands in.
    stack: usize,
    /// Whether it is the first of its stack.
    first: bool,
}

/// Pieces close under one another, such as a name above an address.
struct Stack {
    middle: f32,
    y: f32,
    closed: bool,
    address: bool,
}

/// Collects the names of rows that are all set in the style of names.
fn collect(rows: &[Vec<&Line>]) -> Vec<String> {
    let (entries, stacks) = entries(rows);
    let mut in_address = vec![false; stacks.len()];
    let mut names = Vec::new();
    for entry in entries {
        let (Some(stack), Some(in_address)) = (stacks.get(entry.stack), in_address.get_mut(entry.stack))
        else {
            continue;
        };
        // A place can look like a name; in a stack with an address only its first line is one, and what has initials.
        let initials = entry.found.names.first().is_some_and(|name| name.contains('.'));
        let taken = entry.first || !stack.address || entry.found.list && (!*in_address || initials);
        if entry.found.names.is_empty() || names::is_address(&entry.text) && !entry.found.list {
            *in_address = true;
        } else if taken {
            names.extend(entry.found.names);
        }
    }
    names
}

fn entries(rows: &[Vec<&Line>]) -> (Vec<Entry>, Vec<Stack>) {
    let wide =
        rows.iter().flatten().map(|piece| piece.x1 - piece.x0).max_by(f32::total_cmp).unwrap_or_default();
    let mut stacks: Vec<Stack> = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    let mut above: Option<&Line> = None;
    for row in rows {
        let single = if let [piece] = row.as_slice() { Some(*piece) } else { None };
        for (at, piece) in row.iter().enumerate() {
            let text = names::marked_text(piece);
            let link = match (single, above, entries.last()) {
                (_, _, Some(last)) if at == 0 && breaks_off(&last.text) => Some(" "),
                (Some(_), Some(above), Some(last)) => goes_on(above, piece, &text, last, wide),
                _ => None,
            };
            if let (Some(link), Some(last)) = (link, entries.last_mut()) {
                last.text = format!("{}{link}{text}", last.text);
                last.found = names::names(&last.text);
                continue;
            }
            let found = names::names(&text);
            let (stack, first) = placed(&mut stacks, piece, &text);
            entries.push(Entry { text, found, stack, first });
        }
        above = single;
    }
    (entries, stacks)
}

/// How a line goes on with the list of names of the line above: within a name, or with the next one.
fn goes_on(above: &Line, piece: &Line, text: &str, last: &Entry, wide: f32) -> Option<&'static str> {
    let bare = last.text.trim_end_matches(|c: char| !c.is_alphanumeric() && c != ',' && c != '-');
    let full = above.x1 - above.x0 > 0.6 * wide || bare.ends_with(',') || bare.ends_with(" and");
    if !last.found.list || last.found.address || !full || piece.y - above.y > 2.2 * piece.size {
        return None;
    }
    let ending = bare.rsplit([',', names::MARK]).next().unwrap_or_default().trim();
    let opening = text.split([',', names::MARK]).next().unwrap_or_default().trim();
    let lone = !opening.contains(' ') && opening.chars().any(char::is_lowercase);
    match ending {
        _ if bare.ends_with('-') => Some(""),
        "" => Some(" "),
        // `Jane Doe` above `Department of …` or `FNAL, …` is complete; above `Smith, …` it is not.
        _ if names::is_name(ending) && !lone => Some(", "),
        _ => Some(" "),
    }
}

/// Whether the last name of a row goes on in the next: it ends with a particle.
fn breaks_off(text: &str) -> bool {
    names::is_particle(text.rsplit(' ').next().unwrap_or_default())
}

/// Puts a piece under the one above it, or begins a new stack.
fn placed(stacks: &mut Vec<Stack>, piece: &Line, text: &str) -> (usize, bool) {
    let middle = (piece.x0 + piece.x1) / 2.0;
    let address = names::is_address(text);
    let near = stacks.iter_mut().enumerate().find(|(_, stack)| {
        !stack.closed
            && (stack.middle - middle).abs() < 2.0 * piece.size
            && piece.y - stack.y < 2.0 * piece.size
    });
    if let Some((index, stack)) = near {
        stack.y = piece.y;
        stack.address |= address;
        stack.closed = text.contains('@');
        return (index, false);
    }
    stacks.push(Stack { middle, y: piece.y, closed: text.contains('@'), address });
    (stacks.len() - 1, true)
}
