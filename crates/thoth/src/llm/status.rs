//! How the service stands, for `/health`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use super::error::LlmError;

/// How the service stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LlmStatus {
    /// In one word.
    pub status: Condition,
    /// Why it is not `ok`.
    pub reason: Option<String>,
    /// When the last error happened, while it is `degraded`.
    pub since: Option<Timestamp>,
}

/// How a service stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Nothing is set up, and nothing is missing: Thoth works without.
    Off,
    /// The last request succeeded, or none was made.
    Ok,
    /// The last request failed for a reason that is the provider's or the settings'. The next success ends it.
    Degraded,
}

impl LlmStatus {
    pub(super) fn off(reason: String) -> Self {
        Self { status: Condition::Off, reason: Some(reason), since: None }
    }
}

/// The last error, until a request succeeds.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    last: Mutex<Option<(Timestamp, String)>>,
}

impl Trouble {
    /// Takes the end of one request into account: `None` is a success. An error that only concerns that request
    /// says nothing of the service.
    pub(super) fn note(&self, error: Option<&LlmError>) {
        match error {
            None => *self.last() = None,
            Some(error) if error.concerns_provider() => {
                *self.last() = Some((Timestamp::now(), error.to_string()));
            }
            Some(_) => {}
        }
    }

    pub(super) fn status(&self) -> LlmStatus {
        match &*self.last() {
            None => LlmStatus { status: Condition::Ok, reason: None, since: None },
            Some((since, reason)) => {
                LlmStatus { status: Condition::Degraded, reason: Some(reason.clone()), since: Some(*since) }
            }
        }
    }

    /// A value is replaced whole, so a panic elsewhere leaves it consistent.
    fn last(&self) -> MutexGuard<'_, Option<(Timestamp, String)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
