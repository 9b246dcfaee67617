//! From what a document says to settings as they are meant.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use changeover::check::Document;
use url::Url;

use super::environment::VARIABLES;
use super::path::NoFolder;
use super::walk::{self, Found};
use super::{
    ApiKeys, Environment, Level, Logging, Origins, Paths, Reload, Secret, Settings, Vault, origin, path,
};
use crate::http::settings::{ApiServer, ServersSettings};
use crate::letta::settings::{LettaSettings, MemorySettings, Mode, USUAL};
use crate::llm::settings::{LlmDefault, LlmSettings};
use crate::mcp::settings::McpServer;
use crate::pdf::settings::{MemoryLimits, MonitorSettings, PerformanceSettings};
use crate::rag::settings::{Qa, RagSettings};

/// The settings of a file that says nothing, in an environment that says nothing.
pub(super) fn defaults(vault: &Vault) -> Settings {
    let document = Document::default();
    settings(&mut walk::walk(&document), &Environment::default(), vault)
}

/// The settings as they are meant. Of a file that is refused they are of no use, so that a default may stand in for
/// what is wrong.
pub(super) fn settings(found: &mut Found<'_>, environment: &Environment, vault: &Vault) -> Settings {
    let mut pinned = BTreeMap::new();
    let mut settings = Settings {
        vault: vault.clone(),
        origins: Origins::default(),
        paths: paths(found, vault),
        api_keys: api_keys(found, environment),
        llm: LlmSettings { default: llm_default(found) },
        memory: MemorySettings { letta: letta(found, environment, &mut pinned) },
        rag: rag(found),
        servers: ServersSettings {
            api: api_server(found, environment, &mut pinned),
            mcp: mcp_server(found, environment, &mut pinned),
            monitor: monitor(found),
        },
        citation: super::style::citation(found, vault),
        performance: performance(found),
        logging: logging(found, environment, &mut pinned),
        reload: reload(found),
        pinned,
    };
    settings.origins = origin::origins(found, environment, &settings.pinned);
    settings
}

fn paths(found: &mut Found<'_>, vault: &Vault) -> Paths {
    let allow_outside = found.switch("paths.allowOutside");
    for key in super::keys::KEYS.iter().filter(|key| key.path.starts_with("paths.") && key.service.is_none())
    {
        if let Some(written) = found.value(key.path).map(|_| found.text(key.path))
            && !allow_outside
            && path::leaves_by_name(&path::resolve(&written, vault), vault)
        {
            outside(found, key.path, &written, vault, "lies outside the vault");
        }
    }
    Paths {
        pdf: folder(found, "paths.pdf", allow_outside, vault),
        notes: folder(found, "paths.notes", allow_outside, vault),
        workspace: folder(found, "paths.workspace", allow_outside, vault),
    }
}

fn folder(found: &mut Found<'_>, key: &str, allow_outside: bool, vault: &Vault) -> PathBuf {
    let written = found.text(key);
    let folder = path::resolve(&written, vault);
    if !allow_outside && path::leaves_by_name(&folder, vault) {
        outside(found, key, &written, vault, "lies outside the vault");
    } else if !allow_outside && path::leaves_by_link(&folder, vault) {
        outside(found, key, &written, vault, "leads out of the vault by a link");
    } else {
        absent(found, key, &vault.relative(&folder), path::folder_problem(&folder));
    }
    folder
}

/// A folder that cannot be made is refused; not where all of the vault may only be read: that can still be searched.
fn absent(found: &mut Found<'_>, key: &str, folder: &str, problem: Option<NoFolder>) {
    match problem {
        None => {}
        Some(NoFolder::Refused(problem)) => found.refuse(
            key,
            format!("`{folder}` can be no folder: {problem}"),
            "name a folder that exists, or that can be made",
        ),
        Some(NoFolder::ReadOnly) => found.warn(
            key,
            format!("`{folder}` cannot be made: the vault is mounted so that it may only be read"),
            "what Thoth knows is found all the same; mount the vault writable for notes and new papers",
        ),
    }
}

fn outside(found: &mut Found<'_>, key: &str, written: &str, vault: &Vault, message: &str) {
    let message = format!("`{written}` {message}, `{}`", vault.root().display());
    found.refuse(key, message, "`\"allowOutside\": true` in `paths` permits it");
}

fn api_keys(found: &mut Found<'_>, environment: &Environment) -> ApiKeys {
    let mut key = |path: &'static str| secret(found, environment, path);
    ApiKeys {
        openrouter_key: key("apiKeys.openrouterKey"),
        openai_key: key("apiKeys.openaiKey"),
        anthropic_key: key("apiKeys.anthropicKey"),
        mistral_key: key("apiKeys.mistralKey"),
        custom_key: key("apiKeys.customKey"),
        letta_api_key: key("apiKeys.lettaApiKey"),
    }
}

/// The file's key, else the environment's.
fn secret(found: &mut Found<'_>, environment: &Environment, path: &'static str) -> Secret {
    let written = found.text(path);
    if !written.trim().is_empty() {
        return Secret::new(written.trim());
    }
    environment
        .api_key(path)
        .unwrap_or_else(|error| {
            let hint = "the variable that names this file is set, so it is expected";
            found.warn(path, format!("no key: {error}"), hint);
            None
        })
        .unwrap_or_default()
}

fn llm_default(found: &Found<'_>) -> LlmDefault {
    let tokens =
        if found.value("llm.default.maxOutputTokens").is_some() { "maxOutputTokens" } else { "maxTokens" };
    LlmDefault {
        model: found.text("llm.default.model"),
        temperature: found.number("llm.default.temperature"),
        top_p: found.number("llm.default.topP"),
        max_output_tokens: small(found.count(&format!("llm.default.{tokens}"))),
        base_url: base_url(found),
        timeout_ms: found.count("llm.default.timeoutMs"),
        retries_max: small(found.count("llm.default.retriesMax")),
    }
}

/// The bound of the key has seen to it that the text is a URL.
fn base_url(found: &Found<'_>) -> Url {
    Url::parse(&found.text("llm.default.baseUrl")).unwrap_or_else(|_| DEFAULT_BASE_URL.clone())
}

#[expect(clippy::expect_used, reason = "a constant, which a test parses")]
static DEFAULT_BASE_URL: LazyLock<Url> =
    LazyLock::new(|| Url::parse("https://openrouter.ai/api/v1").expect("the constant is a URL"));

fn letta(found: &mut Found<'_>, environment: &Environment, pinned: &mut Pinned) -> LettaSettings {
    const URL: &str = super::environment::LETTA_SERVER_URL;
    // The bound of the key has seen to it that the text is a URL.
    let written = Url::parse(&found.text(URL)).unwrap_or_else(|_| USUAL.clone());
    let server_url = match environment.letta_server_url.clone() {
        Some(url) => Some(pin(found, pinned, URL, "LETTA_SERVER_URL", &written, url)),
        None => found.value(URL).map(|_| written),
    };
    LettaSettings {
        mode: Mode::from_name(&found.text("memory.letta.mode")).unwrap_or(Mode::SelfHosted),
        server_url,
        cloud_api_key: secret(found, environment, "memory.letta.cloudApiKey"),
        agent_model: found.text("memory.letta.agentModel"),
        agent_name: found.text("memory.letta.agentName"),
    }
}

fn rag(found: &Found<'_>) -> RagSettings {
    RagSettings {
        chunk_size: small(found.count("rag.chunkSize")),
        chunk_overlap: small(found.count("rag.chunkOverlap")),
        qa: Qa {
            retrieval_k: small(found.count("rag.qa.retrievalK")),
            model: Some(found.text("rag.qa.model")).filter(|model| !model.is_empty()),
            temperature: found.number("rag.qa.temperature"),
            max_tokens: small(found.count("rag.qa.maxTokens")),
        },
    }
}

fn monitor(found: &Found<'_>) -> MonitorSettings {
    MonitorSettings { recursive: found.switch("servers.monitor.recursive") }
}

fn performance(found: &Found<'_>) -> PerformanceSettings {
    let max_document_size_mb = found.count("performance.memory.maxDocumentSizeMb");
    PerformanceSettings { memory: MemoryLimits { max_document_size_mb } }
}

/// Counts have bounds far below this limit.
fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

type Pinned = BTreeMap<&'static str, &'static str>;

fn api_server(found: &mut Found<'_>, environment: &Environment, pinned: &mut Pinned) -> ApiServer {
    let written_host = found.text("servers.api.host");
    let written_port = u16::try_from(found.count("servers.api.port")).unwrap_or_default();
    let host = if environment.docker {
        // Within the container only the container's network is there; what is published decides who reaches it.
        pin(
            found,
            pinned,
            "servers.api.host",
            super::environment::DOCKER,
            &written_host,
            "0.0.0.0".to_owned(),
        )
    } else {
        match environment.api_host.clone() {
            Some(host) => pin(found, pinned, "servers.api.host", "THOTH_API_HOST", &written_host, host),
            None => written_host,
        }
    };
    let port = match environment.api_port {
        Some(port) => pin(found, pinned, "servers.api.port", "THOTH_API_PORT", &written_port, port),
        None => written_port,
    };
    ApiServer { host, port, allowed_hosts: found.texts("servers.api.allowedHosts") }
}

fn mcp_server(found: &mut Found<'_>, environment: &Environment, pinned: &mut Pinned) -> McpServer {
    let written = found.text("servers.mcp.host");
    let enabled = found.switch("servers.mcp.enabled");
    // Where it has no listener, the host says nothing, and there is nothing to be told.
    let host = if environment.docker && enabled {
        let everywhere = "0.0.0.0".to_owned();
        pin(found, pinned, "servers.mcp.host", super::environment::DOCKER, &written, everywhere)
    } else {
        written
    };
    McpServer {
        enabled,
        host,
        port: u16::try_from(found.count("servers.mcp.port")).unwrap_or_default(),
        allowed_hosts: found.texts("servers.mcp.allowedHosts"),
    }
}

fn logging(found: &mut Found<'_>, environment: &Environment, pinned: &mut Pinned) -> Logging {
    let written = Level::from_name(&found.text("logging.level")).unwrap_or(Level::Info);
    let level = match environment.log_level {
        Some(level) => pin(found, pinned, "logging.level", "THOTH_LOG_LEVEL", &written, level),
        None => written,
    };
    Logging { level }
}

/// The environment's value; a file that wants another one is told.
fn pin<T: PartialEq + std::fmt::Display>(
    found: &mut Found<'_>,
    pinned: &mut Pinned,
    key: &'static str,
    variable: &'static str,
    written: &T,
    value: T,
) -> T {
    debug_assert!(
        variable == super::environment::DOCKER || VARIABLES.iter().any(|known| known.name == variable)
    );
    pinned.insert(key, variable);
    if found.value(key).is_some() && *written != value {
        let message = format!("has no effect: the variable `{variable}` pins it to `{value}`");
        found.warn(key, message, "change the variable and start Thoth anew, or leave the key out");
    }
    value
}

fn reload(found: &Found<'_>) -> Reload {
    Reload {
        settle_ms: found.count("reload.settleMs"),
        poll_ms: found.count("reload.pollMs"),
        open_max_ms: found.count("reload.openMaxMs"),
        prepare_deadline_ms: found.count("reload.prepareDeadlineMs"),
        handover_ms: found.count("reload.handoverMs"),
        probation_ms: found.count("reload.probationMs"),
        history_max: usize::try_from(found.count("reload.historyMax")).unwrap_or(usize::MAX),
        history_days: found.count("reload.historyDays"),
    }
}
