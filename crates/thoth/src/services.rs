//! Every service of a generation, one line each, and how a candidate's are built.

use std::sync::Arc;

use changeover::{Identity, Preparation, Problem, Service};
use serde::Serialize;

use crate::citations::{CitationInputs, Citations};
use crate::http::listeners::Listeners;
use crate::http::service::{self, HttpInputs, HttpService, Surroundings};
use crate::letta::{self, Letta, LettaInputs, Turns};
use crate::llm::{Condition, Llm, LlmInputs};
use crate::mcp::service::{self as mcp, McpInputs, McpService};
use crate::rag::answer::QaOptions;
use crate::rag::builder::Builder;
use crate::rag::index::Index;
use crate::rag::{Rag, RagInputs};
use crate::settings::Settings;

/// The services of one generation.
#[derive(Debug)]
pub struct Services {
    /// Language models.
    pub llm: Service<LlmInputs, Llm>,
    /// Retrieval; holds the `llm` that writes its answers.
    pub rag: Service<RagInputs, Rag>,
    /// The style and the links of notes and exports, and who is asked for what a PDF does not say.
    pub citations: Service<CitationInputs, Citations>,
    /// Agent memory.
    pub letta: Service<LettaInputs, Letta>,
    /// The API.
    pub http: Service<HttpInputs, HttpService>,
    /// MCP: its own listener, if it has one.
    pub mcp: Service<McpInputs, McpService>,
}

/// What services are built with that a process has only once. No settings in it.
pub struct Means {
    /// Connections to other hosts.
    pub client: reqwest::Client,
    /// Turns at the agents of Letta servers.
    pub turns: Turns,
    /// The index that all generations share.
    pub index: Arc<Index>,
    /// The sockets that listen.
    pub listeners: Listeners,
    /// What the process was started with.
    pub surroundings: Surroundings,
}

/// Builds the services of a candidate beside the live ones: each is carried over if what it is made from is the same.
///
/// # Errors
/// Everything that the world refuses; what was built until then is dropped.
pub async fn prepare(
    preparation: &Preparation<Settings, Services>,
    means: &Means,
) -> Result<Services, Vec<Problem>> {
    let settings = &preparation.settings;
    let live = preparation.live.as_ref().map(|live| &live.services);
    let addresses = HttpInputs::new(&settings.servers.api, &means.surroundings)?;
    let endpoints = McpInputs::new(&settings.servers.mcp, &means.surroundings)?;
    let citations = CitationInputs::new(&settings.citation);
    let (llm, citations, letta, http, mcp) = tokio::try_join!(
        preparation.service("llm", live.map(|live| &live.llm), LlmInputs::of(settings), &[], |inputs| {
            let llm = Llm::new(inputs.clone(), means.client.clone());
            async { Ok(llm) }
        }),
        preparation.service("citations", live.map(|live| &live.citations), citations, &[], |inputs| {
            let inputs = inputs.clone();
            async { styled(inputs).await }
        }),
        preparation.service(
            "letta",
            live.map(|live| &live.letta),
            LettaInputs::of(settings),
            &[],
            |inputs| {
                let letta = Letta::new(inputs.clone(), means.client.clone(), &means.turns);
                async { Ok(letta) }
            }
        ),
        preparation.service("http", live.map(|live| &live.http), addresses, &[], |addresses| {
            let http = service::build(addresses, &means.listeners);
            async { http }
        }),
        preparation.service("mcp", live.map(|live| &live.mcp), endpoints, &[], |endpoints| {
            let mcp = mcp::build(endpoints, &means.listeners);
            async { mcp }
        }),
    )?;
    mcp::apart(&mcp, &http.reserved)?;
    let live_rag = live.map(|live| &live.rag);
    let inputs = match live_rag.and_then(|live| RagInputs::like(live, &settings.rag)) {
        Some(inputs) => inputs,
        None => {
            let (settings, live) = (settings.rag.clone(), live_rag.map(Service::handle));
            blocking(&means.index, move |index| RagInputs::new(&settings, index, live.as_deref())).await?
        }
    };
    let depends_on = [("llm", llm.identity())];
    let rag = preparation
        .service("rag", live_rag, inputs, &depends_on, |inputs| {
            let rag = Rag::new(inputs.clone(), Arc::clone(&means.index), llm.handle());
            let rag = rag.after(live_rag.map(|live| &**live));
            async { Ok(rag) }
        })
        .await?;
    Ok(Services { llm, rag, citations, letta, http, mcp })
}

/// What settings mean to what [`Services::on_trial`] names, in bytes, its key included. A key that was taken back is recognised
/// although another port stands beside it.
pub fn meaning(settings: &Settings) -> Vec<u8> {
    let LlmInputs { llm, key } = LlmInputs::of(settings);
    let mut meaning = format!("{llm:?} {:?}", QaOptions::from(&settings.rag.qa)).into_bytes();
    // What shows values to people redacts it.
    meaning.push(0);
    meaning.extend(key.secret.expose().as_bytes());
    meaning
}

/// The ports that a process with these settings would serve, reserved as [`prepare`] does it where nothing is live.
///
/// # Errors
/// Everything that cannot be served.
pub fn ports(
    settings: &Settings,
    surroundings: &Surroundings,
    listeners: &Listeners,
) -> Result<(HttpService, McpService), Vec<Problem>> {
    let http = service::build(&HttpInputs::new(&settings.servers.api, surroundings)?, listeners)?;
    let mcp = mcp::build(&McpInputs::new(&settings.servers.mcp, surroundings)?, listeners)?;
    mcp::apart(&mcp, &http.reserved)?;
    Ok((http, mcp))
}

/// A style is decoded on a thread where that may take its time.
async fn styled(inputs: CitationInputs) -> Result<Citations, Vec<Problem>> {
    let refused = |error: String| vec![Problem::new("citation.style", error)];
    let made = tokio::task::spawn_blocking(move || Citations::new(&inputs)).await;
    made.map_err(|error| refused(error.to_string()))?.map_err(refused)
}

/// Runs work on the index on a thread where it may block. Its errors are the world's.
async fn blocking<T: Send + 'static, E: std::fmt::Display + Send + 'static>(
    index: &Arc<Index>,
    work: impl FnOnce(&Arc<Index>) -> Result<T, E> + Send + 'static,
) -> Result<T, Vec<Problem>> {
    let index = Arc::clone(index);
    let refused = |error: String| vec![Problem::new("rag", error)];
    match tokio::task::spawn_blocking(move || work(&index)).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(refused(error.to_string())),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// How a service stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceState {
    /// `ok`, `pending`, `degraded`, or `off` where nothing is set up and nothing is missing, and in safe mode.
    pub status: &'static str,
    /// The generation in which what runs was built; `None` for what follows every generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// What it runs, in a few words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub runs: String,
    /// Why it is not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl ServiceState {
    /// All is well.
    pub fn ok(since: Option<u64>) -> Self {
        Self { status: "ok", since, runs: String::new(), reason: None }
    }

    /// It is not there yet.
    pub fn pending(since: Option<u64>, reason: String) -> Self {
        Self { status: "pending", since, runs: String::new(), reason: Some(reason) }
    }

    /// It runs, but not as it should.
    pub fn degraded(since: Option<u64>, reason: String) -> Self {
        Self { status: "degraded", since, runs: String::new(), reason: Some(reason) }
    }

    /// It does nothing.
    pub fn off(since: Option<u64>, reason: &str) -> Self {
        Self { status: "off", since, runs: String::new(), reason: Some(reason.to_owned()) }
    }

    /// The same, with what it runs.
    #[must_use]
    pub fn runs(self, runs: String) -> Self {
        Self { runs, ..self }
    }
}

impl Services {
    /// What only a use shows whether it was built from the right settings: the language model, as questions ask it.
    pub fn on_trial(&self) -> Vec<(&'static str, Identity)> {
        let llm = self.llm.configured().then(|| ("llm", self.rag.asks()));
        llm.into_iter().collect()
    }

    /// How each service stands.
    pub fn states(&self, builder: Option<&Builder>) -> Vec<(&'static str, ServiceState)> {
        let Self { llm, rag, citations, letta, http, mcp } = self;
        vec![
            ("llm", llm_state(llm)),
            ("rag", rag_state(rag, builder).runs(rag.in_words())),
            ("citations", ServiceState::ok(Some(citations.since())).runs(citations.in_words())),
            ("letta", letta_state(letta).runs(letta.in_words())),
            ("http", ServiceState::ok(Some(http.since())).runs(http.in_words())),
            ("mcp", ServiceState::ok(Some(mcp.since())).runs(mcp.in_words())),
        ]
    }
}

fn llm_state(llm: &Service<LlmInputs, Llm>) -> ServiceState {
    let stands = llm.status();
    let status = match stands.status {
        Condition::Off => "off",
        Condition::Ok => "ok",
        Condition::Degraded => "degraded",
    };
    ServiceState { status, since: Some(llm.since()), runs: llm.in_words(), reason: stands.reason }
}

/// How the agent's memory stands.
pub fn letta_state(letta: &Service<LettaInputs, Letta>) -> ServiceState {
    let (status, reason) = match letta.condition() {
        letta::Condition::Off(reason) => ("off", Some(reason)),
        letta::Condition::Unknown => ("pending", Some("the server was not heard of yet".to_owned())),
        letta::Condition::Ok => ("ok", None),
        letta::Condition::Degraded(reason) => ("degraded", Some(reason)),
    };
    ServiceState { status, reason, ..ServiceState::ok(Some(letta.since())) }
}

fn rag_state(rag: &Service<RagInputs, Rag>, builder: Option<&Builder>) -> ServiceState {
    let since = Some(rag.since());
    let Some(builder) = builder else {
        let waits = rag.reads() != rag.wanted();
        let reason = waits
            .then(|| "the process with the role `monitor` builds the index; the old one serves".to_owned());
        let status = if waits { "pending" } else { "ok" };
        return ServiceState { status, reason, ..ServiceState::ok(since) };
    };
    let Some(progress) = builder.progress() else {
        // It is built, and the changeover that reads it is still to come.
        let waits = rag.reads() != rag.wanted();
        let reason = || "the index is taken over; the old one serves".to_owned();
        return if waits { ServiceState::pending(since, reason()) } else { ServiceState::ok(since) };
    };
    match progress.problem {
        Some(problem) => ServiceState::degraded(since, format!("the index cannot be built: {problem}")),
        None => {
            let meanwhile =
                if rag.reads() == rag.wanted() { "what is built serves" } else { "the old one serves" };
            let (done, total) = (progress.done, progress.total);
            let reason = format!("the index is built, {done} of {total} papers; {meanwhile}");
            ServiceState { status: "pending", reason: Some(reason), ..ServiceState::ok(since) }
        }
    }
}

#[cfg(test)]
mod tests {
    use changeover::Occasion;

    use super::*;
    use crate::settings::{Environment, Vault, check};

    #[test]
    fn what_is_recognised_is_how_a_model_is_asked_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::at(folder.path()).unwrap();
        let of = |text: &str, variables: &[(&str, &str)]| {
            let pairs = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let environment = Environment::from_pairs(pairs).unwrap();
            meaning(&check(text.as_bytes(), Occasion::Running, &environment, &vault).unwrap().settings)
        };
        let plain = of(r#"{ "rag": { "chunkSize": 500 } }"#, &[]);
        for text in [
            r#"{"rag": {"chunk_size": 600}} // another index"#,
            r#"{ "rag": { "qa": { "retrievalK": 9 } }, "logging": { "level": "DEBUG" } }"#,
            r#"{ "apiKeys": { "mistralKey": "sk-of-another-provider" } }"#,
        ] {
            assert_eq!(of(text, &[]), plain, "{text}");
        }
        let mut others = vec![plain];
        for (text, variables) in [
            (r#"{ "apiKeys": { "openrouterKey": "sk-first" } }"#, &[][..]),
            (r#"{ "apiKeys": { "openrouterKey": "sk-second" } }"#, &[]),
            (r#"{ "rag": { "chunkSize": 500 } }"#, &[("OPENROUTER_API_KEY", "sk-third")]),
            (r#"{ "llm": { "default": { "temperature": 0.3 } } }"#, &[]),
            (r#"{ "rag": { "qa": { "model": "another" } } }"#, &[]),
        ] {
            let meaning = of(text, variables);
            assert!(!others.contains(&meaning), "{text} {variables:?}");
            others.push(meaning);
        }
    }
}
