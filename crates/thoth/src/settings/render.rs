//! What a check found, for people as a good compiler prints it, and for programs as JSON. Never shows a secret.

use std::fmt;

use changeover::Problem;
use changeover::check::Places;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, Severity, SourceCode};
use serde_json::{Value, json};

use super::excerpt::Excerpt;
use super::secrets;

/// How a report is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether colours are used: for terminals only.
    pub colors: bool,
    /// Columns of the output.
    pub width: usize,
}

/// The content of another file than the settings file, by the name that problems know it by; `None` where it cannot be had.
pub type Open<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// Writes every problem and every warning with an excerpt of its file, and one line that sums up.
///
/// # Errors
/// What `out` refuses.
pub fn write_report(
    out: &mut dyn fmt::Write,
    (file, content): (&str, &[u8]),
    open: Open<'_>,
    problems: &[Problem],
    warnings: &[Problem],
    style: Style,
) -> fmt::Result {
    let mut texts = vec![(file, without_secrets(content))];
    for name in problems.iter().chain(warnings).filter_map(|problem| problem.file.as_deref()) {
        if texts.iter().skip(1).all(|(known, _)| *known != name) {
            texts.push((name, without_secrets(&open(name).unwrap_or_default())));
        }
    }
    let sheets: Vec<Sheet<'_>> =
        texts.iter().map(|(name, text)| Sheet { name, places: Places::new(text) }).collect();
    let theme = if style.colors { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(style.width).with_links(false);
    let all = problems.iter().map(|problem| (problem, Severity::Error));
    for (problem, severity) in all.chain(warnings.iter().map(|warning| (warning, Severity::Warning))) {
        let sheet = match &problem.file {
            None => sheets.first(),
            Some(name) => sheets.iter().skip(1).find(|sheet| sheet.name == name),
        };
        let excerpt = sheet.and_then(|sheet| Excerpt::of(sheet.name, problem, &sheet.places));
        let report = Report { problem, severity, excerpt };
        let mut text = String::new();
        handler.render_report(&mut text, &report)?;
        for line in text.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        if report.excerpt.is_none() {
            writeln!(out, "   in {}", problem.file.as_deref().unwrap_or(file))?;
        }
        out.write_char('\n')?;
    }
    writeln!(out, "{}", summary(file, problems.len(), warnings.len()))
}

/// What a check found: `{"valid", "problems", "warnings"}`.
pub fn json(problems: &[Problem], warnings: &[Problem]) -> Value {
    json!({ "valid": problems.is_empty(), "problems": problems, "warnings": warnings })
}

/// A file that problems stand in, as it is shown.
struct Sheet<'a> {
    name: &'a str,
    places: Places<'a>,
}

fn summary(file: &str, problems: usize, warnings: usize) -> String {
    let count = |number: usize, name: &str| format!("{number} {name}{}", if number == 1 { "" } else { "s" });
    match (problems, warnings) {
        (0, 0) => format!("{file} is valid"),
        (0, warnings) => format!("{file} is valid, with {}", count(warnings, "warning")),
        (problems, 0) => format!("{file} would be refused: {}", count(problems, "problem")),
        (problems, warnings) => {
            format!("{file} would be refused: {}, {}", count(problems, "problem"), count(warnings, "warning"))
        }
    }
}

/// The text with each letter of a secret as `*`, so that every line and column stays.
fn without_secrets(content: &[u8]) -> String {
    let text = String::from_utf8_lossy(content);
    let secrets = secrets::of_file(&text);
    let mut ranges = secrets.iter().peekable();
    let mut shown = String::with_capacity(text.len());
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        while ranges.peek().is_some_and(|range| range.end <= at) {
            ranges.next();
        }
        let is_secret = ranges.peek().is_some_and(|range| range.contains(&at));
        match letter {
            '\r' if letters.peek().is_some_and(|(_, next)| *next == '\n') => {}
            // What draws the excerpt counts lines by LF alone, and marks no place at a line's end: hence the space.
            '\n' | '\r' => shown.push_str(" \n"),
            _ if is_secret => shown.push('*'),
            '\t' => shown.push(' '),
            letter if letter.is_control() => shown.push('\u{fffd}'),
            letter => shown.push(letter),
        }
    }
    shown.push(' ');
    shown
}

/// One problem as miette draws it.
#[derive(Debug)]
struct Report<'a> {
    problem: &'a Problem,
    severity: Severity,
    excerpt: Option<Excerpt<'a>>,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.problem.path.is_empty() {
            write!(out, "`{}`: ", self.problem.path)?;
        }
        out.write_str(&self.problem.message)
    }
}

impl std::error::Error for Report<'_> {}

impl Diagnostic for Report<'_> {
    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|excerpt| excerpt as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = self.excerpt.as_ref().map(Excerpt::label);
        label.map(|label| Box::new(std::iter::once(label)) as Box<dyn Iterator<Item = LabeledSpan>>)
    }
}
