//! Every service of a generation, one line each.

use changeover::Service;
use serde::Serialize;

use crate::http::service::{HttpInputs, HttpService};

/// The services of one generation.
#[derive(Debug)]
pub struct Services {
    /// The API.
    pub http: Service<HttpInputs, HttpService>,
}

/// How a service stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceState {
    /// `ok`, `degraded`, or `off` where nothing is set up and nothing is missing.
    pub status: &'static str,
    /// The generation in which what runs was built; `None` for what follows every generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Why it is not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl ServiceState {
    /// All is well.
    pub fn ok(since: Option<u64>) -> Self {
        Self {
            status: "ok",
            since,
            reason: None,
        }
    }

    /// It runs, but not as it should.
    pub fn degraded(since: Option<u64>, reason: String) -> Self {
        Self {
            status: "degraded",
            since,
            reason: Some(reason),
        }
    }
}

impl Services {
    /// How each service stands.
    pub fn states(&self) -> Vec<(&'static str, ServiceState)> {
        vec![("http", ServiceState::ok(Some(self.http.since())))]
    }
}
