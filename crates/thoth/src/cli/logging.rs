//! The log: one filter, whose level follows the settings.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt};

use crate::settings::Level;

/// The one filter of the process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogFilter {
    handle: Handle<EnvFilter, Registry>,
}

impl LogFilter {
    /// Begins to log to standard error, with colours on a terminal only.
    ///
    /// # Errors
    /// That something logs already.
    pub fn install(level: Level) -> anyhow::Result<Self> {
        let (filter, handle) = reload::Layer::new(filter(level));
        let colors = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(colors).with_target(false);
        tracing_subscriber::registry().with(filter).with(lines).try_init()?;
        Ok(Self { handle })
    }

    /// Logs from this level up from now on.
    ///
    /// # Errors
    /// That the log has ended.
    pub fn set(&self, level: Level) -> Result<(), String> {
        self.handle
            .reload(filter(level))
            .map_err(|error| format!("the log's level cannot be changed: {error}"))
    }

    /// What is logged now, as the filter says it.
    pub fn shown(&self) -> Option<String> {
        self.handle.with_current(ToString::to_string).ok()
    }
}

/// Thoth's own lines from this level up; of libraries what is a warning or worse.
fn filter(level: Level) -> EnvFilter {
    let own = match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warning => "warn",
        Level::Error | Level::Critical => "error",
    };
    let libraries = if own == "error" { "error" } else { "warn" };
    EnvFilter::new(format!("{libraries},thoth={own},changeover={own}"))
}
