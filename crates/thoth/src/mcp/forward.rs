//! `thoth mcp` where a server runs: each call goes to that server's `/mcp`.
//!
//! The server is looked up for each call, and asked without a session: it may move to another port or start anew in the
//! middle of the client's session, and the next call reaches it where it is.

use std::time::Duration;

use futures_util::StreamExt;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, ServerConfig, SubscriptionFilter,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::session::introduction;
use super::{ToolListeners, tools};
use crate::cli::Place;
use crate::http::client::ClientError;

/// The revision of MCP in which a request needs no session.
const REVISION: &str = "2026-07-28";
/// How long to wait before a server that is gone is looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A session whose calls another process answers.
#[derive(Clone)]
pub struct Forward {
    place: Place,
    listeners: ToolListeners,
}

impl Forward {
    /// A session that forwards to the server of this place.
    pub fn new(place: Place) -> Self {
        Self { place, listeners: ToolListeners::default() }
    }

    /// Tells the client whenever a changeover of the server changes the list of tools, until `stop`.
    pub async fn follow(self, stop: CancellationToken) {
        let following = async {
            let mut listed = None;
            loop {
                if let Err(error) = self.follow_server(&mut listed).await {
                    tracing::debug!(%error, "the server's changeovers are not heard of");
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        stop.run_until_cancelled(following).await;
    }

    async fn follow_server(&self, listed: &mut Option<Value>) -> Result<(), ClientError> {
        let mut events = std::pin::pin!(self.place.server()?.events(None).await?);
        loop {
            let now = Some(self.ask("tools/list", None, json!({})).await?);
            let before = std::mem::replace(listed, now);
            if before.is_some() && before != *listed {
                self.listeners.tell().await;
            }
            while match events.next().await {
                Some(event) => event?.0 != "verdict",
                None => return Ok(()),
            } {}
        }
    }

    /// One request of MCP. `name` is that of what is asked for, where the protocol wants it said.
    async fn ask(&self, method: &str, name: Option<&str>, mut params: Value) -> Result<Value, ClientError> {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": REVISION,
            "io.modelcontextprotocol/clientInfo": { "name": "thoth", "version": env!("CARGO_PKG_VERSION") },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut headers = vec![
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", REVISION),
            ("mcp-method", method),
        ];
        headers.extend(name.map(|name| ("mcp-name", name)));
        self.place.server()?.post_with("/mcp", &headers, &message).await
    }

    /// The same, with the answer as what it should be.
    async fn asked<T: DeserializeOwned>(
        &self,
        method: &str,
        name: Option<&str>,
        params: Value,
    ) -> Result<T, ErrorData> {
        let failed = |error: String| ErrorData::internal_error(error, None);
        let answer = self.ask(method, name, params).await.map_err(|error| failed(error.to_string()))?;
        if let Some(error) = answer.get("error") {
            return Err(
                serde_json::from_value(error.clone()).unwrap_or_else(|error| failed(error.to_string()))
            );
        }
        let result = answer.get("result").cloned().unwrap_or_default();
        serde_json::from_value(result)
            .map_err(|error| failed(format!("the server's answer was not understood: {error}")))
    }
}

impl ServerHandler for Forward {
    fn get_info(&self) -> ServerConfig {
        introduction()
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.listeners.add(context.peer);
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        ToolListeners::offered(requested)
    }

    async fn listen(&self, stream: SubscriptionContext) -> Result<(), ErrorData> {
        self.listeners.listen(stream, CancellationToken::new()).await;
        Ok(())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.asked("tools/list", None, json!({})).await
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        // What stands in a header is one of our own words, never the client's.
        let Some(name) = tools::NAMES.into_iter().find(|name| *name == request.name) else {
            return Err(tools::unknown());
        };
        let params = json!({ "name": name, "arguments": request.arguments.unwrap_or_default() });
        let asked = self.asked::<CallToolResult>("tools/call", Some(name), params);
        // Given up here, the request to the server breaks off, and what it does for it ends too.
        let asked = context.ct.run_until_cancelled(asked).await;
        match asked.unwrap_or_else(|| Err(tools::cancelled())) {
            Ok(result) => Ok(result.into()),
            Err(error) if error.code == rmcp::model::ErrorCode::INTERNAL_ERROR => {
                Ok(CallToolResult::error(vec![ContentBlock::text(error.message)]).into())
            }
            Err(error) => Err(error),
        }
    }

    async fn list_resources(
        &self,
        page: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let params =
            page.and_then(|page| page.cursor).map_or_else(|| json!({}), |at| json!({ "cursor": at }));
        self.asked("resources/list", None, params).await
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(tools::resources::templates())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let id = request.uri.strip_prefix(tools::resources::PREFIX);
        if !id.is_some_and(|id| id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            return Err(tools::resources::unknown());
        }
        let uri = request.uri.as_str();
        let read = self.asked::<ReadResourceResult>("resources/read", Some(uri), json!({ "uri": uri }));
        Ok(read.await?.into())
    }
}
