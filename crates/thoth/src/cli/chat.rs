//! `thoth chat`: to the agent at the Letta server, by the running Thoth, which knows the live settings.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anstream::{eprint, eprintln, print, println};
use anyhow::bail;
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::output::{BAD, GOOD, QUIET};
use super::{Place, output, serve};
use crate::http::client::Client;

const PATH: &str = "/api/v1/agent/messages";

/// Says one message, or each line of the input; or shows the agent's memory.
pub(super) fn chat(vault: Option<&Path>, message: &str, memory: bool) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    serve::wait(async {
        match (memory, message) {
            (true, _) => show_memory(&place.client()?).await,
            (_, "") => lines(&place).await,
            (_, message) => {
                say(&place.client()?, message).await?;
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

/// Each line is a message of its own, by the settings of its moment. One that fails does not end the talk; the exit
/// code tells.
async fn lines(place: &Place) -> anyhow::Result<ExitCode> {
    let is_terminal = std::io::stdin().is_terminal();
    let mut code = ExitCode::SUCCESS;
    if is_terminal {
        eprintln!("{QUIET}a message a line; end with Ctrl-D{QUIET:#}");
    }
    loop {
        if is_terminal {
            eprint!("{GOOD}>{GOOD:#} ");
        }
        let mut line = String::new();
        // Nothing else happens meanwhile: this thread may wait.
        if std::io::stdin().read_line(&mut line)? == 0 {
            return Ok(code);
        }
        if line.trim().is_empty() {
            continue;
        }
        // Looked up anew: the server may have moved to another port.
        let said = match place.client() {
            Ok(client) => say(&client, line.trim()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = said {
            output::error(&error);
            code = ExitCode::FAILURE;
        }
    }
}

/// Prints the answer as it comes.
async fn say(client: &Client, message: &str) -> anyhow::Result<()> {
    let events = client.post_events(PATH, &json!({ "message": message, "stream": true })).await?;
    let mut events = std::pin::pin!(events);
    let mut begun = false;
    while let Some(event) = events.next().await {
        let (name, data) = event?;
        match name.as_str() {
            "text" => {
                begun = true;
                print!("{}", data["text"].as_str().unwrap_or_default());
                std::io::stdout().flush()?;
            }
            "error" => {
                if begun {
                    println!();
                }
                bail!("{}", data["detail"].as_str().unwrap_or("the agent gave no answer"));
            }
            "done" => {
                println!();
                if !begun {
                    eprintln!("{QUIET}the agent ended without a word{QUIET:#}");
                }
                return Ok(());
            }
            _ => {}
        }
    }
    bail!("{BAD}the answer broke off{BAD:#}")
}

async fn show_memory(client: &Client) -> anyhow::Result<ExitCode> {
    let memory: Value = client.get("/api/v1/agent/memory").await?;
    for block in memory["blocks"].as_array().into_iter().flatten() {
        let characters = block["value"].as_str().map_or(0, |value| value.chars().count());
        let limit = block["limit"].as_u64().map_or_else(String::new, |limit| format!(" of {limit}"));
        let label = block["label"].as_str().unwrap_or("without a name");
        println!("{GOOD}{label}{GOOD:#} {QUIET}{characters}{limit} characters{QUIET:#}");
        for line in block["value"].as_str().unwrap_or_default().lines() {
            println!("  {line}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
