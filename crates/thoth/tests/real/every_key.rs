//! Invariant 12: nothing needs a restart. Every key of the table is saved into one process.

use std::path::Path;

use serde_json::{Map, Value, json};
use thoth::settings::KEYS;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use wiremock::matchers::method;
use wiremock::{Mock, ResponseTemplate};

use crate::support::{PATIENCE, Place, Save, Thoth, free_port};
use crate::{live, probation};

/// What becomes of the services whose keys these are.
const LLM: &[&str] = &["llm rebuilt", "rag rebuilt"];

/// A key, another legal value of it, and what the save of it does: all that is not kept. In this order: a port is saved before
/// what would move it, the key of a host when that host is asked.
fn samples(outside: &Path) -> Vec<(&'static str, Value, &'static [&'static str])> {
    vec![
        ("paths.workspace", json!("other/workspace"), &[]),
        ("paths.pdf", json!("other/pdf"), &["pdf followed"]),
        ("paths.notes", json!("other/notes"), &["pdf followed"]),
        ("paths.templates", json!("other/templates"), &["pdf followed"]),
        ("paths.prompts", json!("other/prompts"), &["rag rebuilt"]),
        ("paths.allowOutside", json!(true), &[]),
        ("paths.notes", json!(outside), &["pdf followed"]),
        ("apiKeys.openrouterKey", json!("sk-openrouter"), LLM),
        ("llm.default.baseUrl", json!("https://api.openai.com/v1"), LLM),
        ("apiKeys.openaiKey", json!("sk-openai"), LLM),
        ("llm.default.baseUrl", json!("https://api.anthropic.com/v1"), LLM),
        ("apiKeys.anthropicKey", json!("sk-anthropic"), LLM),
        ("llm.default.baseUrl", json!("https://api.mistral.ai/v1"), LLM),
        ("apiKeys.mistralKey", json!("sk-mistral"), LLM),
        ("llm.default.baseUrl", json!("http://127.0.0.1:9/v1"), LLM),
        ("apiKeys.customKey", json!("sk-custom"), LLM),
        ("llm.default.model", json!("another"), LLM),
        ("llm.default.temperature", json!(0.25), LLM),
        ("llm.default.maxTokens", json!(1_000), LLM),
        ("llm.default.maxOutputTokens", json!(900), LLM),
        ("llm.default.topP", json!(0.5), LLM),
        ("llm.default.timeoutMs", json!(30_000), LLM),
        ("llm.default.retriesMax", json!(1), LLM),
        ("rag.chunkSize", json!(500), &["rag rebuilt"]),
        ("rag.chunkOverlap", json!(50), &["rag rebuilt"]),
        ("rag.qa.model", json!("of answers"), &["rag rebuilt"]),
        ("rag.qa.temperature", json!(0.5), &["rag rebuilt"]),
        ("rag.qa.maxTokens", json!(700), &["rag rebuilt"]),
        ("rag.qa.retrievalK", json!(7), &["rag rebuilt"]),
        ("servers.api.host", json!("127.0.0.2"), &["http rebuilt", "ports followed"]),
        ("servers.api.port", json!(free_port()), &["http rebuilt", "ports followed"]),
        ("servers.api.allowedHosts", json!(["thoth.example"]), &["http rebuilt"]),
        ("servers.mcp.port", json!(free_port()), &[]),
        ("servers.mcp.enabled", json!(true), &["mcp rebuilt", "ports followed"]),
        ("servers.mcp.host", json!("127.0.0.2"), &["mcp rebuilt", "ports followed"]),
        ("servers.mcp.allowedHosts", json!(["mcp.example"]), &["mcp rebuilt"]),
        ("servers.monitor.recursive", json!(false), &["pdf followed"]),
        ("logging.level", json!("WARNING"), &["log followed"]),
        ("reload.settleMs", json!(100), &[]),
        ("reload.pollMs", json!(250), &[]),
        ("reload.openMaxMs", json!(4_000), &[]),
        ("reload.prepareDeadlineMs", json!(9_000), &[]),
        ("reload.handoverMs", json!(500_000), &[]),
        ("reload.probationMs", json!(7_000), &[]),
        ("reload.historyMax", json!(900), &[]),
        ("reload.historyDays", json!(30), &[]),
        ("citation.linkFormat", json!("wikilink"), &["citations rebuilt"]),
        ("citation.style", json!("APA"), &["citations rebuilt"]),
        ("citation.apis.crossrefUrl", json!("http://127.0.0.1:9/crossref"), &["citations rebuilt"]),
        ("citation.apis.useCrossref", json!(true), &["citations rebuilt"]),
        ("citation.apis.openalexUrl", json!("http://127.0.0.1:9/openalex"), &["citations rebuilt"]),
        ("citation.apis.useOpenalex", json!(true), &["citations rebuilt"]),
        ("citation.apis.contact", json!("reader@example.org"), &["citations rebuilt"]),
        ("memory.letta.serverUrl", json!("http://127.0.0.1:9/"), &["letta rebuilt"]),
        ("apiKeys.lettaApiKey", json!("sk-letta"), &["letta rebuilt"]),
        ("memory.letta.agentModel", json!("provider/model"), &["letta rebuilt"]),
        ("memory.letta.agentName", json!("another_agent"), &["letta rebuilt"]),
        ("memory.letta.mode", json!("cloud"), &["letta rebuilt"]),
        ("memory.letta.cloudApiKey", json!("sk-cloud"), &["letta rebuilt"]),
        ("performance.memory.maxDocumentSizeMb", json!(40), &["pdf followed"]),
    ]
}

/// Writes a value at a dotted path, with the objects on the way to it.
fn put(content: &mut Value, path: &str, value: &Value) {
    let place = path.split('.').fold(content, |place, name| {
        let object = place.as_object_mut().unwrap();
        object.entry(name).or_insert_with(|| Value::Object(Map::new()))
    });
    *place = value.clone();
}

/// What a verdict says of all services that are not kept.
fn done(verdict: &Value) -> Vec<String> {
    let services = verdict["services"].as_array().unwrap().iter();
    let word = |service: &Value, name: &str| service[name].as_str().unwrap().to_owned();
    let done = services.map(|service| format!("{} {}", word(service, "name"), word(service, "action")));
    done.filter(|done| !done.ends_with(" kept")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_12_every_key_takes_effect_in_the_running_process() {
    // The stream of verdicts stays where it began, whatever the port.
    let (api, reload) = (json!({ "port": free_port() }), json!({ "handoverMs": 600_000 }));
    let mut content = json!({ "paths": {}, "apiKeys": {}, "servers": { "api": api }, "reload": reload });
    // What would be asked beyond this machine is asked here.
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = Place::new().with("HTTPS_PROXY", &format!("http://{}", proxy.local_addr().unwrap()));
    std::fs::write(place.settings(), content.to_string()).unwrap();
    for (template, word) in [("other/templates/note.md", "title"), ("other/prompts/answer.md", "rules")] {
        let template = place.vault().join(template);
        std::fs::create_dir_all(template.parent().unwrap()).unwrap();
        std::fs::write(template, format!("{{{{ {word} }}}}\n")).unwrap();
    }
    let thoth = Thoth::start_in(place, &[]).await;
    let mut verdicts = thoth.verdicts().await;
    let outside = thoth.place.folder.path().join("outside");
    let samples = samples(&outside);
    for (index, (key, value, does)) in samples.iter().enumerate() {
        put(&mut content, key, value);
        Save::BOTH[index % 2].save(&thoth.place.settings(), &content.to_string());
        let mut verdict = verdicts.next().await;
        while verdict["cause"] == "refresh" {
            verdict = verdicts.next().await;
        }
        assert_eq!(verdict["verdict"], "applied", "{key}: {verdict}");
        assert_eq!(done(&verdict), *does, "{key}: {verdict}");
        // Answered by this very process: the address is its own.
        let shown = thoth.get("/api/v1/settings/effective").await;
        let state = shown["keys"].as_array().unwrap().iter().find(|state| state["key"] == *key).unwrap();
        let value = if state["value"] == "<redacted>" { &state["value"] } else { value };
        assert_eq!((&state["value"], &state["differs"]), (value, &Value::Null), "{state}");
        let service = state["service"].as_str().unwrap();
        if service == "reload" || does.iter().any(|done| done.starts_with(service)) {
            assert_eq!(state["since"], verdict["generation"], "{state}");
        }
    }
    for key in KEYS.iter().filter(|key| key.service.is_some()) {
        let name = key.path;
        assert!(
            samples.iter().any(|(key, ..)| *key == name),
            "`{name}` has no sample: add one, with what a save of it does"
        );
    }
    // Nothing else goes there: neither a key nor a look-up asks anything by itself.
    let (mut asked, _) = tokio::time::timeout(PATIENCE, proxy.accept()).await.unwrap().unwrap();
    let mut line = [0; 27];
    asked.read_exact(&mut line).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&line), "CONNECT api.letta.com:443 H");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_saved_is_what_the_provider_is_asked() {
    let provider = live::provider("NOT FOUND").await;
    let llm = json!({ "baseUrl": format!("{}/v1", provider.uri()), "retriesMax": 0 });
    let mut content = json!({
        "llm": { "default": llm }, "apiKeys": { "customKey": "sk-custom" }, "reload": { "probationMs": 0 },
    });
    let place = Place::new();
    std::fs::write(place.settings(), content.to_string()).unwrap();
    place.drop_paper("okonkwo2024.pdf", "thoth/papers/pdfs");
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    thoth.papers(1).await;
    for (key, value, field) in [
        ("llm.default.model", json!("by default"), "model"),
        ("rag.qa.model", json!("of answers"), "model"),
        ("rag.qa.temperature", json!(0.75), "temperature"),
        ("rag.qa.maxTokens", json!(77), "max_tokens"),
        ("llm.default.maxOutputTokens", json!(55), "max_tokens"),
        ("llm.default.topP", json!(0.5), "top_p"),
    ] {
        put(&mut content, key, &value);
        assert_eq!(thoth.save(Save::Rename, &content.to_string()).await["verdict"], "applied", "{key}");
        probation::ask(&thoth).await;
        let asked: Value = provider.received_requests().await.unwrap().last().unwrap().body_json().unwrap();
        assert_eq!(asked[field], value, "{key}: {asked}");
    }
    // And how long its answer is waited for.
    provider.reset().await;
    let never = ResponseTemplate::new(200).set_delay(2 * PATIENCE);
    Mock::given(method("POST")).respond_with(never).mount(&provider).await;
    put(&mut content, "llm.default.timeoutMs", &json!(70));
    assert_eq!(thoth.save(Save::InPlace, &content.to_string()).await["verdict"], "applied");
    let answer = probation::ask(&thoth).await;
    assert!(answer["note"].as_str().unwrap().contains("sent nothing for 70 ms"), "{answer}");
}
