//! Papers, search and questions; and what is left of them in safe mode.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::fixture::{REFUSED, TOKEN, World, free_port, on_port};
use crate::http::client::Client;
use crate::http::token::Token;

impl World {
    /// Drops a «PDF» into the folder, as [`super::fixture::read`] reads it, and waits until it is at rest.
    pub(super) async fn drop_pdf(&self, name: &str, title: &str, text: &str) -> Value {
        let path: PathBuf = self.state.path().join("vault/pdf").join(name);
        std::fs::write(&path, format!("%PDF-1.7\n{title}\n{text}\n%%EOF\n")).unwrap();
        loop {
            let papers = self.get("/api/v1/papers").await;
            let paper = papers["papers"]
                .as_array()
                .unwrap()
                .iter()
                .find(|paper| paper["file"] == format!("pdf/{name}"));
            match paper {
                Some(paper) if !matches!(paper["status"].as_str(), Some("queued" | "reading")) => {
                    return paper.clone();
                }
                _ => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
            }
        }
    }

    fn owner(&self) -> Client {
        Client::new(self.address(), Some(Token::given(TOKEN).unwrap())).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paper_is_listed_found_and_quoted() {
    let world = World::start(&on_port(free_port(), 500)).await;
    let text = "The pyramids of Giza were surveyed by muon tomography. The survey found a large void.";
    let paper = world.drop_pdf("giza.pdf", "A Void in the Great Pyramid", text).await;
    assert_eq!(
        (&paper["status"], &paper["title"]),
        (&json!("indexed"), &json!("A Void in the Great Pyramid"))
    );
    assert_eq!(paper["authors"], json!([]));
    assert!(paper["note"].as_str().unwrap().ends_with(".md"));
    let id = paper["id"].as_str().unwrap();

    let shown = world.get(&format!("/api/v1/papers/{id}")).await;
    assert_eq!(shown["metadata"]["title"]["source"]["from"], "xmp");
    let entry = world.client.get(world.url(&format!("/api/v1/papers/{id}/bibtex"))).send().await.unwrap();
    assert_eq!(entry.headers()["content-type"], "application/x-bibtex; charset=utf-8");
    assert!(entry.text().await.unwrap().contains("Void in the Great Pyramid"));

    let found = world.get("/api/v1/search?q=muon%20tomography&limit=5").await;
    let hit = &found["hits"][0];
    assert_eq!(
        (&hit["paper"], &hit["page"], &hit["section"]),
        (&json!(id), &json!(1), &json!("Introduction"))
    );
    assert!(hit["snippet"].as_str().unwrap().contains("<mark>"), "{hit}");
    assert!(hit["score"].is_f64() && hit["title"].is_string());
    let question = json!({ "question": "What did the muon tomography survey find?" });
    let answer: Value = world.owner().post("/api/v1/ask", &question).await.unwrap();
    assert_eq!((&answer["sources"][0]["paper"], &answer["sources"][0]["page"]), (&json!(id), &json!(1)));
    assert!(text.contains(answer["sources"][0]["passage"].as_str().unwrap()));
    assert!(answer["answer"].as_str().unwrap().contains("[1]"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pdf_that_cannot_be_read_says_why() {
    let world = World::start(&on_port(free_port(), 500)).await;
    let failed = world.drop_pdf("scan.pdf", "%%", "").await;
    assert_eq!(failed["status"], "failed");
    assert!(failed["reason"].as_str().unwrap().contains("OCR"), "{failed}");
    let (status, problem) = world
        .owner()
        .look::<Value>(&format!("/api/v1/papers/{}/bibtex", failed["id"].as_str().unwrap()))
        .await
        .unwrap();
    assert_eq!(status, 409, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("it is failed"), "{problem}");
    let metrics = world.client.get(world.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(
        metrics.contains("thoth_papers{status=\"failed\"} 1")
            && metrics.contains("thoth_papers{status=\"indexed\"} 0")
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused() {
    let world = World::start(&on_port(free_port(), 500)).await;
    let ask = async |body: &str, content_type: &str| {
        let request = world.client.post(world.url("/api/v1/ask")).bearer_auth(TOKEN);
        let answer = request.header("content-type", content_type).body(body.to_owned()).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    assert_eq!(ask("{}", "application/json").await.0, 422);
    assert_eq!(ask(r#"{"question": " "}"#, "application/json").await.0, 422);
    assert_eq!(ask(r#"{"question": "why?"}"#, "text/plain").await.0, 415);
    let (status, problem) = ask("{\n  oops", "application/json").await;
    assert_eq!((status, &problem["line"], &problem["column"]), (422, &json!(2), &json!(3)), "{problem}");
    let long = "x".repeat(5_000);
    assert_eq!(ask(&json!({ "question": long }).to_string(), "application/json").await.0, 422);
    for (path, status) in [
        ("/api/v1/search".to_owned(), 422),
        (format!("/api/v1/search?q={long}"), 422),
        ("/api/v1/search?q=%00%22%28".to_owned(), 200),
        ("/api/v1/papers?limit=-1".to_owned(), 422),
        ("/api/v1/papers/nobody".to_owned(), 404),
    ] {
        assert_eq!(world.client.get(world.url(&path)).send().await.unwrap().status(), status, "{path}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn safe_mode_answers_for_the_settings_alone_and_a_good_save_ends_it() {
    let world = World::start(REFUSED).await;
    let status = async |path: &str| world.client.get(world.url(path)).send().await.unwrap().status().as_u16();
    for path in ["/health", "/health/ready", "/api/v1/papers", "/api/v1/search?q=x"] {
        assert_eq!(status(path).await, 503, "{path}");
    }
    for path in ["/", "/health/hot-reload", "/metrics", "/api/v1/settings", "/api/v1/reloads"] {
        assert_eq!(status(path).await, 200, "{path}");
    }
    let health = world.get("/health").await;
    assert_eq!(health["status"], "safe mode");
    for (name, service) in health["services"].as_object().unwrap() {
        let expected = if ["http", "log", "mcp", "ports"].contains(&name.as_str()) { "ok" } else { "off" };
        assert_eq!(service["status"], expected, "{name}: {health}");
    }
    let refused = world.get("/api/v1/papers").await;
    assert!(refused["hint"].as_str().unwrap().contains("/health/hot-reload"), "{refused}");
    let port = free_port();
    world.save(&on_port(port, 1)).await;
    world.wait_for(|world| world.address().port() == port).await;
    assert_eq!(status("/api/v1/papers").await, 200);
    assert_eq!(status("/health/ready").await, 200);
    assert_eq!(world.get("/health").await["services"]["rag"]["status"], "ok");
    world.stop().await;
}
