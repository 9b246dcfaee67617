//! Whether the thread of the watch still looks. It cannot say so itself: a dead network mount holds it for ever.

use std::sync::Arc;
use std::time::Duration;

use crate::status::Shared;

/// How often the thread is listened for.
const BEAT: Duration = Duration::from_secs(1);

/// Held by the thread as long as it runs, however it ends.
pub(crate) struct Pulse(pub(crate) Arc<Shared>);

impl Drop for Pulse {
    fn drop(&mut self) {
        self.0.watch(|counters| counters.ended = true);
        if std::thread::panicking() {
            tracing::error!("the settings watch has ended: its thread panicked; start anew");
        }
    }
}

/// Says in the log when the watch has gone silent, and when it looks again.
pub(crate) async fn listen(shared: Arc<Shared>) {
    let mut silent = false;
    loop {
        tokio::time::sleep(BEAT).await;
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
