//! From what a document says to settings as they are meant.

use std::collections::BTreeMap;

use changeover::check::Document;
use changeover::{Files, Occasion, Problem};

use super::environment::{NoKey, VARIABLES};
use super::walk::{self, Found, Sheet};
use super::{
    ApiKeys, Environment, Level, Logging, Origins, Paths, Reload, Secret, Settings, Vault, folders, origin,
    templates,
};
use crate::http::settings::{ApiServer, ServersSettings};
use crate::letta::settings::{LettaSettings, MemorySettings, Mode};
use crate::llm::settings::{LlmDefault, LlmSettings};
use crate::mcp::settings::McpServer;
use crate::pdf::settings::{MemoryLimits, MonitorSettings, PerformanceSettings};
use crate::rag::prompt::Given;
use crate::rag::settings::{Qa, RagSettings};

/// What documents are checked by.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) occasion: Occasion,
    pub(super) environment: &'a Environment,
    pub(super) vault: &'a Vault,
    /// The way to the files that settings name: secrets, styles, templates.
    pub(super) files: &'a Files<'a>,
}

/// The settings of a file that says nothing, in an environment that says nothing.
pub(super) fn defaults(vault: &Vault) -> Settings {
    let (document, environment, files) = (Document::default(), Environment::default(), Files::around(b"{}"));
    let terms = Terms { occasion: Occasion::Start, environment: &environment, vault, files: &files };
    settings(&mut walk::walk(&Sheet::main(&document)), &terms)
}

/// The settings as they are meant. Of a file that is refused they are of no use, so that a default may stand in for
/// what is wrong.
pub(super) fn settings(found: &mut Found<'_>, terms: &Terms<'_>) -> Settings {
    let Terms { environment, vault, .. } = *terms;
    let mut pinned = BTreeMap::new();
    let paths = folders::paths(found, vault);
    let mut settings = Settings {
        vault: vault.clone(),
        origins: Origins::default(),
        note_template: templates::note(found, &paths.templates, terms),
        api_keys: api_keys(found, terms),
        llm: LlmSettings { default: llm_default(found) },
        memory: MemorySettings { letta: letta(found, terms, &mut pinned) },
        rag: rag(found, &paths, terms),
        servers: ServersSettings {
            api: api_server(found, environment, &mut pinned),
            mcp: mcp_server(found, environment, &mut pinned),
            monitor: monitor(found),
        },
        citation: super::style::citation(found, terms),
        performance: performance(found),
        logging: logging(found, environment, &mut pinned),
        reload: reload(found),
        paths,
        pinned,
    };
    settings.origins = origin::origins(found, environment, &settings.pinned);
    settings
}

fn api_keys(found: &mut Found<'_>, terms: &Terms<'_>) -> ApiKeys {
    let mut key = |path: &'static str| secret(found, terms, path);
    ApiKeys {
        openrouter_key: key("apiKeys.openrouterKey"),
        openai_key: key("apiKeys.openaiKey"),
        anthropic_key: key("apiKeys.anthropicKey"),
        mistral_key: key("apiKeys.mistralKey"),
        custom_key: key("apiKeys.customKey"),
        letta_api_key: key("apiKeys.lettaApiKey"),
    }
}

/// The file's key, else the environment's. A file with a key that cannot be used is refused while Thoth runs, so that the
/// key before it stays; a start goes without it. An absent or empty one is no key, and told.
fn secret(found: &mut Found<'_>, terms: &Terms<'_>, path: &'static str) -> Secret {
    let written = found.text(path);
    if !written.trim().is_empty() {
        return Secret::new(written.trim());
    }
    match terms.environment.api_key(path, terms.files) {
        Ok(key) => key.unwrap_or_default(),
        Err(NoKey { message, is_absent }) => {
            let problem = Problem::new(path, format!("no key: {message}"));
            if is_absent || terms.occasion == Occasion::Start {
                let hint = "the variable that names this file is set, so it is expected";
                found.warnings.push(problem.hint(hint));
            } else {
                found.problems.push(problem.hint("write the key into that file, and nothing else"));
            }
            Secret::default()
        }
    }
}

fn llm_default(found: &Found<'_>) -> LlmDefault {
    let (tokens, older) = ("llm.default.maxOutputTokens", "llm.default.maxTokens");
    let tokens = if found.value(tokens).is_some() { tokens } else { older };
    LlmDefault {
        model: found.text("llm.default.model"),
        temperature: found.number("llm.default.temperature"),
        top_p: found.number("llm.default.topP"),
        max_output_tokens: small(found.count(tokens)),
        base_url: found.url("llm.default.baseUrl"),
        timeout_ms: found.count("llm.default.timeoutMs"),
        retries_max: small(found.count("llm.default.retriesMax")),
    }
}

fn letta(found: &mut Found<'_>, terms: &Terms<'_>, pinned: &mut Pinned) -> LettaSettings {
    const URL: &str = super::environment::LETTA_SERVER_URL;
    let written = found.url(URL);
    let server_url = match terms.environment.letta_server_url.clone() {
        Some(url) => Some(pin(found, pinned, URL, "LETTA_SERVER_URL", &written, url)),
        None => found.value(URL).map(|_| written),
    };
    LettaSettings {
        mode: Mode::from_name(&found.text("memory.letta.mode")).unwrap_or(Mode::SelfHosted),
        server_url,
        cloud_api_key: secret(found, terms, "memory.letta.cloudApiKey"),
        agent_model: found.text("memory.letta.agentModel"),
        agent_name: found.text("memory.letta.agentName"),
    }
}

fn rag(found: &mut Found<'_>, paths: &Paths, terms: &Terms<'_>) -> RagSettings {
    let model = Some(found.text("rag.qa.model")).filter(|model| !model.is_empty());
    let retrieval_k = small(found.count("rag.qa.retrievalK"));
    let written_by = model.clone().unwrap_or_else(|| found.text("llm.default.model"));
    let given = Given { model: &written_by, passages: retrieval_k };
    RagSettings {
        chunk_size: small(found.count("rag.chunkSize")),
        chunk_overlap: small(found.count("rag.chunkOverlap")),
        qa: Qa {
            instructions: templates::instructions(found, &paths.prompts, &given, terms),
            retrieval_k,
            model,
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
