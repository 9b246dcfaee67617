//! Clients that ask for the settings at a bounded rate, on kept connections and on fresh ones, and judge every answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::temperature;
use crate::support::{Thoth, client};

/// Idle connections that a client keeps, and the pause between its questions: a fresh connection costs a port for a minute.
const CLIENTS: [(usize, Duration); 3] =
    [(1, Duration::from_millis(2)), (1, Duration::from_millis(3)), (0, Duration::from_millis(10))];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Ask,
    Pause,
    End,
}

#[derive(Default)]
struct Seen {
    /// The newest content that was told to be live, and the newest that was saved.
    told: AtomicU64,
    saved: AtomicU64,
    answers: AtomicUsize,
    resting: AtomicUsize,
}

pub struct Clients {
    seen: Arc<Seen>,
    order: watch::Sender<Order>,
    tasks: Vec<JoinHandle<()>>,
}

impl Clients {
    pub fn start(thoth: &Thoth) -> Self {
        let (seen, (order, orders)) = (Arc::<Seen>::default(), watch::channel(Order::Ask));
        let url = thoth.url("/api/v1/settings");
        let task =
            |(idle, pause)| tokio::spawn(ask(url.clone(), idle, pause, Arc::clone(&seen), orders.clone()));
        let tasks = CLIENTS.map(task).into();
        Self { seen, order, tasks }
    }

    /// A content of this number is about to be saved.
    pub fn may_see(&self, number: u64) {
        self.seen.saved.store(number, Ordering::SeqCst);
    }

    /// It was told to be live: whoever asks from now on gets nothing older.
    pub fn must_see(&self, number: u64) {
        self.seen.told.store(number, Ordering::SeqCst);
    }

    /// Lets no client ask; what was asked is answered when this returns.
    pub async fn pause(&self) {
        self.order.send_replace(Order::Pause);
        crate::support::until(async || {
            self.still_there();
            self.seen.resting.load(Ordering::SeqCst) == self.tasks.len()
        })
        .await;
    }

    pub fn go_on(&self) {
        self.still_there();
        self.order.send_replace(Order::Ask);
    }

    fn still_there(&self) {
        assert!(self.tasks.iter().all(|task| !task.is_finished()), "a client had a wrong answer, or none");
    }

    /// Ends them; one that saw a wrong answer, or none, fails the test here.
    pub async fn finish(self) -> String {
        self.order.send_replace(Order::End);
        for task in self.tasks {
            task.await.expect("every answer is 200 and of one generation");
        }
        format!("{} answers: 0 wrong, lost, mixed or stale", self.seen.answers.load(Ordering::SeqCst))
    }
}

async fn ask(url: String, idle: usize, pause: Duration, seen: Arc<Seen>, mut orders: watch::Receiver<Order>) {
    let client = client(idle);
    let mut pace = interval(pause);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let order = *orders.borrow_and_update();
        match order {
            Order::Ask => {}
            Order::End => return,
            Order::Pause => {
                seen.resting.fetch_add(1, Ordering::SeqCst);
                orders.changed().await.unwrap();
                seen.resting.fetch_sub(1, Ordering::SeqCst);
                continue;
            }
        }
        pace.tick().await;
        let told = seen.told.load(Ordering::SeqCst);
        let response = client.get(&url).send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        let body: Value = response.json().await.expect("a whole body");
        judge(&body, told, seen.saved.load(Ordering::SeqCst));
        seen.answers.fetch_add(1, Ordering::SeqCst);
    }
}

/// Of exactly one content, not older than what was told before the question, not newer than what was saved.
fn judge(body: &Value, told: u64, saved: u64) {
    let (llm, qa) = (&body["settings"]["llm"]["default"], &body["settings"]["rag"]["qa"]);
    let number = llm["model"].as_str().and_then(|model| model.strip_prefix("m-")?.parse::<u64>().ok());
    let number = number.unwrap_or_else(|| panic!("nobody ever saved this: {body}"));
    let of_it =
        |value: &Value| value.as_f64().is_some_and(|value| (value - temperature(number)).abs() < 1e-6);
    assert!(of_it(&llm["temperature"]) && of_it(&qa["temperature"]), "mixed: {llm} {qa}");
    assert!((told..=saved).contains(&number), "{number} after {told} was told; {saved} was saved last");
}
