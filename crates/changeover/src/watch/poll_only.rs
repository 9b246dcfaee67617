//! Without inotify: the poll alone. Slower (two looks, one poll interval apart), and just as sure.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use super::{Seen, Step};

/// The event side of the watch, where there are no events.
pub(crate) struct Events {
    wake: Receiver<()>,
}

/// Wakes a waiting [`Events::wait`] from another thread.
#[derive(Clone)]
pub(crate) struct Waker {
    wake: SyncSender<()>,
}

impl Waker {
    /// Makes the wait return. Never blocks: a full channel is a wake-up already.
    pub(crate) fn wake(&self) {
        match self.wake.try_send(()) {
            Ok(()) | Err(TrySendError::Full(())) => {}
            Err(TrySendError::Disconnected(())) => tracing::debug!("the settings watch has ended"),
        }
    }
}

impl Events {
    /// The means to interrupt a wait.
    pub(crate) fn new() -> io::Result<(Self, Waker)> {
        let (sender, wake) = sync_channel(1);
        Ok((Self { wake }, Waker { wake: sender }))
    }

    /// What is in use.
    pub(crate) fn mode(&self) -> &'static str {
        "poll"
    }

    /// What cannot be had: nothing that anybody could change.
    pub(crate) fn shortage(&self) -> Option<&str> {
        None
    }

    /// There is nothing to set anew.
    pub(crate) fn renew(&mut self) {}

    /// Nobody tells of folders and links.
    pub(crate) fn astray(&self) -> bool {
        false
    }

    /// There is nothing to watch.
    pub(crate) fn follow(&mut self, _steps: &[Step], _keep: bool) -> bool {
        false
    }

    /// There is nothing that could have happened.
    pub(crate) fn drain(&mut self) -> Seen {
        Seen::default()
    }

    /// Waits for a wake-up or the end of `timeout`.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Seen {
        match self.wake.recv_timeout(timeout) {
            Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Seen::default(),
        }
    }
}
