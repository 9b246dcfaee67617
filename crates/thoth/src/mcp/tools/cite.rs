//! `cite`: how to refer to a paper, in a style or for another program.

use rmcp::model::Tool;
use rmcp::schemars::{self, JsonSchema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::papers::{find, unread};
use super::{Refusal, Reply, blocking, tool};
use crate::citations::format::{Formatted, bibliography};
use crate::citations::style::Choice;
use crate::citations::{self, csl_json};
use crate::http::generation::Generation;
use crate::mcp::Call;
use crate::paper::Metadata;

/// Papers that are cited at once, at most.
const CITED_MAX: usize = 50;

/// What `cite` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cite {
    /// Ids of the papers, as `search`, `ask` and `list_papers` give them.
    #[schemars(length(min = 1, max = 50), inner(length(max = 64)))]
    papers: Vec<String>,
    /// What for: `text` or `markdown` in a style, or an entry in `bibtex` or `csl-json`. `text` where it is left out.
    #[serde(default)]
    format: Option<Format>,
    /// The style of `text` and `markdown`; that of the settings where it is left out.
    #[serde(default)]
    style: Option<StyleName>,
}

/// What a paper is cited as.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
enum Format {
    #[default]
    Text,
    Markdown,
    Bibtex,
    CslJson,
}

/// The styles that have a name; a test compares them with those of the settings.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
enum StyleName {
    #[serde(rename = "IEEE")]
    Ieee,
    #[serde(rename = "APA")]
    Apa,
    #[serde(rename = "MLA")]
    Mla,
    Chicago,
    Harvard,
}

impl StyleName {
    fn choice(self) -> Option<Choice> {
        Choice::named(match self {
            Self::Ieee => "IEEE",
            Self::Apa => "APA",
            Self::Mla => "MLA",
            Self::Chicago => "Chicago",
            Self::Harvard => "Harvard",
        })
    }
}

pub(super) fn cite_tool(generation: &Generation) -> Tool {
    let style = generation.settings.citation.style.written();
    tool::<Cite>(
        "cite",
        "Cite papers",
        format!(
            "Refers to papers: a line in a style for each, or an entry for another program. It is made of what was \
             found in their PDFs; what was not found is left out, nothing is made up. The style of the settings is \
             now `{style}`."
        ),
    )
}

pub(super) async fn cite(call: &Call, cite: Cite) -> Result<Reply, Refusal> {
    if cite.papers.is_empty() || cite.papers.len() > CITED_MAX {
        let given = cite.papers.len();
        return Err(Refusal(format!("`papers` names {given} papers; it must name 1 to {CITED_MAX}")));
    }
    let mut papers = Vec::new();
    for id in &cite.papers {
        let row = find(call, id).await?;
        let metadata = row.metadata.ok_or_else(|| unread(id, row.status.as_str(), row.reason.as_deref()))?;
        papers.push((id.clone(), metadata));
    }
    let format = cite.format.unwrap_or_default();
    let choice = cite.style.and_then(StyleName::choice);
    let choice = choice.unwrap_or_else(|| call.generation.settings.citation.style.clone());
    let style = choice.written().to_owned();
    let is_styled = matches!(format, Format::Text | Format::Markdown);
    let entries = match format {
        Format::Bibtex => papers.iter().map(|(id, metadata)| entry(id, metadata, None)).collect(),
        Format::CslJson => {
            papers.iter().map(|(id, metadata)| item(id, metadata)).collect::<Result<_, _>>()?
        }
        Format::Text | Format::Markdown => {
            blocking("the papers cannot be formatted", move || styled(&papers, &choice, format)).await?
        }
    };
    let lines: Vec<&str> = entries.iter().map(|(_, citation)| citation.as_str()).collect();
    let text = lines.join(if is_styled { "\n" } else { "\n\n" });
    let entries: Vec<Value> =
        entries.iter().map(|(id, citation)| json!({ "paper": id, "citation": citation })).collect();
    let structured = json!({
        "entries": entries, "format": format, "style": is_styled.then_some(style),
    });
    Ok(Reply { structured, text })
}

/// A paper and its citation.
type Entry = (String, String);

fn entry(id: &str, metadata: &Metadata, text: Option<String>) -> Entry {
    (id.to_owned(), text.unwrap_or_else(|| citations::bibtex(metadata).trim().to_owned()))
}

fn item(id: &str, metadata: &Metadata) -> Result<Entry, Refusal> {
    let item = csl_json::of_paper(&citations::citation_key(metadata), metadata);
    Ok(entry(id, metadata, Some(serde_json::to_string_pretty(&item)?)))
}

/// In the order that the style asks for.
fn styled(papers: &[(String, Metadata)], choice: &Choice, format: Format) -> Result<Vec<Entry>, String> {
    let works: Vec<Value> = papers.iter().map(|(id, metadata)| csl_json::of_paper(id, metadata)).collect();
    let formatted = bibliography(&works, choice.style()?.as_ref())?;
    Ok(formatted.iter().map(|work| (work.id.clone(), line(work, format))).collect())
}

fn line(work: &Formatted, format: Format) -> String {
    let text = if format == Format::Markdown { work.markdown() } else { work.text() };
    match &work.number {
        Some(number) => format!("{number} {text}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::citations::style::NAMES;

    #[test]
    fn every_style_with_a_name_can_be_asked_for() {
        for name in NAMES {
            let style: StyleName = serde_json::from_value(json!(name)).unwrap();
            assert_eq!(style.choice().unwrap().written(), *name);
        }
        let all = [StyleName::Ieee, StyleName::Apa, StyleName::Mla, StyleName::Chicago, StyleName::Harvard];
        assert_eq!(all.len(), NAMES.len());
    }
}
