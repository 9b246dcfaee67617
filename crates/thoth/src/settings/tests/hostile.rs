//! Files made to hurt: no panic, an end, and a bounded answer.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::KEYS;
use super::super::render::{Style, write_report};
use super::{home, running};

/// A long file of one pattern is answered in seconds even without optimisation.
#[test]
fn long_files_are_answered() {
    let home = home();
    let size = 1024 * 1024;
    let numbered = |pattern: &str| {
        let mut text = String::from("{");
        let mut number = 0;
        while text.len() < size {
            text.push_str(&pattern.replace('@', &number.to_string()));
            number += 1;
        }
        text.push('}');
        text
    };
    let files = [
        numbered("\"rag\": {},"),
        numbered("\"a@\": 1,"),
        numbered("\"rag@\": 1,"),
        numbered("\"llm\": {}, \"llmConfig\": {},"),
        numbered("\"key\": [\"x\"] oops,"),
        numbered("\"key\": {"),
        numbered("a@: 'x',"),
        format!("{{\"a\": \"{}", "x".repeat(size)),
        format!("{}{{}}", "# openaiKey: x\n".repeat(size / 20)),
    ];
    for text in files {
        let begin = Instant::now();
        let counted = match running(&text, &home) {
            Ok(accepted) => accepted.warnings.len(),
            Err(problems) => problems.len(),
        };
        let start: String = text.chars().take(40).collect();
        assert!(counted <= 101, "{counted}: {start}");
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}: {start}", begin.elapsed());
    }
}

fn any_file() -> impl Strategy<Value = String> {
    let mut pieces: Vec<String> =
        KEYS.iter().flat_map(|key| key.path.split('.')).map(|name| format!("\"{name}\": ")).collect();
    pieces.sort_unstable();
    pieces.dedup();
    let values = [
        "{",
        "}",
        "},",
        "[",
        "],",
        "1,",
        "-1,",
        "\"x\",",
        "\"<redacted>\",",
        "null,",
        "true,",
        "0.5,",
        "// \"openaiKey\": \"é\"\n",
        "oops",
        "\"",
        "é",
    ];
    pieces.extend(values.map(str::to_owned).into_iter().cycle().take(150));
    let start = proptest::sample::select(vec!["{", "{\"llm\": {", "{\"apiKeys\": {\"openaiKey\": "]);
    (start, proptest::collection::vec(proptest::sample::select(pieces), 0..30)).prop_map(|(start, chosen)| {
        let text = start.to_owned() + &chosen.concat();
        let open = text.matches('{').count().saturating_sub(text.matches('}').count());
        text + &"}".repeat(open)
    })
}

proptest! {
    #[test]
    fn whatever_the_file_no_panic(text in any_file()) {
        let home = home();
        let (problems, warnings) = match running(&text, &home) {
            Ok(accepted) => {
                prop_assert!(accepted.secrets.iter().all(|range| text.get(range.clone()).is_some()));
                (Vec::new(), accepted.warnings)
            }
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                (problems, Vec::new())
            }
        };
        let mut out = String::new();
        let style = Style { colors: false, width: 80 };
        prop_assert!(write_report(&mut out, ("settings.json", text.as_bytes()), &|_| None, &problems, &warnings, style).is_ok());
    }
}
