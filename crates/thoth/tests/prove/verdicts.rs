//! Every verdict that the server tells, with the time at which it was heard.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::support::{PATIENCE, Thoth};

/// No proof takes this long.
const STREAM_MAX: Duration = Duration::from_secs(3_600);

/// An open event stream that is read all the time.
pub struct Verdicts(UnboundedReceiver<(Instant, Value)>);

impl Verdicts {
    /// Those from now on.
    pub async fn listen(thoth: &Thoth) -> Self {
        let request = thoth.client.get(thoth.url("/api/v1/events")).timeout(STREAM_MAX);
        let mut response = request.send().await.unwrap();
        let (sender, receiver) = unbounded_channel();
        tokio::spawn(async move {
            let mut buffer = String::new();
            // A kill ends the stream in the middle.
            while let Ok(Some(chunk)) = response.chunk().await {
                let heard = Instant::now();
                buffer.push_str(std::str::from_utf8(&chunk).unwrap());
                while let Some(end) = buffer.find("\n\n") {
                    let event: String = buffer.drain(..end + 2).collect();
                    let is = |name: &str| {
                        let mut names = event.lines().filter_map(|line| line.strip_prefix("event:"));
                        names.any(|said| said.trim() == name)
                    };
                    assert!(!is("lagged"), "{event}");
                    if is("verdict") {
                        let data = event.lines().find_map(|line| line.strip_prefix("data:")).unwrap();
                        if sender.send((heard, serde_json::from_str(data.trim()).unwrap())).is_err() {
                            return;
                        }
                    }
                }
            }
        });
        Self(receiver)
    }

    /// The next one.
    pub async fn next(&mut self) -> (Instant, Value) {
        let next = tokio::time::timeout(PATIENCE, self.0.recv()).await.expect("a verdict");
        next.expect("the server still tells")
    }

    /// What was told until the server was gone.
    pub async fn rest(mut self) -> Vec<Value> {
        let mut told = Vec::new();
        while let Some((_, verdict)) = tokio::time::timeout(PATIENCE, self.0.recv()).await.expect("an end") {
            told.push(verdict);
        }
        told
    }
}
