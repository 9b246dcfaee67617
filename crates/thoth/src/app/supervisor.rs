//! The service manager that started the process, told by `sd_notify` (systemd, and whatever speaks like it), and SIGHUP.
//!
//! ```text
//!  first port served ─► READY=1     every verdict ─► STATUS=…     engine answers ─► WATCHDOG=1
//!  SIGHUP ─► RELOADING=1, MONOTONIC_USEC=… ─► verdict ─► READY=1, STATUS=…     end ─► STOPPING=1
//! ```
//!
//! A save is no reload to a service manager: nobody there waits for it, and the service is as ready as before. Only a
//! SIGHUP is, by which `systemctl reload` asks where the unit says so (`Type=notify-reload`).

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::time::Duration;

use changeover::{Engine, Verdict};
use sd_notify::NotifyState;
use tokio::signal::unix::Signal;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::Wiring;
use crate::services::Services;
use crate::settings::Settings;

/// How long the service manager may take to receive.
const TELL_MAX: Duration = Duration::from_secs(2);
/// Most bytes of a status: it is one line of `systemctl status`.
const STATUS_BYTES_MAX: usize = 512;

/// Who stands over the process: whether a service manager listens, how often it wants a sign of life, and whether there is a
/// terminal.
#[derive(Clone, Copy, Debug)]
pub struct Supervisor {
    listens: bool,
    watchdog: Option<Duration>,
    has_terminal: bool,
}

impl Supervisor {
    /// What the environment says (`NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`). To be asked first of all: a terminal may go
    /// while the process starts.
    pub fn from_environment() -> Self {
        let listens = std::env::var_os("NOTIFY_SOCKET").is_some();
        let watchdog = sd_notify::watchdog_enabled().filter(|_| listens);
        Self { listens, watchdog, has_terminal: std::io::stdin().is_terminal() }
    }

    /// Begins to tell, and to listen to SIGHUP. What comes back is to be cancelled as soon as the first port is served.
    pub(super) fn begin(self, wiring: &Wiring<'_>, hangup: Signal) -> CancellationToken {
        let Wiring { engine, tasks, shutdown, .. } = *wiring;
        let serving = CancellationToken::new();
        tasks.spawn(self.report(engine.clone(), serving.clone(), shutdown.clone()));
        tasks.spawn(self.watchdog(engine.clone(), shutdown.clone()));
        tasks.spawn(self.hangups(engine.clone(), hangup, shutdown.clone()));
        serving
    }

    /// Says that the service is ready as soon as it serves, and from then on every verdict.
    async fn report(
        self,
        engine: Engine<Settings, Services>,
        serving: CancellationToken,
        shutdown: CancellationToken,
    ) {
        if !self.listens || shutdown.run_until_cancelled(serving.cancelled()).await.is_none() {
            return;
        }
        let mut verdicts = engine.verdicts();
        let first = engine.status().last_verdict.map(|verdict| status(&verdict)).unwrap_or_default();
        self.tell(format!("{}\n{first}", NotifyState::Ready)).await;
        loop {
            let verdict = tokio::select! {
                () = shutdown.cancelled() => return,
                verdict = verdicts.recv() => verdict,
            };
            match verdict {
                Ok(verdict) => self.tell(status(&verdict)).await,
                // The next one makes up for those that were missed.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Gives signs of life, twice as often as they are wanted, while the engine answers.
    async fn watchdog(self, engine: Engine<Settings, Services>, shutdown: CancellationToken) {
        let Some(wanted) = self.watchdog else { return };
        let every = wanted / 2;
        let mut ticks = tokio::time::interval(every.max(Duration::from_millis(1)));
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            if is_alive(engine.answers(), every).await {
                self.tell(NotifyState::Watchdog.to_string()).await;
            } else {
                tracing::error!("the engine does not answer; the service manager gets no sign of life");
            }
        }
    }

    /// Reads the settings again at every SIGHUP. One that comes because the terminal has gone ends the process, as it
    /// always did.
    async fn hangups(
        self,
        engine: Engine<Settings, Services>,
        mut hangup: Signal,
        shutdown: CancellationToken,
    ) {
        while let Some(Some(())) = shutdown.run_until_cancelled(hangup.recv()).await {
            if self.has_terminal && !std::io::stdin().is_terminal() {
                tracing::info!("the terminal has gone");
                return shutdown.cancel();
            }
            tracing::info!("SIGHUP: reading the settings again");
            match NotifyState::monotonic_usec_now() {
                Ok(now) => self.tell(format!("{}\n{now}", NotifyState::Reloading)).await,
                Err(error) => tracing::error!(%error, "the service manager cannot be told of a reload"),
            }
            // Ready in any case: what was refused has changed nothing, and the status says so.
            let done = match shutdown.run_until_cancelled(engine.reload_for("SIGHUP")).await {
                Some(Ok(verdict)) => status(&verdict),
                Some(Err(_)) | None => return,
            };
            self.tell(format!("{}\n{done}", NotifyState::Ready)).await;
        }
    }

    /// Says that the process is about to end.
    pub(super) async fn stopping(self) {
        self.tell(format!("{}\n{}", NotifyState::Stopping, NotifyState::Status("stopping"))).await;
    }

    /// Sends lines of `NAME=value` as one message, where somebody listens.
    async fn tell(self, message: String) {
        if !self.listens {
            return;
        }
        // A thread that may block: the socket of a service manager that hangs takes nothing more.
        let sent = tokio::task::spawn_blocking(move || sd_notify::notify(&[NotifyState::Custom(&message)]));
        match tokio::time::timeout(TELL_MAX, sent).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => {
                tracing::warn!(%error, "the service manager cannot be told (`NOTIFY_SOCKET`)")
            }
            Ok(Err(error)) => tracing::error!(%error, "telling the service manager failed"),
            Err(_) => tracing::warn!("the service manager does not take what it is told"),
        }
    }
}

/// Whether the engine answers in time.
async fn is_alive<E>(answer: impl Future<Output = Result<(), E>>, within: Duration) -> bool {
    matches!(tokio::time::timeout(within, answer).await, Ok(Ok(())))
}

/// The verdict's line as a status: without line breaks, which would end it, and not longer than a line should be.
fn status(verdict: &Verdict) -> String {
    let mut line = String::new();
    for part in verdict.to_string().split(['\n', '\r']).filter(|part| !part.is_empty()) {
        let space = if line.is_empty() { "" } else { " " };
        if write!(line, "{space}{part}").is_err() {
            break;
        }
    }
    if line.len() > STATUS_BYTES_MAX {
        let end = (0..=STATUS_BYTES_MAX).rev().find(|end| line.is_char_boundary(*end)).unwrap_or_default();
        line.truncate(end);
        line.push('…');
    }
    NotifyState::Status(&line).to_string()
}

#[cfg(test)]
mod tests {
    use changeover::{Cause, Decision, Problem};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_answer_and_a_refusal_are_no_sign_of_life() {
        let within = Duration::from_secs(1);
        assert!(is_alive(async { Ok::<(), ()>(()) }, within).await);
        assert!(!is_alive(async { Err::<(), ()>(()) }, within).await);
        assert!(!is_alive(std::future::pending::<Result<(), ()>>(), within).await);
    }

    #[test]
    fn a_status_is_one_line_of_bounded_length() {
        let verdict = Verdict {
            id: 7,
            verdict: Decision::Rejected,
            outcome: None,
            generation: 3,
            cause: Cause::Save,
            actor: None,
            problems: vec![Problem::new("a", format!("one\r\nREADY=1\n{}", "ü".repeat(400)))],
            warnings: Vec::new(),
            services: Vec::new(),
            stages_ms: Default::default(),
            at: jiff::Timestamp::UNIX_EPOCH,
            content: None,
        };
        let status = status(&verdict);
        assert!(
            status.starts_with("STATUS=#7 rejected generation 3 in 0.0 ms: `a`: one READY=1 üü"),
            "{status}"
        );
        assert!(!status.contains('\n') && status.len() < STATUS_BYTES_MAX + 16 && status.ends_with('…'));
    }
}
