//! When a request is made again, and how long to wait before.

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use tokio::time::Instant;

use super::error::LlmError;

/// How long the service waits, and for what. Times that no user sets; tests make them short.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The longest wait before the second try; it doubles with every further one.
    pub backoff_base: Duration,
    /// The longest wait before any try.
    pub backoff_max: Duration,
    /// A provider that asks for a longer wait than this is not waited for.
    pub retry_after_max: Duration,
    /// The most that one exchange may take, all tries and waits included; more where `llm.default.timeoutMs` is long.
    pub total: Duration,
    /// A share of the longest wait, 0..1, drawn anew each time: full jitter, so that many clients spread out.
    pub jitter: fn() -> f64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            backoff_base: Duration::from_millis(500),
            backoff_max: Duration::from_secs(8),
            retry_after_max: Duration::from_secs(30),
            total: Duration::from_secs(600),
            jitter: random_share,
        }
    }
}

/// A failed try.
pub(super) struct Failure {
    pub(super) error: LlmError,
    pub(super) again: Again,
}

/// Whether the same request may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// It would fail the same way, or part of an answer was seen.
    Never,
    /// After a pause of our own.
    Backoff,
    /// After the pause that the provider asked for.
    After(Duration),
}

impl From<LlmError> for Failure {
    fn from(error: LlmError) -> Self {
        Self { error, again: Again::Never }
    }
}

/// Makes tries until one succeeds, one fails for good, or `retries_max` further ones are used up. A pause that
/// would not end before `deadline` is not begun. `attempt` is told which try it is, from 1.
pub(super) async fn retrying<T, F>(
    patience: &Patience,
    retries_max: u32,
    deadline: Instant,
    attempt: impl Fn(u32) -> F,
) -> Result<T, LlmError>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut tries: u32 = 1;
    loop {
        let Failure { error, again } = match attempt(tries).await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        let pause = match again {
            Again::Never => return Err(error),
            Again::After(asked) if asked > patience.retry_after_max => return Err(error),
            Again::After(asked) => asked.saturating_add(backoff(patience, tries)),
            Again::Backoff => backoff(patience, tries),
        };
        if tries > retries_max || deadline.saturating_duration_since(Instant::now()) <= pause {
            return Err(error);
        }
        tracing::debug!(%error, tries, pause_ms = pause.as_millis(), "asking the language model again");
        tokio::time::sleep(pause).await;
        tries = tries.saturating_add(1);
    }
}

/// The pause after this many tries: a random share of a limit that doubles.
fn backoff(patience: &Patience, tries: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(tries.saturating_sub(1));
    let longest = patience.backoff_base.saturating_mul(doubled).min(patience.backoff_max);
    longest.mul_f64((patience.jitter)().clamp(0.0, 1.0))
}

/// Evenly spread over 0..1. Without randomness the longest wait is taken: late rather than all at once.
fn random_share() -> f64 {
    getrandom::u32().map_or(1.0, |drawn| f64::from(drawn) / f64::from(u32::MAX))
}

/// The pause that a provider asks for: `retry-after-ms`, or `Retry-After` in seconds or as an HTTP date (RFC 9110,
/// section 10.2.3). A date in the past is no pause.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(milliseconds) = text("retry-after-ms").and_then(|value| value.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(milliseconds / 1_000.0).ok();
    }
    let value = text(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn patience() -> Patience {
        Patience { jitter: || 1.0, ..Patience::default() }
    }

    fn failure(again: Again) -> Failure {
        Failure { error: LlmError::RateLimited { host: "h".into(), tries: 1, wait_s: None }, again }
    }

    /// The moments, in milliseconds, at which tries were made when each failed as given.
    async fn tries_at(again: Again, retries_max: u32, total: Duration) -> Vec<u128> {
        let start = Instant::now();
        let seen = RefCell::new(Vec::new());
        let answer: Result<(), _> = retrying(&patience(), retries_max, start + total, |_| {
            seen.borrow_mut().push(start.elapsed().as_millis());
            async move { Err(failure(again)) }
        })
        .await;
        assert!(answer.is_err());
        seen.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_the_limit_and_tries_are_bounded() {
        let long = Duration::from_secs(600);
        let table: [(Again, u32, Duration, &[u128]); 8] = [
            (Again::Backoff, 3, long, &[0, 500, 1_500, 3_500]),
            (Again::Backoff, 6, long, &[0, 500, 1_500, 3_500, 7_500, 15_500, 23_500]),
            (Again::Backoff, 0, long, &[0]),
            (Again::Never, 3, long, &[0]),
            (Again::After(Duration::from_secs(2)), 1, long, &[0, 2_500]),
            (Again::After(Duration::from_secs(31)), 3, long, &[0]),
            (Again::Backoff, 3, Duration::from_secs(1), &[0, 500]),
            (Again::After(Duration::from_secs(20)), 3, Duration::from_secs(10), &[0]),
        ];
        for (again, retries_max, total, expected) in table {
            let seen = tries_at(again, retries_max, total).await;
            // Tokio's timers round up to a millisecond.
            let near = seen.iter().zip(expected).all(|(seen, expected)| seen.abs_diff(*expected) <= 8);
            assert!(near && seen.len() == expected.len(), "{again:?} {retries_max} {total:?}: {seen:?}");
        }
    }

    #[test]
    fn pauses_are_spread_over_the_whole_range() {
        let longest = Duration::from_millis(500);
        let drawn: Vec<Duration> = (0..200).map(|_| backoff(&Patience::default(), 1)).collect();
        assert!(drawn.iter().all(|pause| *pause <= longest));
        assert!(
            drawn.iter().any(|pause| *pause < longest / 4)
                && drawn.iter().any(|pause| *pause > longest / 4 * 3)
        );
    }

    #[test]
    fn retry_after_is_read_in_all_its_forms() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let table = [
            ("retry-after", "7", Some(7_000)),
            ("retry-after", " 0.5 ", Some(500)),
            ("retry-after", "Mon, 23 Nov 2026 10:00:20 GMT", Some(20_000)),
            ("retry-after", "Mon, 23 Nov 2026 09:00:00 GMT", Some(0)),
            ("retry-after-ms", "1500", Some(1_500)),
            ("retry-after", "-1", None),
            ("retry-after", "NaN", None),
            ("retry-after", "1e300", None),
            ("retry-after", "soon", None),
            ("x-other", "7", None),
        ];
        for (name, value, expected_ms) in table {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
            let found = retry_after(&headers, now);
            assert_eq!(found, expected_ms.map(Duration::from_millis), "{name}: {value}");
        }
    }
}
