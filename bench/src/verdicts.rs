//! The verdicts of a running server, as its event stream tells them.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde_json::Value;

use crate::server::Server;

/// How long a verdict is waited for; the stream says that it lives more often than that.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// An open event stream.
pub struct Verdicts {
    stream: BufReader<TcpStream>,
}

impl Verdicts {
    /// Begins to listen.
    pub fn listen(server: &Server) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(server.address)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        write!(stream, "GET /api/v1/events HTTP/1.1\r\nhost: {}\r\n\r\n", server.address)?;
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line)?;
        anyhow::ensure!(line.contains(" 200 "), "the event stream says `{}`", line.trim());
        Ok(Self { stream })
    }

    /// The next verdict, and when it was given.
    pub fn next(&mut self) -> anyhow::Result<(Value, Timestamp)> {
        // Lines of the chunked encoding stand between those of the events, and look like neither of these two.
        let mut is_verdict = false;
        let mut line = String::new();
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                bail!("the event stream ended");
            }
            if let Some(event) = line.strip_prefix("event:") {
                // An outcome carries its verdict too.
                is_verdict = event.trim() == "verdict";
            } else if let Some(data) = line.strip_prefix("data:").filter(|_| is_verdict) {
                let value: Value = serde_json::from_str(data.trim()).context("a verdict is JSON")?;
                let at = value["at"].as_str().context("a verdict has a time")?.parse()?;
                return Ok((value, at));
            }
        }
    }
}
