//! `list_papers`: what is in the library; and how the other tools find a paper there.

use std::fmt::Write as _;

use rmcp::model::Tool;
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::arguments::{at_most, count};
use super::{Refusal, Reply, blocking, tool};
use crate::mcp::Call;
use crate::pdf::row::PaperRow;

/// Characters of what names a paper.
const ID_CHARS_MAX: usize = 64;

/// What `list_papers` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// Only papers whose title, authors, venue or year have all of these words; upper and lower case are the same.
    #[schemars(length(max = 200))]
    #[serde(default)]
    contains: Option<String>,
    /// How many papers at most; 50 where it is left out.
    #[schemars(range(min = 1, max = 200))]
    #[serde(default)]
    limit: Option<u32>,
    /// How many papers to leave out before the first: `next_offset` of the page before.
    #[schemars(range(min = 0, max = 1_000_000))]
    #[serde(default)]
    offset: Option<u32>,
}

pub(super) fn list_tool() -> Tool {
    tool::<List>(
        "list_papers",
        "List the papers",
        "Lists the papers of the library, newest first: id, title, authors, year, DOI, number of pages, and how far \
         each has come. Only a paper that is `indexed` can be searched and read.",
    )
}

pub(super) async fn list(call: &Call, list: List) -> Result<Reply, Refusal> {
    let contains = list.contains.unwrap_or_default();
    at_most("contains", &contains, 200)?;
    let limit = count("limit", list.limit, 50, 1..=200)?;
    let offset = count("offset", list.offset, 0, 0..=1_000_000)?;
    let words: Vec<String> = contains.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let mut rows = rows(call).await?;
    rows.retain(|row| words.iter().all(|word| described(row).contains(word)));
    let total = rows.len();
    let page: Vec<PaperRow> = rows.into_iter().skip(offset).take(limit).collect();
    let next_offset = Some(offset + page.len()).filter(|next| *next < total && !page.is_empty());
    let mut text = String::new();
    for row in &page {
        let title = row.title.as_deref().unwrap_or(&row.file);
        let year = row.year.map(|year| format!(" ({year})")).unwrap_or_default();
        let authors =
            if row.authors.is_empty() { String::new() } else { format!("{}: ", row.authors.join(", ")) };
        let reason = row.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        writeln!(text, "{} {authors}{title}{year} [{}{reason}]", row.id, row.status.as_str())?;
    }
    match next_offset {
        Some(next) => write!(text, "{} of {total} papers; `offset` {next} goes on", page.len())?,
        None if total == 0 => text.push_str("No paper fits."),
        None => write!(text, "{total} papers in all")?,
    }
    let papers: Vec<Value> = page.iter().map(summary).collect();
    Ok(Reply { structured: json!({ "papers": papers, "total": total, "next_offset": next_offset }), text })
}

/// The row of a paper that a client names.
pub(super) async fn find(call: &Call, id: &str) -> Result<PaperRow, Refusal> {
    at_most("paper", id, ID_CHARS_MAX)?;
    let (desk, wanted) = (call.desk.clone(), id.to_owned());
    let row = blocking("the list of papers cannot be read", move || desk.monitor.ledger().of_id(&wanted));
    row.await?.ok_or_else(|| {
        Refusal(format!("there is no paper `{id}`; `list_papers` lists the papers with their ids"))
    })
}

/// The rows of all PDFs, newest first.
pub(super) async fn rows(call: &Call) -> Result<Vec<PaperRow>, Refusal> {
    let desk = call.desk.clone();
    blocking("the list of papers cannot be read", move || desk.monitor.ledger().papers(None)).await
}

/// Why a paper has no text.
pub(super) fn unread(id: &str, status: &str, reason: Option<&str>) -> Refusal {
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    Refusal(format!(
        "the paper `{id}` has not been read, it is {status}{reason}; `list_papers` says when it is `indexed`"
    ))
}

/// What is known of a paper, in short.
pub(super) fn summary(row: &PaperRow) -> Value {
    json!({
        "id": row.id, "title": row.title, "authors": row.authors, "year": row.year, "venue": row.venue,
        "doi": row.doi, "arxiv": row.arxiv, "status": row.status, "reason": row.reason, "file": row.file,
        "note": row.note, "page_count": row.page_count, "added_at": row.added_at,
    })
}

fn described(row: &PaperRow) -> String {
    let title = row.title.as_deref().unwrap_or(&row.file);
    let venue = row.venue.as_deref().unwrap_or_default();
    let year = row.year.map(|year| year.to_string()).unwrap_or_default();
    format!("{title} {} {venue} {year}", row.authors.join(" ")).to_lowercase()
}
