//! Checks across keys.

use super::walk::Found;
use super::{Environment, Settings};
use crate::letta::settings::{Mode, may_carry_password};
use crate::llm::ProviderKey;
use crate::llm::settings::may_carry_key;

/// What single keys cannot tell.
pub(super) fn check(found: &mut Found<'_>, settings: &Settings, environment: &Environment) {
    overlap(found, settings);
    addresses(found, environment);
    one_folder(found, settings);
    clear_text(found, settings);
    letta_in_clear_text(found, settings);
}

fn overlap(found: &mut Found<'_>, settings: &Settings) {
    let (size, overlap) = (settings.rag.chunk_size, settings.rag.chunk_overlap);
    let is_wrong = |key: &str| found.is_given(key) && found.value(key).is_none();
    if overlap < size || is_wrong("rag.chunkSize") || is_wrong("rag.chunkOverlap") {
        return;
    }
    let overlap_is_written = found.value("rag.chunkOverlap").is_some();
    let key = if overlap_is_written { "rag.chunkOverlap" } else { "rag.chunkSize" };
    let default = if overlap_is_written { "" } else { " by default" };
    let message = format!("chunks of {size} tokens cannot overlap by {overlap}{default}");
    found.refuse(key, message, "`rag.chunkOverlap` must be smaller than `rag.chunkSize`");
}

/// A server of the file, by its keys.
struct Server {
    name: &'static str,
    host: &'static str,
    port: &'static str,
    /// The key that switches it on, where there is one.
    enabled: Option<&'static str>,
    is_served: bool,
}

const API: &str = "servers.api";
const SERVERS: [Server; 3] = [
    Server { name: API, host: "servers.api.host", port: "servers.api.port", enabled: None, is_served: true },
    Server {
        name: "servers.mcp",
        host: "servers.mcp.host",
        port: "servers.mcp.port",
        enabled: Some("servers.mcp.enabled"),
        is_served: true,
    },
    Server {
        name: "discovery.chromeExtension",
        host: "discovery.chromeExtension.host",
        port: "discovery.chromeExtension.port",
        enabled: Some("discovery.chromeExtension.enabled"),
        is_served: false,
    },
];

/// Two servers on one address. What is not served is held against the file only where the file itself says it.
fn addresses(found: &mut Found<'_>, environment: &Environment) {
    let mut taken: Vec<(&Server, String, u64)> = Vec::new();
    for server in &SERVERS {
        let is_on = server.enabled.is_none_or(|key| found.switch(key));
        let is_said = found.value(server.port).is_some();
        let is_wrong = found.is_given(server.port) && !is_said;
        if !is_on || is_wrong || (!server.is_served && !is_said) {
            continue;
        }
        let (mut host, mut port) = (found.text(server.host), found.count(server.port));
        if server.name == API {
            port = environment.api_port.map_or(port, u64::from);
            host = environment.api_host.clone().unwrap_or(host);
        }
        let other = taken
            .iter()
            .find(|(_, other, at)| *at == port && (environment.docker || overlap_hosts(&host, other)));
        if let Some((other, ..)) = other {
            // Where this port is the default one, the place to look at is the other server's.
            let (at, other) = if is_said { (server, *other) } else { (*other, server) };
            let message = format!("port {port} is `{}`'s already", other.name);
            found.refuse(at.port, message, "give each server a port of its own");
        }
        taken.push((server, host, port));
    }
}

fn overlap_hosts(one: &str, other: &str) -> bool {
    let plain = |host: &str| {
        if host.eq_ignore_ascii_case("localhost") { "127.0.0.1".to_owned() } else { host.to_lowercase() }
    };
    let any = |host: &str| matches!(host, "0.0.0.0" | "::");
    any(one) || any(other) || plain(one) == plain(other)
}

/// Papers and notes in one folder work, but are hardly meant.
fn one_folder(found: &mut Found<'_>, settings: &Settings) {
    if settings.paths.pdf == settings.paths.notes {
        let key = if found.is_given("paths.notes") { "paths.notes" } else { "paths.pdf" };
        let message = "`paths.pdf` and `paths.notes` are the same folder: notes are written among the PDFs";
        found.warn(key, message, "give notes a folder of their own");
    }
}

/// A key travels encrypted, or not at all.
fn clear_text(found: &mut Found<'_>, settings: &Settings) {
    let (url, keys) = (&settings.llm.default.base_url, &settings.api_keys);
    if !may_carry_key(url) && (ProviderKey::choose(url, keys).required || !keys.custom_key.is_empty()) {
        let message = "this URL is neither `https` nor on this machine: no key is sent to it";
        found.warn("llm.default.baseUrl", message, "use `https://`");
    }
}

/// The same for the password of a Letta server.
fn letta_in_clear_text(found: &mut Found<'_>, settings: &Settings) {
    let letta = &settings.memory.letta;
    let is_sent_nowhere = |url: &url::Url| letta.mode == Mode::SelfHosted && !may_carry_password(url);
    if letta.server_url.as_ref().is_some_and(is_sent_nowhere) && !settings.api_keys.letta_api_key.is_empty() {
        let message =
            "this URL is neither `https` nor in a private network: `apiKeys.lettaApiKey` is not sent to it";
        found.warn("memory.letta.serverUrl", message, "use `https://`");
    }
}
