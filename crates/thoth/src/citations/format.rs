//! Styles applied: works formatted as text and as Markdown.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hayagriva::citationberg::json::Item;
use hayagriva::citationberg::{FontStyle, FontWeight, VerticalAlign};
use hayagriva::{
    BibliographyDriver, BibliographyRequest, CitationItem, CitationRequest, ElemChild, ElemChildren,
    Formatting,
};
use serde_json::Value;

use super::mend;
use super::style::Style;
use crate::notes::render::escaped;

/// A work as a style shows it in a bibliography.
#[derive(Clone, Debug, PartialEq)]
pub struct Formatted {
    /// The id that the work came with.
    pub id: String,
    /// What numbers the entry, where the style numbers: `[1]`.
    pub number: Option<String>,
    runs: Vec<Run>,
}

/// Text in one look.
#[derive(Clone, Debug, PartialEq)]
struct Run {
    text: String,
    look: Formatting,
}

impl Formatted {
    /// Plain text on one line, without the number.
    pub fn text(&self) -> String {
        one_line(&self.runs.iter().map(|run| run.text.as_str()).collect::<String>())
    }

    /// Markdown on one line, without the number: nothing in a title has a meaning of its own.
    pub fn markdown(&self) -> String {
        one_line(&self.runs.iter().map(Run::markdown).collect::<String>())
    }
}

impl Run {
    fn markdown(&self) -> String {
        let look = &self.look;
        let bare = self.text.trim();
        let (start, end) = match (look.font_style, look.font_weight, look.vertical_align) {
            _ if bare.is_empty() => return self.text.clone(),
            (_, _, VerticalAlign::Sup) => ("<sup>", "</sup>"),
            (_, _, VerticalAlign::Sub) => ("<sub>", "</sub>"),
            (FontStyle::Italic, FontWeight::Bold, _) => ("***", "***"),
            (FontStyle::Italic, _, _) => ("*", "*"),
            (_, FontWeight::Bold, _) => ("**", "**"),
            _ => return escaped(&self.text),
        };
        // Marks must stand at the words, not at the space around them.
        let lead = self.text.len() - self.text.trim_start().len();
        let before = self.text.get(..lead).unwrap_or_default();
        let after = self.text.get(lead + bare.len()..).unwrap_or_default();
        format!("{before}{start}{}{end}{after}", escaped(bare))
    }
}

/// Formats works, in the order that the style asks for. A work is CSL-JSON, as `csl_json` writes it.
///
/// # Errors
/// Why the style cannot be applied.
pub fn bibliography(works: &[Value], style: &Style) -> Result<Vec<Formatted>, String> {
    let items = works.iter().map(|work| serde_json::from_value(mend::beforehand(work)));
    let items: Vec<Item> =
        items.collect::<Result<_, _>>().map_err(|error| format!("a work is no CSL-JSON: {error}"))?;
    // What a style can make its engine do is not known beforehand; a panic there must not go further.
    let mut entries = catch_unwind(AssertUnwindSafe(|| applied(&items, style)))
        .map_err(|_| format!("the style `{}` cannot be applied: its engine failed", style.title()))?
        .ok_or_else(|| format!("the style `{}` has no bibliography", style.title()))?;
    let by_id: HashMap<&str, &Value> =
        works.iter().filter_map(|work| Some((work.get("id")?.as_str()?, work))).collect();
    for entry in &mut entries {
        let mends = by_id.get(entry.id.as_str()).map(|work| mend::Mends::new(work)).unwrap_or_default();
        entry.runs.iter_mut().for_each(|run| run.text = mends.apply(&run.text));
    }
    Ok(entries)
}

fn applied(items: &[Item], style: &Style) -> Option<Vec<Formatted>> {
    let mut driver = BibliographyDriver::new();
    for item in items {
        let request = CitationRequest::new(
            vec![CitationItem::with_entry(item)],
            &style.rules,
            style.locale.clone(),
            &style.locales,
            None,
        );
        driver.citation(request);
    }
    let request = BibliographyRequest::new(&style.rules, style.locale.clone(), &style.locales);
    let entries = driver.finish(request).bibliography?.items;
    let formatted = entries.into_iter().map(|entry| {
        let number = entry.first_field.map(|field| {
            let mut runs = Vec::new();
            collect(&field, &mut runs);
            runs.iter().map(|run| run.text.as_str()).collect::<String>().trim().to_owned()
        });
        Formatted {
            id: entry.key,
            number: number.filter(|number| !number.is_empty()),
            runs: runs(&entry.content),
        }
    });
    Some(formatted.collect())
}

/// Whether a style can be applied at all.
pub(super) fn tried(style: &Style) -> Result<(), String> {
    let name = serde_json::json!({ "family": "Lovelace", "given": "Ada" });
    let common = |kind: &str| {
        serde_json::json!({
            "id": kind, "type": kind, "title": "On Engines", "author": [name], "container-title": "Letters",
            "issued": { "date-parts": [[1843]] }, "volume": "3", "page": "666-731", "DOI": "10.1000/1",
        })
    };
    let works: Vec<Value> =
        ["article-journal", "article", "book", "paper-conference", "document"].map(common).into();
    bibliography(&works, style).map(drop)
}

fn runs(children: &ElemChildren) -> Vec<Run> {
    let mut runs = Vec::new();
    children.0.iter().for_each(|child| collect(child, &mut runs));
    runs
}

fn collect(child: &ElemChild, runs: &mut Vec<Run>) {
    let mut add = |text: &str, look: Formatting| match runs.last_mut() {
        Some(last) if last.look == look => last.text.push_str(text),
        _ => runs.push(Run { text: text.to_owned(), look }),
    };
    match child {
        ElemChild::Text(formatted) | ElemChild::Link { text: formatted, .. } => {
            add(&formatted.text, formatted.formatting);
        }
        ElemChild::Markup(text) => add(text, Formatting::default()),
        ElemChild::Elem(element) => element.children.0.iter().for_each(|child| collect(child, runs)),
        ElemChild::Transparent { .. } => {}
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
