//! A preparation on its way: begun, waited for, let go of.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_task::{FallibleTask, Runnable};
use tokio::runtime::Handle;

use crate::blueprint::Prepare;
use crate::preparation::{Book, Preparation};
use crate::relay;
use crate::report::Problem;
use crate::retire::{Contained, dispose};

/// How long a cancelled preparation is waited for until it has let go of everything.
const LETTING_GO: Duration = Duration::from_secs(1);

/// What a preparation made, where it has to be dropped.
const MADE: &str = "services that did not go live";

/// How a preparation ended.
pub(crate) enum Prepared<V> {
    Services(V),
    /// By the world: another try may succeed.
    Refused(Vec<Problem>),
    /// By a defect: another try would end the same.
    Broken(Vec<Problem>),
}

/// What a preparation ends with, or what it panicked with.
type Made<V> = Contained<Result<Result<V, Vec<Problem>>, Box<dyn Any + Send>>>;

/// Waits for a preparation. Dropped, it is cancelled.
pub(crate) type Making<V> = FallibleTask<Made<V>>;

/// Begins to prepare. Whoever runs the first step does so within the product's runtime, which runs all others; a panic, in
/// the product's function itself too, is caught.
pub(crate) fn begin<S, V>(
    product: &Handle,
    prepare: &Arc<Prepare<S, V>>,
    preparation: Preparation<S, V>,
) -> (Runnable, Making<V>)
where
    S: Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    let (prepare, product) = (Arc::clone(prepare), product.clone());
    let preparing = Box::pin(async move { prepare(preparation).await });
    let mut preparing = Contained::new(preparing, "a preparation");
    let caught = poll_fn(move |context| {
        // Nobody polls what has ended.
        let Some(preparing) = preparing.inside() else { return Poll::Pending };
        let step = || relay::foreign(|| preparing.as_mut().poll(context));
        match catch_unwind(AssertUnwindSafe(step)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(made)) => Poll::Ready(Contained::new(Ok(made), MADE)),
            Err(panic) => Poll::Ready(Contained::new(Err(panic), MADE)),
        }
    });
    let schedule = move |step: Runnable| {
        product.spawn(async move { step.run() });
    };
    let (first, task) = async_task::spawn(caught, schedule);
    (first, task.fallible())
}

/// Waits for a preparation, for so long at most; then it is let go of.
pub(crate) async fn within<V: Send + 'static>(
    limit: Duration,
    product: &Handle,
    mut making: Making<V>,
    book: &Book,
) -> Prepared<V> {
    match tokio::time::timeout(limit, &mut making).await {
        Ok(made) => outcome(made),
        Err(_) => {
            let_go(product, making, book).await;
            Prepared::Refused(vec![book.late(limit)])
        }
    }
}

/// Cancels a preparation, and waits until it has let go of everything; also of services that it has just built. What it
/// builds from now on, it drops where it runs.
pub(crate) async fn let_go<V: Send + 'static>(product: &Handle, making: Making<V>, book: &Book) {
    match tokio::time::timeout(LETTING_GO, making.cancel()).await {
        Ok(None) => {}
        Ok(Some(built)) => refuse(product, built).await,
        Err(_) => {
            tracing::error!(services = ?book.unfinished(), "a cancelled preparation does not let go");
        }
    }
}

/// Drops services that do not go live. They are waited for, since the next try may need what they hold, but no longer than a
/// cancelled preparation is.
pub(crate) async fn refuse<T: Send + 'static>(product: &Handle, services: T) {
    let Some(gone) = dispose(product, services, MADE) else { return };
    if tokio::time::timeout(LETTING_GO, gone).await.is_err() {
        tracing::error!("services that did not go live do not let go");
    }
}

/// How a preparation ended that was not cancelled.
pub(crate) fn outcome<V>(made: Option<Made<V>>) -> Prepared<V> {
    let why = match made.and_then(|mut made| made.inside().take()) {
        Some(Ok(Ok(services))) => return Prepared::Services(services),
        Some(Ok(Err(problems))) => return Prepared::Refused(problems),
        Some(Err(_)) => "it panicked",
        None => "the runtime that it ran on has ended",
    };
    Prepared::Broken(vec![
        Problem::new("", format!("preparing the services failed: {why}"))
            .hint("this is a defect of the program; the log has its place"),
    ])
}
