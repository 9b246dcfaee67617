//! `thoth serve`, and the runtime of every other command.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{LogFilter, Place};
use crate::app::Supervisor;
use crate::instances::Roles;
use crate::settings::Level;

/// Serves until Ctrl-C or SIGTERM; at SIGHUP the settings are read again.
pub(super) fn serve(
    vault: Option<&Path>,
    roles: Roles,
    listen: Option<SocketAddr>,
) -> anyhow::Result<ExitCode> {
    let place = Place::find(vault)?;
    let log = LogFilter::install(Level::Info)?;
    until_asked_to_stop(async |shutdown| {
        let outside = (Supervisor::from_environment(), signal(SignalKind::hangup())?);
        crate::app::serve(&place, roles, listen, log, outside, shutdown).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Runs work that ends when the token is cancelled, which Ctrl-C and SIGTERM do.
pub(super) fn until_asked_to_stop(
    work: impl AsyncFnOnce(CancellationToken) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    wait(async {
        let shutdown = CancellationToken::new();
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let asked = shutdown.clone();
        let signals = async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            asked.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            served = work(shutdown) => served,
            () = signals => Ok(()),
        }
    })
}

/// How long a thread for blocking work waits for more of it. Who waits is asked in turn: by the default of ten seconds, the look
/// at the database each half second would keep twenty of them for ever. Longer than one such look, shorter than two.
const BLOCKING_KEEP_ALIVE: Duration = Duration::from_millis(750);
/// A thread that hangs in a file system must not hold the process.
const HANGING_MAX: Duration = Duration::from_millis(200);

/// Runs one command's asynchronous work to its end.
pub(super) fn wait<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    // Installed once for the process; a second command in one process finds it there.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_keep_alive(BLOCKING_KEEP_ALIVE)
        .build()
        .context("starting the runtime")?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(HANGING_MAX);
    done
}
