//! `thoth references`: what a paper cites.

use std::path::Path;
use std::process::ExitCode;

use anstream::{eprintln, println};
use serde_json::{Value, json};

use super::answers::Source;
use super::output::QUIET;
use super::{Place, output, serve};
use crate::http::client::Client;

/// Prints the list of references of a paper.
pub(super) fn references(vault: Option<&Path>, id: &str, json: bool) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let found = serve::wait(async {
        let source = Source::find(&place).await?;
        let found = match &source {
            Source::Server(client) => asked(client, id).await,
            Source::Direct(library) => library.references(id).map(|list| json!({ "references": list })),
        };
        source.close().await;
        found
    })?;
    if json {
        output::json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    let entries = found["references"].as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() {
        eprintln!("no references found");
    }
    for (entry, number) in entries.iter().zip(1..) {
        let label = entry["label"].as_str().map_or_else(|| number.to_string(), str::to_owned);
        println!("{QUIET}[{label}]{QUIET:#} {}", entry["text"].as_str().unwrap_or_default());
    }
    Ok(ExitCode::SUCCESS)
}

async fn asked(client: &Client, id: &str) -> anyhow::Result<Value> {
    // An id is hexadecimal; anything else would be another address.
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        anyhow::bail!("there is no paper `{id}`; `thoth papers` lists them");
    }
    Ok(client.get(&format!("/api/v1/papers/{id}/references")).await?)
}
