//! Who carries the loop on: whichever thread has news for it does so itself, as far as the loop gets without waiting.
//!
//! To wake another thread takes about as long as to check a file. So the loop is a task of no thread: it stands here whenever it
//! has something to do, and who tells it something goes on with it at once. What else wakes it, a timer or a service that was
//! used, wakes a thread that is there for this alone.

use std::cell::Cell;
use std::pin::pin;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_task::{Runnable, Task};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};

use crate::candidate::Message;

/// The loop while it has something to do and nobody is at it, and the first step of a preparation that it has just begun.
#[derive(Default)]
pub(crate) struct Turn {
    looping: Mutex<Option<Runnable>>,
    preparing: Mutex<Option<Runnable>>,
    /// Wakes the thread that is there for the loop.
    own: Notify,
    /// Threads that are at it: one may come while another is about to say that it has gone.
    at_it: AtomicUsize,
    /// And that one has gone.
    rested: Notify,
}

thread_local! {
    /// Whose loop this thread goes on with as soon as it is done with what it does now.
    static CARRIED: Cell<*const Turn> = const { Cell::new(ptr::null()) };
}

/// Sets whose loop this thread goes on with, until it is dropped.
struct Carrying(*const Turn);

impl Carrying {
    fn on(turn: *const Turn) -> Self {
        Self(CARRIED.replace(turn))
    }
}

impl Drop for Carrying {
    fn drop(&mut self) {
        CARRIED.set(self.0);
    }
}

/// Runs code of the product's on whatever thread this is: if it wakes the loop and then blocks, nobody here goes on with it.
pub(crate) fn foreign<T>(work: impl FnOnce() -> T) -> T {
    let _not_here = Carrying::on(ptr::null());
    work()
}

impl Turn {
    fn is_carried_here(&self) -> bool {
        ptr::eq(CARRIED.get(), self)
    }

    /// Leaves the loop, which may have something to do, to the thread that is there for it.
    pub(crate) fn pass_on(&self) {
        self.own.notify_one();
    }

    /// Takes the first step of a preparation on this thread, if it is one that goes on with the loop; where its runtime says
    /// otherwise.
    pub(crate) fn begin(&self, preparation: Runnable) {
        match self.is_carried_here() {
            true => *lock(&self.preparing) = Some(preparation),
            false => preparation.schedule(),
        }
    }

    /// The loop has something to do.
    fn is_due(&self, looping: Runnable) {
        *lock(&self.looping) = Some(looping);
        if !self.is_carried_here() {
            self.own.notify_one();
        }
    }

    /// Waits until no thread is at the loop: a disk that hangs under the history holds whichever it is.
    pub(crate) async fn rests(&self) {
        loop {
            let mut rested = pin!(self.rested.notified());
            rested.as_mut().enable();
            if self.at_it.load(Ordering::SeqCst) == 0 {
                return;
            }
            rested.await;
        }
    }

    /// Goes on with the loop as long as it has something to do.
    fn carry_on(&self) {
        loop {
            // A statement of its own: the lock must be free again while the loop runs.
            let looping = lock(&self.looping).take();
            let Some(looping) = looping else { return };
            self.at_it.fetch_add(1, Ordering::SeqCst);
            looping.run();
            self.at_it.fetch_sub(1, Ordering::SeqCst);
            self.rested.notify_waiters();
        }
    }
}

/// Makes a task of the loop.
pub(crate) fn task(turn: &Arc<Turn>, looping: impl Future<Output = ()> + Send + 'static) -> Task<()> {
    let schedule = {
        let turn = Arc::clone(turn);
        move |looping| turn.is_due(looping)
    };
    // A panic in it ends whoever waits for the task, and not the thread that happened to be at it.
    let (first, task) = async_task::Builder::new().propagate_panic(true).spawn(|()| looping, schedule);
    first.schedule();
    task
}

/// What the thread of the loop does: it goes on with the loop whenever nobody else does, until it ends.
pub(crate) async fn stand_by(turn: Arc<Turn>, task: Task<()>) {
    let on_call = async {
        loop {
            turn.own.notified().await;
            turn.carry_on();
        }
    };
    tokio::select! {
        () = task => {}
        () = on_call => {}
    }
}

/// The way to the loop of a thread that goes on with it.
pub(crate) struct Relay<S> {
    turn: Arc<Turn>,
    messages: mpsc::UnboundedSender<Message<S>>,
    /// Of the loop: it has its timers.
    runtime: Handle,
    product: Handle,
}

/// It is over: the loop has ended, or is told to.
pub(crate) struct Gone;

impl<S> Relay<S> {
    pub(crate) fn new(
        turn: Arc<Turn>,
        messages: mpsc::UnboundedSender<Message<S>>,
        runtime: Handle,
        product: Handle,
    ) -> Self {
        Self { turn, messages, runtime, product }
    }

    /// Tells the loop something. [`Relay::carry_on`] has to follow.
    pub(crate) fn tell(&self, message: Message<S>) -> Result<(), Gone> {
        let _here = Carrying::on(&*self.turn);
        self.messages.send(message).map_err(|_| Gone)
    }

    /// Goes on with the loop until it waits for something. If that is a preparation which it has just begun, gives its first
    /// step: mostly that is the whole of it.
    pub(crate) fn carry_on(&self) -> Option<First> {
        let _here = Carrying::on(&*self.turn);
        let _timers = self.runtime.enter();
        self.turn.carry_on();
        let step = lock(&self.turn.preparing).take()?;
        Some(First { step, turn: Arc::clone(&self.turn), product: self.product.clone() })
    }
}

impl<S> Drop for Relay<S> {
    /// However its thread ends, what it has told is not lost.
    fn drop(&mut self) {
        self.turn.pass_on();
    }
}

/// The first step of a preparation.
pub(crate) struct First {
    step: Runnable,
    turn: Arc<Turn>,
    product: Handle,
}

impl First {
    /// Takes it. The code is the product's: it may block for any time. [`Relay::carry_on`] has to follow, or else
    /// [`Turn::pass_on`].
    pub(crate) fn take(self) -> Arc<Turn> {
        let _here = Carrying::on(&*self.turn);
        let _product = self.product.enter();
        self.step.run();
        self.turn
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};
    use std::task::{Context, Waker};

    use super::*;

    /// Whether a future waits.
    fn waits(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// A loop that waits for messages, and says how many there were.
    async fn counting(mut messages: mpsc::UnboundedReceiver<u32>, told: std::sync::mpsc::Sender<u32>) {
        while let Some(message) = messages.recv().await {
            told.send(message).unwrap();
        }
    }

    fn started() -> (Arc<Turn>, Task<()>, mpsc::UnboundedSender<u32>, Receiver<u32>) {
        let (turn, (messages, receiver), (told, heard)) =
            (Arc::default(), mpsc::unbounded_channel(), channel());
        let task = task(&turn, counting(receiver, told));
        turn.carry_on();
        assert!(pin!(turn.own.notified()).enable(), "its first step was due");
        (turn, task, messages, heard)
    }

    #[test]
    fn who_tells_the_loop_something_carries_it_on_and_its_own_thread_is_left_alone() {
        let (turn, _task, messages, heard) = started();
        let mut called = pin!(turn.own.notified());
        assert!(waits(called.as_mut()));
        {
            let _here = Carrying::on(&*turn);
            messages.send(1).unwrap();
            turn.carry_on();
        }
        assert_eq!(heard.try_recv(), Ok(1));
        assert!(waits(called.as_mut()), "nobody else is called");
        // By anybody else, and by code of the product's on this thread, it is.
        let _here = Carrying::on(&*turn);
        foreign(|| messages.send(2).unwrap());
        assert!(!waits(called.as_mut()));
        turn.carry_on();
        assert_eq!(heard.try_recv(), Ok(2));
    }

    #[test]
    fn another_engine_is_not_carried_here() {
        let (one, _one, _, _) = started();
        let (other, _other, messages, heard) = started();
        let mut called = pin!(other.own.notified());
        assert!(waits(called.as_mut()));
        let _here = Carrying::on(&*one);
        messages.send(1).unwrap();
        assert!(!waits(called.as_mut()));
        other.carry_on();
        assert_eq!(heard.try_recv(), Ok(1));
    }

    #[test]
    fn it_rests_when_no_thread_is_at_it() {
        let turn: Arc<Turn> = Arc::default();
        let ((begun, has_begun), (go_on, goes_on)) = (channel(), channel::<()>());
        let _task = task(&turn, async move {
            begun.send(()).unwrap();
            // As a disk that hangs.
            goes_on.recv().unwrap();
        });
        let at_it = {
            let turn = Arc::clone(&turn);
            std::thread::spawn(move || turn.carry_on())
        };
        has_begun.recv().unwrap();
        let mut rests = Box::pin(turn.rests());
        assert!(waits(rests.as_mut()));
        go_on.send(()).unwrap();
        at_it.join().unwrap();
        assert!(!waits(rests.as_mut()));
    }
}
