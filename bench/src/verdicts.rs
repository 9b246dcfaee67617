//! The verdicts of a running server, as its event stream tells them.

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde_json::Value;

use crate::server::Server;

/// An open event stream.
pub struct Verdicts {
    response: reqwest::Response,
    buffer: String,
}

impl Verdicts {
    /// Begins to listen.
    pub async fn listen(server: &Server) -> anyhow::Result<Self> {
        let response =
            reqwest::Client::new().get(server.url("/api/v1/events")).send().await?.error_for_status()?;
        Ok(Self { response, buffer: String::new() })
    }

    /// The next verdict, and when it was given.
    pub async fn next(&mut self) -> anyhow::Result<(Value, Timestamp)> {
        loop {
            while let Some(end) = self.buffer.find("\n\n") {
                let event: String = self.buffer.drain(..end + 2).collect();
                let data: String = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
                let Ok(value) = serde_json::from_str::<Value>(data.trim()) else {
                    continue;
                };
                // An outcome carries its verdict too.
                if event.lines().any(|line| line.split_once(':').is_some_and(is_verdict)) {
                    let at = value["at"].as_str().context("a verdict has a time")?.parse()?;
                    return Ok((value, at));
                }
            }
            match self.response.chunk().await? {
                Some(chunk) => self.buffer.push_str(std::str::from_utf8(&chunk)?),
                None => bail!("the event stream ended"),
            }
        }
    }
}

fn is_verdict((field, value): (&str, &str)) -> bool {
    field == "event" && value.trim() == "verdict"
}
