//! One request at a time, no faster than the source allows, slower when it asks for that.

use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use reqwest::header::{HeaderMap, USER_AGENT};
use reqwest::{Response, StatusCode, Url};
use serde_json::Value;
use tokio::time::Instant;

use crate::llm::retry_after;

/// Bytes of an answer, at most.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Times that no user sets; tests make them short.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two requests, at least.
    pub gap: Duration,
    /// The first pause after a failure; it doubles with every further one.
    pub backoff: Duration,
    /// The longest pause, also where the source asks for a longer one: then it is asked again, in vain, and waits anew.
    pub backoff_max: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            gap: Duration::from_millis(500),
            backoff: Duration::from_secs(5),
            backoff_max: Duration::from_secs(900),
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Silence {
    /// The source refuses this question; asking again is of no use.
    Refused(String),
    /// The source cannot answer now.
    Later(String),
}

/// Where one source is asked.
#[derive(Debug)]
pub(super) struct Desk {
    pace: Pace,
    open_at: Instant,
    failures: u32,
}

impl Desk {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, open_at: Instant::now(), failures: 0 }
    }

    /// When the next request may go out.
    pub(super) fn open_at(&self) -> Instant {
        self.open_at
    }

    /// Asks. `None` is the answer that there is no such work.
    pub(super) async fn ask(
        &mut self,
        client: &reqwest::Client,
        url: Url,
        contact: &str,
    ) -> Result<Option<Value>, Silence> {
        let request = client.get(url).header(USER_AGENT, user_agent(contact)).timeout(ANSWER_TIMEOUT);
        let answer = match request.send().await {
            Ok(response) => self.judged(response).await,
            // Without the address: it names the paper and the contact.
            Err(error) => Err((Silence::Later(error.without_url().to_string()), None)),
        };
        match answer {
            Ok((answer, gap)) => {
                self.failures = 0;
                self.open_at = Instant::now() + gap;
                Ok(answer)
            }
            Err((silence, asked)) => {
                self.failures = self.failures.saturating_add(1);
                let doubled = 2_u32.saturating_pow(self.failures.saturating_sub(1).min(16));
                let own = self.pace.backoff.saturating_mul(doubled);
                let pause = match silence {
                    Silence::Refused(_) => self.pace.gap,
                    Silence::Later(_) => own.max(asked.unwrap_or_default()).min(self.pace.backoff_max),
                };
                self.open_at = Instant::now() + pause;
                Err(silence)
            }
        }
    }

    async fn judged(
        &self,
        response: Response,
    ) -> Result<(Option<Value>, Duration), (Silence, Option<Duration>)> {
        let (status, gap) = (response.status(), self.gap(response.headers()));
        let asked = retry_after(response.headers(), Timestamp::now());
        if status == StatusCode::NOT_FOUND {
            return Ok((None, gap));
        }
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Err((Silence::Later(format!("it answered {status}")), asked));
        }
        if !status.is_success() {
            return Err((Silence::Refused(format!("it answered {status}")), None));
        }
        let bytes = within_limits(response).await.map_err(|error| (error, None))?;
        let answer = serde_json::from_slice(&bytes);
        answer.map(|answer| (Some(answer), gap)).map_err(|error| (Silence::Refused(error.to_string()), None))
    }

    /// The time between two requests: our own, or a longer one that Crossref's headers ask for (`X-Rate-Limit-Limit`
    /// requests in `X-Rate-Limit-Interval`, such as `50` in `1s`).
    fn gap(&self, headers: &HeaderMap) -> Duration {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let limit = text("x-rate-limit-limit").and_then(|limit| limit.trim().parse::<u32>().ok());
        let interval = text("x-rate-limit-interval")
            .and_then(|interval| interval.trim().strip_suffix('s').unwrap_or(interval).parse::<u64>().ok());
        match (limit, interval) {
            (Some(limit), Some(seconds)) if limit > 0 => {
                let asked = Duration::from_secs(seconds.min(86_400)) / limit;
                self.pace.gap.max(asked).min(self.pace.backoff_max)
            }
            _ => self.pace.gap,
        }
    }
}

async fn within_limits(response: Response) -> Result<Vec<u8>, Silence> {
    let mut bytes = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Silence::Later(error.without_url().to_string()))?;
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Silence::Refused(format!("the answer is larger than {ANSWER_BYTES_MAX} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Who asks, as Crossref wants to be told.
fn user_agent(contact: &str) -> String {
    let program = concat!("thoth/", env!("CARGO_PKG_VERSION"));
    if contact.is_empty() { program.to_owned() } else { format!("{program} (mailto:{contact})") }
}
