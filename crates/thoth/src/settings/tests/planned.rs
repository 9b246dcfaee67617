//! What a change is said to do to the settings: its risks, by the table of rules, and the keys that it changes.

use std::path::Path;

use changeover::{Files, Occasion};
use serde_json::{Value, json};

use super::super::{Around, Environment, Layers, Rebuild, check, difference, key_changes, local_file, risks};
use super::{accepted, environment, home};

fn whole(sections: &Value) -> String {
    // Says something, so that it is no empty file, and nothing new.
    let mut all = json!({ "paths": {}, "apiKeys": {}, "servers": {}, "performance": { "memory": { "maxDocumentSizeMb": 50 } } });
    for (name, section) in sections.as_object().unwrap() {
        all[name] = section.clone();
    }
    all.to_string()
}

#[test]
fn every_rule_says_what_it_is_for_and_nothing_else() {
    let home = home();
    let at_home = Around { watch: Some(true), ..Around::default() };
    let check = |from: Value, to: Value, around: &Around, expected: &[(&str, &str, &str)]| {
        let [one, other] = [&from, &to].map(|sections| accepted(&whole(sections), &home).settings);
        let found = risks(&one, &other, around);
        let named: Vec<_> = found.iter().map(|risk| (risk.kind.as_ref(), risk.path.as_str())).collect();
        let wanted: Vec<_> = expected.iter().map(|(kind, path, _)| (*kind, *path)).collect();
        assert_eq!(named, wanted, "{from} {to}");
        for (risk, (_, _, part)) in found.iter().zip(expected) {
            assert!(risk.message.contains(part), "{part}\n{risk:?}");
            assert!(!risk.message.contains("sk-"), "{risk:?}");
        }
    };
    let llm = |key: &str, value: Value| json!({ "llm": { "default": { key: value } } });
    let api = |key: &str, value: Value| json!({ "servers": { "api": { key: value } } });
    let keys = |key: &str| json!({ "apiKeys": { "customKey": key } });
    let with = |mut one: Value, name: &str, section: Value| {
        one[name] = section;
        one
    };
    let nothing = || json!({});

    check(llm("temperature", json!(0.1)), llm("temperature", json!(0.2)), &at_home, &[]);
    let off = json!({ "probationMs": 0 });
    let (one, other) = (llm("temperature", json!(0.1)), llm("temperature", json!(0.2)));
    let no_trial = ("taken-back", "reload.probationMs", "is not taken back");
    check(with(one, "reload", off.clone()), with(other, "reload", off), &at_home, &[no_trial]);
    let left = ("key-removed", "llm.default.model", "the default \"google/gemini-2.5-flash\" applies");
    check(llm("model", json!("a/b")), nothing(), &at_home, &[left]);
    check(llm("model", json!("google/gemini-2.5-flash")), nothing(), &at_home, &[]);

    let (one, other) = (keys("sk-one-0123456789abcdef"), keys("sk-two-0123456789abcdef"));
    let secret = |part| ("secret", "apiKeys.customKey", part);
    check(one.clone(), other, &at_home, &[secret("another key")]);
    check(one.clone(), nothing(), &at_home, &[secret("is removed")]);
    check(nothing(), one.clone(), &at_home, &[secret("was not there")]);
    let url = json!({ "default": { "baseUrl": "https://models.example/v1" } });
    let keyless = "go to `models.example` instead of `openrouter.ai`, without a key";
    check(nothing(), json!({ "llm": url }), &at_home, &[("provider", "llm.default.baseUrl", keyless)]);
    let with_key = ("provider", "llm.default.baseUrl", "with `apiKeys.customKey`");
    check(one.clone(), with(one, "llm", url), &at_home, &[with_key]);
    let openai = llm("baseUrl", json!("https://api.openai.com/v1"));
    let unset = "answers nobody without a key, and `apiKeys.openaiKey` is not set";
    check(nothing(), openai, &at_home, &[("provider", "llm.default.baseUrl", unset)]);
    let letta = |name: &str| json!({ "memory": { "letta": { "serverUrl": "http://127.0.0.1:1", "agentName": name } } });
    check(letta("a"), letta("b"), &at_home, &[("agent", "memory.letta", "does not remember")]);
    check(nothing(), letta("b"), &at_home, &[]);
    let crossref = json!({ "citation": { "apis": { "useCrossref": true } } });
    let sent = ("look-ups", "citation.apis.useCrossref", "sent to `api.crossref.org`");
    check(nothing(), crossref.clone(), &at_home, &[sent]);
    check(crossref.clone(), crossref, &at_home, &[]);

    let moves = ("port", "servers.api.port", "leaves 127.0.0.1:8000: whoever uses it has at least 10000 ms");
    check(nothing(), api("port", json!(9000)), &at_home, &[moves]);
    let at_once = with(api("port", json!(9000)), "reload", json!({ "handoverMs": 0 }));
    check(nothing(), at_once, &at_home, &[("port", "servers.api.port", "without a hand-over")]);
    let container = Around { container: true, published: Some(8000), ..at_home.clone() };
    let hidden = ("unpublished-port", "servers.api.port", "does not reach 9000");
    check(nothing(), api("port", json!(9000)), &container, &[hidden]);
    check(api("port", json!(9000)), nothing(), &container, &[("key-removed", "servers.api.port", "8000")]);
    let wide = ("beyond-loopback", "servers.api.host", "other machines reach it at 0.0.0.0");
    let moves = ("port", "servers.api.port", "");
    check(nothing(), api("host", json!("0.0.0.0")), &at_home, &[moves, wide]);
    check(nothing(), api("host", json!("::1")), &at_home, &[moves]);
    let mcp = |host: &str| json!({ "servers": { "mcp": { "enabled": true, "host": host } } });
    check(nothing(), mcp("localhost"), &at_home, &[]);
    let wide = ("beyond-loopback", "servers.mcp.host", "0.0.0.0");
    check(mcp("localhost"), mcp("0.0.0.0"), &at_home, &[("port", "servers.mcp.port", "MCP leaves"), wide]);
    let names = ("allowed-hosts", "servers.api.allowedHosts", "`b.example` are let in too");
    let (one, other) = (json!(["a.example"]), json!(["a.example", "b.example"]));
    check(api("allowedHosts", one.clone()), api("allowedHosts", other.clone()), &at_home, &[names]);
    check(api("allowedHosts", other), api("allowedHosts", one), &at_home, &[]);

    let rag = json!({ "rag": { "chunkSize": 500 } });
    let index = Some(Rebuild { papers: 3, done: 1, chunks: 40 });
    let around = Around { index, ..at_home.clone() };
    let built = (
        "index",
        "rag.chunkSize",
        "for 3 papers, 1 of which are done already; until it is complete the present one, of 40",
    );
    check(nothing(), rag.clone(), &around, &[built]);
    check(rag.clone(), rag.clone(), &around, &[]);
    check(nothing(), rag.clone(), &at_home, &[]);
    let ready = Around { index: Some(Rebuild { papers: 3, done: 3, chunks: 40 }), ..at_home.clone() };
    check(nothing(), rag, &ready, &[]);
    let stay = ("notes", "paths.notes", "stay in `thoth/notes`: nothing is moved");
    check(nothing(), json!({ "paths": { "notes": "n" } }), &at_home, &[stay]);
    let unseen = ("pdf-folder", "paths.pdf", "`thoth/papers/pdfs` are not seen");
    check(nothing(), json!({ "paths": { "pdf": "p" } }), &at_home, &[unseen]);
    let elsewhere = home.folder.path().join("elsewhere").display().to_string();
    let outside = json!({ "paths": { "notes": elsewhere, "allowOutside": true } });
    check(
        nothing(),
        outside,
        &at_home,
        &[
            ("notes", "paths.notes", ""),
            ("outside", "paths.notes", "lies outside"),
            ("outside", "paths.allowOutside", "any folder of this machine"),
        ],
    );
    let permitted = |permitted: bool| json!({ "paths": { "allowOutside": permitted } });
    check(permitted(true), permitted(false), &at_home, &[]);
    let level = |level: &str| json!({ "logging": { "level": level } });
    check(level("INFO"), level("ERROR"), &at_home, &[("quiet-log", "logging.level", "not logged")]);
    check(level("ERROR"), level("CRITICAL"), &at_home, &[]);
    let history = |max: u32| json!({ "reload": { "historyMax": max } });
    check(history(20), history(10), &at_home, &[("history", "reload.historyMax", "newest 10")]);
    check(history(10), history(20), &at_home, &[]);
    let days = |days: u32| json!({ "reload": { "historyDays": days } });
    check(days(30), days(7), &at_home, &[("history", "reload.historyDays", "older than 7 days")]);
    let unwatched = Around { watch: Some(false), ..Around::default() };
    check(nothing(), nothing(), &unwatched, &[("watch-off", "", "`thoth reload`")]);
    check(nothing(), nothing(), &Around::default(), &[]);
}

#[test]
fn keys_are_told_with_where_they_come_from_and_what_has_no_effect() {
    let home = home();
    let file = Path::new("settings.json");
    let pinned = environment(&[("THOTH_LOG_LEVEL", "INFO")]);
    let of = |text: &str| check(text.as_bytes(), Occasion::Running, &pinned, &home.vault).unwrap().settings;
    let before = r#"{ "llm": { "default": { "model": "a/b" } } }"#;
    let after = "{\n \"logging\": { \"level\": \"DEBUG\" },\n \"rag\": { \"qa\": { \"retrievalK\": 9 } }\n}";
    let changes = key_changes(file, (&of(before), &of(after)), (before.as_bytes(), after.as_bytes()));
    let told: Vec<Value> = changes.iter().map(|change| json!(change)).collect();
    assert_eq!(
        told,
        [
            json!({
                "path": "llm.default.model", "from": "a/b", "to": "google/gemini-2.5-flash",
                "origin": { "from": "default" },
            }),
            json!({
                "path": "rag.qa.retrievalK", "from": 4, "to": 9,
                "origin": { "from": "file", "file": "settings.json", "line": 3 },
            }),
            json!({
                "path": "logging.level", "from": "INFO", "to": "INFO", "file_says": "DEBUG",
                "origin": { "from": "variable", "variable": "THOTH_LOG_LEVEL" },
                "no_effect": "the variable `THOTH_LOG_LEVEL` pins it",
            }),
        ]
    );
    // What stood there all along is not news.
    let same = key_changes(file, (&of(after), &of(after)), (before.as_bytes(), before.as_bytes()));
    assert!(same.is_empty(), "{same:?}");
}

#[test]
fn what_the_file_above_says_is_told_to_hide_it() {
    let home = home();
    let file = home.vault.root().join("settings.json");
    let local = local_file(&file);
    std::fs::write(&local, r#"{ "rag": { "qa": { "retrievalK": 5 } } }"#).unwrap();
    let layers =
        Layers { local, temporary: None, environment: Environment::default(), vault: home.vault.clone() };
    let of = |text: &str| layers.check(&Files::around(text.as_bytes()), Occasion::Running).unwrap().settings;
    let (before, after) =
        (r#"{ "rag": {"chunkSize": 500} }"#, r#"{ "rag": {"chunkSize": 500, "qa": { "retrievalK": 9 }} }"#);
    let changes = key_changes(&file, (&of(before), &of(after)), (before.as_bytes(), after.as_bytes()));
    let [hidden] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!(
        (hidden.difference.path.as_str(), hidden.file_says.as_ref()),
        ("rag.qa.retrievalK", Some(&json!(9)))
    );
    let why = hidden.no_effect.as_deref().unwrap();
    assert_eq!(why, "`settings.local.json` says something else, and lies above it");
}

#[test]
fn a_key_in_the_wrong_place_is_shown_in_no_difference() {
    let home = home();
    let one = accepted(&whole(&json!({})), &home).settings;
    let model = json!({ "llm": { "default": { "model": "sk-pasted-0123456789abcdef" } } });
    let other = accepted(&whole(&model), &home).settings;
    let told = json!(difference(&one, &other)).to_string();
    assert!(told.contains("llm.default.model") && !told.contains("sk-pasted"), "{told}");
    // Every value of the view has a row in the table: else it would read `<redacted>`.
    let zero = |text: &str| accepted(text, &home).settings;
    let all = difference(&zero(&whole(&json!({ "memory": { "letta": { "mode": "cloud" } } }))), &one);
    assert!(all.iter().all(|difference| difference.to != "<redacted>"), "{all:?}");
}
