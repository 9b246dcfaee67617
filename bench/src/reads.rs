//! What taking the live generation costs, beside the same operation of a bare `ArcSwap`.

use std::hint::black_box;
use std::time::Instant;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};

use crate::growth::{self, Product};

/// Batches of each operation, in turn, and operations of a batch.
const BATCHES: usize = 21;
const OPERATIONS: u32 = 500_000;

/// Median nanoseconds of one operation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Reads {
    /// `Live::load`, as each unit of work does once.
    pub load: f64,
    /// `ArcSwap::load_full`.
    pub bare_load: f64,
    /// `Live::peek`, for a moment.
    pub peek: f64,
    /// `ArcSwap::load`.
    pub bare_peek: f64,
    /// `Live::pin`, with a name as requests have it.
    pub pin: f64,
}

/// Measures on the thread that calls.
pub async fn measure() -> anyhow::Result<Reads> {
    let product = Product::start(1).await?;
    let live = product.engine.live().clone();
    let bare = ArcSwap::new(live.load());
    let path = black_box("/api/v1/settings");
    let mut nanos: [Vec<f64>; 5] = Default::default();
    for _ in 0..BATCHES {
        let batch = [
            time(|| drop(black_box(live.load()))),
            time(|| drop(black_box(bare.load_full()))),
            time(|| drop(black_box(live.peek()))),
            time(|| drop(black_box(bare.load()))),
            time(|| drop(black_box(live.pin(format_args!("GET {path}"))))),
        ];
        for (all, one) in nanos.iter_mut().zip(batch) {
            all.push(one);
        }
    }
    let [load, bare_load, peek, bare_peek, pin] = nanos.map(growth::median);
    product.engine.shutdown().await;
    Ok(Reads { load, bare_load, peek, bare_peek, pin })
}

fn time(operation: impl Fn()) -> f64 {
    let begun = Instant::now();
    for _ in 0..OPERATIONS {
        operation();
    }
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(OPERATIONS)
}
