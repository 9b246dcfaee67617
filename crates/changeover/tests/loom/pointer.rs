//! The pointer, its readers and the retirer.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering, fence};
use loom::sync::mpsc::{Receiver, channel};
use loom::thread;

use crate::in_every_interleaving;

/// Generations of one run: the first, and two switches.
const GENERATIONS: usize = 3;

/// Nothing is announced.
const NOTHING: usize = usize::MAX;

/// What the memory of a generation says once it was dropped.
const GONE: usize = usize::MAX;

/// A generation: two parts that belong together. They are written and read without any order of their own, as plain memory is,
/// so that a reader that is not ordered after the writer may see anything that was ever there.
struct Generation {
    settings: AtomicUsize,
    services: AtomicUsize,
    /// As an `Arc` counts: whoever makes a generation holds the first one, and gives it to the pointer.
    references: AtomicUsize,
}

impl Generation {
    fn unbuilt() -> Self {
        Self { settings: AtomicUsize::new(0), services: AtomicUsize::new(0), references: AtomicUsize::new(1) }
    }

    fn build(&self, number: usize) {
        self.settings.store(number, Ordering::Relaxed);
        self.services.store(number, Ordering::Relaxed);
    }

    /// A unit of work.
    fn read(&self) -> usize {
        let settings = self.settings.load(Ordering::Relaxed);
        let services = self.services.load(Ordering::Relaxed);
        assert!(settings != 0 && settings != GONE, "1: read before it was built, or after it was dropped");
        assert_eq!(settings, services, "1: a mixture");
        settings
    }

    /// Lets go of a reference, as dropping an `Arc` does. Whether it was the last one.
    fn let_go(&self) -> bool {
        if self.references.fetch_sub(1, Ordering::Release) > 1 {
            return false;
        }
        fence(Ordering::Acquire);
        assert_ne!(self.services.load(Ordering::Relaxed), GONE, "11: dropped twice");
        self.settings.store(GONE, Ordering::Relaxed);
        self.services.store(GONE, Ordering::Relaxed);
        true
    }
}

/// The pointer as `arc_swap` has it: readers announce what they take, a writer pays for what is announced.
struct Pointer {
    live: AtomicUsize,
    announced: AtomicUsize,
    generations: [Generation; GENERATIONS],
    /// Left out by the test that shows what it is for.
    pays: bool,
}

/// A generation that was taken by [`Pointer::peek`]. Its reference is only announced, until a writer pays for it.
struct Guard<'a> {
    pointer: &'a Pointer,
    index: usize,
}

impl Pointer {
    fn new(pays: bool) -> Self {
        let generations = [(); GENERATIONS].map(|()| Generation::unbuilt());
        generations[0].build(1);
        Self { live: AtomicUsize::new(0), announced: AtomicUsize::new(NOTHING), generations, pays }
    }

    /// `Live::peek`.
    fn peek(&self) -> Guard<'_> {
        loop {
            let index = self.live.load(Ordering::Acquire);
            self.announced.store(index, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            if self.live.load(Ordering::Acquire) == index {
                return Guard { pointer: self, index };
            }
            let guard = Guard { pointer: self, index };
            if !guard.withdraw() {
                // A writer has paid for it meanwhile: it is ours.
                return guard;
            }
            std::mem::forget(guard);
            thread::yield_now();
        }
    }

    /// `Live::load`: a reference of its own. Whoever has it lets it go by [`Generation::let_go`].
    fn load(&self) -> &Generation {
        let guard = self.peek();
        let generation = &self.generations[guard.index];
        generation.references.fetch_add(1, Ordering::Relaxed);
        generation
    }

    /// `Live::swap`: gives back what was live before, with the reference that the pointer held.
    fn swap(&self, next: usize) -> usize {
        let old = self.live.swap(next, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        if self.pays {
            let generation = &self.generations[old];
            generation.references.fetch_add(1, Ordering::Relaxed);
            let paid = self.announced.compare_exchange(old, NOTHING, Ordering::AcqRel, Ordering::Acquire);
            if paid.is_err() {
                generation.references.fetch_sub(1, Ordering::Release);
            }
        }
        old
    }
}

impl Guard<'_> {
    /// Takes the announcement back; not possible once it was paid for.
    fn withdraw(&self) -> bool {
        let announced = &self.pointer.announced;
        announced.compare_exchange(self.index, NOTHING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if !self.withdraw() {
            let last = self.pointer.generations[self.index].let_go();
            assert!(!last, "11: dropped on the path of a reader");
        }
    }
}

/// `retire`: drops what comes in as soon as nobody else holds it.
fn retire(pointer: &Pointer, old: &Receiver<usize>) {
    for _ in 1..GENERATIONS {
        let generation = &pointer.generations[old.recv().unwrap()];
        while generation.references.load(Ordering::Relaxed) != 1 {
            thread::yield_now();
        }
        assert!(generation.let_go(), "11: what one reference is left of is dropped here");
    }
}

/// A request takes one generation, and another one after it.
fn read(pointer: &Pointer) {
    let guard = pointer.peek();
    let first = pointer.generations[guard.index].read();
    drop(guard);
    let generation = pointer.load();
    let second = generation.read();
    assert!(second >= first, "6: numbers only grow");
    assert_eq!(generation.read(), second, "1: whole to its end");
    assert!(!generation.let_go(), "11: dropped on the path of a reader");
}

fn switch_twice_while_somebody_reads(pays: bool) {
    in_every_interleaving(move || {
        let pointer = Arc::new(Pointer::new(pays));
        let (retired, old) = channel();
        let (of_reader, of_retirer) = (Arc::clone(&pointer), Arc::clone(&pointer));
        let reader = thread::spawn(move || read(&of_reader));
        let retirer = thread::spawn(move || retire(&of_retirer, &old));
        for next in 1..GENERATIONS {
            pointer.generations[next].build(next + 1);
            retired.send(pointer.swap(next)).unwrap();
        }
        reader.join().unwrap();
        retirer.join().unwrap();
        let gone = |index: usize| pointer.generations[index].services.load(Ordering::Relaxed) == GONE;
        assert!(gone(0) && gone(1) && !gone(2), "11: every old one is dropped, and the live one is not");
    });
}

#[test]
fn a_generation_is_whole_for_its_readers_and_dropped_by_the_retirer() {
    switch_twice_while_somebody_reads(true);
}

#[test]
#[should_panic(expected = "11: what one reference is left of is dropped here")]
fn without_the_writer_that_pays_a_generation_would_be_dropped_under_its_reader() {
    switch_twice_while_somebody_reads(false);
}
