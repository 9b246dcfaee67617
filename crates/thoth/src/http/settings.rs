//! The section `servers`.

use serde::Serialize;

/// The section `servers`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServersSettings {
    /// The HTTP API.
    pub api: ApiServer,
    /// The intake of PDFs.
    pub monitor: crate::pdf::settings::MonitorSettings,
    /// MCP.
    pub mcp: crate::mcp::settings::McpServer,
}

/// `servers.api`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiServer {
    /// Address that is bound: an IP address or `localhost` (127.0.0.1 when the file says nothing).
    pub host: String,
    /// Port (8000).
    pub port: u16,
    /// Further names that a `Host` header may carry.
    pub allowed_hosts: Vec<String>,
}
