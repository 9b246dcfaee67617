//! The agent: found by its name, or made at the first message. Never before: a changeover writes nothing anywhere.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Letta;
use super::call::{Call, Reply};
use super::error::LettaError;

/// The agent as the server knows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Agent {
    /// Its id, `agent-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its model, as the server spells it.
    #[serde(default)]
    pub model: Option<String>,
}

/// Agents of one name that are looked through. Names are not unique at a server; the oldest is ours.
const NAMESAKES_MAX: &str = "10";

/// What the agent is told of itself.
const PERSONA: &str = "I am Thoth, a research assistant beside the user's Obsidian vault. I remember what the user \
                       works on, reads and decides, and I say so when I do not know something.";

/// What becomes of a request to an agent that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    /// It is made first.
    IsMade,
    /// That is said.
    IsSaid,
}

impl Letta {
    /// Sends something to the agent and waits for the head of the answer; once more to another one, found or made
    /// anew, if the agent was deleted at the server.
    pub(super) async fn to_agent(
        &self,
        absent: Absent,
        call: impl Fn(&Agent) -> Result<Call, LettaError> + Send + Sync,
    ) -> Result<Reply, LettaError> {
        let outcome = async {
            let agent = self.agent(absent).await?;
            let gone = match self.reply(&agent, call(&agent)?).await {
                Err(error @ LettaError::Refused { status: 404, .. }) => error,
                outcome => return outcome,
            };
            self.remember(None);
            let other = self.agent(absent).await?;
            // The agent is there: something else was not found.
            if other.id == agent.id { Err(gone) } else { self.reply(&other, call(&other)?).await }
        };
        let outcome = outcome.await;
        self.standing.note(&outcome);
        outcome
    }

    async fn reply(&self, agent: &Agent, call: Call) -> Result<Reply, LettaError> {
        let deadline = Instant::now() + call.limit;
        let response = self.send(&call, deadline).await?;
        Ok(Reply { agent: agent.clone(), call, response, deadline })
    }

    /// The agent that a request is for: the known one, else found, else made. Only whoever has the turn may make it,
    /// so two first messages make one agent.
    async fn agent(&self, absent: Absent) -> Result<Agent, LettaError> {
        let known = match self.known() {
            Some(known) => Some(known),
            None => self.find().await?,
        };
        match (known, absent) {
            (Some(found), Absent::IsMade) => self.with_wanted_model(found).await,
            (Some(found), Absent::IsSaid) => Ok(found),
            (None, Absent::IsMade) => self.make().await,
            (None, Absent::IsSaid) => {
                Err(LettaError::NoAgent { name: self.inputs.agent_name.clone(), host: self.host() })
            }
        }
    }

    /// The agent, if there is one: asks the server.
    pub(super) async fn find(&self) -> Result<Option<Agent>, LettaError> {
        let limit = self.patience.call;
        let name = self.inputs.agent_name.as_str();
        let call = Call::new(self.server()?, Method::GET, &["v1", "agents", ""], "the list of agents", limit);
        let call = call.query(&[("name", name), ("limit", NAMESAKES_MAX), ("order", "asc")]);
        let found: Vec<Agent> = self.ask(call).await?;
        let found = found.into_iter().find(|agent| agent.name == name);
        self.remember(found.clone());
        Ok(found)
    }

    async fn make(&self) -> Result<Agent, LettaError> {
        let limit = self.patience.call;
        let call = Call::new(self.server()?, Method::POST, &["v1", "agents", ""], "a new agent", limit);
        let mut body = json!({
            "name": self.inputs.agent_name,
            "description": "The research agent of Thoth.",
            "tags": ["thoth"],
            "memory_blocks": [
                { "label": "persona", "value": PERSONA },
                { "label": "human", "value": "" },
            ],
        });
        if !self.inputs.agent_model.is_empty() {
            body["model"] = json!(self.inputs.agent_model);
        }
        let made: Agent = self.ask(call.body(body)).await.map_err(|error| self.about_model(error))?;
        tracing::info!(id = made.id, "LettaService: made the agent `{}`", made.name);
        self.remember(Some(made.clone()));
        Ok(made)
    }

    /// The agent, with `memory.letta.agentModel` for its model. Said once: what somebody chooses at the server
    /// afterwards, and how the server spells it, is the server's.
    async fn with_wanted_model(&self, agent: Agent) -> Result<Agent, LettaError> {
        let wanted = &self.inputs.agent_model;
        let is_said = self.lock().model_said_to.as_ref() == Some(&agent.id);
        if is_said || wanted.is_empty() || agent.model.as_ref() == Some(wanted) {
            return Ok(agent);
        }
        let limit = self.patience.call;
        let segments = ["v1", "agents", agent.id.as_str()];
        let call = Call::new(self.server()?, Method::PATCH, &segments, "another model for the agent", limit);
        let call = call.body(json!({ "model": wanted }));
        let changed: Agent = match self.ask(call).await {
            Ok(changed) => changed,
            Err(error) => {
                // It may be the agent that is unknown there: the next message looks for it anew.
                self.remember(None);
                return Err(self.about_model(error));
            }
        };
        self.lock().model_said_to = Some(changed.id.clone());
        self.remember(Some(changed.clone()));
        Ok(changed)
    }

    /// The server takes no agent without a model that it knows.
    fn about_model(&self, error: LettaError) -> LettaError {
        match error {
            LettaError::Refused { host, doing, status, message } if matches!(status, 400 | 404 | 422) => {
                let message = match self.inputs.agent_model.as_str() {
                    "" => format!("{message}; set `memory.letta.agentModel` to a model of that server"),
                    model => format!(
                        "{message}; is `{model}` in `memory.letta.agentModel` a model of that server?"
                    ),
                };
                LettaError::Refused { host, doing, status, message }
            }
            other => other,
        }
    }
}

/// What `GET /v1/health/` says.
#[derive(Debug, Deserialize)]
pub(super) struct Health {
    #[serde(default)]
    pub(super) version: Value,
}
