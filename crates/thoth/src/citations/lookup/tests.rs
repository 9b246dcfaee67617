//! Recorded answers understood, questions put as the sources want them, and nothing taken that is not surely the same.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::Registry;
use super::answer::{Known, fill, is_same, works};
use super::cache::Cache;
use super::desk::{Desk, Pace, Silence};
use super::question::Question;
use crate::citations::sample;
use crate::database::Database;
use crate::paper::{Field, Metadata, Source};

fn recorded(name: &str) -> Value {
    let file = format!("{}/tests/recorded/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn field<T>(value: T) -> Option<Field<T>> {
    Some(Field { value, source: Source::Layout { page: 1 } })
}

fn metadata(title: &str, author: &str, year: Option<i32>, doi: Option<&str>) -> Metadata {
    Metadata {
        title: Some(title).filter(|title| !title.is_empty()).and_then(|title| field(title.to_owned())),
        authors: Some(author)
            .filter(|author| !author.is_empty())
            .and_then(|author| field(vec![author.to_owned()])),
        year: year.and_then(field),
        doi: doi.and_then(|doi| field(doi.to_owned())),
        ..Metadata::default()
    }
}

const STATE_OF_OA: &str =
    "The state of OA: a large-scale analysis of the prevalence and impact of Open Access articles";

#[test]
fn recorded_answers_are_understood() {
    let some = |text: &str| Some(text.to_owned());
    let expected = Known {
        title: some(STATE_OF_OA),
        first_author: some("Piwowar"),
        year: Some(2018),
        venue: some("PeerJ"),
        volume: some("6"),
        issue: None,
        pages: some("e4375"),
        doi: some("10.7717/peerj.4375"),
    };
    let crossref = works(Registry::Crossref, &recorded("crossref-work")).unwrap();
    assert_eq!((crossref.len(), &crossref[0]), (1, &expected));
    let openalex = Known { first_author: some("Heather Piwowar"), ..expected };
    assert_eq!(works(Registry::OpenAlex, &recorded("openalex-work")).unwrap(), [openalex]);

    let list = works(Registry::Crossref, &recorded("crossref-works")).unwrap();
    assert_eq!(list.len(), 3);
    assert_eq!(
        (list[1].pages.as_deref(), list[1].issue.as_deref(), list[1].year),
        (Some("17-29"), Some("4"), Some(2008))
    );
    assert_eq!(list[2], Known { doi: some("10.5555/nothing"), ..Known::default() });
    let list = works(Registry::OpenAlex, &recorded("openalex-works")).unwrap();
    assert_eq!((list[0].venue.as_deref(), list[0].doi.as_deref()), (None, None), "a repository is no venue");
    for strange in ["{}", "[]", "null", "{\"message\": 7}", "{\"results\": {}}"] {
        let strange: Value = serde_json::from_str(strange).unwrap();
        assert!(works(Registry::Crossref, &strange).is_err() && works(Registry::OpenAlex, &strange).is_err());
    }
    let marked = serde_json::json!({ "message": { "DOI": "10.1/x", "title": ["On <i>E. coli</i> &amp; H<sub>2</sub>O, a < b"] } });
    assert_eq!(
        works(Registry::Crossref, &marked).unwrap()[0].title.as_deref(),
        Some("On E. coli & H2O, a < b")
    );
}

#[test]
fn only_what_is_surely_the_same_work_is_taken() {
    let work = works(Registry::Crossref, &recorded("crossref-work")).unwrap().remove(0);
    let check = |title: &str, author: &str, year, doi, same: bool| {
        assert_eq!(
            is_same(&metadata(title, author, year, doi), &work),
            same,
            "{title}, {author}, {year:?}, {doi:?}"
        );
    };
    check("", "", None, Some("10.7717/PEERJ.4375"), true);
    check(STATE_OF_OA, "Heather Piwowar", Some(2018), Some("10.7717/peerj.4376"), false);
    check(STATE_OF_OA, "Heather Piwowar", Some(2018), None, true);
    check(&STATE_OF_OA.to_uppercase(), "H. Piwowar", None, None, true);
    check(&STATE_OF_OA.replace(":", " –"), "", Some(2017), None, true);
    check(STATE_OF_OA, "", None, None, false);
    check(STATE_OF_OA, "Jason Priem", Some(2018), None, false);
    check(STATE_OF_OA, "Heather Piwowar", Some(2014), None, false);
    check("The state of OA", "Heather Piwowar", Some(2018), None, false);
    check(&format!("{STATE_OF_OA}, part 2"), "Heather Piwowar", Some(2018), None, false);
    check("", "Heather Piwowar", Some(2018), None, false);
    let untitled = Known {
        first_author: Some("Roe".to_owned()),
        title: Some("Editorial".to_owned()),
        ..Known::default()
    };
    assert!(
        !is_same(&metadata("Editorial", "Jane Roe", None, None), &untitled),
        "too many works have such a title"
    );
    let openalex = works(Registry::OpenAlex, &recorded("openalex-work")).unwrap().remove(0);
    assert!(is_same(&metadata(STATE_OF_OA, "Heather Piwowar", None, None), &openalex));
}

#[test]
fn what_the_pdf_says_stays_and_what_is_filled_in_says_where_it_is_from() {
    let work = works(Registry::Crossref, &recorded("crossref-work")).unwrap().remove(0);
    let mut paper = metadata("The title as it is printed", "", Some(2017), None);
    assert!(fill(&mut paper, &work, Registry::Crossref));
    assert_eq!(paper.title, field("The title as it is printed".to_owned()));
    assert_eq!(paper.year, field(2017));
    let venue = paper.venue.clone().unwrap();
    assert_eq!((venue.value.as_str(), venue.source), ("PeerJ", Source::Crossref));
    assert_eq!(paper.pages.clone().unwrap().value, "e4375");
    let before = paper.clone();
    assert!(!fill(&mut paper, &work, Registry::OpenAlex), "once filled, nothing is absent");
    assert_eq!(paper, before);
    assert_eq!(serde_json::to_value(Source::OpenAlex).unwrap(), serde_json::json!({ "from": "openalex" }));
}

#[test]
fn questions_are_put_as_the_sources_want_them() {
    let mut apis = sample("IEEE", "uri").settings.apis.clone();
    apis.contact = "me+x@uni.example".to_owned();
    let check = |paper: &Metadata, registry, expected: &str| {
        let url = Question::about(paper).and_then(|question| question.url(registry, &apis));
        assert_eq!(url.unwrap().as_str(), expected);
    };
    let doi = metadata("", "", None, Some("10.1002/(SICI)1097?a#b"));
    let contact = "mailto=me%2Bx%40uni.example";
    check(
        &doi,
        Registry::Crossref,
        &format!("https://crossref.invalid/works/10.1002%2F(SICI)1097%3Fa%23b?{contact}"),
    );
    check(
        &doi,
        Registry::OpenAlex,
        &format!("https://openalex.invalid/works/doi:10.1002%2F(SICI)1097%3Fa%23b?{contact}"),
    );
    let title = metadata("R&D: «a, b|c»", "Ada Lovelace", Some(1843), None);
    check(
        &title,
        Registry::Crossref,
        &format!(
            "https://crossref.invalid/works?query.bibliographic=R%26D%3A+%C2%ABa%2C+b%7Cc%C2%BB+Lovelace+1843&rows=5&{contact}"
        ),
    );
    check(
        &title,
        Registry::OpenAlex,
        &format!("https://openalex.invalid/works?search=R+D+a+b+c+Lovelace+1843&per-page=5&{contact}"),
    );
    assert_eq!(Question::about(&Metadata::default()), None, "nothing to ask by");
    let mut whole = metadata(STATE_OF_OA, "Heather Piwowar", Some(2018), Some("10.1/x"));
    for absent in [&mut whole.venue, &mut whole.volume, &mut whole.pages] {
        *absent = field("x".to_owned());
    }
    assert_eq!(Question::about(&whole), None, "nothing is absent");
}

#[test]
fn answers_are_kept_until_they_expire_also_that_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("thoth.db"), &[super::SCHEMA]).unwrap();
    let cache = Cache(std::sync::Arc::new(database));
    let known = works(Registry::Crossref, &recorded("crossref-work")).unwrap();
    let day = 86_400;
    cache.keep("a", "known", &known, 0).unwrap();
    cache.keep("a", "unknown", &[], 0).unwrap();
    assert_eq!(cache.find("a", "known", 89 * day).unwrap(), Some(known));
    assert_eq!(cache.find("a", "unknown", 6 * day).unwrap(), Some(Vec::new()));
    assert_eq!(cache.find("a", "unknown", 8 * day).unwrap(), None);
    assert_eq!(cache.find("a", "known", 91 * day).unwrap(), None);
    assert_eq!(cache.find("b", "known", 0).unwrap(), None, "another source knows other things");
}

#[tokio::test]
async fn a_source_is_asked_slower_when_it_asks_for_that() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let server = MockServer::start().await;
    let respond = async |at: &str, answer: ResponseTemplate| {
        let asked = Mock::given(method("GET")).and(path(at)).and(query_param("mailto", "me@uni.example"));
        let asked = asked.and(header(
            "user-agent",
            concat!("thoth/", env!("CARGO_PKG_VERSION"), " (mailto:me@uni.example)"),
        ));
        asked.respond_with(answer).mount(&server).await;
    };
    respond("/busy", ResponseTemplate::new(429).insert_header("retry-after", "7")).await;
    respond("/broken", ResponseTemplate::new(503)).await;
    respond("/none", ResponseTemplate::new(404).set_body_string("Resource not found.")).await;
    respond("/forbidden", ResponseTemplate::new(403)).await;
    let limited = ResponseTemplate::new(200).set_body_json(serde_json::json!({ "x": 1 }));
    let limited =
        limited.insert_header("x-rate-limit-limit", "2").insert_header("x-rate-limit-interval", "10s");
    respond("/limited", limited).await;
    let pace = Pace {
        gap: Duration::from_millis(1),
        backoff: Duration::from_secs(2),
        backoff_max: Duration::from_secs(60),
    };
    let mut desk = Desk::new(pace);
    let mut ask = async |at: &str| {
        let url = reqwest::Url::parse(&format!("{}{at}?mailto=me@uni.example", server.uri())).unwrap();
        let answer = desk.ask(&client, url, "me@uni.example").await;
        (answer, desk.open_at().saturating_duration_since(Instant::now()).as_secs_f64())
    };
    let near = |pause: f64, seconds: f64| assert!((pause - seconds).abs() < 0.9, "{pause} is not {seconds}");
    let (answer, pause) = ask("/busy").await;
    assert!(matches!(answer, Err(Silence::Later(_))));
    near(pause, 7.0);
    let (answer, pause) = ask("/broken").await;
    assert!(matches!(answer, Err(Silence::Later(_))));
    near(pause, 4.0);
    near(ask("/broken").await.1, 8.0);
    let (answer, pause) = ask("/none").await;
    assert!(matches!(answer, Ok(None)));
    near(pause, 0.0);
    assert!(matches!(ask("/forbidden").await.0, Err(Silence::Refused(_))));
    let (answer, pause) = ask("/limited").await;
    assert_eq!(answer.unwrap(), Some(serde_json::json!({ "x": 1 })));
    near(pause, 5.0);
    near(ask("/broken").await.1, 2.0);
}
