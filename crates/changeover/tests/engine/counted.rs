//! What counts itself, for the tests of engine and model.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the objects that are alive, so that a leak or a trace is seen.
#[derive(Debug)]
pub struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
