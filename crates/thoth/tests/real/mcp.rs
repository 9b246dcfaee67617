//! MCP as its clients have it: raw messages over HTTP and over standard input and output.

use std::io::{Read, Write};

use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::mcp_client::{Client, HEADERS, call, initialize, request};
use crate::support::{PATIENCE, Place, Save, Thoth, free_port, service, settings, until};

/// Settings with so many passages to an answer, and further sections.
fn with(passages: u32, servers: Value) -> String {
    settings(
        &json!({ "rag": { "qa": { "retrievalK": passages } }, "paths": { "pdf": "pdf" }, "servers": servers }),
    )
}

/// A server with two papers of ours, and their ids: on bees, on mills.
async fn library(content: &str) -> (Thoth, [String; 2]) {
    let place = Place::new();
    std::fs::write(place.settings(), content).unwrap();
    for file in ["okonkwo2024.pdf", "ferreira2022.pdf"] {
        place.drop_paper(file, "pdf");
    }
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    let rows = thoth.papers(2).await;
    let id = |file: &str| {
        let row = rows.iter().find(|row| row["file"].as_str().unwrap().ends_with(file)).unwrap();
        row["id"].as_str().unwrap().to_owned()
    };
    let ids = [id("okonkwo2024.pdf"), id("ferreira2022.pdf")];
    (thoth, ids)
}

const QUESTION: &str = "how long does a waggle dance stay precise?";

#[tokio::test(flavor = "multi_thread")]
async fn every_tool_says_what_stands_in_the_papers() {
    let (thoth, [bees, mills]) = library(&with(2, json!({}))).await;
    let client = Client::begin(&thoth, thoth.url("/mcp")).await;
    let tools = client.ask("tools/list", json!({})).await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&tools).unwrap());
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/mcp.md")).unwrap();
    for tool in tools["tools"].as_array().unwrap() {
        let row =
            page.lines().find(|line| line.starts_with(&format!("| `{}` |", tool["name"].as_str().unwrap())));
        for (argument, _) in tool["inputSchema"]["properties"].as_object().unwrap() {
            assert!(
                row.is_some_and(|row| row.contains(&format!("`{argument}`"))),
                "docs/mcp.md: {argument} {row:?}"
            );
        }
    }

    let hits = client.call("search", json!({ "query": "waggle dance", "limit": 1 })).await;
    assert_eq!(
        (&hits["hits"][0]["paper"], hits["hits"].as_array().unwrap().len()),
        (&json!(bees), 1),
        "{hits}"
    );
    let answer = client.call("ask", json!({ "question": QUESTION })).await;
    assert_eq!(answer["sources"][0]["paper"], bees.as_str(), "{answer}");
    assert_eq!(answer["sources"].as_array().unwrap().len(), 2);
    let papers = client.call("list_papers", json!({ "contains": "MORTAR ferreira 2022" })).await;
    assert_eq!((&papers["papers"][0]["id"], &papers["total"]), (&json!(mills), &json!(1)));
    let first = client.call("list_papers", json!({ "limit": 1 })).await;
    let second = client.call("list_papers", json!({ "limit": 1, "offset": first["next_offset"] })).await;
    assert_ne!(first["papers"][0]["id"], second["papers"][0]["id"]);
    assert_eq!(second["next_offset"], Value::Null);
    let cited = client.call("cite", json!({ "papers": [bees, mills] })).await;
    assert_eq!((&cited["style"], &cited["format"]), (&json!("IEEE"), &json!("text")), "{cited}");
    assert!(cited["entries"][0]["citation"].as_str().unwrap().starts_with("[1] A. Okonkwo"), "{cited}");
    let cited = client.call("cite", json!({ "papers": [bees], "style": "APA", "format": "markdown" })).await;
    assert!(cited["entries"][0]["citation"].as_str().unwrap().starts_with("Okonkwo, A."), "{cited}");
    let cited = client.call("cite", json!({ "papers": [bees], "format": "csl-json" })).await;
    let item: Value = serde_json::from_str(cited["entries"][0]["citation"].as_str().unwrap()).unwrap();
    assert_eq!(item["author"][0]["family"], "Okonkwo");
    let refused = client.refused("cite", json!({ "papers": [bees], "style": "Nature" })).await;
    assert!(refused.contains("`IEEE`") && refused.contains("Nature"), "{refused}");
    let cited = client.call("cite", json!({ "papers": [bees, mills], "format": "bibtex" })).await;
    assert!(cited["entries"][0]["citation"].as_str().unwrap().contains("Fading Directions"), "{cited}");
    assert!(cited["entries"][1]["citation"].as_str().unwrap().contains("Salt and Slow Stone"), "{cited}");

    let view = client.call("settings_view", json!({ "section": "rag" })).await;
    assert_eq!(view["settings"]["rag"]["qa"]["retrievalK"], 2);
    let judged =
        client.call("settings_validate", json!({ "content": "{\"rag\": {\"chunkSize\": 1}}" })).await;
    assert_eq!((&judged["valid"], &judged["problems"][0]["path"]), (&json!(false), &json!("rag.chunkSize")));
    assert_eq!(judged["problems"][0]["column"], 23);
    let judged =
        client.call("settings_validate", json!({ "content": "{\"rag\": {\"chunkSize\": 500}}" })).await;
    assert_eq!(judged["valid"], true);

    let listed = client.ask("resources/list", json!({})).await;
    assert_eq!(listed["resources"].as_array().unwrap().len(), 2);
    let uri = format!("thoth://paper/{mills}");
    let read = client.ask("resources/read", json!({ "uri": uri })).await;
    assert!(read["contents"][0]["text"].as_str().unwrap().starts_with("# Salt and Slow Stone"), "{read}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paper_is_read_by_pages_by_section_and_in_pieces() {
    let (thoth, [bees, _]) = library(&with(2, json!({}))).await;
    let client = Client::begin(&thoth, thoth.url("/mcp")).await;
    let read = async |more: Value| {
        let mut arguments = json!({ "paper": bees });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        client.call("read_paper", arguments).await
    };
    let whole = read(json!({ "max_chars": 50_000 })).await;
    let text = whole["text"].as_str().unwrap();
    assert_eq!(whole["next_offset"], Value::Null);
    assert_eq!(text.chars().count() as u64, whole["total_chars"].as_u64().unwrap());
    let (mut pieces, mut offset) = (String::new(), json!(0));
    while !offset.is_null() {
        let piece = read(json!({ "offset": offset, "max_chars": 1_000 })).await;
        pieces.push_str(piece["text"].as_str().unwrap());
        offset = piece["next_offset"].clone();
    }
    assert_eq!(pieces, text, "the pieces are the whole");

    let second = read(json!({ "first_page": 2, "last_page": 2 })).await;
    let second = second["text"].as_str().unwrap();
    assert!(second.contains("[page 2]") && !second.contains("[page 1]") && !second.contains("[page 3]"));
    let heading =
        whole["sections"].as_array().unwrap().iter().map(|section| section["title"].as_str().unwrap());
    let heading = heading.filter(|title| !title.is_empty()).nth(1).unwrap();
    let section = read(json!({ "section": heading.to_uppercase() })).await;
    let section = section["text"].as_str().unwrap();
    assert!(
        section.starts_with("## ") && section.contains(heading) && section.len() < text.len(),
        "{section}"
    );

    for (arguments, words) in [
        (json!({ "paper": "nothing" }), "there is no paper `nothing`; `list_papers` lists"),
        (json!({ "paper": bees, "section": "Epilogue" }), "no section begins with `Epilogue`; there are `"),
        (json!({ "paper": bees, "first_page": 90 }), "its pages are 1 to"),
        (json!({ "paper": bees, "max_chars": 1 }), "`max_chars` is 1; it must be 500 to 50000"),
        (json!({ "paper": bees, "offset": 90_000_000 }), "`offset` is 90000000, and this text has"),
        (json!({ "paper": bees, "page": 1 }), "unknown field `page`"),
        (json!({}), "missing field `paper`"),
        (json!({ "paper": "x".repeat(1_000) }), "`paper` has 1000 characters; at most 64"),
    ] {
        let said = client.refused("read_paper", arguments).await;
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_1_a_session_stays_over_changeovers_and_pins_none() {
    let (thoth, [bees, _]) = library(&with(1, json!({}))).await;
    let client = Client::begin(&thoth, thoth.url("/mcp")).await;
    let listening = thoth.client.get(thoth.url("/mcp")).bearer_auth(thoth.token());
    let listening = listening.header("accept", "text/event-stream");
    let mut listening =
        listening.header("mcp-session-id", client.session.clone().unwrap()).send().await.unwrap();
    assert_eq!(listening.status(), 200);
    let sources = async || {
        client.call("ask", json!({ "question": QUESTION })).await["sources"].as_array().unwrap().len()
    };
    assert_eq!(sources().await, 1);
    let mut generation = 1;
    for (passages, save) in [(2, Save::Rename), (3, Save::InPlace)] {
        let verdict = thoth.save(save, &with(passages, json!({}))).await;
        assert_eq!(verdict["verdict"], "applied", "{verdict}");
        assert_eq!(service(&verdict, "mcp").unwrap().0, "kept");
        assert_eq!(sources().await, passages as usize);
        let view = client.call("settings_view", json!({})).await;
        assert!(view["generation"].as_u64().unwrap() > generation, "{view}");
        generation = view["generation"].as_u64().unwrap();
        assert_eq!(view["settings"]["rag"]["qa"]["retrievalK"], passages);
    }
    until(async || thoth.get("/health/hot-reload").await["retiring"] == 0).await;

    // The style of the settings, in the same session.
    let cite =
        async || client.call("cite", json!({ "papers": [bees] })).await["entries"][0]["citation"].clone();
    assert!(cite().await.as_str().unwrap().starts_with("[1] A. Okonkwo"));
    let mla = settings(&json!({ "citation": { "style": "MLA" }, "paths": { "pdf": "pdf" } }));
    assert_eq!(thoth.save(Save::Rename, &mla).await["verdict"], "applied");
    assert!(cite().await.as_str().unwrap().starts_with("Okonkwo, Adaeze"));

    // The tools change: a model is there now that writes answers.
    let model = json!({ "default": { "baseUrl": "http://127.0.0.1:9/v1" } });
    let content = json!({ "llm": model, "apiKeys": { "customKey": "sk-x" }, "paths": { "pdf": "pdf" } });
    assert_eq!(thoth.save(Save::Rename, &settings(&content)).await["verdict"], "applied");
    let told = async {
        let mut said = String::new();
        // Once for the style, which `cite` names, and once for the model.
        while said.matches("notifications/tools/list_changed").count() < 2 {
            said.push_str(
                std::str::from_utf8(&listening.chunk().await.unwrap().expect("the stream")).unwrap(),
            );
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("the client is told");
    let tools = client.ask("tools/list", json!({})).await;
    assert!(tools.to_string().contains("written by a language model"), "{tools}");

    let end = thoth.client.delete(thoth.url("/mcp")).bearer_auth(thoth.token());
    let end = end.header("mcp-session-id", client.session.clone().unwrap()).send().await.unwrap();
    assert_eq!(end.status(), 204);
    assert_eq!(client.post(&request(1, "tools/list", json!({})), &[]).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_names_and_pages_of_ours_and_holders_of_the_token() {
    let port = free_port();
    let servers = |names: Value| json!({ "mcp": { "enabled": true, "port": port, "allowedHosts": names } });
    let thoth = Thoth::start(&with(1, servers(json!([])))).await;
    let urls = [thoth.url("/mcp"), format!("http://127.0.0.1:{port}/mcp")];
    let right = format!("Bearer {}", thoth.token());
    let status = async |url: &str, headers: &[(&str, &str)]| {
        let request = thoth.client.post(url).body(initialize().to_string());
        let request = HEADERS
            .iter()
            .chain(headers)
            .fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap().status().as_u16()
    };
    let token = ("authorization", right.as_str());
    for url in &urls {
        for (headers, expected) in [
            (&[][..], 401),
            (&[("authorization", "Bearer wrong")], 401),
            (&[token], 200),
            (&[token, ("host", "evil.example")], 421),
            (&[token, ("host", "thoth.example")], 421),
            (&[token, ("origin", "http://evil.example")], 403),
            (&[token, ("origin", "null")], 403),
            (&[token, ("origin", "http://localhost:3000")], 200),
        ] {
            assert_eq!(status(url, headers).await, expected, "{url} {headers:?}");
        }
        let listen = thoth.client.get(url).header("accept", "text/event-stream").send().await.unwrap();
        assert_eq!(listen.status(), 401, "a stream needs the token too");
    }
    let verdict = thoth.save(Save::Rename, &with(1, servers(json!(["thoth.example"])))).await;
    assert_eq!(verdict["verdict"], "applied", "{verdict}");
    for url in &urls {
        assert_eq!(status(url, &[token, ("host", "thoth.example:80")]).await, 200, "{url}: at once");
        assert_eq!(status(url, &[token, ("origin", "https://thoth.example")]).await, 200, "{url}");
    }
    let elsewhere = thoth.client.get(thoth.url("/api/v1/papers")).header("host", "thoth.example");
    assert_eq!(elsewhere.send().await.unwrap().status(), 421, "a name of MCP is no name of the API");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_of_its_own_moves_and_the_session_with_it() {
    let ports = [free_port(), free_port(), free_port()];
    let on = |port: u16| with(1, json!({ "mcp": { "enabled": true, "port": port } }));
    let url = |port: u16, path: &str| format!("http://127.0.0.1:{port}{path}");
    let thoth = Thoth::start(&with(1, json!({}))).await;
    let status = async |url: String| Some(thoth.client.get(url).send().await.ok()?.status().as_u16());
    assert_eq!(status(url(ports[0], "/health")).await, None, "off by default");
    let verdict = thoth.save(Save::Rename, &on(ports[0])).await;
    assert_eq!(verdict["verdict"], "applied", "{verdict}");
    let said = service(&verdict, "ports").unwrap().1;
    assert!(said.contains(&format!("serving MCP at 127.0.0.1:{}", ports[0])), "{verdict}");
    for (path, expected) in [
        ("/health", 200),
        ("/health/ready", 200),
        ("/health/hot-reload", 200),
        ("/metrics", 200),
        ("/api/v1/papers", 404),
        ("/", 404),
    ] {
        assert_eq!(status(url(ports[0], path)).await, Some(expected), "{path}");
    }

    let mut client = Client::begin(&thoth, url(ports[0], "/mcp")).await;
    let verdict = thoth.save(Save::InPlace, &on(ports[1])).await;
    assert_eq!(verdict["verdict"], "applied", "{verdict}");
    client.call("settings_view", json!({})).await;
    client.url = url(ports[1], "/mcp");
    let view = client.call("settings_view", json!({ "section": "servers" })).await;
    assert_eq!(view["settings"]["servers"]["mcp"]["port"], ports[1], "the same session, at the new port");
    assert!(thoth.log().contains("MCPServer: configuration reloaded"), "{}", thoth.log());

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let verdict = thoth.save(Save::Rename, &on(taken.local_addr().unwrap().port())).await;
    assert_eq!(
        (&verdict["verdict"], &verdict["problems"][0]["path"]),
        (&json!("rejected"), &json!("servers.mcp.port"))
    );
    client.call("settings_view", json!({})).await;
    let own: u16 = thoth.address().rsplit(':').next().unwrap().parse().unwrap();
    let verdict = thoth.save(Save::Rename, &on(own)).await;
    assert_eq!(
        (&verdict["verdict"], &verdict["problems"][0]["path"]),
        (&json!("rejected"), &json!("servers.mcp.port"))
    );
    assert_eq!(verdict["problems"][0]["message"], format!("port {own} is the API's"));

    // The two servers change places in one save.
    let swap = |api: u16, mcp: u16| {
        with(1, json!({ "api": { "port": api }, "mcp": { "enabled": true, "port": mcp } }))
    };
    assert_eq!(thoth.save(Save::Rename, &swap(ports[2], ports[1])).await["verdict"], "applied");
    assert_eq!(thoth.save(Save::Rename, &swap(ports[1], ports[2])).await["verdict"], "applied");
    assert_eq!(status(url(ports[1], "/api/v1/papers")).await, Some(200));
    assert_eq!(status(url(ports[2], "/api/v1/papers")).await, Some(404));
    client.url = url(ports[2], "/mcp");
    client.call("settings_view", json!({})).await;
    let health = thoth.get("/health").await;
    assert_eq!(health["services"]["mcp"]["status"], "ok", "{health}");
    assert!(health["services"]["mcp"]["since"].as_u64().unwrap() > 3, "{health}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_and_harms_nothing() {
    let thoth = Thoth::start(&with(1, json!({}))).await;
    let client = Client::begin(&thoth, thoth.url("/mcp")).await;
    for (body, expected) in [
        (b"{".to_vec(), 400..500),
        (b"[]".to_vec(), 400..500),
        (b"\xff\xfe".to_vec(), 400..500),
        (b"{\"jsonrpc\": \"2.0\"}".to_vec(), 400..500),
    ] {
        let answer = client.post_bytes(body.clone(), &[]).await;
        assert!(expected.contains(&answer.status), "{} bytes: {answer:?}", body.len());
    }
    assert!(announcing(&thoth, 10 * 1024 * 1024).starts_with("HTTP/1.1 413"), "refused before it is sent");
    let unknown = client.post(&call(1, "rm -rf\n", json!({})), &[]).await;
    assert_eq!(unknown.message["error"]["code"], -32602, "{unknown:?}");
    assert!(unknown.message["error"]["message"].as_str().unwrap().contains("`read_paper`"), "{unknown:?}");
    let method = client.post(&request(1, "tools/burn", json!({})), &[]).await;
    assert_eq!(method.message["error"]["code"], -32601, "{method:?}");
    let lost = Client {
        session: Some("no-such-session".to_owned()),
        ..Client::begin(&thoth, thoth.url("/mcp")).await
    };
    assert_eq!(lost.post(&request(1, "tools/list", json!({})), &[]).await.status, 404);
    let get = thoth.client.put(thoth.url("/mcp")).bearer_auth(thoth.token()).send().await.unwrap();
    assert_eq!(get.status(), 405);
    client.call("settings_view", json!({})).await;
}

/// What is said to a message that would have so many bytes, before any of them.
fn announcing(thoth: &Thoth, bytes: usize) -> String {
    let mut stream = std::net::TcpStream::connect(thoth.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let headers = HEADERS.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
    let token = thoth.token();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{headers}content-length: {bytes}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut said = [0; 12];
    stream.read_exact(&mut said).unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_so_many_and_end_with_the_server() {
    let thoth = Thoth::start(&with(1, json!({}))).await;
    let fresh = Client { thoth: &thoth, url: thoth.url("/mcp"), session: None };
    let mut sessions = Vec::new();
    let refused = loop {
        let answer = fresh.post(&initialize(), &[]).await;
        match answer.session {
            Some(session) => sessions.push(session),
            None => break answer,
        }
        assert!(sessions.len() < 100, "no bound");
    };
    assert_eq!((refused.status, sessions.len()), (503, 64));
    assert!(refused.message["detail"].as_str().unwrap().contains("64 sessions"), "{refused:?}");
    let end = thoth.client.delete(thoth.url("/mcp")).bearer_auth(thoth.token());
    let end = end.header("mcp-session-id", sessions.pop().unwrap()).send().await.unwrap();
    assert_eq!(end.status(), 204);
    assert_eq!(fresh.post(&initialize(), &[]).await.status, 200, "there is a place again");
    let listen =
        thoth.client.get(thoth.url("/mcp")).bearer_auth(thoth.token()).header("accept", "text/event-stream");
    let stream = listen.header("mcp-session-id", sessions.pop().unwrap()).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let (_, took) = thoth.terminate();
    assert!(took.as_secs_f64() < 2.0, "{took:?}");
}

/// A provider that takes its time, longer than any test.
async fn slow_provider() -> MockServer {
    let provider = MockServer::start().await;
    let never = ResponseTemplate::new(200).set_delay(PATIENCE);
    Mock::given(method("POST")).respond_with(never).mount(&provider).await;
    provider
}

fn asking(provider: &MockServer) -> String {
    let llm = json!({ "default": { "baseUrl": format!("{}/v1", provider.uri()) } });
    settings(&json!({ "llm": llm, "apiKeys": { "customKey": "sk-x" }, "paths": { "pdf": "pdf" } }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_call_ends() {
    let provider = slow_provider().await;
    let (thoth, _) = library(&asking(&provider)).await;
    let client = Client::begin(&thoth, thoth.url("/mcp")).await;
    let asked = async {
        client.post(&call(5, "ask", json!({ "question": QUESTION })), &[]).await;
    };
    let cancelled = async {
        until(async || !provider.received_requests().await.unwrap().is_empty()).await;
        let cancel =
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 5 } });
        assert_eq!(client.post(&cancel, &[]).await.status, 202);
    };
    let both = async { tokio::join!(asked, cancelled) };
    tokio::time::timeout(PATIENCE / 4, both).await.expect("the call ends when it is cancelled");
    client.call("settings_view", json!({})).await;
}
