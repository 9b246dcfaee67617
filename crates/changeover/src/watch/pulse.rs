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
