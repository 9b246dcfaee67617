//! Papers as resources: `thoth://paper/{id}`.

use rmcp::model::{
    ErrorData, ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
    ResourceContents, ResourceTemplate,
};

use super::{Refusal, papers, read};
use crate::mcp::Call;
use crate::pdf::status::Status;

/// What comes before the id of a paper.
pub(in crate::mcp) const PREFIX: &str = "thoth://paper/";
/// Resources of one page of the list.
const PAGE: usize = 100;
/// Characters of one paper that are given at once.
const TEXT_CHARS_MAX: usize = 200_000;
const MARKDOWN: &str = "text/markdown";

pub(in crate::mcp) fn templates() -> ListResourceTemplatesResult {
    let template = ResourceTemplate::new(format!("{PREFIX}{{id}}"), "paper")
        .with_title("A paper of the library")
        .with_description("The text of a paper, by the id that the tools give.")
        .with_mime_type(MARKDOWN);
    ListResourceTemplatesResult::with_all_items(vec![template])
}

pub(in crate::mcp) async fn list(
    call: &Call,
    cursor: Option<&str>,
) -> Result<ListResourcesResult, ErrorData> {
    if call.generation.safe_mode {
        return Ok(ListResourcesResult::default());
    }
    let from = cursor.map_or(Ok(0), str::parse::<usize>);
    let from =
        from.map_err(|_| ErrorData::invalid_params("the cursor is none of ours; begin without one", None))?;
    let mut rows =
        papers::rows(call).await.map_err(|Refusal(words)| ErrorData::internal_error(words, None))?;
    rows.retain(|row| row.status == Status::Indexed);
    let total = rows.len();
    let page = rows.iter().skip(from).take(PAGE).map(|row| {
        let title = row.title.clone().unwrap_or_else(|| row.file.clone());
        let resource = Resource::new(format!("{PREFIX}{}", row.id), row.id.clone()).with_title(title);
        let authors = row.authors.join(", ");
        let known = if authors.is_empty() { resource } else { resource.with_description(authors) };
        known.with_mime_type(MARKDOWN)
    });
    let mut listed = ListResourcesResult::with_all_items(page.collect());
    let next = from.saturating_add(PAGE);
    listed.next_cursor = (next < total).then(|| next.to_string());
    Ok(listed)
}

/// There is no such resource.
pub(in crate::mcp) fn unknown() -> ErrorData {
    ErrorData::resource_not_found(format!("resources are papers, `{PREFIX}` and an id"), None)
}

pub(in crate::mcp) async fn read(call: &Call, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let id = uri.strip_prefix(PREFIX).filter(|_| !call.generation.safe_mode).ok_or_else(unknown)?;
    let (title, paper) =
        read::paper(call, id).await.map_err(|Refusal(words)| ErrorData::resource_not_found(words, None))?;
    let mut text = format!("# {title}\n\n{}", read::text(&paper.sections, |_| true));
    if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS_MAX) {
        text.truncate(end);
        text.push_str("\n\n[the paper goes on; the tool `read_paper` gives the rest]");
    }
    Ok(ReadResourceResult::new(vec![ResourceContents::text(text, uri).with_mime_type(MARKDOWN)]))
}
