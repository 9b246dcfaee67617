//! The section `servers.mcp`.

use serde::Serialize;

/// `servers.mcp`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct McpServer {
    /// Whether MCP has a listener of its own, beside `/mcp` on the API's (no).
    pub enabled: bool,
    /// Address of that listener: an IP address or `localhost` (`localhost` when the file says nothing).
    pub host: String,
    /// Its port (8001).
    pub port: u16,
    /// Further names that a `Host` header may carry at `/mcp`.
    pub allowed_hosts: Vec<String>,
}
