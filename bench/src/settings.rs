//! A settings file of the usual size in which two values always change together.

/// About 5 KB, as existing files have. `round` stands in the model's name and in the temperature.
pub fn content(round: usize) -> String {
    let temperature = temperature(round);
    let notes: String = (0..60)
        .map(|line| {
            format!(
                "  \"_note{line}\": \"a comment as people keep them beside their settings, line {line}\",\n"
            )
        })
        .collect();
    format!(
        "{{\n{notes}  \"paths\": {{}},\n  \"apiKeys\": {{}},\n  \"servers\": {{}},\n  \
         \"llm\": {{\"default\": {{\"model\": \"m-{round}\", \"temperature\": {temperature}}}}}\n}}\n"
    )
}

/// The temperature that belongs to a round.
pub fn temperature(round: usize) -> f64 {
    (round % 1_000) as f64 / 1_000.0
}
