//! An answer in pieces: server-sent events, each one message of the protocol or a piece of one.
//!
//! `data: {…}` as often as it takes, then `data: [DONE]`. An `event: error` or `event: cancelled` ends it badly, and so
//! does a connection that ends before the agent has stopped.

use std::pin::Pin;
use std::sync::Arc;

use eventsource_stream::{Event, EventStreamError, Eventsource};
use futures_util::{Stream, StreamExt, stream};
use serde_json::Value;
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout_at;

use super::Letta;
use super::agent::Absent;
use super::call::Reply;
use super::error::LettaError;
use super::message::{Ending, Joined, Meaning, Message, Piece, failure_of};
use crate::llm::{root_cause, without_byte_order_mark};

/// Bytes of a whole stream, at most. Each token comes with some 300 bytes around it.
const STREAM_BYTES_MAX: usize = 128 << 20;

type Events = Pin<Box<dyn Stream<Item = Result<Event, LettaError>> + Send>>;

/// An answer that has begun. It holds on to its client, so that it ends where it began, and to the agent's turn.
struct Reading {
    letta: Arc<Letta>,
    events: Events,
    said: Joined,
    thought: Joined,
    ending: Ending,
    /// Why there will be no answer. Better words for it may follow.
    failure: Option<String>,
    _turn: OwnedMutexGuard<()>,
}

impl Letta {
    /// Says something to the agent; gives the answer piece by piece as it comes, [`Piece::Done`] as the last. The
    /// first message makes the agent. Dropping the stream ends the request.
    ///
    /// # Errors
    /// [`LettaError`], where the answer does not even begin; later errors end the stream.
    pub async fn stream_message(
        self: Arc<Self>,
        message: &str,
    ) -> Result<impl Stream<Item = Result<Piece, LettaError>> + Send + use<>, LettaError> {
        let turn = self.turn().await?;
        let reply = self.to_agent(Absent::IsMade, |agent| self.message_call(agent, message, true)).await?;
        let ending = Ending { agent_id: reply.agent.id.clone(), stop_reason: None, usage: None };
        let reading = Reading {
            events: events(Arc::clone(&self), reply),
            letta: self,
            said: Joined::default(),
            thought: Joined::default(),
            ending,
            failure: None,
            _turn: turn,
        };
        Ok(stream::unfold(Some(reading), |reading| async move {
            let mut reading = reading?;
            match reading.next().await {
                Ok(piece @ Piece::Done(_)) => Some((Ok(piece), None)),
                Ok(piece) => Some((Ok(piece), Some(reading))),
                Err(error) => {
                    let outcome = Err(error);
                    reading.letta.standing.note(&outcome);
                    Some((outcome, None))
                }
            }
        }))
    }
}

impl Reading {
    async fn next(&mut self) -> Result<Piece, LettaError> {
        loop {
            let event = match self.events.next().await {
                Some(Ok(event)) => event,
                // The agent had stopped; what the connection does after that changes nothing.
                Some(Err(_)) | None if self.stopped() => return self.done(),
                Some(Err(error)) => return Err(error),
                None => return Err(self.letta.truncated("the stream ended before the agent stopped")),
            };
            if event.data.trim() == "[DONE]" {
                return self.done();
            }
            let value: Value = serde_json::from_str(&event.data).unwrap_or_default();
            if matches!(event.event.as_str(), "error" | "cancelled") {
                return Err(self.failed(&failure_of(&value)));
            }
            if let Some(piece) = self.take(value) {
                return Ok(piece);
            }
        }
    }

    /// What one message adds to the answer, if anything. What is no message that we know is skipped.
    fn take(&mut self, value: Value) -> Option<Piece> {
        if value.get("message_type").and_then(Value::as_str) == Some("usage_statistics") {
            self.ending.usage = serde_json::from_value(value).ok();
            return None;
        }
        let message: Message = serde_json::from_value(value).unwrap_or_default();
        let id = message.id.as_deref();
        let piece = match message.meaning() {
            Meaning::Text(text) => Piece::Text(self.said.next(id, text)),
            Meaning::Reasoning(text) => Piece::Reasoning(self.thought.next(id, text)),
            Meaning::Failed(message) => {
                self.failure = Some(message);
                return None;
            }
            Meaning::Stopped(reason) => {
                self.ending.stop_reason = Some(reason);
                return None;
            }
            Meaning::Nothing => return None,
        };
        let is_empty = matches!(&piece, Piece::Text(text) | Piece::Reasoning(text) if text.is_empty());
        (!is_empty).then_some(piece)
    }

    fn stopped(&self) -> bool {
        self.ending.stop_reason.is_some() || self.failure.is_some()
    }

    /// The end: good, unless the agent stopped for a reason that leaves no answer.
    fn done(&self) -> Result<Piece, LettaError> {
        match &self.failure {
            Some(message) => Err(self.failed(message)),
            None => Ok(Piece::Done(self.ending.clone())),
        }
    }

    fn failed(&self, message: &str) -> LettaError {
        LettaError::Failed { host: self.letta.host(), message: self.letta.shown(message) }
    }
}

fn events(letta: Arc<Letta>, reply: Reply) -> Events {
    let shown = Arc::clone(&letta);
    let events = chunks(letta, reply).eventsource().map(move |event| {
        event.map_err(|error| match error {
            EventStreamError::Transport(error) => error,
            other => {
                let message = format!("its stream is not one of events ({})", root_cause(&other));
                LettaError::Malformed { host: shown.host(), message }
            }
        })
    });
    Box::pin(events)
}

/// The bytes of the answer as they come, within the limits of size and time.
fn chunks(letta: Arc<Letta>, reply: Reply) -> impl Stream<Item = Result<Vec<u8>, LettaError>> + Send {
    let start = (letta, reply, 0_usize, false);
    Box::pin(stream::try_unfold(start, move |(letta, mut reply, total, begun)| async move {
        let chunk = match timeout_at(reply.deadline, reply.response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => return Ok(None),
            Ok(Err(error)) => return Err(letta.truncated(&root_cause(&error.without_url()))),
            Err(_) => return Err(letta.late(&reply.call)),
        };
        let total = total + chunk.len();
        if total > STREAM_BYTES_MAX {
            let what = format!("the answer of `{}`", letta.host());
            return Err(LettaError::TooLarge { what, limit_bytes: STREAM_BYTES_MAX });
        }
        let bytes = if begun { &chunk } else { without_byte_order_mark(&chunk) }.to_vec();
        let begun = begun || !bytes.is_empty();
        Ok(Some((bytes, (letta, reply, total, begun))))
    }))
}
