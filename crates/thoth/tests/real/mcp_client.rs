//! A client of `/mcp` that is as plain as can be: it posts messages, and reads what comes.

use serde_json::{Value, json};

use crate::support::Thoth;

pub(crate) const HEADERS: [(&str, &str); 2] =
    [("accept", "application/json, text/event-stream"), ("content-type", "application/json")];

/// What a POST to `/mcp` gave.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub session: Option<String>,
    /// The last message of the answer; null where there is none.
    pub message: Value,
}

/// A client of one `/mcp`.
pub(crate) struct Client<'t> {
    pub thoth: &'t Thoth,
    pub url: String,
    pub session: Option<String>,
}

impl<'t> Client<'t> {
    /// A client that has begun a session.
    pub(crate) async fn begin(thoth: &'t Thoth, url: String) -> Self {
        let mut client = Self { thoth, url, session: None };
        let answer = client.post(&initialize(), &[]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.message["result"]["serverInfo"]["name"], "thoth");
        client.session = Some(answer.session.expect("a session"));
        let noted =
            client.post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }), &[]).await;
        assert_eq!(noted.status, 202, "{noted:?}");
        client
    }

    pub(crate) async fn post(&self, message: &Value, headers: &[(&str, &str)]) -> Answer {
        self.post_bytes(message.to_string().into_bytes(), headers).await
    }

    pub(crate) async fn post_bytes(&self, body: Vec<u8>, headers: &[(&str, &str)]) -> Answer {
        let request = self.thoth.client.post(&self.url).bearer_auth(self.thoth.token()).body(body);
        let request = HEADERS
            .iter()
            .chain(headers)
            .fold(request, |request, (name, value)| request.header(*name, *value));
        let session = self.session.as_deref().map(|session| ("mcp-session-id", session));
        let response =
            session.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        let response = response.send().await.unwrap();
        let session = response.headers().get("mcp-session-id").map(|id| id.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        let messages = text.lines().filter_map(|line| line.strip_prefix("data:")).chain([text.as_str()]);
        let message = messages.filter_map(|text| serde_json::from_str(text.trim()).ok()).next_back();
        Answer { status, session, message: message.unwrap_or_default() }
    }

    /// The result of a request.
    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        let answer = self.post(&request(7, method, params), &[]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.message["result"].clone()
    }

    /// The result of a call of a tool that goes well.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        let result = self.ask("tools/call", json!({ "name": tool, "arguments": arguments })).await;
        assert_ne!(result["isError"], true, "{result}");
        result["structuredContent"].clone()
    }

    /// The words of a call of a tool that does not.
    pub(crate) async fn refused(&self, tool: &str, arguments: Value) -> String {
        let result = self.ask("tools/call", json!({ "name": tool, "arguments": arguments })).await;
        assert_eq!(result["isError"], true, "{result}");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn request(id: u32, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

pub(crate) fn call(id: u32, tool: &str, arguments: Value) -> Value {
    request(id, "tools/call", json!({ "name": tool, "arguments": arguments }))
}

pub(crate) fn initialize() -> Value {
    let client = json!({ "name": "a test", "version": "1" });
    request(
        0,
        "initialize",
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client }),
    )
}
