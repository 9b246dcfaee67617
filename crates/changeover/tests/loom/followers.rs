//! The followers of a generation, and the one who waits for them.

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use crate::in_every_interleaving;

/// What a follower takes out of each generation.
type Inputs = [usize; 3];

/// The second is the same to it as the first, the third is not.
const TWICE_THE_SAME: Inputs = [7, 7, 8];

/// The third is the same to it as the first.
const BACK_AGAIN: Inputs = [7, 8, 7];

/// A number that wakes whoever waits for a larger one: `watch`, and as a mere count, `Notify`.
struct Wakeable {
    /// `None`: nobody will wake any more.
    number: Mutex<Option<usize>>,
    woken: Condvar,
}

impl Wakeable {
    fn new(number: usize) -> Self {
        Self { number: Mutex::new(Some(number)), woken: Condvar::new() }
    }

    fn now(&self) -> Option<usize> {
        *self.number.lock().unwrap()
    }

    fn set(&self, number: Option<usize>) {
        *self.number.lock().unwrap() = number;
        self.woken.notify_all();
    }

    fn count(&self) {
        let mut number = self.number.lock().unwrap();
        *number = number.map(|number| number + 1);
        drop(number);
        self.woken.notify_all();
    }

    fn wait_beyond(&self, seen: usize) -> Option<usize> {
        let mut number = self.number.lock().unwrap();
        while number.is_some_and(|number| number <= seen) {
            number = self.woken.wait(number).unwrap();
        }
        *number
    }
}

/// A line of the engine's list.
struct Line {
    followed: AtomicUsize,
    woken: Wakeable,
    /// What was followed wholly.
    remembered: Mutex<Option<usize>>,
    /// What the follower has made of the world.
    does: AtomicUsize,
}

struct Engine {
    /// The number of the live generation.
    live: AtomicUsize,
    lines: Mutex<Option<Vec<Arc<Line>>>>,
    stirred: Wakeable,
    inputs: Inputs,
    /// Whom nothing in a generation concerns has followed it, but only if it has followed what it was woken for before. Left out
    /// by the test that shows what this is for.
    asks_whether_idle: bool,
}

impl Engine {
    fn new(inputs: Inputs, asks_whether_idle: bool) -> Self {
        let lines = Mutex::new(Some(Vec::new()));
        Self { live: AtomicUsize::new(1), lines, stirred: Wakeable::new(0), inputs, asks_whether_idle }
    }

    fn wanted(&self, number: usize) -> usize {
        self.inputs[number - 1]
    }

    /// `Followers::join`. `None`: the engine has stopped.
    fn join(&self) -> Option<Arc<Line>> {
        let mut lines = self.lines.lock().unwrap();
        // Under the lock: a switch either finds this line, or has happened before.
        let line = Arc::new(Line {
            followed: AtomicUsize::new(0),
            woken: Wakeable::new(self.live.load(Ordering::Acquire)),
            remembered: Mutex::new(None),
            does: AtomicUsize::new(0),
        });
        lines.as_mut()?.push(Arc::clone(&line));
        Some(line)
    }

    /// `Followers::wake`. The lines that there were.
    fn wake(&self, number: usize) -> Vec<Arc<Line>> {
        let lines = self.lines.lock().unwrap();
        let lines: Vec<_> = lines.iter().flatten().cloned().collect();
        for line in &lines {
            let idle = line.followed.load(Ordering::Acquire) >= line.woken.now().unwrap_or_default();
            let concerns = *line.remembered.lock().unwrap() != Some(self.wanted(number));
            if (idle || !self.asks_whether_idle) && !concerns {
                line.followed.fetch_max(number, Ordering::AcqRel);
            } else {
                line.woken.set(Some(number));
            }
        }
        lines
    }

    fn is_late(&self, number: usize) -> bool {
        let lines = self.lines.lock().unwrap();
        let late = |line: &Arc<Line>| line.followed.load(Ordering::Acquire) < number;
        lines.iter().flatten().any(late)
    }

    /// `Followers::all`, without a deadline.
    fn all(&self, number: usize) {
        loop {
            // Before it looks. In the other order a wake-up between the two is lost, and loom ends the process.
            let stirred = self.stirred.now().unwrap_or_default();
            if !self.is_late(number) {
                return;
            }
            self.stirred.wait_beyond(stirred);
        }
    }

    /// `Changeover::switch`; an impatient one has met its deadline before any follower did anything.
    fn switch(&self, number: usize, patient: bool) {
        self.live.store(number, Ordering::Release);
        let lines = self.wake(number);
        if !patient {
            return;
        }
        self.all(number);
        for line in lines {
            let does = line.does.load(Ordering::Acquire);
            assert_eq!(does, self.wanted(number), "3: said before it was followed");
        }
    }

    /// `Followers::close`.
    fn close(&self) {
        for line in self.lines.lock().unwrap().take().into_iter().flatten() {
            line.woken.set(None);
        }
    }
}

/// A follower as products write them: wait, do, say.
fn follow(engine: &Engine) {
    let Some(line) = engine.join() else { return };
    let mut seen = 0;
    while line.woken.wait_beyond(seen).is_some() {
        let number = engine.live.load(Ordering::Acquire);
        assert!(number > seen, "6: numbers only grow");
        seen = number;
        line.does.store(engine.wanted(number), Ordering::Release);
        *line.remembered.lock().unwrap() = Some(engine.wanted(number));
        line.followed.fetch_max(number, Ordering::AcqRel);
        engine.stirred.count();
    }
}

fn follow_two_switches(inputs: Inputs, patient: bool, asks_whether_idle: bool) {
    in_every_interleaving(move || {
        let engine = Arc::new(Engine::new(inputs, asks_whether_idle));
        let of_follower = Arc::clone(&engine);
        let follower = thread::spawn(move || follow(&of_follower));
        engine.switch(2, patient);
        engine.switch(3, true);
        engine.close();
        follower.join().unwrap();
    });
}

#[test]
fn applied_is_said_when_a_follower_that_joins_meanwhile_has_followed() {
    follow_two_switches(TWICE_THE_SAME, true, true);
    follow_two_switches(BACK_AGAIN, true, true);
}

#[test]
fn who_was_too_late_for_one_generation_is_waited_for_with_the_next() {
    follow_two_switches(TWICE_THE_SAME, false, true);
    follow_two_switches(BACK_AGAIN, false, true);
}

#[test]
#[should_panic(expected = "3: said before it was followed")]
fn without_the_question_whether_it_is_idle_it_would_be_said_too_early() {
    follow_two_switches(BACK_AGAIN, false, false);
}
