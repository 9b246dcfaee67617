//! Settings files, good and bad, made from the schema that the documentation ships: each key once as it should be, and once
//! for each way to get it wrong; and the ways in which a file as a whole goes wrong.

use anyhow::Context;
use serde_json::{Map, Value, json};

/// Sections whose bounds are enforced; elsewhere a value out of bounds is a warning.
const BOUND: [&str; 7] = ["llm", "rag", "paths", "servers", "citation", "logging", "reload"];

/// A file, and what is special about it.
pub struct Sample {
    pub what: String,
    pub content: Vec<u8>,
}

impl Sample {
    fn new(what: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { what: what.into(), content: content.into() }
    }
}

/// The files of one run.
pub struct Corpus {
    pub good: Vec<Sample>,
    pub bad: Vec<Sample>,
}

/// The corpus of this schema.
pub fn corpus(schema: &str) -> anyhow::Result<Corpus> {
    let schema: Value = serde_json::from_str(schema).context("the schema is JSON")?;
    let mut keys = Vec::new();
    leaves(&schema, &mut Vec::new(), &mut keys);
    let mut corpus = Corpus { good: whole_good(), bad: whole_bad() };
    for (path, leaf) in &keys {
        of_key(path, leaf, &mut corpus);
    }
    Ok(corpus)
}

/// Paths of all keys that hold values, with what the schema says of them.
fn leaves<'a>(schema: &'a Value, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, &'a Value)>) {
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        path.push(name.clone());
        match inner.get("properties") {
            Some(_) => leaves(inner, path, found),
            // Notes, whatever they hold.
            None if name.starts_with(['$', '_']) => {}
            None => found.push((path.clone(), inner)),
        }
        path.pop();
    }
}

fn of_key(path: &[String], leaf: &Value, corpus: &mut Corpus) {
    let shown = path.join(".");
    let mut bad = |what: &str, path: &[String], value: Value| {
        corpus.bad.push(Sample::new(format!("{shown}: {what}"), with(path, value)));
    };
    if let Some(wrong) = wrong_type(leaf) {
        bad("another type", path, wrong);
    }
    if let Some((name, parents)) = path.split_last()
        && let Some(misspelt) = misspelt(name)
    {
        let value = leaf.get("default").cloned().unwrap_or_default();
        bad("misspelt", &[parents, &[misspelt]].concat(), value);
    }
    if path.first().is_some_and(|section| BOUND.contains(&section.as_str())) {
        for (bound, step) in [("minimum", -1.0), ("maximum", 1.0)] {
            if let Some(limit) = leaf[bound].as_f64() {
                let beyond = limit + step;
                let value = if leaf["type"] == "integer" { json!(beyond as i64) } else { json!(beyond) };
                bad(&format!("beyond its {bound}"), path, value);
            }
        }
        if leaf["enum"].is_array() {
            bad("none of its values", path, json!("none-of-these"));
        }
    }
    if let Some(default) = leaf.get("default") {
        corpus.good.push(Sample::new(format!("{shown}: its default"), with(path, default.clone())));
    }
    for value in leaf["enum"].as_array().into_iter().flatten() {
        corpus.good.push(Sample::new(format!("{shown}: {value}"), with(path, value.clone())));
    }
}

fn wrong_type(leaf: &Value) -> Option<Value> {
    let kind = leaf["type"].as_str().or_else(|| leaf["type"][0].as_str())?;
    match kind {
        "string" => Some(json!(7)),
        "integer" => Some(json!(4000.5)),
        "number" => Some(json!("0.7")),
        "boolean" => Some(json!("true")),
        "array" => Some(json!({ "not": "a list" })),
        _ => None,
    }
}

/// The name without one letter in its middle; `None` where too little would be left to know it by.
fn misspelt(name: &str) -> Option<String> {
    let letters: Vec<char> = name.chars().collect();
    let middle = letters.len() / 2;
    (letters.len() >= 5).then(|| {
        letters.iter().enumerate().filter(|(index, _)| *index != middle).map(|(_, letter)| letter).collect()
    })
}

/// A file that sets this key, and one of another section, so that it sets something in any case.
fn with(path: &[String], value: Value) -> String {
    let mut file = match path.first().map(String::as_str) {
        Some("llm") => json!({ "rag": { "qa": { "retrievalK": 5 } } }),
        _ => json!({ "llm": { "default": { "model": "corpus" } } }),
    };
    let mut place = &mut file;
    for name in path {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[name.as_str()];
    }
    *place = value;
    file.to_string()
}

const FILE: &str = "{\n  \"llm\": { \"default\": { \"model\": \"corpus\", \"temperature\": 0.5 } },\n  \"rag\": { \"qa\": { \"retrievalK\": 5 } }\n}\n";

fn whole_good() -> Vec<Sample> {
    vec![
        Sample::new("as it should be", FILE),
        Sample::new("a byte order mark", format!("\u{feff}{FILE}")),
        Sample::new("CRLF", FILE.replace('\n', "\r\n")),
        Sample::new("comments", format!("// one\n/* two */ {FILE} # three\n")),
        Sample::new("a trailing comma", FILE.replace("} }\n}", "} },\n}")),
        Sample::new("notes", FILE.replacen('{', "{ \"$schema\": \"x\", \"_comment\": [1, 2],", 1)),
        Sample::new("another name of a section", FILE.replace("\"llm\"", "\"llmConfig\"")),
        Sample::new("snake_case", FILE.replace("retrievalK", "retrieval_k")),
        Sample::new("an unknown key", FILE.replacen('{', "{ \"somethingElseEntirely\": 1,", 1)),
        Sample::new("a whole number for a number", FILE.replace("0.5", "1")),
    ]
}

fn whole_bad() -> Vec<Sample> {
    let mut bad = vec![
        Sample::new("empty", ""),
        Sample::new("blank", " \n\n"),
        Sample::new("sets nothing", "{}"),
        Sample::new("a list", "[1, 2]"),
        Sample::new("text", "hello"),
        Sample::new("NaN", FILE.replace("0.5", "NaN")),
        Sample::new("a second value", format!("{FILE}{{\"test\": true}}\n")),
        Sample::new("a key given twice", FILE.replacen('{', "{ \"rag\": {},", 1)),
        Sample::new("single quotes", FILE.replace('"', "'")),
        Sample::new("a missing comma", FILE.replace("\"corpus\",", "\"corpus\"")),
        Sample::new("not UTF-8", [b"{\"llm\": \"", &[0xff, 0xfe][..], b"\"}"].concat()),
        Sample::new("zero bytes", vec![0; 4096]),
    ];
    // A save that was interrupted, at every byte but those of the last brace and what follows it.
    let whole = FILE.trim_end().len();
    bad.extend((1..whole).map(|end| Sample::new(format!("the first {end} bytes"), &FILE.as_bytes()[..end])));
    bad
}
