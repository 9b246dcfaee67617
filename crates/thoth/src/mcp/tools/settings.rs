//! `settings_view` and `settings_validate`: what runs, and what a file would do.

use std::fmt::Write as _;

use changeover::Occasion;
use rmcp::model::Tool;
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde_json::json;

use super::arguments::at_most;
use super::{Refusal, Reply, tool};
use crate::mcp::Call;

/// Bytes of a settings file that is handed in.
const CONTENT_BYTES_MAX: usize = 1024 * 1024;
/// Characters of settings that are shown.
const VIEW_CHARS_MAX: usize = 100_000;

/// What `settings_view` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct View {
    /// One section at the top of the file, such as `rag`; everything where it is left out.
    #[schemars(length(max = 100))]
    #[serde(default)]
    section: Option<String>,
}

/// What `settings_validate` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Validate {
    /// The whole text of a `settings.json`.
    #[schemars(length(max = 1_048_576))]
    content: String,
}

pub(super) fn view_tool() -> Tool {
    tool::<View>(
        "settings_view",
        "Show the settings",
        "Shows the settings that are in effect now, defaults included, by the names that `settings.json` uses, and the \
         number of their generation, which grows with every change. Secrets read `<redacted>`.",
    )
}

pub(super) fn validate_tool() -> Tool {
    tool::<Validate>(
        "settings_validate",
        "Check a settings file",
        "Says everything that is wrong or doubtful about the text of a `settings.json`: key, line, column, and the way \
         out. Nothing is changed. To change a setting, the user saves the file.",
    )
}

pub(super) fn view(call: &Call, view: View) -> Result<Reply, Refusal> {
    let generation = &call.generation;
    let mut settings = generation.settings.view();
    if let Some(section) = view.section.as_deref().filter(|section| !section.is_empty()) {
        at_most("section", section, 100)?;
        let sections =
            settings.as_object().map(|all| all.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
        let one = settings.get_mut(section).map(serde_json::Value::take);
        let one = one.ok_or_else(|| {
            Refusal(format!("there is no section `{section}`; there are `{}`", sections.join("`, `")))
        })?;
        settings = json!({ section: one });
    }
    let shown = serde_json::to_string_pretty(&settings)?;
    if shown.len() > VIEW_CHARS_MAX {
        let message =
            format!("the settings have more than {VIEW_CHARS_MAX} characters; ask for one `section`");
        return Err(Refusal(message));
    }
    let status = call.desk.engine.status();
    let mut text = format!("Generation {} is in effect", generation.number);
    if generation.safe_mode {
        text.push_str("; it is safe mode: no usable settings were found at the start");
    } else if status.drift {
        text.push_str("; the settings file says something else, which was refused");
    }
    write!(text, ":\n{shown}")?;
    let structured = json!({
        "generation": generation.number,
        "file": status.file,
        "drift": status.drift,
        "safe_mode": generation.safe_mode,
        "settings": settings,
    });
    Ok(Reply { structured, text })
}

pub(super) async fn validate(call: &Call, validate: Validate) -> Result<Reply, Refusal> {
    let bytes = validate.content.len();
    if bytes > CONTENT_BYTES_MAX {
        return Err(Refusal(format!("`content` has {bytes} bytes; at most {CONTENT_BYTES_MAX} are taken")));
    }
    let engine = call.desk.engine.clone();
    let check = move || engine.check(validate.content.as_bytes(), Occasion::RunningAllowEmpty);
    let checked = tokio::task::spawn_blocking(check).await?;
    let (valid, problems, warnings) = match checked {
        Ok(accepted) => (true, Vec::new(), accepted.warnings),
        Err(problems) => (false, problems, Vec::new()),
    };
    let verdict = if valid { "This file would be accepted." } else { "This file would be refused:" };
    let mut text = verdict.to_owned();
    for problem in &problems {
        write!(text, "\n{problem}")?;
    }
    for warning in &warnings {
        write!(text, "\nwarning: {warning}")?;
    }
    Ok(Reply { structured: json!({ "valid": valid, "problems": problems, "warnings": warnings }), text })
}
