//! What an input ten times as large costs: ten times as much, and not a hundred times. Counted in processor time of the one
//! thread that works, so that a busy machine makes no difference.

use changeover::Occasion;
use changeover::edit::{Change, edit};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use thoth::settings::render::{Style, write_report};
use thoth::settings::{Environment, review};

use crate::{Home, home};

/// Bytes of the smaller input.
const SIZE: usize = 5_000;
/// What ten times the input may cost: the square would be a hundred times.
const RATIO_MAX: f64 = 40.0;
/// Below this many nanoseconds there is nothing to compare.
const FLOOR_NS: u64 = 200_000;
/// Bytes that are said of any file.
const ANSWER_MAX: usize = 400_000;

/// A pattern again and again, `№` counted, between two ends.
fn repeated(before: &str, pattern: &str, after: &str, size: usize) -> String {
    let mut text = String::from(before);
    let mut number = 0;
    while text.len() < size {
        text.push_str(&pattern.replace('№', &number.to_string()));
        number += 1;
    }
    text + after
}

const PATTERNS: &[(&str, &str, &str)] = &[
    // Keys: doubled, unknown, nearly known, of one setting in two spellings.
    ("{", "\"a\":1,", "}"),
    ("{", "\"a\":1,\"b№\":2,", "}"),
    ("{\"llm\":{\"default\":{", "\"k№\":1,", "}}}"),
    ("{\"llm\":{\"default\":{", "\"temperatur\":1,", "}}}"),
    ("{\"rag\":{", "\"chunkSiz№\":1,", "}}"),
    ("{", "\"llm\":{},\"llmConfig\":{},", "}"),
    ("{\"rag\":{\"", "chunk", "\":1}}"),
    ("{\"rag\":{\"", "c_", "\":1}}"),
    // Values.
    ("{\"logging\":{\"level\":\"", "INF", "\"}}"),
    ("{\"llm\":{\"default\":{\"baseUrl\":\"", "a@", "\"}}}"),
    ("{\"paths\":{\"pdf\":\"", "../", "\"}}"),
    ("{\"paths\":{\"pdf\":\"", "a/", "\"}}"),
    ("{\"servers\":{\"api\":{\"allowedHosts\":[", "\"http://x\",", "]}}}"),
    ("{\"apiGateway\":{\"endpoints\":{", "\"a№\":\"<redacted>\",", "}}}"),
    ("{\"rag\":{\"chunkSize\":0.", "0", "1}}"),
    ("{\"a\":[", "1e999,", "]}"),
    ("{\"a\":\"", "\\u00e9", "\"}"),
    // Comments and white space.
    ("", "# c\n", "{\"rag\":{\"chunkSize\":500}}"),
    ("{", "/**/", "\"rag\":{\"chunkSize\":500}}"),
    ("{\"rag\":{\"chunkSize\":500 ", "/* c */ ", "}}"),
    ("{", " \r", "\"rag\":{\"chunkSize\":500}}"),
    // What may be a secret, in comments and in what is no JSON.
    ("{\"rag\":{\"chunkSize\":500}} # ", "openaiKey:", ""),
    ("{\"rag\":{\"chunkSize\":500}} # ", "key: ", ""),
    ("{\"rag\":{\"chunkSize\":500}} # ", "sk-", ""),
    ("{\"rag\":{\"chunkSize\":500}} # ", "ask-", ""),
    ("{\"rag\":{\"chunkSize\":500}} # ", "://a@", ""),
    ("{\"rag\":{\"chunkSize\":500}} # ", "key:'", ""),
    ("{\"rag\":{\"chunkSize\":500}} # ", "key={[", ""),
    // What is no JSON.
    ("", "{\"a\":", ""),
    ("", "[", ""),
    ("", "}", ""),
    ("{", "a№: 'x',", "}"),
    ("{", "\"a№\" = 1;", "}"),
    ("{", ",", "}"),
    ("{\"a\": \"", "'", ""),
    ("{", "\u{a0}", "}"),
    ("{", "\0", "}"),
    ("", "word ", ""),
    ("{\"a\": 1", "_0", "}"),
];

/// Work on a text; what it gives keeps the compiler from leaving it out.
type Operation = fn(&str, &Home) -> usize;

#[test]
fn ten_times_the_input_costs_about_ten_times_as_much() {
    let home = home();
    let mut slow = Vec::new();
    for (before, pattern, after) in PATTERNS {
        let input = |size| repeated(before, pattern, after, size);
        let operations: [(&str, Operation); 2] = [("check", checked), ("edit", edited)];
        for (name, operation) in operations {
            let [small, large] = [SIZE, SIZE * 10].map(|size| cost(&input(size), operation, &home));
            let ratio = large as f64 / small.max(FLOOR_NS) as f64;
            let line = format!("{name} of `{before}` {pattern:?}…: {ratio:.0} times ({small}, {large} ns)");
            println!("{line}");
            if ratio > RATIO_MAX {
                slow.push(line);
            }
        }
    }
    assert!(slow.is_empty(), "\n{}", slow.join("\n"));
}

/// Processor nanoseconds of the cheaper of two runs.
fn cost(text: &str, operation: fn(&str, &Home) -> usize, home: &Home) -> u64 {
    let runs = (0..2).map(|_| {
        let begin = processor_ns();
        let answer = operation(text, home);
        let cost = processor_ns() - begin;
        let start: String = text.chars().take(60).collect();
        assert!(answer <= ANSWER_MAX, "an answer of {answer} bytes to {start}");
        cost
    });
    runs.min().unwrap_or_default()
}

fn processor_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap()
}

/// Everything that `settings check` does; how much it says.
fn checked(text: &str, home: &Home) -> usize {
    let said = review(text.as_bytes(), Occasion::Running, &Environment::default(), &home.vault);
    let mut report = String::new();
    let style = Style { colors: false, width: 100 };
    write_report(
        &mut report,
        ("settings.json", text.as_bytes()),
        &|_| None,
        &said.problems,
        &said.warnings,
        style,
    )
    .unwrap();
    report.len() + said.problems.iter().map(|problem| problem.to_string().len()).sum::<usize>()
}

/// A key that is set, one that is removed.
fn edited(text: &str, _: &Home) -> usize {
    let change = |path: &str, value| Change { path: path.to_owned(), value };
    let changes = [change("rag.chunkOverlap", Some(json!(7))), change("rag.chunkSize", None)];
    match edit(text.as_bytes(), &changes) {
        // What comes out is the file.
        Ok(_) => 0,
        Err(problem) => problem.to_string().len(),
    }
}
