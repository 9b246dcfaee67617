//! How the service stands, for `/health`: by what became of messages, and of the looks of the lookout.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::LettaError;

/// How the service stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing says that there is a server; Thoth works without.
    Off(String),
    /// The server was not heard of yet.
    Unknown,
    /// The server answers.
    Ok,
    /// The server cannot be used, and why. It is looked at until it can.
    Degraded(String),
}

/// What is known of the server.
#[derive(Debug)]
pub(super) struct Standing {
    known: Mutex<Condition>,
    /// Told when there is reason to look at the server sooner than planned.
    pub(super) doubt: tokio::sync::Notify,
}

impl Default for Standing {
    fn default() -> Self {
        Self { known: Mutex::new(Condition::Unknown), doubt: tokio::sync::Notify::new() }
    }
}

impl Standing {
    /// Takes the end of one request into account. What may be about that request alone is only reason for a look.
    pub(super) fn note<T>(&self, outcome: &Result<T, LettaError>) {
        let Err(error) = outcome else { return self.is_well() };
        if error.concerns_server() {
            self.is_ill(error);
        }
        self.doubt.notify_one();
    }

    /// The server answers.
    pub(super) fn is_well(&self) {
        let before = std::mem::replace(&mut *self.known(), Condition::Ok);
        if matches!(before, Condition::Degraded(_)) {
            tracing::info!("LettaService: the server answers again");
        }
    }

    /// The server cannot be used. Logged when that is new, not with every look.
    pub(super) fn is_ill(&self, error: &LettaError) {
        let reason = error.to_string();
        let before = std::mem::replace(&mut *self.known(), Condition::Degraded(reason.clone()));
        if !matches!(before, Condition::Degraded(_)) {
            tracing::warn!("LettaService: {reason}");
        }
    }

    pub(super) fn condition(&self) -> Condition {
        self.known().clone()
    }

    /// A value is replaced whole, so a panic elsewhere leaves it consistent.
    fn known(&self) -> MutexGuard<'_, Condition> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
