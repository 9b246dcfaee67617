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
    /// `ok` or `degraded`.
    pub status: &'static str,
    /// The generation in which what runs was built; `None` for what follows every generation.
    pub since: Option<u64>,
    /// What is wrong, where something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Services {
    /// Name of each service, and the generation in which it was built.
    pub fn built(&self) -> Vec<(&'static str, u64)> {
        vec![("http", self.http.since())]
    }
}
