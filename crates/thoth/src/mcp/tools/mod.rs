//! The tools: what each takes, does and says. One file for what belongs together.
//!
//! Every text that comes in and every list that goes out has a limit. What goes wrong in a call is said in the answer
//! of the tool, in words that a language model can act on; only a call that names no tool is an error of the protocol.

mod arguments;
mod cite;
mod find;
mod papers;
mod read;
pub(super) mod resources;
mod settings;

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use rmcp::model::{CallToolResult, ContentBlock, ErrorData, JsonObject, Tool, ToolAnnotations};
use rmcp::schemars::JsonSchema;
use serde_json::Value;

use super::Call;
use crate::http::generation::{ASK_AGAIN, Generation, OVERDUE};

/// How long a call may take: a model may have to write an answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(300);

/// The names of all tools.
pub(super) const NAMES: [&str; 7] =
    ["search", "ask", "read_paper", "list_papers", "cite", "settings_view", "settings_validate"];

/// What a tool says: for programs, and for readers.
struct Reply {
    structured: Value,
    text: String,
}

/// Why a tool does not do what was asked: what, where, and the way out.
struct Refusal(String);

impl<E: Display> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// The tools that this generation has. Without usable settings there is no library to work on.
pub(super) fn listed(generation: &Generation) -> Vec<Tool> {
    let settings = [settings::view_tool(), settings::validate_tool()];
    if generation.safe_mode {
        return settings.into();
    }
    let library = [
        find::search_tool(),
        find::ask_tool(generation),
        read::read_tool(),
        papers::list_tool(),
        cite::cite_tool(generation),
    ];
    library.into_iter().chain(settings).collect()
}

/// Calls a tool.
///
/// # Errors
/// That there is no such tool.
pub(super) async fn call(
    call: &Call,
    name: &str,
    arguments: JsonObject,
) -> Result<CallToolResult, ErrorData> {
    if !NAMES.contains(&name) {
        return Err(unknown());
    }
    let result = tokio::time::timeout(CALL_TIMEOUT, done(call, name, arguments));
    let result = result.await.unwrap_or_else(|_| {
        Err(Refusal(format!("`{name}` took longer than {} s and was given up", CALL_TIMEOUT.as_secs())))
    });
    Ok(match result {
        Ok(reply) => {
            let mut result = CallToolResult::structured(reply.structured);
            result.content = vec![ContentBlock::text(reply.text)];
            result
        }
        Err(Refusal(words)) => CallToolResult::error(vec![ContentBlock::text(words)]),
    })
}

/// There is no such tool. Its name is not repeated: it may be anything.
pub(super) fn unknown() -> ErrorData {
    let tools = NAMES.join("`, `");
    ErrorData::invalid_params(format!("there is no tool of this name; there are `{tools}`"), None)
}

/// Who has cancelled a call hears no more of it.
pub(super) fn cancelled() -> ErrorData {
    ErrorData::internal_error("the call was cancelled", None)
}

/// A call that held its generation for too long was ended.
pub(super) fn overdue() -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(format!("{OVERDUE}; {ASK_AGAIN}"))])
}

async fn done(call: &Call, name: &str, arguments: JsonObject) -> Result<Reply, Refusal> {
    if call.generation.safe_mode && !name.starts_with("settings_") {
        return Err(Refusal(
            "Thoth runs in safe mode, because no usable settings were found at its start; `settings_validate` says \
             what is wrong with a file, and a save that is accepted ends safe mode"
                .to_owned(),
        ));
    }
    match name {
        "search" => find::search(call, arguments::of(name, arguments)?).await,
        "ask" => find::ask(call, arguments::of(name, arguments)?).await,
        "read_paper" => read::read(call, arguments::of(name, arguments)?).await,
        "list_papers" => papers::list(call, arguments::of(name, arguments)?).await,
        "cite" => cite::cite(call, arguments::of(name, arguments)?).await,
        "settings_view" => settings::view(call, arguments::of(name, arguments)?),
        "settings_validate" => settings::validate(call, arguments::of(name, arguments)?).await,
        _ => Err(Refusal(format!("there is no tool `{name}`"))),
    }
}

/// The description of a tool that changes nothing. `A` is what it takes.
fn tool<A: JsonSchema + 'static>(
    name: &'static str,
    title: &str,
    description: impl Into<std::borrow::Cow<'static, str>>,
) -> Tool {
    let only_reads = ToolAnnotations::with_title(title).read_only(true).destructive(false).idempotent(true);
    Tool::new(name, description, JsonObject::new())
        .with_input_schema::<A>()
        .with_title(title)
        .with_annotations(only_reads.open_world(false))
}

/// Runs work that blocks on a thread of its own.
fn blocking<T: Send + 'static, E: Display + Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> impl Future<Output = Result<T, Refusal>> {
    let task = tokio::task::spawn_blocking(work);
    async move {
        let error = match task.await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        // What the database says is for the log; the client cannot help it.
        tracing::error!(%error, "{doing}");
        Err(Refusal(format!("{doing}; the log of Thoth says why")))
    }
}
