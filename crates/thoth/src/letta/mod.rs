//! Agent memory at a [Letta](https://docs.letta.com) server: an agent that remembers what was said to it.
//!
//! [`Letta`] is the service: made from [`LettaInputs`], the process's one HTTP client and its [`Turns`]. Making it
//! asks nobody anything. The agent is found, or made, at the first message (`agent`); [`Letta::send_message`] and
//! [`Letta::stream_message`] talk to it (`message` is the format, `call` one request, `stream` an answer in pieces),
//! `memory` reads and writes what it always knows. `lookout` looks whether the server is there, beside everything
//! else and only for `standing`: its absence degrades this service and nothing else.
//!
//! The protocol is the REST API of the Letta server 0.16 and of Letta's cloud, under `/v1`.

mod agent;
mod call;
mod error;
mod inputs;
pub mod lookout;
mod memory;
mod message;
pub mod settings;
mod standing;
mod stream;
mod turns;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::OwnedMutexGuard;
use url::Url;

pub use agent::Agent;
pub use error::LettaError;
pub use inputs::LettaInputs;
pub use memory::Block;
pub use message::{Answer, Ending, Piece, Usage};
pub use standing::Condition;
pub use turns::Turns;

use agent::Absent;
use call::Call;
use message::{Body, Joined, Meaning, Message};
use settings::Mode;

/// How long the service waits, and for what. Times that no user sets; tests make them short.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the health of the server.
    pub health: Duration,
    /// For agents and memory.
    pub call: Duration,
    /// For a whole answer, and for another message to the agent to be done.
    pub message: Duration,
    /// For the last piece of an answer in pieces.
    pub stream: Duration,
    /// Before the second try of a request that is safe to repeat; doubles.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            health: Duration::from_secs(10),
            call: Duration::from_secs(30),
            message: Duration::from_secs(120),
            stream: Duration::from_secs(300),
            pause: Duration::from_millis(250),
        }
    }
}

/// The service `letta`.
#[derive(Debug)]
pub struct Letta {
    inputs: LettaInputs,
    client: reqwest::Client,
    patience: Patience,
    turn: turns::Turn,
    standing: standing::Standing,
    known: Mutex<Known>,
}

/// What the server has told.
#[derive(Clone, Debug, Default)]
struct Known {
    agent: Option<Agent>,
    version: Option<String>,
    /// The id of the agent that was told the model of the settings.
    model_said_to: Option<String>,
}

impl Letta {
    /// The service over the process's client and turns.
    pub fn new(inputs: LettaInputs, client: reqwest::Client, turns: &Turns) -> Self {
        Self::with_patience(inputs, client, turns, Patience::default())
    }

    /// The same with other times.
    pub fn with_patience(
        inputs: LettaInputs,
        client: reqwest::Client,
        turns: &Turns,
        patience: Patience,
    ) -> Self {
        let turn = turns.at(inputs.server.as_ref().map_or("", Url::as_str), &inputs.agent_name);
        Self {
            inputs,
            client,
            patience,
            turn,
            standing: standing::Standing::default(),
            known: Mutex::default(),
        }
    }

    /// How the service stands. Nothing is sent to find out.
    pub fn condition(&self) -> Condition {
        match self.server() {
            Err(error) => Condition::Off(error.to_string()),
            Ok(_) => self.standing.condition(),
        }
    }

    /// What it runs, for people; nothing where no server is set up.
    pub fn in_words(&self) -> String {
        let at = |server: &Url| {
            format!("agent `{}` at {}", self.inputs.agent_name, crate::llm::shown_host(server))
        };
        self.inputs.server.as_ref().map(at).unwrap_or_default()
    }

    /// What is known, for people: where the server is, and the agent, whose id and model come with the first look.
    pub fn view(&self) -> Value {
        let known = self.lock().clone();
        let agent = known.agent.unwrap_or_else(|| Agent {
            id: String::new(),
            name: self.inputs.agent_name.clone(),
            model: Some(self.inputs.agent_model.clone()).filter(|model| !model.is_empty()),
        });
        json!({
            "mode": self.inputs.mode,
            "server": self.inputs.server,
            "version": known.version,
            "agent": {
                "id": Some(agent.id).filter(|id| !id.is_empty()),
                "name": agent.name,
                "model": agent.model,
            },
        })
    }

    /// Says something to the agent and waits for the whole answer. The first message makes the agent.
    ///
    /// # Errors
    /// [`LettaError`].
    pub async fn send_message(&self, message: &str) -> Result<Answer, LettaError> {
        let _turn = self.turn().await?;
        let reply = self.to_agent(Absent::IsMade, |agent| self.message_call(agent, message, false)).await?;
        let agent_id = reply.agent.id.clone();
        let body = self.read_json(reply).await;
        self.standing.note(&body);
        self.read(agent_id, body?)
    }

    /// One look at the server, for [`Letta::condition`]: whether it is well, and whether it lets us in.
    pub(crate) async fn look(&self) -> Result<(), LettaError> {
        let limit = self.patience.health;
        let outcome = async {
            let call = Call::new(self.server()?, Method::GET, &["v1", "health", ""], "its health", limit);
            let health: agent::Health = self.ask(call).await?;
            self.lock().version = health.version.as_str().map(str::to_owned);
            self.find().await.map(drop)
        };
        let outcome = outcome.await;
        match &outcome {
            Ok(()) => self.standing.is_well(),
            Err(error) => self.standing.is_ill(error),
        }
        outcome
    }

    /// Waits until the agent is free, and keeps it from others until the turn is dropped.
    async fn turn(&self) -> Result<OwnedMutexGuard<()>, LettaError> {
        self.server()?;
        let limit = self.patience.message;
        let turn = tokio::time::timeout(limit, Arc::clone(&self.turn).lock_owned()).await;
        turn.map_err(|_| LettaError::Busy { name: self.inputs.agent_name.clone(), limit_s: limit.as_secs() })
    }

    fn message_call(&self, agent: &Agent, message: &str, stream: bool) -> Result<Call, LettaError> {
        let limit = if stream { self.patience.stream } else { self.patience.message };
        let segments = ["v1", "agents", agent.id.as_str(), "messages"];
        let call = Call::new(self.server()?, Method::POST, &segments, "the message", limit);
        let messages = json!([{ "role": "user", "content": message }]);
        Ok(match stream {
            false => call.body(json!({ "messages": messages, "streaming": false })),
            true => call.streaming().body(json!({
                "messages": messages, "streaming": true, "stream_tokens": true, "include_pings": true,
            })),
        })
    }

    /// Makes an answer of the messages that came at once.
    fn read(&self, agent_id: String, body: Body) -> Result<Answer, LettaError> {
        let (mut answer, mut reasoning) = (String::new(), String::new());
        let (mut said, mut thought) = (Joined::default(), Joined::default());
        let failed = |message: &str| LettaError::Failed { host: self.host(), message: self.shown(message) };
        for message in body.messages {
            // What is no message that we know is skipped, whatever its form.
            let message: Message = serde_json::from_value(message).unwrap_or_default();
            let id = message.id.as_deref();
            match message.meaning() {
                Meaning::Text(text) => answer.push_str(&said.next(id, text)),
                Meaning::Reasoning(text) => reasoning.push_str(&thought.next(id, text)),
                Meaning::Failed(message) => return Err(failed(&message)),
                Meaning::Stopped(_) | Meaning::Nothing => {}
            }
        }
        let stop_reason = match message::stopped(&body.stop_reason) {
            Meaning::Failed(message) => return Err(failed(&message)),
            Meaning::Stopped(reason) => Some(reason),
            _ => None,
        };
        let usage = serde_json::from_value(body.usage).ok();
        let reasoning = Some(reasoning).filter(|reasoning| !reasoning.is_empty());
        Ok(Answer { answer, reasoning, ending: Ending { agent_id, stop_reason, usage } })
    }

    /// Where the server is, or what would have to be set.
    fn server(&self) -> Result<&Url, LettaError> {
        let way_out = match self.inputs.mode {
            Mode::SelfHosted => "write its address to `memory.letta.serverUrl`",
            Mode::Cloud => "Letta's cloud wants a key in `memory.letta.cloudApiKey`",
        };
        self.inputs.server.as_ref().ok_or(LettaError::NotConfigured { way_out })
    }

    fn known(&self) -> Option<Agent> {
        self.lock().agent.clone()
    }

    fn remember(&self, agent: Option<Agent>) {
        self.lock().agent = agent;
    }

    /// A value is replaced whole, so a panic elsewhere leaves it consistent.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "../../tests/real/letta_server.rs"]
#[expect(dead_code, reason = "the tests of the binary use the rest")]
mod letta_server;
#[cfg(test)]
mod tests;
