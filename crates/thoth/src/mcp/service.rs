//! What the service `mcp` takes out of the settings, and what a generation holds of it.

use std::net::SocketAddr;

use changeover::Problem;
use serde::Serialize;

use super::settings::McpServer;
use crate::http::listeners::{Listeners, Reserved};
use crate::http::service::{HttpInputs, Surroundings, bare_host, bind_address};

/// The section of the settings.
const KEY: &str = "servers.mcp";

/// The inputs of the service. Serialised under the keys that they come from, so that a verdict names those.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct McpInputs {
    /// The address of MCP's own listener, if it has one.
    #[serde(rename = "servers.mcp")]
    pub address: Option<SocketAddr>,
    /// Names that a `Host` header may carry at `/mcp`, beside those of the API: lower case, without a port.
    #[serde(rename = "servers.mcp.allowedHosts")]
    pub allowed_hosts: Vec<String>,
}

impl McpInputs {
    /// What `servers.mcp` means in these surroundings, beside the addresses of the API.
    ///
    /// # Errors
    /// A host that is no address; an address that is the API's.
    pub fn new(
        settings: &McpServer,
        api: &HttpInputs,
        surroundings: &Surroundings,
    ) -> Result<Self, Vec<Problem>> {
        let allowed_hosts = settings.allowed_hosts.iter().map(|name| bare_host(name)).collect();
        if !settings.enabled || surroundings.without_ports {
            return Ok(Self { address: None, allowed_hosts });
        }
        let ip = bind_address(&settings.host, KEY, surroundings).map_err(|problem| vec![problem])?;
        let address = SocketAddr::new(ip, settings.port);
        if api.addresses.iter().any(|api| overlap(*api, address)) {
            // The file alone does not tell: the API may stand at `--listen` or at the container's published port.
            let message = format!("port {} is the API's", address.port());
            let problem = Problem::new(format!("{KEY}.port"), message);
            return Err(vec![problem.hint("give MCP a port of its own; `/mcp` stands on the API's anyway")]);
        }
        Ok(Self { address: Some(address), allowed_hosts })
    }
}

fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && (any || one.ip() == other.ip())
}

/// The listener and the names of one generation.
#[derive(Debug)]
pub struct McpService {
    /// The address of MCP's own listener, held for this generation; none or one.
    pub reserved: Vec<Reserved>,
    /// Names that a `Host` header may carry at `/mcp`, beside those of the API.
    pub allowed_hosts: Vec<String>,
}

/// Reserves the address of the inputs, if they name one.
///
/// # Errors
/// Why it cannot be served.
pub fn build(inputs: &McpInputs, listeners: &Listeners) -> Result<McpService, Vec<Problem>> {
    let reserved = listeners.reserve_all(inputs.address.as_slice(), KEY)?;
    Ok(McpService { reserved, allowed_hosts: inputs.allowed_hosts.clone() })
}
