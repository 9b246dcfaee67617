//! Core memory: the blocks that the agent always has before its eyes.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Letta;
use super::agent::{Absent, Agent};
use super::call::Call;
use super::error::LettaError;

/// A block of core memory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Block {
    /// Its name within the agent: `human`, `persona`, …
    #[serde(default)]
    pub label: Option<String>,
    /// What stands in it.
    pub value: String,
    /// Characters that may stand in it.
    #[serde(default)]
    pub limit: Option<u64>,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether the agent may only read it.
    #[serde(default)]
    pub read_only: bool,
}

impl Letta {
    /// The blocks of the agent's memory. Makes no agent.
    ///
    /// # Errors
    /// [`LettaError`]; [`LettaError::NoAgent`] before the first message.
    pub async fn memory(&self) -> Result<Vec<Block>, LettaError> {
        let call = |agent: &Agent| {
            let segments = ["v1", "agents", agent.id.as_str(), "core-memory", "blocks"];
            let limit = self.patience.call;
            Ok(Call::new(self.server()?, Method::GET, &segments, "the agent's memory", limit))
        };
        self.read_json(self.to_agent(Absent::IsSaid, call).await?).await
    }

    /// One block of the agent's memory. Makes no agent.
    ///
    /// # Errors
    /// [`LettaError`]; [`LettaError::NoBlock`] where there is none with this label.
    pub async fn read_memory(&self, label: &str) -> Result<Block, LettaError> {
        self.at_block(label, Method::GET, "a block of memory", None).await
    }

    /// Writes one block, whole. The agent has it before its eyes from the next message on.
    ///
    /// # Errors
    /// [`LettaError`]; [`LettaError::NoBlock`] where there is none with this label.
    pub async fn write_memory(&self, label: &str, value: &str) -> Result<Block, LettaError> {
        let _turn = self.turn().await?;
        self.at_block(label, Method::PATCH, "a change of memory", Some(json!({ "value": value }))).await
    }

    async fn at_block(
        &self,
        label: &str,
        method: Method,
        doing: &'static str,
        body: Option<Value>,
    ) -> Result<Block, LettaError> {
        let unknown =
            || LettaError::NoBlock { name: self.inputs.agent_name.clone(), label: label.to_owned() };
        // These would lead out of the list of blocks.
        if label.is_empty() || matches!(label, "." | "..") {
            return Err(unknown());
        }
        let call = |agent: &Agent| {
            let segments = ["v1", "agents", agent.id.as_str(), "core-memory", "blocks", label];
            let call = Call::new(self.server()?, method.clone(), &segments, doing, self.patience.call);
            Ok(match &body {
                Some(body) => call.body(body.clone()),
                None => call,
            })
        };
        match self.to_agent(Absent::IsSaid, call).await {
            Err(LettaError::Refused { status: 404, .. }) => Err(unknown()),
            outcome => self.read_json(outcome?).await,
        }
    }
}
