//! The check: from the bytes of a file to settings as they are meant, or to everything that is wrong with them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use changeover::check::{Document, PROBLEMS_MAX, parse};
use changeover::{Accepted, Files, Occasion, Problem};
use url::Url;

use super::environment::{NoKey, VARIABLES};
use super::walk::{self, Found, Names, Sheet};
use super::{
    ApiKeys, Environment, Level, Logging, Origins, Paths, Reload, Secret, Settings, Vault, across, folders,
    origin, secrets, templates,
};
use crate::http::settings::{ApiServer, ServersSettings};
use crate::letta::settings::{LettaSettings, MemorySettings, Mode, USUAL};
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

/// Checks a settings file, with what it would have below it and nothing above it.
///
/// # Errors
/// Everything that is wrong with it, at once, each with its place.
pub fn check(
    content: &[u8],
    occasion: Occasion,
    environment: &Environment,
    vault: &Vault,
) -> Result<Accepted<Settings>, Vec<Problem>> {
    let files = Files::around(content);
    checked(content, None, &Terms { occasion, environment, vault, files: &files })
}

/// Checks the content of a settings file, and that of the file above it.
pub(super) fn checked(
    main: &[u8],
    local: Option<(&[u8], Names)>,
    terms: &Terms<'_>,
) -> Result<Accepted<Settings>, Vec<Problem>> {
    let (main, mut problems) = parsed(main, &Names::of_main());
    let (local, of_local) = match local {
        None => (None, Vec::new()),
        Some((content, names)) => {
            let (document, problems) = parsed(content, &names);
            (document.map(|document| (document, names)), problems)
        }
    };
    problems.extend(of_local);
    let judged = match &main {
        Some(main) => judged(main, local.as_ref(), problems, terms),
        None => Err(problems),
    };
    match judged {
        Ok(accepted) => Ok(Accepted { warnings: harmless(accepted.warnings), ..accepted }),
        Err(problems) => Err(harmless(problems)),
    }
}

/// The document that a content is, if it is one, and why it is none or a bad one.
fn parsed<'c>(content: &'c [u8], names: &Names) -> (Option<Document<'c>>, Vec<Problem>) {
    match parse(content) {
        Ok(document) => (Some(document), Vec::new()),
        Err(refused) => {
            let told = |problem| Problem { file: names.told.clone(), ..problem };
            (refused.document, refused.problems.into_iter().map(told).collect())
        }
    }
}

/// Problems quote what stands in the file. A key that stands in the wrong place must not come along.
fn harmless(mut problems: Vec<Problem>) -> Vec<Problem> {
    for problem in &mut problems {
        problem.message = secrets::redacted(&problem.message);
        problem.path = secrets::redacted(&problem.path);
        problem.hint = problem.hint.take().map(|hint| secrets::redacted(&hint));
    }
    problems
}

/// The settings of a file that says nothing, in an environment that says nothing.
pub(super) fn defaults(vault: &Vault) -> Settings {
    let (document, environment, files) = (Document::default(), Environment::default(), Files::around(b"{}"));
    let terms = Terms { occasion: Occasion::Start, environment: &environment, vault, files: &files };
    settings(&mut walk::walk(&Sheet::main(&document)), &terms)
}

fn judged(
    main: &Document<'_>,
    local: Option<&(Document<'_>, Names)>,
    mut problems: Vec<Problem>,
    terms: &Terms<'_>,
) -> Result<Accepted<Settings>, Vec<Problem>> {
    let main = Sheet::main(main);
    let local = local.map(|(document, names)| Sheet { document, names: names.clone() });
    let mut found = walk::walk(&main);
    if let Some(local) = &local {
        found = found.below(walk::walk(local));
    }
    let settings = settings(&mut found, terms);
    across::check(&mut found, &settings, terms.environment);
    problems.append(&mut found.problems);
    if problems.is_empty() {
        emptiness(&mut found, terms.occasion);
        problems.append(&mut found.problems);
    }
    if !problems.is_empty() {
        return Err(in_order(problems, "problems"));
    }
    let warnings = in_order(found.warnings, "warnings");
    Ok(Accepted { settings, warnings, secrets: secrets::of_document(main.document, found.secrets) })
}

/// In the order of the files, what has no place at the end; beyond the limit only counted.
fn in_order(mut all: Vec<Problem>, name: &str) -> Vec<Problem> {
    all.sort_by(|one, other| {
        let place =
            |problem: &Problem| (problem.line.is_none(), problem.file.clone(), problem.line, problem.column);
        place(one).cmp(&place(other))
    });
    let beyond = all.len().saturating_sub(PROBLEMS_MAX);
    if beyond > 0 {
        all.truncate(PROBLEMS_MAX);
        all.push(Problem::new("", format!("and {beyond} more {name}")));
    }
    all
}

/// An object without any setting is hardly what somebody meant to save over a working file.
fn emptiness(found: &mut Found<'_>, occasion: Occasion) {
    if found.settings > 0 {
        for section in ["paths", "apiKeys", "servers"] {
            if !found.is_given(section) {
                let warning = Problem::new(section, "the section is absent").hint("its defaults apply");
                found.warnings.push(warning);
            }
        }
        return;
    }
    let problem = Problem::new("", "the file sets nothing");
    let (line, column) = found.sheet.document.place(found.sheet.document.root.span.start);
    match occasion {
        Occasion::Running => {
            let hint = "a running Thoth does not drop all its settings for an empty file; write at least one setting";
            found.problems.push(problem.hint(hint).at(line, column));
        }
        Occasion::Start | Occasion::RunningAllowEmpty => {
            found.warnings.push(problem.hint("the defaults apply").at(line, column));
        }
    }
}

/// The settings as they are meant. Of a file that is refused they are of no use, so that a default may stand in for
/// what is wrong.
fn settings(found: &mut Found<'_>, terms: &Terms<'_>) -> Settings {
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

fn letta(found: &mut Found<'_>, terms: &Terms<'_>, pinned: &mut Pinned) -> LettaSettings {
    const URL: &str = super::environment::LETTA_SERVER_URL;
    // The bound of the key has seen to it that the text is a URL.
    let written = Url::parse(&found.text(URL)).unwrap_or_else(|_| USUAL.clone());
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
