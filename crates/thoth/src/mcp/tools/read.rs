//! `read_paper`: the text of a paper, by pages or by section, a page of text at a time.

use std::fmt::Write as _;

use rmcp::model::Tool;
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::arguments::{at_most, count};
use super::{Refusal, Reply, blocking, papers, tool};
use crate::mcp::Call;
use crate::paper::{Paper, Section};

/// Headings that are named of one paper, at most.
const HEADINGS_MAX: usize = 200;
/// Characters of a heading that are named.
const HEADING_CHARS_MAX: usize = 200;

/// What `read_paper` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Read {
    /// Id of the paper, as `search`, `ask` and `list_papers` give it.
    #[schemars(length(min = 1, max = 64))]
    paper: String,
    /// Only the section with this heading and those below it: the heading, or the beginning of it. Without this and
    /// without pages, the paper from its beginning.
    #[schemars(length(max = 200))]
    #[serde(default)]
    section: Option<String>,
    /// Only from this page of the PDF on, counted from 1.
    #[schemars(range(min = 1, max = 100_000))]
    #[serde(default)]
    first_page: Option<u32>,
    /// Only up to this page.
    #[schemars(range(min = 1, max = 100_000))]
    #[serde(default)]
    last_page: Option<u32>,
    /// How many characters of that text to leave out: `next_offset` of the piece before.
    #[schemars(range(min = 0, max = 100_000_000))]
    #[serde(default)]
    offset: Option<u32>,
    /// How many characters at most; 12000 where it is left out.
    #[schemars(range(min = 500, max = 50_000))]
    #[serde(default)]
    max_chars: Option<u32>,
}

pub(super) fn read_tool() -> Tool {
    tool::<Read>(
        "read_paper",
        "Read a paper",
        "Gives the text of a paper: all of it, one section, or some pages, in pieces. `## ` marks headings, `[page 3]` \
         where a page begins. The answer lists the paper's headings, and `next_offset` where the text goes on.",
    )
}

pub(super) async fn read(call: &Call, read: Read) -> Result<Reply, Refusal> {
    let first_page = count("first_page", read.first_page, 1, 1..=100_000)?;
    let last_page = count("last_page", read.last_page, 100_000, 1..=100_000)?;
    let offset = count("offset", read.offset, 0, 0..=100_000_000)?;
    let chars_max = count("max_chars", read.max_chars, 12_000, 500..=50_000)?;
    let section = read.section.as_deref().map(str::trim).filter(|section| !section.is_empty());
    at_most("section", section.unwrap_or_default(), HEADING_CHARS_MAX)?;
    let (title, paper) = paper(call, &read.paper).await?;
    let headings: Vec<Value> = paper.sections.iter().take(HEADINGS_MAX).map(heading).collect();
    let pages = first_page..=last_page;
    if pages.is_empty() || first_page > paper.page_count as usize {
        let page_count = paper.page_count;
        return Err(Refusal(format!(
            "the paper `{}` has no pages {first_page} to {last_page}; its pages are 1 to {page_count}",
            read.paper
        )));
    }
    let sections = match section {
        Some(wanted) => below(&paper, wanted).ok_or_else(|| no_section(&paper, wanted))?,
        None => paper.sections.as_slice(),
    };
    let whole = text(sections, |page| pages.contains(&(page as usize)));
    let total = whole.chars().count();
    if offset > 0 && offset >= total {
        return Err(Refusal(format!("`offset` is {offset}, and this text has {total} characters")));
    }
    let piece: String = whole.chars().skip(offset).take(chars_max).collect();
    let next_offset = Some(offset + piece.chars().count()).filter(|next| *next < total);
    let mut shown = format!("{title} (paper {}, {} pages)\n\n{piece}", read.paper, paper.page_count);
    if total == 0 {
        shown.push_str("There is no text here.");
    }
    if let Some(next) = next_offset {
        write!(shown, "\n\n[{next} of {total} characters so far; `offset` {next} goes on]")?;
    }
    let structured = json!({
        "paper": read.paper, "title": title, "page_count": paper.page_count, "sections": headings,
        "text": piece, "total_chars": total, "next_offset": next_offset,
    });
    Ok(Reply { structured, text: shown })
}

/// Title and text of a paper.
pub(super) async fn paper(call: &Call, id: &str) -> Result<(String, Paper), Refusal> {
    let row = papers::find(call, id).await?;
    let unread = || papers::unread(id, row.status.as_str(), row.reason.as_deref());
    let content = row.content.clone().ok_or_else(unread)?;
    let rag = call.generation.services.rag.handle();
    let paper = blocking("the text of the paper cannot be read", move || rag.paper(&content)).await?;
    Ok((row.title.clone().unwrap_or_else(|| row.file.clone()), paper.ok_or_else(unread)?))
}

/// The text of sections, as far as it stands on these pages.
pub(super) fn text(sections: &[Section], is_wanted: impl Fn(u32) -> bool) -> String {
    let (mut text, mut page) = (String::new(), 0);
    for section in sections {
        let mut wanted = section.paragraphs.iter().filter(|paragraph| is_wanted(paragraph.page)).peekable();
        if wanted.peek().is_some() && !section.title.is_empty() {
            let marks = "#".repeat(usize::from(section.level.clamp(1, 5)) + 1);
            text.push_str(&format!("{marks} {}\n\n", section.title));
        }
        for paragraph in wanted {
            if paragraph.page != page {
                page = paragraph.page;
                text.push_str(&format!("[page {page}]\n"));
            }
            text.push_str(&paragraph.text);
            text.push_str("\n\n");
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// The section whose heading is, or begins with, what is wanted, and everything below it.
fn below<'p>(paper: &'p Paper, wanted: &str) -> Option<&'p [Section]> {
    let wanted = wanted.to_lowercase();
    let title = |section: &Section| section.title.to_lowercase();
    let same = paper.sections.iter().position(|section| title(section) == wanted);
    let begins = || paper.sections.iter().position(|section| title(section).starts_with(&wanted));
    let rest = paper.sections.get(same.or_else(begins)?..)?;
    let level = rest.first()?.level;
    let end = rest.iter().skip(1).position(|section| section.level <= level);
    rest.get(..end.map_or(rest.len(), |end| end + 1))
}

fn no_section(paper: &Paper, wanted: &str) -> Refusal {
    let titles =
        paper.sections.iter().map(|section| section.title.as_str()).filter(|title| !title.is_empty());
    let titles: Vec<&str> = titles.take(40).collect();
    Refusal(format!("no section begins with `{wanted}`; there are `{}`", titles.join("`, `")))
}

fn heading(section: &Section) -> Value {
    let title: String = section.title.chars().take(HEADING_CHARS_MAX).collect();
    let chars: usize = section.paragraphs.iter().map(|paragraph| paragraph.text.chars().count()).sum();
    json!({
        "title": title, "level": section.level, "chars": chars,
        "page": section.paragraphs.first().map(|paragraph| paragraph.page),
    })
}
