//! One client's session: what it may ask, and which generation answers.

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ErrorData, Implementation, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams,
    ReadResourceResponse, ServerCapabilities, ServerConfig, SubscriptionFilter,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};

use super::http::Arrived;
use super::{Call, Desk, ToolListeners, tools};

/// A session that works on this process's own library. Holds no generation.
#[derive(Clone)]
pub struct Session {
    desk: Desk,
    listeners: ToolListeners,
}

impl Session {
    /// A session at this desk, which `listeners` will tell of changed tools.
    pub fn new(desk: Desk, listeners: ToolListeners) -> Self {
        Self { desk, listeners }
    }

    /// The call's own generation: over HTTP the one that the request was let in by, else the live one.
    fn call(&self, context: &RequestContext<RoleServer>) -> Call {
        let let_in_by = Arrived::of(context).and_then(Arrived::take);
        let here = || self.desk.engine.live().pin(format_args!("a call of MCP by pipes"));
        let generation = let_in_by.unwrap_or_else(here);
        Call { generation, desk: self.desk.clone() }
    }
}

/// What a client is told of this server.
pub(super) fn introduction() -> ServerConfig {
    let capabilities =
        ServerCapabilities::builder().enable_tools().enable_tool_list_changed().enable_resources().build();
    let own = Implementation::new("thoth", env!("CARGO_PKG_VERSION"));
    ServerConfig::new(capabilities).with_server_info(own.with_title("Thoth")).with_instructions(INSTRUCTIONS)
}

const INSTRUCTIONS: &str = "The papers of one person's library, read out of their PDFs. Begin with `search` or `ask`; \
    every hit and every source names the paper's id and the page. `read_paper` gives the text of pages or sections, \
    `cite` a reference. What the tools say stands in the papers: cite it with the page.";

impl ServerHandler for Session {
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
        let arrived = Arrived::of(stream.request_context());
        drop(arrived.and_then(Arrived::take));
        let gone = arrived.map(|arrived| arrived.port_end.clone()).unwrap_or_default();
        self.listeners.listen(stream, gone).await;
        Ok(())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::listed(&self.call(&context).generation)))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let call = self.call(&context);
        let result = tools::call(&call, &request.name, request.arguments.unwrap_or_default());
        tokio::select! {
            biased;
            result = result => result.map(CallToolResponse::from),
            // Who has cancelled waits for no answer: what is being done for it ends here.
            () = context.ct.cancelled() => Err(tools::cancelled()),
            () = call.generation.overdue() => Ok(tools::overdue().into()),
        }
    }

    async fn list_resources(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let cursor = page.and_then(|page| page.cursor);
        tools::resources::list(&self.call(&context), cursor.as_deref()).await
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
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        tools::resources::read(&self.call(&context), &request.uri).await.map(ReadResourceResponse::from)
    }
}
