//! What comes back in pieces: server-sent events, each a piece of the answer.
//!
//! `Asking → Reading → Ended`. A stream ends well only when the provider said so: by a `finish_reason`, or by
//! `[DONE]`. Nothing is asked again once the answer has begun, so no piece can come twice.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use eventsource_stream::{EventStreamError, Eventsource};
use futures_util::{Stream, StreamExt, stream};
use reqwest::Response;
use tokio::time::Instant;

use super::Llm;
use super::answer::{Completion, content_type, empty, next_chunk, parse, reported, whole_body};
use super::error::LlmError;
use super::request::{Call, ChatRequest, root_cause};
use super::retry::retrying;

/// Bytes between two events, at most: an endless line would be looked through again with every chunk.
const EVENT_BYTES_MAX: usize = 1 << 20;
/// Bytes of a whole stream, at most. Each token comes with some 200 bytes around it.
const STREAM_BYTES_MAX: usize = 128 << 20;

enum State {
    Asking(ChatRequest),
    Reading(Reading),
    Ended,
}

/// An answer that has begun.
struct Reading {
    call: Call,
    events: Events,
    /// Why the model ended, once it has.
    finish: Option<String>,
    /// Whether any text was given.
    spoke: bool,
}

type Events = Pin<Box<dyn Stream<Item = Result<String, LlmError>> + Send>>;
type Bytes = Pin<Box<dyn Stream<Item = Result<Vec<u8>, LlmError>> + Send>>;

/// See [`Llm::stream`].
pub(super) fn pieces(
    llm: Arc<Llm>,
    request: ChatRequest,
) -> impl Stream<Item = Result<String, LlmError>> + Send + use<> {
    stream::unfold((llm, State::Asking(request)), |(llm, state)| async move {
        let step = match state {
            State::Asking(request) => match ask(&llm, request).await {
                Ok(Begun::Pieces(reading)) => next(&llm, reading).await,
                Ok(Begun::Whole(text)) => Ok(Some((text, State::Ended))),
                Err(error) => Err(error),
            },
            State::Reading(reading) => next(&llm, reading).await,
            State::Ended => return None,
        };
        match step {
            Ok(Some((text, state))) => {
                if matches!(state, State::Ended) {
                    llm.trouble.note(None);
                }
                Some((Ok(text), (llm, state)))
            }
            Ok(None) => {
                llm.trouble.note(None);
                None
            }
            Err(error) => {
                llm.trouble.note(Some(&error));
                Some((Err(error), (llm, State::Ended)))
            }
        }
    })
}

enum Begun {
    /// As asked.
    Pieces(Reading),
    /// From a server that does not stream, and sent everything at once.
    Whole(String),
}

/// Sends the request, again if need be, until an answer begins.
async fn ask(llm: &Arc<Llm>, request: ChatRequest) -> Result<Begun, LlmError> {
    if !llm.configured() {
        return Err(llm.not_configured());
    }
    let call = Call::new(&llm.inputs, &request, true)?;
    let deadline = Instant::now() + llm.total();
    let retries_max = llm.inputs.llm.default.retries_max;
    let (response, tries) = retrying(&llm.patience, retries_max, deadline, |tries| {
        let sent = llm.send(&call, tries, deadline);
        async move { Ok((sent.await?, tries)) }
    })
    .await?;
    let kind = content_type(&response);
    if kind.contains("text/html") {
        let message = "its answer is a web page".to_owned();
        return Err(LlmError::Malformed { host: llm.host(), message });
    }
    if kind.contains("application/json") {
        let body = whole_body(llm, response, deadline).await?;
        let answer = parse(llm, &call, &kind, &body, tries).map_err(|failure| failure.error)?;
        return Ok(Begun::Whole(answer.text));
    }
    let events = events(Arc::clone(llm), response, deadline);
    Ok(Begun::Pieces(Reading { call, events, finish: None, spoke: false }))
}

/// The next piece of text; `None` at a good end.
async fn next(llm: &Llm, mut reading: Reading) -> Result<Option<(String, State)>, LlmError> {
    loop {
        let data = match reading.events.next().await {
            Some(Ok(data)) if data.trim() == "[DONE]" => return end(reading),
            Some(Ok(data)) => data,
            // The model had ended; what the connection does after that changes nothing.
            Some(Err(_)) | None if reading.finish.is_some() => return end(reading),
            Some(Err(error)) => return Err(error),
            None => {
                let message = "the stream ended without saying that the answer is complete".to_owned();
                return Err(LlmError::Truncated { host: llm.host(), message });
            }
        };
        if data.trim().is_empty() {
            continue;
        }
        let mut piece: Completion = serde_json::from_str(&data).map_err(|error| LlmError::Malformed {
            host: llm.host(),
            message: format!("a piece of its answer is not JSON of a completion ({error})"),
        })?;
        if let Some(error) = piece.error() {
            return Err(reported(llm, &reading.call, &error, 1).error);
        }
        let text = piece.text();
        reading.finish = piece.finish_reason().or(reading.finish);
        if !text.is_empty() {
            reading.spoke |= !text.trim().is_empty();
            return Ok(Some((text, State::Reading(reading))));
        }
    }
}

/// A good end, unless nothing was said.
fn end(reading: Reading) -> Result<Option<(String, State)>, LlmError> {
    if reading.spoke { Ok(None) } else { Err(empty(&reading.call, reading.finish.as_deref())) }
}

/// The data of each event, within the limits of size and time. Comments, which some providers send to keep the
/// connection alive, end a silence and are no events.
fn events(llm: Arc<Llm>, response: Response, deadline: Instant) -> Events {
    let since_event = Arc::new(AtomicUsize::new(0));
    let chunks = chunks(Arc::clone(&llm), response, deadline, Arc::clone(&since_event));
    let events = chunks.eventsource().map(move |event| match event {
        Ok(event) => {
            since_event.store(0, Ordering::Relaxed);
            Ok(event.data)
        }
        Err(EventStreamError::Transport(error)) => Err(error),
        Err(error) => {
            let message = format!("its stream is not one of events ({})", root_cause(&error));
            Err(LlmError::Malformed { host: llm.host(), message })
        }
    });
    Box::pin(events)
}

/// The bytes of the answer as they come.
fn chunks(llm: Arc<Llm>, response: Response, deadline: Instant, since_event: Arc<AtomicUsize>) -> Bytes {
    let start = (response, 0_usize, false);
    Box::pin(stream::try_unfold(start, move |(mut response, total, begun)| {
        let (llm, since_event) = (Arc::clone(&llm), Arc::clone(&since_event));
        async move {
            let Some(chunk) = next_chunk(&llm, &mut response, deadline).await? else {
                return Ok(None);
            };
            let chunk = chunk.as_ref();
            let total = total + chunk.len();
            let waiting = since_event.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len();
            for (size, limit_bytes) in [(waiting, EVENT_BYTES_MAX), (total, STREAM_BYTES_MAX)] {
                if size > limit_bytes {
                    let what = format!("the answer of `{}`, or one piece of it,", llm.host());
                    return Err(LlmError::TooLarge { what, limit_bytes });
                }
            }
            let bytes = if begun { chunk } else { without_byte_order_mark(chunk) };
            let begun = begun || !bytes.is_empty();
            Ok(Some((bytes.to_vec(), (response, total, begun))))
        }
    }))
}

/// A byte order mark, whole or in parts, at the head of a stream makes the parser of events panic (0.2.3). No event
/// begins with one of its bytes.
pub(crate) fn without_byte_order_mark(head: &[u8]) -> &[u8] {
    let marks = head.iter().take_while(|byte| matches!(byte, 0xEF | 0xBB | 0xBF)).count();
    head.get(marks..).unwrap_or_default()
}
