//! The one HTTP client of the process: made once, outside generations, so that connections outlive a changeover.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, NoProxy, Proxy, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

/// How the process reaches other hosts. None of it comes from `settings.json`: it belongs to the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// PEM file of certificates that are trusted beside the bundled ones (`SSL_CERT_FILE`).
    pub extra_ca: Option<PathBuf>,
    /// Proxy for `https` addresses (`HTTPS_PROXY`, else `ALL_PROXY`).
    pub https_proxy: Option<String>,
    /// Proxy for `http` addresses (`http_proxy`, else `ALL_PROXY`).
    pub http_proxy: Option<String>,
    /// Hosts that are reached without a proxy (`NO_PROXY`). Loopback always is.
    pub no_proxy: Option<String>,
}

/// Why no client could be made.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The extra certificates cannot be used.
    #[error("cannot use the certificates in `{}` (`SSL_CERT_FILE`): {reason}", .path.display())]
    ExtraCa {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A proxy's address is none.
    #[error("`{variable}` is not the address of a proxy: {reason}")]
    Proxy {
        /// The environment variable.
        variable: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The TLS library refused.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// The HTTP library refused.
    #[error("cannot set up the HTTP client")]
    Http(#[source] reqwest::Error),
}

/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For how long an idle connection is kept. Shorter than common servers' limits, so that a stale one is rare.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// Hosts that no proxy may stand before.
const LOOPBACK: &str = "localhost,.localhost,127.0.0.0/8,::1";

impl Network {
    /// What the environment says, by a function that looks a variable up.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&str]| {
            names.iter().find_map(|name| variable(name).filter(|value| !value.trim().is_empty()))
        };
        Self {
            extra_ca: first(&["SSL_CERT_FILE"]).map(PathBuf::from),
            https_proxy: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            // Upper-case `HTTP_PROXY` can be set by a request in CGI programs; like curl, only the lower-case one counts.
            http_proxy: first(&["http_proxy", "all_proxy", "ALL_PROXY"]),
            no_proxy: first(&["no_proxy", "NO_PROXY"]),
        }
    }
}

/// Makes the client: TLS by `ring` with bundled roots (an image FROM scratch has none of its own), no redirects
/// (they would carry a key to another host), and no proxy before loopback.
///
/// # Errors
/// [`ClientError`]: a certificate file or proxy address that cannot be used.
pub fn client(network: &Network) -> Result<Client, ClientError> {
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls(network)?)
        .user_agent(concat!("thoth/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(8)
        .no_proxy();
    let without = match &network.no_proxy {
        Some(hosts) => NoProxy::from_string(&format!("{LOOPBACK},{hosts}")),
        None => NoProxy::from_string(LOOPBACK),
    };
    type MakeProxy = fn(&str) -> reqwest::Result<Proxy>;
    let proxies: [(_, _, MakeProxy); 2] = [
        ("HTTPS_PROXY", &network.https_proxy, |address| Proxy::https(address)),
        ("http_proxy", &network.http_proxy, |address| Proxy::http(address)),
    ];
    for (variable, address, make) in proxies {
        if let Some(address) = address {
            // The library's own words would repeat the address, and with it a password.
            let reason = "use the form `http://host:port`".to_owned();
            let proxy = make(address).map_err(|_| ClientError::Proxy { variable, reason })?;
            builder = builder.proxy(proxy.no_proxy(without.clone()));
        }
    }
    builder.build().map_err(ClientError::Http)
}

fn tls(network: &Network) -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    if let Some(path) = &network.extra_ca {
        let refused = |reason: String| ClientError::ExtraCa { path: path.clone(), reason };
        let bytes = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
        let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes)
            .collect::<Result<_, _>>()
            .map_err(|error| refused(error.to_string()))?;
        let (added, _) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            return Err(refused("there is no certificate in it".to_owned()));
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(ClientError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_read_as_curl_reads_it() {
        let environment = [
            ("SSL_CERT_FILE", "/etc/ca.pem"),
            ("HTTP_PROXY", "http://ignored:1"),
            ("http_proxy", " "),
            ("ALL_PROXY", "http://all:3128"),
            ("HTTPS_PROXY", "http://secure:3128"),
            ("NO_PROXY", "example.org"),
        ];
        let network = Network::from_environment(|name| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        });
        let expected = Network {
            extra_ca: Some(PathBuf::from("/etc/ca.pem")),
            https_proxy: Some("http://secure:3128".to_owned()),
            http_proxy: Some("http://all:3128".to_owned()),
            no_proxy: Some("example.org".to_owned()),
        };
        assert_eq!(network, expected);
        assert_eq!(Network::from_environment(|_| None), Network::default());
    }

    #[test]
    fn what_cannot_be_used_is_named_without_passwords() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "no certificate").unwrap();
        let table = [
            (
                Network { extra_ca: Some(folder.path().join("absent.pem")), ..Network::default() },
                "absent.pem",
            ),
            (Network { extra_ca: Some(empty), ..Network::default() }, "there is no certificate in it"),
            (
                Network { https_proxy: Some("http://me:hush@[bad".to_owned()), ..Network::default() },
                "`HTTPS_PROXY` is not the address of a proxy",
            ),
        ];
        for (network, expected) in table {
            let message = client(&network).unwrap_err().to_string();
            assert!(message.contains(expected) && !message.contains("hush"), "{message}");
        }
    }

    #[tokio::test]
    async fn a_proxy_never_stands_before_loopback() {
        let server = wiremock::MockServer::start().await;
        let proxy = Some("http://127.0.0.1:9".to_owned());
        let network = Network { https_proxy: proxy.clone(), http_proxy: proxy, ..Network::default() };
        let client = client(&network).unwrap();
        assert_eq!(client.get(server.uri()).send().await.unwrap().status(), 404);
        let elsewhere = client.get("http://example.invalid/").send().await.unwrap_err();
        assert!(elsewhere.is_connect(), "the proxy is used elsewhere, and is not there: {elsewhere:?}");
    }
}
