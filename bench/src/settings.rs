//! A settings file of the usual size in which two values always change together.

/// About 5 KB, as existing files have. `round` stands in the model's name and in the temperature.
pub fn content(round: usize) -> String {
    let temperature = temperature(round);
    format!(
        "{{\n{}  \"paths\": {{}},\n  \"apiKeys\": {{}},\n  \"servers\": {{}},\n  \
         \"llm\": {{\"default\": {{\"model\": \"m-{round}\", \"temperature\": {temperature}}}}}\n}}\n",
        notes(LINES)
    )
}

/// The same with the two values in two services.
pub fn pair(round: usize) -> String {
    pair_with(round, "")
}

/// The same, listening for MCP at a port.
pub fn pair_with_port(round: usize, port: u16) -> String {
    pair_with(round, &format!("\"mcp\": {{\"enabled\": true, \"port\": {port}}}"))
}

/// The two values and as many notes, in one section, as crates want it that know sections only.
pub fn values(round: usize) -> String {
    let notes = notes(LINES);
    format!("{{\"values\": {{\n{notes}  \"one\": \"one-{round}\", \"two\": \"two-{round}\"\n}}}}\n")
}

/// A file of about this many bytes, most of them notes.
pub fn of_notes(round: usize, bytes: usize) -> String {
    let lines = bytes.saturating_sub(sized(round, "", "").len()) / (notes(1_001).len() - notes(1_000).len());
    sized(round, &notes(lines), "")
}

/// A file of about this many bytes, most of them names that a `Host` header may carry.
pub fn of_hosts(round: usize, bytes: usize) -> String {
    let count = bytes.saturating_sub(sized(round, "", "").len()) / host(0).len();
    let hosts: String = (0..count).map(host).collect();
    sized(round, "", &format!("\"api\": {{\"allowedHosts\": [{hosts}\"localhost\"]}}"))
}

fn host(number: usize) -> String {
    format!("\"papers-{number:06}.library.example\", ")
}

fn sized(round: usize, notes: &str, servers: &str) -> String {
    format!(
        "{{\n{notes}  \"paths\": {{}},\n  \"apiKeys\": {{}},\n  \"servers\": {{{servers}}},\n  \
         \"llm\": {{\"default\": {{\"model\": \"m-{round}\"}}}}\n}}\n"
    )
}

/// The temperature that belongs to a round.
pub fn temperature(round: usize) -> f64 {
    (round % 1_000) as f64 / 1_000.0
}

/// Lines of notes in a file of the usual size.
const LINES: usize = 60;

fn pair_with(round: usize, servers: &str) -> String {
    format!(
        "{{\n{}  \"paths\": {{}},\n  \"apiKeys\": {{}},\n  \"servers\": {{{servers}}},\n  \
         \"llm\": {{\"default\": {{\"model\": \"one-{round}\"}}}},\n  \
         \"rag\": {{\"qa\": {{\"model\": \"two-{round}\"}}}}\n}}\n",
        notes(LINES)
    )
}

fn notes(lines: usize) -> String {
    let note = |line| {
        format!("  \"_note{line}\": \"a comment as people keep them beside their settings, line {line}\",\n")
    };
    (0..lines).map(note).collect()
}
