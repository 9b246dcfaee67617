//! `thoth cite`: by the server where one runs, else directly on the vault's state.

use std::path::Path;
use std::process::ExitCode;

use anstream::print;

use super::answers::Source;
use super::{Place, serve};
use crate::citations::export::Format;

/// Prints papers as citations.
pub(super) fn cite(
    vault: Option<&Path>,
    papers: &[String],
    style: Option<&str>,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let text = serve::wait(async {
        let source = Source::find(&place).await?;
        let text = match &source {
            Source::Server(client) => {
                let named = papers.join(",");
                let mut query = vec![("format", format.name()), ("papers", &named)];
                query.extend(style.map(|style| ("style", style)));
                client.text("/api/v1/bibliography", &query).await.map_err(anyhow::Error::from)
            }
            Source::Direct(library) => library.cite(papers, format, style),
        };
        source.close().await;
        text
    })?;
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}
