//! Whether the watch still looks. It cannot say so itself: a dead network mount holds its thread for ever, and so may code of the
//! product's that blocks. From the one nobody can save it, from the other another thread.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Watch;
use crate::status::Shared;

/// How often the thread is listened for.
const BEAT: Duration = Duration::from_secs(1);

/// Code of the product's that takes longer is left to its thread alone.
const PATIENCE: Duration = Duration::from_millis(500);

/// Held by the watch as long as it runs, however it ends.
pub(crate) struct Pulse(pub(crate) Arc<Shared>);

impl Drop for Pulse {
    fn drop(&mut self) {
        self.0.watch(|counters| counters.ended = true);
        if std::thread::panicking() {
            tracing::error!("the settings watch has ended: its thread panicked; start anew");
        }
    }
}

/// Where the watch stands while its thread runs code of the product's.
pub(crate) struct Place<S>(Mutex<Option<(Instant, Box<Watch<S>>)>>);

impl<S> Default for Place<S> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<S> Place<S> {
    pub(crate) fn leave(&self, watch: Box<Watch<S>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), watch));
    }

    /// The watch, for whichever thread comes first. `None`: another one has it.
    pub(crate) fn back(&self) -> Option<Box<Watch<S>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().map(|(_, watch)| watch)
    }

    /// Whether the watch has stood there for too long.
    fn is_overdue(&self) -> bool {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        left.as_ref().is_some_and(|(since, _)| since.elapsed() > PATIENCE)
    }
}

/// Gives the watch another thread, where its own has been busy with code of the product's for too long. Where none can be had, it
/// stays where it is: its own thread may come back for it, and the next beat asks again.
fn relieve<S: Send + Sync + 'static>(place: &Arc<Place<S>>) {
    if !place.is_overdue() {
        return;
    }
    tracing::warn!(
        "preparing the services blocks its thread, by a defect of the program or a disk that hangs; the settings watch goes on \
         beside it"
    );
    let place = Arc::clone(place);
    if let Err(error) = spawn(move || place.back().map(Watch::run)) {
        tracing::error!(%error, "no thread can be had for the settings watch");
    }
}

/// A thread of the watch.
pub(crate) fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name("settings-watch".to_owned()).spawn(work).map(drop)
}

/// Says in the log when the watch has gone silent, and when it looks again.
pub(crate) async fn listen<S: Send + Sync + 'static>(shared: Arc<Shared>, place: Arc<Place<S>>) {
    let mut silent = false;
    loop {
        tokio::time::sleep(BEAT).await;
        relieve(&place);
        let silence = shared.silence();
        match &silence {
            Some(silence) if !silent => tracing::error!("the settings watch is silent: {silence}"),
            None if silent => tracing::info!("the settings watch looks again"),
            _ => {}
        }
        silent = silence.is_some();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_thread_that_has_ended_is_silent() {
        let status = |enabled: bool| {
            let shared = Arc::new(Shared::new("/v/settings.json".into(), enabled));
            shared.watch(|counters| counters.looked_at = Some(Instant::now()));
            assert_eq!((shared.status().watch_running, shared.silence()), (enabled, None));
            drop(Pulse(Arc::clone(&shared)));
            shared.status()
        };
        let ended = status(true);
        assert!(!ended.watch_running);
        assert_eq!(ended.watch.finding.as_deref(), Some("its thread has ended; start anew"));
        assert_eq!(status(false).watch.finding, None, "one that is switched off should not run");
    }
}
