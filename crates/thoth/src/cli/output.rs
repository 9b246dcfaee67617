//! What people read: colours on a terminal only, one way to print an error.

use std::io::IsTerminal;

use anstream::{eprintln, println};
use anstyle::{AnsiColor, Style};
use changeover::{Decision, Outcome, Verdict};
use serde::Serialize;

use crate::instances::agreement::Agreement;

/// A colour for what went well, for what did not, and for what matters less.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const QUIET: Style = Style::new().dimmed();

/// Prints an error with its causes on one line.
pub(super) fn error(error: &anyhow::Error) {
    eprintln!("{BAD}error{BAD:#}: {error:#}");
}

/// Prints one line for a verdict: the local time, what became of the content and why, what it was read for and who asked, and
/// what has become of it since. Why one was taken back stands in the line of the verdict that did it.
pub(super) fn verdict(verdict: &Verdict) {
    let style = match verdict.verdict {
        Decision::Applied => GOOD,
        Decision::Rejected => BAD,
        Decision::Unchanged | Decision::Superseded => QUIET,
    };
    let time = verdict.at.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S");
    println!("{QUIET}{time}{QUIET:#} {style}{verdict}{style:#} {}", background(verdict));
}

/// What the line of a verdict leaves out: `(edit by cli, kept)`.
fn background(verdict: &Verdict) -> String {
    let cause = verdict.cause.name();
    let actor = verdict.actor.as_deref().map(|actor| format!(" by {actor}")).unwrap_or_default();
    let outcome = match (verdict.verdict, verdict.outcome) {
        (_, Some(Outcome::Reverted)) => format!(", {BAD}reverted{BAD:#}"),
        (_, Some(outcome)) => format!(", {outcome}"),
        (Decision::Applied, None) => ", outcome open".to_owned(),
        (Decision::Unchanged | Decision::Rejected | Decision::Superseded, None) => String::new(),
    };
    format!("{QUIET}({cause}{actor}{QUIET:#}{outcome}{QUIET}){QUIET:#}")
}

/// Prints one line for what became of an applied verdict, with the local time.
pub(super) fn outcome(verdict: &Verdict) {
    let Some(outcome) = verdict.outcome else { return };
    let style = match outcome {
        Outcome::Kept => GOOD,
        Outcome::KeptUnproven => QUIET,
        Outcome::Reverted => BAD,
    };
    let time = jiff::Zoned::now().strftime("%H:%M:%S");
    println!("{QUIET}{time}{QUIET:#} {style}#{} {outcome}{style:#}", verdict.id);
}

/// Prints how instances stand to each other, with the local time, as [`verdict`] does.
pub(super) fn instances(agreement: &Agreement) {
    let style = if agreement.agree { GOOD } else { BAD };
    let time = jiff::Zoned::now().strftime("%H:%M:%S");
    println!("{QUIET}{time}{QUIET:#} {style}{agreement}{style:#}");
}

/// Prints JSON, indented.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// How reports are drawn here.
pub(super) fn style() -> crate::settings::render::Style {
    let colors = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    crate::settings::render::Style { colors, width: 100 }
}
