//! `thoth ingest`, `search`, `ask`, `papers`: by the server where one runs, else directly on the vault's state.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::{eprintln, println};
use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::output::{BAD, GOOD, QUIET};
use super::{Place, output, serve};
use crate::app::Library;
use crate::http::client::Client;

/// Who answers.
pub(super) enum Source {
    Server(Client),
    Direct(Box<Library>),
}

impl Source {
    pub(super) async fn find(place: &Place) -> anyhow::Result<Self> {
        Ok(match running(place).await? {
            Some(client) => Self::Server(client),
            None => Self::Direct(Box::new(Library::open(place).await?)),
        })
    }

    async fn papers(&self) -> anyhow::Result<Value> {
        match self {
            Self::Server(client) => Ok(client.get("/api/v1/papers").await?),
            Self::Direct(library) => Ok(json!({ "papers": library.papers()? })),
        }
    }

    /// Reads one PDF and gives its row.
    async fn ingest(&self, file: &Path) -> anyhow::Result<Value> {
        match self {
            Self::Server(client) => {
                let bytes =
                    std::fs::read(file).with_context(|| format!("`{}` cannot be read", file.display()))?;
                let name = file.file_name().and_then(|name| name.to_str()).context("a file name in UTF-8")?;
                Ok(client.post_bytes("/api/v1/papers", &[("name", name)], bytes).await?)
            }
            Self::Direct(library) => Ok(json!(library.ingest(file, |_| {}).await?)),
        }
    }

    pub(super) async fn close(self) {
        if let Self::Direct(library) = self {
            library.close().await;
        }
    }
}

/// The server of this vault, if one runs.
pub(super) async fn running(place: &Place) -> anyhow::Result<Option<Client>> {
    let well = async |client: Client| client.look::<Value>("/health").await.map(|_| client);
    Ok(place.ask(well).await?)
}

/// Reads PDFs, with a bar on a terminal. Exit code 1 when one could not be read.
pub(super) fn ingest(vault: Option<&Path>, files: Vec<PathBuf>) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    serve::wait(async {
        let source = Source::find(&place).await?;
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}")?;
        let bar = ProgressBar::new(files.len() as u64).with_style(style);
        let mut failed = 0;
        for file in &files {
            bar.set_message(file.display().to_string());
            let line = match source.ingest(file).await {
                Ok(row) => {
                    failed += usize::from(row["status"] == "failed");
                    row_line(&row)
                }
                Err(error) => {
                    failed += 1;
                    format!("{BAD}failed{BAD:#}  {}: {error:#}", file.display())
                }
            };
            bar.suspend(|| println!("{line}"));
            bar.inc(1);
        }
        bar.finish_and_clear();
        source.close().await;
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// Prints passages.
pub(super) fn search(vault: Option<&Path>, query: &str, limit: u32, json: bool) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let found = serve::wait(async {
        let source = Source::find(&place).await?;
        let found = match &source {
            Source::Server(client) => {
                client
                    .query::<Value>("/api/v1/search", &[("q", query), ("limit", &limit.to_string())])
                    .await?
            }
            Source::Direct(library) => json!({ "hits": library.search(query, limit as usize)? }),
        };
        source.close().await;
        Ok(found)
    })?;
    if json {
        output::json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    let hits = found["hits"].as_array().map(Vec::as_slice).unwrap_or_default();
    if hits.is_empty() {
        eprintln!("nothing found");
    }
    for hit in hits {
        let section = text(&hit["section"]);
        let space = if section.is_empty() { "" } else { " " };
        println!(
            "{GOOD}{}{GOOD:#}, page {}{space}{QUIET}{section}{QUIET:#}",
            text(&hit["title"]),
            hit["page"]
        );
        println!("  {}\n", plain(text(&hit["snippet"])));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints an answer and its sources.
pub(super) fn ask(vault: Option<&Path>, question: &str, json: bool) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let answer = serve::wait(async {
        let source = Source::find(&place).await?;
        let answer = match &source {
            Source::Server(client) => {
                client.post::<Value>("/api/v1/ask", &json!({ "question": question })).await?
            }
            Source::Direct(library) => json!(library.ask(question).await?),
        };
        source.close().await;
        Ok(answer)
    })?;
    if json {
        output::json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}", text(&answer["answer"]));
    let written = answer["written_by"].as_str();
    for (number, source) in (1..).zip(answer["sources"].as_array().into_iter().flatten()) {
        if written.is_some() {
            let (title, page) = (text(&source["title"]), &source["page"]);
            println!("{QUIET}[{number}] {title}, page {page}: «{}»{QUIET:#}", text(&source["passage"]));
        }
    }
    if let Some(note) = answer["note"].as_str() {
        eprintln!("{QUIET}{note}{QUIET:#}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the ledger.
pub(super) fn papers(vault: Option<&Path>, json: bool) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let papers = serve::wait(async {
        let source = Source::find(&place).await?;
        let papers = source.papers().await?;
        source.close().await;
        Ok(papers)
    })?;
    if json {
        output::json(&papers)?;
        return Ok(ExitCode::SUCCESS);
    }
    for row in papers["papers"].as_array().into_iter().flatten() {
        println!("{}", row_line(row));
    }
    Ok(ExitCode::SUCCESS)
}

/// One line for a PDF: what became of it, its title or its file, and why.
fn row_line(row: &Value) -> String {
    let status = text(&row["status"]);
    let style = match status {
        "indexed" => GOOD,
        "failed" => BAD,
        _ => QUIET,
    };
    let what = row["title"].as_str().unwrap_or_else(|| text(&row["file"]));
    let reason = row["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{style}{status:<8}{style:#} {QUIET}{}{QUIET:#} {what}{reason}", text(&row["id"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A snippet without its HTML: marks become emphasis on a terminal.
fn plain(snippet: &str) -> String {
    let bold = anstyle::Style::new().bold();
    snippet
        .replace("<mark>", &format!("{bold}"))
        .replace("</mark>", &format!("{bold:#}"))
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}
