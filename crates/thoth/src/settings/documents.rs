//! What is generated from the table of keys: the JSON schema and the reference page.

use serde_json::{Map, Value, json};

use super::environment::{DOCKER, VARIABLES};
use super::key::{Bound, Default, Key, Kind};
use super::keys::{ALIASES, KEYS};

/// The JSON schema of a settings file, for editors. It knows canonical spellings only; what it cannot say, the check
/// does.
pub fn schema() -> Value {
    let mut root = object("Settings of Thoth");
    for key in KEYS {
        insert(&mut root, key, key.path);
    }
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["allowComments"] = json!(true);
    root["allowTrailingCommas"] = json!(true);
    root["properties"]["$schema"] = json!({ "type": "string" });
    root
}

fn object(title: &str) -> Value {
    json!({ "title": title, "type": "object", "patternProperties": { "^_": true }, "properties": {} })
}

fn insert(section: &mut Value, key: &Key, rest: &str) {
    match rest.split_once('.') {
        None => section["properties"][rest] = property(key),
        Some((name, below)) => {
            let inner = &mut section["properties"][name];
            if inner.is_null() {
                *inner = object(name);
            }
            insert(inner, key, below);
        }
    }
}

fn property(key: &Key) -> Value {
    let mut property = Map::new();
    let kind = match key.kind {
        Kind::Text => json!("string"),
        Kind::TextOrNull => json!(["string", "null"]),
        Kind::Number => json!("number"),
        Kind::Count => json!("integer"),
        Kind::Switch => json!("boolean"),
        Kind::Texts => json!("array"),
        Kind::Table => json!("object"),
    };
    property.insert("type".to_owned(), kind);
    property.insert("description".to_owned(), json!(description(key)));
    property.insert("default".to_owned(), key.default.value());
    match key.kind {
        Kind::Texts => property.insert("items".to_owned(), json!({ "type": "string" })),
        Kind::Count => property.insert("minimum".to_owned(), json!(0)),
        _ => None,
    };
    match key.bound {
        Bound::Between(low, high) => {
            property.insert("minimum".to_owned(), number(key, low));
            property.insert("maximum".to_owned(), number(key, high));
        }
        Bound::AtLeast(low) => {
            property.insert("minimum".to_owned(), number(key, low));
        }
        Bound::OneOf(names) => {
            property.insert("enum".to_owned(), json!(names));
        }
        Bound::Style(names) => {
            property.insert("anyOf".to_owned(), json!([{ "enum": names }, { "pattern": "\\.csl$" }]));
        }
        Bound::Email => {
            property.insert("pattern".to_owned(), json!("^$|^[^@\\s]+@[^@\\s]+$"));
        }
        Bound::NotBlank => {
            property.insert("pattern".to_owned(), json!("\\S"));
        }
        Bound::Url => {
            property.insert("pattern".to_owned(), json!("^[hH][tT][tT][pP][sS]?://[^/]"));
        }
        _ => {}
    }
    Value::Object(property)
}

fn number(key: &Key, bound: f64) -> Value {
    // Whole numbers without a decimal point, as the file itself must write them.
    if key.kind == Kind::Count { json!(bound.round() as i64) } else { json!(bound) }
}

fn description(key: &Key) -> String {
    match key.service {
        Some(_) => key.meaning.to_owned(),
        None => format!("{} Accepted and not used in this version.", key.meaning),
    }
}

const INTRODUCTION: &str = "\
<!-- Generated from the table of keys; `THOTH_BLESS=1 cargo test -p thoth documents` writes it anew. -->

# Settings

Every key of `settings.json`. An annotated file to start from is
[`settings/settings.example.jsonc`](../settings/settings.example.jsonc), a JSON schema for editors
[`settings/settings.schema.json`](../settings/settings.schema.json). `thoth settings check FILE` says whether a file
is right.

The file is JSON as people write it: a byte order mark, CRLF, `//`, `/* */` and `#` comments and a comma after the last
entry are fine; keys given twice, `NaN` and everything else that JSON is not are refused. Types are strict: `\"0.7\"` is
not a number, `4000.0` is not a whole number. A key that begins with `_`, and `$schema`, is a note and means nothing.
A key that looks like a typing error of a known key is refused; any other unknown key is a warning.

Paths are relative to the vault. The container's name of the vault, `/vault/x`, means the same everywhere, as do the
spellings of older files: `/workspace` is `thoth/_thoth`, `/workspace/x` is `x`, `/thoth/x` is `thoth/x`. Each key may
also be spelled in snake_case, and `llm` as `llmConfig`.

## Files

- `settings.json`: what this page lists.
- `settings.local.json` beside it: a layer above it, for what is this machine's alone, such as keys and ports. Each key that stands
  there wins over the one in `settings.json`. It is checked as strictly, and may come and go while Thoth works;
  `thoth settings show --origin` says which file a value comes from. Keep it out of what you share: `settings.local.json` in
  `.gitignore`.
- Above both: temporary changes (`thoth settings set KEY VALUE --for 30m`), then the variables below.
- What settings lead to: files with keys, [templates](templates.md), the `.csl` file of a style.

All of them are watched and judged together: a save of any is a save, with one verdict, and a problem names its file. A start on
a `settings.local.json` that is wrong is safe mode until it is right: Thoth does not act on half of its settings.
";

/// The reference page of every key.
pub fn reference_page() -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n## What Thoth reads\n");
    let mut section = "";
    for key in KEYS.iter().filter(|key| key.service.is_some()) {
        if key.section() != section {
            section = key.section();
            line(&mut page, &format!("\n### `{section}`\n"));
            line(&mut page, "| key | type | default | bounds | meaning | a change while running |");
            line(&mut page, "| --- | --- | --- | --- | --- | --- |");
        }
        let (kind, default, bound) = (key.kind.name(), default(key), key.bound.words());
        line(
            &mut page,
            &format!(
                "| `{}` | {kind} | {default} | {bound} | {}{} | {} |",
                key.path,
                key.meaning,
                spellings(key),
                effect(key)
            ),
        );
    }
    variables(&mut page);
    unused(&mut page);
    page
}

fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push('\n');
}

fn default(key: &Key) -> String {
    match key.default {
        Default::Null => "absent".to_owned(),
        Default::Text("") => "empty".to_owned(),
        other => format!("`{}`", other.value().to_string().replace('|', "\\|")),
    }
}

fn spellings(key: &Key) -> String {
    let others = ALIASES.iter().filter(|(_, canonical)| *canonical == key.path);
    let others: Vec<String> = others.map(|(alias, _)| format!("`{alias}`")).collect();
    if others.is_empty() { String::new() } else { format!(" Also spelled {}.", others.join(", ")) }
}

/// What a change of a key does while Thoth runs.
fn effect(key: &Key) -> &'static str {
    match (key.path, key.service) {
        ("paths.pdf", _) => "The new folder is watched before the old one is left; work in hand is finished.",
        ("paths.notes", _) => "New notes are written there; notes that exist stay where they are.",
        ("paths.templates", _) => {
            "The next note is written by it; `thoth notes refresh` brings older notes up to date."
        }
        ("paths.workspace", _) => "Must exist or be creatable; nothing is moved.",
        ("rag.chunkSize" | "rag.chunkOverlap", _) => {
            "The index is built anew in the background; the old one serves until the new one is complete."
        }
        ("servers.api.host" | "servers.api.port" | "servers.mcp.host" | "servers.mcp.port", _) => {
            "The new address is served before the old one is left, the old one for `reload.handoverMs` more."
        }
        ("servers.monitor.recursive", _) => {
            "The folder is watched so, and looked at, before the save counts as applied."
        }
        ("performance.memory.maxDocumentSizeMb", _) => {
            "Files that were too large and are not any more are read."
        }
        ("servers.mcp.enabled", _) => {
            "The listener is opened at once; closed, it is served for `reload.handoverMs` more."
        }
        (_, Some("llm")) => "New requests use it; an answer that is being written ends as it began.",
        (_, Some("rag")) => "The next question uses it.",
        ("citation.style" | "citation.linkFormat", _) => {
            "The next note and every export use it; `thoth notes refresh` brings older notes up to date."
        }
        (_, Some("citations")) => "The next look-up uses it; what was found before stays.",
        (_, Some("http" | "mcp")) => "The next request is judged by it.",
        (_, Some("letta")) => "The next message uses it; an answer that is being written ends as it began.",
        (_, Some("log")) => "The next line of the log is judged by it.",
        (_, Some("reload")) => "The next save is taken by it.",
        _ => "All paths are judged anew.",
    }
}

fn variables(page: &mut String) {
    line(page, "\n## Variables\n");
    line(
        page,
        "Read once, at the start. Of an API key the file wins, then the variable, then the file that the same name",
    );
    line(
        page,
        "with `_FILE` names (Docker secrets). That file is watched: a rotated key is used by the next request; where the",
    );
    line(
        page,
        "file is mounted alone, rotate it [in place](docker-hot-reload.md#one-file-mounted-alone). One that cannot be read,",
    );
    line(
        page,
        "or holds more than one line, is refused, and the key before it stays; an absent or empty one is no key, and told.",
    );
    line(page, "If a save asks for another value than a variable pins, the verdict warns of it.\n");
    line(page, "| variable | key | |");
    line(page, "| --- | --- | --- |");
    for variable in VARIABLES {
        let how = if variable.pins { "pins it" } else { "where the file leaves it empty" };
        let file = if variable.pins { String::new() } else { format!(", `{}_FILE`", variable.name) };
        line(page, &format!("| `{}`{file} | `{}` | {how} |", variable.name, variable.key));
    }
    line(
        page,
        &format!(
            "| `{DOCKER}=1` | `servers.api.host` | pins it to `0.0.0.0`: what the container publishes decides who reaches it |"
        ),
    );
}

fn unused(page: &mut String) {
    line(page, "\n## Accepted and not used\n");
    line(
        page,
        "Files of the older Thoth name these keys. Their types are checked, in `llm`, `rag`, `paths`, `servers`,",
    );
    line(
        page,
        "`citation`, `logging` and `memory.letta` their bounds too; elsewhere a bound is a warning. This version does not",
    );
    line(page, "read them.\n");
    line(page, "| key | type | default | bounds | meaning |");
    line(page, "| --- | --- | --- | --- | --- |");
    for key in KEYS.iter().filter(|key| key.service.is_none()) {
        let (kind, default, bound) = (key.kind.name(), default(key), key.bound.words());
        line(
            page,
            &format!("| `{}` | {kind} | {default} | {bound} | {}{} |", key.path, key.meaning, spellings(key)),
        );
    }
}
