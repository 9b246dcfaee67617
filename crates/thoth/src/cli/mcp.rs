//! `thoth mcp`: MCP on standard input and output, by the server where one runs, else directly on the vault.

use std::path::Path;
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answers::running;
use super::{LogFilter, Place, serve};
use crate::app;
use crate::mcp::{Forward, stdio};
use crate::settings::Level;

/// Serves the program that started this one, until it closes standard input. The log goes to standard error.
pub(super) fn mcp(vault: Option<&Path>) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let log = LogFilter::install(Level::Info)?;
    serve::until_asked_to_stop(async |stop| match running(&place).await? {
        Some(_) => forward(&place, stop).await,
        None => app::talk(&place, log, stop).await,
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn forward(place: &Place, stop: CancellationToken) -> anyhow::Result<()> {
    let forward = Forward::new(place.clone());
    let tasks = TaskTracker::new();
    tasks.spawn(forward.clone().follow(stop.clone()));
    let served = stdio::serve(forward, stop.clone()).await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    served
}
