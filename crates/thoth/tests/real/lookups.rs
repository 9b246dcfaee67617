//! Look-ups at Crossref and OpenAlex: off unless switched on, once, and never over what the PDF says.

use serde_json::{Value, json};
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Place, Save, Thoth, service, settings, until};

/// A recorded answer, about another work.
fn recorded(name: &str) -> Value {
    let file = format!("{}/tests/recorded/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

async fn source(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET")).and(path_regex("^/works")).respond_with(answer).mount(&server).await;
    server
}

async fn asked(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_absent_is_filled_in_by_a_look_up_that_is_switched_on() {
    const DOI: &str = "10.5555/thoth.2024.0117";
    let mut crossref = recorded("crossref-work");
    let message = &mut crossref["message"];
    message["DOI"] = json!(DOI);
    message["title"] = json!(["Another title than the printed one"]);
    message["volume"] = json!("42");
    message["page"] = json!("17-29");
    message["container-title"] = json!(["Journal of Imagined Apiculture"]);
    let crossref = source(ResponseTemplate::new(200).set_body_json(crossref)).await;
    let openalex = source(ResponseTemplate::new(404)).await;
    let with = |on: bool, style: &str| {
        settings(&json!({
            "paths": { "pdf": "pdf", "notes": "notes" },
            "citation": { "style": style, "apis": {
                "useCrossref": on, "crossrefUrl": crossref.uri(), "useOpenalex": on, "openalexUrl": openalex.uri(),
                "contact": "me@uni.example",
            } },
        }))
    };
    let place = Place::new();
    std::fs::write(place.settings(), with(false, "IEEE")).unwrap();
    place.drop_paper("okonkwo2024.pdf", "pdf");
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    let before = thoth.papers(1).await[0].clone();
    assert_eq!((before["doi"].as_str(), asked(&crossref).await + asked(&openalex).await), (Some(DOI), 0));
    let note = thoth.place.vault().join(before["note"].as_str().unwrap());
    let own = "\nMy own words.\n";
    std::fs::write(&note, std::fs::read_to_string(&note).unwrap() + own).unwrap();

    let verdict = thoth.save(Save::Rename, &with(true, "IEEE")).await;
    assert_eq!(service(&verdict, "citations").unwrap().0, "rebuilt", "{verdict}");
    assert_eq!(service(&verdict, "rag").unwrap().0, "kept", "{verdict}");
    let id = before["id"].as_str().unwrap();
    let paper = async || thoth.get(&format!("/api/v1/papers/{id}")).await;
    until(async || paper().await["metadata"]["volume"]["value"] == "42").await;
    let after = paper().await;
    assert_eq!(after["metadata"]["volume"]["source"], json!({ "from": "crossref" }));
    assert_eq!(
        (&after["title"], &after["year"], &after["authors"]),
        (&before["title"], &before["year"], &before["authors"])
    );
    let read = || std::fs::read_to_string(&note).unwrap();
    until(async || read().contains("vol. 42, pp. 17–29")).await;
    assert!(read().contains("volume from a look-up at Crossref") && read().ends_with(own), "{}", read());
    let cited = thoth.client.get(thoth.url(&format!("/api/v1/papers/{id}/cite"))).send().await.unwrap();
    assert!(cited.text().await.unwrap().contains("vol. 42, pp. 17–29"));
    let found = thoth.get("/api/v1/search?q=Imagined%20Apiculture").await;
    assert!(!found["hits"].is_null(), "{found}");

    let request = &crossref.received_requests().await.unwrap()[0];
    assert_eq!(request.url.path(), format!("/works/{}", DOI.replace('/', "%2F")));
    assert_eq!(request.url.query(), Some("mailto=me%40uni.example"));
    assert!(request.headers["user-agent"].to_str().unwrap().contains("(mailto:me@uni.example)"));

    // Off, a further paper, and on again at the next start.
    thoth.save(Save::Rename, &with(false, "IEEE")).await;
    thoth.place.drop_paper("ferreira2022.pdf", "pdf");
    thoth.papers(2).await;
    assert_eq!(
        (asked(&crossref).await, asked(&openalex).await),
        (1, 0),
        "nothing is absent any more; and off means off"
    );
    let place = thoth.terminate().0;
    std::fs::write(place.settings(), with(true, "APA")).unwrap();
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    // Of the second paper Crossref's answer is about another work, so OpenAlex is asked too, which knows nothing.
    until(async || asked(&crossref).await == 2 && asked(&openalex).await == 1).await;
    let second = thoth.papers(2).await.into_iter().find(|row| row["id"] != id).unwrap();
    assert_eq!(second["venue"], Value::Null, "{second}");
    // Once more: both answers are known, also that there is none.
    thoth.save(Save::Rename, &with(false, "APA")).await;
    thoth.save(Save::Rename, &with(true, "MLA")).await;
    thoth.place.drop_paper("lindqvist2025.pdf", "pdf");
    until(async || asked(&openalex).await == 2).await;
    assert_eq!(asked(&crossref).await, 3, "the second paper was not asked about again");
    assert_eq!(thoth.get(&format!("/api/v1/papers/{id}")).await["metadata"]["volume"]["value"], "42");
    let health = thoth.get("/health").await;
    assert_eq!(health["services"]["citations"]["status"], "ok", "{health}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_away_degrades_look_ups_alone_and_holds_up_nothing() {
    let crossref = source(ResponseTemplate::new(503)).await;
    let content = settings(&json!({
        "paths": { "pdf": "pdf" }, "citation": { "apis": { "useCrossref": true, "crossrefUrl": crossref.uri() } },
    }));
    let thoth = Thoth::start(&content).await;
    thoth.place.drop_paper("okonkwo2024.pdf", "pdf");
    assert_eq!(thoth.papers(1).await[0]["status"], "indexed");
    until(async || thoth.get("/health").await["services"]["look-ups"]["status"] == "degraded").await;
    let health = thoth.get("/health").await;
    let reason = health["services"]["look-ups"]["reason"].as_str().unwrap();
    assert!(reason.contains("Crossref") && reason.contains("503"), "{health}");
    for other in ["citations", "rag", "pdf"] {
        assert_eq!(health["services"][other]["status"], "ok", "{health}");
    }
    let off = content.replace("\"useCrossref\": true", "\"useCrossref\": false");
    assert_eq!(thoth.save(Save::Rename, &off).await["verdict"], "applied");
    until(async || thoth.get("/health").await["services"]["look-ups"]["status"] == "ok").await;
}
