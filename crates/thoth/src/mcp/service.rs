//! What the service `mcp` takes out of the settings, and what a generation holds of it.

use std::net::SocketAddr;

use changeover::Problem;
use serde::Serialize;

use super::settings::McpServer;
use crate::http::listeners::{Listeners, Reserved};
use crate::http::service::{Surroundings, bare_host, bind_address};

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
    /// What `servers.mcp` means in these surroundings.
    ///
    /// # Errors
    /// A host that is no address.
    pub fn new(settings: &McpServer, surroundings: &Surroundings) -> Result<Self, Vec<Problem>> {
        let allowed_hosts = settings.allowed_hosts.iter().map(|name| bare_host(name)).collect();
        if !settings.enabled || surroundings.without_ports {
            return Ok(Self { address: None, allowed_hosts });
        }
        let ip = bind_address(&settings.host, KEY, surroundings).map_err(|problem| vec![problem])?;
        let address = SocketAddr::new(ip, settings.port);
        Ok(Self { address: Some(address), allowed_hosts })
    }
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

/// Refuses to share an address with the API. The file alone does not always tell: the API may stand at `--listen`, or at
/// the container's published port.
///
/// # Errors
/// The port that is the API's.
pub fn apart(mcp: &McpService, api: &[Reserved]) -> Result<(), Vec<Problem>> {
    let shared = |own: SocketAddr| api.iter().any(|api| overlap(api.address(), own));
    let Some(own) = mcp.reserved.iter().map(Reserved::address).find(|own| shared(*own)) else {
        return Ok(());
    };
    let problem = Problem::new(format!("{KEY}.port"), format!("port {} is the API's", own.port()));
    Err(vec![problem.hint("give MCP a port of its own; `/mcp` stands on the API's anyway")])
}

fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && (any || one.ip() == other.ip())
}
