//! `search` and `ask`: passages found, and answers made of them.

use std::fmt::Write as _;

use rmcp::model::Tool;
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde_json::json;

use super::arguments::{count, text};
use super::{Refusal, Reply, blocking, tool};
use crate::http::generation::Generation;
use crate::mcp::Call;
use crate::trial;

/// What `search` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// Words that may occur, or a "phrase in double quotes" that must.
    #[schemars(length(min = 1, max = 1000))]
    query: String,
    /// How many passages at most; 10 where it is left out.
    #[schemars(range(min = 1, max = 50))]
    #[serde(default)]
    limit: Option<u32>,
}

/// What `ask` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    /// One question, in a sentence.
    #[schemars(length(min = 1, max = 4000))]
    question: String,
}

pub(super) fn search_tool() -> Tool {
    tool::<Search>(
        "search",
        "Search the papers",
        "Finds passages in the papers of the library, best first. Each names the paper's id and title, the page and \
         the section, with the text around the words that were found. Use it to find which papers say something; \
         `read_paper` gives the whole text around a hit.",
    )
}

pub(super) fn ask_tool(generation: &Generation) -> Tool {
    let who = if generation.services.llm.configured() {
        "The answer is written by a language model out of passages of the papers, and every citation was checked \
         against its passage."
    } else {
        "No language model is set up, so the answer is the best passages themselves, as they stand in the papers."
    };
    let what = "Answers a question out of the papers of the library. [1] stands for the first source; each source \
                names the paper's id, the page and the words that stand there.";
    tool::<Ask>("ask", "Ask the papers", format!("{what} {who}"))
}

pub(super) async fn search(call: &Call, search: Search) -> Result<Reply, Refusal> {
    let query = text("query", &search.query, 1_000)?.to_owned();
    let limit = count("limit", search.limit, 10, 1..=50)?;
    let rag = call.generation.services.rag.handle();
    let hits = blocking("the index cannot be searched", move || rag.search(&query, limit)).await?;
    let mut text = String::new();
    for (number, hit) in (1..).zip(&hits) {
        let title = hit.title.as_deref().unwrap_or("without a title");
        let section = if hit.section.is_empty() { String::new() } else { format!(", {}", hit.section) };
        writeln!(text, "[{number}] {title} (paper {}), page {}{section}", hit.paper, hit.page)?;
        writeln!(text, "    {}\n", plain(&hit.snippet))?;
    }
    if hits.is_empty() {
        text.push_str(
            "Nothing in the papers has these words. Try others, or fewer; `list_papers` lists the papers.",
        );
    }
    Ok(Reply { structured: json!({ "hits": hits }), text })
}

pub(super) async fn ask(call: &Call, ask: Ask) -> Result<Reply, Refusal> {
    let question = text("question", &ask.question, 4_000)?;
    let answer = trial::ask(&call.desk.engine, &call.generation, question).await.map_err(|error| {
        tracing::error!(%error, "a question cannot be answered");
        Refusal("the question cannot be answered now; the log of Thoth says why".to_owned())
    })?;
    let mut text = answer.answer.clone();
    if !answer.sources.is_empty() {
        text.push_str("\n\nSources:");
    }
    for (number, source) in (1..).zip(&answer.sources) {
        let title = source.title.as_deref().unwrap_or("without a title");
        write!(
            text,
            "\n[{number}] {title} (paper {}), page {}: «{}»",
            source.paper, source.page, source.passage
        )?;
    }
    if let Some(note) = &answer.note {
        write!(text, "\n\nNote: {note}")?;
    }
    Ok(Reply { structured: serde_json::to_value(&answer)?, text })
}

/// A snippet without its HTML.
fn plain(snippet: &str) -> String {
    let marks = snippet.replace("<mark>", "**").replace("</mark>", "**");
    let text = marks.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    text.replace("&amp;", "&")
}
