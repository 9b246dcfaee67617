//! Citations follow the settings: exports at once, notes when they are refreshed.

use serde_json::{Value, json};

use crate::support::{PAPERS, Place, Save, Thoth, service, settings, text};

/// A small style of our own: the title, and a word by which it is known.
fn csl(word: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<style xmlns="http://purl.org/net/xbiblio/csl" class="in-text" version="1.0">
  <info><title>Ours</title><id>ours</id><updated>2024-01-01T00:00:00+00:00</updated></info>
  <citation><layout><text variable="title"/></layout></citation>
  <bibliography><layout suffix="{word}"><text variable="title"/></layout></bibliography>
</style>"#
    )
}

fn with(style: &str, links: &str) -> String {
    settings(&json!({
        "paths": { "pdf": "pdf", "notes": "notes" }, "citation": { "style": style, "linkFormat": links },
    }))
}

async fn cited(thoth: &Thoth, query: &str) -> String {
    let id = thoth.papers(1).await[0]["id"].as_str().unwrap().to_owned();
    let answer =
        thoth.client.get(thoth.url(&format!("/api/v1/papers/{id}/cite{query}"))).send().await.unwrap();
    assert!(answer.status().is_success(), "{query}: {}", answer.text().await.unwrap());
    answer.text().await.unwrap()
}

async fn with_paper(settings: &str) -> Thoth {
    let place = Place::new();
    std::fs::write(place.settings(), settings).unwrap();
    place.drop_paper("okonkwo2024.pdf", "pdf");
    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    thoth.papers(1).await;
    thoth
}

#[tokio::test(flavor = "multi_thread")]
async fn style_and_links_are_followed_at_once_and_by_notes_when_they_are_refreshed() {
    let thoth = with_paper(&with("IEEE", "uri")).await;
    let row = thoth.papers(1).await[0].clone();
    let note = thoth.place.vault().join(row["note"].as_str().unwrap());
    let read = || std::fs::read_to_string(&note).unwrap();
    let doi = row["doi"].as_str().unwrap();
    assert!(cited(&thoth, "").await.starts_with("[1] "), "{}", cited(&thoth, "").await);
    assert!(
        read().contains("## Citation\n\n") && read().contains(&format!("<https://doi.org/{doi}>")),
        "{}",
        read()
    );
    std::fs::write(&note, read() + "My own words.\n").unwrap();

    let verdict = thoth.save(Save::Rename, &with("APA", "markdown")).await;
    assert_eq!(verdict["verdict"], "applied", "{verdict}");
    let (did, why) = service(&verdict, "citations").unwrap();
    assert_eq!((did, why.contains("`citation.style`")), ("rebuilt", true), "{verdict}");
    for other in ["llm", "rag", "http"] {
        assert_eq!(service(&verdict, other).unwrap().0, "kept", "{verdict}");
    }
    let since = &thoth.get("/health").await["services"]["citations"];
    assert_eq!((&since["status"], &since["since"]), (&json!("ok"), &verdict["generation"]), "{since}");
    let year = format!("({})", row["year"]);
    assert!(cited(&thoth, "").await.contains(&year), "{}", cited(&thoth, "").await);
    assert!(cited(&thoth, "?style=IEEE").await.starts_with("[1] "), "another style for one request");
    assert!(!read().contains(&year), "an old note stays as it is until it is refreshed");

    let refreshed = thoth.place.run(&["notes", "refresh"]);
    assert!(refreshed.status.success() && text(&refreshed).contains("updated"), "{}", text(&refreshed));
    assert!(
        read().contains(&year) && read().contains(&format!("[doi:{doi}](<https://doi.org/{doi}>)")),
        "{}",
        read()
    );
    assert!(read().ends_with("My own words.\n"));
    assert!(text(&thoth.place.run(&["notes", "refresh"])).contains("unchanged"));
    let without_token =
        thoth.client.post(thoth.url("/api/v1/notes/refresh")).json(&json!({})).send().await.unwrap();
    assert_eq!(without_token.status(), 401);
    let unknown = thoth.place.run(&["notes", "refresh", "no-such-id"]);
    assert!(
        !unknown.status.success()
            && text(&unknown).contains("there is no paper `no-such-id` (`thoth papers` lists them)"),
        "{}",
        text(&unknown)
    );
    crate::support::until(async || thoth.log().contains("CitationService: configuration reloaded")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_style_file_is_followed_and_a_bad_one_changes_nothing() {
    let thoth = with_paper(&with("styles/ours.csl", "uri").replace("styles/ours.csl", "IEEE")).await;
    let title = thoth.papers(1).await[0]["title"].as_str().unwrap().to_owned();
    let file = thoth.place.vault().join("styles/ours.csl");
    let refused = |verdict: &Value, part: &str| {
        assert_eq!(verdict["verdict"], "rejected", "{verdict}");
        let problem = &verdict["problems"][0];
        assert_eq!(problem["path"], "citation.style", "{verdict}");
        assert!(problem["line"].as_u64().unwrap() > 1, "{verdict}");
        assert!(problem.to_string().contains(part), "{part}: {verdict}");
    };
    refused(&thoth.save(Save::InPlace, &with("../ours.csl", "uri")).await, "outside the vault");
    refused(&thoth.save(Save::InPlace, &with("styles/ours.csl", "uri")).await, "there is no file");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    // From now on the style alone is saved; that is a save like any other.
    let mut verdicts = thoth.verdicts().await;
    for (content, part) in [
        ("<style>", "is no style"),
        (&csl("").replace("<bibliography>", "<!--").replace("</bibliography>", "-->"), "no bibliography"),
        (
            &csl("")
                .replace("</info>", "</info><macro name=\"a\"><text macro=\"a\"/></macro>")
                .replace("variable=\"title\"", "macro=\"a\""),
            "calls itself",
        ),
    ] {
        Save::Rename.save(&file, content);
        refused(&verdicts.next().await, part);
    }
    assert!(cited(&thoth, "").await.starts_with("[1] "), "nothing changed");

    for (how, word) in [(Save::InPlace, " — first"), (Save::Rename, " — second")] {
        how.save(&file, &csl(word));
        let verdict = verdicts.next().await;
        assert_eq!(
            (&verdict["verdict"], &verdict["cause"]),
            (&json!("applied"), &json!("save")),
            "{verdict}"
        );
        assert_eq!(service(&verdict, "citations").unwrap().0, "rebuilt", "{verdict}");
        assert_eq!(service(&verdict, "llm").unwrap().0, "kept", "{verdict}");
        assert_eq!(cited(&thoth, "").await, format!("{title}{word}\n"));
    }
    std::fs::write(&file, "<style").unwrap();
    refused(&verdicts.next().await, "middle of an element");
    assert_eq!(cited(&thoth, "").await, format!("{title} — second\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn papers_are_exported_by_the_server_and_without_one() {
    let place = Place::new();
    std::fs::write(place.settings(), with("Chicago", "uri")).unwrap();
    for paper in ["okonkwo2024.pdf", "ferreira2022.pdf", "lindqvist2025.pdf"] {
        assert!(place.run(&["ingest", &format!("{PAPERS}/{paper}")]).status.success());
    }
    let formats = ["text", "markdown", "bibtex", "csl-json"];
    let direct: Vec<String> = formats.map(|format| text(&place.run(&["cite", "--format", format]))).into();
    let lines: Vec<&str> = direct[0].lines().collect();
    assert!(lines.len() == 3 && lines.is_sorted(), "Chicago sorts by author: {lines:?}");
    let items: Vec<Value> = serde_json::from_str(&direct[3]).unwrap();
    assert!(
        items.iter().all(|item| item["title"].is_string() && item["author"][0]["family"].is_string()),
        "{items:?}"
    );
    assert_eq!(direct[2].matches("\n@").count() + 1, 3, "{}", direct[2]);
    let missing = place.run(&["cite", "--style", "Nature"]);
    assert!(
        !missing.status.success() && text(&missing).contains("there is no style `Nature`"),
        "{}",
        text(&missing)
    );

    let thoth = Thoth::start_in(place, &["--listen", "127.0.0.1:0"]).await;
    let served: Vec<String> =
        formats.map(|format| text(&thoth.place.run(&["cite", "--format", format]))).into();
    assert_eq!(served, direct);
    let ids: Vec<Value> = thoth.papers(3).await.iter().map(|row| row["id"].clone()).collect();
    let one = text(&thoth.place.run(&["cite", "--style", "MLA", ids[0].as_str().unwrap()]));
    assert_eq!(one.lines().count(), 1, "{one}");
    let unknown = thoth.client.get(thoth.url("/api/v1/bibliography?papers=nobody")).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    let style = thoth.client.get(thoth.url("/api/v1/bibliography?style=Nature")).send().await.unwrap();
    assert_eq!(style.status(), 422);
}
