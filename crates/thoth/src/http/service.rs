//! What the HTTP service takes out of the settings, and what a generation holds of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use changeover::Problem;
use serde::Serialize;

use super::listeners::{Listeners, Reserved};
use super::settings::ApiServer;
use crate::instances::Roles;

/// What the process was started with, beside its settings.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The roles of this process. Without `api` it does not serve `servers.api`, but a small listener of its own.
    pub roles: Roles,
    /// `THOTH_DOCKER=1`: the host is always 0.0.0.0.
    pub container: bool,
    /// `THOTH_PUBLISHED_PORT`: in a container, a port that is always served as well.
    pub published_port: Option<u16>,
    /// This process serves whoever started it, by pipes: no port is opened.
    pub without_ports: bool,
    /// `--listen`: stands in for the address that the settings name at the start, or for the small listener's.
    pub listen: Option<SocketAddr>,
    /// The machine's own name, allowed as `Host` in a container.
    pub hostname: Option<String>,
    /// Host and port that the settings named at the start: only these are replaced by `listen`.
    pub replaced: Arc<OnceLock<(String, u16)>>,
}

/// The inputs of the HTTP service. Serialised under the keys that they come from, so that a verdict names those.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HttpInputs {
    /// Addresses to serve; the first is the one that people are told.
    #[serde(rename = "servers.api")]
    pub addresses: Vec<SocketAddr>,
    /// Names that a `Host` header may carry, beside those of loopback: lower case, without a port.
    #[serde(rename = "servers.api.allowedHosts")]
    pub allowed_hosts: Vec<String>,
}

impl HttpInputs {
    /// What `servers.api` means in these surroundings.
    ///
    /// # Errors
    /// A host that is neither an IP address nor `localhost`.
    pub fn new(settings: &ApiServer, surroundings: &Surroundings) -> Result<Self, Vec<Problem>> {
        let first = match surroundings.listen {
            _ if !surroundings.roles.api => surroundings.small_listener(),
            Some(listen) if surroundings.is_replaced(settings) => listen,
            _ => {
                let ip = bind_address(&settings.host, "servers.api", surroundings);
                SocketAddr::new(ip.map_err(|problem| vec![problem])?, settings.port)
            }
        };
        let published = surroundings.published().filter(|_| surroundings.publishes_http());
        let second = published.filter(|published| *published != first);
        let names = settings.allowed_hosts.iter();
        let own_name = surroundings.hostname.iter().filter(|_| surroundings.container);
        let addresses = std::iter::once(first).chain(second).filter(|_| !surroundings.without_ports);
        Ok(Self {
            addresses: addresses.collect(),
            allowed_hosts: names.chain(own_name).map(|name| bare_host(name)).collect(),
        })
    }

    /// The port that is served whatever the settings say, where that is another one than theirs.
    pub fn served_beside(&self) -> Option<u16> {
        self.addresses.get(1).map(SocketAddr::port)
    }
}

/// The port of the small listener in a container where none is published: there it has the machine to itself.
const CONTAINER_PORT: u16 = 8_000;

impl Surroundings {
    /// Where a process without the API serves health, events and metrics: any free port of this machine, or, in a
    /// container, the published one, so that the outside reaches it.
    fn small_listener(&self) -> SocketAddr {
        let in_container = || self.published().unwrap_or((Ipv4Addr::UNSPECIFIED, CONTAINER_PORT).into());
        self.listen.unwrap_or_else(|| match self.container && self.publishes_http() {
            true => in_container(),
            false => (Ipv4Addr::LOCALHOST, 0).into(),
        })
    }

    /// In a container, the address that is always served as well.
    pub(crate) fn published(&self) -> Option<SocketAddr> {
        let port = self.published_port.filter(|_| self.container)?;
        Some((Ipv4Addr::UNSPECIFIED, port).into())
    }

    /// Where MCP runs apart from the API, what is published is MCP's.
    fn publishes_http(&self) -> bool {
        self.roles.api || !self.roles.mcp
    }

    fn is_replaced(&self, settings: &ApiServer) -> bool {
        let (host, port) = self.replaced.get_or_init(|| (settings.host.clone(), settings.port));
        *host == settings.host && *port == settings.port
    }
}

/// Host and addresses of one generation.
#[derive(Debug)]
pub struct HttpService {
    /// The addresses, held for this generation; in the order of the inputs.
    pub reserved: Vec<Reserved>,
    /// Names that a `Host` header may carry, beside those of loopback.
    pub allowed_hosts: Vec<String>,
}

impl HttpService {
    /// What it runs, for people.
    pub fn in_words(&self) -> String {
        let addresses: Vec<String> =
            self.reserved.iter().map(|reserved| format!("http://{}", reserved.address())).collect();
        addresses.join(", ")
    }
}

/// Reserves every address of the inputs, or none.
///
/// # Errors
/// Every address that cannot be served, and why.
pub fn build(inputs: &HttpInputs, listeners: &Listeners) -> Result<HttpService, Vec<Problem>> {
    let reserved = listeners.reserve_all(&inputs.addresses, "servers.api")?;
    Ok(HttpService { reserved, allowed_hosts: inputs.allowed_hosts.clone() })
}

/// The address that the host of a section of `servers` stands for.
///
/// # Errors
/// A host that is neither an IP address nor `localhost`.
pub(crate) fn bind_address(written: &str, key: &str, surroundings: &Surroundings) -> Result<IpAddr, Problem> {
    if surroundings.container {
        return Ok(Ipv4Addr::UNSPECIFIED.into());
    }
    let host = written.trim_start_matches('[').trim_end_matches(']');
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    host.parse().map_err(|_| {
        Problem::new(format!("{key}.host"), format!("`{written}` is no IP address")).hint(
            "use `127.0.0.1` for this machine alone, `0.0.0.0` for every network it is in, or one of its addresses",
        )
    })
}

/// A name or address out of a `Host` header or a list of names: lower case, without port and brackets.
pub(crate) fn bare_host(host: &str) -> String {
    let host = host.trim();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        // More than one colon: an IPv6 address without brackets.
        None if host.matches(':').count() > 1 => host,
        None => host.split(':').next().unwrap_or_default(),
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(host: &str, port: u16, allowed_hosts: &[&str]) -> ApiServer {
        ApiServer {
            host: host.to_owned(),
            port,
            allowed_hosts: allowed_hosts.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn what_the_settings_mean() {
        let at_home = Surroundings::default();
        let in_container = Surroundings {
            container: true,
            published_port: Some(8000),
            hostname: Some("thoth-app".to_owned()),
            ..Surroundings::default()
        };
        let check =
            |surroundings: &Surroundings, host: &str, port: u16, addresses: &[&str], names: &[&str]| {
                let inputs =
                    HttpInputs::new(&api(host, port, &["Papers.Example:8080"]), surroundings).unwrap();
                let got: Vec<String> = inputs.addresses.iter().map(ToString::to_string).collect();
                assert_eq!(got, addresses, "{host} {port}");
                assert_eq!(inputs.allowed_hosts, names, "{host} {port}");
            };
        check(&at_home, "127.0.0.1", 8000, &["127.0.0.1:8000"], &["papers.example"]);
        check(&at_home, "localhost", 8001, &["127.0.0.1:8001"], &["papers.example"]);
        check(&at_home, "::1", 8000, &["[::1]:8000"], &["papers.example"]);
        check(&at_home, "[::1]", 8000, &["[::1]:8000"], &["papers.example"]);
        let names = ["papers.example", "thoth-app"];
        check(&in_container, "127.0.0.1", 8000, &["0.0.0.0:8000"], &names);
        check(&in_container, "10.0.0.1", 9000, &["0.0.0.0:9000", "0.0.0.0:8000"], &names);
    }

    #[test]
    fn without_the_api_a_small_listener_serves() {
        let monitor = Roles { api: false, mcp: false, monitor: true };
        let check = |surroundings: Surroundings, address: &str| {
            let surroundings = Surroundings { roles: monitor, ..surroundings };
            let inputs = HttpInputs::new(&api("10.0.0.1", 9000, &[]), &surroundings).unwrap();
            assert_eq!(inputs.addresses, [address.parse().unwrap()]);
        };
        let listen = Some("127.0.0.1:7".parse().unwrap());
        check(Surroundings::default(), "127.0.0.1:0");
        check(Surroundings { listen, ..Surroundings::default() }, "127.0.0.1:7");
        let container = Surroundings { container: true, ..Surroundings::default() };
        check(container.clone(), "0.0.0.0:8000");
        check(Surroundings { published_port: Some(8001), ..container }, "0.0.0.0:8001");
        let mcp = Roles { api: false, mcp: true, monitor: false };
        let container = Surroundings {
            container: true,
            published_port: Some(8001),
            roles: mcp,
            ..Surroundings::default()
        };
        let inputs = HttpInputs::new(&api("10.0.0.1", 9000, &[]), &container).unwrap();
        assert_eq!(inputs.addresses, ["127.0.0.1:0".parse().unwrap()], "what is published is MCP's");
    }

    #[test]
    fn a_host_that_is_no_address_is_refused() {
        let problems = HttpInputs::new(&api("example.org", 8000, &[]), &Surroundings::default()).unwrap_err();
        assert_eq!(problems[0].path, "servers.api.host");
        assert_eq!(problems[0].message, "`example.org` is no IP address");
    }

    #[test]
    fn listen_stands_in_until_the_setting_changes() {
        let surroundings =
            Surroundings { listen: Some("127.0.0.1:0".parse().unwrap()), ..Surroundings::default() };
        let address =
            |port| HttpInputs::new(&api("127.0.0.1", port, &[]), &surroundings).unwrap().addresses[0];
        assert_eq!(address(8000).port(), 0);
        assert_eq!(address(9000).port(), 9000);
        assert_eq!(address(8000).port(), 0);
    }

    #[tokio::test]
    async fn every_address_that_cannot_be_served_is_named_and_nothing_is_left() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let inputs = HttpInputs {
            addresses: vec![
                "127.0.0.1:0".parse().unwrap(),
                taken.local_addr().unwrap(),
                "192.0.2.1:8000".parse().unwrap(),
            ],
            allowed_hosts: Vec::new(),
        };
        let listeners = Listeners::default();
        let problems = build(&inputs, &listeners).unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["servers.api.port", "servers.api.host"]);
        assert!(listeners.reserve(inputs.addresses[0], "servers.api").is_ok());
    }

    #[test]
    fn a_host_without_its_port() {
        let check = |host: &str, bare: &str| assert_eq!(bare_host(host), bare, "{host}");
        check("localhost:8000", "localhost");
        check("LocalHost", "localhost");
        check("localhost.", "localhost");
        check("127.0.0.1:80", "127.0.0.1");
        check("[::1]:8000", "::1");
        check("::1", "::1");
        check("", "");
    }
}
