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
    /// The addresses of MCP's own listener, if it has one.
    #[serde(rename = "servers.mcp")]
    pub addresses: Vec<SocketAddr>,
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
        let roles = surroundings.roles;
        // A process that serves MCP clients and not the API has no other place for them.
        let wanted = roles.mcp && (settings.enabled || !roles.api);
        if !wanted || surroundings.without_ports {
            return Ok(Self { addresses: Vec::new(), allowed_hosts });
        }
        let ip = bind_address(&settings.host, KEY, surroundings).map_err(|problem| vec![problem])?;
        let first = SocketAddr::new(ip, settings.port);
        let published = surroundings.published().filter(|published| !roles.api && *published != first);
        Ok(Self { addresses: std::iter::once(first).chain(published).collect(), allowed_hosts })
    }
}

/// The listener and the names of one generation.
#[derive(Debug)]
pub struct McpService {
    /// The addresses of MCP's own listener, held for this generation.
    pub reserved: Vec<Reserved>,
    /// Names that a `Host` header may carry at `/mcp`, beside those of the API.
    pub allowed_hosts: Vec<String>,
}

/// Reserves the addresses of the inputs, if they name any.
///
/// # Errors
/// Why it cannot be served.
pub fn build(inputs: &McpInputs, listeners: &Listeners) -> Result<McpService, Vec<Problem>> {
    let reserved = listeners.reserve_all(&inputs.addresses, KEY)?;
    Ok(McpService { reserved, allowed_hosts: inputs.allowed_hosts.clone() })
}

impl McpService {
    /// What it runs, for people.
    pub fn in_words(&self) -> String {
        let addresses: Vec<String> =
            self.reserved.iter().map(|reserved| format!("http://{}/mcp", reserved.address())).collect();
        match addresses.is_empty() {
            true => "`/mcp` of the API".to_owned(),
            false => addresses.join(", "),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instances::Roles;

    fn server(enabled: bool, host: &str) -> McpServer {
        let allowed_hosts = vec!["Papers.Example:8001".to_owned()];
        McpServer { enabled, host: host.to_owned(), port: 8001, allowed_hosts }
    }

    #[test]
    fn what_the_settings_mean() {
        let at_home = Surroundings::default();
        let by_pipes = Surroundings { without_ports: true, ..Surroundings::default() };
        let in_container = Surroundings { container: true, ..Surroundings::default() };
        let check = |enabled: bool, host: &str, surroundings: &Surroundings, address: &[&str]| {
            let inputs = McpInputs::new(&server(enabled, host), surroundings).unwrap();
            let expected: Vec<SocketAddr> = address.iter().map(|address| address.parse().unwrap()).collect();
            assert_eq!(inputs.addresses, expected, "{host}");
            assert_eq!(inputs.allowed_hosts, ["papers.example"]);
        };
        check(true, "localhost", &at_home, &["127.0.0.1:8001"]);
        check(true, "::1", &at_home, &["[::1]:8001"]);
        check(true, "localhost", &in_container, &["0.0.0.0:8001"]);
        check(false, "localhost", &at_home, &[]);
        check(false, "anywhere", &at_home, &[]);
        check(true, "localhost", &by_pipes, &[]);
        // Apart from the API it has a listener in any case; in a container the published port is its own.
        let roles = Roles { api: false, mcp: true, monitor: false };
        check(false, "localhost", &Surroundings { roles, ..at_home.clone() }, &["127.0.0.1:8001"]);
        let apart = Surroundings { roles, published_port: Some(8080), ..in_container.clone() };
        check(true, "localhost", &apart, &["0.0.0.0:8001", "0.0.0.0:8080"]);
        let apart = Surroundings { published_port: Some(8001), ..apart };
        check(true, "localhost", &apart, &["0.0.0.0:8001"]);
        let monitor = Roles { api: false, mcp: false, monitor: true };
        check(true, "localhost", &Surroundings { roles: monitor, ..at_home.clone() }, &[]);
        let problems = McpInputs::new(&server(true, "anywhere"), &at_home).unwrap_err();
        assert_eq!(problems[0].path, "servers.mcp.host");
    }

    #[tokio::test]
    async fn an_address_is_not_shared_with_the_api() {
        let listeners = Listeners::default();
        let api = listeners.reserve_all(&["127.0.0.1:0".parse().unwrap()], "servers.api").unwrap();
        let port = api[0].address().port();
        let on = |host: &str, port: u16| {
            let address = SocketAddr::new(host.parse().unwrap(), port);
            let inputs = McpInputs { addresses: vec![address], allowed_hosts: Vec::new() };
            build(&inputs, &listeners).unwrap()
        };
        for host in ["127.0.0.1", "0.0.0.0"] {
            let problems = apart(&on(host, port), &api).unwrap_err();
            assert_eq!(problems[0].path, "servers.mcp.port");
            assert_eq!(problems[0].message, format!("port {port} is the API's"));
        }
        let inputs = McpInputs { addresses: Vec::new(), allowed_hosts: Vec::new() };
        apart(&build(&inputs, &listeners).unwrap(), &api).unwrap();
        apart(&on("127.0.0.2", port), &api).unwrap();
    }
}
