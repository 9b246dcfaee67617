//! Papers, notes, search and answers through the running server.

use std::collections::HashMap;
use std::process::Command;

use serde_json::{Value, json};
use thoth::quote::{fold, is_printed};

use crate::support::{PAPERS, Thoth, installed, settings};

fn truth() -> Vec<Value> {
    let text = std::fs::read_to_string(format!("{PAPERS}/truth.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

async fn with_papers() -> Thoth {
    let thoth = Thoth::start(&settings(&json!({ "paths": { "pdf": "pdf", "notes": "notes" } }))).await;
    for paper in truth() {
        thoth.place.drop_paper(paper["file"].as_str().unwrap(), "pdf");
    }
    thoth
}

#[tokio::test(flavor = "multi_thread")]
async fn papers_become_rows_and_notes_that_say_what_is_true() {
    let thoth = with_papers().await;
    let truth = truth();
    let rows = thoth.papers(truth.len()).await;
    for paper in &truth {
        let file = format!("pdf/{}", paper["file"].as_str().unwrap());
        let row = rows.iter().find(|row| row["file"] == file).unwrap();
        for field in ["title", "authors", "year", "doi"] {
            assert_eq!(row[field], paper[field], "{field} of {file}");
        }
        let note = std::fs::read_to_string(thoth.place.vault().join(row["note"].as_str().unwrap())).unwrap();
        assert!(
            note.contains(paper["title"].as_str().unwrap()) && note.contains(&format!("[[{file}]]")),
            "{note}"
        );
        let bibtex =
            thoth.client.get(thoth.url(&format!("/api/v1/papers/{}/bibtex", row["id"].as_str().unwrap())));
        let bibtex = bibtex.send().await.unwrap().text().await.unwrap();
        assert!(bibtex.starts_with('@') && bibtex.contains(paper["title"].as_str().unwrap()), "{bibtex}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_papers_cite_is_listed_over_http_on_the_command_line_and_in_notes() {
    let thoth = with_papers().await;
    let truth = truth();
    let rows = thoth.papers(truth.len()).await;
    for paper in &truth {
        let file = format!("pdf/{}", paper["file"].as_str().unwrap());
        let row = rows.iter().find(|row| row["file"] == file).unwrap();
        let id = row["id"].as_str().unwrap();
        let answer = thoth.get(&format!("/api/v1/papers/{id}/references")).await;
        let found = answer["references"].as_array().unwrap();
        let wanted = paper["reference_list"].as_array().unwrap();
        assert_eq!(found.len(), wanted.len(), "{file}");
        for (found, wanted) in found.iter().zip(wanted) {
            assert_eq!((&found["title"], &found["year"]), (&wanted["title"], &wanted["year"]), "{found}");
            assert_eq!(found["doi"], wanted["doi"], "{found}");
        }
        let printed = thoth.place.run(&["references", id]);
        let printed = String::from_utf8(printed.stdout).unwrap();
        let note = std::fs::read_to_string(thoth.place.vault().join(row["note"].as_str().unwrap())).unwrap();
        assert_eq!(note.matches("\n## References\n").count(), 1, "{note}");
        for entry in found {
            assert!(printed.contains(entry["text"].as_str().unwrap()), "{printed}");
            let title = entry["title"].as_str().unwrap().trim_end_matches('?');
            assert!(note.to_lowercase().contains(&title.to_lowercase()), "{title}: {note}");
            if let Some(doi) = entry["doi"].as_str() {
                assert!(note.contains(&format!("<https://doi.org/{doi}>")), "{doi}: {note}");
            }
        }
    }
    let nobody = thoth.place.run(&["references", "nobody"]);
    let said = String::from_utf8(nobody.stderr).unwrap();
    assert!(!nobody.status.success() && said.contains("there is no paper `nobody`"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_passage_of_an_answer_stands_on_its_page_as_pdftotext_prints_it() {
    if !installed("pdftotext") {
        return;
    }
    let thoth = with_papers().await;
    let truth = truth();
    let rows = thoth.papers(truth.len()).await;
    for paper in &truth {
        let phrase = paper["abstract_first_sentence"].as_str().unwrap();
        let query = [("q", phrase), ("limit", "3")];
        let url = reqwest::Url::parse_with_params(&thoth.url("/api/v1/search"), query).unwrap();
        let found: Value = thoth.client.get(url).send().await.unwrap().json().await.unwrap();
        let titles: Vec<&Value> = found["hits"].as_array().unwrap().iter().map(|hit| &hit["title"]).collect();
        assert!(titles.contains(&&paper["title"]), "{phrase}: {titles:?}");
        let sources = ask(&thoth, phrase).await;
        assert!(!sources.is_empty(), "{phrase}");
        assert!(
            sources.iter().any(|source| is_printed(phrase, source["passage"].as_str().unwrap())),
            "{phrase}"
        );
    }
    let pages = printed(&thoth, &rows);
    let mut found = 0;
    for sentence in pages.values().flat_map(|page| sentences(page)) {
        for source in ask(&thoth, &sentence).await {
            on_its_page(&pages, &source);
            found += 1;
        }
    }
    assert!(found > 300, "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_is_cut_where_letters_are_raised_or_lowered() {
    if !installed("pdftotext") {
        return;
    }
    let thoth = Thoth::start(&settings(&json!({ "paths": { "pdf": "pdf" } }))).await;
    let folder = thoth.place.vault().join("pdf");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("herons.pdf"), herons()).unwrap();
    let rows = thoth.papers(1).await;
    assert_eq!(rows[0]["status"], "indexed", "{rows:?}");
    let sources = ask(&thoth, "How many fish does every grey heron take from the quiet river?").await;
    on_its_page(&printed(&thoth, &rows), &sources[0]);
    assert_eq!(
        sources[0]["passage"],
        "Every grey heron of the quiet river takes more fish than it needs, namely"
    );
}

/// A page on herons whose second sentence has a letter with another above and one below it.
fn herons() -> Vec<u8> {
    let line = |y: u32, text: &str| format!("BT /F 10 Tf 60 {y} Td ({text}) Tj ET\n");
    let mut page =
        format!("BT /F 18 Tf 60 780 Td (Herons and Their Rivers) Tj ET\n{}", line(700, "Abstract"));
    page +=
        &line(680, "Herons are the patient fishers of all slow waters, and this page is about their ways.");
    page += "BT /F 10 Tf 60 668 Td (Every grey heron of the quiet river takes more fish than it needs, namely n) Tj \
             /F 6 Tf 5 Ts (max) Tj -3 Ts [1722 (day)] TJ ET\n";
    page += &line(656, "in all of its years. Nobody knows what it does with the rest of them in the winter.");
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>"
            .to_owned(),
        format!("<</Length {}>>stream\n{page}\nendstream", page.len()),
        "<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>".to_owned(),
    ];
    let objects = (1..).zip(objects).map(|(number, object)| format!("{number} 0 obj\n{object}\nendobj\n"));
    format!("%PDF-1.4\n{}trailer\n<</Root 1 0 R>>\n%%EOF\n", objects.collect::<String>()).into_bytes()
}

/// What an answer without a model rests on.
async fn ask(thoth: &Thoth, question: &str) -> Vec<Value> {
    let answer = thoth.post("/api/v1/ask", &json!({ "question": question })).await;
    answer["sources"].as_array().unwrap().clone()
}

/// What `pdftotext` prints for each page of each paper, by the paper's id and the page.
fn printed(thoth: &Thoth, rows: &[Value]) -> HashMap<(String, u64), String> {
    let mut printed = HashMap::new();
    for row in rows {
        let pdf = thoth.place.vault().join(row["file"].as_str().unwrap());
        for number in 1..=row["page_count"].as_u64().unwrap() {
            let page = number.to_string();
            let output = Command::new("pdftotext")
                .args(["-f", &page, "-l", &page])
                .arg(&pdf)
                .arg("-")
                .output()
                .unwrap();
            let key = (row["id"].as_str().unwrap().to_owned(), number);
            printed.insert(key, String::from_utf8(output.stdout).unwrap());
        }
    }
    printed
}

fn sentences(text: &str) -> Vec<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.split(". ").filter(|sentence| sentence.split(' ').count() > 5).map(str::to_owned).collect()
}

fn on_its_page(pages: &HashMap<(String, u64), String>, source: &Value) {
    let page = &pages[&(source["paper"].as_str().unwrap().to_owned(), source["page"].as_u64().unwrap())];
    assert!(is_printed(source["passage"].as_str().unwrap(), page), "{source} in {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pdf_is_taken_once_and_a_bad_one_says_why() {
    let thoth = Thoth::start(&settings(&json!({ "paths": { "pdf": "pdf" } }))).await;
    let first = thoth.place.drop_paper("okonkwo2024.pdf", "pdf");
    let id = thoth.papers(1).await[0]["id"].clone();
    std::fs::copy(&first, first.with_file_name("copy.pdf")).unwrap();
    let whole = std::fs::read(&first).unwrap();
    std::fs::write(first.with_file_name("empty.pdf"), "").unwrap();
    std::fs::write(first.with_file_name("broken.pdf"), b"%PDF-1.7 and then nothing of the kind %%EOF")
        .unwrap();
    let rows = thoth.papers(4).await;
    let row = |name: &str| rows.iter().find(|row| row["file"] == format!("pdf/{name}")).unwrap();
    assert_eq!((&row("copy.pdf")["status"], &row("copy.pdf")["duplicate_of"]), (&json!("skipped"), &id));
    assert!(row("copy.pdf")["reason"].as_str().unwrap().contains("okonkwo2024.pdf"));
    for bad in ["empty.pdf", "broken.pdf"] {
        assert_eq!(row(bad)["status"], "failed");
        assert!(!row(bad)["reason"].as_str().unwrap().is_empty());
    }
    assert_eq!(std::fs::read(&first).unwrap(), whole, "originals stay untouched");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_s_own_words_stay_when_it_is_written_again() {
    let thoth = with_papers().await;
    let rows = thoth.papers(truth().len()).await;
    let note = thoth.place.vault().join(rows[0]["note"].as_str().unwrap());
    let written = std::fs::read_to_string(&note).unwrap();
    let own = "My own thought, with  two spaces and an é.";
    std::fs::write(&note, format!("{written}\n{own}\n")).unwrap();
    // The same paper under another name moves its row; a new content writes anew.
    let pdf = thoth.place.vault().join(rows[0]["file"].as_str().unwrap());
    std::fs::rename(&pdf, pdf.with_file_name("renamed.pdf")).unwrap();
    crate::support::until(async || {
        let rows = thoth.get("/api/v1/papers").await;
        rows.to_string().contains("pdf/renamed.pdf")
    })
    .await;
    assert!(std::fs::read_to_string(&note).unwrap().contains(own));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_written_answer_keeps_only_citations_whose_quote_stands_in_the_passage() {
    let thoth = with_papers().await;
    thoth.papers(truth().len()).await;
    let question = json!({ "question": "how fast does a waggle dance lose precision?" });
    let passages = thoth.post("/api/v1/ask", &question).await;
    assert_eq!(passages["written_by"], Value::Null, "no key, no model");
    let passage = passages["sources"][0]["passage"].as_str().unwrap();
    let quote: Vec<&str> = passage.split(' ').take(6).collect();
    let quote = quote.join(" ");
    let words =
        format!("It is so [1: \"{quote}\"]. It is not [1: \"words that no paper of ours has ever had\"].");
    let provider = crate::live::provider(&words).await;
    let with_model = settings(&json!({
        "paths": { "pdf": "pdf", "notes": "notes" },
        "llm": { "default": { "model": "m", "baseUrl": format!("{}/v1", provider.uri()) } },
    }));
    assert_eq!(thoth.save(crate::support::Save::Rename, &with_model).await["verdict"], "applied");
    let answer = thoth.post("/api/v1/ask", &question).await;
    assert_eq!(
        (&answer["answer"], &answer["written_by"]),
        (&json!("It is so [1]."), &json!("m")),
        "{answer}"
    );
    assert_eq!(answer["sources"].as_array().unwrap().len(), 1);
    assert_eq!(fold(answer["sources"][0]["passage"].as_str().unwrap()), fold(&quote));
    assert!(answer["note"].as_str().unwrap().contains("1 of 2 citations removed"), "{answer}");
}
